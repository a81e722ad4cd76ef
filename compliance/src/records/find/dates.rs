//! Birth dates. A date is a birth date by its column or the words around it, never by itself.

use super::context::{self, Context};
use super::engine::{Candidate, Finder, Hint};
use super::kind::Kind;
use super::norm::{NUM0, Norm, TEN};
use super::validate::{self, Day};

/// A date in the plain form.
struct Written {
    start: usize,
    end: usize,
}

/// Proposes the birth dates of the cell.
pub(crate) fn find(finder: &mut Finder, hint: Hint) {
    let expected = hint.expect.has(Kind::BirthDate);
    if !expected && (hint.negative || hint.other) {
        return;
    }
    let Finder { today, norm, candidates, text, .. } = finder;
    let mut at = 0;
    while at < norm.len() {
        let fresh = !is_digit(norm.at(at)) || is_digit(norm.before(at));
        if fresh {
            at += 1;
            continue;
        }
        let Some(date) = written(norm, at, *today, expected) else {
            at += 1;
            continue;
        };
        let said = expected || birth_words(norm, &date, text);
        if said {
            let (start, end) = (date.start, date.end);
            candidates.push(Candidate { kind: Kind::BirthDate, start, end, score: 88 });
        }
        at = date.end.max(at + 1);
    }
}

fn birth_words(norm: &Norm, date: &Written, text: &mut String) -> bool {
    if context::before(norm, date.start, text) == Some(Context::Expect(Kind::BirthDate)) {
        return true;
    }
    // 「2012年3月5日出生」, 「2012-03-05生」
    let mut at = date.end;
    while norm.at(at) == b' ' {
        at += 1;
    }
    match norm.char(at) {
        '出' => norm.char(at + 1) == '生',
        '生' => !matches!(norm.char(at + 1), '效' | '成' | '产' | '病' | '活'),
        '诞' => true,
        _ => false,
    }
}

fn is_digit(class: u8) -> bool {
    class.is_ascii_digit() || (NUM0..=TEN).contains(&class)
}

/// A date that starts at `at`.
fn written(norm: &Norm, at: usize, today: Day, expected: bool) -> Option<Written> {
    let run = (at..norm.len()).take_while(|&i| is_digit(norm.at(i))).count();
    let left_ok = !norm.before(at).is_ascii_uppercase();
    if !left_ok {
        return None;
    }
    let fits = |day: Day| validate::plausible_birth(day, today).then_some(());
    if run == 8 {
        let digits: Vec<u8> = (at..at + 8).map(|i| digit(norm.at(i))).collect();
        fits(validate::day8(&digits)?)?;
        let right_ok = !norm.at(at + 8).is_ascii_alphanumeric();
        return right_ok.then_some(Written { start: at, end: at + 8 });
    }
    if (run == 4 || (run == 2 && expected))
        && let Some(date) = year_first(norm, at, run, expected, today)
    {
        return Some(date);
    }
    if !expected {
        return None;
    }
    if run <= 2 {
        return year_last(norm, at, today);
    }
    // A day number of a spreadsheet (1 is 1900-01-01, with its well-known extra day).
    if run == 5 && norm.len() <= at + 6 {
        let digits: Vec<u8> = (at..at + 5).map(|i| digit(norm.at(i))).collect();
        let serial = i64::from(validate::number(&digits)?);
        let base = Day::new(1899, 12, 30)?.ordinal();
        fits(Day::from_ordinal(base + serial)?)?;
        return Some(Written { start: at, end: at + 5 });
    }
    None
}

fn digit(class: u8) -> u8 {
    if class.is_ascii_digit() { class } else { b'0' + (class.saturating_sub(NUM0)).min(9) }
}

