//! What opens the key store: the root key, under which the dataset keys are wrapped. A passphrase's or
//! a file's is in memory while a store is open; that of a token or of a transit service never leaves
//! it, and each wrapped key is opened there.
//!
//! Layout: here the kinds, and wrapping under a key in memory; [`place`] the file that says where a
//! root key is kept; [`token`] PKCS#11; [`transit`] Vault and OpenBao.

pub mod place;
pub mod token;
pub mod transit;

use std::fmt;

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use argon2::{Algorithm as Kind, Argon2, Params, Version};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

pub use place::RootPlace;
pub use token::{TokenName, TokenRoot};
pub use transit::TransitRoot;

use crate::records::error::Error;

/// What opens the key store. What is secret in it is wiped when it is dropped.
#[derive(Clone)]
pub enum Root {
    /// A passphrase, through Argon2id (RFC 9106: 64 MiB, three passes).
    Passphrase(Zeroizing<String>),
    /// A key of 32 bytes, kept in a file.
    Key(Zeroizing<[u8; 32]>),
    /// A key that stays in a PKCS#11 token.
    Token(TokenRoot),
    /// A key that stays in Vault or OpenBao.
    Transit(TransitRoot),
}

/// Where a root key is, as a key store says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RootKind {
    /// In someone's memory.
    Passphrase,
    /// In a file.
    Key,
    /// In a PKCS#11 token.
    Pkcs11,
    /// In Vault or OpenBao.
    Transit,
}

impl RootKind {
    /// Its name, as in a key store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passphrase => "passphrase",
            Self::Key => "key",
            Self::Pkcs11 => "pkcs11",
            Self::Transit => "transit",
        }
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name())
    }
}

impl Root {
    /// A key from a file.
    pub fn key(bytes: [u8; 32]) -> Self {
        Self::Key(Zeroizing::new(bytes))
    }

    /// A passphrase.
    pub fn passphrase(text: String) -> Self {
        Self::Passphrase(Zeroizing::new(text))
    }

    /// Which kind it is.
    pub const fn kind(&self) -> RootKind {
        match self {
            Self::Passphrase(_) => RootKind::Passphrase,
            Self::Key(_) => RootKind::Key,
            Self::Token(_) => RootKind::Pkcs11,
            Self::Transit(_) => RootKind::Transit,
        }
    }

    /// Makes the root key where it is to stay; one in a file or a memory is made by its owner.
    ///
    /// # Errors
    /// [`Error::BadKey`] when there is one already; what the token or service says.
    pub fn make(&self) -> Result<(), Error> {
        match self {
            Self::Token(root) => token::make(root),
            Self::Transit(root) => transit::make(root),
            Self::Passphrase(_) | Self::Key(_) => {
                Err(Error::BadKey { reason: "neither a token's nor a transit service's" })
            }
        }
    }

    /// Gets it ready to wrap.
    pub(super) fn open(&self, salt: &[u8]) -> Result<Box<dyn Wrapping>, Error> {
        Ok(match self {
            Self::Key(bytes) => Box::new(InMemory(bytes.clone())),
            Self::Passphrase(phrase) => Box::new(InMemory(stretched(phrase, salt)?)),
            Self::Token(root) => Box::new(token::Token::open(root)?),
            Self::Transit(root) => Box::new(transit::Transit::open(root)?),
        })
    }
}

/// An open root key.
pub(super) trait Wrapping: Send {
    /// Seals a key, bound to a name.
    fn wrap(&self, key: &[u8; 32], name: &[u8], random: &dyn SecureRandom)
    -> Result<String, Error>;

    /// Opens a key; none when it does not authenticate under this root key and name.
    fn unwrap(&self, text: &str, name: &[u8]) -> Result<Option<Zeroizing<[u8; 32]>>, Error>;

    /// The version of the root key that a key was sealed under, where it has versions.
    fn version(&self, _text: &str) -> Option<u32> {
        None
    }
}

/// A root key in memory.
struct InMemory(Zeroizing<[u8; 32]>);

