//! The independent half of the second scan: the bytes as they will be released, parsed anew, held
//! against patterns that know nothing of columns or words, and against the values of the input.

use std::sync::LazyLock;

use regex::Regex;

use super::Kept;
use super::grams::Grams;
use super::second::{SAMPLES_MAX, is_person};
use super::squeeze::{squeeze, squeeze_onto};
use super::value::trim;
use crate::records::cells::CellFinding;
use crate::records::error::Error;
use crate::records::find::norm::chars;
use crate::records::find::validate::{card_prefix, id18, luhn, mobile_range};
use crate::records::find::{Day, Kind};
use crate::records::table::{Row, TableReader};

/// Values of the input that must not be in the output of their row: each as it was written, and
/// in the form of [`squeeze`]. One buffer for many rows.
#[derive(Default)]
pub(super) struct Values {
    text: String,
    items: Vec<Item>,
    /// Where each finished row's items end.
    rows: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Item {
    kind: Kind,
    start: usize,
    middle: usize,
    /// Where its compared form begins: with itself, where that is the same.
    squeezed: usize,
    end: usize,
}

/// One of them.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) kind: Kind,
    pub(super) written: &'a str,
    pub(super) squeezed: &'a str,
}

impl Values {
    /// Adds a value to the row under way, when it has enough characters to mean something.
    pub(super) fn push(&mut self, kind: Kind, written: &str, chars_min: usize) {
        let written = trim(written);
        let start = self.text.len();
        self.text.push_str(written);
        let middle = self.text.len();
        squeeze_onto(written, &mut self.text);
        let compared = self.text.get(middle..).unwrap_or_default();
        if chars(compared) < chars_min {
            self.text.truncate(start);
            return;
        }
        let same = compared == written;
        let squeezed = if same { start } else { middle };
        if same {
            self.text.truncate(middle);
        }
        self.items.push(Item { kind, start, middle, squeezed, end: self.text.len() });
    }

    /// Ends the row under way.
    pub(super) fn end_row(&mut self) {
        self.rows.push(self.items.len());
    }

    /// Finished rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The values of a finished row, or of the one under way.
    pub(super) fn of(&self, row: usize) -> impl Iterator<Item = Value<'_>> {
        let from = row.checked_sub(1).and_then(|r| self.rows.get(r)).copied().unwrap_or(0);
        let to = self.rows.get(row).copied().unwrap_or(self.items.len());
        self.items.get(from..to).unwrap_or_default().iter().map(|i| Value {
            kind: i.kind,
            written: self.text.get(i.start..i.middle).unwrap_or_default(),
            squeezed: self.text.get(i.squeezed..i.end).unwrap_or_default(),
        })
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.items.clear();
        self.rows.clear();
    }
}

/// Reads output chunk by chunk before it is written.
pub(super) struct Verifier {
    kept: Vec<Kept>,
    today: Day,
    delimiter: u8,
    pub(super) found: u64,
    pub(super) samples: Vec<CellFinding>,
    squeezed: String,
    joined: String,
    grams: Grams,
}

impl Verifier {
    /// `kept` says which columns stay as they are.
    pub(super) fn new(kept: Vec<Kept>, today: Day, delimiter: u8) -> Self {
        let samples = Vec::new();
        Self {
            kept,
            today,
            delimiter,
            found: 0,
            samples,
            squeezed: String::new(),
            joined: String::new(),
            grams: Grams::default(),
        }
    }

    /// Reads whole records. `first` is the row of the first one; `values` has one entry each.
    pub(super) fn chunk(&mut self, bytes: &[u8], first: u64, values: &Values) -> Result<(), Error> {
        let mut reader = TableReader::utf8(bytes, self.delimiter)?;
        let mut row = 0;
        while let Some(record) = reader.read()? {
            if row < values.rows() && self.suspect(&record, row, values) {
                for (col, cell) in record.cells().enumerate() {
                    self.cell(first + row as u64, col, cell, values, row);
                }
            }
            row += 1;
        }
        if row != values.rows() {
            // Other rows than were meant: whatever that is, it is not released.
            return Err(Error::Write(std::io::Error::other("the output reads back differently")));
        }
        Ok(())
    }

    /// Whether anything in the row, all its cells taken together, is worth a closer look.
    fn suspect(&mut self, record: &Row<'_>, row: usize, values: &Values) -> bool {
        let mut joined = std::mem::take(&mut self.joined);
        joined.clear();
        for (col, cell) in record.cells().enumerate() {
            if cell.is_empty() || self.kept(col) == Kept::ByRule {
                continue;
            }
            squeeze_onto(cell, &mut joined);
            joined.push('\u{1f}');
        }
        self.grams.load(joined.as_bytes());
        let there = |v: Value<'_>| self.grams.may_hold(v.squeezed) && joined.contains(v.squeezed);
        let suspect = self.pattern(&joined).is_some() || values.of(row).any(there);
        self.joined = joined;
        suspect
    }

    fn kept(&self, col: usize) -> Kept {
        self.kept.get(col).copied().unwrap_or_default()
    }

