//! EVTX files of the Sigma project's regression data, against the JSON it publishes beside them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs::File;
use std::path::{Path, PathBuf};

use events::{Event, FieldId, Timestamp};
use sensors::decode::evtx;
use sensors::{Decoded, Packs};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("XUEDUN_CORPORA").map(PathBuf::from).unwrap_or_else(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
        if here.exists() { here } else { Path::new("/work/shared/corpora").to_owned() }
    });
    let data = root.join("sigma/regression_data");
    if data.exists() {
        return Some(data);
    }
    assert!(std::env::var_os("XUEDUN_REQUIRE_CORPORA").is_none(), "{} is absent", data.display());
    eprintln!("SKIPPED: {} is absent", data.display());
    None
}

fn all(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all(&path, found);
        } else if path.extension().is_some_and(|e| e == "evtx") {
            found.push(path);
        }
    }
}

#[test]
fn every_published_record_is_read() {
    let Some(folder) = folder() else { return };
    let (packs, mut files) = (Packs::embedded().unwrap(), Vec::new());
    all(&folder, &mut files);
    files.sort();
    let (mut records, mut compared) = (0, 0);
    for path in &files {
        let published = std::fs::read_to_string(path.with_extension("json")).ok();
        let published: Option<Value> = published.and_then(|text| serde_json::from_str(&text).ok());
        let mut own = 0;
        let whole = evtx::records(File::open(path).unwrap(), &mut |record| {
            let (text, time) = record.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            own += 1;
            assert!(time.is_some());
            let mut event = Event::new();
            let decoded = packs.decode(None, text.as_bytes(), Timestamp::from_secs(1), &mut event);
            let of_windows = [Decoded::Ok("windows-json"), Decoded::Ok("sysmon")];
            assert!(of_windows.contains(&decoded), "{decoded:?} {}", path.display());
            assert_eq!(event.logsource.get().product, "windows");
            let Some(data) = published.as_ref().and_then(|p| p.pointer("/Event/EventData")) else {
                return;
            };
            for (name, want) in data.as_object().into_iter().flatten() {
                let Some(want) = want.as_str().filter(|_| name != "#attributes") else { continue };
                let id = FieldId::find(&format!("winlog.event_data.{name}"));
                let have = id.and_then(|id| event.text(id)).map(|v| v.into_owned());
                // Windows writes GUIDs in braces, and so does the crate; the published JSON does not.
                let have = have.as_deref().unwrap_or("").trim_matches(&['{', '}'][..]);
                assert_eq!(have, want.trim_matches(&['{', '}'][..]), "{}: {name}", path.display());
                compared += 1;
            }
        });
        whole.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(own > 0, "{}", path.display());
        records += own;
    }
    println!("{} files, {records} records, {compared} values compared", files.len());
    assert!(records > 0 && compared > 0);
}
