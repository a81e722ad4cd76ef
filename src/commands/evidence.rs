//! `xuedun evidence`: the evidence log, and bundles that anyone can verify.

use std::path::PathBuf;

use centre::World;
use clap::builder::NonEmptyStringValueParser;
use compliance::evidence::Assured;
use events::{Lang, RunId, Timestamp};
use serde_json::json;

use super::audit::{DataArg, find};
use super::evidence_verify::{self, Verify};
use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Write the sealed bundle of a run
    Bundle {
        #[command(flatten)]
        data: DataArg,
        /// The run; default: the latest
        #[arg(long)]
        run: Option<RunId>,
        /// The file to write
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
        /// What was written, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Verify a bundle without trusting whoever made it
    Verify(Verify),
    /// Print the key that verifies this folder's log
    Key {
        #[command(flatten)]
        data: DataArg,
        /// The SM2 key that signs beside it
        #[arg(long)]
        sm2: bool,
    },
    /// Print key, witnesses and quorum as a policy for others to verify by (C2SP tlog-policy)
    Policy {
        #[command(flatten)]
        data: DataArg,
    },
    /// Sign the log as it is now; ask witnesses and the timestamp authority that have not signed that
    Checkpoint {
        #[command(flatten)]
        data: DataArg,
        /// Checkpoint and what came of asking, as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the proof that the log continues a checkpoint of so many leaves
    Prove {
        #[command(flatten)]
        data: DataArg,
        /// Leaves of the earlier checkpoint: its second line
        #[arg(long, value_name = "LEAVES")]
        from: u64,
    },
    /// Hand the log over to a new key; whoever knows the old one still verifies
    Rotate {
        #[command(flatten)]
        data: DataArg,
        /// Both keys as JSON
        #[arg(long)]
        json: bool,
    },
    /// Go on with a log that was rolled back or forked; who decided it and why is kept in it
    Accept {
        #[command(flatten)]
        data: DataArg,
        /// Who decides it
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        by: String,
        /// Why, such as the backup that was restored
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
    let now = || World::real().now();
    match args.verb {
        Verb::Bundle { data, run, out, json } => {
            let ledger = data.open()?;
            let run = find(&ledger, run)?;
            let summary = ledger.evidence().export(run.id, &out)?;
            if json {
                print_json(&summary)?;
            } else {
                let (leaves, root) = (summary.leaves, &summary.root);
                print_line(&format!(
                    "{}\t{leaves}\tsha256 {}\troot {root}",
                    out.display(),
                    summary.sha256
                ))?;
            }
            Ok(Outcome::Clean)
        }
        Verb::Verify(args) => evidence_verify::run(&args, lang),
        Verb::Key { data, sm2: false } => {
            print_line(&data.open()?.evidence().key()?.to_string())?;
            Ok(Outcome::Clean)
        }
        Verb::Key { data, sm2: true } => match data.open()?.evidence().sm2_key()? {
            Some(key) => {
                print_line(&key.to_string())?;
                Ok(Outcome::Clean)
            }
            None => Err(Failure::configuration("X019", "")),
        },
        Verb::Policy { data } => {
            print_line(data.open()?.evidence().policy()?.trim_end())?;
            Ok(Outcome::Clean)
        }
        Verb::Checkpoint { data, json } => checkpoint(&data, json, now(), lang),
        Verb::Prove { data, from } => {
            print_line(data.open()?.evidence().prove(from)?.trim_end())?;
            Ok(Outcome::Clean)
        }
        Verb::Rotate { data, json } => {
            let (old, new) = data.open()?.evidence().rotate(now())?;
            if json {
                print_json(&json!({ "old": old.to_string(), "new": new.to_string() }))?;
            } else {
                print_line(&format!("{}\t{old}", lang.pick("旧公钥", "old key")))?;
                print_line(&format!("{}\t{new}", lang.pick("新公钥", "new key")))?;
            }
            Ok(Outcome::Clean)
        }
        Verb::Accept { data, by, reason } => {
            print_line(data.open()?.evidence().accept(&by, &reason, now())?.note.trim_end())?;
            Ok(Outcome::Clean)
        }
    }
}

/// Findings when somebody who should have signed did not.
fn checkpoint(data: &DataArg, json: bool, now: Timestamp, lang: Lang) -> Done {
    let (signed, assured) = data.open()?.evidence().checkpoint(now)?;
    if json {
        print_json(&json!({ "checkpoint": signed.note, "assured": assured }))?;
    } else {
        print_line(signed.note.trim_end())?;
        print_assured(&assured, lang);
    }
    let all = assured.quorum && assured.stamp.as_ref().is_none_or(|s| s.time.is_some());
    Ok(if all { Outcome::Clean } else { Outcome::Findings })
}

/// On standard error: what stands on the other is the checkpoint, as it is kept.
fn print_assured(assured: &Assured, lang: Lang) {
    for asked in assured.witnesses.iter().chain(&assured.stamp) {
        let what = match (asked.time, &asked.code, &asked.problem) {
            (Some(time), ..) => format!("✓\t{}", Timestamp::from_secs(time.cast_signed())),
            (None, code, problem) => {
                let code = code.as_deref().unwrap_or_default();
                format!("✗\t[{code}] {}", problem.as_deref().unwrap_or_default())
            }
        };
        eprintln!("{}\t{what}", asked.who);
    }
    if !assured.quorum {
        eprintln!(
            "{}",
            lang.pick("签名的见证方少于所需数目", "fewer witnesses signed than are needed")
        );
    }
}