impl Wrapping for InMemory {
    fn wrap(
        &self,
        key: &[u8; 32],
        name: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<String, Error> {
        let nonce = nonce(random)?;
        let payload = Payload { msg: key, aad: name };
        let sealed = Aes256Gcm::new((&*self.0).into()).encrypt(&nonce.into(), payload);
        let sealed = sealed.map_err(|_| Error::Crypto { what: "key wrap" })?;
        Ok(joined(&nonce, &sealed))
    }

    fn unwrap(&self, text: &str, name: &[u8]) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
        let Some((nonce, sealed)) = parted(text) else { return Ok(None) };
        let payload = Payload { msg: &sealed, aad: name };
        let plain = Aes256Gcm::new((&*self.0).into()).decrypt(&nonce.into(), payload);
        Ok(plain.ok().and_then(taken))
    }
}

/// The key that a passphrase stands for.
fn stretched(phrase: &str, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut key = Zeroizing::new([0; 32]);
    let params =
        Params::new(64 * 1024, 3, 1, Some(32)).map_err(|_| Error::Crypto { what: "Argon2id" })?;
    Argon2::new(Kind::Argon2id, Version::V0x13, params)
        .hash_password_into(phrase.as_bytes(), salt, &mut *key)
        .map_err(|_| Error::Crypto { what: "Argon2id" })?;
    Ok(key)
}

fn nonce(random: &dyn SecureRandom) -> Result<[u8; 12], Error> {
    let mut nonce = [0; 12];
    random.fill(&mut nonce).map_err(|_| Error::NoRandomness)?;
    Ok(nonce)
}

/// A wrapped key as text.
fn joined(nonce: &[u8; 12], sealed: &[u8]) -> String {
    data_encoding::BASE64.encode(&[nonce, sealed].concat())
}

/// Nonce and sealed key of a text.
fn parted(text: &str) -> Option<([u8; 12], Vec<u8>)> {
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<12>()?;
    Some((*nonce, sealed.to_vec()))
}

/// An opened key, its buffer wiped.
fn taken(mut plain: Vec<u8>) -> Option<Zeroizing<[u8; 32]>> {
    let key = <[u8; 32]>::try_from(plain.as_slice()).ok().map(Zeroizing::new);
    plain.zeroize();
    key
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_wrapped_key_opens_under_its_root_and_name_only() {
        let root = InMemory(Zeroizing::new([1; 32]));
        let text = root.wrap(&[7; 32], b"a", &SystemRandom::new()).unwrap();
        assert_eq!(root.unwrap(&text, b"a").unwrap().map(|k| *k), Some([7; 32]));
        assert!(root.unwrap(&text, b"b").unwrap().is_none());
        let other = InMemory(Zeroizing::new([2; 32]));
        assert!(other.unwrap(&text, b"a").unwrap().is_none());
        for text in ["", "AAAA", "\u{FFFD}", &text[..text.len() - 4]] {
            assert!(root.unwrap(text, b"a").unwrap().is_none());
        }
    }

    #[test]
    fn a_root_says_its_kind_and_nothing_else() {
        assert_eq!(format!("{:?}", Root::passphrase("口令".into())), "passphrase");
        assert_eq!(format!("{:?}", Root::key([5; 32])), "key");
    }

    /// RFC 9106, section 5.3: what passphrases go through is that function.
    #[test]
    fn argon2id_is_that_of_rfc_9106() {
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .output_len(32)
            .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let argon =
            Argon2::new_with_secret(&[3; 8], Kind::Argon2id, Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        argon.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
        let wanted = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
        assert_eq!(tag.to_vec(), hex(wanted));
    }

    #[test]
    fn a_passphrase_gives_the_key_of_its_salt() {
        let key = |phrase: &str, salt: &[u8]| stretched(phrase, salt).unwrap().to_vec();
        let mut wanted = [0; 32];
        let params = Params::new(64 * 1024, 3, 1, Some(32)).unwrap();
        Argon2::new(Kind::Argon2id, Version::V0x13, params)
            .hash_password_into("口令".as_bytes(), &[5; 16], &mut wanted)
            .unwrap();
        assert_eq!(key("口令", &[5; 16]), wanted);
        assert_ne!(key("口令", &[6; 16]), wanted);
    }
}
