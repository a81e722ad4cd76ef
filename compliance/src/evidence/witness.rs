//! Witnesses (见证方): others who sign that the log only grew (C2SP tlog-witness v1.0, cosignature/v1
//! of tlog-cosignature). What is asked and answered here is pure; [`Network`] carries it.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::assurance::Proofs;
use super::error::EvidenceError;
use super::merkle::Hash;
use super::note::{Checkpoint, Note, signature_lines};
use super::vkey::Vkey;

/// Signature type of a timestamped Ed25519 cosignature.
const ALG_COSIGNATURE: u8 = 4;
/// How often a witness is asked anew after it said what it saw last.
const TRIES: usize = 3;

/// Carries a request over HTTP; who implements it sets deadlines and bounds the answer.
pub trait Network: Send + Sync {
    /// Posts a body. Gives status and body of the answer, whatever the status; an error is that no
    /// answer came.
    fn post(&self, url: &str, kind: &'static str, body: &[u8]) -> Result<Answer, String>;

    /// Eight random bytes for the nonce of a timestamp request.
    fn nonce(&self) -> [u8; 8];
}

/// An answer over HTTP.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status (RFC 9110).
    pub status: u16,
    /// The content type; empty if none was named.
    pub kind: String,
    /// The body.
    pub body: Vec<u8>,
}

/// The key of a witness: `name+id+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    vkey: Vkey,
    public: [u8; 32],
}

/// A witness and where it is asked.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Its key.
    pub key: WitnessKey,
    /// Its submission prefix, without `/add-checkpoint`.
    pub url: String,
}

/// Why a witness did not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessFault {
    /// No answer.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// It does not know the log (404).
    #[error("it does not know this log")]
    UnknownLog,
    /// It does not trust the log's key (403).
    #[error("it does not trust the key of this log")]
    UnknownKey,
    /// It refuses the consistency proof (422): the log it has seen is not the beginning of this one.
    #[error("it has seen another history of this log")]
    Forked,
    /// It has signed a longer tree than ours (409).
    #[error("it has signed {seen} leaves of this log, there are {ours}")]
    Ahead {
        /// Leaves it has signed.
        seen: u64,
        /// Leaves of the checkpoint.
        ours: u64,
    },
    /// Another status, or an answer that is not of the protocol.
    #[error("answer of status {0} is not of the protocol")]
    Protocol(u16),
    /// The log could not give the proof the witness needs.
    #[error("no proof could be made for it: {0}")]
    Unproven(String),
    /// Its line does not verify.
    #[error("its cosignature does not verify")]
    BadCosignature,
}

impl WitnessFault {
    /// The stable code of this fault.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "V050",
            Self::UnknownLog => "V051",
            Self::UnknownKey => "V052",
            Self::Forked => "V053",
            Self::Ahead { .. } => "V054",
            Self::Protocol(_) => "V055",
            Self::BadCosignature => "V056",
            Self::Unproven(_) => "V057",
        }
    }
}

impl WitnessKey {
    /// The key's name.
    pub fn name(&self) -> &str {
        self.vkey.name()
    }

    /// The 32 bytes of the public key: two keys over the same one are the same witness.
    pub(super) fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The time of the witness's signature on a note, in seconds of the Unix epoch: of the latest if
    /// there are several. `None` when there is none; an error when one does not verify.
    pub(super) fn cosigned(&self, note: &Note<'_>) -> Result<Option<u64>, WitnessFault> {
        let mut latest = None;
        for line in note.of(&self.vkey) {
            latest = latest.max(Some(self.verify(note.body, line)?));
        }
        Ok(latest)
    }

    fn verify(&self, body: &str, line: &[u8]) -> Result<u64, WitnessFault> {
        let (time, signature) = line.split_first_chunk().ok_or(WitnessFault::BadCosignature)?;
        let time = u64::from_be_bytes(*time);
        let message = format!("cosignature/v1\ntime {time}\n{body}");
        let key = UnparsedPublicKey::new(&ED25519, &self.public);
        key.verify(message.as_bytes(), signature).map_err(|_| WitnessFault::BadCosignature)?;
        Ok(time)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.vkey.fmt(f)
    }
}

impl FromStr for WitnessKey {
    type Err = EvidenceError;

    fn from_str(text: &str) -> Result<Self, EvidenceError> {
        let vkey: Vkey = text.parse()?;
        let [ALG_COSIGNATURE, public @ ..] = vkey.typed() else {
            return Err(EvidenceError::BadKey { problem: "not the key of a witness" });
        };
        let problem = "an Ed25519 key has 32 bytes";
        let public = public.try_into().map_err(|_| EvidenceError::BadKey { problem })?;
        Ok(Self { public, vkey })
    }
}

