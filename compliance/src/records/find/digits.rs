//! Numbers: identity numbers, student numbers, telephones, bank cards, school codes, QQ.
//!
//! A cell is cut into atoms (runs of digits, of digits and their look-alikes, of Chinese
//! numerals); neighbouring atoms with only separators between them are joined, and each joining
//! of a length that means something is validated.

use super::context::{self, Context};
use super::engine::{Candidate, Finder, Hint};
use super::kind::Kind;
use super::norm::{NUM0, Norm, is_letter};
use super::validate::{self, Day};

/// Digits in the longest number looked at: 0086 and an id, or a card.
const DIGITS_MAX: usize = 19;

/// A run of digits in the plain form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Atom {
    start: usize,
    end: usize,
    /// Letters read as digits (O, I, L).
    weak: u8,
    /// Ends with the check character X.
    x: bool,
    /// The letter G, J or L before it, and where.
    prefix: Option<(u8, usize)>,
}

/// Proposes the numbers of the cell.
pub(crate) fn find(finder: &mut Finder, hint: Hint) {
    cut(&finder.norm, &mut finder.atoms);
    let Finder { today, norm, candidates, text, atoms, .. } = finder;
    for i in 0..atoms.len() {
        let mut number = Number::default();
        for j in i..atoms.len() {
            let atom = atoms[j];
            if j > i && (!joinable(norm, atoms[j - 1].end, atom.start) || number.x) {
                break;
            }
            if !number.push(norm, atom) {
                break;
            }
            if number.len < 5 {
                continue;
            }
            number.start = atoms[i].start;
            number.end = atom.end;
            number.joined = j > i;
            number.prefix = prefix_of(norm, atoms, i);
            number.first_len = atoms[i].end - atoms[i].start;
            let mut judge =
                Judge { norm, hint, today: *today, text, context: None, out: candidates };
            judge.number(&number);
        }
    }
}

/// A number under examination: its digits and how they are written.
#[derive(Default)]
struct Number {
    digits: [u8; DIGITS_MAX],
    len: usize,
    start: usize,
    end: usize,
    weak: u8,
    x: bool,
    joined: bool,
    first_len: usize,
    prefix: Option<(u8, usize)>,
}

impl Number {
    fn push(&mut self, norm: &Norm, atom: Atom) -> bool {
        for i in atom.start..atom.end {
            let class = norm.at(i);
            let digit = match class {
                b'0'..=b'9' | b'X' => class,
                b'O' => b'0',
                b'I' | b'L' => b'1',
                _ => b'0' + (class - NUM0).min(9),
            };
            let Some(place) = self.digits.get_mut(self.len) else { return false };
            *place = digit;
            self.len += 1;
        }
        self.weak += atom.weak;
        self.x = atom.x;
        true
    }

    fn get(&self) -> &[u8] {
        self.digits.get(..self.len).unwrap_or_default()
    }
}

/// Whether only a few separators stand between two atoms.
fn joinable(norm: &Norm, from: usize, to: usize) -> bool {
    to - from <= 3
        && (from..to).all(|i| matches!(norm.at(i), b' ' | b'-' | b'.' | b'\n' | b'(' | b')' | b'_'))
}

/// The student-number letter before atom `i`: glued to it, or alone with blanks between.
fn prefix_of(norm: &Norm, atoms: &[Atom], i: usize) -> Option<(u8, usize)> {
    let atom = atoms.get(i)?;
    if atom.prefix.is_some() {
        return atom.prefix;
    }
    let mut at = atom.start;
    while at > 0 && atom.start - at < 3 && matches!(norm.at(at - 1), b' ' | b'-' | b'.' | b'\n') {
        at -= 1;
    }
    let letter = norm.before(at);
    let alone = at > 0 && !is_word(norm.before(at - 1)) && at < atom.start;
    (alone && matches!(letter, b'G' | b'J' | b'L')).then(|| (letter, at - 1))
}

fn is_word(class: u8) -> bool {
    class.is_ascii_digit() || is_letter(class) || class == b'_'
}

fn is_numeral(class: u8) -> bool {
    (NUM0..NUM0 + 10).contains(&class)
}