/// A number of up to two places, in ASCII or Chinese numerals (十二, 三十一).
fn small(norm: &Norm, at: usize) -> Option<(u8, usize)> {
    let len = (at..norm.len()).take_while(|&i| is_digit(norm.at(i))).count();
    let value = |i: usize| digit(norm.at(i)) - b'0';
    let ten = |i: usize| norm.at(i) == TEN;
    let n = match len {
        1 if ten(at) => 10,
        1 => value(at),
        2 if ten(at) => 10 + value(at + 1),
        2 if ten(at + 1) => value(at) * 10,
        2 => value(at) * 10 + value(at + 1),
        3 if ten(at + 1) => value(at) * 10 + value(at + 2),
        _ => return None,
    };
    Some((n, at + len))
}

/// One separator of a date, blanks around it; `unit` is its Chinese word.
fn separator(norm: &Norm, mut at: usize, unit: char) -> Option<usize> {
    let from = at;
    while norm.at(at) == b' ' || norm.at(at) == b'\n' {
        at += 1;
    }
    if matches!(norm.at(at), b'-' | b'/' | b'.' | b'_' | b'~') || norm.char(at) == unit {
        at += 1;
        while norm.at(at) == b' ' || norm.at(at) == b'\n' {
            at += 1;
        }
        return Some(at);
    }
    (at > from).then_some(at)
}

fn year_first(norm: &Norm, at: usize, run: usize, expected: bool, today: Day) -> Option<Written> {
    let digits: Vec<u8> = (at..at + run).map(|i| digit(norm.at(i))).collect();
    let mut year = u16::try_from(validate::number(&digits)?).ok()?;
    if run == 2 {
        year += if year <= today.year % 100 { 2000 } else { 1900 };
    }
    let next = separator(norm, at + run, '年')?;
    let (month, end) = small(norm, next)?;
    let whole = separator(norm, end, '月').and_then(|next| {
        let (day, end) = small(norm, next)?;
        let day = Day::new(year, month, day)?;
        if !validate::plausible_birth(day, today) || norm.at(end).is_ascii_alphabetic() {
            return None;
        }
        Some(Written { start: at, end: midnight(norm, day_word(norm, end)) })
    });
    if whole.is_some() {
        return whole;
    }
    // Year and month only, as in 出生年月.
    let unit = norm.char(end) == '月';
    let alone = norm.len() == end || !is_digit(norm.at(end)) && norm.at(end) != b'-';
    let day = Day::new(year, month, 1)?;
    let right = run == 4 && validate::plausible_birth(day, today) && (unit || (expected && alone));
    right.then_some(Written { start: at, end: if unit { end + 1 } else { end } })
}

/// Past the word for day, a blank before it or not.
fn day_word(norm: &Norm, end: usize) -> usize {
    let at = end + usize::from(norm.at(end) == b' ');
    if matches!(norm.char(at), '日' | '号') { at + 1 } else { end }
}

/// Past the midnight that databases write behind a day.
fn midnight(norm: &Norm, end: usize) -> usize {
    const FORMS: [&[u8]; 4] = [b" 00:00:00", b"T00:00:00", b" 0:00:00", b" 0:00"];
    let form = FORMS.iter().find(|f| norm.b.get(end..end + f.len()) == Some(**f));
    form.filter(|f| !norm.at(end + f.len()).is_ascii_alphanumeric()).map_or(end, |f| end + f.len())
}

/// 5/3/2012 and 05-03-2012, in either order of day and month.
fn year_last(norm: &Norm, at: usize, today: Day) -> Option<Written> {
    let (a, end) = small(norm, at)?;
    let next = separator(norm, end, '/')?;
    let (b, end) = small(norm, next)?;
    let next = separator(norm, end, '/')?;
    let run = (next..norm.len()).take_while(|&i| norm.at(i).is_ascii_digit()).count();
    if run != 4 {
        return None;
    }
    let year = u16::try_from(validate::number(norm.b.get(next..next + 4)?)?).ok()?;
    let day = Day::new(year, a, b).or_else(|| Day::new(year, b, a))?;
    validate::plausible_birth(day, today).then_some(Written { start: at, end: next + 4 })
}
