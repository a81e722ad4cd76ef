//! Keeping the correlation state within its bounds: what gives way, and that it is counted.

use events::Timestamp;
use hashbrown::HashMap;

use super::CorrelationLimits;
use super::correlate::Correlator;
use super::suppress::Quiet;
use super::window::GroupKey;
use crate::rule::RuleKind;
use crate::set::RuleSet;

/// A group is not cut below so many hits (or its highest threshold) for want of bytes; then groups
/// are dropped.
const ENTRIES_KEPT: usize = 64;

impl Correlator {
    /// Makes room for one more group: first by sweeping, then by dropping an eighth of all,
    /// those longest without a hit.
    pub(super) fn make_room(&mut self, set: &RuleSet, limits: &CorrelationLimits, now: Timestamp) {
        if self.group_count() < limits.groups_max.max(1) {
            return;
        }
        self.sweep(set, now);
        if self.group_count() >= limits.groups_max.max(1) {
            self.evict_eighth();
        }
    }

    /// Cuts what is held until it takes no more than so many bytes when written.
    pub(super) fn shrink(&mut self, set: &RuleSet, bytes_max: usize) {
        let mut cap = self.groups.iter().flat_map(HashMap::values).map(|g| g.entries.len()).max();
        while self.weight() > bytes_max && self.group_count() > 0 {
            match cap {
                Some(longest) if longest > ENTRIES_KEPT => {
                    let keep = (longest / 2).max(ENTRIES_KEPT);
                    self.cut_groups(set, keep);
                    cap = Some(keep);
                }
                _ => self.evict_eighth(),
            }
        }
    }

    fn cut_groups(&mut self, set: &RuleSet, keep: usize) {
        for (rule, groups) in set.rules().iter().zip(&mut self.groups) {
            let RuleKind::Correlation(c) = &rule.kind else { continue };
            let keep = keep.max(c.entries_needed());
            for group in groups.values_mut() {
                while group.entries.len() > keep {
                    group.drop_oldest(c);
                    self.counters.entries_dropped += 1;
                }
            }
        }
    }

    fn evict_eighth(&mut self) {
        let have = self.group_count();
        let mut all: Vec<(Timestamp, usize, GroupKey)> = Vec::with_capacity(have);
        for (at, groups) in self.groups.iter().enumerate() {
            for (key, group) in groups {
                let last = group.entries.back().map_or(Timestamp::MIN, |e| e.time);
                all.push((last, at, key.clone()));
            }
        }
        all.sort_unstable();
        for (_, at, key) in all.into_iter().take(have / 8 + 1) {
            self.groups[at].remove(&key);
            self.counters.groups_evicted += 1;
        }
        let groups = &self.groups;
        self.closing.retain(|(_, index, key)| groups[index.index()].contains_key(key));
    }

    fn group_count(&self) -> usize {
        self.groups.iter().map(HashMap::len).sum()
    }

    fn weight(&self) -> usize {
        let groups = self.groups.iter().flatten();
        groups
            .map(|(key, g)| key.weight() + g.entries.iter().map(|e| e.weight()).sum::<usize>())
            .sum()
    }
}

impl Quiet {
    /// Forgets who spoke longest ago until the rest takes no more than so many bytes.
    pub(super) fn shrink(&mut self, bytes_max: usize) {
        while self.spoken.keys().map(|(_, key)| key.weight()).sum::<usize>() > bytes_max {
            self.forget();
        }
    }
}
