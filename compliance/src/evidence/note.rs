//! Signed notes and checkpoints (C2SP signed-note v1, tlog-checkpoint v1), Ed25519 by `ring`.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::error::EvidenceError;
use super::limits;
use super::merkle::Hash;

/// Signature type of plain Ed25519.
const ALG_ED25519: u8 = 1;

/// A verifier key: `name+id+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    public: [u8; 32],
}

/// A signing key. `Debug` shows its name only.
pub struct Signer {
    key: VerifyingKey,
    pair: Ed25519KeyPair,
}

/// A tree head that was signed: the log's name, its size and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The whole note as signed and stored.
    pub note: String,
}

/// A note name: not empty, no spaces, no plus.
fn check_name(name: &str) -> Result<(), EvidenceError> {
    let bad = name.is_empty()
        || name.contains('+')
        || name.chars().any(|c| c.is_whitespace() || c.is_control());
    if bad {
        return Err(EvidenceError::BadKey {
            problem: "the name is empty or has a space or a plus",
        });
    }
    Ok(())
}

impl VerifyingKey {
    /// From a name and the 32 bytes of the public key.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, EvidenceError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), public })
    }

    /// The key's name, which is also the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, newline, algorithm and public key.
    pub fn id(&self) -> [u8; 4] {
        let seed = [self.name.as_bytes(), b"\n", &[ALG_ED25519], &self.public].concat();
        let hash = digest(&SHA256, &seed);
        let mut id = [0; 4];
        id.copy_from_slice(&hash.as_ref()[..4]);
        id
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ALG_ED25519], &self.public[..]].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&key))
    }
}

impl FromStr for VerifyingKey {
    type Err = EvidenceError;

    fn from_str(text: &str) -> Result<Self, EvidenceError> {
        let bad = |problem| EvidenceError::BadKey { problem };
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("wanted name+id+key"));
        };
        let key = BASE64.decode(key.as_bytes()).map_err(|_| bad("the key is not base64"))?;
        let [ALG_ED25519, public @ ..] = key.as_slice() else {
            return Err(bad("not an Ed25519 key"));
        };
        let public = public.try_into().map_err(|_| bad("an Ed25519 key has 32 bytes"))?;
        let key = Self::new(name, public)?;
        let id = HEXLOWER_PERMISSIVE.decode(id.as_bytes()).map_err(|_| bad("the id is not hex"))?;
        if id != key.id() {
            return Err(bad("the id is not that of the key"));
        }
        Ok(key)
    }
}

impl Signer {
    /// From a name and a secret seed of 32 random bytes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, EvidenceError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| EvidenceError::BadKey { problem: "the seed is not usable" })?;
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .map_err(|_| EvidenceError::BadKey { problem: "an Ed25519 key has 32 bytes" })?;
        Ok(Self { key: VerifyingKey::new(name, public)?, pair })
    }

    /// The public half.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Signs a tree head.
    pub fn sign(&self, size: u64, root: &Hash) -> Checkpoint {
        let body = format!("{}\n{size}\n{}\n", self.key.name, BASE64.encode(root));
        let signature = self.pair.sign(body.as_bytes());
        let blob = [&self.key.id()[..], signature.as_ref()].concat();
        let note = format!("{body}\n\u{2014} {} {}\n", self.key.name, BASE64.encode(&blob));
        Checkpoint { origin: self.key.name.clone(), size, root: *root, note }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key.name)
    }
}

impl Checkpoint {
    /// Reads a note and verifies that `key` signed it and that it is of the log of that name.
    /// Signatures of other keys (witnesses) are ignored, as the specification asks.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, EvidenceError> {
        let (body, signatures) = split(note)?;
        let mut verified = false;
        for line in signatures.lines() {
            let (name, blob) = signature(line)?;
            if name != key.name || blob.get(..4) != Some(&key.id()[..]) {
                continue;
            }
            if verified || !key.verifies(body, &blob[4..]) {
                return Err(EvidenceError::BadSignature { name: key.name.clone() });
            }
            verified = true;
        }
        if !verified {
            return Err(EvidenceError::BadSignature { name: key.name.clone() });
        }
        let checkpoint = parse_body(body, note)?;
        if checkpoint.origin != key.name {
            return Err(EvidenceError::OtherLog {
                found: checkpoint.origin,
                wanted: key.name.clone(),
            });
        }
        Ok(checkpoint)
    }
}