/// Cuts the cell into atoms.
fn cut(norm: &Norm, atoms: &mut Vec<Atom>) {
    atoms.clear();
    let mut at = 0;
    while at < norm.len() {
        if !(norm.at(at).is_ascii_alphanumeric() || is_numeral(norm.at(at))) {
            at += 1;
            continue;
        }
        let start = at;
        let (mut digits, mut numerals, mut alike, mut letters) = (0usize, 0usize, 0u8, 0usize);
        while norm.at(at).is_ascii_alphanumeric() || is_numeral(norm.at(at)) {
            match norm.at(at) {
                b'0'..=b'9' => digits += 1,
                b'O' | b'I' | b'L' => alike = alike.saturating_add(1),
                class if is_numeral(class) => numerals += 1,
                _ => letters += 1,
            }
            at += 1;
        }
        token(norm, start, at, (digits, numerals, alike, letters), atoms);
    }
}

fn token(
    norm: &Norm,
    start: usize,
    end: usize,
    (digits, numerals, alike, letters): (usize, usize, u8, usize),
    atoms: &mut Vec<Atom>,
) {
    let plain = Atom { start, end, weak: 0, x: false, prefix: None };
    if digits + numerals == 0 {
        // The check character of an id, cut off from its digits.
        if end - start == 1 && norm.at(start) == b'X' && !atoms.is_empty() {
            atoms.push(Atom { x: true, ..plain });
        }
        return;
    }
    let alike_n = usize::from(alike);
    if letters == 0 && alike == 0 {
        if numerals == 0 || (digits == 0 && numerals >= 2) || (numerals >= 2 && end - start >= 10) {
            atoms.push(plain);
        } else {
            runs(norm, start, end, atoms);
        }
        return;
    }
    let first = norm.at(start);
    let x = norm.at(end - 1) == b'X' && end - start > 1;
    let body = digits + numerals + alike_n;
    let others = letters - usize::from(x);
    if others == 0 && (numerals * 2 <= body || digits == 0) && digits + numerals >= alike_n {
        if x || alike > 0 {
            atoms.push(Atom { weak: alike, x, ..plain });
        }
        return;
    }
    if others == 1 && matches!(first, b'G' | b'J') && digits >= alike_n {
        let prefix = Some((first, start));
        atoms.push(Atom { start: start + 1, weak: alike, x, prefix, ..plain });
        return;
    }
    // Numbers written without a blank after QQ, TEL and the like.
    if words_only(norm, start, end) {
        runs(norm, start, end, atoms);
    }
}

/// Whether all letters of the token belong to words that announce a number.
fn words_only(norm: &Norm, start: usize, end: usize) -> bool {
    const WORDS: &[&[u8]] = &[
        b"QQ", b"Q", b"TEL", b"PHONE", b"MOBILE", b"MOB", b"ID", b"WX", b"VX", b"V", b"CARD", b"OR",
    ];
    let mut at = start;
    while at < end {
        if !is_letter(norm.at(at)) {
            at += 1;
            continue;
        }
        let from = at;
        while at < end && is_letter(norm.at(at)) {
            at += 1;
        }
        if !norm.b.get(from..at).is_some_and(|word| WORDS.contains(&word)) {
            return false;
        }
    }
    true
}

/// The runs of ASCII digits inside a token.
fn runs(norm: &Norm, start: usize, end: usize, atoms: &mut Vec<Atom>) {
    let mut at = start;
    while at < end {
        if !norm.at(at).is_ascii_digit() {
            at += 1;
            continue;
        }
        let from = at;
        while at < end && norm.at(at).is_ascii_digit() {
            at += 1;
        }
        atoms.push(Atom { start: from, end: at, weak: 0, x: false, prefix: None });
    }
}

/// Weighs one number.
struct Judge<'a> {
    norm: &'a Norm,
    hint: Hint,
    today: Day,
    text: &'a mut String,
    context: Option<Option<Context>>,
    out: &'a mut Vec<Candidate>,
}

