//! A labelled adversarial set of student records, written without looking at the finder: its own
//! vocabularies, its own ways of writing, its own traps. All persons are made up.
//!
//! Every vocabulary has two halves ([`Half`]): the finder was improved while looking at `Seen`
//! only; `Unseen` measures what it does with words nobody looked at. Spans: the value as written,
//! inner separators and a country code included; labels, quotes, blanks and Excel's leading
//! apostrophe not.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

pub mod columns;
pub mod decoys;
pub mod messy;
pub mod numbers;
pub mod people;
pub mod places;
pub mod remarks;
pub mod rng;
pub mod score;

use std::fmt::Write as _;

pub use columns::Headers;
pub use rng::{Half, Rng};

/// A labelled place: data row and column from 0, characters half-open.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    pub row: u64,
    pub col: usize,
    pub kind: &'static str,
    pub start: u32,
    pub end: u32,
}

/// A cell under construction: text and what stands in it.
#[derive(Clone, Default)]
pub struct Cell {
    pub text: String,
    pub labels: Vec<(&'static str, u32, u32)>,
}

impl Cell {
    /// What stands in it, at its place in a table.
    pub fn labels_at(&self, row: usize, col: usize) -> impl Iterator<Item = Label> {
        let row = row as u64;
        self.labels.iter().map(move |&(kind, start, end)| Label { row, col, kind, start, end })
    }

    pub fn of(kind: &'static str, text: &str) -> Self {
        Self::default().value(kind, text)
    }

    pub fn plain(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    pub fn value(mut self, kind: &'static str, text: &str) -> Self {
        let start = self.text.chars().count() as u32;
        self.text.push_str(text);
        self.labels.push((kind, start, self.text.chars().count() as u32));
        self
    }

    /// Adds another cell's text and labels behind.
    pub fn then(mut self, other: Cell) -> Self {
        let base = self.text.chars().count() as u32;
        self.text.push_str(&other.text);
        self.labels.extend(other.labels.iter().map(|(k, s, e)| (*k, s + base, e + base)));
        self
    }
}

/// A table and its labels.
pub struct Table {
    pub csv: String,
    pub cells: Vec<Vec<String>>,
    pub labels: Vec<Label>,
}

/// A table of `rows` rows whose columns are named in one manner.
pub fn table(seed: u64, rows: usize, half: Half, headers: Headers) -> Table {
    let mut r = Rng::new(seed, half);
    let columns = columns::choose(&mut r, headers);
    let mut csv = String::new();
    if headers != Headers::Absent {
        let names: Vec<&str> = columns.iter().map(|c| c.header.as_str()).collect();
        csv.push_str(&names.join(","));
        csv.push('\n');
    }
    let mut labels = Vec::new();
    let mut all = Vec::new();
    for row in 0..rows {
        let person = people::Person::new(&mut r);
        let mut texts = Vec::new();
        for (col, column) in columns.iter().enumerate() {
            let cell = column.cell(&mut r, &person);
            if col > 0 {
                csv.push(',');
            }
            if cell.text.contains([',', '"', '\n']) {
                let _ = write!(csv, "\"{}\"", cell.text.replace('"', "\"\""));
            } else {
                csv.push_str(&cell.text);
            }
            labels.extend(cell.labels_at(row, col));
            texts.push(cell.text);
        }
        csv.push('\n');
        all.push(texts);
    }
    Table { csv, cells: all, labels }
}
