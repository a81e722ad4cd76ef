//! The archive as those see it who answer for it: what there is, and whether it is whole.

use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use serde::Serialize;
use store::archive::{ArchiveFault, Restored, SealedFile};

use crate::account::{Caller, Permission};
pub use crate::archive_proof::{Difference, Unproven};
use crate::centre::Centre;
use crate::error::Error;

/// Whether the archive is as it was sealed.
#[derive(Clone, Debug, Serialize)]
pub struct ArchiveCheck {
    /// Files that were read.
    pub files: usize,
    /// Their events.
    pub rows: u64,
    /// Files whose bytes are not those that were sealed, that are gone, or that are too many.
    pub faults: Vec<String>,
    /// Files whose place in the list differs from what the evidence log says.
    pub unproven: Vec<Unproven>,
}

impl ArchiveCheck {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty() && self.unproven.is_empty()
    }
}

impl Centre {
    /// The files of the archive, in order of their hours.
    pub fn archive_files(&self, caller: &Caller) -> Result<Vec<SealedFile>, Error> {
        caller.need(Permission::ComplianceRead)?;
        let mut files = self.pipeline.archive.files();
        files.sort_by_key(|f| (f.hour, f.first_seq));
        Ok(files)
    }

    /// Reads the whole archive and compares it with its list, and the list with the evidence log.
    /// Blocks for as long as reading takes.
    pub fn check_archive(&self, caller: &Caller) -> Result<ArchiveCheck, Error> {
        caller.need(Permission::ComplianceRead)?;
        let faults = self.pipeline.archive.verify();
        let (faults, unproven) = self.archive_faults(&faults)?;
        let files = self.pipeline.archive.files();
        let rows = files.iter().map(|f| f.rows).sum();
        let check = ArchiveCheck { files: files.len(), rows, faults, unproven };
        self.audit_log.record(Some(caller), "archive.verify", "", check.is_whole(), self.now())?;
        Ok(check)
    }

    /// Copies to a folder what a backup of the archive lacks. Returns how many files that were.
    pub fn back_up_archive(&self, caller: &Caller, to: &Path) -> Result<usize, Error> {
        caller.need(Permission::ArchiveKeep)?;
        let copied = self.pipeline.archive.back_up(to);
        let target = to.display().to_string();
        self.audit_log.record(
            Some(caller),
            "archive.backup",
            &target,
            copied.is_ok(),
            self.now(),
        )?;
        Ok(copied?)
    }

    /// Brings back from a backup what is missing or damaged.
    pub fn restore_archive(&self, caller: &Caller, from: &Path) -> Result<Restored, Error> {
        caller.need(Permission::ArchiveKeep)?;
        let restored = self.pipeline.archive.restore(from);
        let target = from.display().to_string();
        self.audit_log.record(
            Some(caller),
            "archive.restore",
            &target,
            restored.is_ok(),
            self.now(),
        )?;
        Ok(restored?)
    }

    /// What an audit asks: files that were found whole before and not touched since are not read
    /// again before their week is over.
    pub(crate) fn audited_faults(&self) -> Result<(Vec<String>, Vec<Unproven>), Error> {
        let mut memory = self.archive_read.lock().unwrap_or_else(PoisonError::into_inner);
        let faults = self.pipeline.archive.verify_touched(&mut memory, self.now());
        self.archive_faults(&faults)
    }

    /// What differs from the list, and of the list from the evidence log.
    fn archive_faults(
        &self,
        faults: &[ArchiveFault],
    ) -> Result<(Vec<String>, Vec<Unproven>), Error> {
        self.prove_archive()?;
        let faults = faults.iter().map(ToString::to_string).collect();
        let archive = &self.pipeline.archive;
        Ok((faults, crate::archive_proof::compare(archive, self.ledger.evidence())?))
    }

    /// Tells the evidence log what the archive sealed, merged and let go since it was told last.
    pub(crate) fn prove_archive(&self) -> Result<usize, Error> {
        let retention = Duration::from_secs(86_400 * u64::from(self.config.store.retention_days));
        let evidence = self.ledger.evidence();
        self.archive_proof.tell(&self.pipeline.archive, evidence, retention, self.now())
    }
}
