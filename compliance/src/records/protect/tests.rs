use std::fs;
use std::path::Path;

use proptest::prelude::*;
use ring::rand::SystemRandom;

use super::*;
use crate::records::{ClassifyOptions, Day, Error, Taxonomy};

const CSV: &str = "编号,姓名,身份证件号,手机号\n\
    1,张三丰,11010519491231002X,13800138000\n\
    2,李四,110105194912310038,13800138001\n\
    3,王五,,13800138002\n";

fn root() -> Root {
    Root::key([9; 32])
}

fn classify() -> ClassifyOptions {
    ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t")
}

fn protect(dir: &Path, text: &str, algorithm: Algorithm) -> Result<ProtectReport, Error> {
    fs::write(dir.join("in.csv"), text).unwrap();
    let random = SystemRandom::new();
    let mut ring = KeyRing::open(&dir.join("keys.json"), &root(), &random).unwrap();
    let options = ProtectOptions {
        index: Vec::new(),
        dataset: "学籍".into(),
        columns: vec!["身份证件号".into(), "手机号".into()],
        subject: Some("姓名".into()),
        row_key: Some("编号".into()),
        algorithm,
        classify: classify(),
    };
    let taxonomy = Taxonomy::embedded().unwrap();
    protect_file(
        &dir.join("in.csv"),
        &dir.join("sealed.csv"),
        &mut ring,
        &options,
        &taxonomy,
        &random,
    )
}

fn reveal(dir: &Path, dataset: &str, root: &Root) -> Result<(RevealReport, String), Error> {
    let mut ring = KeyRing::open(&dir.join("keys.json"), root, &SystemRandom::new())?;
    let options = RevealOptions {
        dataset: dataset.into(),
        purpose: "核对学籍".into(),
        columns: vec![],
        row_key: Some("编号".into()),
        classify: classify(),
        grant: None,
    };
    let taxonomy = Taxonomy::embedded().unwrap();
    let (input, output) = (dir.join("sealed.csv"), dir.join("out.csv"));
    let report = reveal_file(&input, &output, &mut ring, &options, &taxonomy)?;
    Ok((report, fs::read_to_string(output).unwrap()))
}

#[test]
fn what_is_sealed_opens_again() {
    for algorithm in [Algorithm::Aes256Gcm, Algorithm::Sm4Gcm] {
        let dir = tempfile::tempdir().unwrap();
        let report = protect(dir.path(), CSV, algorithm).unwrap();
        assert_eq!((report.rows, report.cells, report.subjects), (3, 5, 3));
        let sealed = fs::read_to_string(dir.path().join("sealed.csv")).unwrap();
        assert!(!sealed.contains("13800138000") && sealed.contains("xd1:"));
        let (report, text) = reveal(dir.path(), "学籍", &root()).unwrap();
        assert_eq!((report.cells, text.as_str()), (5, CSV));
    }
}

#[test]
fn a_wrong_key_or_dataset_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    protect(dir.path(), CSV, Algorithm::Aes256Gcm).unwrap();
    let wrong = Root::key([8; 32]);
    assert!(matches!(reveal(dir.path(), "学籍", &wrong), Err(Error::WrongKey)));
    assert!(matches!(reveal(dir.path(), "其他", &root()), Err(Error::NoDatasetKey { .. })));
    assert!(!dir.path().join("out.csv").exists() && !dir.path().join("out.csv.part").exists());
}

#[test]
fn erasing_one_subject_leaves_the_others() {
    let dir = tempfile::tempdir().unwrap();
    protect(dir.path(), CSV, Algorithm::Aes256Gcm).unwrap();
    let random = SystemRandom::new();
    let mut ring = KeyRing::open(&dir.path().join("keys.json"), &root(), &random).unwrap();
    assert_eq!(ring.erase_subject("学籍", "张三丰", &random).unwrap().keys, 1);
    assert_eq!(ring.erase_subject("学籍", "张三丰", &random).unwrap().keys, 0);
    let (report, text) = reveal(dir.path(), "学籍", &root()).unwrap();
    assert_eq!((report.erased, report.cells), (2, 3));
    assert!(!text.contains("13800138000") && text.contains("13800138001"));
}

#[test]
fn an_erasure_is_repeated_on_a_key_store_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    protect(dir.path(), CSV, Algorithm::Aes256Gcm).unwrap();
    let (pages, random) = (dir.path().join("keys.json.1"), SystemRandom::new());
    let backup = fs::read(&pages).unwrap();
    let mut ring = KeyRing::open(&dir.path().join("keys.json"), &root(), &random).unwrap();
    let erased = ring.erase_subject("学籍", "张三丰", &random).unwrap();
    assert!(!erased.subject.contains("张三丰") && erased.subject.len() == 16);
    fs::write(&pages, backup).unwrap();
    assert_eq!(reveal(dir.path(), "学籍", &root()).unwrap().0.erased, 0, "the backup has it");
    assert_eq!(ring.erase_again("学籍", &erased.subject, &random).unwrap(), erased);
    assert_eq!(reveal(dir.path(), "学籍", &root()).unwrap().0.erased, 2);
    assert!(matches!(ring.erase_again("学籍", "张三丰", &random), Err(Error::BadKey { .. })));
}

#[test]
fn a_new_root_opens_the_old_cells() {
    let dir = tempfile::tempdir().unwrap();
    protect(dir.path(), CSV, Algorithm::Aes256Gcm).unwrap();
    let random = SystemRandom::new();
    let new = Root::passphrase("长一点的口令 2026".into());
    let mut ring = KeyRing::open(&dir.path().join("keys.json"), &root(), &random).unwrap();
    ring.rotate_root(&new, &random).unwrap();
    assert!(matches!(
        reveal(dir.path(), "学籍", &root()),
        Err(Error::OtherRoot { kind: "passphrase" })
    ));
    assert_eq!(reveal(dir.path(), "学籍", &new).unwrap().1, CSV);
}

