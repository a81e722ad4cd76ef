//! What stands beside the log's own signature: witnesses that sign or do not, keys that change, logs
//! that were rolled back or forked. The peers are played by the test; real ones in `.ci/evidence.sh`.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod evidence_common;
mod evidence_peer;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use compliance::evidence::{
    Assurance, BundleSummary, EvidenceLog, Policy, Trust, VerifyOutcome, VerifyReport, bundle,
    verify,
};
use events::Timestamp;
use evidence_common::{Made, made, now, rezip, signer, unzip};
use evidence_peer::{Mood, Peer, Peers, copy_dir};

fn open(dir: &Path, seed: u8) -> EvidenceLog {
    EvidenceLog::open(dir, signer(seed), None).unwrap()
}

/// Asked of these peers, of whom `quorum` must sign.
fn assured(peers: &[Arc<Peer>], quorum: usize) -> Assurance {
    let witnesses = peers.iter().map(|p| p.witness()).collect();
    let network = Arc::new(Peers(peers.to_vec()));
    Assurance { policy: Policy::flat(witnesses, quorum).unwrap(), stamp: None, network }
}

fn make(log: &mut EvidenceLog, made: &Made, out: &Path) -> BundleSummary {
    bundle(log, &made.run, &made.catalogue, &made.checks, &[], now(), out).unwrap()
}

fn trust(seed: u8) -> Trust {
    Trust { key: Some(signer(seed).key().clone()), ..Trust::default() }
}

fn failed(report: &VerifyReport) -> Vec<&'static str> {
    report.failed().map(|c| c.name).collect()
}

#[test]
fn witnesses_sign_and_a_verifier_counts_them_by_a_policy_of_its_own() {
    let (made, dir) = (made(), tempfile::tempdir().unwrap());
    let peers: Vec<Arc<Peer>> = (1..=3).map(|n| Arc::new(Peer::new(n, signer(7).key()))).collect();
    peers[2].mood(Mood::Silent);
    let mut log = open(&dir.path().join("log"), 7);
    log.assured_by(Some(assured(&peers, 2)));
    let out = dir.path().join("a.zip");
    let sealed = make(&mut log, &made, &out).sealed;
    assert!(sealed.assured.quorum);
    let missing: Vec<_> = sealed.assured.missing().map(|a| a.code.clone().unwrap()).collect();
    assert_eq!(missing, ["V050"]);
    let report = verify(&out, &trust(7));
    assert!(report.ok, "{report:#?}");

    let policy = |n: usize| {
        let text: String =
            peers.iter().enumerate().map(|(i, p)| format!("witness w{i} {}\n", p.vkey())).collect();
        let text = format!("{text}group g {n} w0 w1 w2\nquorum g\n");
        Trust { policy: Some(Policy::parse(&text).unwrap()), ..trust(7) }
    };
    assert!(verify(&out, &policy(2)).ok);
    assert_eq!(failed(&verify(&out, &policy(3))), ["witnesses"]);

    // Those who come late are asked again, those who signed are not.
    let asked = peers[0].asked();
    peers[2].mood(Mood::Willing);
    let late = log.assure().unwrap();
    assert!(late.missing().next().is_none());
    assert_eq!(peers[0].asked(), asked);
    drop(log);
    let mut log = open(&dir.path().join("log"), 7);
    assert_eq!(log.latest().note.lines().count(), 4 + 1 + 3, "the lines were kept");
    log.append(b"{}").unwrap();
    log.checkpoint(now()).unwrap();
    log.assured_by(Some(assured(&peers, 2)));
    assert!(log.assure().unwrap().missing().next().is_none(), "and the log goes on from there");
}

