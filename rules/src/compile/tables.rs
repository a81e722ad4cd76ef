//! The tables for the rules of some log sources, shared by the threads that need the same ones: a
//! rule of a log source that an event does not have costs it nothing.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use super::field::FieldTable;
use super::gather::Builder;
use super::pool::Compiled;
use crate::bits::Bits;

/// Most selections of predicates whose tables are kept; past them all are made anew.
const KEPT_MAX: usize = 256;

/// Comparisons of the predicates of some rules, by family of fields.
#[derive(Default)]
pub(crate) struct Tables {
    tables: Vec<FieldTable>,
    by_family: HashMap<u32, u32>,
}

impl Tables {
    fn new(compiled: &Compiled, live: &Bits) -> Self {
        let mut builders: Vec<Builder> = Vec::new();
        let mut by_family = HashMap::new();
        for id in live.iter() {
            let logical = compiled.logical[id as usize];
            let family = compiled.families[logical as usize];
            let at = *by_family.entry(family).or_insert_with(|| {
                builders.push(Builder::default());
                builders.len() as u32 - 1
            });
            let tests = compiled.tests[id as usize].iter().zip(compiled.words.of(id));
            tests.for_each(|(test, wanted)| builders[at as usize].add(test, id, wanted));
        }
        let mut tables: Vec<FieldTable> =
            builders.into_iter().map(|b| b.finish(&compiled.words)).collect();
        FieldTable::together(&mut tables);
        let keywords = compiled.keyword.and_then(|k| compiled.families.get(k as usize));
        let keywords = keywords.and_then(|family| by_family.get(family));
        if let Some(&at) = keywords {
            let keywords = tables.remove(at as usize);
            tables.iter_mut().for_each(|table| table.join(&keywords));
            tables.insert(at as usize, keywords);
        }
        Self { tables, by_family }
    }

    /// Where the table of a logical field lies, if any of the rules reads that.
    pub(crate) fn of(&self, compiled: &Compiled, logical: u32) -> Option<u32> {
        self.by_family.get(compiled.families.get(logical as usize)?).copied()
    }

    /// A table by its place.
    #[inline]
    pub(crate) fn get(&self, at: u32) -> Option<&FieldTable> {
        self.tables.get(at as usize)
    }
}

/// Tables by the predicates they are of.
#[derive(Default)]
pub(crate) struct TableCache(Mutex<Vec<(Bits, Arc<Tables>)>>);

impl Compiled {
    /// The predicates of these runnables.
    pub(crate) fn live(&self, runnables: impl IntoIterator<Item = u32>) -> Bits {
        let mut live = Bits::with_room(self.predicates);
        for at in runnables {
            self.runnables[at as usize].program.predicates().for_each(|id| live.set(id));
        }
        live
    }

    /// The tables of these predicates.
    pub(crate) fn tables(&self, live: &Bits) -> Arc<Tables> {
        let mut made = self.made.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tables)) = made.iter().find(|(of, _)| of == live) {
            return Arc::clone(tables);
        }
        if made.len() >= KEPT_MAX {
            made.clear();
        }
        let tables = Arc::new(Tables::new(self, live));
        made.push((live.clone(), Arc::clone(&tables)));
        tables
    }
}
