//! How many events of a file have which value, in the columns that have few: kept in the manifest,
//! so that a search that asks for nothing else opens no file.

use std::collections::BTreeMap;

use events::FieldId;
use events::field::{self, COLUMNS};

use super::columns;
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
    source: [Option<Values>; 3],
    typed: Vec<Option<Values>>,
}

/// The values of a column, the frequent ones in front.
type Values = Vec<(String, u64)>;

impl Tally {
    pub(crate) fn new() -> Self {
        let typed = COLUMNS.iter().map(|c| FIELDS.contains(&c.id).then(Vec::new)).collect();
        Self { source: [const { Some(Vec::new()) }; 3], typed }
    }

    /// Counts a value of a typed column.
    pub(crate) fn field(&mut self, at: usize, value: &str) {
        if let Some(column) = self.typed.get_mut(at) {
            add(column, value);
        }
    }

    /// Counts a part of a log source.
    pub(crate) fn source(&mut self, part: usize, value: &str) {
        if let Some(column) = self.source.get_mut(part) {
            add(column, value);
        }
    }

    /// The counts of the columns that hold every value of their field.
    pub(crate) fn counts(&self, is_whole: impl Fn(&str) -> bool) -> Counts {
        let source = SOURCE.into_iter().zip(&self.source);
        let typed = COLUMNS.iter().map(|c| c.name).zip(&self.typed);
        let columns = source.chain(typed.filter(|(name, _)| is_whole(name)));
        let named = |(name, values): (&str, &Option<Values>)| {
            Some((name.to_owned(), values.as_ref()?.iter().cloned().collect()))
        };
        columns.filter_map(named).collect()
    }
}

fn add(column: &mut Option<Values>, value: &str) {
    let Some(values) = column else { return };
    match values.iter().position(|(known, _)| known == value) {
        Some(at) => {
            values[at].1 += 1;
            values.swap(at, at.saturating_sub(1));
        }
        None if values.len() < limits::COUNTED_VALUES_MAX
            && value.len() <= limits::COUNTED_VALUE_BYTES_MAX =>
        {
            values.push((value.to_owned(), 1));
        }
        None => *column = None,
    }
}
