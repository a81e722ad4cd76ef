//! A table with its columns understood: a sample is kept back, the columns are learned from
//! headers and values, then all rows are given out from the first.

use std::collections::{HashSet, VecDeque};
use std::io::Read;

use super::classify::ClassifyOptions;
use super::error::Error;
use super::find::Kind;
use super::find::engine::{Finder, Hint};
use super::find::kind::KindSet;
use super::find::name;
use super::limits::{SAMPLE_BYTES_MAX, SAMPLE_ROWS_MAX};
use super::table::{Encoding, Row, TableReader, Tally};
use super::taxonomy::{HeaderMeaning, Taxonomy};

/// A column as understood from its header and the sample.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) meaning: Option<HeaderMeaning>,
    pub(crate) hint: Hint,
    /// The type most values of the sample are of, when the header did not say it.
    pub(crate) learned: Option<Kind>,
}

struct Kept {
    text: String,
    ends: Vec<usize>,
    oversized: Option<usize>,
}

/// Rows in order, with the columns known beforehand.
pub(crate) struct Scan<R> {
    table: TableReader<R>,
    kept: VecDeque<Kept>,
    current: Option<Kept>,
    pub(crate) columns: Vec<Column>,
    pub(crate) has_header: bool,
    row: u64,
    ragged: u64,
}

impl<R: Read> Scan<R> {
    pub(crate) fn open(
        reader: R,
        options: &ClassifyOptions,
        taxonomy: &Taxonomy,
    ) -> Result<Self, Error> {
        let mut table = TableReader::new(reader, options.delimiter)?;
        let mut finder = Finder::new(options.today);
        let first = keep(&mut table)?.ok_or(Error::Empty)?;
        let mut kept = VecDeque::new();
        let has_header = options.header.unwrap_or_else(|| is_header(&first, &mut finder, taxonomy));
        let mut columns: Vec<Column> = Vec::new();
        let mut bytes = 0;
        let width = first.ends.len();
        if has_header {
            columns.extend(row_of(&first).cells().map(|cell| column(cell.trim(), taxonomy)));
        } else {
            columns.extend((1..=width).map(|i| Column {
                name: format!("column_{i}"),
                meaning: None,
                hint: Hint::default(),
                learned: None,
            }));
            bytes += first.text.len();
            kept.push_back(first);
        }
        while kept.len() < SAMPLE_ROWS_MAX && bytes < SAMPLE_BYTES_MAX {
            let Some(row) = keep(&mut table)? else { break };
            bytes += row.text.len();
            kept.push_back(row);
        }
        let mut scan = Self { table, kept, current: None, columns, has_header, row: 0, ragged: 0 };
        scan.learn(&mut finder);
        Ok(scan)
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.table.encoding()
    }

    pub(crate) fn delimiter(&self) -> u8 {
        self.table.delimiter()
    }

    pub(crate) fn tally(&self) -> Tally {
        Tally { ragged_rows: self.ragged, ..self.table.tally }
    }

    /// Rows given out so far.
    pub(crate) fn rows(&self) -> u64 {
        self.row
    }

