use std::process::Command;

use ring::rand::SystemRandom;

use super::*;
use crate::records::protect::{KeyRing, Root};

/// A store with one dataset, and the path of its page file.
fn dataset(dir: &Path) -> (DatasetKey, PathBuf) {
    let (root, random) = (Root::key([9; 32]), SystemRandom::new());
    let mut ring = KeyRing::open(&dir.join("keys.json"), &root, &random).unwrap();
    (ring.dataset_or_new("学籍", &random).unwrap(), dir.join("keys.json.1"))
}

fn subject(n: u64) -> Subject {
    n.to_be_bytes()
}

/// A key that tells its number.
fn key(n: u64) -> [u8; 32] {
    let mut key = [0xEE; 32];
    key[..8].copy_from_slice(&n.to_be_bytes());
    key
}

fn add(writer: &mut KeyWriter, keys: &DatasetKey, numbers: std::ops::Range<u64>) -> Vec<u64> {
    let random = SystemRandom::new();
    numbers.map(|n| writer.add(subject(n), &key(n), keys, &random).unwrap()).collect()
}

fn whole(path: &Path, keys: &DatasetKey, numbers: std::ops::Range<u64>) -> Vec<u64> {
    let mut writer = KeyWriter::open(path).unwrap();
    let slots = add(&mut writer, keys, numbers);
    writer.finish(keys, &SystemRandom::new()).unwrap();
    slots
}

fn held(path: &Path, keys: &DatasetKey, slot: u64) -> Result<Option<[u8; 32]>, Error> {
    Ok(KeyReader::open(path)?.key(slot, keys)?.map(|k| *k))
}

#[test]
fn a_key_comes_back_from_its_slot_over_pages_and_runs() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    let first = whole(&path, &keys, 0..SLOTS as u64 + 5);
    let second = whole(&path, &keys, 1000..1003);
    // A run begins a page of its own.
    assert_eq!(
        (first.last(), second.first()),
        (Some(&(SLOTS as u64 + 4)), Some(&(2 * SLOTS as u64)))
    );
    for (slot, n) in first.iter().zip(0..).chain(second.iter().zip(1000..)) {
        assert_eq!(held(&path, &keys, *slot).unwrap(), Some(key(n)), "slot {slot}");
    }
    assert_eq!(held(&path, &keys, first.last().unwrap() + 1).unwrap(), None, "an empty slot");
    assert_eq!(held(&path, &keys, (1 << 48) - 1).unwrap(), None, "the last slot a cell can name");
}

#[test]
fn nothing_in_the_file_tells_a_key_or_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    whole(&path, &keys, 0..3);
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len(), PAGE_BYTES);
    assert!(!bytes.windows(8).any(|w| w == [0xEE; 8] || w == subject(1)));
}

#[test]
fn a_run_given_up_takes_back_what_it_added() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    let slots = whole(&path, &keys, 0..2);
    let before = fs::read(&path).unwrap();
    let mut writer = KeyWriter::open(&path).unwrap();
    add(&mut writer, &keys, 100..100 + 3 * SLOTS as u64);
    assert!(fs::metadata(&path).unwrap().len() > before.len() as u64, "pages were written");
    drop(writer);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(held(&path, &keys, slots[1]).unwrap(), Some(key(1)));
}

/// Set in the child, which dies in the middle of its work: the folder it works in.
const DIE_IN: &str = "XUEDUN_TEST_DIE_IN";

#[test]
fn a_process_that_dies_leaves_a_file_that_works() {
    if let Some(folder) = std::env::var_os(DIE_IN) {
        let (keys, path) = dataset(Path::new(&folder));
        let mut writer = KeyWriter::open(&path).unwrap();
        add(&mut writer, &keys, 100..100 + 2 * SLOTS as u64 + 9);
        std::process::abort();
    }
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    let first = whole(&path, &keys, 0..2);
    let name = "records::protect::keylog::tests::a_process_that_dies_leaves_a_file_that_works";
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(DIE_IN, dir.path())
        .output()
        .unwrap();
    assert!(!child.status.success());
    assert_eq!(fs::metadata(&path).unwrap().len(), 3 * PAGE_BYTES as u64, "it died in the middle");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[7; 100]).unwrap();

    // Its lock died with it; its keys are nobody's; what was there before is there.
    let later = whole(&path, &keys, 5000..5002);
    assert_eq!(later.first(), Some(&(3 * SLOTS as u64)));
    assert_eq!(fs::metadata(&path).unwrap().len(), 4 * PAGE_BYTES as u64, "the torn end is cut");
    assert_eq!(held(&path, &keys, first[1]).unwrap(), Some(key(1)));
    assert_eq!(held(&path, &keys, later[1]).unwrap(), Some(key(5001)));
    assert_eq!(erase(&path, subject(0), &keys, &SystemRandom::new()).unwrap(), 1);
    assert_eq!(held(&path, &keys, later[1]).unwrap(), Some(key(5001)));
}

