//! `xuedun rules list`.

use events::Lang;
use rules::RuleKind;

use super::Choice;
use crate::commands::{Done, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// One JSON object a rule
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let loaded = args.choice.load(lang)?;
    for rule in loaded.set.rules() {
        if args.json {
            print_json(&serde_json::json!({
                "id": rule.id, "title": rule.title.get(lang), "level": rule.level,
                "logsource": rule.logsource, "attack": rule.attack, "playbook": rule.playbook,
                "correlation": matches!(rule.kind, RuleKind::Correlation(_)),
                "tests": rule.test_count(), "file": rule.file, "line": rule.line,
            }))?;
        } else {
            let level = rule.level.label(lang);
            let title = rule.title.get(lang);
            print_line(&format!("{}\t{level}\t{}\t{title}", rule.id, rule.logsource))?;
        }
    }
    Ok(Outcome::Clean)
}
