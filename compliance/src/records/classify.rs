//! The inventory of a data set: each column's element, grade and the reasons for it.

use std::io::Read;

use events::Text;
use serde::{Deserialize, Serialize};

use super::confirm::{Confirmed, Said};
use super::error::Error;
use super::find::engine::{Finder, Hint};
use super::find::{Day, Kind};
use super::judge::{Judge, notes};
use super::protect::cell::is_whole;
use super::scan::{Column, Scan};
use super::table::{Encoding, Tally};
use super::taxonomy::{HeaderMeaning, Taxonomy};

/// How to look at a table.
#[derive(Clone, Debug)]
pub struct ClassifyOptions {
    /// The day of the scan, for ages.
    pub today: Day,
    /// Stop after this many rows; all when absent.
    pub sample_rows: Option<u64>,
    /// The delimiter, when it should not be guessed.
    pub delimiter: Option<u8>,
    /// Whether the first record names the columns, when it should not be guessed.
    pub header: Option<bool>,
    /// Which table of a file that holds several.
    pub table: Option<String>,
    /// The name of the data set in the inventory.
    pub dataset: String,
    /// What persons said of the columns: masking and protecting go by it. An inventory is what the
    /// scan finds by itself; the words are laid over it ([`crate::records::Confirmations`]).
    pub said: Said,
}

impl ClassifyOptions {
    /// All rows, everything guessed.
    pub fn new(today: Day, dataset: impl Into<String>) -> Self {
        let dataset = dataset.into();
        let (sample_rows, delimiter, header, table) = (None, None, None, None);
        Self { today, sample_rows, delimiter, header, table, dataset, said: Said::default() }
    }
}

/// One column of the inventory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColumnReport {
    /// Its header, or `column_N`.
    pub column: String,
    /// 0-based place.
    pub index: usize,
    /// The element's id; none when nothing is recognised.
    pub element: Option<String>,
    /// The element's title.
    pub title: Option<Text>,
    /// The element's class.
    pub class: Option<String>,
    /// Product level: 1 (lowest) to 4; 1 when nothing is recognised.
    pub grade: u8,
    /// From 0 to 1, two decimals.
    pub confidence: f64,
    /// Sensitive personal information.
    pub sensitive_pi: bool,
    /// Cells that are not empty.
    pub rows: u64,
    /// Cells sealed by this program.
    #[serde(default)]
    pub sealed: u64,
    /// Cells with at least one finding (of a typed element), or filled cells of one without type.
    pub hits: u64,
    /// Why, in both languages.
    pub reasons: Vec<Text>,
    /// Findings by type.
    pub found: Vec<(Kind, u64)>,
    /// The element's row was not compared with the published standard.
    pub unverified: bool,
    /// Masking method by default.
    pub mask: Option<String>,
    /// Protection by default.
    pub protect: Option<super::taxonomy::Protection>,
    /// What a person said of it.
    #[serde(default)]
    pub confirmed: Option<Confirmed>,
}

impl ColumnReport {
    /// The line of `classify --json`: column, element, grade, confidence, sensitive_pi, rows,
    /// hits, reasons, and nothing else. `reasons` are in one language.
    pub fn to_json(&self, lang: events::Lang) -> serde_json::Value {
        let reasons: Vec<&str> = self.reasons.iter().map(|r| r.get(lang)).collect();
        serde_json::json!({
            "column": self.column, "element": self.element, "grade": self.grade,
            "confidence": self.confidence, "sensitive_pi": self.sensitive_pi,
            "rows": self.rows, "hits": self.hits, "reasons": reasons,
        })
    }
}

/// The inventory of a data set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inventory {
    /// Its name, as given.
    pub dataset: String,
    /// Data rows read.
    pub rows: u64,
    /// Rows with more or fewer cells than the header.
    pub ragged_rows: u64,
    /// The encoding met.
    pub encoding: Encoding,
    /// What was odd.
    pub tally: Tally,
    /// The columns, in order.
    pub columns: Vec<ColumnReport>,
    /// The highest grade of a column: the highest element wins.
    pub dataset_grade: u8,
    /// Persons whose age could be read, under 14 and from 14.
    pub ages: Ages,
    /// What a reader must know: unverified texts, the size of the set.
    pub notes: Vec<Text>,
}

/// How many ages were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ages {
    /// Rows of persons under 14.
    pub under14: u64,
    /// Rows of persons from 14.
    pub from14: u64,
}

#[derive(Clone, Default)]
pub(super) struct Counts {
    pub(super) filled: u64,
    pub(super) sealed: u64,
    pub(super) cells: u64,
    pub(super) whole: [u64; Kind::ALL.len()],
    pub(super) any: [u64; Kind::ALL.len()],
}

