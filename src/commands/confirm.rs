//! `xuedun confirm`: what a person says about a column of an inventory, kept for the next scans.

use std::io::Write;
use std::path::{Path, PathBuf};

use centre::World;
use compliance::records::{ColumnReport, Confirmation, Inventory, Taxonomy};
use events::Lang;

use super::inventory::{before, confirmations};
use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Confirm or correct one column
    Set(Box<SetArgs>),
    /// List the confirmations that count
    List {
        /// The file of confirmations
        #[arg(long)]
        file: PathBuf,
        /// One JSON object a confirmation
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
struct SetArgs {
    /// The file of confirmations (JSON lines, only ever added to); made if it is not there
    #[arg(long)]
    file: PathBuf,
    /// The inventory, as `classify --report` wrote it (.json)
    #[arg(long, value_name = "FILE")]
    inventory: PathBuf,
    /// The data set, when the inventory holds several
    #[arg(long)]
    dataset: Option<String>,
    /// The column
    #[arg(long)]
    column: String,
    /// The element it is, by its id, such as id_number
    #[arg(long, value_name = "ELEMENT", required_unless_present = "not_personal")]
    element: Option<String>,
    /// Nothing personal stands in it
    #[arg(long, conflicts_with = "element")]
    not_personal: bool,
    /// Its grade, 1 to 4; default: the element's
    #[arg(long)]
    grade: Option<u8>,
    /// Who says so
    #[arg(long)]
    by: String,
    /// Why
    #[arg(long)]
    why: String,
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::Set(args) => set(&args, lang),
        Verb::List { file, json } => list(&file, json, lang),
    }
}

fn set(args: &SetArgs, lang: Lang) -> Done {
    let fail = |e: compliance::records::Error| Failure::of(e.code(), &e);
    let inventories = before(&args.inventory)?;
    let (dataset, column) = column(&inventories, args.dataset.as_deref(), &args.column)
        .ok_or_else(|| Failure::usage("X046", args.column.clone()))?;
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let said = (args.element.as_deref(), args.grade);
    let who = (args.by.as_str(), args.why.as_str());
    let now = World::real().now();
    let one = Confirmation::new((dataset, column), said, who, now, &taxonomy).map_err(fail)?;
    if args.file.exists() {
        // A line is not put behind what cannot be read.
        confirmations(&args.file)?;
    }
    let line = serde_json::to_string(&one).map_err(|e| Failure::runtime("X002", e.to_string()))?;
    let options = std::fs::OpenOptions::new().append(true).create(true).open(&args.file);
    options
        .and_then(|mut file| {
            file.write_all(format!("{line}\n").as_bytes())?;
            file.sync_all()
        })
        .map_err(|e| Failure::file(&args.file, &e))?;
    print_line(&told(&one, lang))?;
    Ok(Outcome::Clean)
}

/// The column of that name, of the data set named or of the only one.
fn column<'a>(
    inventories: &'a [Inventory],
    dataset: Option<&str>,
    name: &str,
) -> Option<(&'a str, &'a ColumnReport)> {
    let inventory = match (dataset, inventories) {
        (Some(dataset), all) => all.iter().find(|i| i.dataset == dataset)?,
        (None, [only]) => only,
        (None, _) => return None,
    };
    let column = inventory.columns.iter().find(|c| c.column == name)?;
    Some((&inventory.dataset, column))
}

fn list(file: &Path, json: bool, lang: Lang) -> Done {
    for one in confirmations(file)?.iter() {
        if json {
            print_json(one)?;
        } else {
            print_line(&told(one, lang))?;
        }
    }
    Ok(Outcome::Clean)
}

fn told(one: &Confirmation, lang: Lang) -> String {
    let nothing = lang.pick("非个人信息", "not personal");
    let element = one.element.as_deref().unwrap_or(nothing);
    let grade = one.grade.map_or_else(|| "-".to_owned(), |g| g.to_string());
    let (day, by, why) = (one.at.to_beijing(), &one.by, &one.why);
    format!("{}\t{}\t{element}\t{grade}\t{by}\t{day}\t{why}", one.dataset, one.column)
}
