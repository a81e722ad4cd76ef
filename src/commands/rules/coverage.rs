//! `xuedun rules coverage`.

use events::Lang;

use super::Choice;
use crate::commands::{Done, Failure, Outcome, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    choice: Choice,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let loaded = args.choice.load(lang)?;
    let layer = loaded.set.navigator_layer(lang);
    let text = serde_json::to_string_pretty(&layer)
        .map_err(|e| Failure::runtime("X002", format!("cannot write JSON: {e}")))?;
    print_line(&text)?;
    let bare = loaded.set.without_technique();
    if bare > 0 {
        eprintln!(
            "xuedun: {}",
            lang.pick(
                &format!("{bare} 条规则没有标注 ATT&CK 技术"),
                &format!("{bare} rules name no ATT&CK technique"),
            )
        );
    }
    Ok(Outcome::Clean)
}
