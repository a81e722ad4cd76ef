//! Bundles: same bytes for the same run, and every kind of tampering is a named failure, also
//! when the tamperer writes SHA256SUMS anew.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod evidence_common;

use std::fs;
use std::path::Path;

use compliance::audit::AuditRun;
use compliance::evidence::{
    Attachment, BundleSummary, EvidenceLog, KeyTrust, Trust, VerifyOutcome, VerifyReport, bundle,
    verify, write_bundle,
};
use evidence_common::{Files, Made, made, now, rezip, signer, unzip};

const CHECKS: usize = compliance::evidence::verify::CHECKS.len();

fn trust() -> Trust {
    Trust { key: Some(signer(7).key().clone()), ..Trust::default() }
}

fn attachments() -> Vec<Attachment> {
    vec![Attachment { name: "机房照片.txt".into(), bytes: b"photo".to_vec() }]
}

fn make(made: &Made, dir: &Path, out: &Path) -> BundleSummary {
    let mut log = EvidenceLog::open(dir, signer(7), None).unwrap();
    log.append(b"{\"kind\":\"earlier\"}").unwrap();
    let summary =
        bundle(&mut log, &made.run, &made.catalogue, &made.checks, &attachments(), now(), out)
            .unwrap();
    let again = out.with_extension("again");
    let second = write_bundle(
        &log,
        &summary.sealed,
        &made.run,
        &made.catalogue,
        &made.checks,
        &attachments(),
        &again,
    )
    .unwrap();
    assert_eq!(second, summary);
    assert_eq!(fs::read(&again).unwrap(), fs::read(out).unwrap());
    summary
}

#[test]
fn same_run_same_bytes_and_it_verifies() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a.zip"), dir.path().join("b.zip"));
    let first = make(&made, &dir.path().join("log-a"), &a);
    let second = make(&made, &dir.path().join("log-b"), &b);
    assert_eq!(first, second);
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());
    let report = verify(&a, &trust());
    assert!(report.ok, "{report:#?}");
    assert_eq!(report.trust, KeyTrust::Given);
    assert_eq!(report.checks.len(), CHECKS);
    let alone = verify(&a, &Trust::default());
    assert!(alone.ok && alone.trust == KeyTrust::FromBundle);
    assert_eq!(first.leaves as usize, made.run.results.len() + 6 + 1 + 4);
    let files = unzip(&fs::read(&a).unwrap());
    let run: AuditRun = serde_json::from_slice(&files["run.json"]).unwrap();
    assert_eq!(run, made.run);
    if let Ok(keep) = std::env::var("XUEDUN_KEEP_BUNDLE") {
        fs::copy(&a, keep).unwrap();
    }
}

fn sums_anew(files: &mut Files) {
    files.remove("SHA256SUMS");
    let signature = files.remove("SHA256SUMS.sig");
    let sums: String = files
        .iter()
        .map(|(name, bytes)| {
            let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
            format!("{}  {name}\n", data_encoding::HEXLOWER.encode(hash.as_ref()))
        })
        .collect();
    files.insert("SHA256SUMS".into(), sums.into_bytes());
    files.extend(signature.map(|s| ("SHA256SUMS.sig".to_owned(), s)));
}

fn judge(raw: &[u8], dir: &Path) -> VerifyReport {
    let path = dir.join("tampered.zip");
    fs::write(&path, raw).unwrap();
    verify(&path, &trust())
}

fn replace(files: &mut Files, name: &str, from: &str, to: &str) {
    let text = String::from_utf8(files[name].clone()).unwrap();
    assert!(text.contains(from), "{name} holds {from}");
    files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
}

fn nth(files: &Files, prefix: &str, n: usize) -> String {
    files.keys().filter(|k| k.starts_with(prefix)).nth(n).unwrap().clone()
}

type Tamper = (&'static str, &'static str, fn(&mut Files));

