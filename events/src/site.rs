//! Sites (单位/学校) and sensors (采集器).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::intern::{Interner, LocalCache};
use crate::limits;

/// A school by its ten-digit school code (学校标识码: two digits of type, two of province, six of
/// sequence), or the bureau itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SiteId(u64);

/// A text that is neither ten digits nor `bureau`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ten-digit school code, nor `bureau`")]
pub struct BadSite;

impl SiteId {
    /// The education bureau (教育局), also the site of what cannot be told apart.
    pub const BUREAU: Self = Self(0);

    /// The code as a number; 0 for the bureau.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// From the code as a number.
    pub fn from_u64(code: u64) -> Result<Self, BadSite> {
        match code {
            0 | 1_000_000_000..=9_999_999_999 => Ok(Self(code)),
            _ => Err(BadSite),
        }
    }

    /// Whether this is the bureau.
    pub fn is_bureau(self) -> bool {
        self == Self::BUREAU
    }
}

impl FromStr for SiteId {
    type Err = BadSite;
    fn from_str(text: &str) -> Result<Self, BadSite> {
        if text == "bureau" {
            return Ok(Self::BUREAU);
        }
        if text.len() != 10 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadSite);
        }
        Self::from_u64(text.parse().map_err(|_| BadSite)?)
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_bureau() { f.write_str("bureau") } else { write!(f, "{:010}", self.0) }
    }
}

impl fmt::Debug for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiteId({self})")
    }
}

impl Serialize for SiteId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SiteId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A configured source of events, by its name in the configuration. Interned: valid in this
/// process only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SensorId(u32);

static SENSORS: Interner =
    Interner::new(limits::SENSORS_MAX, limits::SENSOR_NAME_BYTES_MAX, &["unknown"]);

thread_local! {
    static LOCAL: LocalCache = LocalCache::new();
}

impl SensorId {
    /// A sensor that is not known.
    pub const UNKNOWN: Self = Self(0);

    /// The id of a sensor's name, made if new; [`Self::UNKNOWN`] when the table is full
    /// ([`limits::SENSORS_MAX`]) or the name too long.
    pub fn intern(name: &str) -> Self {
        LOCAL.with(|l| l.intern(&SENSORS, name)).map_or(Self::UNKNOWN, Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        SENSORS.name(self.0)
    }

    /// The id as a dense index, for tables by sensor.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for SensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SensorId({})", self.name())
    }
}

impl fmt::Display for SensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn school_codes_have_ten_digits() {
        let school: SiteId = "2133000001".parse().unwrap();
        assert_eq!(school.to_string(), "2133000001");
        assert_eq!("bureau".parse(), Ok(SiteId::BUREAU));
        assert!("213300001".parse::<SiteId>().is_err());
        assert!("0000000001".parse::<SiteId>().is_err());
        assert!("２１３３000001".parse::<SiteId>().is_err());
    }
}
