//! The keys of the evidence log, each in a file that only its owner reads. They are read whenever the
//! log is opened: a key that another process changed is the one that signs next.
//!
//! A change of the key: `evidence.key.next` is written, the log is handed over, the file takes the
//! place of `evidence.key`. Found after a crash, the change is finished.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use compliance::evidence::{Signer, SmSigner};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::ledger::write_whole;
use crate::secret::{derive, node_key, read_key};

type Secret = Zeroizing<[u8; 32]>;

/// Where the keys are.
pub(super) struct Keys {
    dir: PathBuf,
    /// The log's name tells logs apart; it need not be secret, only stay the same.
    name: String,
    sm2: bool,
}

impl Keys {
    /// Opens the folder; what is missing is made.
    pub(super) fn open(dir: &Path, sm2: bool, random: &dyn SecureRandom) -> Result<Self, Error> {
        let seed = node_key(&dir.join("evidence.key"), random)?;
        let path = dir.join("log.name");
        let name = match fs::read_to_string(&path) {
            Ok(name) => name.trim().to_owned(),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                let id = derive(&seed, b"log name");
                let name = format!("xuedun-{}", data_encoding::HEXLOWER.encode(&id[..6]));
                write_whole(&path, format!("{name}\n").as_bytes())?;
                name
            }
            Err(source) => {
                return Err(Error::Io { what: format!("read {}", path.display()), source });
            }
        };
        let keys = Self { dir: dir.to_owned(), name, sm2 };
        if sm2 {
            keys.make_sm2(random)?;
        }
        Ok(keys)
    }

    /// About one secret in 2^32 is no SM2 key: then another is taken.
    fn make_sm2(&self, random: &dyn SecureRandom) -> Result<(), Error> {
        let path = self.sm2_path();
        let secret = node_key(&path, random)?;
        if SmSigner::from_secret(&self.name, &secret).is_err() {
            fs::remove_file(&path)
                .map_err(|source| Error::Io { what: "take another SM2 key".to_owned(), source })?;
            SmSigner::from_secret(&self.name, &*node_key(&path, random)?)?;
        }
        Ok(())
    }

    /// The key that signs now.
    pub(super) fn signer(&self) -> Result<Signer, Error> {
        self.signer_of(&read_key(&self.dir.join("evidence.key"))?)
    }

    /// The key of a change that was begun.
    pub(super) fn next(&self) -> Result<Option<Signer>, Error> {
        let path = self.next_path();
        if !path.exists() {
            return Ok(None);
        }
        self.signer_of(&read_key(&path)?).map(Some)
    }

    /// Begins a change: from here on it will be finished.
    pub(super) fn begin(&self, random: &dyn SecureRandom) -> Result<(), Error> {
        node_key(&self.next_path(), random).map(|_| ())
    }

    /// Finishes a change after the log was handed over; the old key is gone then.
    pub(super) fn finish(&self) -> Result<(), Error> {
        let to = self.dir.join("evidence.key");
        let done =
            fs::rename(self.next_path(), &to).and_then(|()| fs::File::open(&self.dir)?.sync_all());
        done.map_err(|source| Error::Io { what: "put the new key in its place".to_owned(), source })
    }

    fn signer_of(&self, seed: &Secret) -> Result<Signer, Error> {
        let beside = if self.sm2 {
            Some(SmSigner::from_secret(&self.name, &*read_key(&self.sm2_path())?)?)
        } else {
            None
        };
        Ok(Signer::from_seed(&self.name, seed)?.beside(beside))
    }

    fn next_path(&self) -> PathBuf {
        self.dir.join("evidence.key.next")
    }

    fn sm2_path(&self) -> PathBuf {
        self.dir.join("sm2.key")
    }
}
