//! Typed state over sled: alerts, incidents, accounts, checkpoints, runs.
//!
//! Layout: [`key`] and [`record`] say what a table holds, [`table`] is one table, [`batch`] changes
//! several at once, [`transfer`] writes and reads JSON lines. Only this folder knows sled, so the
//! engine can be changed here.
//!
//! Invariants: a record carries its version; nothing is durable before [`State::flush`] (a
//! [`Batch`] and a [`Transaction`] flush by themselves); a database that will not open is moved
//! aside, never deleted.

pub mod batch;
pub mod key;
pub mod record;
pub mod table;
pub mod transfer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

pub use batch::{Batch, Transaction};
pub use key::{Key, KeyPart};
pub use record::Record;
pub use table::Table;

use crate::error::Error;
use crate::limits;

/// The state of a node. Cheap to clone; clones share the database.
#[derive(Clone)]
pub struct State {
    db: sled::Db,
}

/// What [`State::open`] found.
pub struct Opened {
    /// The state, ready.
    pub state: State,
    /// A database that would not open and where it now lies: the caller rebuilds and raises an
    /// alarm.
    pub recovered: Option<MovedAside>,
}

/// A database that would not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedAside {
    /// Where it lies now.
    pub to: PathBuf,
    /// Why it would not open.
    pub reason: String,
}

impl State {
    /// Opens the state in a folder, made if absent. A damaged database is moved beside itself
    /// (`NAME.damaged-N`) and a new one begun. A database in use by another process, or one that
    /// the system will not let us read, is an error and stays where it is.
    pub fn open(dir: &Path) -> Result<Opened, Error> {
        std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        match Self::try_open(dir) {
            Ok(state) => Ok(Opened { state, recovered: None }),
            Err(Failure::Outside(error)) => Err(error),
            Err(Failure::Damaged(reason)) => {
                let to = free_name(dir);
                std::fs::rename(dir, &to).map_err(Error::io("move aside", dir))?;
                std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
                tracing::error!(to = %to.display(), reason, "state was damaged and moved aside");
                match Self::try_open(dir) {
                    Ok(state) => Ok(Opened { state, recovered: Some(MovedAside { to, reason }) }),
                    Err(Failure::Outside(error)) => Err(error),
                    Err(Failure::Damaged(reason)) => Err(sled::Error::ReportableBug(reason).into()),
                }
            }
        }
    }

    /// A table by name, made if absent. One name always with the same types.
    pub fn table<K: Key, V: Record>(&self, name: &'static str) -> Result<Table<K, V>, Error> {
        Ok(Table::new(name, self.db.open_tree(name)?))
    }

    /// Puts everything written so far on the disk. Call it before anything is acknowledged.
    pub fn flush(&self) -> Result<(), Error> {
        self.db.flush()?;
        Ok(())
    }

    /// Changes over several tables, applied together.
    pub fn batch(&self) -> Batch {
        Batch::new(self.db.clone())
    }

    /// Reads and changes over several tables that are one step: `body` is run again when what it
    /// read was changed meanwhile, so it must have no effects of its own. Flushed on return.
    pub fn transaction<T>(
        &self,
        body: impl FnMut(&mut Transaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        batch::run(&self.db, body)
    }

    /// Bytes on disk; 0 if the system will not say.
    pub fn size_bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }

    fn try_open(dir: &Path) -> Result<Self, Failure> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(limits::STATE_CACHE_BYTES)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(200));
        // sled 0.34 panics on some damage instead of returning an error.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let db = config.open()?;
            // Every page is read once: damage is found now, not in the middle of the night.
            for name in db.tree_names() {
                for pair in db.open_tree(name)?.iter() {
                    pair?;
                }
            }
            Ok(db)
        }));
        match opened {
            Ok(Ok(db)) => Ok(Self { db }),
            Ok(Err(error)) => Err(Failure::of(error, dir)),
            Err(_) => Err(Failure::Damaged("the engine panicked while reading it".to_owned())),
        }
    }
}

/// Why a database did not open.
enum Failure {
    /// Not the database's fault.
    Outside(Error),
    Damaged(String),
}

impl Failure {
    fn of(error: sled::Error, dir: &Path) -> Self {
        use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match error {
            sled::Error::Io(e) if e.to_string().contains("could not acquire lock") => {
                Self::Outside(Error::Locked { path: dir.to_owned() })
            }
            sled::Error::Io(e)
                if !matches!(e.kind(), InvalidData | InvalidInput | UnexpectedEof) =>
            {
                Self::Outside(Error::Io { action: "open", path: dir.to_owned(), source: e })
            }
            other => Self::Damaged(other.to_string()),
        }
    }
}

fn free_name(dir: &Path) -> PathBuf {
    let mut number = 1u64;
    loop {
        let mut name = dir.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        let path = PathBuf::from(name);
        if !path.exists() {
            return path;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests;
