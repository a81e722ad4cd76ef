//! The finder: one cell in, its findings out.
//!
//! Each detector proposes candidates with a score made of evidence (check digits, form, the words
//! before, the column); the best ones that do not overlap are kept.

use super::address;
use super::codes;
use super::dates;
use super::digits;
use super::kind::{Kind, KindSet};
use super::memo::Memo;
use super::name;
use super::norm::{Norm, chars};
use super::quick;
use super::validate::Day;
use crate::records::limits::CELL_FINDINGS_MAX;

/// The score from which a candidate is a finding.
pub(crate) const ACCEPT: i32 = 50;

/// What is known of the column before a cell is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hint {
    /// Types the header, or most values, say stand here.
    pub(crate) expect: KindSet,
    /// The header names something that is nobody's: orders, serials, times.
    pub(crate) negative: bool,
    /// The header names an element that is known and of no type (a class, a score).
    pub(crate) other: bool,
}

impl Hint {
    /// What the column adds to the score of a type.
    pub(crate) fn weight(self, kind: Kind) -> i32 {
        if self.expect.has(kind) {
            return 25;
        }
        let checked = matches!(
            kind,
            Kind::CnId | Kind::StudentNo | Kind::Email | Kind::Uscc | Kind::Address | Kind::Mac
        );
        match (self.negative, checked) {
            (true, true) => -15,
            (true, false) => -45,
            _ if self.other && !checked => -15,
            _ if !self.expect.is_empty() && !checked => -5,
            _ => 0,
        }
    }
}

/// A proposal of a detector, over the plain form of the cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) score: i32,
}

/// A finding in a cell: character offsets, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Whether it is the whole cell but for blanks and quotes.
    pub(crate) whole: bool,
}

/// Buffers for looking at cells, kept from one to the next.
pub(crate) struct Finder {
    pub(crate) today: Day,
    pub(crate) norm: Norm,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) text: String,
    pub(crate) atoms: Vec<digits::Atom>,
    findings: Vec<Finding>,
    memo: Memo,
    /// The digits of the day in a cell that was plain to see, whose plain form was not made.
    day: Option<[u8; 8]>,
}

impl Finder {
    pub(crate) fn new(today: Day) -> Self {
        Self {
            today,
            norm: Norm::default(),
            candidates: Vec::new(),
            text: String::new(),
            atoms: Vec::new(),
            findings: Vec::new(),
            memo: Memo::default(),
            day: None,
        }
    }

    /// The findings of a cell, in order of their place.
    pub(crate) fn find(&mut self, cell: &str, hint: Hint) -> &[Finding] {
        match quick::kind_of(cell, hint, self.today) {
            Some(kind) => self.whole(kind, cell),
            None => self.scan(cell, hint),
        }
    }

    /// The same for a cell of a column, whose cells may repeat.
    pub(crate) fn find_in(&mut self, column: usize, cell: &str, hint: Hint) -> &[Finding] {
        if cell.is_empty() {
            self.findings.clear();
            return &self.findings;
        }
        if let Some(kind) = quick::kind_of(cell, hint, self.today) {
            return self.whole(kind, cell);
        }
        if let Some(found) = self.memo.get(column, cell, hint) {
            // The borrow of what is kept cannot outlive this branch: copy the few findings.
            self.findings.clear();
            self.findings.extend_from_slice(found);
            return &self.findings;
        }
        self.scan(cell, hint);
        self.memo.put(column, cell, &self.findings);
        &self.findings
    }

    /// What was found in the cell looked at last.
    pub(crate) fn found(&self) -> &[Finding] {
        &self.findings
    }

    /// The day of birth that the cell looked at last tells as a whole, which was found to be of this
    /// kind: year, month and day in eight digits.
    pub(crate) fn birth(&self, kind: Kind) -> Option<[u8; 8]> {
        match kind {
            Kind::CnId | Kind::StudentNo => self.day.or_else(|| self.norm.id_birth()),
            Kind::BirthDate => {
                self.day.or_else(|| <[u8; 8]>::try_from(self.norm.day()?.as_bytes()).ok())
            }
            _ => None,
        }
    }

    /// As if nothing had been looked at.
    pub(crate) fn forget(&mut self) {
        self.findings.clear();
    }

