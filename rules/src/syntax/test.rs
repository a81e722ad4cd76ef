//! Comparisons of one value.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use events::{Timestamp, Value};
use regex::Regex;

use super::expr::Field;
use crate::fold::fold;
use crate::pattern::Pattern;

/// Where a text must lie within the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// It is the whole value.
    Exact,
    /// Anywhere.
    Contains,
    /// At the start.
    Prefix,
    /// At the end.
    Suffix,
}

/// An order comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// Less than.
    Lt,
    /// At most.
    Lte,
    /// More than.
    Gt,
    /// At least.
    Gte,
    /// Equal as numbers.
    Eq,
    /// Not equal as numbers (correlations only).
    Neq,
}

impl Op {
    /// Whether `left op right` holds.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Lt => left < right,
            Self::Lte => left <= right,
            Self::Gt => left > right,
            Self::Gte => left >= right,
            Self::Eq => left == right,
            Self::Neq => left != right,
        }
    }
}

/// A finite number that can be a map key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f64);

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // -0 equals 0 and must hash alike.
        (self.0 + 0.0).to_bits().hash(state);
    }
}

/// A part of a date (Sigma 2.1 time modifiers), taken in the offset the value is written in;
/// UTC for a value without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DatePart {
    /// 0–59.
    Minute,
    /// 0–23.
    Hour,
    /// Day of the month, 1–31.
    Day,
    /// ISO 8601 week, 1–53.
    Week,
    /// 1–12.
    Month,
    /// The year.
    Year,
}

/// A network: addresses whose first `prefix` bits equal those of `bits`. IPv4 lies in
/// `::ffff:0:0/96`, so IPv4-mapped IPv6 addresses are IPv4 addresses; a wider network (`::/0`) is
/// of IPv6 and holds none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Net {
    /// The network's bits, host part cleared.
    pub bits: u128,
    /// Prefix length over 128 bits.
    pub prefix: u8,
}

