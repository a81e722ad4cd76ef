//! The expression of a query, and whether a record fulfils it. Texts are compared without regard
//! to case.

use std::net::IpAddr;
use std::ops::Range;

use events::{FieldId, Timestamp, Value};
use regex::{Regex, RegexBuilder};

use super::view::View;
use crate::fold;

/// Where a value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Field(FieldId),
    Id,
    Time,
    Site,
    Sensor,
    Product,
    Category,
    Service,
    Raw,
}

impl Place {
    /// The place of a name; `None` when no more names can be interned.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "time" | "@timestamp" => Self::Time,
            "site" => Self::Site,
            "sensor" => Self::Sensor,
            "product" => Self::Product,
            "category" => Self::Category,
            "service" => Self::Service,
            "raw" => Self::Raw,
            other => Self::Field(FieldId::intern(other)?),
        })
    }
}

impl Place {
    /// Its name in the query language.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::Id => "id",
            Self::Time => "time",
            Self::Site => "site",
            Self::Sensor => "sensor",
            Self::Product => "product",
            Self::Category => "category",
            Self::Service => "service",
            Self::Raw => "raw",
        }
    }
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    /// Everything.
    All,
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    /// The record as received holds this text.
    Text(Needle),
    /// It happened then: from a time on, before another.
    When(Range<Timestamp>),
    /// Some value of a place fulfils a test.
    Is(Place, Test),
}

/// A test on one value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// There is a value.
    Exists,
    /// The whole value fits.
    Fits(Pattern),
    /// The value is a number within bounds (low, high, whether each is part of the range).
    Between { low: Option<(f64, bool)>, high: Option<(f64, bool)> },
    /// The value is an address of a range; `begins` is how each of them is written at first, as far
    /// as that is known.
    Cidr { base: u128, bits: u8, v4: bool, begins: String },
}

/// A text with `*` (any text) and `?` (any character), in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Characters; a wildcard is out of the range of characters.
    parts: Vec<Part>,
    /// The pattern as plain text, if it has no wildcard.
    plain: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Char(char),
    One,
    Any,
}

impl Pattern {
    /// A text without wildcards.
    pub(super) fn plain(text: &str) -> Self {
        let plain = fold(text).into_owned();
        Self { parts: plain.chars().map(Part::Char).collect(), plain: Some(plain) }
    }

    /// A text with wildcards; a backslash takes its meaning from the next character.
    pub(super) fn wild(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '*' if parts.last() == Some(&Part::Any) => {}
                '*' => parts.push(Part::Any),
                '?' => parts.push(Part::One),
                '\\' => parts.extend(chars.next().unwrap_or('\\').to_lowercase().map(Part::Char)),
                c => parts.extend(c.to_lowercase().map(Part::Char)),
            }
        }
        let char_of = |p: &Part| if let Part::Char(c) = p { Some(*c) } else { None };
        let plain = parts.iter().map(char_of).collect::<Option<String>>();
        Self { parts, plain }
    }

    /// The text, if there is no wildcard.
    pub(super) fn as_plain(&self) -> Option<&str> {
        self.plain.as_deref()
    }

    /// The pattern as it is written, in lower case.
    pub(super) fn notation(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Any => text.push('*'),
                Part::One => text.push('?'),
                Part::Char(c) => {
                    if matches!(c, '*' | '?' | '\\') {
                        text.push('\\');
                    }
                    text.push(*c);
                }
            }
        }
        text
    }

    fn fits(&self, text: &str) -> bool {
        let text = fold(text);
        match &self.plain {
            Some(plain) => *plain == *text,
            None => fits(&self.parts, &text),
        }
    }

    /// The pattern as a regular expression that finds it anywhere in a text.
    fn anywhere(&self) -> Option<Regex> {
        let mut source = String::new();
        for part in &self.parts {
            match part {
                Part::Char(c) => source.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                Part::One => source.push('.'),
                Part::Any => source.push_str(".*?"),
            }
        }
        let mut builder = RegexBuilder::new(&source);
        builder.case_insensitive(true).dot_matches_new_line(true).build().ok()
    }
}

/// A text to find anywhere in a record.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    pattern: Pattern,
    /// Finds it at the speed of memory; `None` for a pattern too large to compile.
    finder: Option<Regex>,
}

impl Needle {
    pub(super) fn new(pattern: Pattern) -> Self {
        let finder = pattern.anywhere();
        Self { pattern, finder }
    }

    /// The text.
    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What finds it anywhere, if the pattern is not too large.
    pub(super) fn finder(&self) -> Option<&Regex> {
        self.finder.as_ref()
    }

    pub(super) fn within(&self, text: &str) -> bool {
        if let Some(finder) = &self.finder {
            return finder.is_match(text);
        }
        let mut parts = vec![Part::Any];
        parts.extend(&self.pattern.parts);
        parts.push(Part::Any);
        fits(&parts, &fold(text))
    }
}

