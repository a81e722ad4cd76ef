//! `xuedun classify --database`: table by table, each finished one kept so that a scan cut short
//! goes on.

use compliance::records::database::progress::{About, Progress};
use compliance::records::database::{Database, Table};
use compliance::records::{ClassifyOptions, Error, Inventory, Taxonomy, classify};
use events::Lang;

use super::classify::{Args, cells, print};
use super::database::tables;
use super::{Done, Failure, print_json, print_line};

/// Classifies the tables that were named, or all. What fails in one does not stop the others; the
/// last failure is the answer.
pub fn run(
    args: &Args,
    database: &Database,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
    lang: Lang,
) -> Done {
    let about = About { database: database.address().to_string(), sample: args.sample };
    let mut progress = match &args.resume {
        Some(path) => Some(Progress::open(path, &about).map_err(fail)?),
        None => None,
    };
    let (mut failed, mut found) = (false, Vec::new());
    for table in tables(database, &args.tables)? {
        let name = table.full_name();
        if !table.readable {
            // 42501: insufficient privilege.
            let error = Error::Database { what: name, state: "42501".to_owned() };
            fail(error).print(lang);
            failed = true;
            continue;
        }
        let source = database.source(&table, args.sample);
        let mut options = options.clone();
        options.dataset = name.clone();
        options.header = source.has_header();
        options.delimiter = source.delimiter();
        if args.cells {
            let read = source.open().map_err(fail);
            if let Err(e) = read.and_then(|r| cells(args, r, Some(&name), &options, taxonomy)) {
                e.print(lang);
                failed = true;
            }
            continue;
        }
        let known = progress.as_ref().and_then(|p| p.of(&name)).cloned();
        let inventory = match known {
            Some(inventory) => inventory,
            None => match source.open().and_then(|r| classify(r, &options, taxonomy)) {
                Ok(inventory) => {
                    if let Some(progress) = &mut progress {
                        progress.keep(&name, &inventory).map_err(fail)?;
                    }
                    inventory
                }
                Err(e) => {
                    fail(e).print(lang);
                    failed = true;
                    continue;
                }
            },
        };
        found.push(inventory.clone());
        if args.report.coverage {
            continue;
        }
        show(args, &table, inventory, lang)?;
    }
    let done = args.report.finish(&found, args.json, lang)?;
    if failed {
        // Each was told when it happened.
        return Err(Failure::runtime(
            "C053",
            events::Text::new("有表未能读取，见上", "some tables could not be read; see above"),
        ));
    }
    Ok(done)
}

fn show(args: &Args, table: &Table, mut inventory: Inventory, lang: Lang) -> Result<(), Failure> {
    let name = table.full_name();
    if args.json {
        for column in &mut inventory.columns {
            column.column = format!("{name}.{}", column.column);
            print_json(&column.to_json(lang))?;
        }
        return Ok(());
    }
    print_line(&format!("== {name}"))?;
    print(&inventory, lang)?;
    let binary: Vec<&str> =
        table.columns.iter().filter(|c| c.binary).map(|c| c.name.as_str()).collect();
    if !binary.is_empty() {
        let word = lang.pick("二进制列，未查看", "binary columns, not looked into");
        print_line(&format!("{word}: {}", binary.join(", ")))?;
    }
    Ok(())
}

fn fail(error: Error) -> Failure {
    let error = error.unwrapped();
    Failure::of(error.code(), &error)
}
