//! How many events of a file have which value, in the columns that have few: kept in the manifest,
//! so that a search that asks for nothing else opens no file; by minute in the file itself.

use std::collections::{BTreeMap, HashMap};

use events::field::{self, COLUMNS};
use events::{FieldId, LogSourceId, SiteId, Timestamp};

use super::minutes::{ByMinute, MINUTE_NANOS, MINUTES, Minutes};
use super::{HOUR_NANOS, columns};
use crate::limits;

/// By column, how many events have which value; the rest of them have none.
pub type Counts = BTreeMap<String, BTreeMap<String, u64>>;

/// Fields that are counted: words of a vocabulary, never a person's name or address.
const FIELDS: [FieldId; 7] = [
    field::EVENT_ACTION,
    field::EVENT_OUTCOME,
    field::EVENT_CODE,
    field::EVENT_KIND,
    field::NETWORK_TRANSPORT,
    field::HTTP_REQUEST_METHOD,
    field::LOG_LEVEL,
];

/// The parts of a log source.
const SOURCE: [&str; 3] = [columns::PRODUCT, columns::CATEGORY, columns::SERVICE];

/// Counts values while a file is written; a column with too many is given up.
pub(crate) struct Tally {
    /// Of the record that is counted, and how many of the same kind came one after the other.
    run: (Run, u64),
    all: ByMinute,
    source: [Option<Values>; 3],
    typed: Vec<Option<Values>>,
    sites: Option<HashMap<SiteId, ByMinute>>,
}

/// What the records of a run have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Run {
    /// The minute of the hour.
    minute: usize,
    site: SiteId,
    source: LogSourceId,
}

/// The values of a column, the frequent ones in front.
type Values = Vec<(String, ByMinute)>;

impl Tally {
    pub(crate) fn new() -> Self {
        let typed = COLUMNS.iter().map(|c| FIELDS.contains(&c.id).then(Vec::new)).collect();
        Self {
            run: (Run::default(), 0),
            all: vec![0; MINUTES],
            source: [const { Some(Vec::new()) }; 3],
            typed,
            sites: Some(HashMap::new()),
        }
    }

    /// Counts a record; its values follow.
    pub(crate) fn record(&mut self, time: Timestamp, site: SiteId, source: LogSourceId) {
        let nanos = time.nanos().rem_euclid(HOUR_NANOS);
        let minute = usize::try_from(nanos / MINUTE_NANOS).unwrap_or(0);
        let run = Run { minute, site, source };
        if self.run.0 != run {
            self.end_run();
            self.run.0 = run;
        }
        self.run.1 += 1;
    }

    /// Adds what the records of a run have in common.
    fn end_run(&mut self) {
        let (run, count) = (self.run.0, std::mem::take(&mut self.run.1));
        if count == 0 {
            return;
        }
        bump(&mut self.all, run.minute, count);
        let source = run.source.get();
        let parts = [&source.product, &source.category, &source.service];
        for (column, part) in self.source.iter_mut().zip(parts) {
            add(column, part, run.minute, count);
        }
        let Some(sites) = &mut self.sites else { return };
        if sites.len() < limits::COUNTED_SITES_MAX || sites.contains_key(&run.site) {
            bump(sites.entry(run.site).or_insert_with(|| vec![0; MINUTES]), run.minute, count);
        } else {
            self.sites = None;
        }
    }

    /// Counts a value of a typed column.
    pub(crate) fn field(&mut self, at: usize, value: &str) {
        if let Some(column) = self.typed.get_mut(at) {
            add(column, value, self.run.0.minute, 1);
        }
    }

    /// The counts of the columns that hold every value of their field: of the whole file, and by
    /// minute, there of schools too.
    pub(crate) fn counts(&mut self, is_whole: impl Fn(&str) -> bool) -> (Counts, Minutes) {
        self.end_run();
        let source = SOURCE.into_iter().zip(&self.source);
        let typed = COLUMNS.iter().map(|c| c.name).zip(&self.typed);
        let columns = source.chain(typed.filter(|(name, _)| is_whole(name)));
        let columns = columns.filter_map(|(name, values)| Some((name, values.as_ref()?)));
        let (mut counts, mut minutes) =
            (Counts::new(), Minutes { all: self.all.clone(), ..Minutes::default() });
        for (name, values) in columns {
            let sums = values.iter().map(|(value, by)| (value.clone(), by.iter().sum()));
            counts.insert(name.to_owned(), sums.collect());
            minutes.columns.insert(name.to_owned(), values.iter().cloned().collect());
        }
        if let Some(sites) = &self.sites {
            let sites = sites.iter().map(|(site, by)| (site.to_string(), by.clone()));
            minutes.columns.insert(columns::SITE.to_owned(), sites.collect());
        }
        (counts, minutes)
    }
}

fn bump(counts: &mut ByMinute, minute: usize, by: u64) {
    if let Some(count) = counts.get_mut(minute) {
        *count += by;
    }
}

fn add(column: &mut Option<Values>, value: &str, minute: usize, by: u64) {
    let Some(values) = column else { return };
    match values.iter().position(|(known, _)| known == value) {
        Some(at) => {
            bump(&mut values[at].1, minute, by);
            values.swap(at, at.saturating_sub(1));
        }
        None if values.len() < limits::COUNTED_VALUES_MAX
            && value.len() <= limits::COUNTED_VALUE_BYTES_MAX =>
        {
            let mut counts = vec![0; MINUTES];
            bump(&mut counts, minute, by);
            values.push((value.to_owned(), counts));
        }
        None => *column = None,
    }
}
