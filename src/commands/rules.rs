//! `xuedun rules`: check, test and list Sigma rules.

use std::path::PathBuf;

use events::Lang;
use rules::{LoadOptions, RuleSet, Source};

use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Say what is wrong with rules; without paths, with the shipped ones
    Check {
        /// Files or folders
        paths: Vec<PathBuf>,
        /// One JSON object a problem
        #[arg(long)]
        json: bool,
    },
    /// Run the tests inside rule files
    Test {
        /// Files or folders
        paths: Vec<PathBuf>,
        /// One JSON object a test
        #[arg(long)]
        json: bool,
    },
    /// List rules
    List {
        /// Files or folders
        paths: Vec<PathBuf>,
        /// One JSON object a rule
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::Check { paths, json } => check(&sources(&paths)?, json, lang),
        Verb::Test { paths, json } => test(&sources(&paths)?, json),
        Verb::List { paths, json } => list(&sources(&paths)?, json, lang),
    }
}

fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Failure> {
    if paths.is_empty() {
        return Ok(rules::library());
    }
    rules::read_paths(paths).map_err(|e| Failure::of(e.code(), &e))
}

fn check(sources: &[Source], json: bool, lang: Lang) -> Done {
    let loaded = RuleSet::load(sources, &LoadOptions::default());
    for problem in &loaded.problems {
        let text = sources.iter().find(|s| s.name == problem.file).map_or("", |s| &s.text);
        if json {
            print_json(&serde_json::json!({
                "code": problem.code, "file": problem.file, "line": problem.line,
                "column": problem.column, "rule_id": problem.rule_id,
                "error": problem.is_error(), "message": problem.message.get(lang),
            }))?;
        } else {
            print_line(&problem.render(text, lang, false))?;
        }
    }
    if !json {
        let word = lang.pick("可用规则", "rules that load");
        print_line(&format!("{word}: {}", loaded.set.rules().len()))?;
    }
    let errors = loaded.problems.iter().any(rules::Problem::is_error);
    Ok(if errors { Outcome::Findings } else { Outcome::Clean })
}

fn test(sources: &[Source], json: bool) -> Done {
    let mut failed = 0;
    for source in sources {
        for result in rules::test_source(source) {
            failed += usize::from(!result.passed);
            if json {
                print_json(&serde_json::json!({
                    "rule_id": result.rule_id, "test": result.name, "passed": result.passed,
                }))?;
            } else {
                let mark = if result.passed { "✓" } else { "✗" };
                print_line(&format!("{mark} {}\t{}", result.rule_id, result.name))?;
            }
        }
    }
    Ok(if failed > 0 { Outcome::Findings } else { Outcome::Clean })
}

fn list(sources: &[Source], json: bool, lang: Lang) -> Done {
    let loaded = RuleSet::load(sources, &LoadOptions::default());
    for rule in loaded.set.rules() {
        if json {
            print_json(&serde_json::json!({
                "id": rule.id, "title": rule.title.get(lang), "level": rule.level,
                "logsource": rule.logsource, "attack": rule.attack, "playbook": rule.playbook,
                "file": rule.file, "line": rule.line,
            }))?;
        } else {
            let level = rule.level.label(lang);
            print_line(&format!(
                "{}\t{level}\t{}\t{}",
                rule.id,
                rule.logsource,
                rule.title.get(lang)
            ))?;
        }
    }
    Ok(Outcome::Clean)
}
