//! `xuedun archive`: what the archive holds, whether it is whole, and its backup.

use std::path::PathBuf;

use centre::control::Request;
use events::Lang;
use serde_json::Value;

use super::node::ConfigArg;
use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// What was found or done, as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the sealed files
    List,
    /// Read every file and compare it with the list and with the evidence log
    Verify,
    /// Copy what a backup lacks
    Backup {
        /// Folder of the backup
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Bring back from a backup what is missing or damaged
    Restore {
        /// Folder of the backup
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    let ask = |request| args.config.ask(request);
    match args.verb {
        Verb::List => list(&ask(Request::ArchiveFiles)?, args.json),
        Verb::Verify => verify(&ask(Request::ArchiveVerify)?, args.json, lang),
        Verb::Backup { to } => {
            let copied = ask(Request::ArchiveBackup { to: absolute(to)? })?;
            say(&copied, args.json, lang.pick("已备份文件", "files copied"))?;
            Ok(Outcome::Clean)
        }
        Verb::Restore { from } => {
            let restored = ask(Request::ArchiveRestore { from: absolute(from)? })?;
            restore(&restored, args.json, lang)
        }
    }
}

/// Findings when something is still missing.
fn restore(restored: &Value, json: bool, lang: Lang) -> Done {
    let list = |key: &str| restored[key].as_array().map_or(&[][..], |l| l);
    let wanting = list("wanting");
    if json {
        print_json(restored)?;
    } else {
        say(&list("back").len().into(), false, lang.pick("已恢复文件", "files restored"))?;
        for name in wanting {
            let what = lang.pick("备份中也没有完好的副本", "the backup has no sound copy either");
            print_line(&format!("! {}: {what}", name.as_str().unwrap_or_default()))?;
        }
    }
    Ok(if wanting.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

/// The node that answers may run elsewhere.
fn absolute(path: PathBuf) -> Result<PathBuf, Failure> {
    std::path::absolute(&path).map_err(|e| Failure::file(&path, &e))
}

fn say(value: &Value, json: bool, what: &str) -> Result<(), Failure> {
    if json { print_json(value) } else { print_line(&format!("{what}: {value}")) }
}

fn list(files: &Value, json: bool) -> Done {
    for file in files.as_array().map_or(&[][..], |f| f) {
        if json {
            print_json(file)?;
            continue;
        }
        let text = |key: &str| file[key].as_str().unwrap_or_default();
        print_line(&format!(
            "{}\t{}\t{}\t{}",
            text("name"),
            file["rows"],
            file["bytes"],
            text("sha256")
        ))?;
    }
    Ok(Outcome::Clean)
}

/// Findings when anything is not as it was sealed.
fn verify(check: &Value, json: bool, lang: Lang) -> Done {
    let list = |key: &str| check[key].as_array().map_or(&[][..], |l| l).to_vec();
    let (faults, unproven) = (list("faults"), list("unproven"));
    let done =
        if faults.is_empty() && unproven.is_empty() { Outcome::Clean } else { Outcome::Findings };
    if json {
        print_json(check)?;
        return Ok(done);
    }
    for fault in &faults {
        print_line(&format!("! {}", fault.as_str().unwrap_or_default()))?;
    }
    for file in &unproven {
        let what = match file["what"].as_str() {
            Some("other_hash") => {
                lang.pick("证据日志中是另一个哈希", "the evidence log holds another hash")
            }
            Some("not_logged") => {
                lang.pick("证据日志中没有记录", "the evidence log never heard of it")
            }
            _ => lang.pick("证据日志中有，清单中没有", "in the evidence log, not in the list"),
        };
        print_line(&format!("! {}: {what}", file["name"].as_str().unwrap_or_default()))?;
    }
    let words = match done {
        Outcome::Clean => lang.pick("归档完整", "the archive is whole"),
        Outcome::Findings => lang.pick("归档与封存时不一致", "the archive is not as it was sealed"),
    };
    print_line(&format!("{words}: {} / {}", check["files"], check["rows"]))?;
    Ok(done)
}