impl Judge<'_> {
    fn number(&mut self, n: &Number) {
        let d = n.get();
        if n.x && d.len() != 18 {
            return;
        }
        // L as the letter of a temporary number, not as a look-alike of 1.
        if d.len() == 19 && self.norm.at(n.start) == b'L' {
            if d.get(1..).is_some_and(|d| self.student(d, b'L')) {
                let penalty = i32::from(n.joined) * 3;
                self.offer(Kind::StudentNo, n.start, n.end, 97 - penalty);
            }
            return;
        }
        let penalty = i32::from(n.joined) * 3 + i32::from(n.weak.min(4)) * 3;
        if d.len() == 18 {
            if let Some(prefix) = n.prefix {
                if self.student(d, prefix.0) {
                    self.offer(Kind::StudentNo, prefix.1, n.end, 97 - penalty);
                }
                // G before a number that is no id is a number that failed its check.
                return;
            }
            if validate::id18(d, self.today).is_some() {
                self.offer(Kind::CnId, n.start, n.end, 95 - penalty);
                return;
            }
        }
        if n.prefix.is_some_and(|p| p.1 + 1 == n.start) {
            return;
        }
        let attached = self.attached(n);
        let penalty = penalty + if attached { 40 } else { 0 };
        match d.len() {
            15 => self.id15(d, n, penalty),
            7..=8 => self.local_line(d, n, penalty),
            10 if !n.joined => self.school(d, n, penalty),
            _ => {}
        }
        if (11..=16).contains(&d.len()) {
            self.mobile(d, n, penalty);
        }
        if (10..=14).contains(&d.len()) {
            self.landline(d, n, penalty);
        }
        if (13..=19).contains(&d.len()) {
            self.card(d, n, penalty);
        }
        if (5..=11).contains(&d.len()) && !n.joined && n.weak == 0 {
            self.qq(d, n, penalty);
        }
    }

    fn student(&self, d: &[u8], letter: u8) -> bool {
        match letter {
            b'G' => validate::id18(d, self.today).is_some(),
            _ => {
                validate::region(d)
                    && d.get(6..14)
                        .and_then(validate::day8)
                        .is_some_and(|day| validate::plausible_birth(day, self.today))
            }
        }
    }

    fn id15(&mut self, d: &[u8], n: &Number, penalty: i32) {
        if validate::id15(d, self.today).is_none() {
            return;
        }
        // One IMEI in three hundred has this form too, and all of them satisfy Luhn.
        let base = if validate::luhn(d) { 46 } else { 66 };
        self.offer(Kind::CnId15, n.start, n.end, base - penalty);
    }

    fn mobile(&mut self, d: &[u8], n: &Number, penalty: i32) {
        let own = match (d, d.len()) {
            (_, 11) => d,
            ([b'8', b'6', rest @ ..], 13) => rest,
            ([b'0', rest @ ..], 12) => rest,
            ([b'0', b'8', b'6', rest @ ..], 14) | ([b'8', b'6', b'0', rest @ ..], 14) => rest,
            ([b'0', b'0', b'8', b'6', rest @ ..], 15) => rest,
            _ => return,
        };
        if !matches!(own, [b'1', b'3'..=b'9', ..]) {
            return;
        }
        // Joined digits are a phone when the country code or three digits stand first.
        if n.joined && n.first_len > 4 && d.len() == 11 && n.first_len != 7 && n.first_len != 5 {
            return;
        }
        if n.joined && n.first_len < 3 && d.len() == 11 {
            return;
        }
        let base = if validate::mobile_range(own) { 82 } else { 62 };
        // With its country code it is one number, not a code and a number.
        let base = base + if d.len() > 11 { 12 } else { 0 };
        let start = if self.norm.before(n.start) == b'+' { n.start - 1 } else { n.start };
        let start = self.open_parenthesis(start, n.end);
        self.offer(Kind::CnPhone, start, n.end, base - penalty - i32::from(n.weak > 2) * 10);
    }

    /// Takes in an opening parenthesis that is closed inside the number.
    fn open_parenthesis(&self, start: usize, end: usize) -> usize {
        let closed = (start..end).any(|i| self.norm.at(i) == b')');
        if closed && self.norm.before(start) == b'(' { start - 1 } else { start }
    }

    fn landline(&mut self, d: &[u8], n: &Number, penalty: i32) {
        let foreign = d.strip_prefix(b"0086").or_else(|| {
            d.strip_prefix(b"86").filter(|_| self.norm.before(n.start) == b'+' || n.first_len == 2)
        });
        let mut buffer = [b'0'; DIGITS_MAX + 1];
        let national = match foreign {
            Some(rest) if rest.first() != Some(&b'0') => {
                let Some(place) = buffer.get_mut(1..=rest.len()) else { return };
                place.copy_from_slice(rest);
                buffer.get(..=rest.len()).unwrap_or_default()
            }
            Some(rest) => rest,
            None => d,
        };
        let Some(area) = validate::area_code(national) else { return };
        let own = national.get(area..).unwrap_or_default();
        let length_ok = own.len() == 8 || (own.len() == 7 && area == 4);
        if !length_ok || !matches!(own.first(), Some(b'2'..=b'8')) || n.weak > 2 {
            return;
        }
        // Joined, it must be cut after the area code, or after the country code.
        if n.joined && foreign.is_none() && n.first_len != area {
            return;
        }
        let base = if n.joined { 84 } else { 68 };
        let start = if self.norm.before(n.start) == b'+' { n.start - 1 } else { n.start };
        let start = self.open_parenthesis(start, n.end);
        let end = self.extension(n.end);
        self.offer(Kind::Landline, start, end, base - if end > n.end { 3 } else { penalty });
    }

    /// The end of an extension after a fixed-line number: -801, 转801.
    fn extension(&self, end: usize) -> usize {
        let mut at = end;
        match self.norm.at(at) {
            b'-' => at += 1,
            _ if self.norm.char(at) == '转' => at += 1,
            b' ' if self.norm.char(at + 1) == '转' => at += 2,
            _ => return end,
        }
        let from = at;
        while self.norm.at(at).is_ascii_digit() {
            at += 1;
        }
        if (1..=5).contains(&(at - from)) && !is_word(self.norm.at(at)) { at } else { end }
    }

    fn local_line(&mut self, d: &[u8], n: &Number, penalty: i32) {
        if matches!(d.first(), Some(b'2'..=b'8')) && n.weak == 0 {
            let said = match self.context(n) {
                Some(Context::Expect(Kind::Landline)) => 70,
                Some(Context::AnyPhone) => 58,
                _ if self.hint.expect.has(Kind::Landline) => 45,
                _ => return,
            };
            let end = self.extension(n.end);
            self.push(
                Kind::Landline,
                n.start,
                end,
                said - penalty + self.hint.weight(Kind::Landline),
            );
        }
    }

    fn card(&mut self, d: &[u8], n: &Number, penalty: i32) {
        if !validate::luhn(d) || n.weak > 2 {
            return;
        }
        let said = self.hint.expect.has(Kind::BankCard)
            || self.context(n) == Some(Context::Expect(Kind::BankCard));
        let base = match (validate::card_prefix(d), d.len(), said) {
            (2, 16.., _) => 90,
            (1, 16.., true) => 58,
            (1, 16.., _) => 40,
            (_, 13.., true) => 45,
            _ => return,
        };
        // Groups of four are how cards are written.
        let grouped = n.joined && n.first_len == 4 && d.len() >= 16;
        self.offer(Kind::BankCard, n.start, n.end, base - penalty + if grouped { 15 } else { 0 });
    }

    fn school(&mut self, d: &[u8], n: &Number, penalty: i32) {
        if n.weak == 0 && validate::school_code(d) {
            self.offer(Kind::SchoolCode, n.start, n.end, 44 - penalty);
        }
    }

    fn qq(&mut self, d: &[u8], n: &Number, penalty: i32) {
        if d.first() == Some(&b'0') {
            return;
        }
        let said = self.context(n) == Some(Context::Expect(Kind::Qq));
        if said {
            self.push(Kind::Qq, n.start, n.end, 88 - penalty);
        } else if self.hint.expect.has(Kind::Qq) {
            let base = if d.len() == 11 && d.first() == Some(&b'1') { 70 } else { 84 };
            self.push(Kind::Qq, n.start, n.end, base - penalty);
        }
    }

    /// Whether the number is a piece of a longer code: letters or digits beyond `-`, `_` or `.`.
    fn attached(&mut self, n: &Number) -> bool {
        let glue = |c: u8| matches!(c, b'-' | b'_' | b'.' | b'#');
        let left =
            glue(self.norm.before(n.start)) && n.start >= 2 && is_word(self.norm.at(n.start - 2));
        let right = glue(self.norm.at(n.end)) && is_word(self.norm.at(n.end + 1));
        let left = left && !matches!(self.context(n), Some(Context::Expect(_) | Context::AnyPhone));
        // After the number, digits of an extension or of another number are no code.
        let after = self.norm.at(n.end);
        let right = right && (is_letter(self.norm.at(n.end + 1)) || after == b'.' || after == b'_');
        left || right
    }

    fn context(&mut self, n: &Number) -> Option<Context> {
        let start = n.prefix.map_or(n.start, |p| p.1);
        *self.context.get_or_insert_with(|| context::before(self.norm, start, self.text))
    }

    fn offer(&mut self, kind: Kind, start: usize, end: usize, score: i32) {
        let context =
            *self.context.get_or_insert_with(|| context::before(self.norm, start, self.text));
        let score = score + self.hint.weight(kind) + context::weight(context, kind);
        self.push(kind, start, end, score);
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize, score: i32) {
        self.out.push(Candidate { kind, start, end, score });
    }
}
