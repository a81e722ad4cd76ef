//! `xuedun alerts`: the alert groups of a node.

use centre::alert::AlertState;
use centre::control::Request;
use events::{Lang, Severity};
use serde_json::Value;

use super::node::ConfigArg;
use super::{Done, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// One JSON object a group
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let groups = args.config.ask(Request::Alerts)?;
    for group in groups.as_array().map_or(&[][..], |g| g) {
        if args.json {
            print_json(group)?;
            continue;
        }
        let text = |key: &str| group[key].as_str().unwrap_or_default().to_owned();
        let title = group["title"][lang.pick("zh", "en")].as_str().unwrap_or_default().to_owned();
        let line = [
            text("last"),
            level(&group["level"], lang),
            state(&group["state"], lang),
            text("site"),
            title,
            group["count"].to_string(),
        ];
        print_line(&line.join("\t"))?;
    }
    Ok(Outcome::Clean)
}

fn level(value: &Value, lang: Lang) -> String {
    let level = serde_json::from_value::<Severity>(value.clone());
    level.map_or_else(|_| value.to_string(), |level| level.label(lang).to_owned())
}

fn state(value: &Value, lang: Lang) -> String {
    let word = match serde_json::from_value(value.clone()) {
        Ok(AlertState::New) => lang.pick("待处理", "new"),
        Ok(AlertState::Acknowledged) => lang.pick("处理中", "acknowledged"),
        Ok(AlertState::Closed) => lang.pick("已关闭", "closed"),
        Err(_) => return value.to_string(),
    };
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn level_and_state_are_words_of_the_language() {
        assert_eq!(level(&json!("high"), Lang::Zh), Severity::High.label(Lang::Zh));
        assert_eq!(state(&json!("new"), Lang::Zh), "待处理");
        assert_eq!(state(&json!("acknowledged"), Lang::En), "acknowledged");
        assert_eq!(state(&json!("odd"), Lang::Zh), "\"odd\"");
    }
}
