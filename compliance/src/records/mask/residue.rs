//! The independent half of the second scan: the bytes as they will be released, parsed anew, held
//! against patterns that know nothing of columns or words, and against the values of the input.

use std::sync::LazyLock;

use regex::Regex;

use super::Kept;
use super::grams::Grams;
use super::second::{SAMPLES_MAX, is_person};
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
    squeezed: String,
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
        squeeze(written, &mut self.squeezed);
        if chars(&self.squeezed) < chars_min {
            return;
        }
        let start = self.text.len();
        self.text.push_str(written);
        let middle = self.text.len();
        let same = self.squeezed == written;
        let squeezed = if same { start } else { middle };
        if !same {
            self.text.push_str(&self.squeezed);
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

/// The form both sides are compared in: half width, lower case, Chinese numerals as digits;
/// invisible characters dropped, and blanks and separators after a digit or between Han.
pub(super) fn squeeze(text: &str, out: &mut String) {
    out.clear();
    squeeze_onto(text, out);
}

/// The same, onto the end of `out`.
fn squeeze_onto(text: &str, out: &mut String) {
    // The usual texts first.
    let all = text.bytes().fold(STAYS, |all, byte| all | WAYS[usize::from(byte)]);
    if all <= (STAYS | LOWERED) {
        let from = out.len();
        out.push_str(text);
        if all != STAYS {
            out.get_mut(from..).unwrap_or_default().make_ascii_lowercase();
        }
        return;
    }
    let mut joins = false;
    out.reserve(text.len());
    if text.is_ascii() {
        for b in text.bytes() {
            let blank = b.is_ascii_whitespace() || b == 0x0B;
            let separator = blank || matches!(b, b'-' | b'.' | b'(' | b')');
            if b == 0 || (separator && joins) {
                continue;
            }
            out.push(char::from(b.to_ascii_lowercase()));
            joins = b.is_ascii_digit();
        }
        return;
    }
    // What stays as it is, is copied piece by piece.
    let bytes = text.as_bytes();
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if WAYS[usize::from(byte)] == STAYS {
            joins = byte.is_ascii_digit();
            at += 1;
            continue;
        }
        if is_plain_han(bytes, at) {
            joins = true;
            at += 3;
            continue;
        }
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        out.push_str(text.get(copied..at).unwrap_or_default());
        at += c.len_utf8();
        copied = at;
        joins = squeeze_char(c, joins, out);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
}

/// A byte of ASCII that is written as it is, wherever it stands.
const STAYS: u8 = 0;
/// One that is written as a small letter, wherever it stands.
const LOWERED: u8 = 1;
/// Any other.
const OTHERWISE: u8 = 2;

/// What is done with each byte.
const WAYS: [u8; 256] = {
    let mut table = [OTHERWISE; 256];
    let mut at = 0;
    while at < 128 {
        let byte = at as u8;
        if byte.is_ascii_graphic() && !matches!(byte, b'-' | b'.' | b'(' | b')') {
            table[at] = if byte.is_ascii_uppercase() { LOWERED } else { STAYS };
        }
        at += 1;
    }
    table
};

/// Whether the bytes of a Han character that is no numeral begin here.
fn is_plain_han(bytes: &[u8], at: usize) -> bool {
    let Some([a @ 0xE4..=0xE9, b, c]) = bytes.get(at..at + 3) else { return false };
    let code = usize::from(a & 15) << 12 | usize::from(b & 63) << 6 | usize::from(c & 63);
    let place = code.wrapping_sub(HAN_FIRST);
    PLAIN_HAN.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
}

const HAN_FIRST: usize = 0x4E00;

/// A bit for each Han character: whether it is no numeral.
static PLAIN_HAN: [u64; 0x5200 / 64] = {
    let mut bits = [u64::MAX; 0x5200 / 64];
    let mut at = 0;
    while at < NUMERALS.len() {
        let place = NUMERALS[at].0 as usize - HAN_FIRST;
        bits[place / 64] &= !(1 << (place % 64));
        at += 1;
    }
    bits
};

/// Writes one character of a text; whether a separator behind it is dropped.
fn squeeze_char(c: char, joins: bool, out: &mut String) -> bool {
    if let Some(digit) = numeral(c) {
        out.push(digit);
        return true;
    }
    let c = match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '〇' => '0',
        _ => c,
    };
    let invisible = matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\0');
    let separator = matches!(c, '-' | '.' | '—' | '(' | ')' | '·') || c.is_whitespace();
    if invisible || (separator && joins) {
        return joins;
    }
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return c.is_ascii_digit();
    }
    out.extend(c.to_lowercase());
    c.is_alphabetic()
}

const NUMERALS: [(char, char); 11] = [
    ('零', '0'),
    ('一', '1'),
    ('幺', '1'),
    ('二', '2'),
    ('三', '3'),
    ('四', '4'),
    ('五', '5'),
    ('六', '6'),
    ('七', '7'),
    ('八', '8'),
    ('九', '9'),
];

fn numeral(c: char) -> Option<char> {
    NUMERALS.iter().find(|(han, _)| *han == c).map(|(_, digit)| *digit)
}

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
        /// The way for ASCII is the way for all: a Han character before it changes nothing.
        #[test]
        fn both_ways_of_squeezing_agree(text in "[ -~\t\u{b}\u{c}\r\n\u{0}]{0,40}") {
            let (mut short, mut long) = (String::new(), String::new());
            squeeze(&format!("x{text}"), &mut short);
            squeeze(&format!("学x{text}"), &mut long);
            prop_assert_eq!(Some(short.as_str()), long.strip_prefix('学'));
        }

        /// Copying in pieces is the same as writing character by character.
        #[test]
        fn pieces_and_characters_agree(
            text in "[a-zA-Z0-9张李三五〇零幺 .()\u{ff10}-\u{ff5a}\u{200b}\u{3000}·—é学\u{a000}\u{4dff}\u{0}-]{0,30}",
        ) {
            let mut wanted = String::new();
            let mut joins = false;
            for c in text.chars() {
                if ('\u{4E00}'..='\u{9FFF}').contains(&c) && numeral(c).is_none() {
                    wanted.push(c);
                    joins = true;
                } else {
                    joins = squeeze_char(c, joins, &mut wanted);
                }
            }
            let mut got = String::new();
            squeeze(&text, &mut got);
            if !text.is_ascii() {
                prop_assert_eq!(got, wanted);
            }
        }

        #[test]
        fn no_long_run_is_stepped_over(text in "([a-z0-9]{0,30}[# 学]{0,3}){0,4}") {
            let all = text.as_bytes().split(|b| !b.is_ascii_alphanumeric());
            let wanted: Vec<&[u8]> = all.filter(|run| run.len() >= RUN_BYTES_MIN).collect();
            prop_assert_eq!(runs(text.as_bytes()).collect::<Vec<_>>(), wanted);
        }

        #[test]
        fn separators_inside_a_number_change_nothing(
            digits in "[0-9]{2,19}",
            separator in "[ .\u{2014}\u{200b}\u{3000}-]",
            at in 1usize..19,
        ) {
            let at = at.min(digits.len() - 1);
            let spaced = format!("{}{separator}{}", &digits[..at], &digits[at..]);
            let mut out = String::new();
            squeeze(&spaced, &mut out);
            prop_assert_eq!(out, digits);
        }
    }
}
