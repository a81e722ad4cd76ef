//! Packs: what a record of a kind of device means, as data.
//!
//! Layout: `spec` is the TOML as written, `compile` turns it into what runs, `run` decodes a
//! record, `detect` finds the pack of a record whose sensor names none, `check` runs the tests
//! inside the packs, `suggest` finds packs for lines that none declares, `yields` says
//! what fields records of a pack can have. The files are in `packs/`, one per kind of device; a folder on disk with the
//! same layout overrides them by name.
//!
//! Invariants: decoding never panics and never loses the record; the same record, pack and time of
//! receipt give the same event.

mod check;
mod compile;
mod detect;
mod run;
mod spec;
mod suggest;
mod yields;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use events::{Event, LogSource, Text, Timestamp};

pub use check::PackTestResult;
pub use run::Decoded;
pub(crate) use run::Record;
pub use suggest::{Fit, Suggestion};
pub use yields::Yield;

const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/packs.rs"));

/// One pack.
pub struct Pack {
    /// Its name, that of its file.
    pub name: String,
    /// What it is for.
    pub title: Text,
    /// What its user must know.
    pub note: Option<Text>,
    /// `false`: the format is assumed from descriptions; check it against your device.
    pub verified: bool,
    /// The Sigma log source its events carry (records may refine it).
    pub logsource: LogSource,
    pub(crate) priority: i32,
    pub(crate) apps: Vec<String>,
    pub(crate) contains: Vec<String>,
    pub(crate) run: compile::Compiled,
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pack({})", self.name)
    }
}

/// Why a pack file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {message} ({code})", line.map(|l| format!(":{l}")).unwrap_or_default())]
pub struct PackProblem {
    /// The stable code (S2xx).
    pub code: &'static str,
    /// The file's name.
    pub file: String,
    /// The line, from 1, where known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl PackProblem {
    fn new(code: &'static str, file: &str, line: Option<usize>, message: String) -> Self {
        Self { code, file: file.to_owned(), line, message }
    }
}

/// All packs, by name.
#[derive(Debug)]
pub struct Packs {
    all: BTreeMap<String, Pack>,
    detector: detect::Detector,
}

impl Packs {
    /// The packs embedded in the program.
    ///
    /// # Errors
    /// Every problem of every file (a test holds that there is none).
    pub fn embedded() -> Result<Self, Vec<PackProblem>> {
        Self::build(BTreeMap::new(), EMBEDDED.iter().copied())
    }

    /// Adds the packs of a folder (`*.toml`); one with the name of another replaces it. On an error
    /// nothing changes.
    ///
    /// # Errors
    /// Every problem of every file.
    pub fn with_folder(&mut self, dir: &Path) -> Result<(), Vec<PackProblem>> {
        let unreadable = |e: std::io::Error| {
            vec![PackProblem::new("S200", &dir.display().to_string(), None, e.to_string())]
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|e| e == "toml") {
                let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
                let text = std::fs::read_to_string(&path).map_err(unreadable)?;
                files.push((name.unwrap_or_default(), text));
            }
        }
        files.sort();
        let (added, problems) = read(files.iter().map(|(n, t)| (n.as_str(), t.as_str())));
        if !problems.is_empty() {
            return Err(problems);
        }
        self.all.extend(added);
        self.detector = detect::Detector::new(&self.all);
        Ok(())
    }

    fn build<'a>(
        mut all: BTreeMap<String, Pack>,
        files: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Vec<PackProblem>> {
        let (added, problems) = read(files);
        if !problems.is_empty() {
            return Err(problems);
        }
        all.extend(added);
        let detector = detect::Detector::new(&all);
        Ok(Self { all, detector })
    }

    /// A pack by name.
    pub fn get(&self, name: &str) -> Option<&Pack> {
        self.all.get(name)
    }

    /// The names of all packs, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }

    /// Decodes one record into `event`, whose fields, raw record, `received`, `time` and
    /// `logsource` are set. Without a pack, one is found by what the packs declare; times without
    /// a zone are Beijing time. A record that cannot be decoded is kept: the event then holds the
    /// raw record, `event.kind` = `pipeline_error` and `error.code`.
    pub fn decode(
        &self,
        pack: Option<&str>,
        record: &[u8],
        received: Timestamp,
        event: &mut Event,
    ) -> Decoded<'_> {
        let offset = events::time::BEIJING_OFFSET_SECS;
        self.decode_record(pack, &Record::utf8(record), received, offset, event)
    }

    /// Runs the tests inside every pack.
    pub fn test(&self) -> Vec<PackTestResult> {
        self.all.values().flat_map(|pack| check::run(self, pack)).collect()
    }
}

fn read<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
) -> (BTreeMap<String, Pack>, Vec<PackProblem>) {
    let (mut packs, mut problems) = (BTreeMap::new(), Vec::new());
    for (file, text) in files {
        match compile::compile(file, text) {
            Ok(pack) => {
                packs.insert(pack.name.clone(), pack);
            }
            Err(found) => problems.extend(found),
        }
    }
    (packs, problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_pack_loads_and_holds_its_tests() {
        let packs = Packs::embedded().unwrap_or_else(|p| panic!("{p:#?}"));
        for name in packs.names() {
            let tests = packs.get(name).map_or(0, |p| p.run.tests.len());
            assert!(tests > 0, "{name} has no test");
        }
        let failed: Vec<_> = packs.test().into_iter().filter(|r| !r.failures.is_empty()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn a_folder_overrides_or_is_refused_whole() {
        let mut packs = Packs::embedded().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let pack = "name = \"syslog\"\ntitle = {zh = \"甲\", en = \"x\"}\ndecode = [\"kv\"]\n";
        std::fs::write(dir.path().join("syslog.toml"), pack).unwrap();
        packs.with_folder(dir.path()).unwrap();
        assert_eq!(packs.get("syslog").unwrap().title.en, "x");
        std::fs::write(dir.path().join("bad.toml"), "name = \"bad\"\nsurprise = 1\n").unwrap();
        let problems = packs.with_folder(dir.path()).unwrap_err();
        assert_eq!((problems[0].code, problems[0].line), ("S202", Some(2)));
        assert!(packs.get("bad").is_none());
    }

    #[test]
    fn an_undecodable_record_is_kept() {
        let packs = Packs::embedded().unwrap();
        let received = Timestamp::from_secs(1_795_406_706);
        for (record, code) in [
            (&b"<999>junk"[..], "S102"),
            (b"no header at all", "S101"),
            (b"\xff\xfe\x00", "S101"),
            (b"{\"a\":", "S104"),
            (b"", "S112"),
        ] {
            let mut event = Event::new();
            let decoded = packs.decode(None, record, received, &mut event);
            assert_eq!(decoded, Decoded::Failed(code), "{record:?}");
            assert_eq!(event.raw(), record);
            assert_eq!(event.str(events::field::EVENT_KIND), Some("pipeline_error"));
            assert_eq!(event.str(events::field::ERROR_CODE), Some(code));
            assert_eq!(event.time, received);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe_in_every_pack(record in proptest::collection::vec(any::<u8>(), 0..200)) {
            static PACKS: std::sync::LazyLock<Packs> =
                std::sync::LazyLock::new(|| Packs::embedded().unwrap());
            let packs = &*PACKS;
            for name in packs.names().map(Some).chain([None]) {
                let mut event = Event::new();
                packs.decode(name, &record, Timestamp::from_secs(1), &mut event);
                prop_assert_eq!(event.raw(), &record[..]);
            }
        }
    }
}
