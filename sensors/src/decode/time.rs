//! Times as devices write them. Nothing here reads a clock: a missing year is judged by the time
//! of receipt, a missing zone by the sensor's offset.

use events::Timestamp;

const DAY_SECS: i64 = 86_400;
/// A record without year may lie this far ahead of its receipt; beyond, it is last year's.
const AHEAD_DAYS: i64 = 30;

/// An ISO 8601 date and time at the start of `text` (`T` or a space between, `-`, `/` or `.` in the
/// date, fraction and zone optional): the instant and the bytes it took.
pub fn iso(text: &str, offset_secs: i32) -> Option<(Timestamp, usize)> {
    let b = text.as_bytes();
    let (year, mut at) = number(b, 0, 4, 4)?;
    let separator = *b.get(at)?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let (month, next) = number(b, at + 1, 1, 2)?;
    if *b.get(next)? != separator {
        return None;
    }
    let (day, next) = number(b, next + 1, 1, 2)?;
    at = next;
    match *b.get(at)? {
        b'T' | b't' => at += 1,
        b' ' => at += b[at..].iter().take_while(|c| **c == b' ').count(),
        _ => return None,
    }
    let (clock, mut at) = clock(b, at)?;
    let mut offset = offset_secs;
    if let Some((zone, next)) = zone(b, at) {
        (offset, at) = (zone, next);
    }
    Some((instant(year, month, day, clock, offset)?, at))
}

/// A BSD syslog time at the start of `text`: `Oct  9 14:59:04`, with the year before the clock,
/// after it (Huawei, H3C), or absent: the instant and the bytes it took.
pub fn bsd(text: &str, received: Timestamp, offset_secs: i32) -> Option<(Timestamp, usize)> {
    let b = text.as_bytes();
    let month = month_of(b.get(..3)?)?;
    let at = spaces(b, 3)?;
    let (day, at) = number(b, at, 1, 2)?;
    let mut at = spaces(b, at)?;
    let mut year = None;
    if let Some((y, next)) = number(b, at, 4, 4)
        && b.get(next) == Some(&b' ')
    {
        year = Some(y);
        at = spaces(b, next)?;
    }
    let (clock, mut at) = clock(b, at)?;
    if year.is_none()
        && b.get(at) == Some(&b' ')
        && let Some((y, next)) = number(b, at + 1, 4, 4)
        && (1970..2200).contains(&y)
        && matches!(b.get(next), None | Some(b' ' | b':' | b'.' | b',' | b';'))
    {
        year = Some(y);
        at = next;
    }
    let mut offset = offset_secs;
    if let Some((zone, next)) = zone(b, at) {
        (offset, at) = (zone, next);
    }
    let time = match year {
        Some(y) => instant(y, month, day, clock, offset)?,
        None => nearest_year(month, day, clock, offset, received)?,
    };
    Some((time, at))
}

/// The time of the common log format: `23/Nov/2026:12:05:06 +0800`.
pub fn common_log(text: &str, offset_secs: i32) -> Option<Timestamp> {
    let b = text.trim().as_bytes();
    let (day, at) = number(b, 0, 1, 2)?;
    if *b.get(at)? != b'/' {
        return None;
    }
    let month = month_of(b.get(at + 1..at + 4)?)?;
    if *b.get(at + 4)? != b'/' {
        return None;
    }
    let (year, at) = number(b, at + 5, 4, 4)?;
    if *b.get(at)? != b':' {
        return None;
    }
    let (clock, at) = clock(b, at + 1)?;
    let offset = zone(b, at).map_or(offset_secs, |z| z.0);
    instant(year, month, day, clock, offset)
}

