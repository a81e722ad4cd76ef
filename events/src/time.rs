//! Instants and spans. Stored as UTC nanoseconds; shown in Beijing time (+08:00) unless asked
//! otherwise. Nothing here reads a clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::Offset;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: nanoseconds since 1970-01-01T00:00:00Z. Range 1677 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not an RFC 3339 instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time: {0:?}")]
pub struct BadTime(pub String);

impl Timestamp {
    /// The earliest instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From milliseconds since the epoch; saturates at the range's ends.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds since the epoch; saturates at the range's ends.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// From the system's type (for those who hold a clock).
    pub fn from_system(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => {
                Self(i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n))
            }
        }
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Later by `span`; saturates.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Earlier by `span`; saturates.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is before.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        u64::try_from(nanos.max(0)).map_or(Duration::MAX, Duration::from_nanos)
    }

    /// RFC 3339 in UTC with nine digits cut to what is needed: `2026-11-23T04:05:06.5Z`.
    pub fn to_rfc3339(self) -> String {
        self.with_rfc3339(|text| text.to_owned())
    }

    /// [`Timestamp::to_rfc3339`], lent.
    pub fn with_rfc3339<T>(self, then: impl FnOnce(&str) -> T) -> T {
        if self.0 < 0 {
            return then(&self.jiff().to_string());
        }
        let (secs, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let (days, of_day) = (secs / 86_400, secs % 86_400);
        // The reverse of `common`: years begin in March, in eras of 400 years.
        let since = days + 719_468;
        let (era, day) = (since / 146_097, since % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (year, month) = match month {
            0..10 => (year + era * 400, month + 3),
            _ => (year + era * 400 + 1, month - 9),
        };
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        let mut put = |digits: std::ops::Range<usize>, mut number: i64| {
            for place in text[digits].iter_mut().rev() {
                *place = b'0' + (number % 10) as u8;
                number /= 10;
            }
        };
        put(0..4, year);
        put(5..7, month);
        put(8..10, day);
        put(11..13, of_day / 3_600);
        put(14..16, of_day / 60 % 60);
        put(17..19, of_day % 60);
        put(20..29, nanos);
        let zeros = text[19..29].iter().rev().take_while(|b| **b == b'0').count();
        let end = if zeros == 9 { 19 } else { 29 - zeros };
        text[end] = b'Z';
        // Digits and the letters of the form are ASCII.
        then(str::from_utf8(&text[..=end]).unwrap_or_default())
    }

    /// RFC 3339 at an offset from UTC, in seconds: `2026-11-23T12:05:06+08:00`.
    pub fn to_rfc3339_at(self, offset_secs: i32) -> String {
        let minutes = offset_secs / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let local = self.local(offset_secs).strftime("%Y-%m-%dT%H:%M:%S%.f");
        format!("{local}{sign}{hours:02}:{rest:02}")
    }

    /// What a person reads at an offset from UTC, in seconds: `2026-11-23 12:05:06`.
    pub fn to_display_at(self, offset_secs: i32) -> String {
        self.local(offset_secs).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// What a person in China reads: `2026-11-23 12:05:06` in Beijing time.
    pub fn to_beijing(self) -> String {
        self.to_display_at(BEIJING_OFFSET_SECS)
    }

    /// An RFC 3339 instant. A space may stand for the `T`; a missing offset is an error.
    pub fn parse_rfc3339(text: &str) -> Result<Self, BadTime> {
        if let Some((local, b"Z")) = common(text.as_bytes()) {
            return Ok(Self(local));
        }
        let parsed: jiff::Timestamp = text.trim().parse().map_err(|_| BadTime(clip(text)))?;
        i64::try_from(parsed.as_nanosecond()).map(Self).map_err(|_| BadTime(clip(text)))
    }

    /// A local date and time (`2026-11-23 12:05:06[.f]`, `T` allowed) at an offset in seconds.
    pub fn parse_local(text: &str, offset_secs: i32) -> Result<Self, BadTime> {
        if let Some((local, b"")) = common(text.as_bytes())
            && (-86_400..=86_400).contains(&offset_secs)
        {
            return Ok(Self(local - i64::from(offset_secs) * 1_000_000_000));
        }
        let bad = || BadTime(clip(text));
        let local: jiff::civil::DateTime = text.trim().parse().map_err(|_| bad())?;
        let offset = Offset::from_seconds(offset_secs).map_err(|_| bad())?;
        let instant = offset.to_timestamp(local).map_err(|_| bad())?;
        i64::try_from(instant.as_nanosecond()).map(Self).map_err(|_| bad())
    }

    fn jiff(self) -> jiff::Timestamp {
        // Every i64 of nanoseconds (1677..2262) lies within jiff's range (-9999..9999).
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    fn local(self, offset_secs: i32) -> jiff::civil::DateTime {
        Offset::from_seconds(offset_secs).unwrap_or(Offset::UTC).to_datetime(self.jiff())
    }
}

/// Reads what nearly every record writes, `2026-11-23T12:05:06` (or a space for the `T`) with or
/// without digits of a second, in a quarter of a full parser's instructions: nanoseconds since the
/// epoch as if in UTC, and what follows. `None` says nothing but that it is not of this form.
fn common(text: &[u8]) -> Option<(i64, &[u8])> {
    let (head, mut rest) = text.split_first_chunk::<19>()?;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    };
    let separators = [head[4], head[7], head[10], head[13], head[16]];
    if separators != *b"--T::" && separators != *b"-- ::" {
        return None;
    }
    let (year, month, day): (i64, i64, i64) =
        (number(&head[..4])?, number(&head[5..7])?, number(&head[8..10])?);
    let (hour, minute) = (number(&head[11..13])?, number(&head[14..16])?);
    let second = number(&head[17..])?;
    // Leap days and leap seconds are left to the full parser.
    let last = *[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].get((month - 1) as usize)?;
    let date = (1970..2262).contains(&year) && (1..=last).contains(&day);
    if !date || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut nanos = 0;
    if let Some((b'.', fraction)) = rest.split_first() {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        let (fraction, after) = fraction.split_at(digits);
        nanos = number(fraction)? * 10_i64.pow(9 - digits as u32);
        rest = after;
    }
    // Days since the epoch: years begin in March, so that the day which some lack comes last.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day;
    let secs = (days - 719_469) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some((secs * 1_000_000_000 + nanos, rest))
}

/// Beijing time, ahead of UTC by eight hours all year.
pub const BEIJING_OFFSET_SECS: i32 = 8 * 3600;

fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_rfc3339(|text| f.write_str(text))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_rfc3339(|text| f.write_str(text))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.with_rfc3339(|text| s.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_common_form_is_read_as_the_full_parser_reads_it(
            text in "(19[6-9][0-9]|20[0-9]{2}|2[0-9]{3})-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?",
            damage in prop::option::of((any::<prop::sample::Index>(), "[ -:TtzZ\u{0}学]")),
        ) {
            let mut text: Vec<char> = text.chars().collect();
            if let Some((at, with)) = damage {
                let at = at.index(text.len());
                text[at] = with.chars().next().unwrap();
            }
            let text: String = text.into_iter().collect();
            let full = (text.clone() + "Z").parse::<jiff::Timestamp>().ok();
            let full = full.and_then(|t| i64::try_from(t.as_nanosecond()).ok());
            prop_assert_eq!(Timestamp::parse_rfc3339(&(text.clone() + "Z")).ok(), full.map(Timestamp));
            if let Some((nanos, rest)) = common(text.as_bytes()) {
                prop_assert!(!rest.is_empty() || Some(nanos) == full, "{}", text);
            }
        }

        #[test]
        fn every_instant_is_written_as_the_full_writer_writes_it(
            nanos in any::<i64>(),
            step in prop::sample::select(vec![1, 1_000, 10_000_000, 1_000_000_000]),
        ) {
            let t = Timestamp(nanos - nanos % step);
            prop_assert_eq!(t.to_rfc3339(), t.jiff().to_string());
            prop_assert_eq!(format!("{t}"), t.to_rfc3339());
        }

        #[test]
        fn every_day_is_where_the_calendar_has_it(day in 0i64..106_000) {
            let midnight = Timestamp::from_secs(day * 86_400);
            let text = midnight.to_rfc3339();
            prop_assert_eq!(&text, &midnight.jiff().to_string());
            prop_assert_eq!(Timestamp::parse_rfc3339(&text), Ok(midnight));
            let leap = text.contains("-02-29");
            prop_assert_eq!(common(text.as_bytes()).is_none(), leap);
        }
    }

    #[test]
    fn rfc3339_round_trip_and_beijing() {
        let t = Timestamp::parse_rfc3339("2026-11-23T12:05:06.25+08:00").unwrap();
        assert_eq!(t.to_rfc3339(), "2026-11-23T04:05:06.25Z");
        assert_eq!(t.to_beijing(), "2026-11-23 12:05:06");
        assert_eq!(t.to_rfc3339_at(BEIJING_OFFSET_SECS), "2026-11-23T12:05:06.25+08:00");
        assert_eq!(Timestamp::parse_local("2026-11-23 12:05:06.25", BEIJING_OFFSET_SECS), Ok(t));
        assert!(Timestamp::parse_rfc3339("yesterday").is_err());
        assert!(Timestamp::parse_rfc3339("2026-11-23T12:05:06").is_err(), "an offset is required");
    }

    #[test]
    fn spans_never_wrap() {
        let t = Timestamp::from_secs(100);
        assert_eq!(t.since(Timestamp::from_secs(40)), Duration::from_secs(60));
        assert_eq!(t.since(Timestamp::from_secs(400)), Duration::ZERO);
        assert_eq!(Timestamp::MAX.plus(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(-1).secs(), -1);
        let far = Timestamp::MAX.since(Timestamp::MIN);
        assert_eq!(far, Duration::from_nanos(u64::MAX));
    }
}