#[test]
fn revealing_needs_a_purpose() {
    let dir = tempfile::tempdir().unwrap();
    protect(dir.path(), CSV, Algorithm::Aes256Gcm).unwrap();
    let mut ring =
        KeyRing::open(&dir.path().join("keys.json"), &root(), &SystemRandom::new()).unwrap();
    let options = RevealOptions {
        dataset: "学籍".into(),
        purpose: "  ".into(),
        columns: vec![],
        row_key: None,
        classify: classify(),
        grant: None,
    };
    let taxonomy = Taxonomy::embedded().unwrap();
    let (input, output) = (dir.path().join("sealed.csv"), dir.path().join("out.csv"));
    let done = reveal_file(&input, &output, &mut ring, &options, &taxonomy);
    assert!(matches!(done, Err(Error::NoPurpose)));
}

/// What a sealed file's cells were sealed with: key and count of each, by the store as it is now.
fn used(dir: &Path) -> Vec<([u8; 32], Vec<u8>)> {
    let mut ring = KeyRing::open(&dir.join("keys.json"), &root(), &SystemRandom::new()).unwrap();
    let keys = ring.dataset_or_new("学籍", &SystemRandom::new()).unwrap();
    let mut reader = ring.reader(&keys).unwrap();
    let text = fs::read_to_string(dir.join("sealed.csv")).unwrap();
    let sealed = text.split([',', '\n']).filter_map(|c| Some((c, cell::parse(c)?)));
    sealed
        .map(|(text, cell)| {
            let key = reader.key(cell.header.slot, &keys).unwrap().expect("a live key");
            let bytes = base64::Engine::decode(
                &base64::engine::general_purpose::URL_SAFE_NO_PAD,
                text.trim_start_matches("xd1:"),
            );
            (*key, bytes.unwrap()[12..18].to_vec())
        })
        .collect()
}

#[test]
fn no_nonce_repeats_under_a_key_not_even_when_a_backup_of_the_keys_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (store, pages) = (dir.path().join("keys.json"), dir.path().join("keys.json.1"));
    let mut all = std::collections::BTreeSet::new();
    let mut run = || {
        protect(dir.path(), CSV, Algorithm::Aes256Gcm).unwrap();
        let used = used(dir.path());
        assert_eq!(used.len(), 5);
        let slots: Vec<u64> = fs::read_to_string(dir.path().join("sealed.csv"))
            .unwrap()
            .split([',', '\n'])
            .filter_map(|c| Some(cell::parse(c)?.header.slot))
            .collect();
        for pair in used {
            assert!(all.insert(pair), "a nonce twice under one key");
        }
        slots
    };
    run();
    let backup = (fs::read(&store).unwrap(), fs::read(&pages).unwrap());
    let lost = run();
    let sealed_before = fs::read(dir.path().join("sealed.csv")).unwrap();
    fs::write(&store, &backup.0).unwrap();
    fs::write(&pages, &backup.1).unwrap();
    let again = run();
    assert_eq!(lost, again, "the same slots a second time: the case that matters");
    // What was sealed under the lost keys is refused, not opened with another's.
    fs::write(dir.path().join("sealed.csv"), sealed_before).unwrap();
    assert!(matches!(reveal(dir.path(), "学籍", &root()), Err(Error::Tampered { .. })));
}

#[test]
fn two_processes_adding_datasets_lose_neither() {
    let dir = tempfile::tempdir().unwrap();
    let (path, random) = (dir.path().join("keys.json"), SystemRandom::new());
    let mut one = KeyRing::open(&path, &root(), &random).unwrap();
    let mut two = KeyRing::open(&path, &root(), &random).unwrap();
    let a = one.dataset_or_new("甲", &random).unwrap();
    let b = two.dataset_or_new("乙", &random).unwrap();
    assert_ne!(a.id, b.id);
    let ring = KeyRing::open(&path, &root(), &random).unwrap();
    assert_eq!(ring.datasets().collect::<Vec<_>>(), ["乙", "甲"]);
    // One that still holds the root of before a rotation writes nothing.
    let new = Root::key([3; 32]);
    one.rotate_root(&new, &random).unwrap();
    assert!(matches!(two.dataset_or_new("丙", &random), Err(Error::WrongKey)));
    assert_eq!(KeyRing::open(&path, &new, &random).unwrap().datasets().count(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_two_cells_exchanged_are_noticed(a in 0usize..5, b in 0usize..5) {
        // (row, column) of the five sealed cells.
        const CELLS: [(usize, usize); 5] = [(1, 2), (1, 3), (2, 2), (2, 3), (3, 3)];
        prop_assume!(a != b);
        let dir = tempfile::tempdir().unwrap();
        protect(dir.path(), CSV, Algorithm::Aes256Gcm).unwrap();
        let path = dir.path().join("sealed.csv");
        let mut rows: Vec<Vec<String>> = fs::read_to_string(&path)
            .unwrap()
            .lines()
            .map(|l| l.split(',').map(str::to_owned).collect())
            .collect();
        let (x, y) = (CELLS[a], CELLS[b]);
        let kept = rows[x.0][x.1].clone();
        rows[x.0][x.1] = rows[y.0][y.1].clone();
        rows[y.0][y.1] = kept;
        let text: Vec<String> = rows.iter().map(|r| r.join(",")).collect();
        fs::write(&path, text.join("\n") + "\n").unwrap();
        let done = reveal(dir.path(), "学籍", &root());
        prop_assert!(matches!(done, Err(Error::Tampered { .. })), "{done:?}");
        prop_assert!(!dir.path().join("out.csv").exists());
    }
}