/// `11/23/26 12:05:06` as Windows writes it in its own files: the month first, the year with or
/// without its century.
fn month_first(text: &str, offset_secs: i32) -> Option<Timestamp> {
    let b = text.as_bytes();
    let (month, at) = number(b, 0, 1, 2)?;
    let (day, at) = number(b, slash(b, at)?, 1, 2)?;
    let year_at = slash(b, at)?;
    let (year, at) = number(b, year_at, 2, 4)?;
    let year = match at - year_at {
        2 => 2000 + year,
        4 => year,
        _ => return None,
    };
    let (clock, at) = clock(b, spaces(b, at)?)?;
    let offset = zone(b, at).map_or(offset_secs, |z| z.0);
    instant(year, month, day, clock, offset)
}

fn slash(b: &[u8], at: usize) -> Option<usize> {
    (b.get(at) == Some(&b'/')).then_some(at + 1)
}

/// `23-Nov-2026 12:05:06.145` as BIND and Tomcat write it.
fn day_first(text: &str, offset_secs: i32) -> Option<Timestamp> {
    let b = text.as_bytes();
    let (day, at) = number(b, 0, 1, 2)?;
    let month = month_of(b.get(at + 1..at + 4)?)?;
    if b.get(at) != Some(&b'-') || b.get(at + 4) != Some(&b'-') {
        return None;
    }
    let (year, at) = number(b, at + 5, 4, 4)?;
    let (clock, at) = clock(b, spaces(b, at)?)?;
    let offset = zone(b, at).map_or(offset_secs, |z| z.0);
    instant(year, month, day, clock, offset)
}

/// `20261123 12:05:06` and `261123  2:05:06` as MySQL and MariaDB write it.
fn compact(text: &str, offset_secs: i32) -> Option<Timestamp> {
    let b = text.as_bytes();
    let digits = b.iter().take_while(|c| c.is_ascii_digit()).count();
    let (century, width) = match digits {
        6 => (2000, 2),
        8 => (0, 4),
        _ => return None,
    };
    let (year, at) = number(b, 0, width, width)?;
    let (month, at) = number(b, at, 2, 2)?;
    let (day, at) = number(b, at, 2, 2)?;
    let (clock, at) = clock(b, spaces(b, at)?)?;
    let offset = zone(b, at).map_or(offset_secs, |z| z.0);
    instant(century + year, month, day, clock, offset)
}

/// A whole value that may be any of the above, or seconds, milliseconds, microseconds or
/// nanoseconds since 1970.
pub fn any(text: &str, received: Timestamp, offset_secs: i32) -> Option<Timestamp> {
    let text = text.trim();
    if let Some((time, _)) = iso(text, offset_secs) {
        return Some(time);
    }
    if text.len() >= 9 && text.bytes().all(|c| c.is_ascii_digit() || c == b'.') {
        return epoch(text);
    }
    if text.contains('/') {
        return common_log(text, offset_secs).or_else(|| month_first(text, offset_secs));
    }
    day_first(text, offset_secs)
        .or_else(|| compact(text, offset_secs))
        .or_else(|| bsd(text, received, offset_secs).map(|t| t.0))
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their digits.
pub fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    let scale: i64 = match whole.len() {
        9..=10 => 1_000_000_000,
        12..=13 => 1_000_000,
        15..=16 => 1_000,
        18..=19 => 1,
        _ => return None,
    };
    let mut nanos = number.checked_mul(scale)?;
    let mut unit = scale;
    for digit in fraction.bytes().take(9) {
        unit /= 10;
        nanos = nanos.checked_add(i64::from(digit.checked_sub(b'0')?) * unit)?;
    }
    Some(Timestamp::from_nanos(nanos))
}

#[derive(Clone, Copy)]
struct Clock {
    secs: i64,
    nanos: i64,
}