    /// The next row and its 0-based number.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Row<'_>)>, Error> {
        let row = if let Some(kept) = self.kept.pop_front() {
            row_of(self.current.insert(kept))
        } else {
            match self.table.read()? {
                Some(row) => row,
                None => return Ok(None),
            }
        };
        let number = self.row;
        self.row += 1;
        if row.len() != self.columns.len() {
            self.ragged += 1;
        }
        Ok(Some((number, row)))
    }

    /// Completes the hints from the sample.
    fn learn(&mut self, finder: &mut Finder) {
        let enough = 5;
        for index in 0..self.columns.len() {
            let cells: Vec<&str> = self
                .kept
                .iter()
                .map(|k| row_of(k).cell(index))
                .filter(|c| !c.trim().is_empty() && c.len() < 256)
                .collect();
            let Some(column) = self.columns.get_mut(index) else { continue };
            if column.hint.expect.has(Kind::Name) {
                forget_products(column, &cells);
            }
            let open = column.meaning.is_none() || column.hint == Hint::default();
            if !open || cells.len() < enough {
                continue;
            }
            column.learned = learn_kind(finder, &cells);
            match column.learned {
                Some(kind) => column.hint.expect = column.hint.expect.with(kind),
                None => column.hint.negative |= numbers_of_nobody(finder, &cells),
            }
        }
        self.learn_births(finder);
    }

    /// A column of days that are the birth dates inside the ids of the same rows.
    fn learn_births(&mut self, finder: &mut Finder) {
        let expect = Hint { expect: KindSet::default().with(Kind::BirthDate), ..Hint::default() };
        let days: Vec<Option<[u8; 8]>> = self
            .kept
            .iter()
            .map(|k| row_of(k).cells().find_map(|cell| id_birth(finder, cell)))
            .collect();
        let known = days.iter().flatten().count();
        for index in 0..self.columns.len() {
            let Some(column) = self.columns.get(index) else { continue };
            if column.meaning.is_some() || column.learned.is_some() {
                continue;
            }
            let (mut dates, mut filled, mut same) = (0, 0, 0);
            let mut years = HashSet::new();
            for (kept, day) in self.kept.iter().zip(&days) {
                let cell = row_of(kept).cell(index);
                filled += usize::from(!cell.trim().is_empty());
                if !finder.find(cell, expect).iter().any(|f| f.kind == Kind::BirthDate && f.whole) {
                    continue;
                }
                dates += 1;
                let written = finder.birth(Kind::BirthDate);
                same += usize::from(day.is_some() && written == *day);
                years.insert(written.and_then(|d| d.first_chunk::<4>().copied()));
            }
            let mostly = filled >= 5 && dates * 10 >= filled * 7;
            let by_id = known >= 3 && same * 10 >= known * 5;
            let unnamed = !self.has_header && known < 3 && years.len() >= 3;
            if mostly
                && (by_id || unnamed)
                && let Some(column) = self.columns.get_mut(index)
            {
                column.learned = Some(Kind::BirthDate);
                column.hint.expect = column.hint.expect.with(Kind::BirthDate);
            }
        }
    }
}

/// The birth date inside the id that is the whole cell, as YYYYMMDD.
fn id_birth(finder: &mut Finder, cell: &str) -> Option<[u8; 8]> {
    let id = finder.find(cell, Hint::default()).iter().any(|f| f.kind == Kind::CnId && f.whole);
    if id { finder.birth(Kind::CnId) } else { None }
}

fn row_of(kept: &Kept) -> Row<'_> {
    let mut row = Row::new(&kept.text, &kept.ends);
    row.oversized = kept.oversized;
    row
}

fn keep<R: Read>(table: &mut TableReader<R>) -> Result<Option<Kept>, Error> {
    Ok(table.read()?.map(|row| Kept {
        text: row.text().to_owned(),
        ends: row.ends().to_vec(),
        oversized: row.oversized,
    }))
}

fn column(name: &str, taxonomy: &Taxonomy) -> Column {
    let meaning = taxonomy.header(name);
    let mut hint = Hint::default();
    match meaning {
        Some(HeaderMeaning::NotPersonal) => hint.negative = true,
        Some(HeaderMeaning::Element { index, .. }) => {
            if let Some(element) = taxonomy.at(index) {
                for kind in &element.types {
                    hint.expect = hint.expect.with(*kind);
                }
                let coded = matches!(element.id.as_str(), "staff_no" | "school_student_no");
                hint.negative = coded;
                // Free text holds anything; a known element without a type holds no numbers.
                hint.other = element.types.is_empty() && element.mask != "redact";
            }
        }
        None => {}
    }
    Column { name: name.to_owned(), meaning, hint, learned: None }
}

