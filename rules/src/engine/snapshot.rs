//! Correlation state as bytes, and moving it to another rule set.
//!
//! Layout, version 4, by [`events::wire`]: `version=4 · watermark · swept · sources ([`Sources`]) · rules: count, rule* ·
//! quiet: count, (id · hash · groups: count, (key · spoken)*)*`, a rule being `id · hash · groups:
//! count, (key · quiet until · [closes] · entries)* · pending: count, (key · entry)*`. Times of
//! entries are written as the difference to the entry before. Versions 2 and 3, which did not count
//! what tells whole seconds, are still read.

use std::collections::VecDeque;
use std::sync::Arc;

use events::codec::CodecError;
use events::wire::{Reader, put, put_bytes, put_signed};
use events::{EventId, ExerciseId, SiteId, Timestamp};
use hashbrown::HashMap;

use super::correlate::Correlator;
use super::pending::Item;
use super::sources::Sources;
use super::suppress::Quiet;
use super::window::{Entry, Group, GroupKey};
use super::{CorrelationLimits, Engine};
use crate::error::Error;
use crate::rule::{RuleIndex, RuleKind};
use crate::scratch::Scratch;
use crate::set::RuleSet;

/// Version of the written form.
const VERSION: u8 = 4;
/// The oldest version that is read.
const VERSION_MIN: u8 = 2;
const HAS_SITE: u8 = 1;
const HAS_EXERCISE: u8 = 2;
const HAS_VALUE: u8 = 1;
const HAS_NUMBER: u8 = 2;

impl Engine {
    /// The correlation state as bytes, cut to [`CorrelationLimits::state_bytes_max`]. Together
    /// with the position in the journal it is a checkpoint: an engine restored from it goes on
    /// exactly as this one does.
    pub fn snapshot(&mut self) -> Vec<u8> {
        let most = self.limits.state_bytes_max;
        self.correlator.shrink(&self.set, most / 2);
        self.quiet.shrink(most / 4);
        self.save()
    }

    /// An engine that goes on from a snapshot. State of rules that are gone or changed is
    /// dropped and counted in [`super::EngineStats::forgotten`].
    ///
    /// # Errors
    /// Bytes that are not a snapshot, or one of an unknown version.
    pub fn restore(
        set: Arc<RuleSet>,
        limits: CorrelationLimits,
        snapshot: &[u8],
    ) -> Result<Self, Error> {
        let mut engine = Self::new(set, limits);
        engine.load(snapshot).map_err(|source| match source {
            CodecError::Version(found) => {
                Error::SnapshotVersion { found: found.into(), known: VERSION.into() }
            }
            source => Error::Snapshot { source },
        })?;
        Ok(engine)
    }

    /// Puts another rule set to work at once. State of rules whose text (and whose base rules'
    /// text) is unchanged is kept.
    pub fn replace(&mut self, set: Arc<RuleSet>) {
        let saved = self.save();
        let counters = self.correlator.counters;
        let detections = self.correlator.detections;
        self.correlator = Correlator::new(&set);
        self.correlator.counters = counters;
        self.correlator.detections = detections;
        self.set = set;
        self.scratch = Scratch::new();
        // What was just written can be read.
        let read = self.load(&saved);
        debug_assert!(read.is_ok());
    }