impl PartialEq for Needle {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

/// Wildcard matching in linear space: on a mismatch the last `*` takes one character more.
fn fits(parts: &[Part], text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < chars.len() {
        match parts.get(p) {
            Some(Part::Any) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Part::One) => {
                p += 1;
                t += 1;
            }
            Some(Part::Char(c)) if *c == chars[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    parts[p..].iter().all(|part| *part == Part::Any)
}

impl Expr {
    /// Whether a record fulfils it.
    pub(super) fn holds(&self, record: &View<'_>) -> bool {
        match self {
            Self::All => true,
            Self::And(all) => all.iter().all(|e| e.holds(record)),
            Self::Or(any) => any.iter().any(|e| e.holds(record)),
            Self::Not(inner) => !inner.holds(record),
            Self::Text(needle) => needle.within(record.raw()),
            Self::When(range) => range.contains(&record.time()),
            Self::Is(place, test) => record.any(place, &mut |value| test.holds(value)),
        }
    }
}

impl Test {
    /// Whether a value fulfils it.
    pub(super) fn holds(&self, value: Value<'_>) -> bool {
        match self {
            Self::Exists => value != Value::Null,
            Self::Fits(pattern) => match value {
                Value::Str(s) => pattern.fits(s),
                Value::Null => false,
                other => pattern.fits(&other.text()),
            },
            Self::Between { low, high } => {
                let Some(n) = value.as_f64() else { return false };
                low.is_none_or(|(l, with)| n > l || (with && n == l))
                    && high.is_none_or(|(h, with)| n < h || (with && n == h))
            }
            Self::Cidr { base, bits, v4, begins } => {
                // Reading an address takes ten times as long as seeing that it is another.
                let text = value.as_str().filter(|text| text.starts_with(begins.as_str()));
                text.and_then(|text| text.parse::<IpAddr>().ok()).is_some_and(|a| {
                    let (n, is_v4) = number(a);
                    is_v4 == *v4 && n & mask(*bits, is_v4) == *base
                })
            }
        }
    }
}

/// An address range such as `10.1.0.0/16`.
pub(super) fn cidr(text: &str) -> Option<Test> {
    let (address, bits) = text.split_once('/')?;
    let (n, v4) = number(address.parse().ok()?);
    let bits: u8 = bits.parse().ok().filter(|b| *b <= if v4 { 32 } else { 128 })?;
    let base = n & mask(bits, v4);
    // Of an IPv4 address the octets that are the same in the whole range; IPv6 is written in many ways.
    let octets = u32::try_from(base).unwrap_or(0).to_be_bytes();
    let same = if v4 { usize::from(bits / 8).min(3) } else { 0 };
    let begins = octets.iter().take(same).map(|octet| format!("{octet}.")).collect();
    Some(Test::Cidr { base, bits, v4, begins })
}

fn number(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(a) => (u128::from(u32::from(a)), true),
        IpAddr::V6(a) => (u128::from(a), false),
    }
}

fn mask(bits: u8, v4: bool) -> u128 {
    let (width, all) = if v4 { (32, u128::from(u32::MAX)) } else { (128, u128::MAX) };
    all & u128::MAX.checked_shl(width - u32::from(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn octet() -> impl Strategy<Value = u8> {
        prop_oneof![Just(0u8), Just(1), Just(10), Just(101), Just(255), any::<u8>()]
    }

    proptest! {
        /// What it begins with is only a short cut: the numbers decide.
        #[test]
        fn a_network_holds_the_addresses_whose_first_bits_are_its(
            net in proptest::array::uniform4(octet()), bits in 0u8..=32,
            other in proptest::array::uniform4(octet()), same in 0usize..=4,
        ) {
            let mut address = other;
            address[..same].copy_from_slice(&net[..same]);
            let dotted = |a: [u8; 4]| std::net::Ipv4Addr::from(a).to_string();
            let Some(test) = cidr(&format!("{}/{bits}", dotted(net))) else { panic!("no network") };
            let first = |a: [u8; 4]| u64::from(u32::from_be_bytes(a)) >> (32 - bits);
            let holds = |text: &str| test.holds(Value::Str(text));
            prop_assert_eq!(holds(&dotted(address)), first(net) == first(address));
            let bad = ["".to_owned(), "10.".to_owned(), dotted(net) + ".5", dotted(net) + " "];
            prop_assert!(bad.iter().all(|text| !holds(text)));
            prop_assert!(!holds("::1"));
        }
    }

    #[test]
    fn a_network_of_ipv6_is_found_however_it_is_written() {
        let Some(test) = cidr("2001:db8::/32") else { panic!("no network") };
        for (text, holds) in
            [("2001:db8::1", true), ("2001:0DB8:0:0::7", true), ("2001:db9::1", false)]
        {
            assert_eq!(test.holds(Value::Str(text)), holds, "{text}");
        }
    }
}
