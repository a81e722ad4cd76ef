//! Names of persons: by their column, by the words around them, by surname and given name.

mod words;

use std::collections::HashSet;
use std::sync::LazyLock;

use super::engine::{Candidate, Finder, Hint};
use super::kind::Kind;
use super::norm::{Norm, PUNCT, is_han};
use words::{AFTER, BEFORE, COMPOUND, GIVEN, NOT_NAMES, SURNAMES};

static SURNAME_SET: LazyLock<HashSet<char>> = LazyLock::new(|| SURNAMES.chars().collect());
static GIVEN_SET: LazyLock<HashSet<char>> = LazyLock::new(|| GIVEN.chars().collect());
static NOT_NAME_SET: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| NOT_NAMES.iter().copied().collect());

/// Whether the characters can be a name, and how sure: 0 no, 1 surname fits, 2 given name too.
pub(crate) fn plausible(chars: &[char]) -> u8 {
    if !(2..=4).contains(&chars.len()) {
        return 0;
    }
    let word: String = chars.iter().collect();
    let head: String = chars.iter().take(2).collect();
    let given_usual = chars.iter().skip(1).all(|c| GIVEN_SET.contains(c)) && chars.len() == 3;
    let headed = NOT_NAME_SET.contains(head.as_str()) && head != "东方" && !given_usual;
    if NOT_NAME_SET.contains(word.as_str()) || headed {
        return 0;
    }
    let given = if COMPOUND.contains(&head.as_str()) && chars.len() >= 3 {
        chars.get(2..)
    } else if chars.first().is_some_and(|c| SURNAME_SET.contains(c)) && chars.len() <= 3 {
        chars.get(1..)
    } else {
        return 0;
    };
    let given = given.unwrap_or_default();
    if !given.is_empty() && given.iter().all(|c| GIVEN_SET.contains(c)) { 2 } else { 1 }
}

/// Proposes the names of the cell.
pub(crate) fn find(finder: &mut Finder, hint: Hint) {
    let Finder { norm, candidates, .. } = finder;
    if hint.expect.has(Kind::Name) {
        name_column(norm, candidates);
        return;
    }
    if hint.negative || norm.len() < 4 {
        return;
    }
    free_text(norm, candidates);
}

/// A column of names: each part between separators is one.
fn name_column(norm: &Norm, out: &mut Vec<Candidate>) {
    let mut at = 0;
    while at < norm.len() {
        let start = at;
        while at < norm.len() && !separates(norm, at) {
            at += 1;
        }
        part(norm, start, at, out);
        at += 1;
    }
}

fn separates(norm: &Norm, at: usize) -> bool {
    matches!(norm.at(at), b',' | b';' | b'/' | b'|' | b'(' | b')' | b'\n' | b'&' | b'"' | b'\'')
        || (norm.at(at) == PUNCT && norm.char(at) != '·')
}

fn part(norm: &Norm, mut start: usize, mut end: usize, out: &mut Vec<Candidate>) {
    while start < end && norm.at(start) == b' ' {
        start += 1;
    }
    while end > start && norm.at(end - 1) == b' ' {
        end -= 1;
    }
    let chars: Vec<char> =
        (start..end).filter(|&i| is_han(norm.at(i))).map(|i| norm.char(i)).collect();
    let word: String = chars.iter().collect();
    let blanks = (start..end).filter(|&i| norm.at(i) == b' ').count();
    let dots = (start..end).filter(|&i| norm.at(i) == b'.').count();
    let digits = (start..end).any(|i| norm.at(i).is_ascii_digit());
    let letters = (start..end).filter(|&i| norm.at(i).is_ascii_alphabetic()).count();
    let score = if digits || NOT_NAME_SET.contains(word.as_str()) {
        0
    } else if chars.len() + blanks == end - start && (2..=4).contains(&chars.len()) {
        if plausible(&chars) > 0 { 90 } else { 62 }
    } else if dots > 0 && chars.len() >= 3 && chars.len() + dots + blanks == end - start {
        if end - start <= 20 { 86 } else { 0 }
    } else if chars.is_empty()
        && (3..=40).contains(&letters)
        && letters + blanks + dots + 2 >= end - start
    {
        if matches!(norm.b.get(start..end), Some(b"NULL" | b"NONE" | b"N/A" | b"TEST" | b"UNKNOWN"))
        {
            0
        } else {
            66
        }
    } else {
        0
    };
    if score > 0 {
        out.push(Candidate { kind: Kind::Name, start, end, score });
    }
    if score == 0 && chars.len() > 4 {
        free_text(norm, out);
    }
}