/// Whether the first record names the columns.
fn is_header(first: &Kept, finder: &mut Finder, taxonomy: &Taxonomy) -> bool {
    let row = row_of(first);
    let known = row.cells().filter(|c| taxonomy.header(c.trim()).is_some()).count();
    let values = row
        .cells()
        .filter(|c| finder.find(c, Hint::default()).iter().any(|f| f.kind != Kind::Name && f.whole))
        .count();
    if values > 0 {
        return known > values * 2;
    }
    if known > 0 {
        return true;
    }
    // Names of columns do not start with a digit, and none of them is long or there twice.
    let mut seen = HashSet::new();
    let named = row.cells().all(|c| {
        let c = c.trim();
        !c.starts_with(|d: char| d.is_ascii_digit()) && c.chars().count() <= 30 && seen.insert(c)
    });
    let chars: Vec<Vec<char>> = row.cells().map(|c| c.trim().chars().collect()).collect();
    named && !chars.iter().any(|c| name::plausible(c) == 2)
}

/// Whether so many cells are long numbers of no kind that the rest look personal by chance.
fn numbers_of_nobody(finder: &mut Finder, cells: &[&str]) -> bool {
    let long = |c: &&&str| {
        let c = c.trim();
        c.len() >= 10 && c.bytes().all(|b| b.is_ascii_digit())
    };
    let strange = cells.iter().filter(long).filter(|c| finder.find(c, Hint::default()).is_empty());
    strange.count() * 100 >= cells.len() * 35
}

/// Drops the expectation of names from a column called "name" that holds other things.
fn forget_products(column: &mut Column, cells: &[&str]) {
    let person = cells
        .iter()
        .filter(|c| {
            let chars: Vec<char> = c.chars().filter(|c| !c.is_whitespace()).collect();
            name::plausible(&chars) > 0 || chars.contains(&'·') || chars.iter().all(char::is_ascii)
        })
        .count();
    if cells.len() >= 10 && person * 10 < cells.len() * 3 {
        column.hint = Hint { other: true, ..Hint::default() };
    }
}

/// The type that most values of a column are of.
fn learn_kind(finder: &mut Finder, cells: &[&str]) -> Option<Kind> {
    let share = |n: usize, percent: usize| n * 100 >= cells.len() * percent;
    let mut whole = [0usize; Kind::ALL.len()];
    for cell in cells {
        if let [only] = finder.find(cell, Hint::default())
            && only.whole
            && let Some(count) = whole.get_mut(only.kind as usize)
        {
            *count += 1;
        }
    }
    let best = Kind::ALL.iter().copied().max_by_key(|k| whole.get(*k as usize).copied());
    if let Some(kind) = best
        && share(whole.get(kind as usize).copied().unwrap_or(0), 40)
    {
        return Some(kind);
    }
    // Types that are not believed by themselves are believed of a whole column.
    for (kind, percent) in [(Kind::SchoolCode, 90), (Kind::CnId15, 60)] {
        let hint = Hint { expect: KindSet::default().with(kind), ..Hint::default() };
        let mut heads = HashSet::new();
        let n = cells
            .iter()
            .filter(|c| {
                heads.insert(c.get(..2).unwrap_or_default().to_owned());
                finder.find(c, hint).iter().any(|f| f.kind == kind && f.whole)
            })
            .count();
        let varied = kind == Kind::SchoolCode || heads.len() > 1;
        if share(n, percent) && varied {
            return Some(kind);
        }
    }
    let mut distinct = HashSet::new();
    let (mut surnamed, mut sure) = (0, 0);
    for cell in cells {
        let chars: Vec<char> = cell.chars().filter(|c| !c.is_whitespace()).collect();
        let level = name::plausible(&chars);
        surnamed += usize::from(level > 0);
        sure += usize::from(level == 2);
        distinct.insert(chars);
    }
    let varied = distinct.len() * 10 >= cells.len() * 3;
    (share(surnamed, 65) && share(sure, 35) && varied).then_some(Kind::Name)
}
