//! The text form of verifier keys, `name+id+base64(type ‖ key)`, and the ids of signature lines
//! (C2SP signed-note v1.0).

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use ring::digest::{SHA256, digest};

use super::error::EvidenceError;

/// A name with a typed key: the type byte stands first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vkey {
    name: String,
    typed: Vec<u8>,
}

impl Vkey {
    /// A note name is not empty and has no spaces and no plus.
    pub(super) fn new(name: &str, typed: Vec<u8>) -> Result<Self, EvidenceError> {
        let bad = name.is_empty()
            || name.contains('+')
            || name.chars().any(|c| c.is_whitespace() || c.is_control());
        if bad {
            let problem = "the name is empty or has a space or a plus";
            return Err(EvidenceError::BadKey { problem });
        }
        Ok(Self { name: name.to_owned(), typed })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Type and key.
    pub(super) fn typed(&self) -> &[u8] {
        &self.typed
    }

    /// The first four bytes of SHA-256 over name, newline, type and key.
    pub(super) fn id(&self) -> [u8; 4] {
        let hash = digest(&SHA256, &[self.name.as_bytes(), b"\n", &self.typed].concat());
        let mut id = [0; 4];
        id.copy_from_slice(&hash.as_ref()[..4]);
        id
    }

    /// A signature line of this key, with its newline.
    pub(super) fn line(&self, signature: &[u8]) -> String {
        let blob = [&self.id()[..], signature].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64.encode(&blob))
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = HEXLOWER.encode(&self.id());
        write!(f, "{}+{id}+{}", self.name, BASE64.encode(&self.typed))
    }
}

impl FromStr for Vkey {
    type Err = EvidenceError;

    fn from_str(text: &str) -> Result<Self, EvidenceError> {
        let bad = |problem| EvidenceError::BadKey { problem };
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(bad("wanted name+id+key"));
        };
        let typed = BASE64.decode(key.as_bytes()).map_err(|_| bad("the key is not base64"))?;
        let key = Self::new(name, typed)?;
        let id = HEXLOWER_PERMISSIVE.decode(id.as_bytes()).map_err(|_| bad("the id is not hex"))?;
        if id != key.id() {
            return Err(bad("the id is not that of the key"));
        }
        Ok(key)
    }
}