/// Names in running text: surname and given name beside a word that speaks of persons.
fn free_text(norm: &Norm, out: &mut Vec<Candidate>) {
    for at in 0..norm.len() {
        if !is_han(norm.at(at)) || !SURNAME_SET.contains(&norm.char(at)) && !compound_at(norm, at) {
            continue;
        }
        let before = word_before(norm, at);
        let mut best: Option<Candidate> = None;
        for len in 2..=4usize {
            if (at..at + len).any(|i| !is_han(norm.at(i))) {
                break;
            }
            let chars: Vec<char> = (at..at + len).map(|i| norm.char(i)).collect();
            let sure = plausible(&chars);
            if sure == 0 {
                continue;
            }
            let after = word_after(norm, at + len);
            let bounded = !is_han(norm.at(at + len));
            let score = match (before, after, sure) {
                (Some(strong), true, _) => {
                    if strong {
                        84
                    } else {
                        76
                    }
                }
                (None, true, 2) => 70,
                (None, true, _) => {
                    if len == 3 {
                        58
                    } else {
                        52
                    }
                }
                (Some(true), false, 2) => {
                    if bounded {
                        82
                    } else {
                        64
                    }
                }
                (Some(true), false, _) => {
                    if bounded {
                        72
                    } else {
                        40
                    }
                }
                (Some(false), false, 2) => {
                    if bounded {
                        64
                    } else {
                        54
                    }
                }
                (Some(false), false, _) => 30,
                (None, false, 2) if bounded && !is_han(norm.before(at)) && len == 3 => 52,
                _ => 0,
            };
            // 诸葛某 is not some 葛 after a stray 诸.
            let score = score + if score > 0 && compound_at(norm, at) && len > 2 { 10 } else { 0 };
            let better = best.is_none_or(|b| score > b.score || (score == b.score && !after));
            if score > 0 && better {
                best = Some(Candidate { kind: Kind::Name, start: at, end: at + len, score });
            }
        }
        out.extend(best);
    }
}

fn compound_at(norm: &Norm, at: usize) -> bool {
    let (a, b) = (norm.char(at), norm.char(at + 1));
    COMPOUND.iter().any(|c| c.chars().eq([a, b]))
}

/// Whether a word for persons stands right before: `Some(true)` when marked off by a colon or
/// blank, or when it is a plain title.
fn word_before(norm: &Norm, at: usize) -> Option<bool> {
    let mut end = at;
    let mut marked = false;
    while end > 0
        && at - end < 3
        && (matches!(norm.before(end), b' ' | b':' | b'=' | b'(' | b'"')
            || matches!(norm.char(end - 1), '“' | '「' | '【' | '为' | '是'))
    {
        marked = true;
        end -= 1;
    }
    let matched = BEFORE
        .iter()
        .filter(|word| ends_with(norm, end, word))
        .map(|word| word.chars().count())
        .max()?;
    Some(matched >= 2 || marked)
}

fn ends_with(norm: &Norm, end: usize, word: &str) -> bool {
    let mut at = end;
    for c in word.chars().rev() {
        if at == 0 || norm.char(at - 1) != c {
            return false;
        }
        at -= 1;
    }
    true
}

fn word_after(norm: &Norm, at: usize) -> bool {
    AFTER.iter().any(|word| {
        word.chars().enumerate().all(|(i, c)| match norm.at(at + i) {
            class if class < 0x80 => char::from(class) == c,
            _ => norm.char(at + i) == c,
        })
    })
}
