//! The evidence of a folder over time: keys that change, logs that were rolled back, countersigners
//! that do not answer. Real peers stand in `.ci/evidence.sh`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::fs;
use std::path::Path;

use centre::World;
use centre::config::EvidenceConfig;
use centre::evidence::Evidence;
use compliance::audit::{AuditRun, RecordedHost, Target, content, plan, run};
use compliance::evidence::{Trust, VerifyOutcome, VerifyingKey, verify};
use events::{SiteId, Timestamp};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_795_000_000 + secs)
}

fn audited(secs: i64) -> AuditRun {
    let content = content().unwrap();
    let target = Target::host(SiteId::BUREAU, "srv");
    let plan = plan(&content.catalogue, &content.checks, &target).unwrap();
    run(&plan, &RecordedHost::new(), at(secs), &mut |_| {})
}

fn open(dir: &Path) -> Evidence {
    Evidence::open(&dir.join("evidence"), &EvidenceConfig::default(), &World::real()).unwrap()
}

fn trust(key: &VerifyingKey) -> Trust {
    Trust { key: Some(key.clone()), ..Trust::default() }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_key_is_changed_under_a_running_process_and_bundles_follow() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (open(dir.path()), open(dir.path()));
    let out = dir.path().join("out.zip");
    let first = audited(0);
    one.seal(&first, &[], at(1)).unwrap();
    let (old, new) = two.rotate(at(2)).unwrap();
    assert_ne!(old, new);
    assert_eq!(old.name(), new.name());
    // The other process signs by the new key without being told.
    let second = audited(10);
    one.seal(&second, &[], at(11)).unwrap();
    assert_eq!(one.key().unwrap(), new);
    one.export(second.id, &out).unwrap();
    assert!(verify(&out, &trust(&old)).ok, "by the key before");
    assert!(verify(&out, &trust(&new)).ok);
    one.export(first.id, &out).unwrap();
    assert!(verify(&out, &trust(&old)).ok, "a bundle of before, by the key of before");
    assert!(!verify(&out, &trust(&new)).ok);
    // Nothing of the old secret stays.
    let keys: Vec<String> = fs::read_dir(dir.path().join("evidence"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.contains("key"))
        .collect();
    assert_eq!(keys, ["evidence.key"]);
}

#[test]
fn a_change_of_the_key_that_was_cut_short_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = open(dir.path());
    evidence.checkpoint(at(0)).unwrap();
    let old = evidence.key().unwrap();
    let next = dir.path().join("evidence/evidence.key.next");
    let key = dir.path().join("evidence/evidence.key");
    fs::copy(&key, &next).unwrap();
    fs::write(&next, [9; 32]).unwrap();
    let run = audited(1);
    evidence.seal(&run, &[], at(2)).unwrap();
    assert!(!next.exists());
    assert_eq!(fs::read(&key).unwrap(), [9; 32]);
    let out = dir.path().join("out.zip");
    evidence.export(run.id, &out).unwrap();
    assert!(verify(&out, &trust(&old)).ok);
    // Stopped after the log was handed over and before the key took its place.
    let (old, new) = evidence.rotate(at(3)).unwrap();
    let size = evidence.look().unwrap();
    fs::copy(&key, &next).unwrap();
    fs::write(&key, [9; 32]).unwrap();
    let again = open(dir.path());
    assert_eq!(again.key().unwrap(), old);
    assert_eq!(again.look().unwrap(), size, "it is not handed over twice");
    assert_eq!((again.key().unwrap(), next.exists()), (new, false));
}

