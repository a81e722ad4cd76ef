//! A set of byte strings with the list each comes from and when it ends: about twenty bytes each
//! besides the string.

use std::hash::{BuildHasher, RandomState};

use events::Timestamp;
use hashbrown::HashTable;

/// Where an indicator's bytes lie, and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    bytes: u16,
    list: u16,
    /// Seconds since 1970 from which it no longer counts; `u32::MAX` for never.
    until: u32,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    /// All strings, one after the other.
    arena: Vec<u8>,
    index: HashTable<u32>,
    hasher: RandomState,
    lists: Vec<String>,
    /// Prefix lengths that occur, the longest first.
    prefixes: Vec<u8>,
}

/// What became of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    New,
    /// It was there already; the later end counts.
    Known,
    /// There is no room.
    Full,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Begins a list; `None` past 65,535 of them.
    pub(super) fn list(&mut self, name: &str) -> Option<u16> {
        let at = u16::try_from(self.lists.len()).ok()?;
        self.lists.push(name.to_owned());
        Some(at)
    }

    pub(super) fn insert(
        &mut self,
        key: &[u8],
        prefix: Option<u8>,
        list: u16,
        until: Option<Timestamp>,
    ) -> Inserted {
        let until = until.map_or(u32::MAX, |t| u32::try_from(t.secs().max(0)).unwrap_or(u32::MAX));
        let hash = self.hasher.hash_one(key);
        if let Some(&at) = self.index.find(hash, |at| self.bytes_of(*at) == key) {
            let entry = &mut self.entries[at as usize];
            entry.until = entry.until.max(until);
            return Inserted::Known;
        }
        let (Ok(at), Ok(start), Ok(bytes)) = (
            u32::try_from(self.entries.len()),
            u32::try_from(self.arena.len()),
            u16::try_from(key.len()),
        ) else {
            return Inserted::Full;
        };
        if self.entries.len() >= crate::limits::INDICATORS_MAX {
            return Inserted::Full;
        }
        self.arena.extend_from_slice(key);
        self.entries.push(Entry { start, bytes, list, until });
        let (entries, arena, hasher) = (&self.entries, &self.arena, &self.hasher);
        self.index.insert_unique(hash, at, |at| hasher.hash_one(slice(entries, arena, *at)));
        if let Some(prefix) = prefix
            && let Err(place) = self.prefixes.binary_search_by(|p| prefix.cmp(p))
        {
            self.prefixes.insert(place, prefix);
        }
        Inserted::New
    }

    fn bytes_of(&self, at: u32) -> &[u8] {
        slice(&self.entries, &self.arena, at)
    }

    /// The list of a key that counts at a time.
    pub(super) fn get(&self, key: &[u8], now: Timestamp) -> Option<&str> {
        let hash = self.hasher.hash_one(key);
        let at = self.index.find(hash, |at| self.bytes_of(*at) == key)?;
        let entry = self.entries.get(*at as usize)?;
        let counts = entry.until == u32::MAX || now.secs() < i64::from(entry.until);
        counts.then(|| self.lists.get(usize::from(entry.list)).map_or("", String::as_str))
    }

    /// Prefix lengths that occur, the longest first.
    pub(super) fn prefixes(&self) -> impl Iterator<Item = u8> {
        self.prefixes.iter().copied()
    }

    /// Gives back what growing took too much.
    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.arena.shrink_to_fit();
    }

    /// Bytes it takes.
    pub(super) fn size(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + self.arena.capacity()
            + self.index.allocation_size()
    }
}

fn slice<'a>(entries: &[Entry], arena: &'a [u8], at: u32) -> &'a [u8] {
    let Some(e) = entries.get(at as usize) else { return &[] };
    arena.get(e.start as usize..e.start as usize + usize::from(e.bytes)).unwrap_or_default()
}
