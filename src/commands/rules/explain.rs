//! `xuedun rules explain EVENT RULE`.

use std::path::PathBuf;

use events::Lang;
use rules::{Asked, Explanation, RuleIndex};

use super::{Choice, events_of};
use crate::commands::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// File with the event as JSON; of several events each is explained
    event: PathBuf,
    /// Id or name of the rule
    rule: String,
    #[command(flatten)]
    choice: Choice,
    /// One JSON object an event
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let set = args.choice.load(lang)?.set;
    let named = |r: &rules::Rule| r.id == args.rule || r.name.as_ref() == Some(&args.rule);
    let Some(at) = set.rules().iter().position(named) else {
        return Err(Failure::usage("X017", args.rule));
    };
    let index = RuleIndex(at as u32);
    let mut held = false;
    for event in events_of(&args.event, 1_000)? {
        let Some(explanation) = set.explain(index, &event) else {
            let message = lang.pick(
                "关联规则不针对单条日志，请解释它引用的规则",
                "a correlation looks at no single event: explain the rules it builds on",
            );
            return Err(Failure::usage("X018", message));
        };
        held |= explanation.held;
        if args.json {
            print_json(&explanation)?;
        } else {
            show(&explanation, 0, lang)?;
        }
    }
    Ok(if held { Outcome::Findings } else { Outcome::Clean })
}

fn show(e: &Explanation, depth: usize, lang: Lang) -> Result<(), Failure> {
    let mark = if e.held { "✓" } else { "✗" };
    let pad = "  ".repeat(depth);
    let line = match &e.what {
        Asked::All => lang.pick("全部满足", "all of").to_owned(),
        Asked::Any => lang.pick("任一满足", "any of").to_owned(),
        Asked::Not => lang.pick("不得满足", "not").to_owned(),
        Asked::Test { text, field, met } => {
            let mut line = text.clone();
            match field {
                None => line.push_str(lang.pick("    — 日志中没有该字段", "    — no such field")),
                Some(field) => {
                    for value in met {
                        line.push_str(&format!("    — {field} = {}", value.value.escape_debug()));
                        if let (Some(start), Some(end)) = (value.start, value.end) {
                            line.push_str(&format!(" [{start}..{end}]"));
                        }
                    }
                }
            }
            line
        }
    };
    print_line(&format!("{pad}{mark} {line}"))?;
    e.parts.iter().try_for_each(|p| show(p, depth + 1, lang))
}
