//! The node's evidence: the keys that sign, the log of `compliance::evidence`, one bundle a run, and
//! those who are asked to countersign.
//!
//! A run is sealed when it is kept, and its bundle is written then: what an assessor gets later is
//! the bytes of that moment. The log is open only while something is written to it; witnesses and
//! the timestamp authority are asked in between, so nobody's silence keeps anyone waiting.

mod keys;
mod network;
mod standing;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use compliance::audit::{self, AuditRun, Content};
use compliance::evidence::{
    Assurance, Assured, Attachment, BundleSummary, Checkpoint, Draft, EvidenceError, EvidenceLog,
    Given, Question, SmKey, VerifyingKey, canonical,
};
use events::{RunId, Timestamp};
use serde_json::{Value, json};

use crate::config::EvidenceConfig;
use crate::error::Error;
use crate::ledger::write_whole;
use crate::records_proof::RecordsAct;
use crate::world::World;
use keys::Keys;
use network::Http;

pub use standing::{EvidenceStanding, PeerStanding, text};

/// How often a log that another process has open is tried again, and after what pause.
const LOCK_TRIES: usize = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// The evidence of a data folder.
pub struct Evidence {
    dir: PathBuf,
    keys: Keys,
    assurance: Option<Assurance>,
    /// Where the last checkpoint is remembered.
    seen: PathBuf,
    /// One writer at a time.
    writing: Mutex<()>,
    standing: Mutex<EvidenceStanding>,
    world: World,
}

impl Evidence {
    /// Opens the folder; keys are made at the first start.
    pub fn open(dir: &Path, config: &EvidenceConfig, world: &World) -> Result<Self, Error> {
        let bundles = dir.join("bundles");
        fs::create_dir_all(&bundles)
            .map_err(|source| Error::Io { what: format!("make {}", bundles.display()), source })?;
        let beside = || dir.with_file_name("evidence.seen");
        Ok(Self {
            keys: Keys::open(dir, config.sm2, &*world.random)?,
            assurance: assurance(config, world)?,
            seen: config.seen.clone().unwrap_or_else(beside),
            dir: dir.to_owned(),
            writing: Mutex::new(()),
            standing: Mutex::default(),
            world: world.clone(),
        })
    }

    /// The key that verifies the log: give it to the assessor by another way than the bundle.
    pub fn key(&self) -> Result<VerifyingKey, Error> {
        Ok(self.keys.signer()?.key().clone())
    }

    /// The SM2 key that signs beside it.
    pub fn sm2_key(&self) -> Result<Option<SmKey>, Error> {
        Ok(self.keys.signer()?.sm().cloned())
    }

    /// Who must countersign, as a policy that others can verify by.
    pub fn policy(&self) -> Result<String, Error> {
        let key = self.key()?;
        Ok(self.assurance.as_ref().map(|a| &a.policy).cloned().unwrap_or_default().text(&key))
    }

    /// How the log and those who are asked stand.
    pub fn standing(&self) -> EvidenceStanding {
        self.stands().clone()
    }

    /// Opens the log once, so that what is wrong with it is known. Gives its leaves.
    pub fn look(&self) -> Result<u64, Error> {
        self.locked(|log| Ok(log.latest().size))
    }

    /// Seals a run with its attachments into the log and writes its bundle.
    pub fn seal(
        &self,
        run: &AuditRun,
        attachments: &[Attachment],
        now: Timestamp,
    ) -> Result<BundleSummary, Error> {
        let Content { catalogue, checks } = audit::content().map_err(part)?;
        let draft =
            self.locked(|log| Draft::seal(log, run, catalogue, checks, attachments, now))?;
        let given = self.ask(draft.question(), now);
        let out = self.bundle_path(run.id);
        let part_file = out.with_extension("part");
        let summary = self.locked(|log| draft.write(log, given, &part_file))?;
        fs::rename(&part_file, &out)
            .map_err(|source| Error::Io { what: format!("write {}", out.display()), source })?;
        let text = serde_json::to_vec_pretty(&summary).map_err(part)?;
        write_whole(&self.summary_path(run.id), &text)?;
        Ok(summary)
    }

    /// Signs the log as it is now and asks those who have not signed that yet.
    pub fn checkpoint(&self, now: Timestamp) -> Result<(Checkpoint, Assured), Error> {
        let question = self.locked(|log| {
            log.checkpoint(now)?;
            log.question()
        })?;
        let given = self.ask(&question, now);
        let assured = given.assured.clone();
        self.locked(|log| {
            log.keep(&given)?;
            Ok((log.latest().clone(), assured))
        })
    }

    /// Hands the log over to a new key. Gives the old one and the new one.
    pub fn rotate(&self, now: Timestamp) -> Result<(VerifyingKey, VerifyingKey), Error> {
        let old = self.key()?;
        self.locked(|_| Ok(()))?;
        self.keys.begin(&*self.world.random)?;
        // Opening the log finishes what was begun.
        self.locked(|log| log.checkpoint(now))?;
        Ok((old, self.key()?))
    }

    /// The proof that the log of `from` leaves is the beginning of the newest checkpoint's.
    pub fn prove(&self, from: u64) -> Result<String, Error> {
        self.locked(|log| log.proof_since(from))
    }

