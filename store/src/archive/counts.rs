//! How many events of a file have which value, in the columns that have few: kept in the manifest,
//! so that a search that asks for nothing else opens no file; by minute in the file itself.

use std::collections::{BTreeMap, HashMap};

use events::field::{self, COLUMNS};
use events::{FieldId, SiteId, Timestamp};

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
    /// The minute of the hour that is counted for.
    minute: usize,
    all: ByMinute,
    source: [Option<Values>; 3],
    typed: Vec<Option<Values>>,
    sites: Option<HashMap<SiteId, ByMinute>>,
}

/// The values of a column, the frequent ones in front.
type Values = Vec<(String, ByMinute)>;

impl Tally {
    pub(crate) fn new() -> Self {
        let typed = COLUMNS.iter().map(|c| FIELDS.contains(&c.id).then(Vec::new)).collect();
        Self {
            minute: 0,
            all: vec![0; MINUTES],
            source: [const { Some(Vec::new()) }; 3],
            typed,
            sites: Some(HashMap::new()),
        }
    }

    /// Counts a record; its values follow.
    pub(crate) fn record(&mut self, time: Timestamp, site: SiteId) {
        let nanos = time.nanos().rem_euclid(HOUR_NANOS);
        self.minute = usize::try_from(nanos / MINUTE_NANOS).unwrap_or(0);
        bump(&mut self.all, self.minute);
        let Some(sites) = &mut self.sites else { return };
        if let Some(counts) = sites.get_mut(&site) {
            bump(counts, self.minute);
        } else if sites.len() < limits::COUNTED_SITES_MAX {
            sites.insert(site, once(self.minute));
        } else {
            self.sites = None;
        }
    }

    /// Counts a value of a typed column.
    pub(crate) fn field(&mut self, at: usize, value: &str) {
        if let Some(column) = self.typed.get_mut(at) {
            add(column, value, self.minute);
        }
    }

    /// Counts a part of a log source.
    pub(crate) fn source(&mut self, part: usize, value: &str) {
        if let Some(column) = self.source.get_mut(part) {
            add(column, value, self.minute);
        }
    }

    /// The counts of the columns that hold every value of their field: of the whole file, and by
    /// minute, there of schools too.
    pub(crate) fn counts(&self, is_whole: impl Fn(&str) -> bool) -> (Counts, Minutes) {
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

fn bump(counts: &mut ByMinute, minute: usize) {
    if let Some(count) = counts.get_mut(minute) {
        *count += 1;
    }
}

fn once(minute: usize) -> ByMinute {
    let mut counts = vec![0; MINUTES];
    bump(&mut counts, minute);
    counts
}

fn add(column: &mut Option<Values>, value: &str, minute: usize) {
    let Some(values) = column else { return };
    match values.iter().position(|(known, _)| known == value) {
        Some(at) => {
            bump(&mut values[at].1, minute);
            values.swap(at, at.saturating_sub(1));
        }
        None if values.len() < limits::COUNTED_VALUES_MAX
            && value.len() <= limits::COUNTED_VALUE_BYTES_MAX =>
        {
            values.push((value.to_owned(), once(minute)));
        }
        None => *column = None,
    }
}
