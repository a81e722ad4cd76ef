//! `xuedun rules exception list|add|preview|approve|remove`.

use std::path::PathBuf;

use centre::control::Request;
use centre::facade::rules::ExceptionDraft;
use centre::view::instant;
use events::{Lang, SiteId};

use super::backtest::{Span, show};
use crate::commands::node::ConfigArg;
use crate::commands::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List exceptions
    List {
        /// One JSON object an exception
        #[arg(long)]
        json: bool,
    },
    /// Ask for an exception; it has no effect before another person agrees
    Add {
        #[command(flatten)]
        draft: Draft,
        /// Who asks
        #[arg(long)]
        by: String,
    },
    /// Show what an exception would cover of past detections
    Preview {
        #[command(flatten)]
        draft: Draft,
        #[command(flatten)]
        span: Span,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Agree to an exception that somebody else asked for
    Approve {
        /// Its id
        id: String,
        /// Who agrees
        #[arg(long)]
        by: String,
    },
    /// End an exception
    Remove {
        /// Its id
        id: String,
        /// Who ends it
        #[arg(long)]
        by: String,
    },
}

#[derive(Debug, clap::Args)]
struct Draft {
    /// File with what is excepted, in Sigma: detection items and a condition, or a whole filter; its fields are called as alerts show them, after pipelines
    file: PathBuf,
    /// Rule by id or name, or `any`; may be repeated; a filter names its own
    #[arg(long)]
    rule: Vec<String>,
    /// Only at this school; may be repeated
    #[arg(long)]
    site: Vec<SiteId>,
    /// Why
    #[arg(long)]
    reason: String,
    /// When it ends, such as 2026-12-28 or 2026-12-28T18:00 (Beijing time if it names no offset)
    #[arg(long)]
    expires: String,
}

impl Draft {
    fn read(self, lang: Lang) -> Result<ExceptionDraft, Failure> {
        let text =
            std::fs::read_to_string(&self.file).map_err(|e| Failure::file(&self.file, &e))?;
        let name = self.file.display().to_string();
        let tell = |problems: Vec<rules::Problem>, text: &str| {
            problems.iter().for_each(|p| eprintln!("{}", p.render(text, lang, false)));
            let first = problems
                .first()
                .map_or(("R008", String::new()), |p| (p.code, p.message.get(lang).to_owned()));
            Failure::configuration(first.0, first.1)
        };
        let is_filter = text.lines().any(|l| l.starts_with("filter:"));
        let (named, when) = if is_filter {
            rules::exception::from_filter(&name, &text).map_err(|p| tell(p, &text))?
        } else {
            rules::exception::check_when(&name, &text).map_err(|p| tell(p, &text))?;
            (Vec::new(), text.clone())
        };
        let expires =
            instant(&self.expires).ok_or_else(|| Failure::usage("X012", self.expires.clone()))?;
        let rules = if self.rule.is_empty() { named } else { self.rule };
        Ok(ExceptionDraft { rules, sites: self.site, when, reason: self.reason, expires })
    }
}

pub fn run(args: Args, lang: Lang) -> Done {
    let config = args.config;
    match args.verb {
        Verb::List { json } => {
            for row in config.ask(Request::Exceptions)?.as_array().into_iter().flatten() {
                if json {
                    print_json(row)?;
                    continue;
                }
                let e = &row["exception"];
                let text = |key: &str| e[key].as_str().unwrap_or("-").to_owned();
                let state = match row["in_force"].as_bool() {
                    Some(true) => lang.pick("生效", "in force"),
                    _ if e["approver"].is_null() => lang.pick("待批准", "not agreed"),
                    _ => lang.pick("已到期", "ended"),
                };
                print_line(&format!(
                    "{}\t{state}\t{}\t{}\t{}\t{}",
                    text("id"),
                    text("expires"),
                    e["rules"],
                    row["covered"],
                    text("reason")
                ))?;
            }
        }
        Verb::Add { draft, by } => {
            let draft = draft.read(lang)?;
            print_json(&config.ask(Request::AddException { by, draft })?)?;
        }
        Verb::Preview { draft, span, json } => {
            let (from, to) = span.times()?;
            let draft = draft.read(lang)?;
            let found = config.ask(Request::PreviewException { draft, from, to })?;
            if json {
                print_json(&found)?;
            } else {
                show(&found, lang)?;
            }
        }
        Verb::Approve { id, by } => {
            print_json(&config.ask(Request::ApproveException { by, id })?)?;
        }
        Verb::Remove { id, by } => {
            config.ask(Request::RemoveException { by, id })?;
        }
    }
    Ok(Outcome::Clean)
}