    /// Takes a log that does not continue the checkpoint remembered for the right one from now on. Who
    /// decided that and why is a leaf of it.
    pub fn accept(&self, by: &str, reason: &str, now: Timestamp) -> Result<Checkpoint, Error> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut log = self.opened()?;
        let remembered = self.remembered()?.unwrap_or_default();
        let leaf = json!({
            "kind": "log-accepted", "by": by, "reason": reason, "at": now.to_string(),
            "present": log.latest().note, "remembered": remembered,
        });
        log.append(&canonical(&leaf))?;
        log.checkpoint(now)?;
        self.remember(&log)?;
        self.stands().troubled(None);
        Ok(log.latest().clone())
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
    pub(crate) fn note(&self, leaves: &[Value], now: Timestamp) -> Result<(), Error> {
        let texts: Vec<Vec<u8>> = leaves.iter().map(canonical).collect();
        let bytes: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
        self.locked(|log| {
            log.append_all(&bytes)?;
            log.checkpoint(now).map(|_| ())
        })
    }

    /// Shows every leaf of the log, in order.
    pub(crate) fn each_leaf(&self, mut show: impl FnMut(&[u8])) -> Result<(), Error> {
        self.locked(|log| {
            for index in 0..log.size() {
                show(&log.leaf(index)?);
            }
            Ok(())
        })
    }

    /// Writes what a person decided (an attestation, a waiver, a ticket) into the log. It is durable
    /// when this returns; the next checkpoint signs it.
    pub(crate) fn decide(&self, kind: &str, what: &impl serde::Serialize) -> Result<(), Error> {
        let leaf = json!({"kind": kind, "what": serde_json::to_value(what).map_err(part)?});
        self.locked(|log| log.append(&canonical(&leaf)).map(|_| ()))
    }

    /// Asks everyone, with the log closed, and counts who answered.
    fn ask(&self, question: &Question, now: Timestamp) -> Given {
        let size = question.size();
        let given = question.ask(self.assurance.as_ref(), &|old| {
            let proof = self.locked(|log| log.consistency(old, size));
            proof.map_err(|e| e.to_string())
        });
        self.stands().count(&given.assured, size, now);
        given
    }

    /// Opens the log, does something with it, and remembers what was signed.
    fn locked<T>(
        &self,
        act: impl FnOnce(&mut EvidenceLog) -> Result<T, EvidenceError>,
    ) -> Result<T, Error> {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let acted = self.opened().and_then(|mut log| {
            if let Some(seen) = self.remembered()? {
                log.continues(&seen)?;
            }
            let out = act(&mut log)?;
            self.remember(&log)?;
            Ok(out)
        });
        match &acted {
            Ok(_) => self.stands().troubled(None),
            Err(Error::Evidence(e)) if !matches!(e, EvidenceError::OutOfTree { .. }) => {
                self.stands().troubled(Some(e));
            }
            Err(_) => {}
        }
        acted
    }

    /// The log under the key that signs now; waits for another process that has it open.
    fn opened(&self) -> Result<EvidenceLog, Error> {
        let path = self.dir.join("log");
        let mut tries = 0;
        let mut log = loop {
            let signer = self.keys.signer()?;
            let key = signer.key().clone();
            let opened = EvidenceLog::open(&path, signer, None);
            // Another process may have changed the key just now.
            let stale = self.keys.signer()?.key() != &key;
            tries += 1;
            match opened {
                Ok(log) if !stale => break log,
                Err(error) if tries >= LOCK_TRIES => return Err(error.into()),
                Err(EvidenceError::Locked { .. }) => std::thread::sleep(LOCK_PAUSE),
                Err(error) if !stale => return Err(error.into()),
                _ => {}
            }
        };
        if let Some(next) = self.keys.next()? {
            log.rotate(next, self.world.now())?;
            self.keys.finish()?;
        }
        log.assured_by(self.assurance.clone());
        Ok(log)
    }

    fn remembered(&self) -> Result<Option<String>, Error> {
        match fs::read_to_string(&self.seen) {
            Ok(note) => Ok(Some(note)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { what: format!("read {}", self.seen.display()), source }),
        }
    }

    fn remember(&self, log: &EvidenceLog) -> Result<(), Error> {
        let note = &log.latest().note;
        if self.remembered()?.as_ref() == Some(note) {
            return Ok(());
        }
        write_whole(&self.seen, note.as_bytes())
    }

    fn stands(&self) -> std::sync::MutexGuard<'_, EvidenceStanding> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn bundle_path(&self, run: RunId) -> PathBuf {
        self.dir.join("bundles").join(format!("{run}.zip"))
    }

    fn summary_path(&self, run: RunId) -> PathBuf {
        self.dir.join("bundles").join(format!("{run}.json"))
    }
}

/// Who is asked; `None` when nobody is.
fn assurance(config: &EvidenceConfig, world: &World) -> Result<Option<Assurance>, Error> {
    let (policy, stamp) = (config.policy()?, config.authority()?);
    if policy.witnesses.is_empty() && stamp.is_none() {
        return Ok(None);
    }
    let network = Arc::new(Http::new(config, Arc::clone(&world.random))?);
    Ok(Some(Assurance { policy, stamp, network }))
}

fn part(error: impl std::fmt::Display) -> Error {
    Error::Part { part: "evidence", message: error.to_string() }
}
