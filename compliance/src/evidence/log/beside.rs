//! What lies beside the tree in the log's folder: handovers of the key, the sizes that went out in
//! bundles, the lines of witnesses on a checkpoint.

use std::fs;

use super::{EvidenceLog, history};
use crate::evidence::error::EvidenceError;
use crate::evidence::limits;
use crate::evidence::note::Checkpoint;
use crate::evidence::tiles::{io_error, write_durable};

impl EvidenceLog {
    /// The leaves by which keys were handed over, by their number.
    pub fn handovers(&self) -> Result<Vec<u64>, EvidenceError> {
        let dir = self.dir.join("handover");
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io_error("list", &dir)(e)),
        };
        let number = |e: std::io::Result<fs::DirEntry>| e.ok()?.file_name().to_str()?.parse().ok();
        let mut found: Vec<u64> = entries.filter_map(number).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// Sizes of the checkpoints that went out in bundles, oldest first.
    pub(in crate::evidence) fn sealed(&self) -> Result<Vec<u64>, EvidenceError> {
        let path = self.dir.join("sealed");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().filter_map(|l| l.parse().ok()).collect()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(io_error("read", &path)(e)),
        }
    }

    /// Remembers the newest checkpoint as one that goes out in a bundle.
    pub(in crate::evidence) fn remember_sealed(&self) -> Result<(), EvidenceError> {
        let mut sizes = self.sealed()?;
        sizes.push(self.checkpoint.size);
        let from = sizes.len().saturating_sub(limits::SEALED_KEPT);
        let text: String = sizes[from..].iter().map(|s| format!("{s}\n")).collect();
        write_durable(&self.dir, "sealed", text.as_bytes())
    }

    /// The note of a checkpoint signed before.
    pub(in crate::evidence) fn note_at(&self, size: u64) -> Result<String, EvidenceError> {
        let path = self.dir.join(history(size));
        fs::read_to_string(&path).map_err(io_error("read", &path))
    }

    /// Keeps the newest checkpoint with the lines of witnesses.
    pub(in crate::evidence) fn keep_cosigned(
        &mut self,
        cosigned: &Checkpoint,
    ) -> Result<(), EvidenceError> {
        write_durable(&self.dir, &history(cosigned.size), cosigned.note.as_bytes())?;
        write_durable(&self.dir, "checkpoint", cosigned.note.as_bytes())?;
        self.checkpoint = cosigned.clone();
        Ok(())
    }
}