fn bad(problem: &'static str) -> EvidenceError {
    EvidenceError::BadNote { problem }
}

/// Body with its last newline, and the signature lines.
fn split(note: &str) -> Result<(&str, &str), EvidenceError> {
    if note.len() > limits::NOTE_BYTES_MAX {
        return Err(bad("too long"));
    }
    if note.chars().any(|c| c.is_control() && c != '\n') {
        return Err(bad("control characters"));
    }
    let at = note.rfind("\n\n").ok_or(bad("no blank line"))?;
    let (body, signatures) = (&note[..at + 1], &note[at + 2..]);
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(bad("no signature line"));
    }
    if signatures.lines().count() > limits::NOTE_SIGNATURES_MAX {
        return Err(bad("too many signatures"));
    }
    Ok((body, signatures))
}

fn signature(line: &str) -> Result<(&str, Vec<u8>), EvidenceError> {
    let rest = line.strip_prefix("\u{2014} ").ok_or(bad("a signature line begins with a dash"))?;
    let (name, blob) = rest.split_once(' ').ok_or(bad("a signature line has name and base64"))?;
    let blob = BASE64.decode(blob.as_bytes()).map_err(|_| bad("signature is not base64"))?;
    if name.is_empty() || blob.len() < 5 {
        return Err(bad("a signature has a name and more than four bytes"));
    }
    Ok((name, blob))
}

fn parse_body(body: &str, note: &str) -> Result<Checkpoint, EvidenceError> {
    let mut lines = body.lines();
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(bad("a checkpoint has three lines"));
    };
    if origin.is_empty() || lines.any(str::is_empty) {
        return Err(bad("an empty line"));
    }
    let leading_zero = size.len() > 1 && size.starts_with('0');
    if leading_zero || !size.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("the size is not a plain number"));
    }
    let root = BASE64.decode(root.as_bytes()).map_err(|_| bad("the root is not base64"))?;
    Ok(Checkpoint {
        origin: origin.to_owned(),
        size: size.parse().map_err(|_| bad("the size is too large"))?,
        root: root.try_into().map_err(|_| bad("the root has 32 bytes"))?,
        note: note.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_go_example_key() {
        // The example of Go's note package: an Ed25519 key and its id.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key: VerifyingKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        let body = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
        let blob = BASE64
            .decode(b"x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=")
            .unwrap();
        assert_eq!(blob[..4], key.id());
        assert!(key.verifies(body, &blob[4..]));
        assert!(!key.verifies("other\n", &blob[4..]));
    }

    #[test]
    fn sign_and_open() {
        let signer = Signer::from_seed("edu.example/log", &[7; 32]).unwrap();
        let signed = signer.sign(5, &[9; 32]);
        let opened = Checkpoint::open(&signed.note, signer.key()).unwrap();
        assert_eq!(opened, signed);
        let witness = format!("{}\u{2014} witness.example AAAAAAAAAAAA\n", signed.note);
        assert_eq!(Checkpoint::open(&witness, signer.key()).unwrap().size, 5, "others are ignored");
        let other = Signer::from_seed("edu.example/log", &[8; 32]).unwrap();
        assert_eq!(Checkpoint::open(&signed.note, other.key()).unwrap_err().code(), "V012");
        let grown = signed.note.replacen("\n5\n", "\n6\n", 1);
        assert_eq!(Checkpoint::open(&grown, signer.key()).unwrap_err().code(), "V012");
        assert_eq!(Checkpoint::open("x", signer.key()).unwrap_err().code(), "V011");
        assert!(Signer::from_seed("a b", &[7; 32]).is_err());
        assert_eq!(format!("{signer:?}"), "Signer(edu.example/log)");
    }
}
