//! `xuedun search --sql`: one statement, one table.

use centre::control::Request;
use centre::view::Stopped;
use events::Lang;
use serde_json::{Value, json};

use super::print::print_page;
use super::summary::masked;
use super::{Options, interrupt};
use crate::commands::node::ConfigArg;
use crate::commands::{Done, Outcome, told};

/// Asks the node and prints the table; the summary goes to standard error.
pub fn ask(config: &ConfigArg, sql: &str, args: &Options, lang: Lang) -> Done {
    let (from, to) = args.times()?;
    let request = Request::Sql {
        sql: sql.to_owned(),
        from,
        to,
        limit: if args.limit == 0 { usize::MAX } else { args.limit },
        exercises: args.exercises,
        deadline_ms: args.deadline.map(|secs| secs.saturating_mul(1_000)),
    };
    let page = config.ask_until(request, &interrupt::flag())?;
    let table = json!({ "table": [page["columns"], page["rows"]] });
    let rows = print_page(&table, args.form(), true)?;
    if args.json {
        let figures = ["more", "scanned", "masked", "took_ms", "stopped", "unreadable"];
        let mut summary: serde_json::Map<String, Value> =
            figures.iter().map(|key| ((*key).to_owned(), page[*key].clone())).collect();
        summary.insert("rows".to_owned(), rows.into());
        eprintln!("{}", Value::Object(summary));
        return Ok(Outcome::Clean);
    }
    eprintln!("xuedun: {}", line(rows, &page, lang));
    if let Some(rows) = page["masked"].as_u64().filter(|rows| *rows > 0) {
        eprintln!("xuedun: {}", masked(rows, lang));
    }
    let none = String::new();
    match serde_json::from_value(page["stopped"].clone()).unwrap_or(None) {
        Some(Stopped::Deadline) => eprintln!("xuedun: {}", told("X013", &none, lang)),
        Some(Stopped::Cancelled) => eprintln!("xuedun: {}", told("X023", &none, lang)),
        None => {}
    }
    for part in page["unreadable"].as_array().into_iter().flatten() {
        let part = part.as_str().unwrap_or_default();
        eprintln!("xuedun: {}", told("X024", part, lang));
    }
    Ok(Outcome::Clean)
}

fn line(rows: usize, page: &Value, lang: Lang) -> String {
    let (scanned, took_ms) = (&page["scanned"], &page["took_ms"]);
    let more = page["more"] == Value::Bool(true);
    match (lang, more) {
        (Lang::Zh, false) => format!("{rows} 行，扫描 {scanned} 条日志记录，用时 {took_ms} 毫秒"),
        (Lang::Zh, true) => format!(
            "前 {rows} 行，还有更多（--limit），扫描 {scanned} 条日志记录，用时 {took_ms} 毫秒"
        ),
        (Lang::En, false) => format!("{rows} rows, {scanned} events scanned, {took_ms} ms"),
        (Lang::En, true) => {
            format!(
                "the first {rows} rows of more (--limit), {scanned} events scanned, {took_ms} ms"
            )
        }
    }
}