fn clock(b: &[u8], at: usize) -> Option<(Clock, usize)> {
    let (hour, at) = number(b, at, 1, 2)?;
    if *b.get(at)? != b':' {
        return None;
    }
    let (minute, at) = number(b, at + 1, 2, 2)?;
    if *b.get(at)? != b':' {
        return None;
    }
    let (second, mut at) = number(b, at + 1, 2, 2)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut nanos = 0;
    if matches!(b.get(at), Some(b'.' | b',')) && b.get(at + 1).is_some_and(u8::is_ascii_digit) {
        at += 1;
        let mut unit = 100_000_000;
        while let Some(digit) = b.get(at).filter(|c| c.is_ascii_digit()) {
            nanos += i64::from(digit - b'0') * unit;
            unit /= 10;
            at += 1;
        }
    }
    Some((Clock { secs: hour * 3600 + minute * 60 + second, nanos }, at))
}

/// `Z`, `UTC`, `GMT`, `+08:00`, `+0800` or `+08`, with at most one space before it. No other name of a
/// zone is taken: `CST` is Beijing's and Chicago's.
fn zone(b: &[u8], mut at: usize) -> Option<(i32, usize)> {
    if matches!(b.get(at), Some(b'Z' | b'z')) {
        return Some((0, at + 1));
    }
    if b.get(at) == Some(&b' ') {
        at += 1;
    }
    if matches!(b.get(at..at + 3), Some(b"UTC" | b"GMT"))
        && !b.get(at + 3).is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-'))
    {
        return Some((0, at + 3));
    }
    let sign = match b.get(at)? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, mut at) = number(b, at + 1, 2, 2)?;
    let mut minutes = 0;
    let digits = at + usize::from(b.get(at) == Some(&b':'));
    if let Some((m, next)) = number(b, digits, 2, 2) {
        (minutes, at) = (m, next);
    }
    if hours > 18 || minutes > 59 || b.get(at).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    Some((sign * (hours as i32 * 3600 + minutes as i32 * 60), at))
}

fn number(b: &[u8], at: usize, least: usize, most: usize) -> Option<(i64, usize)> {
    let digits = b.get(at..)?.iter().take(most).take_while(|c| c.is_ascii_digit()).count();
    if digits < least {
        return None;
    }
    let value = b[at..at + digits].iter().fold(0, |n, c| n * 10 + i64::from(c - b'0'));
    Some((value, at + digits))
}

fn spaces(b: &[u8], at: usize) -> Option<usize> {
    let count = b.get(at..)?.iter().take_while(|c| **c == b' ').count();
    (count > 0).then_some(at + count)
}