#[test]
fn a_line_that_is_gone_or_forged_is_found() {
    let (made, dir) = (made(), tempfile::tempdir().unwrap());
    let peers = [Arc::new(Peer::new(1, signer(7).key()))];
    let mut log = open(&dir.path().join("log"), 7);
    log.assured_by(Some(assured(&peers, 1)));
    let out = dir.path().join("a.zip");
    make(&mut log, &made, &out);
    let good = unzip(&fs::read(&out).unwrap());
    let note = String::from_utf8(good["checkpoint"].clone()).unwrap();
    let line = note.lines().last().unwrap();
    let forged = Peer::new(9, signer(7).key()).line_as(&peers[0], &note);
    for (what, other) in [
        ("gone", note.replace(&format!("{line}\n"), "")),
        ("forged", note.replace(line, forged.trim_end())),
    ] {
        let mut files = good.clone();
        for bytes in files.values_mut() {
            let Ok(text) = std::str::from_utf8(bytes) else { continue };
            *bytes = text.replace(&note, &other).into_bytes();
        }
        assert_ne!(files, good);
        let path = dir.path().join("t.zip");
        fs::write(&path, rezip(&files)).unwrap();
        assert!(failed(&verify(&path, &trust(7))).contains(&"witnesses"), "{what}");
    }
}

#[test]
fn what_a_witness_may_answer_has_a_code_each_and_stops_nothing() {
    let (made, dir) = (made(), tempfile::tempdir().unwrap());
    let answer = |status, kind, body: &str| Mood::Says(status, kind, body.to_owned());
    let size = "text/x.tlog.size";
    for (n, (mood, code)) in [
        (Mood::Silent, "V050"),
        (answer(404, "", "unknown"), "V051"),
        (answer(403, "", "no"), "V052"),
        (answer(422, "", "no"), "V053"),
        (answer(409, size, "0\n"), "V053"),
        (answer(409, size, "999999\n"), "V054"),
        (answer(409, "text/plain", "7\n"), "V055"),
        (answer(409, size, "seven"), "V055"),
        (answer(500, "", ""), "V055"),
        (answer(200, "", "not a line"), "V055"),
        (answer(200, "", ""), "V055"),
        (answer(200, "", "\u{2014} other.example AAAAAAAAAAAA\n"), "V056"),
        (Mood::SignsAnotherText, "V056"),
    ]
    .into_iter()
    .enumerate()
    {
        let peer = Arc::new(Peer::new(1, signer(7).key()));
        peer.mood(mood.clone());
        let mut log = open(&dir.path().join(format!("log-{n}")), 7);
        log.assured_by(Some(assured(&[peer], 1)));
        let out = dir.path().join("a.zip");
        let sealed = make(&mut log, &made, &out).sealed;
        let asked = &sealed.assured.witnesses[0];
        assert_eq!(asked.code.as_deref(), Some(code), "{mood:?}: {asked:?}");
        assert!(!sealed.assured.quorum);
        assert_eq!(failed(&verify(&out, &trust(7))), ["witnesses"], "{mood:?}");
    }
}

#[test]
fn a_witness_tells_a_log_that_was_rolled_back_or_forked() {
    let dir = tempfile::tempdir().unwrap();
    let peer = Arc::new(Peer::new(1, signer(7).key()));
    let (path, old) = (dir.path().join("log"), dir.path().join("old"));
    let sign = |log: &mut EvidenceLog, leaf: &[u8]| {
        log.append(leaf).unwrap();
        log.checkpoint(now()).unwrap();
        log.assured_by(Some(assured(&[Arc::clone(&peer)], 1)));
        log.assure().unwrap().witnesses[0].code.clone()
    };
    let mut log = open(&path, 7);
    assert_eq!(sign(&mut log, b"a"), None);
    drop(log);
    copy_dir(&path, &old);
    let mut log = open(&path, 7);
    assert_eq!(sign(&mut log, b"b"), None);
    assert_eq!(sign(&mut log, b"c"), None);
    let seen = log.latest().note.clone();
    drop(log);

    // An old backup: first shorter, then, as it grows, another history.
    let mut log = open(&old, 7);
    assert_eq!(log.continues(&seen).unwrap_err().code(), "V022");
    log.assured_by(Some(assured(&[Arc::clone(&peer)], 1)));
    fs::remove_dir_all(old.join("witness")).unwrap();
    assert_eq!(sign(&mut log, b"x").as_deref(), Some("V054"));
    sign(&mut log, b"y");
    assert_eq!(sign(&mut log, b"z").as_deref(), Some("V053"));
    assert_eq!(log.continues(&seen).unwrap_err().code(), "V023");
    drop(log);
    assert!(open(&path, 7).continues(&seen).is_ok());
    assert_eq!(open(&path, 7).continues("rubbish").unwrap_err().code(), "V011");
}

