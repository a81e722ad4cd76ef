//! The Sigma log source of an event: product, category, service. The decoder's pack sets it;
//! rules are routed by it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::intern::{Interner, LocalCache};
use crate::limits;

/// Product, category and service as the Sigma specification names them. An absent part is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSource {
    /// `windows`, `linux`, `huawei`…
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub product: String,
    /// `process_creation`, `webserver`, `firewall`, `dns`…
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// `security`, `sshd`, `sysmon`…
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service: String,
}

/// An interned log source. Valid in this process only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogSourceId(u32);

static SOURCES: Interner = Interner::new(limits::LOGSOURCES_MAX, 256, &["\0\0"]);

thread_local! {
    static LOCAL: LocalCache = LocalCache::new();
}

impl LogSource {
    /// A log source from its three parts; pass `""` for an absent one.
    pub fn new(product: &str, category: &str, service: &str) -> Self {
        Self { product: product.into(), category: category.into(), service: service.into() }
    }

    /// Whether an event of source `other` is one that a rule for `self` asks for: every part that
    /// `self` names must be equal.
    pub fn covers(&self, other: &Self) -> bool {
        let part = |want: &str, have: &str| want.is_empty() || want.eq_ignore_ascii_case(have);
        part(&self.product, &other.product)
            && part(&self.category, &other.category)
            && part(&self.service, &other.service)
    }
}

impl LogSourceId {
    /// A source that is not known: every part absent.
    pub const UNKNOWN: Self = Self(0);

    /// The id of a log source, made if new; [`Self::UNKNOWN`] when the table is full
    /// ([`limits::LOGSOURCES_MAX`]).
    pub fn intern(source: &LogSource) -> Self {
        let key = format!("{}\0{}\0{}", source.product, source.category, source.service);
        Self::from_key(&key)
    }

    /// The log source behind the id.
    pub fn get(self) -> LogSource {
        let mut parts = self.key().splitn(3, '\0');
        let mut next = || parts.next().unwrap_or("").to_owned();
        LogSource { product: next(), category: next(), service: next() }
    }

    /// The id as a dense index, for tables by log source.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The three parts joined by NUL: the written form of the codec.
    pub(crate) fn key(self) -> &'static str {
        SOURCES.name(self.0)
    }

    pub(crate) fn from_key(key: &str) -> Self {
        LOCAL.with(|l| l.intern(&SOURCES, key)).map_or(Self::UNKNOWN, Self)
    }
}

impl fmt::Debug for LogSourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.get())
    }
}

impl fmt::Display for LogSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |p: &str| if p.is_empty() { "*".to_owned() } else { p.to_owned() };
        write!(f, "{}/{}/{}", part(&self.product), part(&self.category), part(&self.service))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_only_what_is_named() {
        let rule = LogSource::new("windows", "process_creation", "");
        assert!(rule.covers(&LogSource::new("windows", "process_creation", "sysmon")));
        assert!(!rule.covers(&LogSource::new("linux", "process_creation", "")));
        assert!(LogSource::default().covers(&rule));
        assert!(!rule.covers(&LogSource::default()));
    }

    #[test]
    fn interning_keeps_the_parts() {
        let s = LogSource::new("huawei", "firewall", "usg");
        assert_eq!(LogSourceId::intern(&s).get(), s);
        assert_eq!(LogSourceId::UNKNOWN.get(), LogSource::default());
    }
}