    /// One finding that is all of the cell, which is of plain characters.
    fn whole(&mut self, kind: Kind, cell: &str) -> &[Finding] {
        self.day = quick::day_of(kind, cell);
        self.findings.clear();
        // Of what is plain to see, only names are not of ASCII.
        let end = if kind == Kind::Name { chars(cell) } else { cell.len() };
        let end = u32::try_from(end).unwrap_or(u32::MAX);
        self.findings.push(Finding { kind, start: 0, end, whole: true });
        &self.findings
    }

    /// The findings of a cell by all detectors.
    pub(crate) fn scan(&mut self, cell: &str, hint: Hint) -> &[Finding] {
        self.scan_by(cell, hint, Screen::of(cell, hint))
    }

    fn scan_by(&mut self, cell: &str, hint: Hint, screen: Option<Screen>) -> &[Finding] {
        self.findings.clear();
        self.day = None;
        if let Some(screen) = screen {
            self.norm.load(cell);
            self.candidates.clear();
            // A cell that is an address as a whole names nobody.
            let home = if screen.han { address::find(self, hint) } else { None };
            if home >= Some(HOME_SCORE) && self.norm.numerals() <= HOME_DIGITS_MAX {
                self.resolve();
                return &self.findings;
            }
            if screen.numbers {
                digits::find(self, hint);
            }
            if screen.dates {
                dates::find(self, hint);
            }
            if screen.codes {
                codes::find(self, hint, screen.at_sign);
            }
            if home.is_none() && (screen.han || hint.expect.has(Kind::Name)) {
                name::find(self, hint);
            }
            self.resolve();
        }
        &self.findings
    }

    /// Keeps the best candidates that do not overlap.
    fn resolve(&mut self) {
        self.candidates.retain(|c| c.score >= ACCEPT && c.start < c.end);
        self.candidates
            .sort_by(|a, b| b.score.cmp(&a.score).then((b.end - b.start).cmp(&(a.end - a.start))));
        let (first, last) = self.edges();
        for c in &self.candidates {
            let (start, end) = self.norm.span(c.start, c.end);
            let clear = self.findings.iter().all(|f| end <= f.start || f.end <= start);
            if clear && self.findings.len() < CELL_FINDINGS_MAX {
                let whole = c.start <= first && c.end >= last;
                self.findings.push(Finding { kind: c.kind, start, end, whole });
            }
        }
        self.findings.sort_by_key(|f| f.start);
    }

    /// The plain form's extent without blanks, quotes and a final stop.
    fn edges(&self) -> (usize, usize) {
        let blank = |c: u8| matches!(c, b' ' | b'\n' | b'\'' | b'"' | b'`' | b'=' | b'(' | b')');
        let first = self.norm.b.iter().position(|&c| !blank(c)).unwrap_or(0);
        let last = self.norm.b.iter().rposition(|&c| !blank(c)).map_or(0, |i| i + 1);
        (first, last)
    }
}

/// The cheap look at the bytes of a cell that spares most cells the rest.
#[derive(Clone, Copy)]
struct Screen {
    numbers: bool,
    dates: bool,
    codes: bool,
    at_sign: bool,
    han: bool,
}

/// From this score, an address that is the whole of a cell outscores all that can stand inside it
/// of so few digits: ids and cards need 13, and what needs fewer has less, its context included.
const HOME_SCORE: i32 = 109;
const HOME_DIGITS_MAX: usize = 12;

impl Screen {
    fn of(cell: &str, hint: Hint) -> Option<Self> {
        let Sorts { digits, letters, pairs, at_sign, wide } = Sorts::of(cell.as_bytes());
        // Any letter of Latin script can be a digit's look-alike, but not without some digits.
        let number = digits >= 4 || wide;
        let codes = at_sign
            || pairs >= 2
            || wide
            || (pairs > 0 && letters > 4)
            || (digits >= 4 && (letters > 0 || digits >= 5))
            || (letters + digits > 4 && hint.expect.has(Kind::Wechat));
        let name = hint.expect.has(Kind::Name) && letters > 1;
        // No number is shorter than five; a date that no column expects stands beside a word; digits
        // alone are a code by their check, as a credit code, or by their column.
        let bare = digits == cell.len();
        let screen = Self {
            numbers: wide || (digits >= 4 && digits + letters >= 5),
            dates: number && (wide || letters >= 3 || hint.expect.has(Kind::BirthDate)),
            codes: codes && (!bare || digits == 18 || hint.expect.has(Kind::Wechat)),
            at_sign: at_sign || wide,
            han: wide,
        };
        (screen.numbers || screen.dates || screen.codes || name).then_some(screen)
    }
}

