//! Changes over several tables that happen together or not at all.

use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};

use crate::error::Error;
use crate::limits;
use crate::state::key::Key;
use crate::state::record::{self, Record};
use crate::state::table::Table;

/// Changes that are applied together by [`Batch::commit`], then flushed. Dropped without it,
/// nothing happens.
#[must_use = "a batch does nothing before commit"]
pub struct Batch {
    db: sled::Db,
    steps: Steps,
}

impl Batch {
    pub(super) fn new(db: sled::Db) -> Self {
        Self { db, steps: Steps::default() }
    }

    /// Writes a record over whatever the key holds.
    pub fn put<K: Key, V: Record>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        record: &V,
    ) -> Result<&mut Self, Error> {
        let bytes = record::encode(table.name(), record)?;
        self.steps.write(table, key, Some(bytes));
        Ok(self)
    }

    /// Writes a record and asks that the key be absent; else the whole batch is refused with
    /// [`Error::Conflict`].
    pub fn insert_new<K: Key, V: Record>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        record: &V,
    ) -> Result<&mut Self, Error> {
        self.steps.expect(table, key, None);
        self.put(table, key, record)
    }

    /// Removes a key.
    pub fn remove<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K) -> &mut Self {
        self.steps.write(table, key, None);
        self
    }

    /// Applies every change, or none, and puts it on the disk.
    pub fn commit(self) -> Result<(), Error> {
        match self.steps.apply()? {
            Applied::Yes => {
                self.db.flush()?;
                Ok(())
            }
            Applied::Changed(table) => Err(Error::Conflict { table }),
        }
    }
}

/// Reads and changes that are one step; see [`crate::State::transaction`].
#[derive(Default)]
pub struct Transaction {
    steps: Steps,
}

impl Transaction {
    /// The record of a key, as this transaction sees it (its own changes included).
    pub fn get<K: Key, V: Record>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
    ) -> Result<Option<V>, Error> {
        let bytes = match self.steps.written(table, key) {
            Some(own) => own.map(sled::IVec::from),
            None => {
                let found = table.tree().get(key.to_bytes())?;
                self.steps.expect(table, key, found.clone());
                found
            }
        };
        bytes.map(|b| record::decode(table.name(), &b)).transpose()
    }

    /// Writes a record.
    pub fn put<K: Key, V: Record>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        record: &V,
    ) -> Result<(), Error> {
        let bytes = record::encode(table.name(), record)?;
        self.steps.write(table, key, Some(bytes));
        Ok(())
    }

    /// Removes a key.
    pub fn remove<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K) {
        self.steps.write(table, key, None);
    }
}

/// Runs `body` until what it read is still so when its changes are applied.
pub(super) fn run<T>(
    db: &sled::Db,
    mut body: impl FnMut(&mut Transaction) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut last = String::new();
    for _ in 0..limits::TRANSACTION_TRIES_MAX {
        let mut transaction = Transaction::default();
        let value = body(&mut transaction)?;
        match transaction.steps.apply()? {
            Applied::Yes => {
                db.flush()?;
                return Ok(value);
            }
            Applied::Changed(table) => last = table,
        }
    }
    Err(Error::Conflict { table: last })
}

type Bytes = Vec<u8>;

/// What must hold and what shall change, by tree.
#[derive(Default)]
struct Steps {
    trees: Vec<sled::Tree>,
    names: Vec<&'static str>,
    expects: Vec<(usize, Bytes, Option<sled::IVec>)>,
    writes: Vec<(usize, Bytes, Option<Bytes>)>,
}

enum Applied {
    Yes,
    /// Something in this table was not as expected.
    Changed(String),
}

impl Steps {
    fn tree<K: Key, V: Record>(&mut self, table: &Table<K, V>) -> usize {
        if let Some(at) = self.names.iter().position(|n| *n == table.name()) {
            return at;
        }
        self.trees.push(table.tree().clone());
        self.names.push(table.name());
        self.names.len() - 1
    }

    fn write<K: Key, V: Record>(&mut self, table: &Table<K, V>, key: &K, bytes: Option<Bytes>) {
        let tree = self.tree(table);
        self.writes.push((tree, key.to_bytes(), bytes));
    }

    fn expect<K: Key, V: Record>(
        &mut self,
        table: &Table<K, V>,
        key: &K,
        value: Option<sled::IVec>,
    ) {
        let tree = self.tree(table);
        self.expects.push((tree, key.to_bytes(), value));
    }

    /// What was written to a key so far: `None` for nothing.
    fn written<K: Key, V: Record>(&self, table: &Table<K, V>, key: &K) -> Option<Option<Bytes>> {
        let tree = self.names.iter().position(|n| *n == table.name())?;
        let key = key.to_bytes();
        let found = self.writes.iter().rev().find(|(t, k, _)| *t == tree && *k == key)?;
        Some(found.2.clone())
    }

    fn apply(&self) -> Result<Applied, Error> {
        if self.trees.is_empty() {
            return Ok(Applied::Yes);
        }
        let done = self.trees.as_slice().transaction(|trees| {
            for (tree, key, expected) in &self.expects {
                if trees[*tree].get(key)? != *expected {
                    return Err(ConflictableTransactionError::Abort(*tree));
                }
            }
            for (tree, key, bytes) in &self.writes {
                match bytes {
                    Some(bytes) => trees[*tree].insert(key.as_slice(), bytes.as_slice())?,
                    None => trees[*tree].remove(key.as_slice())?,
                };
            }
            Ok(())
        });
        match done {
            Ok(()) => Ok(Applied::Yes),
            Err(TransactionError::Abort(tree)) => Ok(Applied::Changed(self.names[tree].to_owned())),
            Err(TransactionError::Storage(source)) => Err(source.into()),
        }
    }
}
