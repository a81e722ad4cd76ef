//! `xuedun search`: log records of a node, from its data folder or the running node's.

use std::collections::BTreeSet;

use centre::control::Request;
use centre::view::{Cursor, Stopped};
use events::{Lang, Timestamp};
use serde::Serialize;
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
    let mut summary = Summary::default();
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
        let given = print_page(&page, args.json, after.is_none())?;
        summary.add(&page, given);
        after = serde_json::from_value::<Cursor>(page["next"].clone()).ok();
        left = left.saturating_sub(given);
        if after.is_none() || left == 0 || summary.stopped.is_some() {
            summary.tell(args.json, lang);
            return Ok(Outcome::Clean);
        }
    }
}

/// What is said of the whole answer, on standard error: standard output holds records alone.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Summary {
    /// Records that match; at least so many unless `counted`.
    matched: u64,
    counted: bool,
    scanned: u64,
    took_ms: u64,
    stopped: Option<Stopped>,
    unreadable: BTreeSet<String>,
    /// Records or rows printed, over all pages.
    #[serde(skip)]
    printed: u64,
}

impl Summary {
    /// A further page of the answer with so many records or rows.
    fn add(&mut self, page: &Value, given: usize) {
        let figure = |key: &str| page[key].as_u64().unwrap_or(0);
        // A page counts what lies behind the pages before it.
        self.matched = self.printed + figure("matched");
        self.counted = page["counted"] == Value::Bool(true);
        self.scanned += figure("scanned");
        self.took_ms += figure("took_ms");
        self.stopped = serde_json::from_value(page["stopped"].clone()).unwrap_or(None);
        let parts = page["unreadable"].as_array().map_or(&[][..], |a| a);
        self.unreadable.extend(parts.iter().filter_map(|p| p.as_str().map(str::to_owned)));
        self.counted &= self.unreadable.is_empty();
        self.printed += given as u64;
    }

    fn tell(&self, json: bool, lang: Lang) {
        if json {
            eprintln!("{}", serde_json::to_string(self).unwrap_or_default());
            return;
        }
        eprintln!("xuedun: {}", self.line(lang));
        match self.stopped {
            Some(Stopped::Deadline) => eprintln!("xuedun: {}", told("X013", "", lang)),
            Some(Stopped::Cancelled) => eprintln!("xuedun: {}", told("X023", "", lang)),
            None => {}
        }
        for part in &self.unreadable {
            eprintln!("xuedun: {}", told("X024", part, lang));
        }
    }

    fn line(&self, lang: Lang) -> String {
        let Self { matched, scanned, took_ms, .. } = self;
        match (lang, self.counted) {
            (Lang::Zh, true) => {
                format!("命中 {matched} 条日志记录，扫描 {scanned} 条，用时 {took_ms} 毫秒")
            }
            (Lang::Zh, false) => {
                format!("命中至少 {matched} 条日志记录，扫描 {scanned} 条，用时 {took_ms} 毫秒")
            }
            (Lang::En, true) => format!("{matched} events match, {scanned} scanned, {took_ms} ms"),
            (Lang::En, false) => {
                format!("at least {matched} events match, {scanned} scanned, {took_ms} ms")
            }
        }
    }
}

/// Prints one page; how many records or rows it holds.
fn print_page(page: &Value, json: bool, first: bool) -> Result<usize, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(matched: u64, counted: bool, stopped: Option<&str>) -> Value {
        json!({ "matched": matched, "counted": counted, "scanned": 10, "took_ms": 2,
                "stopped": stopped, "unreadable": [] })
    }

    #[test]
    fn a_page_that_is_not_counted_says_at_least() {
        let mut summary = Summary::default();
        summary.add(&page(100, false, None), 100);
        assert_eq!(summary.line(Lang::Zh), "命中至少 100 条日志记录，扫描 10 条，用时 2 毫秒");
        assert_eq!(summary.line(Lang::En), "at least 100 events match, 10 scanned, 2 ms");
        // The second page knows the rest.
        summary.add(&page(30, true, None), 30);
        assert_eq!(summary.line(Lang::En), "130 events match, 20 scanned, 4 ms");
    }

    #[test]
    fn what_stopped_it_and_what_is_gone_are_kept() {
        let mut summary = Summary::default();
        let mut gone = page(3, true, Some("deadline"));
        gone["unreadable"] = json!(["a.parquet"]);
        summary.add(&gone, 3);
        assert_eq!(summary.stopped, Some(Stopped::Deadline));
        let told = serde_json::to_value(&summary).unwrap();
        assert_eq!(told["unreadable"], json!(["a.parquet"]));
        assert_eq!((&told["stopped"], &told["counted"]), (&json!("deadline"), &json!(false)));
        assert!(told.get("printed").is_none());
    }
}