#[test]
fn a_log_that_was_rolled_back_is_refused_until_a_person_accepts_it() {
    let dir = tempfile::tempdir().unwrap();
    let (log, old) = (dir.path().join("evidence/log"), dir.path().join("old"));
    let evidence = open(dir.path());
    evidence.seal(&audited(0), &[], at(1)).unwrap();
    copy_dir(&log, &old);
    evidence.seal(&audited(10), &[], at(11)).unwrap();
    assert_eq!(evidence.standing().trouble, None);
    let seen = fs::read_to_string(dir.path().join("evidence.seen")).unwrap();
    fs::remove_dir_all(&log).unwrap();
    copy_dir(&old, &log);

    let run = audited(20);
    let code = |evidence: &Evidence| evidence.seal(&run, &[], at(21)).unwrap_err().code();
    assert_eq!(code(&evidence), "V022");
    let alarms = evidence.standing().alarms();
    assert!(alarms[0].zh.contains("回退") && alarms[0].en.contains("V022"), "{alarms:?}");
    let again = open(dir.path());
    assert_eq!(again.look().unwrap_err().code(), "V022", "and after a restart");
    assert_eq!(code(&again), "V022");

    again.accept("王", "从备份恢复", at(30)).unwrap();
    again.seal(&run, &[], at(31)).unwrap();
    assert_eq!(again.standing().alarms(), []);
    // Whoever saw the lost checkpoint still finds it out.
    let out = dir.path().join("out.zip");
    again.export(run.id, &out).unwrap();
    let trust = Trust { seen: Some(seen), ..trust(&again.key().unwrap()) };
    let report = verify(&out, &trust);
    assert!(matches!(report.outcome, VerifyOutcome::Forked | VerifyOutcome::RolledBack));
}

#[test]
fn a_log_of_another_history_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (log, old) = (dir.path().join("evidence/log"), dir.path().join("old"));
    let evidence = open(dir.path());
    evidence.checkpoint(at(0)).unwrap();
    copy_dir(&log, &old);
    evidence.seal(&audited(0), &[], at(1)).unwrap();
    fs::remove_dir_all(&log).unwrap();
    copy_dir(&old, &log);
    // Whoever has the key writes another history of the same length or longer.
    let seen = dir.path().join("evidence.seen");
    let kept = fs::read(&seen).unwrap();
    fs::remove_file(&seen).unwrap();
    evidence.seal(&audited(2), &[], at(3)).unwrap();
    evidence.seal(&audited(4), &[], at(5)).unwrap();
    fs::write(&seen, &kept).unwrap();
    assert_eq!(evidence.look().unwrap_err().code(), "V023");
    assert!(evidence.standing().alarms()[0].zh.contains("分叉"));
    fs::write(&seen, "rubbish").unwrap();
    assert_eq!(evidence.look().unwrap_err().code(), "V011");
}

#[test]
fn nobody_answers_and_the_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy");
    let key = "w.example/1+0c86045d+BAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
    fs::write(&policy, format!("witness a {key} http://127.0.0.1:1/w\nquorum a\n")).unwrap();
    let ca = rcgen_root();
    fs::write(dir.path().join("tsa.pem"), ca).unwrap();
    let config = EvidenceConfig {
        policy: Some(policy),
        tsa_url: Some("http://127.0.0.1:1/tsa".to_owned()),
        tsa_ca: Some(dir.path().join("tsa.pem")),
        sm2: true,
        ..EvidenceConfig::default()
    };
    let evidence = Evidence::open(&dir.path().join("evidence"), &config, &World::real()).unwrap();
    let run = audited(0);
    let sealed = evidence.seal(&run, &[], at(1)).unwrap().sealed;
    assert!(sealed.assured.sm2 && !sealed.assured.quorum);
    let (_, assured) = evidence.checkpoint(at(2)).unwrap();
    let codes: Vec<_> = assured.missing().map(|a| a.code.clone().unwrap()).collect();
    assert_eq!(codes, ["V050", "V060"]);
    let standing = evidence.standing();
    assert_eq!(standing.peers.len(), 2);
    for peer in standing.peers.values() {
        assert_eq!((peer.asked, peer.failed, peer.failing_since), (2, 2, Some(at(1))));
    }
    assert_eq!(standing.alarms().len(), 2);
    let out = dir.path().join("out.zip");
    evidence.export(run.id, &out).unwrap();
    let report = verify(&out, &trust(&evidence.key().unwrap()));
    let failed: Vec<_> = report.failed().map(|c| c.name).collect();
    assert_eq!(failed, ["witnesses", "timestamp"], "the bundle says what it lacks: {report:#?}");
}

/// A root certificate for an authority that does not answer.
fn rcgen_root() -> String {
    centre::tls::self_signed(&["tsa.example".to_owned()]).unwrap().0
}
