//! What stands beside the log's own signature: witnesses, a timestamp, an SM2 line. What the log
//! promises is a leaf of every run; what was given is kept with the checkpoint; what was not is said.

use std::fs;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::EvidenceError;
use super::log::EvidenceLog;
use super::merkle::Hash;
use super::note::{Checkpoint, Note};
use super::policy::Policy;
use super::seal::canonical;
use super::stamp::{self, StampFault, StampRequest, StampTrust};
use super::tiles::{io_error, write_durable};
use super::witness::{self, Network, Witness};

/// The kind of the leaf.
pub(super) const KIND: &str = "assurance";

/// Who is asked about a checkpoint.
#[derive(Clone)]
pub struct Assurance {
    /// Witnesses and how many must sign.
    pub policy: Policy,
    /// Who gives timestamps.
    pub stamp: Option<StampAuthority>,
    /// How they are reached.
    pub network: Arc<dyn Network>,
}

/// An authority of timestamps and where it is asked.
#[derive(Clone, Debug)]
pub struct StampAuthority {
    /// Where requests are posted.
    pub url: String,
    /// Whose timestamps are believed.
    pub trust: StampTrust,
}

/// What was asked for a checkpoint and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Assured {
    /// Each witness.
    pub witnesses: Vec<Asked>,
    /// Whether as many signed as the policy wants.
    pub quorum: bool,
    /// The timestamp; `None` when none is asked for.
    pub stamp: Option<Asked>,
    /// Whether there is an SM2 line.
    pub sm2: bool,
}

/// Somebody who was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The witness's name, or the authority's URL.
    pub who: String,
    /// When they signed, in seconds of the Unix epoch.
    pub time: Option<u64>,
    /// Why they did not: the stable code.
    pub code: Option<String>,
    /// The same in words.
    pub problem: Option<String>,
}

impl Assured {
    /// Everyone who was asked and did not sign.
    pub fn missing(&self) -> impl Iterator<Item = &Asked> {
        self.witnesses.iter().chain(&self.stamp).filter(|a| a.time.is_none())
    }
}

impl Asked {
    fn signed(who: &str, time: u64) -> Self {
        Self { who: who.to_owned(), time: Some(time), code: None, problem: None }
    }

    fn failed(who: &str, code: &str, problem: &dyn std::fmt::Display) -> Self {
        let (code, problem) = (Some(code.to_owned()), Some(problem.to_string()));
        Self { who: who.to_owned(), time: None, code, problem }
    }
}

impl std::fmt::Debug for Assurance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assurance").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// The promise as a leaf.
pub(super) fn leaf(log: &EvidenceLog) -> Vec<u8> {
    let mut leaf = json!({"kind": KIND, "policy": policy_text(log)});
    if let Some(sm) = log.signer().sm() {
        leaf["sm2"] = sm.to_string().into();
    }
    if let Some(stamp) = log.assurance().and_then(|a| a.stamp.as_ref()) {
        leaf["tsa_sha256"] = stamp.trust.sha256().into();
    }
    canonical(&leaf)
}

/// What a run's leaf promises.
pub(super) struct Promise {
    pub(super) policy: String,
    pub(super) sm2: Option<String>,
    pub(super) tsa_sha256: Option<String>,
}

impl Promise {
    pub(super) fn read(leaf: &Value) -> Option<Self> {
        let text = |key: &str| leaf[key].as_str().map(str::to_owned);
        let policy = text("policy")?;
        Some(Self { policy, sm2: text("sm2"), tsa_sha256: text("tsa_sha256") })
    }
}

/// The log's policy in its text form.
pub(super) fn policy_text(log: &EvidenceLog) -> String {
    let none = Policy::default();
    log.assurance().map_or(&none, |a| &a.policy).text(log.key())
}

/// What is asked about one checkpoint. It is taken from the log while that is open; asking itself
/// needs the log no more, except for proofs.
#[derive(Clone, Debug)]
pub struct Question {
    checkpoint: Checkpoint,
    /// The timestamp over it that is kept.
    stamp: Option<Vec<u8>>,
    /// What each witness had signed last, as far as is known.
    seen: Vec<u64>,
    sm2: bool,
}

/// What came back, to be kept by [`EvidenceLog::keep`].
#[derive(Clone, Debug)]
pub struct Given {
    /// The checkpoint with the lines of those who signed.
    pub(super) checkpoint: Checkpoint,
    stamp: Option<Vec<u8>>,
    /// The files of the witnesses who signed just now.
    signed: Vec<String>,
    /// Who was asked and what came of it.
    pub assured: Assured,
}

/// Gives the proof that the tree of so many leaves is the beginning of the checkpoint's.
pub type Proofs<'a> = &'a dyn Fn(u64) -> Result<Vec<Hash>, String>;

impl Question {
    /// Leaves of the checkpoint in question.
    pub fn size(&self) -> u64 {
        self.checkpoint.size
    }

