//! `xuedun drill`: drills on a running node.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use centre::control::Request;
use events::{DrillId, Lang, SiteId};
use serde_json::Value;

use super::node::ConfigArg;
use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the drills that can be run
    List {
        /// One JSON object a drill
        #[arg(long)]
        json: bool,
    },
    /// Run a drill: its injects go through the node's real sensors
    Run {
        #[command(flatten)]
        config: ConfigArg,
        /// Name of the drill
        name: String,
        /// The school it plays at
        #[arg(long, default_value = "bureau")]
        site: SiteId,
        /// Wait at most so many seconds for every inject to be seen
        #[arg(long, default_value_t = 120)]
        wait: u64,
        /// The board as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a drill's board; default: the latest
    Show {
        #[command(flatten)]
        config: ConfigArg,
        /// The drill
        id: Option<DrillId>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the after-action report as HTML
    Report {
        #[command(flatten)]
        config: ConfigArg,
        /// The drill
        id: DrillId,
        /// The file to write
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    match args.verb {
        Verb::List { json } => {
            for (slug, text) in playbooks::library() {
                if let Ok(playbook) = playbooks::parse(&slug, &text)
                    && playbook.drill.is_some()
                {
                    if json {
                        print_json(&serde_json::json!({ "name": slug, "title": playbook.name }))?;
                    } else {
                        print_line(&format!("{slug}\t{}", playbook.name.get(lang)))?;
                    }
                }
            }
            Ok(Outcome::Clean)
        }
        Verb::Run { config, name, site, wait, json } => {
            start(&config, name, site, wait, json, lang)
        }
        Verb::Show { config, id, json } => show(&config.ask(Request::Drill { id })?, json, lang),
        Verb::Report { config, id, out } => {
            let html = config.ask(Request::DrillReport { id, lang })?;
            std::fs::write(&out, html.as_str().unwrap_or_default())
                .map_err(|e| Failure::file(&out, &e))?;
            Ok(Outcome::Clean)
        }
    }
}

fn start(
    config: &ConfigArg,
    slug: String,
    site: SiteId,
    wait: u64,
    json: bool,
    lang: Lang,
) -> Done {
    let id = config.ask(Request::StartDrill { slug, site })?;
    let id: DrillId = id.as_str().and_then(|t| t.parse().ok()).unwrap_or_default();
    let end = Instant::now() + Duration::from_secs(wait);
    loop {
        let board = config.ask(Request::Drill { id: Some(id) })?;
        let score = &board["score"];
        let injects = score["injects"].as_array().map_or(0, Vec::len) as u64;
        let all = score["detected"].as_u64() == Some(injects);
        if all || Instant::now() >= end || board["running"] == Value::Bool(false) {
            return show(&board, json, lang);
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn show(board: &Value, json: bool, lang: Lang) -> Done {
    let score = &board["score"];
    let word = |v: &Value| v[lang.pick("zh", "en")].as_str().unwrap_or_default().to_owned();
    if json {
        print_json(board)?;
    } else {
        print_line(&format!(
            "{}\t{}",
            board["id"].as_str().unwrap_or_default(),
            word(&board["name"])
        ))?;
        for inject in score["injects"].as_array().map_or(&[][..], |a| a) {
            let coverage = inject["coverage"].as_str().unwrap_or_default();
            let (sent, seen) = (&inject["clock"]["emitted"], &inject["clock"]["alerted"]);
            print_line(&format!("{}\t{coverage}\tT0 {sent}\tT1 {seen}", word(&inject["title"])))?;
        }
        for name in ["mttd", "mtta", "mttc", "mttr"] {
            let mean = &score[name]["mean_ms"];
            print_line(&format!("{}\t{mean} ms", name.to_uppercase()))?;
        }
    }
    let missed = score["detected"].as_u64() != score["emitted"].as_u64();
    Ok(if missed { Outcome::Findings } else { Outcome::Clean })
}
