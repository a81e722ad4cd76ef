//! Ids: 128 bits, written as 32 lower-case hexadecimal digits. A type per kind of thing, so that
//! an alert's id cannot be passed where an incident's is wanted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

/// A text that is not 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of 32 hexadecimal digits")]
pub struct BadId;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(u128);

        impl $name {
            /// From its 128 bits.
            pub const fn from_u128(bits: u128) -> Self {
                Self(bits)
            }
            /// Its 128 bits.
            pub const fn as_u128(self) -> u128 {
                self.0
            }
            /// A time-ordered id (the layout of RFC 9562 version 7): 48 bits of milliseconds, then
            /// 74 bits of `unique` (random, or node and sequence).
            pub fn at(time: Timestamp, unique: u128) -> Self {
                Self(time_ordered(time, unique))
            }
            /// From the first 16 bytes of a digest: the same inputs give the same id.
            pub fn from_digest(digest: &[u8; 32]) -> Self {
                let mut half = [0; 16];
                half.copy_from_slice(&digest[..16]);
                Self(u128::from_be_bytes(half))
            }
            /// Its bytes, most significant first: sorts as the id does.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:032x})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// One event (日志记录).
    EventId;
    /// One detection (命中).
    DetectionId;
    /// One alert group (告警组).
    AlertId;
    /// One incident (安全事件).
    IncidentId;
    /// One notice (通报).
    NoticeId;
    /// One case (处置工单).
    CaseId;
    /// One run: of an audit, a masking job or a playbook (稽核、作业、预案执行).
    RunId;
    /// One finding (不符合项).
    FindingId;
    /// One drill (演练).
    DrillId;
    /// What marks events of an exercise (演练标识).
    ExerciseId;
    /// One step of a playbook run (步骤).
    StepId;
    /// One reveal request (还原申请).
    RevealId;
}

fn time_ordered(time: Timestamp, unique: u128) -> u128 {
    let millis = u128::from(time.millis().max(0) as u64) & 0xffff_ffff_ffff;
    let high = (unique >> 62) & 0xfff;
    let low = unique & 0x3fff_ffff_ffff_ffff;
    (millis << 80) | (7 << 76) | (high << 64) | (0b10 << 62) | low
}

fn parse(text: &str) -> Result<u128, BadId> {
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(BadId);
    }
    u128::from_str_radix(text, 16).map_err(|_| BadId)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_follows_time() {
        let a = EventId::at(Timestamp::from_millis(1_000), u128::MAX);
        let b = EventId::at(Timestamp::from_millis(1_001), 0);
        assert!(a < b);
        assert_eq!(a.to_string().parse(), Ok(a));
        assert_eq!(a.to_string().as_bytes()[12], b'7', "version 7 of RFC 9562");
        assert!("zz".parse::<EventId>().is_err());
    }
}
