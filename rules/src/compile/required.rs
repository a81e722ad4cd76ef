//! Literals without which a pattern cannot match, so that most values never reach it.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::fold::{fold, fold_char};
use crate::pattern::{Part, Pattern};
use crate::syntax::test::{Shape, Test};

/// Shortest literal worth looking for, in bytes.
const LITERAL_BYTES_MIN: usize = 3;
/// Most alternatives of one requirement.
const ALTERNATIVES_MAX: usize = 32;

/// Folded literals of which every value that fulfils a test holds at least one, after folding;
/// none when no useful one is known, or the whole value is compared.
pub(crate) fn of_test(test: &Test) -> Vec<String> {
    let found = match test {
        Test::Text { shape: Shape::Exact, .. } => None,
        Test::Text { text, cased: false, .. } => Some(vec![text.clone()]),
        Test::Text { text, cased: true, .. } => Some(vec![fold(text)]),
        Test::Glob { pattern, .. } => of_pattern(pattern),
        Test::Regex(re) => of_regex(&re.source),
        _ => None,
    };
    found.filter(|set| !set.iter().any(String::is_empty)).unwrap_or_default()
}

/// Folded literals of which every matching value holds at least one, after folding; `None` when
/// there is no useful one.
fn of_regex(source: &str) -> Option<Vec<String>> {
    let hir = regex_syntax::ParserBuilder::new()
        .nest_limit(crate::limits::REGEX_DEPTH_MAX)
        .build()
        .parse(source)
        .ok()?;
    let found = walk(&hir)?;
    useful(&found).then_some(found)
}

/// The same for a pattern with wildcards: its longest literal.
pub(crate) fn of_pattern(pattern: &Pattern) -> Option<Vec<String>> {
    let longest = pattern
        .0
        .iter()
        .filter_map(|p| match p {
            Part::Literal(t) => Some(t),
            _ => None,
        })
        .max_by_key(|t| t.len())?;
    Some(vec![longest.chars().map(fold_char).collect()])
}

fn useful(set: &[String]) -> bool {
    set.len() <= ALTERNATIVES_MAX && set.iter().all(|l| l.len() >= LITERAL_BYTES_MIN)
}

/// The requirement of an expression.
fn walk(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Literal(lit) => {
            let text = std::str::from_utf8(&lit.0).ok()?;
            Some(vec![text.chars().map(fold_char).collect()])
        }
        HirKind::Class(_) => one_char(hir).map(|c| vec![c.to_string()]),
        HirKind::Capture(capture) => walk(&capture.sub),
        HirKind::Repetition(rep) if rep.min >= 1 => walk(&rep.sub),
        HirKind::Concat(parts) => concat(parts),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(walk(part).filter(|set| useful(set))?);
            }
            all.sort();
            all.dedup();
            Some(all)
        }
        _ => None,
    }
}

/// The best requirement among the parts, joining neighbours that are fixed texts.
fn concat(parts: &[Hir]) -> Option<Vec<String>> {
    let mut best: Option<Vec<String>> = None;
    let mut run = String::new();
    let mut consider = |set: Vec<String>| {
        let score = |s: &[String]| (useful(s), s.iter().map(String::len).min().unwrap_or(0));
        if best.as_deref().is_none_or(|b| score(&set) > score(b)) {
            best = Some(set);
        }
    };
    for part in parts {
        match fixed(part) {
            Some(text) => run.push_str(&text),
            None => {
                if !run.is_empty() {
                    consider(vec![std::mem::take(&mut run)]);
                }
                if let Some(set) = walk(part) {
                    consider(set);
                }
            }
        }
    }
    if !run.is_empty() {
        consider(vec![run]);
    }
    best
}

/// The one text, folded, that an expression stands for.
fn fixed(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(lit) => {
            std::str::from_utf8(&lit.0).ok().map(|t| t.chars().map(fold_char).collect())
        }
        HirKind::Class(_) => one_char(hir).map(String::from),
        HirKind::Capture(capture) => fixed(&capture.sub),
        _ => None,
    }
}

/// The one folded character that a class stands for: `[Aa]`.
fn one_char(hir: &Hir) -> Option<char> {
    let HirKind::Class(Class::Unicode(class)) = hir.kind() else { return None };
    let mut one = None;
    for range in class.ranges() {
        if range.end() as u32 - range.start() as u32 > 4 {
            return None;
        }
        for c in range.start()..=range.end() {
            let folded = fold_char(c);
            if *one.get_or_insert(folded) != folded {
                return None;
            }
        }
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_found_behind_folding_and_groups() {
        let r = |s: &str| of_regex(s);
        assert_eq!(r("(?i)PowerShell.*-enc"), Some(vec!["powershell".into()]));
        assert_eq!(r(r"\d+foobar$"), Some(vec!["foobar".into()]));
        assert_eq!(r("(abcd|efgh)x?"), Some(vec!["abcd".into(), "efgh".into()]));
        assert_eq!(r("(?i)kiss"), Some(vec!["kiss".into()]), "long s and Kelvin sign fold too");
        assert_eq!(r(r"(abc)?\d"), None);
        assert_eq!(r("[a-z]{3}"), None);
        assert_eq!(r("ab|abcdef"), None, "one alternative is too short");
    }

    #[test]
    fn a_match_always_holds_the_requirement() {
        for (re, text) in
            [("(?i)kiss", "xK\u{17f}\u{17f}x"), ("(?i)s\u{212a}y", "ſky"), ("Äb[cC]d", "ÄbCd")]
        {
            if !regex::Regex::new(re).unwrap().is_match(text) {
                continue;
            }
            if let Some(set) = of_regex(re) {
                assert!(set.iter().any(|l| fold(text).contains(l.as_str())), "{re} on {text}");
            }
        }
    }
}
