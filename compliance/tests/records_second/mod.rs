//! A second labelled set, by other words and other sentences than `records_labelled`: what stands in a
//! cell is a pattern with slots (`家长{N}电话{P}`), each slot a value with its label or a trap without one.

#![allow(unreachable_pub, reason = "as in `records_labelled`")]

pub mod patterns;
pub mod values;

use std::fmt::Write as _;

use super::records_labelled::{Cell, Rng, Table};

/// How the columns are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// As forms name them.
    Form,
    /// By letters that say nothing.
    Blank,
    /// There is no header row.
    Absent,
}

impl Named {
    pub const ALL: [Self; 3] = [Self::Form, Self::Blank, Self::Absent];
}

/// The cell that a pattern makes.
pub fn cell(r: &mut Rng, pattern: &str) -> Cell {
    let mut cell = Cell::default();
    let mut rest = pattern;
    while let Some((before, slot)) = rest.split_once('{') {
        let (slot, after) = slot.split_once('}').unwrap();
        cell = cell.plain(before);
        cell = match values::slot(r, slot) {
            (Some(kind), text) => cell.value(kind, &text),
            (None, text) => cell.plain(&text),
        };
        rest = after;
    }
    cell.plain(rest)
}

/// A table of so many rows.
pub fn table(r: &mut Rng, rows: usize, named: Named) -> Table {
    let columns: Vec<&patterns::Column> = patterns::COLUMNS
        .iter()
        // Nothing tells a column of these from other numbers and words when it has no name.
        .filter(|c| named == Named::Form || !c.by_name_only)
        .collect();
    let mut csv = String::new();
    if named != Named::Absent {
        let names = columns.iter().enumerate().map(|(i, c)| match named {
            Named::Form => r.any(c.headers).to_owned(),
            _ => format!("F{i}"),
        });
        csv.push_str(&names.collect::<Vec<_>>().join(","));
        csv.push('\n');
    }
    let (mut cells, mut labels) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let mut texts = Vec::new();
        for (col, column) in columns.iter().enumerate() {
            let pattern = if r.chance(80) { column.usual } else { column.odd };
            let pattern = r.any(pattern);
            let cell = cell(r, pattern);
            if col > 0 {
                csv.push(',');
            }
            let _ = write!(csv, "\"{}\"", cell.text.replace('"', "\"\""));
            labels.extend(cell.labels_at(row, col));
            texts.push(cell.text);
        }
        csv.push('\n');
        cells.push(texts);
    }
    Table { csv, cells, labels }
}