const TAMPERINGS: &[Tamper] = &[
    ("a leaf's verdict is turned", "inclusion", |f| {
        let name = f
            .iter()
            .find(|(k, v)| {
                k.starts_with("leaves/") && String::from_utf8_lossy(v).contains("\"non_conform\"")
            })
            .unwrap()
            .0
            .clone();
        replace(f, &name, "\"non_conform\"", "\"conform\"");
    }),
    ("a leaf and its proof are removed", "leaves-complete", |f| {
        let (leaf, proof) = (nth(f, "leaves/", 3), nth(f, "proofs/", 3));
        f.remove(&leaf);
        f.remove(&proof);
    }),
    ("the last leaf is removed", "leaves-complete", |f| {
        let n = f.keys().filter(|k| k.starts_with("leaves/")).count() - 1;
        let (leaf, proof) = (nth(f, "leaves/", n), nth(f, "proofs/", n));
        f.remove(&leaf);
        f.remove(&proof);
    }),
    ("a leaf is added", "leaves-complete", |f| {
        f.insert("leaves/000000009999.json".into(), b"{}".to_vec());
    }),
    ("a leaf under an unusual number", "leaves-complete", |f| {
        f.insert("leaves/7.json".into(), b"{}".to_vec());
    }),
    ("two leaves change places", "inclusion", |f| {
        let (a, b) = (nth(f, "leaves/", 2), nth(f, "leaves/", 3));
        let (va, vb) = (f[&a].clone(), f[&b].clone());
        f.insert(a, vb);
        f.insert(b, va);
    }),
    ("a proof is altered", "inclusion", |f| {
        let name = nth(f, "proofs/", 4);
        let text = String::from_utf8(f[&name].clone()).unwrap();
        let hash = text.lines().nth(2).unwrap().to_owned();
        replace(f, &name, &hash, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    }),
    ("a proof is missing", "inclusion", |f| {
        let name = nth(f, "proofs/", 4);
        f.remove(&name);
    }),
    ("a proof against another checkpoint", "inclusion", |f| {
        let name = nth(f, "proofs/", 4);
        let before = String::from_utf8(f["checkpoint.prev"].clone()).unwrap();
        let text = String::from_utf8(f[&name].clone()).unwrap();
        let head = text.split_once("\n\n").unwrap().0;
        f.insert(name, format!("{head}\n\n{before}").into_bytes());
    }),
    ("the size of the checkpoint is altered", "checkpoint", |f| {
        let size = String::from_utf8_lossy(&f["checkpoint"]).lines().nth(1).unwrap().to_owned();
        replace(f, "checkpoint", &format!("\n{size}\n"), "\n9999\n");
    }),
    ("the root of the checkpoint is altered", "checkpoint", |f| {
        let root = String::from_utf8_lossy(&f["checkpoint"]).lines().nth(2).unwrap().to_owned();
        replace(f, "checkpoint", &root, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    }),
    ("the signature is removed", "checkpoint", |f| {
        let text = String::from_utf8(f["checkpoint"].clone()).unwrap();
        let body = text.split_once("\n\n").unwrap().0.to_owned();
        f.insert("checkpoint".into(), format!("{body}\n\n").into_bytes());
    }),
    ("signed by another key of the same name", "checkpoint", |f| {
        let text = String::from_utf8(f["checkpoint"].clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let root: [u8; 32] =
            data_encoding::BASE64.decode(lines[2].as_bytes()).unwrap().try_into().unwrap();
        let forged = signer(8).sign(lines[1].parse().unwrap(), &root);
        f.insert("checkpoint".into(), forged.note.into_bytes());
    }),
    ("the key in the bundle is another", "key", |f| {
        f.insert("keys/log.vkey".into(), format!("{}\n", signer(8).key()).into_bytes());
    }),
    ("the checkpoint before is altered", "checkpoint-prev", |f| {
        replace(f, "checkpoint.prev", "\n2\n", "\n1\n");
    }),
    ("both checkpoints are the same", "growth", |f| {
        let after = f["checkpoint"].clone();
        f.insert("checkpoint.prev".into(), after);
    }),
    ("the consistency proof is emptied", "consistency", |f| {
        let text = String::from_utf8(f["consistency"].clone()).unwrap();
        let head: String = text.lines().take(3).map(|l| format!("{l}\n")).collect();
        f.insert("consistency".into(), head.into_bytes());
    }),
    ("the consistency proof names other sizes", "consistency", |f| {
        replace(f, "consistency", "old 2", "old 1");
    }),
    ("the report is altered", "documents", |f| {
        replace(f, "report.html", "不符合", "符合");
    }),
    ("the table is altered", "documents", |f| {
        replace(f, "items.csv", "不符合", "符合");
    }),
    ("the OSCAL file is altered", "documents", |f| {
        replace(f, "oscal/assessment-results.json", "not-satisfied", "satisfied");
    }),
    ("the run is altered", "run-json", |f| {
        replace(f, "run.json", "non_conform", "conform");
    }),
    ("the run is replaced by rubbish", "run-json", |f| {
        f.insert("run.json".into(), b"{}".to_vec());
    }),
    ("the instructions are altered", "documents", |f| {
        replace(f, "VERIFY.md", "sha256sum", "true");
    }),
    ("an attachment is altered", "attachments", |f| {
        f.insert("attachments/机房照片.txt".into(), b"other".to_vec());
    }),
    ("an attachment is removed", "attachments", |f| {
        f.remove("attachments/机房照片.txt");
    }),
    ("an attachment is slipped in", "attachments", |f| {
        f.insert("attachments/新.txt".into(), b"new".to_vec());
    }),
    ("a file is missing", "file-names", |f| {
        f.remove("report.en.html");
    }),
    ("a stray file", "file-names", |f| {
        f.insert("readme.exe".into(), b"x".to_vec());
    }),
    ("a name that leaves the folder", "file-names", |f| {
        f.insert("attachments/../../x".into(), b"x".to_vec());
    }),
];

#[test]
fn every_tampering_is_a_named_failure() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.zip");
    make(&made, &dir.path().join("log"), &out);
    let good = unzip(&fs::read(&out).unwrap());
    for (what, check, tamper) in TAMPERINGS {
        let mut files = good.clone();
        tamper(&mut files);
        assert_ne!(files, good, "{what}");
        sums_anew(&mut files);
        let report = judge(&rezip(&files), dir.path());
        assert!(!report.ok, "{what} was not noticed");
        assert!(report.failed().any(|c| c.name == *check), "{what}: {:#?}", report.checks);
        // Whoever writes the sums anew cannot sign them.
        assert!(report.failed().any(|c| c.name == "sums-signature"), "{what}");
    }
    let report = judge(&rezip(&good), dir.path());
    assert!(report.ok, "only the tampering is noticed");
}

#[test]
fn sums_and_archive_are_checked_too() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.zip");
    make(&made, &dir.path().join("log"), &out);
    let raw = fs::read(&out).unwrap();
    let fails = |raw: &[u8], check: &str| {
        let report = judge(raw, dir.path());
        assert!(report.failed().any(|c| c.name == check), "{:#?}", report.checks);
    };
    let good = unzip(&raw);
    let mut files = good.clone();
    files.insert("report.html".into(), b"x".to_vec());
    fails(&rezip(&files), "sha256sums");
    let mut files = good.clone();
    files.remove("attachments/机房照片.txt");
    fails(&rezip(&files), "sha256sums");
    let mut files = good.clone();
    files.insert("attachments/b".into(), b"x".to_vec());
    fails(&rezip(&files), "sha256sums");
    fails(&[&raw[..], b"more"].concat(), "archive");
    fails(&[b"front", &raw[..]].concat(), "archive");
    for cut in [0, 3, 30, raw.len() / 2, raw.len() - 22, raw.len() - 1] {
        fails(&raw[..cut], "whole");
        assert_eq!(judge(&raw[..cut], dir.path()).outcome, VerifyOutcome::HalfWritten, "{cut}");
    }
    // The length was there before the bytes were.
    let zeroed = [&raw[..raw.len() / 2], &vec![0; raw.len() / 2][..]].concat();
    assert_eq!(judge(&zeroed, dir.path()).outcome, VerifyOutcome::HalfWritten);
    fails(b"not a zip", "archive");
    assert_eq!(judge(b"not a zip", dir.path()).outcome, VerifyOutcome::Unreadable);
    let missing = verify(&dir.path().join("none.zip"), &Trust::default());
    assert!(
        !missing.ok && missing.failed().count() == CHECKS,
        "what was not reached has not passed"
    );
}

#[test]
fn attachment_names_stay_in_the_folder() {
    let made = made();
    let dir = tempfile::tempdir().unwrap();
    let mut log = EvidenceLog::open(&dir.path().join("log"), signer(7), None).unwrap();
    let size = log.size();
    for name in ["../x", "a/b", "", ".hidden", "a\\b", "c:d"] {
        let attachments = [Attachment { name: name.into(), bytes: Vec::new() }];
        let out = dir.path().join("x.zip");
        let result =
            bundle(&mut log, &made.run, &made.catalogue, &made.checks, &attachments, now(), &out);
        assert_eq!(result.unwrap_err().code(), "V032", "{name}");
    }
    assert_eq!(log.size(), size, "a refused bundle leaves nothing in the log");
}

#[test]
fn a_result_that_was_planned_and_is_missing_is_found_in_a_bundle_signed_as_it_is() {
    let mut made = made();
    made.run.results.pop();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.zip");
    make(&made, &dir.path().join("log"), &out);
    let report = verify(&out, &trust());
    assert_eq!(report.outcome, VerifyOutcome::Incomplete);
    assert_eq!(report.failed().map(|c| c.name).collect::<Vec<_>>(), ["run-complete"]);
}
