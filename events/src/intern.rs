//! A bounded, process-wide table of names. Ids are dense and stable for the life of the process;
//! they are never written to disk (the codecs write names).

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::sync::{PoisonError, RwLock};

use hashbrown::HashMap;

/// One table: at most `max` names of at most `bytes_max` bytes each.
pub(crate) struct Interner {
    inner: RwLock<Option<Table>>,
    max: usize,
    bytes_max: usize,
    /// Names that exist from the start, so that their ids are compile-time constants.
    fixed: &'static [&'static str],
}

struct Table {
    ids: HashMap<&'static str, u32, RandomState>,
    names: Vec<&'static str>,
}

impl Interner {
    pub(crate) const fn new(max: usize, bytes_max: usize, fixed: &'static [&'static str]) -> Self {
        Self { inner: RwLock::new(None), max, bytes_max, fixed }
    }

    /// The id of `name`, made if it is new; `None` once the table is full or the name too long.
    pub(crate) fn intern(&self, name: &str) -> Option<u32> {
        if let Some(id) = self.find(name) {
            return Some(id);
        }
        if name.len() > self.bytes_max {
            return None;
        }
        let mut guard = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let table = guard.get_or_insert_with(|| Table::start(self.fixed));
        if let Some(&id) = table.ids.get(name) {
            return Some(id);
        }
        if table.names.len() >= self.max {
            return None;
        }
        // Leaked on purpose: at most `max * bytes_max` bytes in the life of the process.
        Some(table.push(Box::leak(name.to_owned().into_boxed_str())))
    }

    /// The id of `name` if it is known.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let guard = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        match guard.as_ref() {
            Some(table) => table.ids.get(name).copied(),
            None => self.fixed.iter().position(|n| *n == name).map(|i| i as u32),
        }
    }

    /// The name behind an id; the empty text for an id of another table.
    pub(crate) fn name(&self, id: u32) -> &'static str {
        if let Some(name) = self.fixed.get(id as usize) {
            return name;
        }
        let guard = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        guard.as_ref().and_then(|t| t.names.get(id as usize).copied()).unwrap_or("")
    }

    /// How many names the table holds.
    pub(crate) fn len(&self) -> usize {
        let guard = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        guard.as_ref().map_or(self.fixed.len(), |t| t.names.len())
    }
}

impl Table {
    fn start(fixed: &'static [&'static str]) -> Self {
        let mut table = Self { ids: HashMap::default(), names: Vec::new() };
        for name in fixed {
            table.push(name);
        }
        table
    }

    fn push(&mut self, name: &'static str) -> u32 {
        let id = self.names.len() as u32;
        self.names.push(name);
        self.ids.insert(name, id);
        id
    }
}

/// A per-thread copy of the ids a thread has met: no lock on the hot path.
pub(crate) struct LocalCache(RefCell<HashMap<&'static str, u32>>);

impl LocalCache {
    pub(crate) fn new() -> Self {
        Self(RefCell::new(HashMap::new()))
    }

    pub(crate) fn intern(&self, table: &Interner, name: &str) -> Option<u32> {
        if let Some(&id) = self.0.borrow().get(name) {
            return Some(id);
        }
        let id = table.intern(name)?;
        self.0.borrow_mut().insert(table.name(id), id);
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_dense_and_bounded() {
        static T: Interner = Interner::new(4, 8, &["a", "b"]);
        assert_eq!(T.find("b"), Some(1));
        assert_eq!(T.intern("c"), Some(2));
        assert_eq!(T.intern("c"), Some(2));
        assert_eq!(T.name(2), "c");
        assert_eq!(T.intern("much too long"), None);
        assert_eq!(T.intern("d"), Some(3));
        assert_eq!(T.intern("e"), None, "the table is full");
        assert_eq!(T.len(), 4);
        assert_eq!(T.name(77), "");
    }
}
