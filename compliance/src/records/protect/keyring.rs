//! The key store: a JSON file of wrapped keys. The root key opens the dataset keys, a dataset key
//! opens its subjects' keys, which lie in a file of their own beside it ([`super::keylog`]).
//! Changing the root rewraps the dataset keys only; forgetting a subject destroys that subject's
//! keys only.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Payload};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::keylog::{self, KeyReader, KeyWriter, PAGE_BYTES, Subject};
use super::root::{Root, RootKind, Wrapping};
use crate::records::error::Error;
use crate::records::limits::KEY_STORE_BYTES_MAX;
use crate::records::part::Part;

const VERSION: u32 = 2;
/// What the text that tries a root key is bound to.
const CHECK: &str = "check";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Store {
    version: u32,
    /// Where its root key is; stores made before it was written down have a key's or a passphrase's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<RootKind>,
    /// Salt of the passphrase.
    salt: String,
    /// A known text under the root key: tells a wrong key from a damaged store.
    check: String,
    /// The node without whose approval nothing is opened for a purpose; the check is bound to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guard: Option<String>,
    datasets: BTreeMap<String, Dataset>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dataset {
    key_id: u32,
    wrapped: String,
}

impl Store {
    /// What the check is bound to: a guard cannot be struck out of the file.
    fn bound(&self) -> Vec<u8> {
        match &self.guard {
            None => CHECK.into(),
            Some(node) => format!("{CHECK} guarded by {node}").into(),
        }
    }
}

/// An open key store.
pub struct KeyRing {
    path: PathBuf,
    root: Box<dyn Wrapping>,
    store: Store,
}

/// What was destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// The dataset.
    pub dataset: String,
    /// What the subject is called in the key store (keyed, 16 hexadecimal digits): it tells nobody
    /// who that was, and is enough to repeat the erasure on a key store brought back.
    pub subject: String,
    /// Keys that are gone.
    pub keys: u64,
}

/// The keys of one dataset, open.
pub(super) struct DatasetKey {
    pub(super) id: u32,
    name: String,
    names: Hmac<Sha256>,
    pages: Box<Aes256Gcm>,
    files: Zeroizing<[u8; 32]>,
    indexes: Zeroizing<[u8; 32]>,
}

impl KeyRing {
    /// Opens a store, or makes one that only its owner can read.
    ///
    /// # Errors
    /// [`Error::WrongKey`], [`Error::OtherRoot`], [`Error::BadKeyStore`], [`Error::Read`],
    /// [`Error::Write`], and what opening the root says.
    pub fn open(path: &Path, root: &Root, random: &dyn SecureRandom) -> Result<Self, Error> {
        match fs::File::open(path) {
            Ok(file) => {
                let store = read(file)?;
                let kind = store.root.filter(|kind| *kind != root.kind());
                if let Some(kind) = kind {
                    return Err(Error::OtherRoot { kind: kind.name() });
                }
                let salt = decode(&store.salt).ok_or(Error::BadKeyStore { reason: "the salt" })?;
                let root = root.open(&salt)?;
                root.unwrap(&store.check, &store.bound())?.ok_or(Error::WrongKey)?;
                Ok(Self { path: path.to_owned(), root, store })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut salt = [0; 16];
                random.fill(&mut salt).map_err(|_| Error::NoRandomness)?;
                let kind = Some(root.kind());
                let root = root.open(&salt)?;
                let check = root.wrap(&[0; 32], CHECK.as_bytes(), random)?;
                let salt = data_encoding::BASE64.encode(&salt);
                let datasets = BTreeMap::new();
                let guard = None;
                let store = Store { version: VERSION, root: kind, salt, check, guard, datasets };
                let ring = Self { path: path.to_owned(), root, store };
                let _alone = ring.alone()?;
                if path.exists() {
                    // Another process made it a moment ago, with a salt of its own.
                    return Err(Error::KeysInUse);
                }
                ring.save()?;
                Ok(ring)
            }
            Err(e) => Err(Error::Read(e)),
        }
    }

