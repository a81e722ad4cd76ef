//! `xuedun evidence`: bundles that anyone can verify.

use std::path::PathBuf;

use compliance::evidence::{CheckState, KeyTrust, Trust, VerifyingKey, verify};
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
            let trust = Trust { key, ..Trust::default() };
            let report = verify(&bundle, &trust);
            if json {
                print_json(&report)?;
            } else {
                for check in &report.checks {
                    let mark = match check.state {
                        CheckState::Held => "✓",
                        CheckState::Failed => "✗",
                        CheckState::NotAsked => "–",
                    };
                    let name = name_of(check.name, lang);
                    print_line(&format!("{mark} {name}\t{}", check.detail))?;
                }
                if report.trust == KeyTrust::FromBundle {
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

/// What a person reads for a check of the verifier; in English its stable name.
fn name_of(check: &'static str, lang: Lang) -> &'static str {
    let zh = match check {
        "whole" => "文件完整",
        "archive" => "压缩包可读",
        "file-names" => "文件名称",
        "sha256sums" => "文件散列值",
        "key" => "公钥",
        "key-handover" => "密钥更换声明",
        "sums-signature" => "散列清单签名",
        "checkpoint" => "检查点签名",
        "checkpoint-prev" => "上一检查点签名",
        "growth" => "日志只增不减",
        "consistency" => "前后一致性证明",
        "leaves-complete" => "证据条目齐全",
        "inclusion" => "条目存在性证明",
        "history" => "与历次证据包衔接",
        "seen" => "与已见检查点衔接",
        "leaf-form" => "条目格式",
        "run-complete" => "稽核结果齐全",
        "run-json" => "稽核结果文件一致",
        "documents" => "报告文件一致",
        "attachments" => "附件一致",
        "witnesses" => "见证方签名",
        "sm2" => "国密签名（SM2）",
        "timestamp" => "第三方时间戳",
        _ => check,
    };
    lang.pick(zh, check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_of_the_verifier_has_a_chinese_name() {
        for check in compliance::evidence::verify::CHECKS {
            assert_ne!(name_of(check, Lang::Zh), check, "add {check} to name_of");
            assert_eq!(name_of(check, Lang::En), check);
        }
    }
}
