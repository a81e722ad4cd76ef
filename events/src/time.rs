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
        self.jiff().to_string()
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
        let parsed: jiff::Timestamp = text.trim().parse().map_err(|_| BadTime(clip(text)))?;
        i64::try_from(parsed.as_nanosecond()).map(Self).map_err(|_| BadTime(clip(text)))
    }

    /// A local date and time (`2026-11-23 12:05:06[.f]`, `T` allowed) at an offset in seconds.
    pub fn parse_local(text: &str, offset_secs: i32) -> Result<Self, BadTime> {
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

/// Beijing time, ahead of UTC by eight hours all year.
pub const BEIJING_OFFSET_SECS: i32 = 8 * 3600;

fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.to_rfc3339())
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
