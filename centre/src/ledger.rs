//! The ledger of audits: every run as one JSON file, written whole, beside the evidence log that
//! holds its digest. Used by a node and by `xuedun audit` on a folder of its own.
//!
//! Files, not rows of the state store: what is sealed as evidence is exactly these bytes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use compliance::audit::AuditRun;
use compliance::evidence::BundleSummary;
use events::{RunId, Timestamp};
use ring::rand::SecureRandom;

use crate::error::Error;
use crate::evidence::Evidence;

/// A folder of audit runs.
pub struct Ledger {
    dir: PathBuf,
    evidence: Evidence,
}

impl Ledger {
    /// Opens or makes the folder and its evidence.
    pub fn open(dir: &Path, random: &dyn SecureRandom) -> Result<Self, Error> {
        let runs = dir.join("runs");
        fs::create_dir_all(&runs).map_err(|source| io("make", &runs, source))?;
        let evidence = Evidence::open(&dir.join("evidence"), random)?;
        Ok(Self { dir: dir.to_owned(), evidence })
    }

    /// The evidence of the runs.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Writes a run, whole, and seals it as evidence; both are on disk when this returns.
    pub fn keep(&self, run: &AuditRun, now: Timestamp) -> Result<BundleSummary, Error> {
        let bytes = serde_json::to_vec_pretty(run)
            .map_err(|e| Error::Part { part: "ledger", message: e.to_string() })?;
        write_whole(&self.path(run.id), &bytes)?;
        self.evidence.seal(run, now)
    }

    /// One run.
    pub fn run(&self, id: RunId) -> Result<Option<AuditRun>, Error> {
        match fs::read(self.path(id)) {
            Ok(bytes) => parse(&self.path(id), &bytes).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io("read", &self.path(id), source)),
        }
    }

    /// All runs, latest first (ids are time-ordered).
    pub fn runs(&self) -> Result<Vec<AuditRun>, Error> {
        self.ids()?.into_iter().filter_map(|id| self.run(id).transpose()).collect()
    }

    /// Ids of all runs, latest first.
    pub fn ids(&self) -> Result<Vec<RunId>, Error> {
        let runs = self.dir.join("runs");
        let entries = fs::read_dir(&runs).map_err(|source| io("list", &runs, source))?;
        let mut ids: Vec<RunId> = entries
            .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".json")?.parse().ok())
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    fn path(&self, id: RunId) -> PathBuf {
        self.dir.join("runs").join(format!("{id}.json"))
    }
}

/// Writes a file so that it is either there whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part).map_err(|source| io("write", &part, source))?;
    file.write_all(bytes).map_err(|source| io("write", &part, source))?;
    file.sync_all().map_err(|source| io("write", &part, source))?;
    fs::rename(&part, path).map_err(|source| io("write", path, source))?;
    if let Some(parent) = path.parent() {
        let dir = fs::File::open(parent).map_err(|source| io("open", parent, source))?;
        dir.sync_all().map_err(|source| io("sync", parent, source))?;
    }
    Ok(())
}

fn parse(path: &Path, bytes: &[u8]) -> Result<AuditRun, Error> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::Part { part: "ledger", message: format!("{}: {e}", path.display()) })
}

fn io(what: &str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { what: format!("{what} {}", path.display()), source }
}
