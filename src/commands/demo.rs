//! `xuedun demo`: a throw-away region that speaks real protocols to its own sensors, an attack
//! story, then the records, the audit, the evidence and a drill.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use centre::{Centre, World};
use events::{Lang, Sensitive};
use serde::Serialize;

use super::serve::{Node, interrupted};
use super::{Done, Failure, Outcome, account, node, print_json, print_line};
use crate::demo::acts::{self, ActReport, Counts};
use crate::demo::{region::Region, stage};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Length of the story, in minutes of story time (1 to 120)
    #[arg(long, default_value_t = 6)]
    minutes: u32,
    /// How many times faster than story time it is told
    #[arg(long, default_value_t = 3.0)]
    speed: f64,
    /// Records of the ordinary day in a minute of story time
    #[arg(long, default_value_t = 1_200)]
    rate: u32,
    /// Tell the story once, print a summary and end; exit 0 only if every act did what it should
    #[arg(long)]
    once: bool,
    /// The summary as one JSON object
    #[arg(long)]
    json: bool,
    /// Where the console listens
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: std::net::SocketAddr,
    /// Seed of everything that is drawn
    #[arg(long, default_value_t = 2026)]
    seed: u64,
    /// Keep the region's folder; without it the folder is removed at the end
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What `--once` prints.
#[derive(Serialize)]
struct Summary {
    ok: bool,
    acts: Vec<ActReport>,
    counts: Counts,
    seconds: f64,
}

pub fn run(args: Args, lang: Lang) -> Done {
    if !args.listen.ip().is_loopback() {
        return Err(Failure::usage("X050", args.listen.to_string()));
    }
    node::start_log("warn");
    node::runtime()?.block_on(async {
        tokio::select! {
            done = show(&args, lang) => done,
            () = interrupted() => {
                // Dropping `show` drops the node and removes the folder.
                eprintln!("{}", lang.pick("已中断，正在清理", "interrupted; cleaning up"));
                Ok(Outcome::Clean)
            }
        }
    })
}

/// The region's folder; removed at the end unless it is to be kept.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn make(keep: Option<&Path>, unique: u128) -> Result<Self, Failure> {
        let path = keep.map_or_else(
            || std::env::temp_dir().join(format!("xuedun-demo-{unique:032x}")),
            Path::to_path_buf,
        );
        std::fs::create_dir_all(&path).map_err(|e| Failure::file(&path, &e))?;
        Ok(Self { path, keep: keep.is_some() })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            eprintln!("xuedun: {}: {error}", self.path.display());
        }
    }
}

async fn show(args: &Args, lang: Lang) -> Done {
    let began = std::time::Instant::now();
    let say = |zh: &str, en: &str| {
        if !args.json {
            println!("{}", lang.pick(zh, en));
        }
    };
    let world = World::real();
    let folder = Folder::make(args.keep.as_deref(), world.unique())?;
    let region = Region::new(args.seed);
    let token = Sensitive::new(format!("{:032x}", world.unique()));
    let config = stage::config(&region, &folder.path, args.listen, &token);
    let centre = Centre::open(config, world)?;
    for new in stage::accounts(&region, lang) {
        centre.set_up_account(new)?;
    }
    let node = Node::start(Arc::clone(&centre)).await?;
    let targets = stage::targets(&node.sensors, &folder.path, token)
        .ok_or_else(|| Failure::runtime("X051", ""))?;
    say("学盾演示：示范区域（虚构）", "Xuedun demonstration: an invented region");
    acts::introduce(&region, &node.sensors, lang, !args.json);
    let mut links = Vec::new();
    for account in acts::SHOWN_ACCOUNTS {
        let token = centre.one_time_link(account)?;
        links.push((account, account::login_link_at(&node.url, token.reveal())));
    }
    for (account, link) in &links {
        say(
            &format!("  一次性登录 {account}: {link}"),
            &format!("  one-time login {account}: {link}"),
        );
    }
    let cast =
        acts::Cast { centre: &centre, region: &region, dir: &folder.path, lang, loud: !args.json };
    let (reports, counts) =
        acts::play(&cast, &targets, args.minutes, args.speed, args.rate, args.seed).await?;
    let ok = reports.iter().all(|r| r.ok) && counts.agree();
    let summary = Summary { ok, acts: reports, counts, seconds: began.elapsed().as_secs_f64() };
    if args.json {
        print_json(&summary)?;
    } else {
        acts::conclude(&summary.acts, &summary.counts, lang)?;
    }
    if !args.once {
        print_line(&format!(
            "{}: {}  (Ctrl-C {})",
            lang.pick("控制台仍在运行", "the console stays up"),
            node.url,
            lang.pick("结束", "ends it")
        ))?;
        interrupted().await;
    }
    let stopped = tokio::time::timeout(Duration::from_secs(30), node.stop()).await;
    if stopped.is_err() {
        return Err(Failure::runtime("X052", ""));
    }
    Ok(if summary.ok { Outcome::Clean } else { Outcome::Findings })
}