#[test]
fn keys_are_handed_over_and_bundles_verify_by_any_key_before() {
    let (made, dir) = (made(), tempfile::tempdir().unwrap());
    let path = dir.path().join("log");
    let zip = |n: u8| dir.path().join(format!("{n}.zip"));
    let mut log = open(&path, 7);
    make(&mut log, &made, &zip(7));
    let seen = log.latest().note.clone();
    for seed in [8, 9] {
        log.rotate(signer(seed), now()).unwrap();
        drop(log);
        log = open(&path, seed);
        make(&mut log, &made, &zip(seed));
    }
    assert!(log.continues(&seen).is_ok(), "a checkpoint of the first key");
    assert_eq!(log.keys().unwrap(), [7, 8, 9].map(|s| signer(s).key().clone()));
    for (bundle, keys) in [(7, &[7][..]), (8, &[7, 8]), (9, &[7, 8, 9])] {
        for key in [7, 8, 9] {
            let report = verify(&zip(bundle), &trust(key));
            assert_eq!(report.ok, keys.contains(&key), "{bundle} by {key}: {report:#?}");
        }
        assert!(!verify(&zip(bundle), &trust(6)).ok, "a key the log never had");
        let seen = Trust { seen: Some(seen.clone()), ..trust(7) };
        assert!(verify(&zip(bundle), &seen).ok, "and it continues what was seen");
    }

    // An earlier checkpoint is signed by one of the log's keys, also for who knows the last one only.
    let mut files = unzip(&fs::read(zip(9)).unwrap());
    let old = files.keys().find(|n| n.starts_with("since/") && n.ends_with(".checkpoint")).unwrap();
    let (old, size) = (old.clone(), seen.lines().nth(1).unwrap().parse().unwrap());
    files.insert(old, signer(6).sign(size, &[1; 32]).note.into_bytes());
    fs::write(dir.path().join("t.zip"), rezip(&files)).unwrap();
    for key in [7, 8, 9] {
        assert!(failed(&verify(&dir.path().join("t.zip"), &trust(key))).contains(&"history"));
    }

    // Without the statements a verifier of the first key does not believe the last.
    let good = unzip(&fs::read(zip(9)).unwrap());
    let names: Vec<String> = good.keys().filter(|n| n.starts_with("handover/")).cloned().collect();
    assert_eq!(names.len(), 4);
    let t = dir.path().join("t.zip");
    for gone in &names {
        let mut files = good.clone();
        files.remove(gone);
        fs::write(&t, rezip(&files)).unwrap();
        let report = verify(&t, &trust(7));
        assert!(failed(&report).iter().any(|n| n.starts_with("key")), "{gone}: {report:#?}");
    }
    // Nor a statement that both keys signed and that is not in the tree.
    let mut other = open(&dir.path().join("other"), 7);
    other.rotate(signer(8), Timestamp::from_secs(1_795_000_009)).unwrap();
    let index = other.handovers().unwrap()[0];
    let mut files = good;
    files.insert(names[0].clone(), other.leaf(index).unwrap());
    fs::write(&t, rezip(&files)).unwrap();
    let report = verify(&t, &trust(7));
    assert!(failed(&report).contains(&"key"), "{report:#?}");
}

