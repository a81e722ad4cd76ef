//! `xuedun evidence`: bundles that anyone can verify.

use std::path::PathBuf;

use centre::evidence::verify_bundle;
use compliance::evidence::VerifyingKey;
use events::{Lang, RunId};

use super::audit::{DataArg, find};
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
    Verify {
        /// The bundle
        bundle: PathBuf,
        /// The log's key (name+id+key), from another source than the bundle
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// The report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the key that verifies this folder's log
    Key {
        #[command(flatten)]
        data: DataArg,
    },
}

pub fn run(args: Args, lang: Lang) -> Done {
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
        Verb::Verify { bundle, key, json } => {
            let key = key
                .map(|text| text.parse::<VerifyingKey>())
                .transpose()
                .map_err(|e| Failure::usage(e.code(), e.to_string()))?;
            let report = verify_bundle(&bundle, key.as_ref());
            if json {
                print_json(&report)?;
            } else {
                for check in &report.checks {
                    let mark = if check.ok { "✓" } else { "✗" };
                    print_line(&format!("{mark} {}\t{}", check.name, check.detail))?;
                }
                if key.is_none() {
                    print_line(lang.pick(
                        "注意：公钥取自证据包本身；请用 --key 给出从其他途径取得的公钥",
                        "note: the key came from the bundle itself; give the one you got elsewhere with --key",
                    ))?;
                }
            }
            Ok(if report.ok { Outcome::Clean } else { Outcome::Findings })
        }
        Verb::Key { data } => {
            print_line(&data.open()?.evidence().key()?.to_string())?;
            Ok(Outcome::Clean)
        }
    }
}