impl Net {
    /// Parses `10.0.0.0/8`, `fe80::/10` or a single address. Host bits may be set; they are
    /// ignored.
    pub fn parse(text: &str) -> Option<Self> {
        let (addr, len) = match text.split_once('/') {
            Some((addr, len)) => (addr, Some(len.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let addr: IpAddr = addr.trim().parse().ok()?;
        let (width, shift) = if addr.is_ipv4() { (32, 96) } else { (128, 0) };
        let len = len.unwrap_or(width);
        if len > width {
            return None;
        }
        let prefix = len + shift;
        Some(Self { bits: address_bits(addr) & mask(prefix), prefix })
    }

    /// Whether the address lies in the network.
    pub fn contains(&self, bits: u128) -> bool {
        of_family(self.prefix, bits) && bits & mask(self.prefix) == self.bits
    }
}

/// Bits of the prefix under which IPv4 lies in IPv6.
const MAPPED: u8 = 96;

/// Whether a network of this prefix may hold the address at all: one of IPv6 holds no IPv4.
pub(crate) fn of_family(prefix: u8, bits: u128) -> bool {
    prefix >= MAPPED || bits >> 32 != 0xffff
}

/// The first `prefix` bits set.
pub(crate) fn mask(prefix: u8) -> u128 {
    match prefix {
        0 => 0,
        n => u128::MAX << (128 - u32::from(n.min(128))),
    }
}

/// An address as 128 bits, IPv4 mapped into IPv6.
pub(crate) fn address_bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// A regular expression (Rust `regex` syntax); two are equal when written alike.
#[derive(Clone, Debug)]
pub struct Re {
    /// As written, flags in front.
    pub source: String,
    /// Compiled within [`crate::limits::REGEX_BYTES_MAX`].
    pub regex: Arc<Regex>,
}

impl PartialEq for Re {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
impl Eq for Re {}
impl Hash for Re {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.source.hash(state);
    }
}

/// What must hold for one value of a field.
///
/// Texts compare with the value as text: numbers in decimal, booleans as `true` and `false`. A
/// null value satisfies only [`Test::Present`] and [`Test::Null`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// The field is there, even if null.
    Present,
    /// The value is null.
    Null,
    /// The value is anything but null.
    Any,
    /// A text; folded (see [`crate::fold_text`]) unless `cased`.
    Text {
        /// Where it must lie.
        shape: Shape,
        /// The text, folded unless `cased`.
        text: String,
        /// Whether case counts.
        cased: bool,
    },
    /// A pattern with wildcards that is no simpler shape.
    Glob {
        /// The pattern, folded unless `cased`.
        pattern: Pattern,
        /// Whether case counts.
        cased: bool,
    },
    /// A regular expression, found anywhere in the value.
    Regex(Re),
    /// An address within a network.
    Cidr(Net),
    /// An order comparison of numbers.
    Compare(Op, Number),
    /// Equal to (or containing…) a value of another field, case folded unless `cased`.
    FieldRef {
        /// The other field.
        other: Arc<Field>,
        /// Where the other's value must lie.
        shape: Shape,
        /// Whether case counts.
        cased: bool,
    },
    /// A part of a date compared with a number.
    DatePart(DatePart, Op, Number),
}

impl Test {
    /// Whether the value satisfies the test. [`Test::FieldRef`] needs the event and is false here.
    pub fn holds(&self, value: Value<'_>) -> bool {
        if matches!(value, Value::Null) {
            return matches!(self, Self::Present | Self::Null);
        }
        match self {
            Self::Present | Self::Any => true,
            Self::Null | Self::FieldRef { .. } => false,
            Self::Text { shape, text, cased } => {
                let have = value.text();
                if *cased {
                    shape_holds(*shape, &have, text)
                } else {
                    shape_holds(*shape, &fold(&have), text)
                }
            }
            Self::Glob { pattern, cased } => {
                let have = value.text();
                if *cased { pattern.fits(&have) } else { pattern.fits(&fold(&have)) }
            }
            Self::Regex(re) => re.regex.is_match(&value.text()),
            Self::Cidr(net) => parse_address(&value.text()).is_some_and(|bits| net.contains(bits)),
            Self::Compare(op, n) => value.as_f64().is_some_and(|v| op.holds(v, n.0)),
            Self::DatePart(part, op, n) => {
                date_part(*part, &value.text()).is_some_and(|v| op.holds(v, n.0))
            }
        }
    }
}

/// Whether `text` lies in `have` as the shape says.
pub(crate) fn shape_holds(shape: Shape, have: &str, text: &str) -> bool {
    match shape {
        Shape::Exact => have == text,
        Shape::Contains => have.contains(text),
        Shape::Prefix => have.starts_with(text),
        Shape::Suffix => have.ends_with(text),
    }
}

/// An address as 128 bits; `None` for any other text.
pub(crate) fn parse_address(text: &str) -> Option<u128> {
    // The longest address text is 45 bytes, plus a zone.
    if text.len() > 64 {
        return None;
    }
    let text = text.split_once('%').map_or(text, |(addr, _)| addr);
    text.trim().parse().ok().map(address_bits)
}

/// A part of a date text (RFC 3339, or `YYYY-MM-DD HH:MM:SS` without an offset).
pub(crate) fn date_part(part: DatePart, text: &str) -> Option<f64> {
    let text = text.trim();
    // The calendar parts are read as written, once the whole is known to be a date.
    Timestamp::parse_rfc3339(text).or_else(|_| Timestamp::parse_local(text, 0)).ok()?;
    let number = |range: Range<usize>| text.get(range)?.parse::<f64>().ok();
    match part {
        DatePart::Year => number(0..4),
        DatePart::Month => number(5..7),
        DatePart::Day => number(8..10),
        DatePart::Hour => number(11..13),
        DatePart::Minute => number(14..16),
        DatePart::Week => {
            let (y, m, d) = (number(0..4)?, number(5..7)?, number(8..10)?);
            Some(f64::from(iso_week(y as i32, m as i32, d as i32)))
        }
    }
}

/// ISO 8601 week of a date of the Gregorian calendar.
fn iso_week(year: i32, month: i32, day: i32) -> i32 {
    let leap = |y: i32| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let at = usize::try_from(month - 1).unwrap_or(0).min(11);
    let of_year = before[at] + day + i32::from(leap(year) && month > 2);
    // Day of the week of 1 January, Monday = 0 (Gauss).
    let y = year - 1;
    let first = (y + y / 4 - y / 100 + y / 400).rem_euclid(7);
    let weekday = (first + of_year - 1).rem_euclid(7);
    let weeks = |year: i32| {
        let y = year - 1;
        let first = (y + y / 4 - y / 100 + y / 400).rem_euclid(7);
        if first == 3 || (first == 2 && leap(year)) { 53 } else { 52 }
    };
    match (of_year - weekday + 9) / 7 {
        0 => weeks(year - 1),
        week if week > weeks(year) => 1,
        week => week,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let net = Net::parse("10.1.0.0/16").unwrap();
        assert!(net.contains(parse_address("10.1.2.3").unwrap()));
        assert!(net.contains(parse_address("::ffff:10.1.2.3").unwrap()));
        assert!(!net.contains(parse_address("10.2.0.0").unwrap()));
        assert!(Net::parse("fe80::/10").unwrap().contains(parse_address("fe80::1%eth0").unwrap()));
        assert!(Net::parse("0.0.0.0/0").unwrap().contains(parse_address("8.8.8.8").unwrap()));
        assert!(!Net::parse("0.0.0.0/0").unwrap().contains(parse_address("2001::1").unwrap()));
        let v6 = Net::parse("::/0").unwrap();
        assert!(v6.contains(parse_address("2001::1").unwrap()));
        assert!(!v6.contains(parse_address("8.8.8.8").unwrap()));
        assert!(Net::parse("10.0.0.0/33").is_none() && Net::parse("x/8").is_none());
    }

    #[test]
    fn date_parts_are_read_as_written() {
        let p = |part, text| date_part(part, text);
        assert_eq!(p(DatePart::Hour, "2026-11-23T23:48:24+08:00"), Some(23.0));
        assert_eq!(p(DatePart::Minute, "2026-11-23 23:48:24"), Some(48.0));
        assert_eq!(p(DatePart::Week, "2026-11-23T00:00:00Z"), Some(48.0));
        assert_eq!(p(DatePart::Week, "2021-01-03T00:00:00Z"), Some(53.0));
        assert_eq!(p(DatePart::Week, "2024-12-30T00:00:00Z"), Some(1.0));
        assert_eq!(p(DatePart::Hour, "yesterday"), None);
    }

    #[test]
    fn numbers_and_texts_are_compared_as_sigma_means() {
        let exact = Test::Text { shape: Shape::Exact, text: "4625".into(), cased: false };
        assert!(exact.holds(Value::Int(4625)) && exact.holds(Value::Str("4625")));
        assert!(!exact.holds(Value::Null));
        assert!(Test::Compare(Op::Gte, Number(10.0)).holds(Value::Str("10")));
        assert!(!Test::Any.holds(Value::Null) && Test::Null.holds(Value::Null));
    }
}
