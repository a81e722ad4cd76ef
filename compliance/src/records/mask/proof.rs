//! The proof that dates which stay dates are not anybody's: the released file read beside its input.
//!
//! A date that was moved looks like a birth date, as it should. The second scan passes it only if this
//! holds of its row: the cell is a whole date, another than the input's, no farther from it than the
//! policy says, and exactly as far as the key tells for that person. Anything else refuses release.

use std::io::Read;

use serde::Serialize;

use super::Plan;
use super::policy::Method;
use super::shift::{Shifter, day_of};
use crate::records::error::Error;
use crate::records::find::Kind;
use crate::records::scan::Scan;
use crate::records::table::Row;

/// What was proved of the dates that were moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatesMoved {
    /// No date is moved farther, in days.
    pub days_max: u32,
    /// The columns that say whose row it is, the first with a value first.
    pub by: Vec<String>,
    /// The columns that were moved.
    pub columns: Vec<String>,
    /// Cells worked out anew from the input: each another date than the input's, moved as the key
    /// tells for its person.
    pub cells: u64,
    /// Cells left empty: no whole date, a row of nobody, or a class too small to be shown.
    pub emptied: u64,
}

/// The input, read along with the output.
pub(super) struct DateProof {
    input: Scan<Box<dyn Read>>,
    shifter: Shifter,
    /// The columns that were moved.
    columns: Vec<usize>,
    told: DatesMoved,
}

impl DateProof {
    pub(super) fn new(
        input: Scan<Box<dyn Read>>,
        shifter: Shifter,
        days_max: u32,
        plans: &[Plan],
    ) -> Result<Self, Error> {
        let moved = plans.iter().enumerate().filter(|(_, p)| p.method == Method::DateShift);
        let columns: Vec<usize> = moved.map(|(at, _)| at).collect();
        let names = |places: &[usize]| {
            places.iter().filter_map(|at| plans.get(*at)).map(|p| p.name.clone()).collect()
        };
        let told = DatesMoved {
            days_max,
            by: names(shifter.by()),
            columns: names(&columns),
            cells: 0,
            emptied: 0,
        };
        let days = i64::from(days_max);
        // A proof that passes these proves nothing.
        let held = |to: &str, key: i64| holds("2012-03-05", to, Some(key), days);
        let planted = [("2012-03-05", 1), ("2012-03-06", 2), ("2013-03-05", 365 + days)];
        if planted.iter().any(|(to, key)| held(to, *key)) || !held("2012-03-06", 1) {
            return Err(Error::Canary { kind: Kind::BirthDate.name() });
        }
        Ok(Self { input, shifter, columns, told })
    }

    /// Holds the next row of the output against its input.
    pub(super) fn row(&mut self, number: u64, output: &Row<'_>) -> Result<(), Error> {
        let Self { input, shifter, columns, told } = self;
        let Some((_, input)) = input.next()? else {
            return Err(Error::DateNotMoved { row: number, col: 0 });
        };
        let key = shifter.of(&input);
        for col in columns.iter().copied() {
            let (was, is) = (input.cell(col), output.cell(col));
            if is.is_empty() {
                told.emptied += u64::from(!was.trim().is_empty());
            } else if holds(was, is, key, i64::from(told.days_max)) {
                told.cells += 1;
            } else {
                return Err(Error::DateNotMoved { row: number, col });
            }
        }
        Ok(())
    }

    /// Whether a birth date found in this column of the row last held is one that was moved.
    pub(super) fn covers(&self, col: usize) -> bool {
        self.columns.contains(&col)
    }

    /// What was proved, when the input has no more rows.
    pub(super) fn finish(mut self, rows: u64) -> Result<DatesMoved, Error> {
        match self.input.next()? {
            None => Ok(self.told),
            Some(_) => Err(Error::DateNotMoved { row: rows, col: 0 }),
        }
    }
}

/// Whether `is` is the date `was` moved by the days of the key, within the bound.
fn holds(was: &str, is: &str, key: Option<i64>, days_max: i64) -> bool {
    let (Some(was), Some(is), Some(key)) = (day_of(was), day_of(is), key) else { return false };
    let by = is.ordinal() - was.ordinal();
    by != 0 && by.abs() <= days_max && by == key
}
