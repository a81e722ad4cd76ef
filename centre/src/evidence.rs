//! The node's evidence: its signing key, the log of `compliance::evidence`, and one bundle a run.
//!
//! A run is sealed when it is kept, and its bundle is written then: what an assessor gets later is
//! the bytes of that moment.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use compliance::audit::{self, AuditRun, Content};
use compliance::evidence::{
    Attachment, BundleSummary, EvidenceLog, Signer, VerifyReport, VerifyingKey, bundle, verify,
};
use events::{RunId, Timestamp};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::ledger::write_whole;
use crate::records_proof::RecordsAct;

/// The evidence of a data folder.
pub struct Evidence {
    dir: PathBuf,
    seed: Zeroizing<[u8; 32]>,
    /// One writer at a time.
    writing: Mutex<()>,
}

impl Evidence {
    /// Opens the folder; the signing key is made at the first start.
    pub fn open(dir: &Path, random: &dyn SecureRandom) -> Result<Self, Error> {
        let bundles = dir.join("bundles");
        fs::create_dir_all(&bundles)
            .map_err(|source| Error::Io { what: format!("make {}", bundles.display()), source })?;
        let seed = crate::secret::node_key(&dir.join("evidence.key"), random)?;
        Ok(Self { dir: dir.to_owned(), seed, writing: Mutex::new(()) })
    }

    /// The key that verifies the log: give it to the assessor by another way than the bundle.
    pub fn key(&self) -> Result<VerifyingKey, Error> {
        Ok(self.signer()?.key().clone())
    }

    /// Seals a run with its attachments into the log and writes its bundle.
    pub fn seal(
        &self,
        run: &AuditRun,
        attachments: &[Attachment],
        now: Timestamp,
    ) -> Result<BundleSummary, Error> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Content { catalogue, checks } = audit::content().map_err(part)?;
        let mut log =
            EvidenceLog::open(&self.dir.join("log"), self.signer()?, None).map_err(part)?;
        let out = self.bundle_path(run.id);
        let part_file = out.with_extension("part");
        let summary =
            bundle(&mut log, run, catalogue, checks, attachments, now, &part_file).map_err(part)?;
        fs::rename(&part_file, &out)
            .map_err(|source| Error::Io { what: format!("write {}", out.display()), source })?;
        let text = serde_json::to_vec_pretty(&summary).map_err(part)?;
        write_whole(&self.summary_path(run.id), &text)?;
        Ok(summary)
    }

    /// Records what was done with student records, and signs the log as it is then.
    pub fn record(&self, act: &RecordsAct<'_>, now: Timestamp) -> Result<(), Error> {
        self.note(&[act.leaf(now)], now)
    }

    /// The erasures that were recorded, each once: dataset and the subject's keyed name.
    pub fn erasures(&self) -> Result<BTreeSet<(String, String)>, Error> {
        let mut found = BTreeSet::new();
        self.each_leaf(|leaf| found.extend(crate::records_proof::erasure(leaf)))?;
        Ok(found)
    }

    /// Appends leaves that are no audit run's, and signs the log as it is then.
    pub(crate) fn note(&self, leaves: &[serde_json::Value], now: Timestamp) -> Result<(), Error> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut log =
            EvidenceLog::open(&self.dir.join("log"), self.signer()?, None).map_err(part)?;
        let texts: Vec<Vec<u8>> = leaves.iter().map(compliance::evidence::canonical).collect();
        let bytes: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        log.append_all(&bytes).map_err(part)?;
        log.checkpoint(now).map_err(part)?;
        Ok(())
    }

    /// Shows every leaf of the log, in order.
    pub(crate) fn each_leaf(&self, mut show: impl FnMut(&[u8])) -> Result<(), Error> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let log = EvidenceLog::open(&self.dir.join("log"), self.signer()?, None).map_err(part)?;
        for index in 0..log.size() {
            show(&log.leaf(index).map_err(part)?);
        }
        Ok(())
    }

    /// Writes what a person decided (an attestation, a waiver, a ticket) into the log. It is durable
    /// when this returns; the next checkpoint signs it.
    pub(crate) fn decide(&self, kind: &str, what: &impl serde::Serialize) -> Result<(), Error> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut log =
            EvidenceLog::open(&self.dir.join("log"), self.signer()?, None).map_err(part)?;
        let leaf =
            serde_json::json!({"kind": kind, "what": serde_json::to_value(what).map_err(part)?});
        log.append(&compliance::evidence::canonical(&leaf)).map_err(part)?;
        Ok(())
    }

    /// What was sealed of a run; `None` if it was not.
    pub fn summary(&self, run: RunId) -> Result<Option<BundleSummary>, Error> {
        match fs::read(self.summary_path(run)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(part),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { what: "read a bundle's summary".to_owned(), source }),
        }
    }

    /// Copies a run's bundle to `out`, whole or not at all. A bundle whose bytes are not those that
    /// were sealed, or that was being written when the program stopped, is told by name.
    pub fn export(&self, run: RunId, out: &Path) -> Result<BundleSummary, Error> {
        let bundle = self.bundle_path(run);
        let Some(summary) = self.summary(run)? else {
            let begun = bundle.exists() || bundle.with_extension("part").exists();
            return Err(if begun {
                Error::HalfBundle { run }
            } else {
                Error::NotFound { what: "bundle" }
            });
        };
        let bytes = match fs::read(&bundle) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::HalfBundle { run });
            }
            Err(source) => {
                return Err(Error::Io { what: format!("read {}", bundle.display()), source });
            }
        };
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        if data_encoding::HEXLOWER.encode(digest.as_ref()) != summary.sha256 {
            return Err(Error::HalfBundle { run });
        }
        write_whole(out, &bytes)?;
        Ok(summary)
    }

    fn signer(&self) -> Result<Signer, Error> {
        // The name tells logs apart; it need not be secret, only stable.
        let id = crate::secret::derive(&self.seed, b"log name");
        let name = format!("xuedun-{}", data_encoding::HEXLOWER.encode(&id[..6]));
        Signer::from_seed(&name, &self.seed).map_err(part)
    }

    fn bundle_path(&self, run: RunId) -> PathBuf {
        self.dir.join("bundles").join(format!("{run}.zip"))
    }

    fn summary_path(&self, run: RunId) -> PathBuf {
        self.dir.join("bundles").join(format!("{run}.json"))
    }
}

/// Verifies a bundle; with a key, it must be signed by that one.
pub fn verify_bundle(path: &Path, key: Option<&VerifyingKey>) -> VerifyReport {
    verify(path, key)
}

fn part(error: impl std::fmt::Display) -> Error {
    Error::Part { part: "evidence", message: error.to_string() }
}