    /// Puts another root in place, or a newer version of the one there is: only the dataset keys are
    /// wrapped anew, no data is touched.
    ///
    /// # Errors
    /// [`Error::BadKeyStore`], [`Error::Write`], and what opening the root says.
    pub fn rotate_root(&mut self, root: &Root, random: &dyn SecureRandom) -> Result<(), Error> {
        let mut salt = [0; 16];
        random.fill(&mut salt).map_err(|_| Error::NoRandomness)?;
        let kind = Some(root.kind());
        let new = root.open(&salt)?;
        let _alone = self.alone()?;
        self.read_again()?;
        let mut wrapped = Vec::new();
        for (name, dataset) in &self.store.datasets {
            let key = self.opened(&dataset.wrapped, name)?;
            wrapped.push(new.wrap(&key, name.as_bytes(), random)?);
        }
        self.store.check = new.wrap(&[0; 32], &self.store.bound(), random)?;
        self.store.root = kind;
        for (dataset, wrapped) in self.store.datasets.values_mut().zip(wrapped) {
            dataset.wrapped = wrapped;
        }
        self.store.salt = data_encoding::BASE64.encode(&salt);
        self.root = new;
        self.save()
    }

    /// The node without whose approval nothing of this store is opened for a purpose
    /// ([`super::guard`]).
    pub fn guard(&self) -> Option<&str> {
        self.store.guard.as_deref()
    }

    /// Puts the store under a node's guard, or takes it from under one.
    ///
    /// # Errors
    /// [`Error::BadKeyStore`], [`Error::Write`], and what the root says.
    pub fn set_guard(
        &mut self,
        node: Option<&str>,
        random: &dyn SecureRandom,
    ) -> Result<(), Error> {
        let _alone = self.alone()?;
        self.read_again()?;
        self.store.guard = node.map(str::to_owned);
        self.store.check = self.root.wrap(&[0; 32], &self.store.bound(), random)?;
        self.save()
    }

    /// Destroys one subject's keys: that person's cells can never be read again, in no copy of the
    /// protected files. No keys means that nothing of this subject was ever protected, or that it
    /// is gone already.
    ///
    /// A backup of the key store still holds what was erased after it was made: when one is brought
    /// back, [`KeyRing::erase_again`] repeats the erasures that the evidence log names, and a root
    /// changed since ([`KeyRing::rotate_root`]) keeps it closed.
    ///
    /// # Errors
    /// [`Error::NoDatasetKey`], [`Error::KeysInUse`], [`Error::BadKeyStore`], [`Error::Write`].
    pub fn erase_subject(
        &mut self,
        dataset: &str,
        subject: &str,
        random: &dyn SecureRandom,
    ) -> Result<Erased, Error> {
        let keys = self.dataset(dataset)?;
        self.erase(&keys, keys.subject(subject), random)
    }

    /// Repeats an erasure by the name it was recorded under.
    ///
    /// # Errors
    /// As [`KeyRing::erase_subject`]; [`Error::BadKey`] when it is no such name.
    pub fn erase_again(
        &mut self,
        dataset: &str,
        name: &str,
        random: &dyn SecureRandom,
    ) -> Result<Erased, Error> {
        let bytes = data_encoding::HEXLOWER.decode(name.as_bytes()).ok();
        let subject = bytes.and_then(|b| Subject::try_from(b).ok());
        let subject = subject.ok_or(Error::BadKey { reason: "not a subject's name" })?;
        let keys = self.dataset(dataset)?;
        self.erase(&keys, subject, random)
    }

    fn erase(
        &self,
        keys: &DatasetKey,
        subject: Subject,
        random: &dyn SecureRandom,
    ) -> Result<Erased, Error> {
        let gone = keylog::erase(&self.log_path(keys.id), subject, keys, random)?;
        let subject = data_encoding::HEXLOWER.encode(&subject);
        Ok(Erased { dataset: keys.name.clone(), subject, keys: gone })
    }

    /// Names of the datasets that have a key here.
    pub fn datasets(&self) -> impl Iterator<Item = &str> {
        self.store.datasets.keys().map(String::as_str)
    }