    /// Asks witnesses, then the timestamp authority about the lines of all. Those who have signed
    /// already are not asked again; nobody's silence is an error: it is in what comes back.
    pub fn ask(&self, assurance: Option<&Assurance>, proofs: Proofs<'_>) -> Given {
        let mut given = Given {
            checkpoint: self.checkpoint.clone(),
            stamp: None,
            signed: Vec::new(),
            assured: Assured { sm2: self.sm2, quorum: true, ..Assured::default() },
        };
        let Some(assurance) = assurance else { return given };
        let mut lines = String::new();
        let seen = self.seen.iter().copied().chain(std::iter::repeat(0));
        for (witness, seen) in assurance.policy.witnesses.iter().zip(seen) {
            let asked = match self.cosigned(witness) {
                Some(time) => Ok((String::new(), time)),
                None => {
                    let network = &*assurance.network;
                    witness::cosign(&self.checkpoint, witness, seen, proofs, network)
                }
            };
            given.assured.witnesses.push(match asked {
                Ok((more, time)) => {
                    if !more.is_empty() {
                        given.signed.push(witness_name(witness));
                    }
                    lines.push_str(&more);
                    Asked::signed(witness.key.name(), time)
                }
                Err(fault) => Asked::failed(witness.key.name(), fault.code(), &fault),
            });
        }
        given.checkpoint = self.checkpoint.with_lines(&lines);
        given.assured.quorum = Note::parse(&given.checkpoint.note)
            .is_ok_and(|note| assurance.policy.judge(&note).enough);
        if let Some(authority) = &assurance.stamp {
            let note = given.checkpoint.note.as_bytes();
            let kept = self.stamp.as_deref();
            let kept = kept.and_then(|s| stamp::verify(s, note, &authority.trust).ok());
            let asked = match kept {
                Some(stamp) => Ok((None, stamp.time)),
                None => stamped(note, authority, &*assurance.network)
                    .map(|(answer, time)| (Some(answer), time)),
            };
            given.assured.stamp = Some(match asked {
                Ok((answer, time)) => {
                    given.stamp = answer;
                    Asked::signed(&authority.url, time)
                }
                Err(fault) => Asked::failed(&authority.url, fault.code(), &fault),
            });
        }
        given
    }

    fn cosigned(&self, witness: &Witness) -> Option<u64> {
        let note = Note::parse(&self.checkpoint.note).ok()?;
        witness.key.cosigned(&note).ok().flatten()
    }
}

fn stamped(
    data: &[u8],
    authority: &StampAuthority,
    network: &dyn Network,
) -> Result<(Vec<u8>, u64), StampFault> {
    let policy = authority.trust.policy();
    let request = StampRequest::new(data, network.nonce(), policy)
        .map_err(|_| StampFault::OtherPolicy(policy.unwrap_or_default().to_owned()))?;
    let answer = network
        .post(&authority.url, "application/timestamp-query", request.der())
        .map_err(StampFault::Unreachable)?;
    if answer.status != 200 {
        return Err(StampFault::Unreachable(format!("status {}", answer.status)));
    }
    let stamp = request.accept(&answer.body, &authority.trust)?;
    Ok((answer.body, stamp.time))
}

fn stamp_name(size: u64) -> String {
    format!("stamps/{size:020}.tsr")
}

/// Holds what the witness signed last. Only a hint of where to begin: the witness says what it has.
fn witness_name(witness: &Witness) -> String {
    format!("witness/{}", data_encoding::HEXLOWER.encode(&witness.key.public()[..8]))
}

impl EvidenceLog {
    /// Says who is asked about checkpoints from now on.
    pub fn assured_by(&mut self, assurance: Option<Assurance>) {
        self.set_assurance(assurance);
    }

    /// What to ask about the newest checkpoint.
    pub fn question(&self) -> Result<Question, EvidenceError> {
        let checkpoint = self.latest().clone();
        let read = |name: String| fs::read_to_string(self.dir().join(name)).ok();
        let hint = |w: &Witness| read(witness_name(w)).and_then(|t| t.trim().parse().ok());
        let witnesses = self.assurance().map_or(&[][..], |a| &a.policy.witnesses);
        Ok(Question {
            stamp: self.stamp(checkpoint.size)?,
            seen: witnesses.iter().map(|w| hint(w).unwrap_or(0)).collect(),
            sm2: self.signer().sm().is_some(),
            checkpoint,
        })
    }

    /// Keeps what came back, with the checkpoint it is about.
    pub fn keep(&mut self, given: &Given) -> Result<(), EvidenceError> {
        let size = given.checkpoint.size;
        if !given.signed.is_empty() {
            self.keep_cosigned(&given.checkpoint)?;
        }
        for name in &given.signed {
            write_durable(self.dir(), name, format!("{size}\n").as_bytes())?;
        }
        match &given.stamp {
            Some(answer) => write_durable(self.dir(), &stamp_name(size), answer),
            None => Ok(()),
        }
    }

    /// Asks about the newest checkpoint and keeps what comes back, in one go.
    pub fn assure(&mut self) -> Result<Assured, EvidenceError> {
        let question = self.question()?;
        let new = question.size();
        let given = question
            .ask(self.assurance(), &|old| self.consistency(old, new).map_err(|e| e.to_string()));
        self.keep(&given)?;
        Ok(given.assured)
    }

    /// The timestamp kept of a checkpoint.
    pub fn stamp(&self, size: u64) -> Result<Option<Vec<u8>>, EvidenceError> {
        let path = self.dir().join(stamp_name(size));
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(io_error("read", &path)(e)),
        }
    }
}
