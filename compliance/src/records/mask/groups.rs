//! The classes of equal quasi-identifiers, counted before anything is written: which may be shown.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap};

use super::Policy;
use crate::records::error::Error;
use crate::records::limits::GROUPS_MAX;

/// One class.
#[derive(Default)]
struct Class {
    rows: u64,
    /// Of each sensitive column, hashes of its first different values: as many as the policy's l.
    values: Vec<Vec<u64>>,
}

/// All classes of a table.
pub(super) struct Groups {
    k: u64,
    l: u64,
    classes: HashMap<String, Class>,
    hasher: DefaultHashBuilder,
}

impl Groups {
    pub(super) fn new(policy: &Policy) -> Self {
        let (k, l) = (policy.k, policy.l.unwrap_or(1));
        Self { k, l, classes: HashMap::new(), hasher: DefaultHashBuilder::default() }
    }

    /// Takes a row: its class, and its sensitive cells.
    pub(super) fn add<'a>(
        &mut self,
        group: &str,
        sensitive: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        if !self.classes.contains_key(group) {
            if self.classes.len() >= GROUPS_MAX {
                return Err(Error::TooManyGroups { limit: GROUPS_MAX });
            }
            self.classes.insert(group.to_owned(), Class::default());
        }
        let Some(class) = self.classes.get_mut(group) else { return Ok(()) };
        class.rows += 1;
        if self.l <= 1 {
            return Ok(());
        }
        for (column, cell) in sensitive.enumerate() {
            if class.values.len() <= column {
                class.values.push(Vec::new());
            }
            let Some(values) = class.values.get_mut(column).filter(|_| !cell.is_empty()) else {
                continue;
            };
            let value = self.hasher.hash_one(cell);
            if (values.len() as u64) < self.l && !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(())
    }

    /// Whether a class is large and varied enough for its quasi-identifiers to be shown. A sensitive
    /// column without any value tells nothing.
    pub(super) fn may_show(&self, group: &str) -> bool {
        let varied = |v: &Vec<u64>| v.is_empty() || v.len() as u64 >= self.l;
        let class = self.classes.get(group);
        class.is_none_or(|c| c.rows >= self.k && c.values.iter().all(varied))
    }
}
