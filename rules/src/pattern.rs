//! Text patterns of Sigma: literals with the wildcards `*` and `?` and backslash escapes.

use crate::fold::fold_char;

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// This text.
    Literal(String),
    /// Any number of characters (`*`).
    Many,
    /// Exactly one character (`?`).
    One,
}

/// A parsed pattern; neighbouring literals are joined.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Pattern(pub Vec<Part>);

/// In Sigma's notation.
impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Many => f.write_str("*"),
            Part::One => f.write_str("?"),
            Part::Literal(text) => text.chars().try_for_each(|c| match c {
                '*' | '?' | '\\' => write!(f, "\\{c}"),
                c => write!(f, "{c}"),
            }),
        })
    }
}

impl Pattern {
    /// A pattern that is this text, with no wildcard.
    pub fn literal(text: &str) -> Self {
        let mut p = Self::default();
        p.push_str(text);
        p
    }

    /// Parses Sigma's notation: `*` and `?` are wildcards; `\*`, `\?` and `\\` are those
    /// characters; a backslash before anything else is itself.
    pub fn parse(text: &str) -> Self {
        let mut p = Self::default();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.peek() {
                    Some(&next @ ('*' | '?' | '\\')) => {
                        chars.next();
                        p.push_char(next);
                    }
                    _ => p.push_char('\\'),
                },
                '*' => p.push_many(),
                '?' => p.0.push(Part::One),
                c => p.push_char(c),
            }
        }
        p
    }

    /// The text, if there is no wildcard.
    pub fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Adds `*` unless there is one at the end already.
    pub(crate) fn push_many(&mut self) {
        if self.0.last() != Some(&Part::Many) {
            self.0.push(Part::Many);
        }
    }

    /// Adds `*` in front unless there is one already.
    pub(crate) fn push_many_front(&mut self) {
        if self.0.first() != Some(&Part::Many) {
            self.0.insert(0, Part::Many);
        }
    }

    fn push_char(&mut self, c: char) {
        match self.0.last_mut() {
            Some(Part::Literal(text)) => text.push(c),
            _ => self.0.push(Part::Literal(c.to_string())),
        }
    }

    fn push_str(&mut self, text: &str) {
        if !text.is_empty() {
            match self.0.last_mut() {
                Some(Part::Literal(have)) => have.push_str(text),
                _ => self.0.push(Part::Literal(text.to_owned())),
            }
        }
    }

    /// The same pattern, case-folded.
    pub(crate) fn folded(&self) -> Self {
        let fold = |p: &Part| match p {
            Part::Literal(t) => Part::Literal(t.chars().map(fold_char).collect()),
            other => other.clone(),
        };
        Self(self.0.iter().map(fold).collect())
    }

    /// Whether the whole of `text` fits. Linear in practice, `O(parts × length)` at worst.
    pub fn fits(&self, text: &str) -> bool {
        let parts = &self.0;
        let (mut part, mut rest) = (0, text);
        // Where to go on after the last `*`: the part behind it, and the text not yet tried.
        let mut back: Option<(usize, &str)> = None;
        loop {
            let step = match parts.get(part) {
                None if rest.is_empty() => return true,
                None => None,
                Some(Part::Many) => {
                    if part + 1 == parts.len() {
                        return true;
                    }
                    back = Some((part + 1, rest));
                    part += 1;
                    continue;
                }
                Some(Part::One) => rest.chars().next().map(|c| &rest[c.len_utf8()..]),
                Some(Part::Literal(lit)) => rest.strip_prefix(lit.as_str()),
            };
            if let Some(after) = step {
                (part, rest) = (part + 1, after);
                continue;
            }
            let Some((at, from)) = back else { return false };
            let Some(c) = from.chars().next() else { return false };
            let mut from = &from[c.len_utf8()..];
            if let Some(Part::Literal(lit)) = parts.get(at) {
                // Jump to the next place where the literal can start.
                match memchr::memmem::find(from.as_bytes(), lit.as_bytes()) {
                    Some(skip) => from = &from[skip..],
                    None => return false,
                }
            }
            back = Some((at, from));
            (part, rest) = (at, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(parts: &[Part], text: &[char]) -> bool {
        match parts.split_first() {
            None => text.is_empty(),
            Some((Part::Many, rest)) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            Some((Part::One, rest)) => !text.is_empty() && naive(rest, &text[1..]),
            Some((Part::Literal(lit), rest)) => {
                let lit: Vec<char> = lit.chars().collect();
                text.starts_with(&lit) && naive(rest, &text[lit.len()..])
            }
        }
    }

    #[test]
    fn escapes_follow_sigma() {
        let lit = |s: &str| Pattern::parse(s).as_literal().map(str::to_owned);
        assert_eq!(lit(r"C:\Windows\x.exe").as_deref(), Some(r"C:\Windows\x.exe"));
        assert_eq!(lit(r"\\srv").as_deref(), Some(r"\srv"));
        assert_eq!(lit(r"a\*b\?").as_deref(), Some("a*b?"));
        assert_eq!(Pattern::parse(r"a\\*").0, [Part::Literal(r"a\".into()), Part::Many]);
        assert_eq!(lit(r"end\").as_deref(), Some(r"end\"));
    }

    proptest! {
        #[test]
        fn fits_equals_the_obvious_definition(p in "[ab*?学]{0,8}", t in "[ab学]{0,10}") {
            let pattern = Pattern::parse(&p);
            let chars: Vec<char> = t.chars().collect();
            prop_assert_eq!(Pattern::parse(&pattern.to_string()), pattern.clone());
            prop_assert_eq!(pattern.fits(&t), naive(&pattern.0, &chars), "{} on {}", p, t);
        }
    }
}
