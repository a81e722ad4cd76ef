//! `xuedun config`: the configuration in force, where each value comes from, and whether it can work.

use centre::config::{Origin, Setting};
use events::Lang;

use super::node::ConfigArg;
use super::{Done, Failure, Outcome, print_json, print_line};

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
        /// Say where each value comes from: line of the file, variable of the environment, default
        #[arg(long)]
        origin: bool,
        /// One JSON object a value, with its origin
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::Show { config, origin, json } => show(&config, origin, json, lang),
        Verb::Check { config } => check(&config, lang),
    }
}

fn check(config: &ConfigArg, lang: Lang) -> Done {
    let loaded = config.load()?;
    let packs = sensors::Packs::embedded().map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::runtime("X090", all.join("\n"))
    })?;
    sensors::validate(&loaded.sensors, &packs)
        .map_err(|e| Failure::configuration(e.code(), e.to_string()))?;
    loaded.evidence.policy().map_err(centre::Error::from)?;
    loaded.evidence.authority().map_err(centre::Error::from)?;
    let count = loaded.sensors.len();
    print_line(&match lang {
        Lang::Zh => format!("配置可用，采集器 {count} 个"),
        Lang::En => format!("the configuration can be used; {count} sensors"),
    })?;
    Ok(Outcome::Clean)
}

fn show(config: &ConfigArg, origin: bool, json: bool, lang: Lang) -> Done {
    let loaded = config.load()?;
    let text =
        std::fs::read_to_string(&config.config).map_err(|e| Failure::file(&config.config, &e))?;
    let file = config.config.display().to_string();
    for setting in loaded.settings(&text, std::env::vars()) {
        if json {
            print_json(&as_json(&setting, &file))?;
            continue;
        }
        let line = format!("{} = {}", setting.key, setting.value);
        let from = match &setting.origin {
            Origin::File { line } => format!("{file}:{line}"),
            Origin::Environment { name } => {
                format!("{} {name}", lang.pick("环境变量", "environment"))
            }
            Origin::Default => lang.pick("默认", "default").to_owned(),
        };
        print_line(&if origin { format!("{line}  # {from}") } else { line })?;
    }
    Ok(Outcome::Clean)
}

fn as_json(setting: &Setting, file: &str) -> serde_json::Value {
    let origin = match &setting.origin {
        Origin::File { line } => serde_json::json!({ "file": file, "line": line }),
        Origin::Environment { name } => serde_json::json!({ "environment": name }),
        Origin::Default => serde_json::json!("default"),
    };
    serde_json::json!({ "key": setting.key, "value": setting.value, "origin": origin })
}
