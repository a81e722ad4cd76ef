//! The key store: a JSON file of wrapped keys. The root key opens the dataset keys, a dataset key
//! opens its subjects' keys. Changing the root rewraps the dataset keys only; forgetting a
//! subject is the removal of one entry.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, AeadInOut, KeyInit, Payload};
use argon2::{Algorithm as Kind, Argon2, Params, Version};
use events::Sensitive;
use ring::hmac;
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::cell::Pool;
use crate::records::error::Error;

/// Messages one dataset key's subjects may seal together: random 96-bit nonces stay far below
/// NIST SP 800-38D's bound of 2^32 per key, and each subject has a key of its own.
pub const MESSAGES_MAX: u64 = 1 << 32;
const VERSION: u32 = 1;

/// What opens the key store.
#[derive(Clone, Debug)]
pub enum Root {
    /// A passphrase, through Argon2id (RFC 9106: 64 MiB, three passes).
    Passphrase(Sensitive<String>),
    /// A key of 32 bytes, kept in a file.
    Key(Sensitive<[u8; 32]>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Store {
    version: u32,
    /// Salt of the passphrase.
    salt: String,
    /// A known text under the root key: tells a wrong key from a damaged store.
    check: String,
    datasets: BTreeMap<String, Dataset>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dataset {
    key_id: u32,
    wrapped: String,
    messages: u64,
    #[serde(with = "subjects")]
    subjects: Subjects,
}

/// A subject's wrapped key: nonce, sealed key, tag.
type Wrapped = [u8; 60];
/// Wrapped keys by the subjects' names.
type Subjects = BTreeMap<[u8; 8], Wrapped>;

/// An open key store.
pub struct KeyRing {
    path: PathBuf,
    root: Zeroizing<[u8; 32]>,
    store: Store,
}

/// The keys of one dataset, open.
pub(super) struct DatasetKey {
    pub(super) id: u32,
    names: hmac::Key,
    cipher: Box<Aes256Gcm>,
}

impl KeyRing {
    /// Opens a store, or makes one that only its owner can read.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::BadKeyStore`], [`Error::Read`], [`Error::Write`].
    pub fn open(path: &Path, root: &Root, random: &dyn SecureRandom) -> Result<Self, Error> {
        match fs::File::open(path) {
            Ok(file) => {
                let bad = |reason| Error::BadKeyStore { reason };
                let reader = BufReader::with_capacity(1 << 18, file);
                let store: Store =
                    serde_json::from_reader(reader).map_err(|_| bad("not a key store"))?;
                if store.version != VERSION {
                    return Err(bad("another version"));
                }
                let salt = decode(&store.salt).ok_or(bad("the salt"))?;
                let root = root_key(root, &salt)?;
                unwrap(&root, &store.check, b"check").ok_or(Error::WrongKey)?;
                Ok(Self { path: path.to_owned(), root, store })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut salt = [0; 16];
                random.fill(&mut salt).map_err(|_| Error::NoRandomness)?;
                let root = root_key(root, &salt)?;
                let check = wrap(&root, &[0; 32], b"check", random)?;
                let salt = data_encoding::BASE64.encode(&salt);
                let store = Store { version: VERSION, salt, check, datasets: BTreeMap::new() };
                let ring = Self { path: path.to_owned(), root, store };
                ring.save()?;
                Ok(ring)
            }
            Err(e) => Err(Error::Read(e)),
        }
    }

    /// Puts another root in place: only the dataset keys are wrapped anew, no data is touched.
    ///
    /// # Errors
    /// [`Error::BadKeyStore`], [`Error::Write`].
    pub fn rotate_root(&mut self, root: &Root, random: &dyn SecureRandom) -> Result<(), Error> {
        let mut salt = [0; 16];
        random.fill(&mut salt).map_err(|_| Error::NoRandomness)?;
        let new = root_key(root, &salt)?;
        let mut wrapped = Vec::new();
        for (name, dataset) in &self.store.datasets {
            let key = unwrap(&self.root, &dataset.wrapped, name.as_bytes());
            let key = key.ok_or(Error::BadKeyStore { reason: "a dataset key" })?;
            wrapped.push(wrap(&new, &key, name.as_bytes(), random)?);
        }
        self.store.check = wrap(&new, &[0; 32], b"check", random)?;
        for (dataset, wrapped) in self.store.datasets.values_mut().zip(wrapped) {
            dataset.wrapped = wrapped;
        }
        self.store.salt = data_encoding::BASE64.encode(&salt);
        self.root = new;
        self.save()
    }

    /// Destroys one subject's key: that person's cells can never be read again. `true` if there
    /// was one.
    ///
    /// # Errors
    /// [`Error::NoDatasetKey`], [`Error::Write`].
    pub fn erase_subject(&mut self, dataset: &str, subject: &str) -> Result<bool, Error> {
        let name = self.dataset(dataset)?.subject(subject);
        let Some(held) = self.store.datasets.get_mut(dataset) else { return Ok(false) };
        let gone = held.subjects.remove(&name).is_some();
        self.save()?;
        Ok(gone)
    }

    /// The key of a dataset.
    pub(super) fn dataset(&self, name: &str) -> Result<DatasetKey, Error> {
        let none = || Error::NoDatasetKey { dataset: name.to_owned() };
        let held = self.store.datasets.get(name).ok_or_else(none)?;
        let key = unwrap(&self.root, &held.wrapped, name.as_bytes());
        let key = key.ok_or(Error::BadKeyStore { reason: "a dataset key" })?;
        let cipher = Box::new(Aes256Gcm::new((&*key).into()));
        Ok(DatasetKey { id: held.key_id, names: hmac::Key::new(hmac::HMAC_SHA256, &*key), cipher })
    }

    /// The key of a dataset, made if it is new. Not on disk before [`KeyRing::save`].
    pub(super) fn dataset_or_new(
        &mut self,
        name: &str,
        random: &dyn SecureRandom,
    ) -> Result<DatasetKey, Error> {
        if !self.store.datasets.contains_key(name) {
            let key = fresh(random)?;
            let wrapped = wrap(&self.root, &key, name.as_bytes(), random)?;
            let key_id = self.store.datasets.values().map(|d| d.key_id).max().unwrap_or(0) + 1;
            let subjects = Subjects::new();
            let dataset = Dataset { key_id, wrapped, messages: 0, subjects };
            self.store.datasets.insert(name.to_owned(), dataset);
        }
        self.dataset(name)
    }

    /// A subject's key, made if `pool` is given and it is new.
    pub(super) fn subject_key(
        &mut self,
        dataset: &str,
        keys: &DatasetKey,
        subject: [u8; 8],
        pool: Option<&mut Pool<'_>>,
    ) -> Result<Option<Zeroizing<[u8; 32]>>, Error> {
        let Some(held) = self.store.datasets.get_mut(dataset) else { return Ok(None) };
        if let Some(wrapped) = held.subjects.get(&subject) {
            let key = keys.unwrap(&subject, wrapped);
            return Ok(Some(key.ok_or(Error::BadKeyStore { reason: "a subject key" })?));
        }
        let Some(pool) = pool else { return Ok(None) };
        let key = Zeroizing::new(pool.take::<32>()?);
        held.subjects.insert(subject, keys.wrap(&subject, &key, pool)?);
        Ok(Some(key))
    }

    /// Counts sealed messages against the bound.
    pub(super) fn count(&mut self, dataset: &str, messages: u64) -> Result<(), Error> {
        let Some(held) = self.store.datasets.get_mut(dataset) else { return Ok(()) };
        held.messages = held.messages.saturating_add(messages);
        if held.messages > MESSAGES_MAX {
            return Err(Error::KeyExhausted { key_id: held.key_id, limit: MESSAGES_MAX });
        }
        Ok(())
    }

    /// Writes the store whole: it is on disk before any cell sealed under its keys is released.
    pub(super) fn save(&self) -> Result<(), Error> {
        let part = self.path.with_extension("part");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&part).map_err(Error::Write)?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        serde_json::to_writer(&mut out, &self.store)
            .map_err(|_| Error::BadKeyStore { reason: "cannot be written" })?;
        out.flush().and_then(|()| out.get_ref().sync_all()).map_err(Error::Write)?;
        fs::rename(&part, &self.path).map_err(Error::Write)
    }
}

impl DatasetKey {
    fn wrap(
        &self,
        subject: &[u8; 8],
        key: &[u8; 32],
        pool: &mut Pool<'_>,
    ) -> Result<Wrapped, Error> {
        let nonce = pool.take::<12>()?;
        let mut wrapped = [0; 60];
        let (head, rest) = wrapped.split_at_mut(12);
        let (text, tag) = rest.split_at_mut(32);
        head.copy_from_slice(&nonce);
        text.copy_from_slice(key);
        let name = hex(subject);
        let sealed = self.cipher.encrypt_inout_detached(&nonce.into(), &name, text.into());
        tag.copy_from_slice(&sealed.map_err(|_| Error::Crypto { what: "key wrap" })?);
        Ok(wrapped)
    }

    fn unwrap(&self, subject: &[u8; 8], wrapped: &Wrapped) -> Option<Zeroizing<[u8; 32]>> {
        let (nonce, rest) = wrapped.split_first_chunk::<12>()?;
        let (sealed, tag) = rest.split_first_chunk::<32>()?;
        let tag: [u8; 16] = tag.try_into().ok()?;
        let mut key = Zeroizing::new(*sealed);
        let text: &mut [u8] = &mut *key;
        self.cipher
            .decrypt_inout_detached(&(*nonce).into(), &hex(subject), text.into(), &tag.into())
            .ok()?;
        Some(key)
    }

    /// What a subject is called in the store and in cells: it tells nothing without the key.
    pub(super) fn subject(&self, value: &str) -> [u8; 8] {
        let tag = hmac::sign(&self.names, value.trim().as_bytes());
        let mut name = [0; 8];
        name.copy_from_slice(&tag.as_ref()[..8]);
        name
    }
}

fn root_key(root: &Root, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut key = Zeroizing::new([0; 32]);
    match root {
        Root::Key(bytes) => key.copy_from_slice(bytes.reveal()),
        Root::Passphrase(phrase) => {
            let params = Params::new(64 * 1024, 3, 1, Some(32))
                .map_err(|_| Error::Crypto { what: "Argon2id" })?;
            Argon2::new(Kind::Argon2id, Version::V0x13, params)
                .hash_password_into(phrase.reveal().as_bytes(), salt, &mut *key)
                .map_err(|_| Error::Crypto { what: "Argon2id" })?;
        }
    }
    Ok(key)
}

fn fresh(random: &dyn SecureRandom) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut key = Zeroizing::new([0; 32]);
    random.fill(&mut *key).map_err(|_| Error::NoRandomness)?;
    Ok(key)
}

fn wrap(
    under: &[u8; 32],
    key: &[u8; 32],
    name: &[u8],
    random: &dyn SecureRandom,
) -> Result<String, Error> {
    let mut nonce = [0; 12];
    random.fill(&mut nonce).map_err(|_| Error::NoRandomness)?;
    let payload = Payload { msg: key, aad: name };
    let sealed = Aes256Gcm::new(under.into()).encrypt(&nonce.into(), payload);
    let sealed = sealed.map_err(|_| Error::Crypto { what: "key wrap" })?;
    Ok(data_encoding::BASE64.encode(&[&nonce[..], &sealed].concat()))
}

fn unwrap(under: &[u8; 32], text: &str, name: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = decode(text)?;
    let (nonce, sealed) = bytes.split_first_chunk::<12>()?;
    let payload = Payload { msg: sealed, aad: name };
    let mut plain = Aes256Gcm::new(under.into()).decrypt(&(*nonce).into(), payload).ok()?;
    let key = <[u8; 32]>::try_from(plain.as_slice()).ok().map(Zeroizing::new);
    plain.zeroize();
    key
}

fn decode(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64.decode(text.as_bytes()).ok()
}

fn hex(subject: &[u8; 8]) -> [u8; 16] {
    let mut out = [0; 16];
    data_encoding::HEXLOWER.encode_mut(subject, &mut out);
    out
}

/// Names as hexadecimal, keys as base64; read and written one by one.
mod subjects {
    use std::fmt;

