//! `xuedun hunt`: queries worth keeping, and the way from one to a rule.

use std::path::PathBuf;

use centre::control::Request;
use centre::hunt::{Hunt, Often};
use events::Lang;

use super::node::ConfigArg;
use super::search::{self, Options};
use super::{Done, Failure, Outcome, print_json, print_line, print_text};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Save a query under a name, or another query under a name of one's own
    Save {
        /// The name
        name: String,
        /// The query
        query: String,
        /// Whose it is
        #[arg(long)]
        by: String,
    },
    /// List saved hunts
    List {
        /// One JSON object a hunt
        #[arg(long)]
        json: bool,
    },
    /// Search with a saved hunt
    Run {
        /// The name
        name: String,
        #[command(flatten)]
        options: Options,
    },
    /// Remove a saved hunt
    Remove {
        /// The name
        name: String,
        /// Who removes it
        #[arg(long)]
        by: String,
    },
    /// Draft a Sigma rule that fires on what a hunt finds
    Promote {
        /// The name
        name: String,
        /// For a hunt that counts: from how many on it is worth an alert
        #[arg(long, requires = "timespan")]
        threshold: Option<u64>,
        /// Within which time, such as 5m
        #[arg(long, requires = "threshold")]
        timespan: Option<String>,
        /// Write it there instead of printing it
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    let config = args.config;
    match args.verb {
        Verb::Save { name, query, by } => {
            config.ask(Request::SaveHunt { by, name, query })?;
        }
        Verb::Remove { name, by } => {
            config.ask(Request::RemoveHunt { by, name })?;
        }
        Verb::List { json } => {
            for hunt in hunts(&config)? {
                if json {
                    print_json(&hunt)?;
                } else {
                    let changed = hunt.changed.to_rfc3339();
                    let Hunt { name, owner, query, .. } = hunt;
                    print_line(&format!("{name}\t{owner}\t{changed}\t{query}"))?;
                }
            }
        }
        Verb::Run { name, options } => {
            let hunt = hunts(&config)?.into_iter().find(|h| h.name == name);
            // One whose personal data is masked here would find nothing.
            let hunt = hunt.filter(|h| !h.is_masked());
            let hunt = hunt.ok_or_else(|| Failure::usage("X025", name))?;
            return search::ask(&config, &hunt.query, &options, lang);
        }
        Verb::Promote { name, threshold, timespan, output } => {
            let often =
                threshold.zip(timespan).map(|(threshold, timespan)| Often { threshold, timespan });
            let answer = config.ask(Request::PromoteHunt { name, often })?;
            let rule = answer.as_str().unwrap_or_default();
            match output {
                Some(path) => std::fs::write(&path, rule).map_err(|e| Failure::file(&path, &e))?,
                None => print_text(rule)?,
            }
        }
    }
    Ok(Outcome::Clean)
}

fn hunts(config: &ConfigArg) -> Result<Vec<Hunt>, Failure> {
    serde_json::from_value(config.ask(Request::Hunts)?)
        .map_err(|e| Failure::runtime("X002", e.to_string()))
}
