//! The log on disk: layout, durability, recovery, damage, roll-back and forks.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::Path;

use compliance::evidence::merkle::{leaf_hash, root_of, verify_consistency, verify_inclusion};
use compliance::evidence::{EvidenceLog, Signer};
use events::Timestamp;

fn signer() -> Signer {
    Signer::from_seed("edu.example/log", &[7; 32]).unwrap()
}

fn open(dir: &Path) -> EvidenceLog {
    EvidenceLog::open(dir, signer(), None).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000)
}

fn fill(log: &mut EvidenceLog, n: u64) {
    let leaves: Vec<String> = (0..n).map(|i| format!("leaf {}", log.size() + i)).collect();
    let slices: Vec<&[u8]> = leaves.iter().map(String::as_bytes).collect();
    log.append_all(&slices).unwrap();
}

#[test]
fn survives_reopening_and_proves_every_size() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    assert_eq!(log.latest().size, 0);
    let mut marks = vec![log.latest().clone()];
    for n in [1, 254, 1, 1, 300, 256, 700] {
        fill(&mut log, n);
        marks.push(log.checkpoint(now()).unwrap());
        drop(log);
        log = open(dir.path());
        assert_eq!(log.latest(), marks.last().unwrap());
        assert_eq!(log.opened().pending, 0);
    }
    assert_eq!(log.check().unwrap(), log.size());
    let last = log.latest().clone();
    let hashes: Vec<_> = (0..last.size).map(|i| leaf_hash(&log.leaf(i).unwrap())).collect();
    assert_eq!(last.root, root_of(&hashes));
    for mark in &marks {
        let proof = log.consistency(mark.size, last.size).unwrap();
        assert!(verify_consistency(mark.size, &mark.root, last.size, &last.root, &proof));
    }
    for index in (0..last.size).step_by(37) {
        let proof = log.inclusion(index, last.size).unwrap();
        assert!(verify_inclusion(&hashes[index as usize], index, last.size, &proof, &last.root));
    }
    assert!(dir.path().join("tile/0/000").exists() && dir.path().join("tile/entries/000").exists());
    assert_eq!(fs::read(dir.path().join("tile/0/000")).unwrap().len(), 256 * 32);
    assert_eq!(log.checkpoint(now()).unwrap(), last, "nothing new, nothing signed");
}

#[test]
fn appended_leaves_survive_without_a_checkpoint_and_a_torn_tail_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    fill(&mut log, 3);
    drop(log);
    let pending = dir.path().join("pending");
    let whole = fs::read(&pending).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(&whole[16..16 + 20]);
    fs::write(&pending, &torn).unwrap();
    let mut log = open(dir.path());
    assert_eq!((log.opened().pending, log.opened().torn_bytes), (3, 20));
    assert_eq!(log.leaf(2).unwrap(), b"leaf 2");
    fill(&mut log, 1);
    log.checkpoint(now()).unwrap();
    drop(log);
    let log = open(dir.path());
    assert_eq!((log.size(), log.leaf(3).unwrap()), (5, b"leaf 3".to_vec()));
}

#[test]
fn a_crash_after_signing_leaves_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    fill(&mut log, 3);
    let before = fs::read(dir.path().join("pending")).unwrap();
    let signed = log.checkpoint(now()).unwrap();
    drop(log);
    // As if the program had died between the note and the new journal.
    fs::write(dir.path().join("pending"), before).unwrap();
    let log = open(dir.path());
    assert_eq!((log.size(), log.opened().pending), (signed.size, 0));
}

#[test]
fn every_flipped_byte_of_the_journal_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    fill(&mut log, 4);
    drop(log);
    let pending = dir.path().join("pending");
    let whole = fs::read(&pending).unwrap();
    let last_record = whole.len() - (8 + 32 + 6);
    for at in 0..last_record {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&pending, &bytes).unwrap();
        let error = EvidenceLog::open(dir.path(), signer(), None).unwrap_err();
        assert_eq!(error.code(), "V021", "byte {at}: {error}");
    }
}

#[test]
fn damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    fill(&mut log, 600);
    log.checkpoint(now()).unwrap();
    drop(log);
    let flip = |name: &str| {
        let path = dir.path().join(name);
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[10] ^= 1;
        fs::write(&path, bad).unwrap();
        (path, good)
    };
    // A tile of the right edge: opening finds it. A full tile or bundle: reading finds it.
    for (name, at_open) in [
        ("tile/0/002.p/89", true),
        ("tile/1/000.p/2", true),
        ("tile/entries/002.p/89", true),
        ("tile/0/000", false),
        ("tile/entries/001", false),
    ] {
        let (path, good) = flip(name);
        match EvidenceLog::open(dir.path(), signer(), None) {
            Err(error) => assert!(at_open && error.code() == "V021", "{name}: {error}"),
            Ok(log) => {
                assert!(!at_open, "{name} was not found at opening");
                let error = log.check().unwrap_err();
                assert_eq!(error.code(), "V021", "{name}: {error}");
            }
        }
        fs::write(path, good).unwrap();
    }
    assert!(open(dir.path()).check().is_ok());
    let (path, good) = flip("checkpoint");
    assert!(EvidenceLog::open(dir.path(), signer(), None).is_err());
    fs::write(path, good).unwrap();
    fs::remove_file(dir.path().join("checkpoint")).unwrap();
    assert_eq!(EvidenceLog::open(dir.path(), signer(), None).unwrap_err().code(), "V021");
}

#[test]
fn rolled_back_and_forked_logs_do_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    fill(&mut log, 5);
    log.checkpoint(now()).unwrap();
    drop(log);
    let copy = tempfile::tempdir().unwrap();
    copy_dir(dir.path(), copy.path());
    let mut log = open(dir.path());
    fill(&mut log, 5);
    let known = log.checkpoint(now()).unwrap();
    drop(log);
    let reopen = |dir: &Path| EvidenceLog::open(dir, signer(), Some(&known)).map(|l| l.size());
    assert_eq!(reopen(dir.path()).unwrap(), known.size);
    assert_eq!(reopen(copy.path()).unwrap_err().code(), "V022", "rolled back");
    let mut log = open(copy.path());
    for _ in 0..7 {
        log.append(b"another history").unwrap();
    }
    log.checkpoint(now()).unwrap();
    drop(log);
    assert_eq!(reopen(copy.path()).unwrap_err().code(), "V023", "forked");
    let stranger = Signer::from_seed("edu.example/log", &[8; 32]).unwrap();
    assert_eq!(EvidenceLog::open(copy.path(), stranger, None).unwrap_err().code(), "V012");
}

#[test]
fn one_writer_and_bounded_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    assert_eq!(EvidenceLog::open(dir.path(), signer(), None).unwrap_err().code(), "V002");
    assert_eq!(log.append(&[0; 65_536]).unwrap_err().code(), "V020");
    assert_eq!(log.append(&[0; 65_535]).unwrap(), 0);
    assert_eq!(log.leaf(1).unwrap_err().code(), "V024");
}

fn copy_dir(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
