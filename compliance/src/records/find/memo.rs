//! Cells seen before: columns of few values (a class, a sex, a stock remark) are looked at once.

use hashbrown::HashMap;

use super::engine::{Finding, Hint};
use super::kind::Kind;

/// Distinct cells kept for a column.
const CELLS_MAX: usize = 1024;
/// Longest cell kept, in bytes.
const CELL_BYTES_MAX: usize = 96;
/// Looks after which a column that seldom repeats is no longer kept.
const TRIAL: u32 = 4096;

/// What was found in the cells of one column, under one hint.
#[derive(Default)]
struct Column {
    hint: Hint,
    cells: HashMap<Box<str>, Box<[Finding]>>,
    asked: u32,
    met: u32,
    off: bool,
}

/// One memory for each column.
#[derive(Default)]
pub(super) struct Memo {
    columns: Vec<Column>,
}

impl Memo {
    /// What was found in this cell before.
    pub(super) fn get(&mut self, column: usize, cell: &str, hint: Hint) -> Option<&[Finding]> {
        if self.columns.len() <= column {
            self.columns.resize_with(column + 1, Column::default);
        }
        let held = self.columns.get_mut(column)?;
        if held.off || cell.len() > CELL_BYTES_MAX {
            return None;
        }
        if held.hint != hint {
            *held = Column { hint, ..Column::default() };
        }
        held.asked += 1;
        if held.asked == TRIAL {
            held.off = held.met * 2 < TRIAL;
            held.asked = 0;
            held.met = 0;
            if held.off {
                held.cells = HashMap::new();
                return None;
            }
        }
        let found = held.cells.get(cell)?;
        held.met += 1;
        Some(found)
    }

    /// Keeps what was found.
    pub(super) fn put(&mut self, column: usize, cell: &str, found: &[Finding]) {
        let Some(held) = self.columns.get_mut(column) else { return };
        // Ages are read from the cell just looked at, so these are always looked at.
        let told = |f: &Finding| matches!(f.kind, Kind::CnId | Kind::StudentNo | Kind::BirthDate);
        let room = held.cells.len() < CELLS_MAX && cell.len() <= CELL_BYTES_MAX;
        if room && !held.off && !found.iter().any(told) {
            held.cells.insert(cell.into(), found.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Finder;
    use super::super::validate::Day;
    use super::*;

    #[test]
    fn a_cell_seen_before_is_told_the_same() {
        let mut finder = Finder::new(Day { year: 2026, month: 11, day: 24 });
        let cell = "家长王芳来电13800138000";
        let first = finder.find_in(3, cell, Hint::default()).to_vec();
        assert_eq!(first.len(), 2);
        assert_eq!(finder.find_in(3, cell, Hint::default()), first);
        let negative = Hint { negative: true, ..Hint::default() };
        assert_eq!(finder.find_in(3, "13800138000", negative).len(), 0);
        assert_eq!(finder.find_in(3, "13800138000", Hint::default()).len(), 1);
    }
}
