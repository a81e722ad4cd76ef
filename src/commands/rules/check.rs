//! `xuedun rules check`.

use events::Lang;
use rules::{LoadOptions, RuleSet};

use super::{Choice, text_of};
use crate::commands::{Done, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
    /// Warnings count as findings too
    #[arg(long)]
    strict: bool,
    /// One JSON object a problem
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let sources = args.choice.sources()?;
    let options = LoadOptions { lint: true, ..args.choice.options(lang)? };
    let loaded = RuleSet::load(&sources, &options);
    for problem in &loaded.problems {
        if args.json {
            print_json(&serde_json::json!({
                "code": problem.code, "file": problem.file, "line": problem.line,
                "column": problem.column, "rule_id": problem.rule_id,
                "error": problem.is_error(), "message": problem.message.get(lang),
            }))?;
        } else {
            print_line(&problem.render(text_of(&sources, &problem.file), lang, false))?;
        }
    }
    let errors = loaded.problems.iter().filter(|p| p.is_error()).count();
    let warnings = loaded.problems.len() - errors;
    if !args.json {
        let (rules, refused) = (loaded.set.rules().len(), loaded.rejected);
        print_line(lang.pick(
            &format!(
                "可用规则 {rules} 条，拒绝 {refused} 条；错误 {errors} 个，警告 {warnings} 个"
            ),
            &format!("{rules} rules load, {refused} refused; {errors} errors, {warnings} warnings"),
        ))?;
    }
    let found = errors > 0 || (args.strict && warnings > 0);
    Ok(if found { Outcome::Findings } else { Outcome::Clean })
}
