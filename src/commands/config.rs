//! `xuedun config`: the configuration in force, where each value comes from, and whether it can work.

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
    /// Check the configuration without starting anything
    Check {
        #[command(flatten)]
        config: ConfigArg,
    },
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
    match args.verb {
        Verb::Show { config, origin } => show(&config, origin, lang),
        Verb::Check { config } => check(&config, lang),
    }
}

fn check(config: &ConfigArg, lang: Lang) -> Done {
    let loaded = config.load()?;
    let packs = sensors::Packs::embedded().map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::runtime("X030", all.join("\n"))
    })?;
    sensors::validate(&loaded.sensors, &packs)
        .map_err(|e| Failure::configuration(e.code(), e.to_string()))?;
    let count = loaded.sensors.len();
    print_line(&match lang {
        Lang::Zh => format!("配置可用，采集器 {count} 个"),
        Lang::En => format!("the configuration can be used; {count} sensors"),
    })?;
    Ok(Outcome::Clean)
}

fn show(config: &ConfigArg, origin: bool, lang: Lang) -> Done {
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