/// Reads a table and says what is in it.
///
/// # Errors
/// [`Error::Read`], [`Error::Empty`].
pub fn classify(
    reader: impl Read,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<Inventory, Error> {
    let mut scan = Scan::open(reader, options, taxonomy)?;
    let mut census = Census::new(&scan.columns, taxonomy);
    let mut finder = Finder::new(options.today);
    while let Some((number, row)) = scan.next()? {
        if options.sample_rows.is_some_and(|max| number >= max) {
            break;
        }
        for (col, cell) in row.cells().enumerate() {
            if cell.trim_ascii().is_empty() {
                continue;
            }
            let Some(hint) = census.hint(col) else { break };
            if is_whole(cell) {
                census.sealed(col);
                continue;
            }
            finder.find_in(col, cell, hint);
            census.cell(col, &finder);
        }
        census.end_row();
    }
    Ok(census.finish(&options.dataset, scan.encoding(), scan.tally(), taxonomy))
}

/// Counts what is found cell by cell, and tells the inventory at the end.
pub(crate) struct Census {
    columns: Vec<Column>,
    counts: Vec<Counts>,
    /// Columns whose ids and birth dates are of the persons the rows are about.
    own: Vec<bool>,
    age: Option<u16>,
    ages: Ages,
    rows: u64,
}

impl Census {
    pub(crate) fn new(columns: &[Column], taxonomy: &Taxonomy) -> Self {
        Self {
            columns: columns.to_vec(),
            counts: vec![Counts::default(); columns.len()],
            own: columns.iter().map(|c| !is_of_an_adult(c, taxonomy)).collect(),
            age: None,
            ages: Ages::default(),
            rows: 0,
        }
    }

    /// What is known of a column; none beyond the header.
    pub(crate) fn hint(&self, col: usize) -> Option<Hint> {
        self.columns.get(col).map(|c| c.hint)
    }

    /// Counts a cell that is not blank, and which `finder` has just looked at.
    pub(crate) fn cell(&mut self, col: usize, finder: &Finder) {
        let Some(count) = self.counts.get_mut(col) else { return };
        count.filled += 1;
        let findings = finder.found();
        count.cells += u64::from(!findings.is_empty());
        let mut told = None;
        for found in findings {
            let place = if found.whole { &mut count.whole } else { &mut count.any };
            if let Some(n) = place.get_mut(found.kind as usize) {
                *n += 1;
            }
            if found.whole {
                told = Some(found.kind);
            }
        }
        if let Some(kind) = told
            && self.age.is_none()
            && self.own.get(col).copied().unwrap_or(false)
        {
            self.age = age_of(finder, kind);
        }
    }

    /// Counts a sealed cell: there is nothing to look at.
    fn sealed(&mut self, col: usize) {
        if let Some(count) = self.counts.get_mut(col) {
            count.filled += 1;
            count.sealed += 1;
        }
    }

    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
        match self.age.take() {
            Some(0..14) => self.ages.under14 += 1,
            Some(_) => self.ages.from14 += 1,
            None => {}
        }
    }

    pub(crate) fn finish(
        self,
        dataset: &str,
        encoding: Encoding,
        tally: Tally,
        taxonomy: &Taxonomy,
    ) -> Inventory {
        let Self { columns, counts, ages, rows, .. } = self;
        let judge = Judge { taxonomy, ages };
        let mut reports: Vec<ColumnReport> = columns
            .iter()
            .zip(&counts)
            .enumerate()
            .map(|(index, (column, count))| judge.column(index, column, count))
            .collect();
        judge.linked(&mut reports);
        let dataset_grade = reports.iter().map(|r| r.grade).max().unwrap_or(1);
        Inventory {
            dataset: dataset.to_owned(),
            rows,
            ragged_rows: tally.ragged_rows,
            encoding,
            tally,
            columns: reports,
            dataset_grade,
            ages,
            notes: notes(rows, dataset_grade, taxonomy, ages),
        }
    }
}

/// Whether a column is of a guardian or a teacher: their ages are not the pupils'.
fn is_of_an_adult(column: &Column, taxonomy: &Taxonomy) -> bool {
    match column.meaning {
        Some(HeaderMeaning::Element { index, .. }) => {
            taxonomy.at(index).is_some_and(|e| matches!(e.class.as_str(), "guardian" | "staff"))
        }
        _ => false,
    }
}

/// The age told by the cell just looked at.
fn age_of(finder: &Finder, kind: Kind) -> Option<u16> {
    let eight = finder.birth(kind)?;
    super::find::validate::day8(&eight)?.age_on(finder.today)
}
