//! The heads of audit runs: what a list needs of each, in one file beside them, so that no run is read
//! whole for a list. The file is only a copy: a line that is missing or cannot be read is drawn from
//! its run again, and a line without a run is passed over.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use compliance::audit::AuditRun;
use events::{RunId, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What a list needs of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHead {
    /// The run.
    pub id: RunId,
    /// Its site.
    pub site: SiteId,
    /// Its target.
    pub target: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Checks planned.
    pub planned: usize,
    /// Checks that gave a result.
    pub executed: usize,
}

impl RunHead {
    pub(crate) fn of(run: &AuditRun) -> Self {
        Self {
            id: run.id,
            site: run.site,
            target: run.target.clone(),
            started: run.started,
            finished: run.finished,
            planned: run.planned,
            executed: run.executed,
        }
    }
}

/// The file and what was read of it.
pub(crate) struct Heads {
    path: PathBuf,
    /// `None` until it is asked for. A kept run never changes.
    known: Mutex<Option<BTreeMap<RunId, RunHead>>>,
}

impl Heads {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { path: dir.join("heads.jsonl"), known: Mutex::default() }
    }

    /// Heads of these runs, in their order. `read` gives a run that has no line yet.
    pub(crate) fn of(
        &self,
        ids: &[RunId],
        mut read: impl FnMut(RunId) -> Result<Option<AuditRun>, Error>,
    ) -> Result<Vec<RunHead>, Error> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_with(|| self.read());
        let mut out = Vec::with_capacity(ids.len());
        for id in ids {
            if !known.contains_key(id)
                && let Some(run) = read(*id)?
            {
                let head = RunHead::of(&run);
                self.append(&head);
                known.insert(*id, head);
            }
            out.extend(known.get(id).cloned());
        }
        Ok(out)
    }

    /// Notes the head of a run that is kept now.
    pub(crate) fn note(&self, run: &AuditRun) {
        let head = RunHead::of(run);
        self.append(&head);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut() {
            known.insert(head.id, head);
        }
    }

    fn read(&self) -> BTreeMap<RunId, RunHead> {
        let text = fs::read(&self.path).unwrap_or_default();
        let heads = text.split(|b| *b == b'\n').filter_map(|l| serde_json::from_slice(l).ok());
        heads.map(|head: RunHead| (head.id, head)).collect()
    }

    /// What cannot be written is read from the run the next time.
    fn append(&self, head: &RunHead) {
        let Ok(line) = serde_json::to_string(head) else { return };
        let file = fs::OpenOptions::new().create(true).append(true).open(&self.path);
        // Begun on a line of its own: what stands before may be torn.
        if let Err(error) = file.and_then(|mut f| f.write_all(format!("\n{line}").as_bytes())) {
            tracing::warn!(%error, "the list of audit runs could not be written");
        }
    }
}
