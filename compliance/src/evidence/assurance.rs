//! What stands beside the log's own signature: witnesses, a timestamp, an SM2 line. What the log
//! promises is a leaf of every run; what was given is kept with the checkpoint; what was not is said.

use std::fs;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::EvidenceError;
use super::log::EvidenceLog;
use super::note::{Checkpoint, Note};
use super::policy::Policy;
use super::seal::canonical;
use super::stamp::{StampFault, StampRequest, StampTrust};
use super::tiles::{io_error, write_durable};
use super::witness::{self, Network, Witness, WitnessFault};

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

/// Asks everyone about the newest checkpoint. The lines of witnesses are added to it, the timestamp,
/// over all of them, is kept beside it. Nobody's silence stops the log: it is in what is returned.
pub(super) fn assure(
    log: &mut EvidenceLog,
) -> Result<(Checkpoint, Option<Vec<u8>>, Assured), EvidenceError> {
    let signed = log.latest().clone();
    let mut out = Assured { sm2: log.signer().sm().is_some(), ..Assured::default() };
    let Some(assurance) = log.assurance().cloned() else {
        out.quorum = true;
        return Ok((signed, None, out));
    };
    let mut lines = String::new();
    for witness in &assurance.policy.witnesses {
        // What was signed before is not asked for again.
        let given = Note::parse(&signed.note).and_then(|n| {
            witness
                .key
                .cosigned(&n)
                .map_err(|_| EvidenceError::BadSignature { name: witness.key.name().to_owned() })
        })?;
        let answer = match given {
            Some(time) => Ok((String::new(), time)),
            None => ask(log, &signed, witness, &*assurance.network),
        };
        out.witnesses.push(match answer {
            Ok((more, time)) => {
                lines.push_str(&more);
                Asked::signed(witness.key.name(), time)
            }
            Err(fault) => Asked::failed(witness.key.name(), fault.code(), &fault),
        });
    }
    let cosigned = signed.with_lines(&lines);
    if !lines.is_empty() {
        log.keep_cosigned(&cosigned)?;
    }
    out.quorum = assurance.policy.judge(&Note::parse(&cosigned.note)?).enough;
    let mut stamp = None;
    if let Some(authority) = &assurance.stamp {
        let asked = match stamped(&cosigned, authority, &*assurance.network)? {
            Ok((answer, time)) => {
                write_durable(log.dir(), &stamp_name(cosigned.size), &answer)?;
                stamp = Some(answer);
                Asked::signed(&authority.url, time)
            }
            Err(fault) => Asked::failed(&authority.url, fault.code(), &fault),
        };
        out.stamp = Some(asked);
    }
    Ok((cosigned, stamp, out))
}

fn stamp_name(size: u64) -> String {
    format!("stamps/{size:020}.tsr")
}

fn ask(
    log: &EvidenceLog,
    checkpoint: &Checkpoint,
    witness: &Witness,
    network: &dyn Network,
) -> Result<(String, u64), WitnessFault> {
    // Only a hint of where to begin: the witness says what it has.
    let name = format!("witness/{}", data_encoding::HEXLOWER.encode(&witness.key.public()[..8]));
    let seen = fs::read_to_string(log.dir().join(&name)).ok();
    let seen = seen.and_then(|s| s.trim().parse().ok()).unwrap_or(0);
    let given = witness::cosign(log, checkpoint, witness, seen, network)?;
    let _ = write_durable(log.dir(), &name, format!("{}\n", checkpoint.size).as_bytes());
    Ok(given)
}

fn stamped(
    checkpoint: &Checkpoint,
    authority: &StampAuthority,
    network: &dyn Network,
) -> Result<Result<(Vec<u8>, u64), StampFault>, EvidenceError> {
    let data = checkpoint.note.as_bytes();
    let request = StampRequest::new(data, network.nonce(), authority.trust.policy())?;
    let answer = network
        .post(&authority.url, "application/timestamp-query", request.der())
        .map_err(StampFault::Unreachable)
        .and_then(|answer| match answer.status {
            200 => Ok(answer.body),
            status => Err(StampFault::Unreachable(format!("status {status}"))),
        });
    Ok(answer.and_then(|body| {
        let stamp = request.accept(&body, &authority.trust)?;
        Ok((body, stamp.time))
    }))
}

impl EvidenceLog {
    /// Says who is asked about checkpoints from now on.
    pub fn assured_by(&mut self, assurance: Option<Assurance>) {
        self.set_assurance(assurance);
    }

    /// Asks witnesses and the timestamp authority about the newest checkpoint; those who have signed
    /// it already are not asked again.
    pub fn assure(&mut self) -> Result<Assured, EvidenceError> {
        assure(self).map(|(_, _, assured)| assured)
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
