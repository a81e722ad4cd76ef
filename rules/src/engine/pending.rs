//! Hits that wait for the watermark, in order of time.

use std::collections::BTreeMap;

use events::{EventId, Timestamp};

use super::window::{Entry, GroupKey};
use crate::rule::RuleIndex;

/// A hit on its way to a correlation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) group: GroupKey,
    pub(crate) entry: Entry,
}

/// Order of items: by time and event; then by correlation and rule, so that the order of arrival
/// decides only between events that are alike.
type Order = (Timestamp, EventId, RuleIndex, u32, u64);

impl Item {
    fn weight(&self) -> usize {
        self.group.weight() + self.entry.weight()
    }
}

/// The buffer.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    items: BTreeMap<Order, Item>,
    next: u64,
    bytes: usize,
}

impl Pending {
    pub(crate) fn push(&mut self, correlation: RuleIndex, item: Item) {
        let order = (item.entry.time, item.entry.id, correlation, item.entry.rule, self.next);
        self.next += 1;
        self.bytes += item.weight();
        self.items.insert(order, item);
    }

    /// The oldest item, if it is not younger than the watermark.
    pub(crate) fn pop(&mut self, watermark: Timestamp) -> Option<(RuleIndex, Item)> {
        let entry = self.items.first_entry()?;
        if entry.key().0 > watermark {
            return None;
        }
        let (order, item) = entry.remove_entry();
        self.bytes = self.bytes.saturating_sub(item.weight());
        Some((order.2, item))
    }

    /// About what the items take when written.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (RuleIndex, &Item)> {
        self.items.iter().map(|(order, item)| (order.2, item))
    }
}
