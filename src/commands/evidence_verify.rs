//! `xuedun evidence verify`: a bundle against what the verifier brings along.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use compliance::evidence::{
    CheckState, EvidenceError, KeyTrust, Policy, StampTrust, Trust, VerifyOutcome, VerifyReport,
    VerifyingKey, verify,
};
use events::Lang;

use super::{Done, Failure, Outcome, print_json, print_line};

/// What to verify and by what.
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The bundle
    bundle: PathBuf,
    /// The log's key (name+id+key), from another source than the bundle; one it had before will do
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Witnesses that must have signed, and keys of logs (C2SP tlog-policy)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Root certificates of the timestamp authority (PEM); a timestamp is wanted then
    #[arg(long, value_name = "FILE")]
    tsa_ca: Option<PathBuf>,
    /// The policy that the timestamp must name (an OID)
    #[arg(long, value_name = "OID", requires = "tsa_ca")]
    tsa_policy: Option<String>,
    /// A checkpoint of the log seen before: the bundle must continue it
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// A consistency proof from that checkpoint on, when the bundle has none
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// Where the newest checkpoint verified is kept from one time to the next
    #[arg(long, value_name = "FILE", conflicts_with = "against")]
    seen: Option<PathBuf>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Verify, lang: Lang) -> Done {
    let trust = trust(args)?;
    let report = verify(&args.bundle, &trust);
    if let (true, Some(file), Some(note)) = (report.ok, &args.seen, &report.checkpoint)
        && newer(note, trust.seen.as_deref())
    {
        keep(file, note)?;
    }
    if args.json {
        print_json(&report)?;
    } else {
        print(&report, lang)?;
    }
    Ok(if report.ok { Outcome::Clean } else { Outcome::Findings })
}

fn trust(args: &Verify) -> Result<Trust, Failure> {
    let usage = |e: EvidenceError| Failure::usage(e.code(), e.to_string());
    let read = |path: &PathBuf| fs::read_to_string(path).map_err(|e| Failure::file(path, &e));
    let seen = match (&args.against, &args.seen) {
        (Some(file), _) => Some(read(file)?),
        (None, Some(file)) => match fs::read_to_string(file) {
            Ok(note) => Some(note),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(Failure::file(file, &e)),
        },
        (None, None) => None,
    };
    let policy = args.policy.as_ref().map(read).transpose()?;
    let stamp = match &args.tsa_ca {
        Some(file) => {
            let trust = StampTrust::from_pem(read(file)?.as_bytes(), args.tsa_policy.clone());
            Some(trust.map_err(usage)?)
        }
        None => None,
    };
    let key = args.key.as_deref().map(str::parse::<VerifyingKey>);
    Ok(Trust {
        key: key.transpose().map_err(usage)?,
        policy: policy.map(|text| Policy::parse(&text)).transpose().map_err(usage)?,
        stamp,
        seen,
        proof: args.proof.as_ref().map(read).transpose()?,
    })
}

/// Whether a checkpoint that verified is of more leaves than the one kept.
fn newer(note: &str, kept: Option<&str>) -> bool {
    let size = |note: &str| note.lines().nth(1).and_then(|l| l.parse::<u64>().ok()).unwrap_or(0);
    kept.is_none_or(|kept| size(note) > size(kept))
}

/// There whole or not at all: a crash loses no memory.
fn keep(file: &Path, note: &str) -> Result<(), Failure> {
    let part = file.with_extension("part");
    let written = fs::write(&part, note).and_then(|()| fs::rename(&part, file));
    written.map_err(|e| Failure::file(file, &e))
}

fn print(report: &VerifyReport, lang: Lang) -> Result<(), Failure> {
    for check in &report.checks {
        let mark = match check.state {
            CheckState::Held => "✓",
            CheckState::Failed => "✗",
            CheckState::NotAsked => "–",
        };
        print_line(&format!("{mark} {}\t{}", name_of(check.name, lang), check.detail))?;
    }
    if report.trust == KeyTrust::FromBundle {
        print_line(lang.pick(
            "注意：公钥取自证据包本身；请用 --key 给出从其他途径取得的公钥",
            "note: the key came from the bundle itself; give the one you got elsewhere with --key",
        ))?;
    }
    print_line(outcome(report.outcome, lang))
}

const fn outcome(outcome: VerifyOutcome, lang: Lang) -> &'static str {
    let (zh, en) = match outcome {
        VerifyOutcome::Verified => ("结论：验证通过", "outcome: verified"),
        VerifyOutcome::HalfWritten => ("结论：证据包不完整（没有写完）", "outcome: half written"),
        VerifyOutcome::Unreadable => ("结论：不是可读的证据包", "outcome: not a bundle"),
        VerifyOutcome::RolledBack => (
            "结论：日志短于此前所见，为旧证据包或日志被回退",
            "outcome: rolled back, or an older bundle",
        ),
        VerifyOutcome::Forked => ("结论：日志与此前所见不一致（分叉）", "outcome: forked"),
        VerifyOutcome::Unshown => (
            "结论：未能证明与此前所见的衔接，请向制作方索取证明（--proof）",
            "outcome: nothing shows how it continues what was seen; ask for a proof (--proof)",
        ),
        VerifyOutcome::Incomplete => ("结论：内容缺失", "outcome: something is missing"),
        VerifyOutcome::Tampered => (
            "结论：验证不通过，内容被改动或签名不符",
            "outcome: changed, or not signed as it should be",
        ),
    };
    lang.pick(zh, en)
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