/// How many bytes of each sort a cell has.
struct Sorts {
    digits: usize,
    letters: usize,
    /// Colons and dashes.
    pairs: usize,
    at_sign: bool,
    wide: bool,
}

impl Sorts {
    fn of(cell: &[u8]) -> Self {
        let mut sums = [0; 4];
        // The sums of so few bytes do not run over into each other.
        for piece in cell.chunks(usize::from(u16::MAX)) {
            let all = piece.iter().fold(0, |all, byte| all + SORTS[usize::from(*byte)]);
            for (place, sum) in sums.iter_mut().enumerate() {
                *sum += (all >> (16 * place)) as usize & 0xFFFF;
            }
        }
        let [digits, letters, pairs, at_signs] = sums;
        Self { digits, letters, pairs, at_sign: at_signs > 0, wide: !cell.is_ascii() }
    }
}

/// One in the place of a byte's sort.
const SORTS: [u64; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 128 {
        table[at] = match at as u8 {
            b'0'..=b'9' => 1,
            b'a'..=b'z' | b'A'..=b'Z' => 1 << 16,
            b':' | b'-' => 1 << 32,
            b'@' => 1 << 48,
            _ => 0,
        };
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::kind::KindSet;
    use super::*;

    proptest! {
        /// What the screen spares a cell would have found nothing in it.
        #[test]
        fn the_screen_hides_nothing(
            cell in "[0-9]{0,20}|[0-9OILXG*. :@-]{0,24}|[a-zA-Z0-9*./ :_-]{0,24}|(QQ|DOB|born )?[0-9-]{3,18}",
            kind in 0usize..=Kind::ALL.len(), negative: bool, other: bool,
        ) {
            let expect = Kind::ALL.get(kind).map_or(KindSet::default(), |k| KindSet::default().with(*k));
            let hint = Hint { expect, negative, other };
            let today = Day { year: 2026, month: 11, day: 24 };
            let all = Sorts::of(cell.as_bytes());
            let letters = cell.bytes().filter(u8::is_ascii_alphabetic).count();
            prop_assert_eq!((all.letters, all.at_sign), (letters, cell.contains('@')));
            let screened = Finder::new(today).scan(&cell, hint).to_vec();
            // The broad strokes alone.
            let Sorts { digits, letters, pairs, at_sign, .. } = all;
            let numbers = digits >= 4;
            let codes = at_sign || pairs >= 2 || (pairs > 0 && letters > 4)
                || (numbers && letters + digits > 4)
                || (letters + digits > 4 && hint.expect.has(Kind::Wechat));
            let worth = numbers || codes || (hint.expect.has(Kind::Name) && letters > 1);
            let every = Screen { numbers, dates: numbers, codes, at_sign, han: false };
            let mut finder = Finder::new(today);
            let every = finder.scan_by(&cell, hint, worth.then_some(every));
            prop_assert_eq!(screened, every);
        }
    }

    #[test]
    fn an_address_column_still_tells_what_else_stands_in_a_cell() {
        let mut finder = Finder::new(Day { year: 2026, month: 11, day: 24 });
        let hint = Hint { expect: KindSet::default().with(Kind::Address), ..Hint::default() };
        let home = "浙江省杭州市西湖区文三路12号3幢201室";
        let kinds = |f: &[Finding]| f.iter().map(|f| f.kind).collect::<Vec<_>>();
        assert_eq!(kinds(finder.find(home, hint)), [Kind::Address]);
        assert!(finder.find(home, hint)[0].whole);
        let both = format!("{home}，电话13800138000");
        assert_eq!(kinds(finder.find(&both, hint)), [Kind::Address, Kind::CnPhone]);
        let id = "浙江省杭州市西湖区身份证11010519491231002X文三路12号";
        assert!(kinds(finder.find(id, hint)).contains(&Kind::CnId));
    }
}
