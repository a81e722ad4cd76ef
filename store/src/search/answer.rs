//! Collecting what matches: the newest records, or counts.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use events::time::BEIJING_OFFSET_SECS;
use events::{Event, Timestamp};

use super::parse::{Query, Shape};
use super::view::View;
use super::{Answer, Cursor};

/// Groups of one `count by`, buckets of one histogram; further ones are counted together.
const GROUPS_MAX: usize = 100_000;
/// Name of the group that holds what did not fit.
const OTHERS: &str = "…";

/// Where a kept record lies.
pub(super) enum Source<'a> {
    /// In memory.
    Event(&'a Event),
    /// In an archive file: read whole when it is known to be in the answer.
    Row(RowAt),
}

/// A row of an archive file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct RowAt {
    /// Which of the searched files.
    pub(super) file: usize,
    /// Which row of it.
    pub(super) row: usize,
}

/// What has matched so far.
pub(super) struct Collector<'q> {
    query: &'q Query,
    limit: usize,
    /// Only records older than this are taken.
    after: Option<Cursor>,
    /// Whether a record was left out for want of room.
    cut: bool,
    /// What happened then or before was not looked at whole: it belongs to the next page.
    open: Option<Timestamp>,
    /// The newest records, the oldest of them on top.
    newest: BinaryHeap<Reverse<(Timestamp, u64)>>,
    kept: HashMap<u64, Kept>,
    counts: HashMap<Vec<String>, u64>,
    total: u64,
    buckets: BTreeMap<i64, u64>,
    /// Records of further groups or buckets.
    beyond: u64,
}

enum Kept {
    Event(Box<Event>),
    Row(RowAt),
}

impl<'q> Collector<'q> {
    pub(super) fn new(query: &'q Query, limit: usize, after: Option<Cursor>) -> Self {
        let taken = after.map_or(0, |cursor| cursor.taken);
        let head = query.head.unwrap_or(usize::MAX).saturating_sub(taken);
        Self {
            query,
            limit: head.min(limit).max(1),
            after,
            cut: false,
            open: None,
            newest: BinaryHeap::new(),
            kept: HashMap::new(),
            counts: HashMap::new(),
            total: 0,
            buckets: BTreeMap::new(),
            beyond: 0,
        }
    }

    /// Takes a record that matches.
    pub(super) fn take(&mut self, seq: u64, record: &View<'_>, source: &Source<'_>) {
        match &self.query.shape {
            Shape::Events | Shape::Table(_) => {
                if self.wants(seq, record) {
                    let kept = match source {
                        Source::Event(event) => Kept::Event(Box::new((*event).clone())),
                        Source::Row(at) => Kept::Row(*at),
                    };
                    self.kept.insert(seq, kept);
                }
            }
            Shape::Count(places) => {
                let key: Vec<String> = places.iter().map(|(_, p)| record.text(p)).collect();
                self.take_group(&key, 1);
            }
            Shape::Histogram(_) => self.take_bucket(record.time(), 1),
        }
    }

    /// Takes so many records that match, by what they have in common.
    pub(super) fn take_group(&mut self, key: &[String], records: u64) {
        self.total += records;
        let room = self.counts.len() < GROUPS_MAX;
        match self.counts.get_mut(key) {
            _ if key.is_empty() => {}
            Some(count) => *count += records,
            None if room => {
                self.counts.insert(key.to_vec(), records);
            }
            None => self.beyond += records,
        }
    }

    /// Takes records that match and lie in one bucket of a histogram, by a time of theirs.
    pub(super) fn take_bucket(&mut self, time: Timestamp, records: u64) {
        self.total += records;
        if let Some(bucket) = self.query.shape.bucket(time) {
            let full = self.buckets.len() >= GROUPS_MAX && !self.buckets.contains_key(&bucket);
            let count =
                if full { &mut self.beyond } else { self.buckets.entry(bucket).or_default() };
            *count += records;
        }
    }

    /// Takes records that match, by their times, which are in order or nearly so.
    pub(super) fn take_times(&mut self, times: impl Iterator<Item = Timestamp>) {
        let (mut begin, mut end, mut records) = (Timestamp::MIN, Timestamp::MIN, 0);
        for time in times {
            if (begin..end).contains(&time) {
                records += 1;
                continue;
            }
            if records > 0 {
                self.take_bucket(begin, records);
            }
            (begin, end) = self.query.shape.bucket_ends(time).unwrap_or((time, time));
            records = 1;
        }
        if records > 0 {
            self.take_bucket(begin, records);
        }
    }

    /// Records older than this are no longer wanted: the page is full of newer ones.
    pub(super) fn wanted_since(&self) -> Option<Timestamp> {
        let Reverse((oldest, _)) = self.newest.peek()?;
        (self.newest.len() >= self.limit).then_some(*oldest)
    }

