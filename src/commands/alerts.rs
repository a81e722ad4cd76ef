//! `xuedun alerts`: the alert groups of a node.

use centre::control::Request;
use events::Lang;

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
            text("level"),
            text("state"),
            text("site"),
            title,
            group["count"].to_string(),
        ];
        print_line(&line.join("\t"))?;
    }
    Ok(Outcome::Clean)
}
