//! `xuedun classify`: what student data is in a file, and of what grade.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use centre::World;
use compliance::records::{ClassifyOptions, Day, Inventory, Taxonomy, classify, find_cells};
use events::Lang;

use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A CSV or TSV file
    file: PathBuf,
    /// One JSON object a column (with --cells: a finding)
    #[arg(long)]
    json: bool,
    /// Every finding by row, column and place, never the value
    #[arg(long)]
    cells: bool,
    /// Look at this many rows only
    #[arg(long, value_name = "N")]
    sample: Option<u64>,
    /// Day of the scan (YYYY-MM-DD), for ages; default: today
    #[arg(long, value_name = "DAY")]
    today: Option<String>,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let taxonomy = Taxonomy::embedded().map_err(|e| Failure::of(e.code(), &e))?;
    let mut options = ClassifyOptions::new(day(args.today.as_deref())?, name_of(&args.file));
    options.sample_rows = args.sample;
    if args.cells {
        return cells(&args, &options, &taxonomy);
    }
    let inventory =
        classify(open(&args.file)?, &options, &taxonomy).map_err(|e| Failure::of(e.code(), &e))?;
    if args.json {
        for column in &inventory.columns {
            print_json(&column.to_json(lang))?;
        }
    } else {
        print(&inventory, lang)?;
    }
    Ok(Outcome::Clean)
}

fn cells(args: &Args, options: &ClassifyOptions, taxonomy: &Taxonomy) -> Done {
    let mut broken: Option<Failure> = None;
    let mut sink = |finding| {
        if broken.is_none() {
            let printed = if args.json {
                print_json(&finding)
            } else {
                let f: compliance::records::CellFinding = finding;
                print_line(&format!("{}\t{}\t{:?}\t{}..{}", f.row, f.col, f.kind, f.start, f.end))
            };
            broken = printed.err();
        }
    };
    find_cells(open(&args.file)?, options, taxonomy, &mut sink)
        .map_err(|e| Failure::of(e.code(), &e))?;
    broken.map_or(Ok(Outcome::Clean), Err)
}

fn print(inventory: &Inventory, lang: Lang) -> Result<(), Failure> {
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

/// Opens a file for reading in large steps.
pub fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    let file = File::open(path).map_err(|e| Failure::file(path, &e))?;
    Ok(BufReader::with_capacity(1 << 20, file))
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
