//! Sampling rates: in the records themselves, or in option records that flows refer to by the id of
//! a sampler or selector, or that hold for the whole exporter.

use std::collections::HashMap;
use std::net::IpAddr;

use super::template::Key;
use crate::limits::EXPORTERS_MAX;

/// What a record says of sampling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// One in so many packets (elements 34, 50).
    pub(crate) interval: Option<u32>,
    /// So many packets in a row are looked at (305), then so many are not (306).
    pub(crate) looked: Option<u32>,
    pub(crate) passed: Option<u32>,
    /// Sampler (48) or selector (302).
    pub(crate) sampler: Option<u64>,
}

impl Said {
    fn rate(&self) -> Option<u32> {
        if let Some(interval) = self.interval {
            return Some(interval.max(1));
        }
        let looked = self.looked.filter(|n| *n > 0)?;
        Some(looked.saturating_add(self.passed?).div_ceil(looked))
    }
}

/// Rates by exporter, version and domain, and by sampler within.
#[derive(Debug, Default)]
pub(crate) struct Sampling {
    rates: HashMap<(IpAddr, u16, u32, Option<u64>), u32>,
}

impl Sampling {
    /// Remembers what an option record says.
    pub(crate) fn learn(&mut self, key: &Key, said: &Said) {
        let Some(rate) = said.rate() else { return };
        let mut put = |sampler| {
            let at = (key.exporter, key.version, key.domain, sampler);
            if self.rates.len() < EXPORTERS_MAX || self.rates.contains_key(&at) {
                self.rates.insert(at, rate);
            }
        };
        put(said.sampler);
        // Flows that name no sampler have the exporter's: the last one told.
        put(None);
    }

    /// The rate of a flow record.
    pub(crate) fn rate(&self, key: &Key, said: &Said) -> Option<u32> {
        if let Some(rate) = said.rate() {
            return Some(rate);
        }
        let of =
            |sampler| self.rates.get(&(key.exporter, key.version, key.domain, sampler)).copied();
        // Sampler 0 says that this flow was not sampled.
        match said.sampler {
            Some(0) => None,
            Some(sampler) => of(Some(sampler)),
            None if self.rates.is_empty() => None,
            None => of(None),
        }
    }
}