    /// Where its root key is, and of which version each wrapped key is where the root key has
    /// versions.
    pub fn root_versions(&self) -> (RootKind, Vec<(&str, u32)>) {
        let kind = self.store.root.unwrap_or(RootKind::Key);
        let mut versions = Vec::new();
        for (name, dataset) in &self.store.datasets {
            versions.extend(self.root.version(&dataset.wrapped).map(|v| (name.as_str(), v)));
        }
        (kind, versions)
    }

    /// A dataset's key. One of zeros is the check's, put there by somebody.
    fn opened(&self, wrapped: &str, name: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
        let key = self.root.unwrap(wrapped, name.as_bytes())?;
        let key = key.filter(|k| k.iter().any(|b| *b != 0));
        key.ok_or(Error::BadKeyStore { reason: "a dataset key" })
    }

    fn log_path(&self, key_id: u32) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{key_id}"));
        PathBuf::from(name)
    }

    /// Where a dataset's new keys go.
    pub(super) fn writer(&self, keys: &DatasetKey) -> Result<KeyWriter, Error> {
        KeyWriter::open(&self.log_path(keys.id))
    }

    /// Where a dataset's keys are.
    pub(super) fn reader(&self, keys: &DatasetKey) -> Result<KeyReader, Error> {
        KeyReader::open(&self.log_path(keys.id))
    }

    /// The key of a dataset.
    pub(super) fn dataset(&self, name: &str) -> Result<DatasetKey, Error> {
        let none = || Error::NoDatasetKey { dataset: name.to_owned() };
        let held = self.store.datasets.get(name).ok_or_else(none)?;
        let key = self.opened(&held.wrapped, name)?;
        let names = mac(&*derive(&key, b"subjects' names")?)?;
        let pages = Box::new(Aes256Gcm::new((&*derive(&key, b"subjects' keys")?).into()));
        let files = derive(&key, b"files")?;
        let indexes = derive(&key, b"blind indexes")?;
        Ok(DatasetKey { id: held.key_id, name: name.to_owned(), names, pages, files, indexes })
    }

    /// The key of a dataset, made and made durable if it is new.
    pub(super) fn dataset_or_new(
        &mut self,
        name: &str,
        random: &dyn SecureRandom,
    ) -> Result<DatasetKey, Error> {
        if !self.store.datasets.contains_key(name) {
            // Another process may have added one since: its keys must not be lost.
            let _alone = self.alone()?;
            self.read_again()?;
            if self.store.datasets.contains_key(name) {
                return self.dataset(name);
            }
            let key = fresh(random)?;
            let wrapped = self.root.wrap(&key, name.as_bytes(), random)?;
            let key_id = self.store.datasets.values().map(|d| d.key_id).max().unwrap_or(0) + 1;
            self.store.datasets.insert(name.to_owned(), Dataset { key_id, wrapped });
            self.save()?;
        }
        self.dataset(name)
    }

    /// Keeps other processes from changing the store while this is held.
    fn alone(&self) -> Result<fs::File, Error> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(".lock");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(name).map_err(Error::Write)?;
        file.lock().map_err(Error::Write)?;
        Ok(file)
    }

    /// Takes what other processes wrote since the store was opened.
    fn read_again(&mut self) -> Result<(), Error> {
        let store = read(fs::File::open(&self.path).map_err(Error::Read)?)?;
        self.root.unwrap(&store.check, &store.bound())?.ok_or(Error::WrongKey)?;
        self.store = store;
        Ok(())
    }

    /// Writes the store whole: it is on disk before any cell sealed under its keys is released.
    fn save(&self) -> Result<(), Error> {
        let part = Part::of(&self.path);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(part.path()).map_err(Error::Write)?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        serde_json::to_writer(&mut out, &self.store)
            .map_err(|_| Error::BadKeyStore { reason: "cannot be written" })?;
        out.flush().and_then(|()| out.get_ref().sync_all()).map_err(Error::Write)?;
        part.release()?;
        sync_folder(&self.path)
    }
}

