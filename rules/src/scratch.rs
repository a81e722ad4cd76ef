//! Working memory of a matching thread: reused, so matching allocates nothing once it is warm.

use hashbrown::DefaultHashBuilder;
use std::hash::BuildHasher;

use crate::compile::field::Work;
use crate::limits;
use crate::route::Plans;

/// Working memory for [`crate::RuleSet::matches`]; one per thread. It remembers what values led
/// to, so keep it for the life of the thread. It adapts by itself when used with another set.
#[derive(Default)]
pub struct Scratch {
    /// Which set the memory belongs to.
    pub(crate) set: u64,
    pub(crate) plans: Plans,
    pub(crate) work: Work,
    /// Stamps by predicate: holds for this event.
    pub(crate) holds: Vec<u32>,
    /// Stamps by runnable: already tried on this event.
    pub(crate) tried: Vec<u32>,
    /// By logical field: stamp, and the best candidate present.
    pub(crate) best: Vec<(u32, u32)>,
    pub(crate) stamp: u32,
    pub(crate) fired: Vec<u32>,
    pub(crate) value: Vec<u32>,
    pub(crate) found: Vec<u32>,
    pub(crate) memo: Memo,
}

impl Scratch {
    /// A new one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Next event: all stamps become stale.
    pub(crate) fn next(&mut self, predicates: usize, runnables: usize, logicals: usize) -> u32 {
        self.holds.resize(predicates, 0);
        self.tried.resize(runnables, 0);
        self.best.resize(logicals, (0, 0));
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.holds.fill(0);
            self.tried.fill(0);
            self.best.fill((0, 0));
            self.stamp = 1;
        }
        self.fired.clear();
        self.found.clear();
        self.stamp
    }
}

/// What values of fields led to: values repeat (paths, users, hosts), so most need no look at
/// the tables. Bounded: a newer value takes the slot of an older one. Whole values are compared,
/// so a collision costs time, never a wrong answer.
#[derive(Default)]
pub(crate) struct Memo {
    slots: Vec<Slot>,
    hasher: DefaultHashBuilder,
}

#[derive(Default)]
struct Slot {
    hash: u64,
    about: u32,
    filled: bool,
    value: String,
    predicates: Vec<u32>,
}

impl Memo {
    /// Where a value belongs; `None` for one too long to keep. `about` is the field, and whether
    /// keywords are part of the answer.
    #[inline]
    pub(crate) fn key(&self, about: u32, value: &str) -> Option<u64> {
        if value.len() > limits::MEMO_VALUE_BYTES_MAX {
            return None;
        }
        Some(self.hasher.hash_one((about, value)))
    }

    /// The predicates remembered for a value.
    #[inline]
    pub(crate) fn get(&self, key: u64, about: u32, value: &str) -> Option<&[u32]> {
        let slot = self.slots.get(key as usize & (limits::MEMO_SLOTS - 1))?;
        let same = slot.hash == key && slot.filled && slot.about == about && slot.value == value;
        same.then_some(&slot.predicates)
    }

    /// Remembers; reuses the slot's buffers.
    pub(crate) fn put(&mut self, key: u64, about: u32, value: &str, predicates: &[u32]) {
        if self.slots.is_empty() {
            self.slots.resize_with(limits::MEMO_SLOTS, Slot::default);
        }
        let Some(slot) = self.slots.get_mut(key as usize & (limits::MEMO_SLOTS - 1)) else {
            return;
        };
        slot.hash = key;
        slot.filled = true;
        slot.about = about;
        slot.value.clear();
        slot.value.push_str(value);
        slot.predicates.clear();
        slot.predicates.extend_from_slice(predicates);
    }
}
