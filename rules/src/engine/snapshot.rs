//! Correlation state as bytes, and moving it to another rule set.

use std::collections::VecDeque;
use std::sync::Arc;

use events::Timestamp;
use serde::{Deserialize, Serialize};

use super::correlate::Correlator;
use super::pending::Item;
use super::sources::{SavedSources, Sources};
use super::suppress::Quiet;
use super::window::{Entry, Group, GroupKey};
use super::{CorrelationLimits, Engine};
use crate::error::Error;
use crate::load::hex;
use crate::rule::RuleKind;
use crate::scratch::Scratch;
use crate::set::RuleSet;

/// Version of the written form.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    watermark: Timestamp,
    /// Not in checkpoints of before there was a watermark for each source.
    #[serde(default)]
    sources: SavedSources,
    swept: Timestamp,
    rules: Vec<SavedRule>,
    /// Groups of detections whose rule keeps quiet.
    #[serde(default)]
    quiet: Vec<SavedQuiet>,
}

#[derive(Serialize, Deserialize)]
struct SavedQuiet {
    id: String,
    hash: String,
    key: GroupKey,
    spoken: Timestamp,
}

/// State of one correlation. It is kept only for a rule of the same id and text.
#[derive(Serialize, Deserialize)]
struct SavedRule {
    id: String,
    hash: String,
    groups: Vec<SavedGroup>,
    pending: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct SavedGroup {
    key: GroupKey,
    quiet_until: Timestamp,
    /// When the window closes, for conditions judged then.
    closes: Option<Timestamp>,
    entries: VecDeque<Entry>,
}

impl Engine {
    /// The correlation state as bytes. Together with the position in the journal it is a
    /// checkpoint: an engine restored from it goes on exactly as this one would.
    pub fn snapshot(&self) -> Vec<u8> {
        // The types hold nothing that JSON cannot: no error can arise.
        serde_json::to_vec(&self.save()).unwrap_or_default()
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
        let saved: Saved =
            serde_json::from_slice(snapshot).map_err(|source| Error::Snapshot { source })?;
        if saved.version != VERSION {
            return Err(Error::SnapshotVersion { found: saved.version, known: VERSION });
        }
        let mut engine = Self::new(set, limits);
        engine.load(saved);
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
        self.load(saved);
    }

    fn save(&self) -> Saved {
        let mut rules: Vec<SavedRule> = Vec::new();
        let mut places = vec![None; self.set.rules().len()];
        for (at, rule) in self.set.rules().iter().enumerate() {
            if matches!(rule.kind, RuleKind::Correlation(_)) {
                places[at] = Some(rules.len());
                let mut groups: Vec<SavedGroup> = self.correlator.groups[at]
                    .iter()
                    .map(|(key, g)| SavedGroup {
                        key: key.clone(),
                        quiet_until: g.quiet_until,
                        closes: None,
                        entries: g.entries.clone(),
                    })
                    .collect();
                groups.sort_by(|a, b| a.key.cmp(&b.key));
                rules.push(SavedRule {
                    id: rule.id.clone(),
                    hash: hex(&rule.hash),
                    groups,
                    pending: Vec::new(),
                });
            }
        }
        for (end, index, key) in &self.correlator.closing {
            let Some(saved) = places[index.index()].map(|p| &mut rules[p]) else { continue };
            if let Ok(at) = saved.groups.binary_search_by(|g| g.key.cmp(key)) {
                saved.groups[at].closes = Some(*end);
            }
        }
        for (index, item) in self.correlator.pending.iter() {
            if let Some(place) = places[index.index()] {
                rules[place].pending.push(item.clone());
            }
        }
        rules.retain(|r| !r.groups.is_empty() || !r.pending.is_empty());
        let mut quiet: Vec<SavedQuiet> = self
            .quiet
            .spoken
            .iter()
            .map(|((index, key), spoken)| {
                let rule = self.set.rule(*index);
                let (id, hash) = (rule.id.clone(), hex(&rule.hash));
                SavedQuiet { id, hash, key: key.clone(), spoken: *spoken }
            })
            .collect();
        quiet.sort_by(|a, b| (&a.id, &a.key).cmp(&(&b.id, &b.key)));
        let (watermark, swept) = (self.watermark, self.correlator.swept);
        let sources = self.sources.save();
        Saved { version: VERSION, watermark, sources, swept, rules, quiet }
    }

    fn load(&mut self, saved: Saved) {
        self.watermark = saved.watermark;
        self.sources = Sources::restore(saved.sources);
        self.correlator.swept = saved.swept;
        self.quiet = Quiet::default();
        for quiet in saved.quiet {
            let same =
                self.set.index_of(&quiet.id).filter(|i| hex(&self.set.rule(*i).hash) == quiet.hash);
            match same {
                Some(index) => {
                    self.quiet.spoken.insert((index, quiet.key), quiet.spoken);
                }
                None => self.correlator.counters.forgotten += 1,
            }
        }
        for rule in saved.rules {
            let same =
                self.set.index_of(&rule.id).filter(|i| hex(&self.set.rule(*i).hash) == rule.hash);
            let Some(index) = same else {
                self.correlator.counters.forgotten +=
                    (rule.groups.len() + rule.pending.len()) as u64;
                continue;
            };
            let RuleKind::Correlation(c) = &self.set.rule(index).kind else { continue };
            for group in rule.groups {
                if let Some(end) = group.closes {
                    self.correlator.closing.insert((end, index, group.key.clone()));
                }
                let made = Group::from_entries(c, group.entries, group.quiet_until);
                self.correlator.groups[index.index()].insert(group.key, made);
            }
            for item in rule.pending {
                self.correlator.pending.push(index, item);
            }
        }
    }
}