#[test]
fn a_handover_that_was_cut_short_is_finished_once() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, cut) = (dir.path().join("whole"), dir.path().join("cut"));
    let mut log = open(&whole, 7);
    log.append(b"a").unwrap();
    log.checkpoint(now()).unwrap();
    drop(log);
    copy_dir(&whole, &cut);
    let mut log = open(&whole, 7);
    log.rotate(signer(8), now()).unwrap();
    let (size, at) = (log.size(), log.handovers().unwrap()[0]);
    let leaf = log.leaf(at).unwrap();
    drop(log);

    // The statement was durable, its checkpoint was not.
    let mut log = open(&cut, 7);
    log.append(&leaf).unwrap();
    fs::create_dir_all(cut.join("handover")).unwrap();
    fs::write(cut.join(format!("handover/{at:020}")), &leaf).unwrap();
    log.rotate(signer(8), now()).unwrap();
    assert_eq!((log.size(), log.handovers().unwrap()), (size, vec![at]));
    drop(log);
    // Everything was durable but the caller did not come to know: asked again, nothing is new.
    let mut log = open(&cut, 7);
    log.rotate(signer(8), now()).unwrap();
    assert_eq!((log.size(), log.key().clone()), (size, signer(8).key().clone()));
    assert_eq!(log.rotate(signer(8), now()).unwrap_err().code(), "V010");
}

#[test]
fn a_checkpoint_seen_before_finds_what_was_rolled_back_forked_or_not_shown() {
    let (made, dir) = (made(), tempfile::tempdir().unwrap());
    let (path, fork) = (dir.path().join("log"), dir.path().join("fork"));
    let zip = |name: &str| dir.path().join(name);
    let mut log = open(&path, 7);
    log.append(b"one").unwrap();
    let start = log.checkpoint(now()).unwrap().note;
    drop(log);
    copy_dir(&path, &fork);
    let mut log = open(&path, 7);
    make(&mut log, &made, &zip("first"));
    let first = log.latest().note.clone();
    log.append(b"between").unwrap();
    let between = log.checkpoint(now()).unwrap().note;
    log.append(b"after").unwrap();
    make(&mut log, &made, &zip("second"));
    let second = log.latest().note.clone();
    let proof = |from: &str| {
        let size = from.lines().nth(1).unwrap().parse().unwrap();
        log.proof_since(size).unwrap()
    };
    let mut forked = open(&fork, 7);
    forked.append(b"another history").unwrap();
    make(&mut forked, &made, &zip("forked"));
    forked.append(b"other").unwrap();
    make(&mut forked, &made, &zip("forked-longer"));
    let elsewhere = forked.latest().note.clone();

    let judge = |name: &str, seen: &str, proof: Option<String>| {
        let trust = Trust { seen: Some(seen.to_owned()), proof, ..trust(7) };
        verify(&zip(name), &trust).outcome
    };
    use VerifyOutcome::{Forked, RolledBack, Tampered, Unshown, Verified};
    for (bundle, seen, given, outcome) in [
        ("first", &first, None, Verified),
        ("second", &first, None, Verified),
        ("second", &second, None, Verified),
        ("first", &second, None, RolledBack),
        ("first", &second, Some(proof(&first)), Verified),
        ("second", &between, None, Unshown),
        ("second", &between, Some(proof(&between)), Verified),
        ("second", &start, None, Unshown),
        ("second", &start, Some(proof(&start)), Verified),
        ("second", &between, Some(proof(&start)), Forked),
        ("forked", &first, None, Forked),
        ("forked-longer", &first, None, Unshown),
        ("forked-longer", &first, Some(proof(&first)), Forked),
        ("forked", &second, None, RolledBack),
        ("forked", &second, Some(proof(&first)), Forked),
        ("second", &elsewhere, None, Forked),
        ("second", &"rubbish".to_owned(), None, Tampered),
    ] {
        let line = seen.lines().nth(1).unwrap_or_default();
        assert_eq!(judge(bundle, seen, given.clone()), outcome, "{bundle} after {line}: {given:?}");
    }
    let other = signer(8).sign(5, &[1; 32]).note;
    assert_eq!(judge("second", &other, None), Tampered, "of another key");
}
