//! The hits of one group within the window, and the number a condition is about.

use std::collections::VecDeque;
use std::time::Duration;

use events::{EventId, ExerciseId, SiteId, Timestamp};
use hashbrown::HashMap;

use crate::rule::{Correlation, CorrelationKind};

/// What keeps hits apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    /// `None` when the rule correlates over all sites.
    pub(crate) site: Option<SiteId>,
    pub(crate) exercise: Option<ExerciseId>,
    /// By the rule's `group-by`.
    pub(crate) values: Vec<String>,
}

impl GroupKey {
    /// About what it takes when written, in bytes.
    pub(crate) fn weight(&self) -> usize {
        24 + self.values.iter().map(|v| v.len() + 3).sum::<usize>()
    }
}

/// One hit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) time: Timestamp,
    pub(crate) id: EventId,
    pub(crate) site: SiteId,
    /// Which of the correlation's rules.
    pub(crate) rule: u32,
    /// What is counted or summed, as text.
    pub(crate) value: Option<String>,
    /// The same as a number.
    pub(crate) number: Option<f64>,
}

impl Entry {
    /// About what it takes when written, in bytes.
    pub(crate) fn weight(&self) -> usize {
        40 + self.value.as_ref().map_or(0, String::len)
    }
}

/// One group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// Ordered by time, then id.
    pub(crate) entries: VecDeque<Entry>,
    /// No detection up to and including this time.
    pub(crate) quiet_until: Timestamp,
    /// Distinct values with how often they occur.
    distinct: HashMap<String, u32>,
    /// By rule, how many hits.
    hits: Vec<u32>,
    /// By rule k, the latest start of a sequence of the rules 0…k in order.
    chain: Vec<Timestamp>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    InOrder,
    Late,
    TooLate,
}

impl Group {
    pub(crate) fn new(rules: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            quiet_until: Timestamp::MIN,
            distinct: HashMap::new(),
            hits: vec![0; rules],
            chain: vec![Timestamp::MIN; rules],
        }
    }

    pub(crate) fn from_entries(
        c: &Correlation,
        entries: VecDeque<Entry>,
        quiet_until: Timestamp,
    ) -> Self {
        let mut group = Self { entries, quiet_until, ..Self::new(c.rules.len()) };
        group.rebuild(c);
        group
    }

    /// Adds a hit in its place and, when `slide`, drops what is older than the window of the
    /// newest.
    pub(crate) fn add(&mut self, c: &Correlation, entry: Entry, slide: bool) -> Added {
        let key = (entry.time, entry.id);
        let newest = self.entries.back().map(|e| (e.time, e.id));
        if newest.is_none_or(|n| n <= key) {
            self.count(c, &entry);
            self.entries.push_back(entry);
            if slide {
                self.evict_before(c, key.0.minus(c.timespan));
            }
            return Added::InOrder;
        }
        if slide && newest.is_some_and(|(time, _)| entry.time < time.minus(c.timespan)) {
            return Added::TooLate;
        }
        let at = self.entries.partition_point(|e| (e.time, e.id) <= key);
        // Only a sequence depends on the order of its hits.
        if c.kind == CorrelationKind::TemporalOrdered {
            self.entries.insert(at, entry);
            self.rebuild(c);
        } else {
            self.count(c, &entry);
            self.entries.insert(at, entry);
        }
        Added::Late
    }

    /// Drops entries older than a time.
    pub(crate) fn evict_before(&mut self, c: &Correlation, cutoff: Timestamp) {
        while self.entries.front().is_some_and(|e| e.time < cutoff) {
            self.drop_oldest(c);
        }
    }

    /// Drops the oldest entry.
    pub(crate) fn drop_oldest(&mut self, c: &Correlation) {
        let Some(entry) = self.entries.pop_front() else { return };
        if let Some(n) = self.hits.get_mut(entry.rule as usize) {
            *n = n.saturating_sub(1);
        }
        if c.kind == CorrelationKind::ValueCount
            && let Some(value) = entry.value
            && let Some(n) = self.distinct.get_mut(&value)
        {
            *n -= 1;
            if *n == 0 {
                self.distinct.remove(&value);
            }
        }
    }

    fn rebuild(&mut self, c: &Correlation) {
        self.distinct.clear();
        self.hits.fill(0);
        self.chain.fill(Timestamp::MIN);
        let entries = std::mem::take(&mut self.entries);
        entries.iter().for_each(|e| self.count(c, e));
        self.entries = entries;
    }

    fn count(&mut self, c: &Correlation, entry: &Entry) {
        let at = entry.rule as usize;
        if let Some(n) = self.hits.get_mut(at) {
            *n += 1;
        }
        if c.kind == CorrelationKind::ValueCount
            && let Some(value) = &entry.value
        {
            *self.distinct.entry_ref(value.as_str()).or_insert(0) += 1;
        }
        let start = if at == 0 { Some(entry.time) } else { self.chain.get(at - 1).copied() };
        if let (Some(start), Some(slot)) = (start, self.chain.get_mut(at)) {
            *slot = start.max(*slot);
        }
    }

    /// The number of the condition, over all entries held; `None` when there is none (a mean of
    /// nothing).
    pub(crate) fn number(&self, c: &Correlation) -> Option<f64> {
        let numbers = || self.entries.iter().filter_map(|e| e.number);
        match c.kind {
            CorrelationKind::EventCount => Some(self.entries.len() as f64),
            CorrelationKind::ValueCount => Some(self.distinct.len() as f64),
            CorrelationKind::Temporal => Some(self.hits.iter().filter(|n| **n > 0).count() as f64),
            CorrelationKind::TemporalOrdered => Some(self.ordered(c.timespan) as f64),
            CorrelationKind::ValueSum => Some(numbers().sum()),
            CorrelationKind::ValueAvg => {
                let count = numbers().count();
                (count > 0).then(|| numbers().sum::<f64>() / count as f64)
            }
            CorrelationKind::ValuePercentile => percentile(numbers().collect(), c.percentile),
            CorrelationKind::ValueMedian => median(numbers().collect()),
        }
    }

    /// How many of the rules have hit in the order listed, within the window of the newest.
    fn ordered(&self, timespan: Duration) -> usize {
        let Some(newest) = self.entries.back() else { return 0 };
        let cutoff = newest.time.minus(timespan);
        let started = |s: &Timestamp| *s != Timestamp::MIN && *s >= cutoff;
        self.chain.iter().take_while(|s| started(s)).count()
    }

    /// Whether the condition holds, and its number.
    pub(crate) fn holds(&self, c: &Correlation) -> Option<f64> {
        let number = self.number(c)?;
        let met = if let Some(among) = &c.among {
            among.holds(&|at| self.hits.get(at).is_some_and(|n| *n > 0))
        } else if c.thresholds.is_empty() {
            number >= c.rules.len() as f64
        } else {
            c.thresholds.iter().all(|t| t.op.holds(number, t.number))
        };
        met.then_some(number)
    }
}

/// Nearest-rank percentile.
fn percentile(mut numbers: Vec<f64>, percent: f64) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * numbers.len() as f64).ceil().max(1.0) as usize;
    numbers.get(rank - 1).copied()
}

fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    let upper = *numbers.get(middle)?;
    if numbers.len() % 2 == 1 {
        return Some(upper);
    }
    numbers.get(middle - 1).map(|lower| (lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(hundred.clone(), 95.0), Some(95.0));
        assert_eq!(percentile(hundred, 0.0), Some(1.0));
        assert_eq!(percentile(vec![7.0], 100.0), Some(7.0));
        assert_eq!(percentile(vec![], 50.0), None);
    }
}
