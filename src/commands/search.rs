//! `xuedun search`: log records of a node, from its data folder or the running node's.

use centre::control::Request;
use centre::view::Cursor;
use events::{Lang, Timestamp};
use serde_json::Value;

use super::node::ConfigArg;
use super::{Done, Failure, Outcome, print_json, print_line, told};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// The query, such as: source.ip:10.1.0.0/16 AND event.outcome:failure | count by user.name
    #[arg(default_value = "")]
    query: String,
    /// From when (RFC 3339); default: a day ago
    #[arg(long)]
    from: Option<String>,
    /// Until when (RFC 3339)
    #[arg(long)]
    to: Option<String>,
    /// At most this many records; 0 for all
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Also records of exercises
    #[arg(long)]
    exercises: bool,
    /// One JSON object a record
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let time = |text: &Option<String>| {
        let parse = |t: &String| Timestamp::parse_rfc3339(t).map_err(|_| t.clone());
        text.as_ref().map(parse).transpose().map_err(|t| Failure::usage("X012", t))
    };
    let (from, to) = (time(&args.from)?, time(&args.to)?);
    let mut left = if args.limit == 0 { usize::MAX } else { args.limit };
    let mut after = None;
    loop {
        let request = Request::Search {
            query: args.query.clone(),
            from,
            to,
            limit: left,
            exercises: args.exercises,
            after,
        };
        let page = args.config.ask(request)?;
        let given = print_page(&page, args.json, after.is_none(), lang)?;
        after = serde_json::from_value::<Cursor>(page["next"].clone()).ok();
        left = left.saturating_sub(given);
        if after.is_none() || left == 0 {
            return Ok(Outcome::Clean);
        }
    }
}

/// Prints one page; how many records or rows it holds.
fn print_page(page: &Value, json: bool, first: bool, lang: Lang) -> Result<usize, Failure> {
    let records = page["records"].as_array().map_or(&[][..], |r| r);
    let mut given = records.len();
    for record in records {
        if json {
            print_json(record)?;
        } else {
            let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
            let line =
                format!("{} {} {} {}", text("time"), text("site"), text("sensor"), text("raw"));
            print_line(&line)?;
        }
    }
    if let [columns, rows] = page["table"].as_array().map_or(&[][..], |t| t) {
        print_table(columns, rows, json, first)?;
        given = rows.as_array().map_or(0, Vec::len);
    }
    if page["partial"] == Value::Bool(true) {
        eprintln!("xuedun: {}", told("X013", "", lang));
    }
    Ok(given)
}

fn print_table(columns: &Value, rows: &Value, json: bool, heading: bool) -> Result<(), Failure> {
    let cells = |row: &Value| -> Vec<String> {
        let cells = row.as_array().map_or(&[][..], |r| r);
        cells.iter().map(|c| c.as_str().unwrap_or_default().to_owned()).collect()
    };
    let names = cells(columns);
    if heading && !json {
        print_line(&names.join("\t"))?;
    }
    for row in rows.as_array().map_or(&[][..], |r| r) {
        if json {
            let object: serde_json::Map<String, Value> =
                names.iter().cloned().zip(row.as_array().cloned().unwrap_or_default()).collect();
            print_json(&object)?;
        } else {
            print_line(&cells(row).join("\t"))?;
        }
    }
    Ok(())
}
