//! `xuedun rules test`.

use std::path::PathBuf;
use std::sync::Arc;

use events::Lang;
use rules::{CaseResult, RuleSet};

use super::Choice;
use crate::commands::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Folder of cases (case.yml, or SigmaHQ's info.yml, with events beside it); may be repeated
    #[arg(long, value_name = "DIR")]
    cases: Vec<PathBuf>,
    /// Try every rule on every event, whatever its log source
    #[arg(long)]
    no_routing: bool,
    /// One JSON object a test
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let sources = args.choice.sources()?;
    let mut options = args.choice.options(lang)?;
    options.routing = !args.no_routing;
    let (mut ran, mut failed) = (0, 0);
    let mut say = |rule: &str, test: &str, passed: bool, fired: u64| {
        ran += 1;
        failed += usize::from(!passed);
        if args.json {
            print_json(&serde_json::json!({
                "rule_id": rule, "test": test, "passed": passed, "fired": fired,
            }))
        } else {
            print_line(&format!("{} {rule}\t{test}", if passed { "✓" } else { "✗" }))
        }
    };
    for source in &sources {
        for result in rules::test_source_with(source, &options) {
            say(&result.rule_id, &result.name, result.passed, result.detections as u64)?;
        }
    }
    if !args.cases.is_empty() {
        let set = Arc::new(RuleSet::load(&sources, &options).set);
        for dir in &args.cases {
            for case in rules::read_cases(dir).map_err(|e| Failure::of(e.code(), &e))? {
                let place = format!("{} {}", case.path.display(), case.name);
                match case.run(&set).map_err(|e| Failure::of(e.code(), &e))? {
                    CaseResult::Passed => say(&case.rule, &place, true, 1)?,
                    CaseResult::Failed(fired) => say(&case.rule, &place, false, fired)?,
                    CaseResult::NoSuchRule => {
                        let none = lang.pick("没有这条规则", "no such rule");
                        say(&case.rule, &format!("{place}: {none}"), false, 0)?;
                    }
                }
            }
        }
    }
    if !args.json {
        let passed = ran - failed;
        print_line(lang.pick(
            &format!("{passed} 个通过，{failed} 个未通过"),
            &format!("{passed} passed, {failed} failed"),
        ))?;
    }
    Ok(if failed > 0 { Outcome::Findings } else { Outcome::Clean })
}