    use serde::de::{Error as _, MapAccess, Visitor};
    use serde::ser::SerializeMap;
    use serde::{Deserializer, Serializer};

    use super::Subjects;

    pub(super) fn serialize<S: Serializer>(subjects: &Subjects, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(subjects.len()))?;
        for (name, key) in subjects {
            let name = data_encoding::HEXLOWER.encode(name);
            map.serialize_entry(&name, &data_encoding::BASE64.encode(key))?;
        }
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Subjects, D::Error> {
        input.deserialize_map(Reader)
    }

    struct Reader;

    impl<'de> Visitor<'de> for Reader {
        type Value = Subjects;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped keys")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Subjects, A::Error> {
            let mut subjects = Subjects::new();
            while let Some((name, key)) = map.next_entry::<String, String>()? {
                let name = data_encoding::HEXLOWER.decode(name.as_bytes()).ok();
                let key = data_encoding::BASE64.decode(key.as_bytes()).ok();
                let name = name.and_then(|n| <[u8; 8]>::try_from(n).ok());
                let key = key.and_then(|k| <[u8; 60]>::try_from(k).ok());
                let (Some(name), Some(key)) = (name, key) else {
                    return Err(A::Error::custom("a wrapped key"));
                };
                subjects.insert(name, key);
            }
            Ok(subjects)
        }
    }
}
