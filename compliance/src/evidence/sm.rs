//! A second signature on tree heads by SM2 with SM3 (GB/T 32918.2, GB/T 32905), for those whose
//! rules ask for Chinese algorithms. It stands on a line of its own, of a type that other tools pass
//! over as unknown (C2SP signed-note type 0xff); the tree stays SHA-256.
//!
//! The algorithm is right and verifies with openssl; the program is no certified product
//! (商用密码产品认证), and nothing here says so.

use std::fmt;
use std::str::FromStr;

use sm2::dsa::signature::{Signer as _, Verifier as _};
use sm2::dsa::{Signature, SigningKey, VerifyingKey as Sm2Key};

use super::error::EvidenceError;
use super::note::Note;
use super::vkey::Vkey;

/// The type byte for what the specification does not number, and the words that tell it apart.
const TYPE: &[u8] = b"\xffxuedun/sm2-sm3@v1\n";
/// The identity both sides use when none was agreed (GM/T 0009-2012 section 10).
pub const IDENTITY: &str = "1234567812345678";
/// An uncompressed point.
const POINT_BYTES: usize = 65;

/// The public half. The signature is DER, so that openssl takes it as it stands.
#[derive(Clone, Debug)]
pub struct SmKey {
    vkey: Vkey,
    key: Sm2Key,
}

impl PartialEq for SmKey {
    fn eq(&self, other: &Self) -> bool {
        self.vkey == other.vkey
    }
}

/// The secret half. `Debug` shows its name only.
pub struct SmSigner {
    key: SmKey,
    secret: SigningKey,
}

impl SmKey {
    fn new(name: &str, key: Sm2Key) -> Result<Self, EvidenceError> {
        let typed = [TYPE, &key.to_sec1_bytes()[..]].concat();
        Ok(Self { vkey: Vkey::new(name, typed)?, key })
    }

    /// Whether the note holds a line of this key, and each of them verifies.
    pub(super) fn signed(&self, note: &Note<'_>) -> bool {
        let mut lines = note.of(&self.vkey).peekable();
        let right = |line: &[u8]| {
            Signature::from_der(line)
                .is_ok_and(|s| self.key.verify(note.body.as_bytes(), &s).is_ok())
        };
        lines.peek().is_some() && lines.all(right)
    }
}

impl fmt::Display for SmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.vkey.fmt(f)
    }
}

impl FromStr for SmKey {
    type Err = EvidenceError;

    fn from_str(text: &str) -> Result<Self, EvidenceError> {
        let bad = |problem| EvidenceError::BadKey { problem };
        let vkey: Vkey = text.parse()?;
        let point = vkey.typed().strip_prefix(TYPE).filter(|p| p.len() == POINT_BYTES);
        let point = point.ok_or(bad("not an SM2 key"))?;
        let key = Sm2Key::from_sec1_bytes(IDENTITY, point);
        Ok(Self { key: key.map_err(|_| bad("not a point of the curve"))?, vkey })
    }
}

impl SmSigner {
    /// From a name and 32 secret bytes. Fails for about one in 2^32 of them (zero, or beyond the
    /// order of the curve): take others.
    pub fn from_secret(name: &str, secret: &[u8; 32]) -> Result<Self, EvidenceError> {
        let secret = SigningKey::from_slice(IDENTITY, &secret[..])
            .map_err(|_| EvidenceError::BadKey { problem: "the secret is not usable" })?;
        Ok(Self { key: SmKey::new(name, secret.verifying_key().clone())?, secret })
    }

    /// The public half.
    pub fn key(&self) -> &SmKey {
        &self.key
    }

    /// The signature line over a note's body. The nonce follows from key and text (RFC 6979), so
    /// the same text gives the same line.
    pub(super) fn line(&self, body: &str) -> String {
        let signature: Signature = self.secret.sign(body.as_bytes());
        self.key.vkey.line(signature.to_der().as_bytes())
    }
}

impl fmt::Debug for SmSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmSigner({})", self.key.vkey.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Checkpoint, Signer};

    fn signer() -> Signer {
        let sm = SmSigner::from_secret("edu.example/log", &[3; 32]).unwrap();
        Signer::from_seed("edu.example/log", &[7; 32]).unwrap().beside(Some(sm))
    }

    #[test]
    fn the_line_verifies_and_a_changed_text_does_not() {
        let signer = signer();
        let signed = signer.sign(5, &[9; 32]);
        assert_eq!(signed.note, signer.sign(5, &[9; 32]).note, "no randomness");
        let key: SmKey = signer.sm().unwrap().to_string().parse().unwrap();
        assert_eq!(&key, signer.sm().unwrap());
        assert!(key.signed(&Note::parse(&signed.note).unwrap()));
        let grown = signed.note.replacen("\n5\n", "\n6\n", 1);
        assert!(!key.signed(&Note::parse(&grown).unwrap()));
        let first = &signed.note[..signed.note.trim_end().rfind('\n').unwrap() + 1];
        assert!(!key.signed(&Note::parse(first).unwrap()), "the line was taken away");
        assert_eq!(Checkpoint::open(first, signer.key()).unwrap().size, 5);
        let other = SmSigner::from_secret("edu.example/log", &[4; 32]).unwrap();
        assert!(!other.key().signed(&Note::parse(&signed.note).unwrap()));
        assert!(SmSigner::from_secret("x", &[0; 32]).is_err());
        assert!(SmSigner::from_secret("x", &[0xff; 32]).is_err());
    }

    /// A key and a signature of `openssl pkeyutl -sign -rawin -digest sm3
    /// -pkeyopt distid:1234567812345678` (OpenSSL 3.0.19).
    #[test]
    fn a_signature_of_openssl_verifies() {
        let point = "04b9d817c29a97a4f246f56fefaa7297153a9371b2d1c311ab1b2f1cb3cd92cb5da5f13da8ccebb625a80c74c967434a2295488fc507b19a88a672f1f912bd4dbc";
        let signature = "3046022100bca25c24f13e58761cda8823ffb472e5538a5b06db727cabe4e58238d5eb9002022100cde22457cf0a8869067d76857a552f58f0888c9bda08501f8cfa424124d47e55";
        let point = data_encoding::HEXLOWER.decode(point.as_bytes()).unwrap();
        let key = Sm2Key::from_sec1_bytes(IDENTITY, &point).unwrap();
        let signature = data_encoding::HEXLOWER.decode(signature.as_bytes()).unwrap();
        let signature = Signature::from_der(&signature).unwrap();
        assert!(key.verify(b"edu.example/log\n5\n", &signature).is_ok());
        assert!(key.verify(b"edu.example/log\n6\n", &signature).is_err());
    }
}