impl DatasetKey {
    /// Seals a page of subjects' keys: nonce, text, tag.
    pub(super) fn seal_page(
        &self,
        page: u64,
        plain: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; 12];
        random.fill(&mut nonce).map_err(|_| Error::NoRandomness)?;
        let aad = self.place(page);
        let sealed = self.pages.encrypt(&nonce.into(), Payload { msg: plain, aad: &aad });
        let sealed = sealed.map_err(|_| Error::Crypto { what: "key wrap" })?;
        let mut out = Vec::with_capacity(PAGE_BYTES);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens a page; none when it is damaged or stood elsewhere.
    pub(super) fn open_page(&self, page: u64, sealed: &[u8]) -> Option<Zeroizing<Box<[u8]>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<12>()?;
        let aad = self.place(page);
        let plain =
            self.pages.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: &aad }).ok()?;
        Some(Zeroizing::new(plain.into_boxed_slice()))
    }

    /// The key of one file, by its salt.
    pub(super) fn file_key(&self, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
        derive(&self.files, salt)
    }

    /// The key of the blind index of an element: no two elements, and no two datasets, share one.
    pub(super) fn index_key(&self, element: &str) -> Result<Hmac<Sha256>, Error> {
        mac(&*derive(&self.indexes, element.as_bytes())?)
    }

    /// What a page is bound to.
    fn place(&self, page: u64) -> Vec<u8> {
        [&page.to_be_bytes(), self.name.as_bytes()].concat()
    }

    /// What a subject is called in the store and in cells: it tells nothing without the key.
    pub(super) fn subject(&self, value: &str) -> Subject {
        let tag = self.names.clone().chain_update(value.trim()).finalize().into_bytes();
        std::array::from_fn(|at| tag[at])
    }
}

fn mac(key: &[u8]) -> Result<Hmac<Sha256>, Error> {
    Hmac::new_from_slice(key).map_err(|_| Error::Crypto { what: "HMAC" })
}

fn read(file: fs::File) -> Result<Store, Error> {
    let bad = |reason| Error::BadKeyStore { reason };
    if file.metadata().map_err(Error::Read)?.len() > KEY_STORE_BYTES_MAX {
        return Err(bad("too large"));
    }
    let reader = BufReader::with_capacity(1 << 18, file);
    let store: Store = serde_json::from_reader(reader).map_err(|_| bad("not a key store"))?;
    if store.version == VERSION { Ok(store) } else { Err(bad("another version")) }
}

/// Makes a new name durable: the folder that holds it.
pub(super) fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|f| f.sync_all()).map_err(Error::Write)
}

/// A key for one use of a dataset's key (HKDF-SHA-256, RFC 5869, expansion only).
fn derive(key: &[u8; 32], label: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    struct Len;
    impl ring::hkdf::KeyType for Len {
        fn len(&self) -> usize {
            32
        }
    }
    let mut out = Zeroizing::new([0; 32]);
    ring::hkdf::Prk::new_less_safe(ring::hkdf::HKDF_SHA256, key)
        .expand(&[label], Len)
        .and_then(|okm| okm.fill(&mut *out))
        .map_err(|_| Error::Crypto { what: "HKDF" })?;
    Ok(out)
}

fn fresh(random: &dyn SecureRandom) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut key = Zeroizing::new([0; 32]);
    random.fill(&mut *key).map_err(|_| Error::NoRandomness)?;
    Ok(key)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// RFC 5869, appendix A.1 and A.2: the pseudorandom key, the info, the first 32 bytes of output.
    #[test]
    fn keys_are_derived_as_rfc_5869_expands() {
        let long: Vec<u8> = (0xb0..=0xff).collect();
        for (prk, info, okm) in [
            (
                "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
                hex("f0f1f2f3f4f5f6f7f8f9"),
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf",
            ),
            (
                "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
                long,
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c",
            ),
        ] {
            let key = <[u8; 32]>::try_from(hex(prk)).unwrap();
            assert_eq!(derive(&key, &info).unwrap().to_vec(), hex(okm));
        }
    }
}