    fn save(&self) -> Vec<u8> {
        let correlator = &self.correlator;
        let mut closes: HashMap<(RuleIndex, &GroupKey), Timestamp> = HashMap::new();
        for (end, index, key) in &correlator.closing {
            closes.insert((*index, key), *end);
        }
        let mut pending: HashMap<RuleIndex, Vec<&Item>> = HashMap::new();
        for (index, item) in correlator.pending.iter() {
            pending.entry(index).or_default().push(item);
        }
        let rules = self.set.rules().iter().enumerate();
        let rules: Vec<_> = rules
            .map(|(at, rule)| (RuleIndex(at as u32), rule, &correlator.groups[at]))
            .filter(|(index, _, groups)| !groups.is_empty() || pending.contains_key(index))
            .collect();
        let mut out = vec![VERSION];
        put_signed(&mut out, self.watermark.nanos());
        put_signed(&mut out, correlator.swept.nanos());
        self.sources.save(&mut out);
        put(&mut out, rules.len() as u64);
        for (index, rule, groups) in rules {
            put_bytes(&mut out, rule.id.as_bytes());
            out.extend_from_slice(&rule.hash);
            let mut groups: Vec<_> = groups.iter().collect();
            groups.sort_unstable_by_key(|(key, _)| *key);
            put(&mut out, groups.len() as u64);
            for (key, group) in groups {
                put_key(&mut out, key);
                put_signed(&mut out, group.quiet_until.nanos());
                let closes = closes.get(&(index, key));
                out.push(u8::from(closes.is_some()));
                if let Some(closes) = closes {
                    put_signed(&mut out, closes.nanos());
                }
                put(&mut out, group.entries.len() as u64);
                let mut before = 0;
                for entry in &group.entries {
                    put_entry(&mut out, entry, &mut before);
                }
            }
            let waiting = pending.get(&index).map_or(&[][..], Vec::as_slice);
            put(&mut out, waiting.len() as u64);
            for item in waiting {
                put_key(&mut out, &item.group);
                put_entry(&mut out, &item.entry, &mut 0);
            }
        }
        self.save_quiet(&mut out);
        out
    }

    fn save_quiet(&self, out: &mut Vec<u8>) {
        let mut quiet: Vec<_> = self.quiet.spoken.iter().collect();
        quiet.sort_unstable();
        let rules: Vec<_> = quiet.chunk_by(|a, b| a.0.0 == b.0.0).collect();
        put(out, rules.len() as u64);
        for groups in rules {
            let Some(((index, _), _)) = groups.first() else { continue };
            let rule = self.set.rule(*index);
            put_bytes(out, rule.id.as_bytes());
            out.extend_from_slice(&rule.hash);
            put(out, groups.len() as u64);
            for ((_, key), spoken) in groups {
                put_key(out, key);
                put_signed(out, spoken.nanos());
            }
        }
    }

    fn load(&mut self, saved: &[u8]) -> Result<(), CodecError> {
        let mut r = Reader::new(saved);
        let version = r.byte("version")?;
        if !(VERSION_MIN..=VERSION).contains(&version) {
            return Err(CodecError::Version(version));
        }
        self.watermark = time(&mut r)?;
        self.correlator.swept = time(&mut r)?;
        self.sources = Sources::load(&mut r, version)?;
        self.quiet = Quiet::default();
        for _ in 0..r.count("rules")? {
            let same = self.same_rule(&mut r)?;
            let forgotten = self.load_rule(&mut r, same)?;
            self.correlator.counters.forgotten += forgotten;
        }
        for _ in 0..r.count("quiet rules")? {
            let same = self.same_rule(&mut r)?;
            for _ in 0..r.count("quiet groups")? {
                let (key, spoken) = (key(&mut r)?, time(&mut r)?);
                match same {
                    Some(index) => drop(self.quiet.spoken.insert((index, key), spoken)),
                    None => self.correlator.counters.forgotten += 1,
                }
            }
        }
        r.end("snapshot")
    }

    /// Our rule of the same id and text, if there still is one.
    fn same_rule(&self, r: &mut Reader<'_>) -> Result<Option<RuleIndex>, CodecError> {
        let id = r.text("rule")?;
        let hash: [u8; 32] = r.array("hash")?;
        Ok(self.set.index_of(id).filter(|index| self.set.rule(*index).hash == hash))
    }

