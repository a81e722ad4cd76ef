//! Collecting what matches: the newest records, or counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use events::{Event, Timestamp};

use super::Answer;
use super::parse::{Query, Shape};
use super::view::View;

/// Groups of one `count by`; further ones are counted together.
const GROUPS_MAX: usize = 100_000;
/// Name of the group that holds what did not fit.
const OTHERS: &str = "…";

/// Where a kept record lies.
pub(super) enum Source<'a> {
    /// In memory.
    Event(&'a Event),
    /// In an archive file: its events are made when they are known to be kept.
    Row(&'a dyn Fn() -> Event),
}

/// What has matched so far.
pub(super) struct Collector<'q> {
    query: &'q Query,
    limit: usize,
    /// The newest records, the oldest of them on top.
    newest: BinaryHeap<Reverse<(Timestamp, u64)>>,
    kept: HashMap<u64, Kept>,
    counts: HashMap<Vec<String>, u64>,
    total: u64,
    buckets: BTreeMap<i64, u64>,
}

enum Kept {
    Event(Box<Event>),
    Cells(Vec<String>),
}

impl<'q> Collector<'q> {
    pub(super) fn new(query: &'q Query, limit: usize) -> Self {
        let limit = query.head.unwrap_or(usize::MAX).min(limit).max(1);
        Self {
            query,
            limit,
            newest: BinaryHeap::new(),
            kept: HashMap::new(),
            counts: HashMap::new(),
            total: 0,
            buckets: BTreeMap::new(),
        }
    }

    /// Takes a record that matches.
    pub(super) fn take(&mut self, seq: u64, record: &View<'_>, source: &Source<'_>) {
        self.total += 1;
        match &self.query.shape {
            Shape::Events => {
                if self.wants(seq, record) {
                    let event = match source {
                        Source::Event(event) => (*event).clone(),
                        Source::Row(make) => make(),
                    };
                    self.kept.insert(seq, Kept::Event(Box::new(event)));
                }
            }
            Shape::Table(places) => {
                if self.wants(seq, record) {
                    let cells = places.iter().map(|(_, p)| record.text(p)).collect();
                    self.kept.insert(seq, Kept::Cells(cells));
                }
            }
            Shape::Count(places) => {
                let key: Vec<String> = places.iter().map(|(_, p)| record.text(p)).collect();
                let full = self.counts.len() >= GROUPS_MAX && !self.counts.contains_key(&key);
                let key = if full { vec![OTHERS.to_owned(); key.len()] } else { key };
                *self.counts.entry(key).or_default() += 1;
            }
            Shape::Histogram(secs) => {
                let bucket = record.time().secs().div_euclid(*secs) * secs;
                *self.buckets.entry(bucket).or_default() += 1;
            }
        }
    }

    /// Whether a record is among the newest so far; makes room for it.
    fn wants(&mut self, seq: u64, record: &View<'_>) -> bool {
        let key = (record.time(), seq);
        if self.newest.len() >= self.limit {
            match self.newest.peek() {
                Some(Reverse(oldest)) if *oldest < key => {
                    let (_, gone) = *oldest;
                    self.newest.pop();
                    self.kept.remove(&gone);
                }
                _ => return false,
            }
        }
        self.newest.push(Reverse(key));
        true
    }

    /// The answer.
    pub(super) fn finish(mut self) -> Answer {
        let limit = self.limit;
        match &self.query.shape {
            Shape::Events => {
                let order = self.newest.into_sorted_vec();
                let mut events = Vec::with_capacity(order.len());
                for Reverse((_, seq)) in order {
                    if let Some(Kept::Event(event)) = self.kept.remove(&seq) {
                        events.push(*event);
                    }
                }
                Answer::Events(events)
            }
            Shape::Table(places) => {
                let columns = places.iter().map(|(n, _)| n.clone()).collect();
                let order = self.newest.into_sorted_vec();
                let mut rows = Vec::with_capacity(order.len());
                for Reverse((_, seq)) in order {
                    if let Some(Kept::Cells(cells)) = self.kept.remove(&seq) {
                        rows.push(cells);
                    }
                }
                Answer::Table { columns, rows }
            }
            Shape::Count(places) => {
                let mut columns: Vec<String> = places.iter().map(|(n, _)| n.clone()).collect();
                columns.push("count".to_owned());
                if places.is_empty() {
                    let rows = vec![vec![self.total.to_string()]];
                    return Answer::Table { columns, rows };
                }
                let mut counts: Vec<(Vec<String>, u64)> = self.counts.into_iter().collect();
                counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                counts.truncate(limit);
                let row = |(mut cells, n): (Vec<String>, u64)| {
                    cells.push(n.to_string());
                    cells
                };
                Answer::Table { columns, rows: counts.into_iter().map(row).collect() }
            }
            Shape::Histogram(_) => {
                let row = |(secs, n): (i64, u64)| {
                    vec![Timestamp::from_secs(secs).to_rfc3339(), n.to_string()]
                };
                Answer::Table {
                    columns: vec!["time".to_owned(), "count".to_owned()],
                    rows: self.buckets.into_iter().map(row).collect(),
                }
            }
        }
    }
}
