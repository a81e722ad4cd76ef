//! What lies beside the tree in the log's folder: handovers of the key, the sizes that went out in
//! bundles, the lines of witnesses on a checkpoint.

use std::fs;

use events::Timestamp;

use super::{EvidenceLog, history};
use crate::evidence::error::EvidenceError;
use crate::evidence::note::{Checkpoint, Signer, VerifyingKey};
use crate::evidence::proof::consistency_text;
use crate::evidence::tiles::{io_error, write_durable};
use crate::evidence::{handover, limits};

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

    /// Hands the log over to a new key of the same name: a leaf that both sign, under a checkpoint
    /// that both sign. From then on the new key signs alone. A handover to this key that a crash cut
    /// short is finished, not begun again.
    pub fn rotate(&mut self, new: Signer, now: Timestamp) -> Result<Checkpoint, EvidenceError> {
        if new.key().name() != self.key().name() || new.key() == self.key() {
            let problem = "a handover is between two keys of one log";
            return Err(EvidenceError::BadKey { problem });
        }
        let signed = match Checkpoint::open(&self.checkpoint.note, new.key()) {
            Ok(done) => done,
            Err(_) => {
                if !self.begun(new.key())? {
                    let leaf = handover::leaf(&self.signer, &new, now);
                    let index = self.append(&leaf)?;
                    write_durable(&self.dir, &format!("handover/{index:020}"), &leaf)?;
                }
                self.sign_now(now, Some(&new))?
            }
        };
        self.signer = new;
        Ok(signed)
    }

    /// Whether a leaf that is not signed yet hands over to a key.
    fn begun(&self, to: &VerifyingKey) -> Result<bool, EvidenceError> {
        for index in self.handovers()?.into_iter().filter(|i| *i >= self.checkpoint.size) {
            if handover::read(&self.leaf(index)?).is_ok_and(|h| h.to == *to) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All keys the log has had, oldest first; the last one signs now.
    pub fn keys(&self) -> Result<Vec<VerifyingKey>, EvidenceError> {
        let mut keys = Vec::new();
        for index in self.handovers()?.into_iter().filter(|i| *i < self.checkpoint.size) {
            keys.push(handover::read(&self.leaf(index)?)?.from);
        }
        keys.push(self.key().clone());
        Ok(keys)
    }

    /// Whether this log continues a checkpoint seen before, of whichever of its keys: one that is
    /// shorter or has another history is an error with that name.
    pub fn continues(&self, seen: &str) -> Result<(), EvidenceError> {
        let known = Checkpoint::open_by_any(seen, self.keys()?.iter().rev())?;
        self.check_known(&known)
    }

    /// The proof that the log of `from` leaves is the beginning of the newest checkpoint's, as a text.
    pub fn proof_since(&self, from: u64) -> Result<String, EvidenceError> {
        let new = self.checkpoint.size;
        if from > new {
            return Err(EvidenceError::OutOfTree { index: from, size: new });
        }
        Ok(consistency_text(from, new, &self.consistency(from, new)?))
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

    /// Remembers the checkpoint of a size as one that goes out in a bundle.
    pub(in crate::evidence) fn remember_sealed(&self, size: u64) -> Result<(), EvidenceError> {
        let mut sizes = self.sealed()?;
        sizes.push(size);
        let from = sizes.len().saturating_sub(limits::SEALED_KEPT);
        let text: String = sizes[from..].iter().map(|s| format!("{s}\n")).collect();
        write_durable(&self.dir, "sealed", text.as_bytes())
    }

    /// The note of a checkpoint signed before.
    pub(in crate::evidence) fn note_at(&self, size: u64) -> Result<String, EvidenceError> {
        let path = self.dir.join(history(size));
        fs::read_to_string(&path).map_err(io_error("read", &path))
    }

    /// Keeps a checkpoint with the lines of witnesses: the newest, or one of before.
    pub(in crate::evidence) fn keep_cosigned(
        &mut self,
        cosigned: &Checkpoint,
    ) -> Result<(), EvidenceError> {
        write_durable(&self.dir, &history(cosigned.size), cosigned.note.as_bytes())?;
        if cosigned.size == self.checkpoint.size {
            write_durable(&self.dir, "checkpoint", cosigned.note.as_bytes())?;
            self.checkpoint = cosigned.clone();
        }
        Ok(())
    }
}
