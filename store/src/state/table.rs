//! One typed table.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use crate::error::Error;
use crate::state::key::Key;
use crate::state::record::{self, Record};

/// A typed table. Cheap to clone. A write is durable after [`crate::State::flush`].
pub struct Table<K, V> {
    name: &'static str,
    tree: sled::Tree,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name, tree: self.tree.clone(), types: PhantomData }
    }
}

/// Records in key order; each step may fail on its own, the next goes on.
pub type Rows<'a, K, V> = Box<dyn DoubleEndedIterator<Item = Result<(K, V), Error>> + 'a>;

impl<K: Key, V: Record> Table<K, V> {
    pub(super) fn new(name: &'static str, tree: sled::Tree) -> Self {
        Self { name, tree, types: PhantomData }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The record of a key.
    pub fn get(&self, key: &K) -> Result<Option<V>, Error> {
        let found = self.tree.get(key.to_bytes())?;
        found.map(|bytes| record::decode(self.name, &bytes)).transpose()
    }

    /// Whether the key is there, without reading its record.
    pub fn contains(&self, key: &K) -> Result<bool, Error> {
        Ok(self.tree.contains_key(key.to_bytes())?)
    }

    /// Writes a record over whatever the key held.
    pub fn put(&self, key: &K, record: &V) -> Result<(), Error> {
        self.tree.insert(key.to_bytes(), record::encode(self.name, record)?)?;
        Ok(())
    }

    /// Writes a record if the key is absent; `false` if it is there.
    pub fn insert_new(&self, key: &K, record: &V) -> Result<bool, Error> {
        let bytes = record::encode(self.name, record)?;
        let swap = self.tree.compare_and_swap(key.to_bytes(), None::<&[u8]>, Some(bytes))?;
        Ok(swap.is_ok())
    }

    /// Removes a key; `true` if it was there.
    pub fn remove(&self, key: &K) -> Result<bool, Error> {
        Ok(self.tree.remove(key.to_bytes())?.is_some())
    }

    /// Changes one record atomically and returns the new one: `change` gets what is there and says
    /// what shall be (`None` removes). It may run more than once.
    pub fn update(
        &self,
        key: &K,
        mut change: impl FnMut(Option<V>) -> Option<V>,
    ) -> Result<Option<V>, Error> {
        let key = key.to_bytes();
        loop {
            let old = self.tree.get(&key)?;
            let before = old.as_ref().map(|b| record::decode(self.name, b)).transpose()?;
            let after = change(before);
            let new = after.as_ref().map(|v| record::encode(self.name, v)).transpose()?;
            if self.tree.compare_and_swap(&key, old, new)?.is_ok() {
                return Ok(after);
            }
        }
    }

    /// Every record in key order.
    pub fn iter(&self) -> Rows<'_, K, V> {
        Box::new(self.tree.iter().map(|pair| self.pair(pair)))
    }

    /// The records of a range of keys, in key order.
    pub fn range(&self, keys: impl RangeBounds<K>) -> Rows<'_, K, V> {
        let bytes = |bound: Bound<&K>| bound.map(Key::to_bytes);
        let range = (bytes(keys.start_bound()), bytes(keys.end_bound()));
        Box::new(self.tree.range(range).map(|pair| self.pair(pair)))
    }

    /// The records whose key begins with these bytes (for the first parts of a tuple:
    /// [`crate::state::KeyPart::write`]).
    pub fn prefix(&self, prefix: &[u8]) -> Rows<'_, K, V> {
        Box::new(self.tree.scan_prefix(prefix).map(|pair| self.pair(pair)))
    }

    /// The last `n` records, greatest key first: the newest, where keys begin with a time.
    pub fn last(&self, n: usize) -> Result<Vec<(K, V)>, Error> {
        self.iter().rev().take(n).collect()
    }

    /// How many records there are; walks all of them.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    /// Removes every record.
    pub fn clear(&self) -> Result<(), Error> {
        Ok(self.tree.clear()?)
    }

    pub(super) fn tree(&self) -> &sled::Tree {
        &self.tree
    }

    fn pair(&self, pair: sled::Result<(sled::IVec, sled::IVec)>) -> Result<(K, V), Error> {
        let (key, value) = pair?;
        let key = K::from_bytes(&key).ok_or_else(|| Error::Key { table: self.name.to_owned() })?;
        Ok((key, record::decode(self.name, &value)?))
    }
}