fn month_of(name: &[u8]) -> Option<i64> {
    const NAMES: [&[u8; 3]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    NAMES.iter().position(|n| name.eq_ignore_ascii_case(*n)).map(|i| i as i64 + 1)
}

fn nearest_year(
    month: i64,
    day: i64,
    clock: Clock,
    offset: i32,
    received: Timestamp,
) -> Option<Timestamp> {
    let this = year_of(received.secs() + i64::from(offset));
    let latest = received.secs() + AHEAD_DAYS * DAY_SECS;
    // Four years back finds a 29 February.
    (this - 4..=this + 1)
        .rev()
        .filter_map(|year| instant(year, month, day, clock, offset))
        .find(|t| t.secs() <= latest)
}

fn instant(year: i64, month: i64, day: i64, clock: Clock, offset: i32) -> Option<Timestamp> {
    if !(1970..2200).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if day < 1 || day > days_in(year, month) {
        return None;
    }
    let secs = days_from_civil(year, month, day) * DAY_SECS + clock.secs - i64::from(offset);
    Some(Timestamp::from_nanos(secs * 1_000_000_000 + clock.nanos))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date: years are counted from March, so that the
/// leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn year_of(secs: i64) -> i64 {
    let days = secs.div_euclid(DAY_SECS);
    let mut year = 1970 + days.div_euclid(366);
    while days_from_civil(year + 1, 1, 1) <= days {
        year += 1;
    }
    year
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::time::BEIJING_OFFSET_SECS as BEIJING;
    use proptest::prelude::{prop_assert_eq, proptest};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn iso_variants() {
        for (text, want, len) in [
            ("2026-11-23T12:05:06.25+08:00 x", "2026-11-23T04:05:06.25Z", 28),
            ("2026-11-23T04:05:06Z", "2026-11-23T04:05:06Z", 20),
            ("2026-11-23 12:05:06 USG", "2026-11-23T04:05:06Z", 19),
            ("2026/11/3 2:05:06", "2026-11-02T18:05:06Z", 17),
            ("2026-11-23 12:05:06 +0000", "2026-11-23T12:05:06Z", 25),
            ("2026-11-23 12:05:06,123 x", "2026-11-23T04:05:06.123Z", 23),
            ("2026-11-23 04:05:06 UTC x", "2026-11-23T04:05:06Z", 23),
            ("2026-11-23 04:05:06GMT", "2026-11-23T04:05:06Z", 22),
            ("2026-11-23 12:05:06 UTCA", "2026-11-23T04:05:06Z", 19),
            ("2026-11-23 12:05:06 CST", "2026-11-23T04:05:06Z", 19),
        ] {
            assert_eq!(iso(text, BEIJING), Some((at(want), len)), "{text}");
        }
        assert_eq!(iso("2026-02-30T00:00:00Z", 0), None);
        assert_eq!(iso("2026-02-3", 0), None);
    }

    #[test]
    fn bsd_variants_and_years() {
        let received = at("2026-11-23T04:00:00Z");
        for (text, want, len) in [
            ("Nov 23 12:00:00 host", "2026-11-23T04:00:00Z", 15),
            ("Oct  9 14:59:04 2009 Sysname", "2009-10-09T06:59:04Z", 20),
            ("Oct  9 2009 14:59:04 h", "2009-10-09T06:59:04Z", 20),
            ("Dec 31 23:59:59 h", "2025-12-31T15:59:59Z", 15),
            ("Oct 9 14:59:04.5 h", "2026-10-09T06:59:04.5Z", 16),
        ] {
            assert_eq!(bsd(text, received, BEIJING), Some((at(want), len)), "{text}");
        }
        // At the turn of the year the neighbouring year is meant.
        let eve = at("2026-12-31T15:59:30Z");
        assert_eq!(
            bsd("Jan  1 00:00:10", eve, BEIJING).map(|t| t.0),
            Some(at("2026-12-31T16:00:10Z"))
        );
        let leap = bsd("Feb 29 00:00:00", received, 0).map(|t| t.0);
        assert_eq!(leap, Some(at("2024-02-29T00:00:00Z")));
    }

    #[test]
    fn whole_values() {
        let received = at("2026-11-23T04:00:00Z");
        let want = Some(at("2026-11-23T04:05:06Z"));
        for text in [
            "1795406706",
            "1795406706000",
            "1795406706000000000",
            "23/Nov/2026:12:05:06 +0800",
            "Nov 23 12:05:06",
            "23-Nov-2026 12:05:06",
            "20261123 12:05:06",
            "261123 12:05:06",
            "11/23/26 12:05:06",
            "11/23/2026 12:05:06",
        ] {
            assert_eq!(any(text, received, BEIJING), want, "{text}");
        }
        for text in ["23/11/26 12:05:06", "11/23/126 12:05:06", "11/23/26", "1/"] {
            assert_eq!(any(text, received, BEIJING), None, "{text}");
        }
        assert_eq!(any("1795406706.25", received, 0), Some(at("2026-11-23T04:05:06.25Z")));
        assert_eq!(any("yesterday", received, 0), None);
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "\\PC{0,40}", date in "[0-9JanFeb:/ .,+TZ-]{0,32}") {
            let _ = any(&text, Timestamp::from_secs(1), 0);
            let _ = any(&date, Timestamp::MAX, 28_800);
        }

        #[test]
        fn agrees_with_jiff(secs in 0i64..7_000_000_000) {
            let t = Timestamp::from_secs(secs);
            let text = t.to_rfc3339_at(BEIJING);
            prop_assert_eq!(iso(&text, 0), Some((t, text.len())));
        }
    }
}