    /// Notes that older records than the wanted ones were passed over.
    pub(super) fn pass_over(&mut self) {
        self.cut = true;
    }

    /// Whether a record is among the newest so far; makes room for it.
    fn wants(&mut self, seq: u64, record: &View<'_>) -> bool {
        let key = (record.time(), seq);
        if self.newest.len() >= self.limit {
            self.cut = true;
        }
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

    /// Whether a record lies behind the pages given so far.
    pub(super) fn is_new(&self, time: Timestamp, seq: u64) -> bool {
        self.after.is_none_or(|cursor| (time, seq) < (cursor.time, cursor.seq))
    }

    /// Leaves what happened at this time or before for the next page: not all of it was looked at.
    pub(super) fn leave_open(&mut self, open: Timestamp) {
        self.open = Some(open);
        while let Some(Reverse((time, seq))) = self.newest.peek().copied()
            && time <= open
        {
            self.newest.pop();
            self.kept.remove(&seq);
        }
    }

    /// Where the next page begins, if there is one.
    pub(super) fn next(&self) -> Option<Cursor> {
        let full = self.newest.peek().filter(|_| self.cut && self.newest.len() >= self.limit);
        let (time, seq) = match (full, self.open) {
            (Some(Reverse(oldest)), _) => *oldest,
            (None, Some(open)) => (open, u64::MAX),
            (None, None) => return None,
        };
        let taken = self.after.map_or(0, |cursor| cursor.taken) + self.newest.len();
        let more = self.query.head.is_none_or(|head| taken < head);
        more.then_some(Cursor { time, seq, taken })
    }

    /// The rows of archive files that are in the answer, in order.
    pub(super) fn rows(&self) -> Vec<RowAt> {
        let row = |kept: &Kept| if let Kept::Row(at) = kept { Some(*at) } else { None };
        let mut rows: Vec<RowAt> = self.kept.values().filter_map(row).collect();
        rows.sort_unstable();
        rows
    }

    /// The answer, from the events of [`Collector::rows`]. A row that could not be read (its file
    /// expired meanwhile) is left out.
    pub(super) fn finish(mut self, mut read: HashMap<RowAt, Event>) -> Answer {
        let limit = self.limit;
        match &self.query.shape {
            Shape::Events => Answer::Events(self.newest_first(&mut read)),
            Shape::Table(places) => {
                let columns = places.iter().map(|(n, _)| n.clone()).collect();
                let events = self.newest_first(&mut read);
                let cells = |event: &Event| {
                    places.iter().map(|(_, p)| View::Event(event).text(p)).collect()
                };
                Answer::Table { columns, rows: events.iter().map(cells).collect() }
            }
            Shape::Count(places) => {
                let mut columns: Vec<String> = places.iter().map(|(n, _)| n.clone()).collect();
                columns.push("count".to_owned());
                if places.is_empty() {
                    let rows = vec![vec![self.total.to_string()]];
                    return Answer::Table { columns, rows };
                }
                let mut counts: Vec<(Vec<String>, u64)> = self.counts.into_iter().collect();
                if self.beyond > 0 {
                    counts.push((vec![OTHERS.to_owned(); places.len()], self.beyond));
                }
                counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                counts.truncate(limit);
                let row = |(mut cells, n): (Vec<String>, u64)| {
                    cells.push(n.to_string());
                    cells
                };
                Answer::Table { columns, rows: counts.into_iter().map(row).collect() }
            }
            Shape::Histogram(_) => {
                let mut buckets: Vec<(i64, u64)> = self.buckets.into_iter().collect();
                if let Some(head) = self.query.head {
                    buckets.sort_by_key(|(secs, n)| (Reverse(*n), *secs));
                    buckets.truncate(head);
                }
                let row = |(secs, n)| {
                    let begin = Timestamp::from_secs(secs).to_rfc3339_at(BEIJING_OFFSET_SECS);
                    vec![begin, u64::to_string(&n)]
                };
                let beyond =
                    (self.beyond > 0).then(|| vec![OTHERS.to_owned(), self.beyond.to_string()]);
                Answer::Table {
                    columns: vec!["time".to_owned(), "count".to_owned()],
                    rows: buckets.into_iter().map(row).chain(beyond).collect(),
                }
            }
        }
    }

    fn newest_first(&mut self, read: &mut HashMap<RowAt, Event>) -> Vec<Event> {
        let order = std::mem::take(&mut self.newest).into_sorted_vec();
        let event = |Reverse((_, seq))| match self.kept.remove(&seq)? {
            Kept::Event(event) => Some(*event),
            Kept::Row(at) => read.remove(&at),
        };
        order.into_iter().filter_map(event).collect()
    }
}