/// Asks a witness for its signature on a checkpoint. Gives the signature lines, verified, and their
/// time. `seen` is what the witness had signed last, as far as is known: it is asked anew with what
/// it answers.
pub(super) fn cosign(
    checkpoint: &Checkpoint,
    witness: &Witness,
    seen: u64,
    proofs: Proofs<'_>,
    network: &dyn Network,
) -> Result<(String, u64), WitnessFault> {
    let url = format!("{}/add-checkpoint", witness.url.trim_end_matches('/'));
    let ours = checkpoint.size;
    let mut old = seen.min(ours);
    for _ in 0..TRIES {
        let proof = proofs(old).map_err(WitnessFault::Unproven)?;
        let request = request(old, &proof, &checkpoint.note);
        let answer = network
            .post(&url, "text/plain; charset=utf-8", request.as_bytes())
            .map_err(WitnessFault::Unreachable)?;
        let protocol = WitnessFault::Protocol(answer.status);
        let text = String::from_utf8(answer.body).map_err(|_| protocol.clone())?;
        match answer.status {
            200 => return accept(&text, checkpoint, &witness.key).ok_or(protocol)?,
            403 => return Err(WitnessFault::UnknownKey),
            404 => return Err(WitnessFault::UnknownLog),
            409 => {
                let plain = answer.kind.split(';').next().unwrap_or_default().trim();
                let seen = text.trim_end().parse().ok().filter(|_| plain == "text/x.tlog.size");
                match seen {
                    Some(seen) if seen > ours => return Err(WitnessFault::Ahead { seen, ours }),
                    // It holds another root of the very size that was sent.
                    Some(seen) if seen == old => return Err(WitnessFault::Forked),
                    Some(seen) => old = seen,
                    None if old == ours => return Err(WitnessFault::Forked),
                    None => return Err(protocol),
                }
            }
            422 => return Err(WitnessFault::Forked),
            _ => return Err(protocol),
        }
    }
    Err(WitnessFault::Protocol(409))
}

/// The body of `add-checkpoint`.
fn request(old: u64, proof: &[Hash], note: &str) -> String {
    let mut text = format!("old {old}\n");
    for hash in proof {
        text.push_str(&BASE64.encode(hash));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(note);
    text
}

/// The lines of the witness in its answer, verified; lines of other keys are left out. `None` when
/// the answer is no list of signature lines.
fn accept(
    text: &str,
    checkpoint: &Checkpoint,
    key: &WitnessKey,
) -> Option<Result<(String, u64), WitnessFault>> {
    signature_lines(text).ok()?;
    let body = checkpoint.body();
    let mut lines = String::new();
    let mut latest = None;
    for line in text.split_inclusive('\n') {
        let alone = format!("{body}\n{line}");
        match key.cosigned(&Note::parse(&alone).ok()?) {
            Ok(Some(time)) => {
                lines.push_str(line);
                latest = latest.max(Some(time));
            }
            Ok(None) => {}
            Err(fault) => return Some(Err(fault)),
        }
    }
    Some(latest.map(|time| (lines, time)).ok_or(WitnessFault::BadCosignature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_keys_are_passed_over() {
        let key: WitnessKey = witness_key(5).to_string().parse().unwrap();
        let note = "example.com/log\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
                    \u{2014} example.com/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
        assert_eq!(key.cosigned(&Note::parse(note).unwrap()), Ok(None));
    }

    fn witness_key(seed: u8) -> Vkey {
        use ring::signature::{Ed25519KeyPair, KeyPair};
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let typed = [&[ALG_COSIGNATURE], pair.public_key().as_ref()].concat();
        Vkey::new("w.example/1", typed).unwrap()
    }

    #[test]
    fn a_cosignature_is_over_its_time_and_the_whole_text() {
        use ring::signature::Ed25519KeyPair;
        let vkey = witness_key(5);
        let key: WitnessKey = vkey.to_string().parse().unwrap();
        let body = "edu.example/log\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let pair = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
        let signed = pair.sign(format!("cosignature/v1\ntime 1795000000\n{body}").as_bytes());
        let line = |time: u64| vkey.line(&[&time.to_be_bytes()[..], signed.as_ref()].concat());
        let judge = |note: &str| key.cosigned(&Note::parse(note).unwrap());
        assert_eq!(judge(&format!("{body}\n{}", line(1_795_000_000))), Ok(Some(1_795_000_000)));
        let bad = Err(WitnessFault::BadCosignature);
        assert_eq!(judge(&format!("{body}\n{}", line(1_795_000_001))), bad);
        let grown = body.replace("\n5\n", "\n6\n");
        assert_eq!(judge(&format!("{grown}\n{}", line(1_795_000_000))), bad);
        assert_eq!(judge(&format!("{body}\n{}", vkey.line(&[0; 7]))), bad);
    }
}
