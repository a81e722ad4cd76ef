//! `xuedun config show`: the configuration in force and where each value comes from.

use centre::config::Origin;
use events::Lang;

use super::node::ConfigArg;
use super::{Done, Failure, Outcome, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print every value; secrets are masked
    Show {
        #[command(flatten)]
        config: ConfigArg,
        /// Say where each value comes from: file, environment or default
        #[arg(long)]
        origin: bool,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    let Verb::Show { config, origin } = args.verb;
    let loaded = config.load()?;
    let text =
        std::fs::read_to_string(&config.config).map_err(|e| Failure::file(&config.config, &e))?;
    for (key, value, from) in loaded.values(&text, std::env::vars()) {
        let from = match from {
            Origin::File => lang.pick("文件", "file"),
            Origin::Environment => lang.pick("环境变量", "environment"),
            Origin::Default => lang.pick("默认", "default"),
        };
        let line =
            if origin { format!("{key} = {value}  # {from}") } else { format!("{key} = {value}") };
        print_line(&line)?;
    }
    Ok(Outcome::Clean)
}
