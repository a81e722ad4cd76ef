//! 核心数据加密率: how much of what the taxonomy wants field-encrypted is sealed, counted cell by cell in
//! what a scan has just read – a file as it lies there, or the live columns of a database.
//!
//! What counts is a column's element, which the header says; a column that nothing is known of is in
//! neither number. Volume encryption under the data is not seen from here and not counted.

use serde::Serialize;

use super::classify::Inventory;
use super::taxonomy::Protection;

/// Cells that should be sealed, and those that are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Columns whose element is to be field-encrypted.
    pub columns: u64,
    /// Those of them without an open cell.
    pub columns_sealed: u64,
    /// Filled cells of these columns.
    pub cells: u64,
    /// Those of them that are sealed.
    pub cells_sealed: u64,
}

impl Coverage {
    /// Over all of these inventories.
    pub fn of(inventories: &[Inventory]) -> Self {
        let mut coverage = Self::default();
        let columns = inventories.iter().flat_map(|i| &i.columns);
        for column in columns.filter(|c| c.protect == Some(Protection::F)) {
            coverage.columns += 1;
            coverage.columns_sealed += u64::from(column.sealed == column.rows);
            coverage.cells += column.rows;
            coverage.cells_sealed += column.sealed;
        }
        coverage
    }

    /// The share of cells that are sealed, from 0 to 1; none when there is nothing to seal.
    pub fn share(&self) -> Option<f64> {
        (self.cells > 0).then(|| self.cells_sealed as f64 / self.cells as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{ClassifyOptions, Day, Taxonomy, classify};

    fn coverage(rows: &str) -> Coverage {
        let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t");
        let inventory = classify(rows.as_bytes(), &options, &Taxonomy::embedded().unwrap());
        Coverage::of(&[inventory.unwrap()])
    }

    #[test]
    fn cells_that_should_be_sealed_are_counted_and_others_are_not() {
        // A cell of the right form; what it holds does not matter here.
        let sealed = format!("xd1:{}", "AgEAAAAB".to_owned() + &"A".repeat(48));
        let rows = format!(
            "班级,身份证件号,手机号\n一班,{sealed},{sealed}\n二班,110105194912310038,{sealed}\n三班,,{sealed}\n"
        );
        let told = coverage(&rows);
        assert_eq!((told.columns, told.columns_sealed), (2, 1));
        assert_eq!((told.cells, told.cells_sealed, told.share()), (5, 4, Some(0.8)));
        assert_eq!(coverage("班级\n一班\n").share(), None);
    }

    #[test]
    fn a_mark_alone_seals_nothing() {
        let told = coverage("手机号\nxd1:13800138000\n");
        assert_eq!((told.cells, told.cells_sealed), (1, 0));
    }

    #[test]
    fn a_column_of_fixed_width_is_seen_through_its_blanks() {
        let told =
            coverage(&format!("手机号\nxd1:{}    \n", "AgEAAAAB".to_owned() + &"A".repeat(48)));
        assert_eq!((told.cells, told.cells_sealed), (1, 1));
    }
}
