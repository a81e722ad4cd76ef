//! Signed notes and checkpoints (C2SP signed-note v1, tlog-checkpoint v1), Ed25519 by `ring`.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::error::EvidenceError;
use super::limits;
use super::merkle::Hash;
use super::sm::SmSigner;
use super::vkey::Vkey;

/// Signature type of plain Ed25519.
const ALG_ED25519: u8 = 1;

/// A verifier key of a log (Ed25519): `name+id+base64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    vkey: Vkey,
    public: [u8; 32],
}

/// A signing key, with the SM2 key that signs beside it if there is one. `Debug` shows its name only.
pub struct Signer {
    key: VerifyingKey,
    pair: Ed25519KeyPair,
    beside: Option<SmSigner>,
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

/// A signed note, taken apart; nothing is verified.
pub(super) struct Note<'a> {
    /// The text that is signed, with its last newline.
    pub(super) body: &'a str,
    lines: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Note<'a> {
    pub(super) fn parse(note: &'a str) -> Result<Self, EvidenceError> {
        let (body, signatures) = split(note)?;
        Ok(Self { body, lines: signature_lines(signatures)? })
    }

    /// The signatures that say to be of a key, without the id.
    pub(super) fn of(&self, key: &Vkey) -> impl Iterator<Item = &[u8]> {
        let (name, id) = (key.name().to_owned(), key.id());
        let of_key = move |(n, blob): &&(&str, Vec<u8>)| *n == name && blob[..4] == id;
        self.lines.iter().filter(of_key).map(|(_, blob)| &blob[4..])
    }

    /// The one signature of a log key, verified.
    pub(super) fn verified(&self, key: &VerifyingKey) -> Result<(), EvidenceError> {
        let mut signatures = self.of(&key.vkey);
        match (signatures.next(), signatures.next()) {
            (Some(one), None) if key.verifies(self.body.as_bytes(), one) => Ok(()),
            _ => Err(EvidenceError::BadSignature { name: key.name().to_owned() }),
        }
    }
}

/// Signature lines: name and blob (id and signature).
pub(super) fn signature_lines(text: &str) -> Result<Vec<(&str, Vec<u8>)>, EvidenceError> {
    if text.is_empty() || !text.ends_with('\n') {
        return Err(bad("no signature line"));
    }
    if text.lines().count() > limits::NOTE_SIGNATURES_MAX {
        return Err(bad("too many signatures"));
    }
    text.lines().map(signature).collect()
}

impl VerifyingKey {
    /// From a name and the 32 bytes of the public key.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, EvidenceError> {
        let typed = [&[ALG_ED25519], &public[..]].concat();
        Ok(Self { vkey: Vkey::new(name, typed)?, public })
    }

    /// The key's name, which is also the log's origin.
    pub fn name(&self) -> &str {
        self.vkey.name()
    }

    /// The first four bytes of SHA-256 over name, newline, algorithm and public key.
    pub fn id(&self) -> [u8; 4] {
        self.vkey.id()
    }

    /// The 32 bytes of the public key.
    pub(super) fn public(&self) -> &[u8; 32] {
        &self.public
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.vkey.fmt(f)
    }
}

impl FromStr for VerifyingKey {
    type Err = EvidenceError;

    fn from_str(text: &str) -> Result<Self, EvidenceError> {
        let vkey: Vkey = text.parse()?;
        let [ALG_ED25519, public @ ..] = vkey.typed() else {
            return Err(EvidenceError::BadKey { problem: "not an Ed25519 key" });
        };
        let problem = "an Ed25519 key has 32 bytes";
        let public = public.try_into().map_err(|_| EvidenceError::BadKey { problem })?;
        Ok(Self { public, vkey })
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
        Ok(Self { key: VerifyingKey::new(name, public)?, pair, beside: None })
    }

    /// The same with an SM2 key that signs every tree head too.
    #[must_use]
    pub fn beside(mut self, sm: Option<SmSigner>) -> Self {
        self.beside = sm;
        self
    }

    /// The public half of the SM2 key that signs beside this one.
    pub fn sm(&self) -> Option<&super::sm::SmKey> {
        self.beside.as_ref().map(SmSigner::key)
    }

    /// An Ed25519 signature over any bytes. Every use puts its own words before them, so that no
    /// signature can stand for another: a note begins with a line of text, SSHSIG with its magic.
    pub(super) fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    /// The Ed25519 line over a note's body.
    pub(super) fn own_line(&self, body: &str) -> String {
        self.key.vkey.line(&self.sign_bytes(body.as_bytes()))
    }

    /// All signature lines over a note's body.
    fn lines(&self, body: &str) -> String {
        let mut lines = self.own_line(body);
        if let Some(sm) = &self.beside {
            lines.push_str(&sm.line(body));
        }
        lines
    }

    /// The public half.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Signs a tree head.
    pub fn sign(&self, size: u64, root: &Hash) -> Checkpoint {
        let origin = self.key.name();
        let body = format!("{origin}\n{size}\n{}\n", BASE64.encode(root));
        let note = format!("{body}\n{}", self.lines(&body));
        Checkpoint { origin: origin.to_owned(), size, root: *root, note }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key.name())
    }
}

impl Checkpoint {
    /// Reads a note and verifies that `key` signed it and that it is of the log of that name.
    /// Signatures of other keys (witnesses) are ignored, as the specification asks.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, EvidenceError> {
        let parsed = Note::parse(note)?;
        parsed.verified(key)?;
        let checkpoint = parse_body(parsed.body, note)?;
        if checkpoint.origin != key.name() {
            return Err(EvidenceError::OtherLog {
                found: checkpoint.origin,
                wanted: key.name().to_owned(),
            });
        }
        Ok(checkpoint)
    }

    /// The same by the first of several keys of one log that signed it.
    pub fn open_by_any<'k>(
        note: &str,
        keys: impl IntoIterator<Item = &'k VerifyingKey>,
    ) -> Result<Self, EvidenceError> {
        let mut first = Err(bad("no key to verify it by"));
        for (n, key) in keys.into_iter().enumerate() {
            match Self::open(note, key) {
                Ok(checkpoint) => return Ok(checkpoint),
                failed if n == 0 => first = failed,
                _ => {}
            }
        }
        first
    }

    /// The signed text: origin, size and root.
    pub fn body(&self) -> &str {
        self.note.find("\n\n").map_or(self.note.as_str(), |at| &self.note[..=at])
    }

    /// The same tree head with further signature lines.
    pub(super) fn with_lines(&self, lines: &str) -> Self {
        Self { note: format!("{}{lines}", self.note), ..self.clone() }
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
        assert!(key.verifies(body.as_bytes(), &blob[4..]));
        assert!(!key.verifies(b"other\n", &blob[4..]));
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