    fn cell(&mut self, row: u64, col: usize, cell: &str, values: &Values, at: usize) {
        let kept = self.kept(col);
        if cell.is_empty() || kept == Kept::ByRule {
            return;
        }
        let mut squeezed = std::mem::take(&mut self.squeezed);
        squeeze(cell, &mut squeezed);
        let pattern = self.pattern(&squeezed).filter(|_| kept == Kept::Not);
        let still = values.of(at).find(|v| squeezed.contains(v.squeezed)).map(|v| v.kind);
        if let Some(kind) = still.or(pattern).filter(|k| is_person(*k)) {
            self.found += 1;
            if self.samples.len() < SAMPLES_MAX {
                let end = u32::try_from(cell.chars().count()).unwrap_or(u32::MAX);
                self.samples.push(CellFinding { row, col, kind, start: 0, end });
            }
        }
        self.squeezed = squeezed;
    }

    /// What carries its own proof, wherever it stands: ids and student numbers with their check
    /// digit, cards with issuer and Luhn, mobiles written +86, e-mail.
    fn pattern(&self, squeezed: &str) -> Option<Kind> {
        if memchr::memchr(b'@', squeezed.as_bytes()).is_some()
            && EMAIL.as_ref().is_some_and(|r| r.is_match(squeezed))
        {
            return Some(Kind::Email);
        }
        runs(squeezed.as_bytes()).find_map(|run| self.run(run))
    }

    fn run(&self, run: &[u8]) -> Option<Kind> {
        let run = match run {
            [b'g', rest @ ..] if rest.len() == 18 => rest,
            all => all,
        };
        let digits = run.iter().all(u8::is_ascii_digit);
        match run.len() {
            18 if id18(&run.to_ascii_uppercase(), self.today).is_some() => Some(Kind::CnId),
            13 if digits && run.starts_with(b"861") && mobile_range(run.get(2..)?) => {
                Some(Kind::CnPhone)
            }
            16 | 19 if run.starts_with(b"62") && card_prefix(run) == 2 && luhn(run) => {
                Some(Kind::BankCard)
            }
            _ => None,
        }
    }
}

/// Bytes of the shortest number that carries its own proof.
const RUN_BYTES_MIN: usize = 13;

/// The runs of letters and digits of at least [`RUN_BYTES_MIN`]. One byte in so many is looked at where
/// there is none.
fn runs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let part = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let probe = from + RUN_BYTES_MIN - 1;
            if probe >= text.len() {
                return None;
            }
            // Whatever run there is from here on does not begin before the last byte that is no part.
            match (from..=probe).rev().find(|at| !part(*at)) {
                Some(at) => from = at + 1,
                None => {
                    let end = (probe + 1..text.len()).find(|at| !part(*at)).unwrap_or(text.len());
                    let run = text.get(from..end);
                    from = end;
                    return run;
                }
            }
        }
    })
}

static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[a-z0-9][a-z0-9_%+-]*@[a-z0-9-]*[a-z0-9]").ok());

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(cell: &str, forbidden: &[(Kind, &str)]) -> u64 {
        let today = Day::new(2026, 11, 24).unwrap();
        let mut verifier = Verifier::new(vec![Kept::Not], today, b',');
        let line = format!("\"{}\"\n", cell.replace('"', "\"\""));
        let mut values = Values::default();
        for (kind, written) in forbidden {
            values.push(*kind, written, 1);
        }
        values.end_row();
        verifier.chunk(line.as_bytes(), 0, &values).unwrap();
        verifier.found
    }

    #[test]
    fn planted_persons_are_caught_without_column_or_word() {
        for cell in [
            "11010519491231002x",
            "１１０１０５１９４９１２３１００２Ｘ",
            "G11010519491231002X",
            "+86 138-0013-8000",
            "a.b@example.org",
        ] {
            assert_eq!(scan(cell, &[]), 1, "{cell}");
        }
        for cell in
            ["138******00", "z***@qq.com", "#abcdefghijklmnop", "2012", "滨湖区", "[80, 90)"]
        {
            assert_eq!(scan(cell, &[]), 0, "{cell}");
        }
    }

    #[test]
    fn a_value_of_the_input_is_caught_in_any_spelling() {
        let name = [(Kind::Name, "张三丰")];
        assert_eq!(scan("张 三丰今天缺勤", &name), 1);
        assert_eq!(scan("张**今天缺勤", &name), 0);
        let number = [(Kind::Qq, "87654321")];
        assert_eq!(scan("８７６-５４ ３２１", &number), 1);
        assert_eq!(scan("八七六五四三二一", &number), 1);
    }

    #[test]
    fn rows_that_read_back_differently_are_not_released() {
        let mut one = Values::default();
        one.end_row();
        let mut verifier = Verifier::new(vec![], Day::new(2026, 11, 24).unwrap(), b',');
        assert!(matches!(verifier.chunk(b"a\nb\n", 0, &one), Err(Error::Write(_))));
    }

    proptest! {
        #[test]
        fn no_long_run_is_stepped_over(text in "([a-z0-9]{0,30}[# 学]{0,3}){0,4}") {
            let all = text.as_bytes().split(|b| !b.is_ascii_alphanumeric());
            let wanted: Vec<&[u8]> = all.filter(|run| run.len() >= RUN_BYTES_MIN).collect();
            prop_assert_eq!(runs(text.as_bytes()).collect::<Vec<_>>(), wanted);
        }
    }
}
