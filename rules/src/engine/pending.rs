//! Hits that wait for the watermark, in order of time.
//!
//! Most come in that order, so they stand in a queue; what does not belong at its end or just before
//! it stands in a tree beside it, however far out of order a sender is.

use std::collections::{BTreeMap, VecDeque};

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

/// How many items before the queue's end are passed over for one that comes a little late.
const PASSED_MAX: usize = 16;

/// The buffer.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// In order.
    queue: VecDeque<(Order, Item)>,
    strays: BTreeMap<Order, Item>,
    next: u64,
    bytes: usize,
}

impl Pending {
    pub(crate) fn push(&mut self, correlation: RuleIndex, item: Item) {
        let order = (item.entry.time, item.entry.id, correlation, item.entry.rule, self.next);
        self.next += 1;
        self.bytes += item.weight();
        let passed = self.queue.iter().rev().take(PASSED_MAX + 1);
        match passed.take_while(|(before, _)| *before > order).count() {
            0 => self.queue.push_back((order, item)),
            n if n <= PASSED_MAX => self.queue.insert(self.queue.len() - n, (order, item)),
            _ => drop(self.strays.insert(order, item)),
        }
    }

    /// The oldest item, if it is not younger than the watermark.
    pub(crate) fn pop(&mut self, watermark: Timestamp) -> Option<(RuleIndex, Item)> {
        let queued = self.queue.front().map(|(order, _)| *order);
        let stray = self.strays.first_key_value().map(|(order, _)| *order);
        let first = queued.into_iter().chain(stray).min()?;
        if first.0 > watermark {
            return None;
        }
        let (order, item) = match stray {
            Some(order) if order == first => self.strays.pop_first()?,
            _ => self.queue.pop_front()?,
        };
        self.bytes = self.bytes.saturating_sub(item.weight());
        Some((order.2, item))
    }

    /// About what the items take when written.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len() + self.strays.len()
    }

    /// All items, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RuleIndex, &Item)> {
        let (mut queue, mut strays) = (self.queue.iter().peekable(), self.strays.iter().peekable());
        std::iter::from_fn(move || {
            let stray = match (queue.peek(), strays.peek()) {
                (Some((queued, _)), Some((stray, _))) => *stray < queued,
                (queued, _) => queued.is_none(),
            };
            if stray {
                strays.next().map(|(order, item)| (order.2, item))
            } else {
                queue.next().map(|(order, item)| (order.2, item))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::SiteId;
    use proptest::prelude::*;

    fn item(secs: i64, id: u128) -> Item {
        let group = GroupKey { site: None, exercise: None, values: vec![id.to_string()] };
        let (time, id) = (Timestamp::from_secs(secs), EventId::from_u128(id));
        let entry = Entry { time, id, site: SiteId::default(), rule: 0, value: None, number: None };
        Item { group, entry }
    }

    proptest! {
        /// In whatever order hits come, they go by time and event: queue and tree are one.
        #[test]
        fn hits_go_in_order(times in proptest::collection::vec((0..1_000_i64, 0..8_i64), 1..400)) {
            let mut pending = Pending::default();
            let mut expected = Vec::new();
            for (id, (wild, near)) in times.iter().enumerate() {
                // Mostly a little late, at times much.
                let secs = if wild % 5 == 0 { *wild } else { id as i64 * 2 + near };
                pending.push(RuleIndex(3), item(secs, id as u128));
                expected.push((secs, id as u128));
                if wild % 97 == 0 {
                    expected.sort_unstable();
                    let (_, first) = pending.pop(Timestamp::MAX).unwrap();
                    let (secs, id) = expected.remove(0);
                    prop_assert_eq!(first, item(secs, id));
                }
            }
            expected.sort_unstable();
            let expected: Vec<Item> = expected.iter().map(|(secs, id)| item(*secs, *id)).collect();
            let iterated: Vec<Item> = pending.iter().map(|(_, item)| item.clone()).collect();
            prop_assert_eq!(&iterated, &expected);
            prop_assert_eq!(pending.len(), expected.len());
            let oldest = expected.first().map(|i| i.entry.time.minus(std::time::Duration::from_secs(1)));
            prop_assert!(oldest.is_none_or(|before| pending.pop(before).is_none()));
            let popped = std::iter::from_fn(|| pending.pop(Timestamp::MAX)).map(|(_, item)| item);
            prop_assert_eq!(popped.collect::<Vec<_>>(), expected);
            prop_assert_eq!((pending.len(), pending.bytes()), (0, 0));
        }
    }
}
