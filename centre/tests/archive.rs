//! The archive of a whole node under a clock of the test's own: what is past its retention goes and
//! the evidence log says so; what anybody else takes away or changes is named.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod hands;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use centre::account::Caller;
use centre::facade::archive::Difference;
use centre::view::SearchForm;
use centre::{Centre, Config, World};
use events::Timestamp;
use hands::Hands;

/// How long anything may take before the test gives up; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(60);

const DAY: Duration = Duration::from_secs(86_400);

fn node(dir: &Path) -> (Arc<Centre>, Arc<Hands>) {
    let text =
        "[node]\ndata_dir = \"data\"\n[store]\ndisk_reserve_mib = 1\n[rules]\nlibrary = false\n";
    let path = dir.join("xuedun.toml");
    std::fs::write(&path, text).unwrap();
    let start = Timestamp::parse_rfc3339("2026-03-01T01:00:00Z").unwrap();
    let hands = Arc::new(Hands::at(start));
    let clock: Arc<dyn sensors::Clock> = Arc::clone(&hands) as _;
    let config = Config::load(&path, std::iter::empty()).unwrap();
    (Centre::open(config, World { clock, ..World::real() }).unwrap(), hands)
}

/// Leaves a record (each search is one, in the audit log) and seals it.
fn seal_one(centre: &Centre) {
    let before = centre.figures().archived;
    let form = SearchForm { limit: 1, ..SearchForm::default() };
    centre.search(&Caller::local("test"), &form).unwrap();
    let end = Instant::now() + PATIENCE;
    // Sealed is what is durable.
    while centre.figures().archived == before {
        assert!(Instant::now() < end, "nothing was sealed");
        centre.seal_all().unwrap();
    }
}

#[test]
fn what_is_past_its_retention_goes_with_proof_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (centre, hands) = node(dir.path());
    seal_one(&centre);
    let old = centre.archive_files(&Caller::local("test")).unwrap();
    hands.forward(100 * DAY);
    seal_one(&centre);
    assert_eq!(centre.expire_archive().unwrap(), 0, "100 days old");
    hands.forward(80 * DAY);
    assert_eq!(centre.expire_archive().unwrap(), 0, "180 days old, not older");
    hands.forward(DAY);
    assert_eq!(centre.expire_archive().unwrap(), old.len());
    let left = centre.archive_files(&Caller::local("test")).unwrap();
    assert!(!left.is_empty() && left.iter().all(|f| old.iter().all(|o| o.name != f.name)));
    assert!(!dir.path().join("data/archive").join(&old[0].name).exists());
    let check = centre.check_archive(&Caller::local("test")).unwrap();
    assert!(check.is_whole(), "{check:?}");
    // The log of evidence holds what went: its name, hash and rows.
    let tiles = leaves(&dir.path().join("data"));
    assert!(tiles.contains("archive.expired") && tiles.contains(&old[0].sha256), "not in the log");
}

#[test]
fn what_somebody_takes_or_changes_is_named_however_old_the_list_says_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (centre, hands) = node(dir.path());
    seal_one(&centre);
    hands.forward(DAY);
    seal_one(&centre);
    assert!(centre.check_archive(&Caller::local("test")).unwrap().is_whole());
    let files = centre.archive_files(&Caller::local("test")).unwrap();
    drop(centre);
    let archive = dir.path().join("data/archive");
    // Taken out of the list and off the disk, as if it never was.
    let list = std::fs::read_to_string(archive.join("manifest.json")).unwrap();
    let mut list: serde_json::Value = serde_json::from_str(&list).unwrap();
    list["files"].as_array_mut().unwrap().retain(|f| f["name"] != files[0].name.as_str());
    std::fs::write(archive.join("manifest.json"), list.to_string()).unwrap();
    std::fs::remove_file(archive.join(&files[0].name)).unwrap();
    let (centre, hands) = node(dir.path());
    hands.forward(DAY);
    let check = centre.check_archive(&Caller::local("test")).unwrap();
    let named: Vec<_> = check.unproven.iter().map(|u| (u.name.as_str(), u.what)).collect();
    assert_eq!(named, [(files[0].name.as_str(), Difference::NotListed)], "{check:?}");
    drop(centre);
    // A flipped bit, and the list made to fit it.
    let path = archive.join(&files[1].name);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (centre, _) = node(dir.path());
    let check = centre.check_archive(&Caller::local("test")).unwrap();
    assert!(check.faults.iter().any(|f| f.contains(&files[1].name)), "{check:?}");
    drop(centre);
    list["files"][0]["sha256"] = sha256(&bytes).into();
    std::fs::write(archive.join("manifest.json"), list.to_string()).unwrap();
    let (centre, _) = node(dir.path());
    let check = centre.check_archive(&Caller::local("test")).unwrap();
    let other = (files[1].name.clone(), Difference::OtherHash);
    assert!(check.unproven.iter().any(|u| (u.name.clone(), u.what) == other), "{check:?}");
}

/// Everything that lies in files of the data folder, as text.
fn leaves(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("archive") {
            text += &leaves(&path);
        } else if path.is_file() {
            text += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
        }
    }
    text
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}