    /// Takes the state of one correlation, or passes over it and counts it.
    fn load_rule(
        &mut self,
        r: &mut Reader<'_>,
        same: Option<RuleIndex>,
    ) -> Result<u64, CodecError> {
        let set = Arc::clone(&self.set);
        let known = same.and_then(|index| match &set.rule(index).kind {
            RuleKind::Correlation(c) => Some((index, c)),
            RuleKind::Detection(_) => None,
        });
        let mut forgotten = 0;
        for _ in 0..r.count("groups")? {
            let (key, quiet_until) = (key(r)?, time(r)?);
            let closes = if r.byte("closes")? == 0 { None } else { Some(time(r)?) };
            let (mut entries, mut before) = (VecDeque::new(), 0);
            for _ in 0..r.count("entries")? {
                entries.push_back(entry(r, &mut before)?);
            }
            let Some((index, c)) = known else {
                forgotten += 1;
                continue;
            };
            if let Some(end) = closes {
                self.correlator.closing.insert((end, index, key.clone()));
            }
            let group = Group::from_entries(c, entries, quiet_until);
            self.correlator.groups[index.index()].insert(key, group);
        }
        for _ in 0..r.count("pending")? {
            let item = Item { group: key(r)?, entry: entry(r, &mut 0)? };
            match known {
                Some((index, _)) => self.correlator.pending.push(index, item),
                None => forgotten += 1,
            }
        }
        Ok(forgotten)
    }
}

fn put_key(out: &mut Vec<u8>, key: &GroupKey) {
    let site = if key.site.is_some() { HAS_SITE } else { 0 };
    out.push(site | if key.exercise.is_some() { HAS_EXERCISE } else { 0 });
    if let Some(site) = key.site {
        put(out, site.as_u64());
    }
    if let Some(exercise) = key.exercise {
        out.extend_from_slice(&exercise.to_bytes());
    }
    put(out, key.values.len() as u64);
    for value in &key.values {
        put_bytes(out, value.as_bytes());
    }
}

fn put_entry(out: &mut Vec<u8>, entry: &Entry, before: &mut i64) {
    let nanos = entry.time.nanos();
    put_signed(out, nanos.wrapping_sub(std::mem::replace(before, nanos)));
    out.extend_from_slice(&entry.id.to_bytes());
    put(out, entry.site.as_u64());
    put(out, entry.rule.into());
    let value = if entry.value.is_some() { HAS_VALUE } else { 0 };
    out.push(value | if entry.number.is_some() { HAS_NUMBER } else { 0 });
    if let Some(value) = &entry.value {
        put_bytes(out, value.as_bytes());
    }
    if let Some(number) = entry.number {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn time(r: &mut Reader<'_>) -> Result<Timestamp, CodecError> {
    r.signed("time").map(Timestamp::from_nanos)
}

fn site(r: &mut Reader<'_>) -> Result<SiteId, CodecError> {
    let at = r.at();
    SiteId::from_u64(r.number("site")?).map_err(|_| CodecError::Bad { at, what: "site" })
}

fn key(r: &mut Reader<'_>) -> Result<GroupKey, CodecError> {
    let flags = r.byte("flags")?;
    let site = if flags & HAS_SITE == 0 { None } else { Some(site(r)?) };
    let exercise = match flags & HAS_EXERCISE {
        0 => None,
        _ => Some(ExerciseId::from_u128(u128::from_be_bytes(r.array("exercise")?))),
    };
    let mut values = Vec::new();
    for _ in 0..r.count("values")? {
        values.push(r.text("value")?.to_owned());
    }
    Ok(GroupKey { site, exercise, values })
}

fn entry(r: &mut Reader<'_>, before: &mut i64) -> Result<Entry, CodecError> {
    let nanos = before.wrapping_add(r.signed("time")?);
    *before = nanos;
    let id = EventId::from_u128(u128::from_be_bytes(r.array("id")?));
    let (site, at) = (site(r)?, r.at());
    let rule = u32::try_from(r.number("rule")?);
    let rule = rule.map_err(|_| CodecError::Bad { at, what: "rule" })?;
    let flags = r.byte("flags")?;
    let value = if flags & HAS_VALUE == 0 { None } else { Some(r.text("value")?.to_owned()) };
    let number = match flags & HAS_NUMBER {
        0 => None,
        _ => Some(f64::from_le_bytes(r.array("number")?)),
    };
    Ok(Entry { time: Timestamp::from_nanos(nanos), id, site, rule, value, number })
}
