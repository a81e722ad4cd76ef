//! `xuedun classify`: what student data is in a file, and of what grade.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use centre::World;
use compliance::records::{
    ClassifyOptions, Day, Inventory, Source, Taxonomy, classify, find_cells,
};
use events::Lang;

use super::classify_database;
use super::database::DatabaseArgs;
use super::inventory::ReportArgs;
use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file: CSV or TSV of any encoding, JSON lines, XLSX, Parquet, or an SQL dump
    #[arg(required_unless_present = "database")]
    file: Option<PathBuf>,
    #[command(flatten)]
    source: DatabaseArgs,
    /// Only this sheet or table; may be repeated
    #[arg(long = "table", value_name = "NAME")]
    pub tables: Vec<String>,
    /// File that keeps what of a database's tables is done: a scan cut short goes on from it
    #[arg(long, value_name = "FILE", requires = "database")]
    pub resume: Option<PathBuf>,
    #[command(flatten)]
    pub report: ReportArgs,
    /// One JSON object a column (with --cells: a finding)
    #[arg(long)]
    pub json: bool,
    /// Every finding by row, column and place, never the value
    #[arg(long)]
    pub cells: bool,
    /// Look at this many rows only
    #[arg(long, value_name = "N")]
    pub sample: Option<u64>,
    /// Day of the scan (YYYY-MM-DD), for ages; default: today
    #[arg(long, value_name = "DAY")]
    today: Option<String>,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let taxonomy = Taxonomy::embedded().map_err(|e| Failure::of(e.code(), &e))?;
    let fail = |e: compliance::records::Error| Failure::of(e.code(), &e);
    let mut options = ClassifyOptions::new(day(args.today.as_deref())?, "");
    options.sample_rows = args.sample;
    if let Some(database) = args.source.open(lang)? {
        return classify_database::run(&args, &database, &options, &taxonomy, lang);
    }
    let Some(file) = &args.file else { return Ok(Outcome::Clean) };
    options.dataset = name_of(file);
    if let Err(e) = File::open(file) {
        return Err(Failure::file(file, &e));
    }
    let tables = if args.tables.is_empty() {
        Source::tables(file).map_err(fail)?
    } else {
        let one = |name: &String| Source::one(file, Some(name)).map_err(fail);
        args.tables.iter().map(one).collect::<Result<_, _>>()?
    };
    // A workbook's empty sheets are no tables.
    let several = tables.len() > 1;
    let mut found = Vec::new();
    for table in &tables {
        options.header = table.has_header();
        let read = table.open().map_err(fail)?;
        if args.cells {
            let name = if several { Some(table.name.as_str()) } else { None };
            cells(&args, read, name, &options, &taxonomy)?;
            continue;
        }
        let mut inventory = match classify(read, &options, &taxonomy) {
            Err(compliance::records::Error::Empty) if several => continue,
            done => done.map_err(fail)?,
        };
        if several {
            inventory.dataset = format!("{}.{}", inventory.dataset, table.name);
        }
        found.push(inventory.clone());
        if args.report.coverage {
            continue;
        }
        if several {
            for column in &mut inventory.columns {
                column.column = format!("{}.{}", table.name, column.column);
            }
        }
        if args.json {
            for column in &inventory.columns {
                print_json(&column.to_json(lang))?;
            }
        } else {
            print(&inventory, lang)?;
        }
    }
    args.report.finish(&found, args.json, lang)
}

/// Findings of one table; of several, each is headed by its name.
pub fn cells(
    args: &Args,
    read: Box<dyn Read>,
    table: Option<&str>,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Done {
    if let Some(name) = table {
        if args.json {
            print_json(&serde_json::json!({ "table": name }))?;
        } else {
            print_line(name)?;
        }
    }
    let mut broken: Option<Failure> = None;
    let mut sink = |finding| {
        if broken.is_none() {
            let printed = if args.json {
                print_json(&finding)
            } else {
                let f: compliance::records::CellFinding = finding;
                let kind = f.kind.name();
                print_line(&format!("{}\t{}\t{kind}\t{}..{}", f.row, f.col, f.start, f.end))
            };
            broken = printed.err();
        }
    };
    match find_cells(read, options, taxonomy, &mut sink) {
        Err(compliance::records::Error::Empty) if table.is_some() => {}
        Err(e) => {
            let e = e.unwrapped();
            return Err(Failure::of(e.code(), &e));
        }
        Ok(_) => {}
    }
    broken.map_or(Ok(Outcome::Clean), Err)
}

/// The inventory of one table, as a person reads it.
pub fn print(inventory: &Inventory, lang: Lang) -> Result<(), Failure> {
    let head = lang.pick(
        "列\t元素\t级别\t敏感\t置信度\t命中/非空",
        "column\telement\tgrade\tsensitive\tconfidence\thits/filled",
    );
    print_line(head)?;
    for c in &inventory.columns {
        let title = c.title.as_ref().map_or("-", |t| t.get(lang));
        let sensitive = if c.sensitive_pi { lang.pick("是", "yes") } else { "-" };
        let unverified = if c.unverified {
            lang.pick("（依据未核实）", " (source unverified)")
        } else {
            ""
        };
        print_line(&format!(
            "{}\t{title}{unverified}\t{}\t{sensitive}\t{:.2}\t{}/{}",
            c.column, c.grade, c.confidence, c.hits, c.rows
        ))?;
    }
    let word = lang.pick("数据集级别", "grade of the dataset");
    print_line(&format!(
        "{word} {}; {} {}; {} {}",
        inventory.dataset_grade,
        inventory.rows,
        lang.pick("行", "rows"),
        inventory.ragged_rows,
        lang.pick("行列数不齐", "ragged")
    ))?;
    for note in &inventory.notes {
        print_line(note.get(lang))?;
    }
    Ok(())
}

/// A day as written, or today in Beijing.
pub fn day(text: Option<&str>) -> Result<Day, Failure> {
    let today = World::real().now().to_beijing();
    let text = text.unwrap_or(&today[..10]);
    let mut parts = text.splitn(3, '-');
    let mut number = || parts.next().and_then(|p| p.parse::<u16>().ok());
    let day = match (number(), number(), number()) {
        (Some(year), Some(month), Some(day)) => {
            let small = |n: u16| u8::try_from(n).unwrap_or(0);
            Day::new(year, small(month), small(day))
        }
        _ => None,
    };
    day.ok_or_else(|| Failure::usage("X040", text))
}

/// The data set's name: the file's.
pub fn name_of(path: &Path) -> String {
    path.file_name()
        .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
