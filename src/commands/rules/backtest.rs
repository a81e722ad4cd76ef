//! `xuedun rules backtest`.

use std::path::PathBuf;

use centre::control::Request;
use centre::view::instant;
use events::{Lang, Timestamp};
use serde_json::Value;

use crate::commands::node::ConfigArg;
use crate::commands::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Rule files or folders; without any, the rules in force
    paths: Vec<PathBuf>,
    #[command(flatten)]
    span: Span,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Which time to look at.
#[derive(Debug, clap::Args)]
pub struct Span {
    /// From when, such as 2026-11-28 or 2026-11-28T08:30 (Beijing time if it names no offset)
    #[arg(long)]
    from: String,
    /// Until when, written alike; without what happened at that time
    #[arg(long)]
    to: String,
}

impl Span {
    /// Both ends.
    pub fn times(&self) -> Result<(Timestamp, Timestamp), Failure> {
        let time =
            |text: &str| instant(text).ok_or_else(|| Failure::usage("X012", text.to_owned()));
        Ok((time(&self.from)?, time(&self.to)?))
    }
}

pub fn run(args: Args, lang: Lang) -> Done {
    let (from, to) = args.span.times()?;
    let sources = if args.paths.is_empty() {
        Vec::new()
    } else {
        rules::read_paths(&args.paths).map_err(|e| Failure::of(e.code(), &e))?
    };
    let found = args.config.ask(Request::Backtest { sources, from, to })?;
    if args.json {
        print_json(&found)?;
    } else {
        show(&found, lang)?;
    }
    let none = found["rules"].as_object().is_none_or(serde_json::Map::is_empty);
    Ok(if none { Outcome::Clean } else { Outcome::Findings })
}

/// Prints what a back-test found.
pub fn show(found: &Value, lang: Lang) -> Result<(), Failure> {
    for (rule, of) in found["rules"].as_object().into_iter().flatten() {
        let (all, excepted) = (&of["detections"], &of["excepted"]);
        print_line(lang.pick(
            &format!("{rule}\t命中 {all}\t其中例外 {excepted}"),
            &format!("{rule}\t{all} detections\t{excepted} of them excepted"),
        ))?;
        for shown in of["shown"].as_array().into_iter().flatten() {
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            let mark = if shown["excepted"] == Value::Bool(true) { "−" } else { "•" };
            let fields: Vec<String> =
                shown["fields"].as_array().into_iter().flatten().map(text).collect();
            let (time, site) = (text(&shown["time"]), &shown["site"]);
            print_line(&format!("  {mark} {time}\t{site}\t{}", fields.join(" ")))?;
        }
    }
    let events = &found["events"];
    eprintln!(
        "xuedun: {}",
        lang.pick(&format!("共读取日志 {events} 条"), &format!("{events} log records read"))
    );
    if found["partial"] == Value::Bool(true) {
        eprintln!(
            "xuedun: [X013] {}",
            lang.pick("时限已到，结果不完整", "the deadline passed: the answer is partial")
        );
    }
    Ok(())
}
