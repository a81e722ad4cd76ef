//! The list of what the archive holds, replaced whole and at once.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use events::{EventId, Timestamp};
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use crate::error::Error;

/// One file of the archive. It never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedFile {
    /// Its path below the archive's folder.
    pub name: String,
    /// The hour of its events' times (UTC).
    pub hour: Timestamp,
    /// How many events.
    pub rows: u64,
    /// The earliest time of an event.
    pub time_min: Timestamp,
    /// The latest time of an event.
    pub time_max: Timestamp,
    /// When its last event was received: retention counts from the later of this and `time_max`.
    pub received_max: Timestamp,
    /// The least sequence number.
    pub first_seq: u64,
    /// The greatest sequence number.
    pub last_seq: u64,
    /// The least id.
    pub id_min: EventId,
    /// The greatest id.
    pub id_max: EventId,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Typed columns that hold every value of their field: others may have some in `fields`.
    pub whole: BTreeSet<String>,
    /// Of those with a bloom filter, the ones whose values are all in lower case.
    pub lower: BTreeSet<String>,
    /// How many of its events belong to an exercise; unknown for files of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exercises: Option<u64>,
    /// How many of its events have which value, of columns with few; none in older versions' files.
    #[serde(default, skip_serializing_if = "Counts::is_empty")]
    pub counts: Counts,
    /// Where in the file its counts by minute lie, and how long they are; none in older versions' files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<(u64, u64)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    /// Every event up to this sequence number is in a file (or has expired).
    pub(crate) archived_through: u64,
    pub(crate) files: Vec<SealedFile>,
    /// Files that are no longer listed and may still have to be removed.
    pub(crate) dropped: Vec<String>,
}

const NAME: &str = "manifest.json";
const VERSION: u32 = 1;

impl Manifest {
    pub(crate) fn new() -> Self {
        Self { version: VERSION, archived_through: 0, files: Vec::new(), dropped: Vec::new() }
    }

    /// `None` if there is none.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(NAME);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", &path)(e)),
        };
        let manifest: Self = serde_json::from_slice(&text)
            .map_err(|source| Error::Manifest { path: path.clone(), source: Some(source) })?;
        if manifest.version != VERSION {
            return Err(Error::Manifest { path, source: None });
        }
        Ok(Some(manifest))
    }

    /// Replaces the manifest: after a crash there is the old or the new one, whole.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), Error> {
        let (path, new) = (dir.join(NAME), dir.join("manifest.new"));
        let text = serde_json::to_vec(self)
            .map_err(|source| Error::Manifest { path: path.clone(), source: Some(source) })?;
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            File::open(dir)?.sync_all()
        };
        write().map_err(Error::io("write", &path))
    }
}