#[test]
fn pages_of_zeros_hold_nobody_and_damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    whole(&path, &keys, 0..2);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(3 * PAGE_BYTES as u64).unwrap();
    let later = whole(&path, &keys, 10..11);
    assert_eq!(held(&path, &keys, SLOTS as u64).unwrap(), None);
    assert_eq!(erase(&path, subject(1), &keys, &SystemRandom::new()).unwrap(), 1);
    assert_eq!(held(&path, &keys, later[0]).unwrap(), Some(key(10)));

    let mut bytes = fs::read(&path).unwrap();
    bytes[2000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(held(&path, &keys, 0), Err(Error::BadKeyStore { .. })));
    let erased = erase(&path, subject(10), &keys, &SystemRandom::new());
    assert!(matches!(erased, Err(Error::BadKeyStore { .. })));
    assert_eq!(fs::read(&path).unwrap(), bytes, "a refused erasure changes nothing");
    assert_eq!(held(&path, &keys, later[0]).unwrap(), Some(key(10)), "other pages still open");
}

#[test]
fn a_page_opens_in_its_place_and_dataset_only() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    whole(&path, &keys, 0..SLOTS as u64 + 1);
    let bytes = fs::read(&path).unwrap();
    let (first, second) = bytes.split_at(PAGE_BYTES);
    fs::write(&path, [second, first].concat()).unwrap();
    assert!(matches!(held(&path, &keys, 0), Err(Error::BadKeyStore { .. })));
    let root = Root::key([9; 32]);
    let mut ring =
        KeyRing::open(&dir.path().join("keys.json"), &root, &SystemRandom::new()).unwrap();
    let other = ring.dataset_or_new("其他", &SystemRandom::new()).unwrap();
    fs::write(&path, bytes).unwrap();
    assert!(matches!(held(&path, &other, 0), Err(Error::BadKeyStore { .. })));
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    let writer = KeyWriter::open(&path).unwrap();
    assert!(matches!(KeyWriter::open(&path), Err(Error::KeysInUse)));
    let random = SystemRandom::new();
    assert!(matches!(erase(&path, subject(0), &keys, &random), Err(Error::KeysInUse)));
    drop(writer);
    whole(&path, &keys, 0..1);
}

#[test]
fn a_file_that_erasing_replaced_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    whole(&path, &keys, 0..2);
    // Opened before the erasure, locked after it.
    let stale = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    erase(&path, subject(0), &keys, &SystemRandom::new()).unwrap();
    assert!(matches!(lock(&stale, &path), Err(Error::KeysInUse)));
}

#[test]
fn erasing_takes_every_key_of_one_subject_and_overwrites_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let (keys, path) = dataset(dir.path());
    let first = whole(&path, &keys, 0..SLOTS as u64 * 2);
    let again = whole(&path, &keys, 5..7);
    let old = File::open(&path).unwrap();
    let random = SystemRandom::new();
    assert_eq!(erase(&path, subject(5), &keys, &random).unwrap(), 2);
    assert_eq!(erase(&path, subject(5), &keys, &random).unwrap(), 0, "gone already");
    for (slot, n) in first.iter().zip(0..).chain(again.iter().zip(5..)) {
        let wanted = (n != 5).then(|| key(n));
        assert_eq!(held(&path, &keys, *slot).unwrap(), wanted, "slot {slot} of {n}");
    }
    let mut left = vec![1; PAGE_BYTES];
    old.read_exact_at(&mut left, 0).unwrap();
    assert!(left.iter().all(|b| *b == 0), "the old file was overwritten");
    assert_eq!(
        fs::read_dir(dir.path())
            .unwrap()
            .filter(|f| { f.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part") })
            .count(),
        0
    );
}
