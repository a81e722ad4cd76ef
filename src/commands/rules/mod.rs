//! `xuedun rules`: check, test, list, explain, weigh and back-test Sigma rules. One file a verb.

mod backtest;
mod check;
mod cost;
mod coverage;
mod exception;
mod explain;
pub mod intel;
mod list;
mod test;

use std::path::{Path, PathBuf};

use events::{Event, Lang, json};
use rules::{LoadOptions, Loaded, Pipelines, RuleSet, Source};

use super::{Done, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Say what is wrong with rules, with a code, the place and what to do
    Check(check::Args),
    /// Run the tests inside rule files and folders of cases
    Test(test::Args),
    /// List rules
    List(list::Args),
    /// Write an ATT&CK Navigator layer of what the rules speak of, or which sources can feed them
    Coverage(coverage::Args),
    /// Show which comparison of a rule held on an event, and which did not
    Explain(explain::Args),
    /// Measure what each rule costs per event on a sample
    Cost(cost::Args),
    /// Run rules over a node's past log records
    Backtest(backtest::Args),
    /// List, add, preview and remove exceptions of a node
    Exception(exception::Args),
    /// Check and count threat-intelligence lists
    Intel(intel::Args),
}

/// Runs the verb.
pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::Check(args) => check::run(args, lang),
        Verb::Test(args) => test::run(args, lang),
        Verb::List(args) => list::run(args, lang),
        Verb::Coverage(args) => coverage::run(args, lang),
        Verb::Explain(args) => explain::run(args, lang),
        Verb::Cost(args) => cost::run(args, lang),
        Verb::Backtest(args) => backtest::run(args, lang),
        Verb::Exception(args) => exception::run(args, lang),
        Verb::Intel(args) => intel::run(args, lang),
    }
}

/// Which rules, and what is done to them first.
#[derive(Debug, clap::Args)]
struct Choice {
    /// Rule files or folders; without any, the shipped rules
    paths: Vec<PathBuf>,
    #[command(flatten)]
    pipeline: PipelineArg,
}

/// `--pipeline FILE`, also of `xuedun detect`.
#[derive(Debug, Default, clap::Args)]
pub struct PipelineArg {
    /// Processing pipeline (pySigma YAML) to run over the rules first; may be repeated
    #[arg(long, value_name = "FILE")]
    pipeline: Vec<PathBuf>,
}

impl PipelineArg {
    /// The pipelines; prints what is wrong with them and fails.
    pub fn load(&self, lang: Lang) -> Result<Pipelines, Failure> {
        if self.pipeline.is_empty() {
            return Ok(Pipelines::default());
        }
        let sources = rules::read_paths(&self.pipeline).map_err(|e| Failure::of(e.code(), &e))?;
        let (pipelines, problems) = Pipelines::load(&sources);
        for problem in &problems {
            eprintln!("{}", problem.render(text_of(&sources, &problem.file), lang, false));
        }
        match problems.first() {
            None => Ok(pipelines),
            Some(first) => Err(Failure::configuration(first.code, first.message.get(lang))),
        }
    }
}

impl Choice {
    fn sources(&self) -> Result<Vec<Source>, Failure> {
        if self.paths.is_empty() {
            return Ok(rules::library());
        }
        rules::read_paths(&self.paths).map_err(|e| Failure::of(e.code(), &e))
    }

    fn options(&self, lang: Lang) -> Result<LoadOptions, Failure> {
        Ok(LoadOptions { pipelines: self.pipeline.load(lang)?, ..LoadOptions::default() })
    }

    /// Loads the rules; those refused are named on standard error.
    fn load(&self, lang: Lang) -> Result<Loaded, Failure> {
        let sources = self.sources()?;
        let loaded = RuleSet::load(&sources, &self.options(lang)?);
        for problem in loaded.problems.iter().filter(|p| p.is_error()) {
            eprintln!("{}", problem.render(text_of(&sources, &problem.file), lang, false));
        }
        if loaded.set.rules().is_empty() {
            let message = lang.pick("没有可用的规则", "no rule could be loaded");
            return Err(Failure::configuration("X010", message));
        }
        Ok(loaded)
    }
}

/// The text of a source.
fn text_of<'s>(sources: &'s [Source], name: &str) -> &'s str {
    sources.iter().find(|s| s.name == name).map_or("", |s| &s.text)
}

/// Longest file of events read, in bytes.
const EVENTS_BYTES_MAX: u64 = 1 << 30;

/// Events of a file: JSON lines, one object, or an array; at most `most`.
fn events_of(path: &Path, most: usize) -> Result<Vec<Event>, Failure> {
    let fail = |e: &std::io::Error| Failure::file(path, e);
    let bytes = std::fs::metadata(path).map_err(|e| fail(&e))?.len();
    if bytes > EVENTS_BYTES_MAX {
        return Err(Failure::usage("X016", format!("{}: {bytes} bytes", path.display())));
    }
    let text = std::fs::read_to_string(path).map_err(|e| fail(&e))?;
    let mut out = Vec::new();
    let stream = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    for value in stream {
        let bad = |e: &dyn std::fmt::Display| {
            Failure::runtime("X011", format!("{}: {e}", path.display()))
        };
        let list = match value.map_err(|e| bad(&e))? {
            serde_json::Value::Array(list) => list,
            one => vec![one],
        };
        for value in list {
            if out.len() >= most {
                return Ok(out);
            }
            let mut event = Event::new();
            json::read_object(&value.to_string(), &mut event).map_err(|e| bad(&e))?;
            out.push(event);
        }
    }
    Ok(out)
}
