//! EVTX files of the Sigma project's regression data, against the JSON it publishes beside them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs::File;
use std::path::{Path, PathBuf};

use events::{Event, FieldId, Timestamp};
use sensors::decode::evtx;
use sensors::{Decoded, Packs};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("XUEDUN_CORPORA")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"));
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

/// What the published JSON has otherwise than the file beside it: its author's hand.
const DIFFERING: [&str; 1] = [
    r#"ad691d92-15f2-4181-9aa4-723c74f9ddc3 ParentCommandLine: "C:\\Windows\\Explorer.EXE", published "C:\\Windows\\Explorer.exe""#,
];

/// Records whose header has the year 1601 (a time of zero): their time is that of the event itself.
const TIMELESS: u32 = 1;

/// What the publisher's exporter keeps of a value: no blanks at its ends, no braces around a GUID.
fn shared(text: &str) -> &str {
    let text = text.trim();
    let bare = text.trim_matches(&['{', '}'][..]);
    if is_guid(bare) { bare } else { text }
}

/// Windows writes GUIDs in capitals, the publisher's exporter in small letters.
fn is_guid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

#[test]
fn every_published_record_is_read() {
    let Some(folder) = folder() else { return };
    let (packs, mut files) = (Packs::embedded().unwrap(), Vec::new());
    all(&folder, &mut files);
    files.sort();
    let (mut records, mut compared, mut timeless, mut differing) = (0, 0, 0, Vec::new());
    for path in &files {
        let published = std::fs::read_to_string(path.with_extension("json")).ok();
        let published: Option<Value> = published.and_then(|text| serde_json::from_str(&text).ok());
        let mut own = 0;
        let whole = evtx::records(File::open(path).unwrap(), &mut |record| {
            let (text, time) = record.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            own += 1;
            timeless += u32::from(time.is_none());
            let mut event = Event::new();
            let decoded = packs.decode(None, text.as_bytes(), Timestamp::from_secs(1), &mut event);
            let of_windows = [Decoded::Ok("windows-json"), Decoded::Ok("sysmon")];
            assert!(of_windows.contains(&decoded), "{decoded:?} {}", path.display());
            assert!(event.time > Timestamp::from_secs(1), "{}", path.display());
            assert_eq!(event.logsource.get().product, "windows");
            let Some(data) = published.as_ref().and_then(|p| p.pointer("/Event/EventData")) else {
                return;
            };
            for (name, want) in data.as_object().into_iter().flatten() {
                let Some(want) = want.as_str().filter(|_| name != "#attributes") else { continue };
                let id = FieldId::find(&format!("winlog.event_data.{name}"));
                let have = id.and_then(|id| event.text(id)).map(|v| v.into_owned());
                let have = shared(have.as_deref().unwrap_or(""));
                let want = shared(want);
                compared += 1;
                if have != want && !(is_guid(want) && have.eq_ignore_ascii_case(want)) {
                    let stem = path.file_stem().unwrap().to_string_lossy();
                    differing.push(format!("{stem} {name}: {have:?}, published {want:?}"));
                }
            }
        });
        whole.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(own > 0, "{}", path.display());
        records += own;
    }
    println!("{} files, {records} records, {compared} values compared", files.len());
    assert_eq!(differing, DIFFERING);
    assert_eq!(timeless, TIMELESS);
    assert!(records >= 113 && compared >= 1470, "{records} records, {compared} values");
}
