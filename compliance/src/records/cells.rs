//! Every finding of a table, cell by cell, without the values.

use std::io::Read;

use serde::Serialize;

use super::classify::ClassifyOptions;
use super::error::Error;
use super::find::Kind;
use super::find::engine::{Finder, Hint};
use super::scan::Scan;
use super::table::{Encoding, Tally};
use super::taxonomy::Taxonomy;

/// One finding: where it is and of what type, never the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CellFinding {
    /// 0-based data row (a header is not one).
    pub row: u64,
    /// 0-based column.
    pub col: usize,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// First character of the finding in the cell.
    pub start: u32,
    /// The character after its last.
    pub end: u32,
}

/// What was read.
#[derive(Clone, Debug, Serialize)]
pub struct FindSummary {
    /// Data rows read.
    pub rows: u64,
    /// Findings given out.
    pub findings: u64,
    /// The encoding met.
    pub encoding: Encoding,
    /// What was odd.
    pub tally: Tally,
}

/// Gives every finding of a table to `sink`, in order of row, column and place.
///
/// # Errors
/// [`Error::Read`], [`Error::Empty`].
pub fn find_cells(
    reader: impl Read,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
    sink: &mut dyn FnMut(CellFinding),
) -> Result<FindSummary, Error> {
    let mut scan = Scan::open(reader, options, taxonomy)?;
    let hints: Vec<Hint> = scan.columns.iter().map(|c| c.hint).collect();
    let mut finder = Finder::new(options.today);
    let mut findings = 0;
    while let Some((number, row)) = scan.next()? {
        if options.sample_rows.is_some_and(|max| number >= max) {
            break;
        }
        for (col, cell) in row.cells().enumerate() {
            let hint = hints.get(col).copied().unwrap_or_default();
            for found in finder.find_in(col, cell, hint) {
                findings += 1;
                sink(CellFinding {
                    row: number,
                    col,
                    kind: found.kind,
                    start: found.start,
                    end: found.end,
                });
            }
        }
    }
    Ok(FindSummary { rows: scan.rows(), findings, encoding: scan.encoding(), tally: scan.tally() })
}
