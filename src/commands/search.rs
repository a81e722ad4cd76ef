//! `xuedun search`: log records of a node, from its data folder or the running node's, newest
//! first, printed as they are found.

mod print;
mod sql;
mod summary;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use centre::control::Request;
use centre::view::{Cursor, Stopped, instant};
use events::{Lang, Timestamp};

use super::node::ConfigArg;
use super::{Done, Failure, Outcome, interrupt};
use print::{Form, print_page};
use summary::Summary;

/// After so long what was found is printed and the search goes on. Each page costs a look through
/// the journal, so it is twice as long for the next one, up to a bound.
const SLICE_MS: u64 = 1_000;
const SLICE_MS_MAX: u64 = 16_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// The query, such as: source.ip:10.1.0.0/16 AND event.outcome:failure | count by user.name
    #[arg(default_value = "")]
    query: String,
    /// Instead of a query, one SQL SELECT over the table events, such as: SELECT source.ip, count(*)
    /// FROM events GROUP BY source.ip
    #[arg(long, value_name = "SELECT", conflicts_with = "query", hide = !cfg!(feature = "sql"))]
    sql: Option<String>,
    #[command(flatten)]
    options: Options,
}

/// What is asked of an answer beside the query.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// From when, such as 2026-11-28 or 2026-11-28T08:30 (Beijing time if it names no offset); default: a
    /// day ago
    #[arg(long)]
    from: Option<String>,
    /// Until when, written alike; without what happened at that time
    #[arg(long)]
    to: Option<String>,
    /// At most this many records; 0 for all
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Stop after so many seconds with what was found by then
    #[arg(long, value_name = "SECONDS")]
    deadline: Option<u64>,
    /// Also records of exercises
    #[arg(long)]
    exercises: bool,
    /// One JSON object a record; the summary is one on standard error
    #[arg(long)]
    json: bool,
    /// CSV for a spreadsheet; no cell is a formula
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

impl Options {
    /// From when and until when.
    fn times(&self) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
        let time = |text: &Option<String>| {
            let parse = |t: &String| instant(t).ok_or_else(|| Failure::usage("X012", t.clone()));
            text.as_ref().map(parse).transpose()
        };
        let (from, to) = (time(&self.from)?, time(&self.to)?);
        if let (Some(first), Some(last)) = (from, to)
            && first >= last
        {
            return Err(Failure::usage("Q017", format!("--from {first} --to {last}")));
        }
        Ok((from, to))
    }

    fn form(&self) -> Form {
        match (self.json, self.csv) {
            (true, _) => Form::Json,
            (_, true) => Form::Csv,
            _ => Form::Text,
        }
    }
}

pub fn run(args: Args, lang: Lang) -> Done {
    if let Some(sql) = &args.sql {
        return sql::ask(&args.config, sql, &args.options, lang);
    }
    ask(&args.config, &args.query, &args.options, lang)
}

/// Asks the node and prints what it finds.
pub fn ask(config: &ConfigArg, query: &str, args: &Options, lang: Lang) -> Done {
    let ((from, to), form) = (args.times()?, args.form());
    let mut left = if args.limit == 0 { usize::MAX } else { args.limit };
    let end = args.deadline.map(|secs| Instant::now() + Duration::from_secs(secs));
    let cancel = interrupt::flag();
    let mut after: Option<Cursor> = None;
    let mut slice_ms = SLICE_MS;
    let mut summary = Summary::default();
    loop {
        let left_ms = end.map(|end| end.saturating_duration_since(Instant::now()).as_millis());
        let request = Request::Search {
            query: query.to_owned(),
            from,
            to,
            limit: left,
            exercises: args.exercises,
            after,
            deadline_ms: left_ms.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
            slice_ms: Some(slice_ms),
        };
        let page = config.ask_until(request, &cancel)?;
        let given = print_page(&page, form, after.is_none())?;
        summary.add(&page, given);
        left = left.saturating_sub(given);
        slice_ms = (2 * slice_ms).min(SLICE_MS_MAX);
        after = serde_json::from_value(page["next"].clone()).unwrap_or(None);
        if after.is_none() || left == 0 {
            break;
        }
        let over = end.is_some_and(|end| Instant::now() >= end);
        if cancel.load(Ordering::Relaxed) {
            summary.stop(Stopped::Cancelled);
            break;
        } else if over {
            summary.stop(Stopped::Deadline);
            break;
        }
    }
    summary.tell(args.json, after, lang);
    Ok(Outcome::Clean)
}
