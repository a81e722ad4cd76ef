//! Groups, windows and firing.

use std::collections::BTreeSet;
use std::time::Duration;

use events::{Event, EventId, Timestamp};
use hashbrown::HashMap;

use super::detection::{Detection, Identity, correlated_id, ends};
use super::pending::{Item, Pending};
use super::window::{Added, Entry, Group, GroupKey};
use super::{CorrelationLimits, EngineStats, suppress};
use crate::hit::MatchedField;
use crate::rule::{Correlation, RuleIndex, RuleKind};
use crate::set::{RuleSet, values};

/// Distinct counted values shown in a detection.
const SHOWN_VALUES_MAX: usize = 20;
/// How much event time passes between two searches for groups that have gone quiet.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// All correlation state.
#[derive(Default)]
pub(crate) struct Correlator {
    /// By rule index; empty for detections.
    pub(crate) groups: Vec<HashMap<GroupKey, Group>>,
    pub(crate) pending: Pending,
    /// Windows to be judged at their close.
    pub(crate) closing: BTreeSet<(Timestamp, RuleIndex, GroupKey)>,
    pub(crate) swept: Timestamp,
    pub(crate) detections: u64,
    pub(crate) counters: EngineStats,
}

impl Correlator {
    pub(crate) fn new(set: &RuleSet) -> Self {
        Self {
            groups: set.rules().iter().map(|_| HashMap::new()).collect(),
            swept: Timestamp::MIN,
            ..Self::default()
        }
    }

    pub(crate) fn stats(&self) -> EngineStats {
        EngineStats {
            detections: self.detections,
            groups: self.groups.iter().map(HashMap::len).sum(),
            pending: self.pending.len(),
            ..self.counters
        }
    }

    /// Takes a base rule's hit, an event that counts as of `time`, for every correlation that builds
    /// on it.
    pub(crate) fn hit(
        &mut self,
        set: &RuleSet,
        limits: &CorrelationLimits,
        base: RuleIndex,
        (event, time): (&Event, Timestamp),
        watermark: Timestamp,
        out: &mut Vec<Detection>,
    ) {
        self.counters.hits += 1;
        for &index in &set.correlated[base.index()] {
            let RuleKind::Correlation(c) = &set.rule(index).kind else { continue };
            for (at, _) in c.rules.iter().enumerate().filter(|(_, r)| **r == base) {
                let first =
                    |fields: &[std::sync::Arc<crate::syntax::expr::Field>]| -> Option<Vec<String>> {
                        let text = |f: &std::sync::Arc<_>| {
                            values(f, event).map(|v| v.text().into_owned()).find(|t| !t.is_empty())
                        };
                        fields.iter().map(text).collect()
                    };
                let Some(group) = first(&c.group_fields[at]) else {
                    self.counters.ungrouped += 1;
                    continue;
                };
                let fields = &c.value_fields[at];
                let value = if fields.is_empty() {
                    None
                } else {
                    let Some(parts) = first(fields) else { continue };
                    Some(as_one(parts))
                };
                let asked = fields.first().filter(|_| c.kind.is_of_numbers());
                let number = asked.and_then(|f| values(f, event).find_map(|v| v.as_f64()));
                let item = Item {
                    group: GroupKey {
                        site: (!c.region).then_some(event.site),
                        exercise: event.exercise,
                        values: group,
                    },
                    entry: Entry {
                        time,
                        id: event.id,
                        site: event.site,
                        rule: at as u32,
                        value,
                        number,
                    },
                };
                if time <= watermark {
                    // Of the very second that counts, it comes in its turn.
                    self.counters.late += u64::from(time < watermark);
                    self.take(set, limits, index, item, out);
                } else {
                    self.pending.push(index, item);
                }
            }
        }
        while self.pending.len() > limits.pending_max
            || self.pending.bytes() > limits.state_bytes_max / 4
        {
            let Some((index, item)) = self.pending.pop(Timestamp::MAX) else { break };
            self.take(set, limits, index, item, out);
        }
    }

    /// Takes everything up to the watermark, closes windows, forgets quiet groups.
    pub(crate) fn advance(
        &mut self,
        set: &RuleSet,
        limits: &CorrelationLimits,
        watermark: Timestamp,
        out: &mut Vec<Detection>,
    ) {
        while let Some((index, item)) = self.pending.pop(watermark) {
            self.take(set, limits, index, item, out);
        }
        self.close(set, limits, watermark, out);
        if watermark.minus(SWEEP_EVERY) >= self.swept {
            self.swept = watermark;
            self.sweep(set, watermark);
        }
    }

    /// Judges windows that end before a time.
    fn close(
        &mut self,
        set: &RuleSet,
        limits: &CorrelationLimits,
        before: Timestamp,
        out: &mut Vec<Detection>,
    ) {
        while self.closing.first().is_some_and(|(end, _, _)| *end < before) {
            let Some((end, index, key)) = self.closing.pop_first() else { break };
            let RuleKind::Correlation(c) = &set.rule(index).kind else { continue };
            let Some(group) = self.groups[index.index()].get_mut(&key) else { continue };
            // What lies behind the end opens the next window.
            let at = group.entries.partition_point(|e| e.time <= end);
            let later = group.entries.split_off(at);
            let whole = Group::from_entries(c, std::mem::take(&mut group.entries), Timestamp::MIN);
            if later.is_empty() {
                self.groups[index.index()].remove(&key);
            } else {
                if let Some(first) = later.front() {
                    self.closing.insert((first.time.plus(c.timespan), index, key.clone()));
                }
                *group = Group::from_entries(c, later, Timestamp::MIN);
            }
            if let Some(number) = whole.holds(c) {
                self.fire(set, limits, index, &key, &whole, number, end, out);
            }
        }
    }

    fn take(
        &mut self,
        set: &RuleSet,
        limits: &CorrelationLimits,
        index: RuleIndex,
        item: Item,
        out: &mut Vec<Detection>,
    ) {
        let RuleKind::Correlation(c) = &set.rule(index).kind else { return };
        let time = item.entry.time;
        self.close(set, limits, time, out);
        if !self.groups[index.index()].contains_key(&item.group) {
            self.make_room(set, limits, time);
            let group = Group::new(c.rules.len());
            self.groups[index.index()].insert(item.group.clone(), group);
        }
        let waits = c.waits_for_close();
        let Some(group) = self.groups[index.index()].get_mut(&item.group) else { return };
        if waits && group.entries.is_empty() {
            self.closing.insert((time.plus(c.timespan), index, item.group.clone()));
        }
        match group.add(c, item.entry, !waits) {
            Added::TooLate => {
                self.counters.too_late += 1;
                return;
            }
            Added::Late | Added::InOrder => {}
        }
        while group.entries.len() > limits.entries_per_group_max.max(c.entries_needed()) {
            group.drop_oldest(c);
            self.counters.entries_dropped += 1;
        }
        if waits || time <= group.quiet_until {
            return;
        }
        if let Some(number) = group.holds(c) {
            group.quiet_until = time.plus(set.rule(index).suppress.unwrap_or(c.timespan));
            // Copied only when it fires, which is rare.
            let group = group.clone();
            self.fire(set, limits, index, &item.group, &group, number, time, out);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one place that makes a detection of a window")]
    fn fire(
        &mut self,
        set: &RuleSet,
        limits: &CorrelationLimits,
        index: RuleIndex,
        key: &GroupKey,
        group: &Group,
        number: f64,
        time: Timestamp,
        out: &mut Vec<Detection>,
    ) {
        let rule = set.rule(index);
        let RuleKind::Correlation(c) = &rule.kind else { return };
        let (Some(first), Some(last)) = (group.entries.front(), group.entries.back()) else {
            return;
        };
        let named: Vec<(String, String)> =
            c.group_by.iter().cloned().zip(key.values.iter().cloned()).collect();
        if !rule.silent {
            out.push(Detection {
                identity: Identity::Window(correlated_id(&rule.id, key, first.id, last.id)),
                rule: index,
                rule_id: rule.id.clone(),
                level: suppress::level_of_group(rule, &named),
                time,
                event: last.id,
                events: ends(group.entries.iter().map(|e| e.id)),
                count: number.max(0.0).round() as u64,
                fields: shown(c, &named, group),
                group: named.clone(),
                site: last.site,
                exercise: key.exercise,
            });
        }
        for &above in &set.correlated[index.index()] {
            self.chain(set, limits, above, index, &named, key, last.id, last.site, time, out);
        }
    }

    /// Passes a correlation's detection on to a correlation that builds on it: its fields are
    /// those of its group.
    #[allow(clippy::too_many_arguments, reason = "the parts of one hit")]
    fn chain(
        &mut self,
        set: &RuleSet,
        limits: &CorrelationLimits,
        above: RuleIndex,
        base: RuleIndex,
        named: &[(String, String)],
        key: &GroupKey,
        id: EventId,
        site: events::SiteId,
        time: Timestamp,
        out: &mut Vec<Detection>,
    ) {
        let RuleKind::Correlation(c) = &set.rule(above).kind else { return };
        for (at, _) in c.rules.iter().enumerate().filter(|(_, r)| **r == base) {
            let value = |name: &str| named.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            let group: Option<Vec<String>> =
                c.group_fields[at].iter().map(|f| value(&f.name)).collect();
            let Some(group) = group else {
                self.counters.ungrouped += 1;
                continue;
            };
            let parts: Option<Vec<String>> =
                c.value_fields[at].iter().map(|f| value(&f.name)).collect();
            let Some(parts) = parts else { continue };
            let counted = (!parts.is_empty()).then(|| as_one(parts));
            let item = Item {
                group: GroupKey {
                    site: (!c.region).then_some(site),
                    exercise: key.exercise,
                    values: group,
                },
                entry: Entry {
                    time,
                    id,
                    site,
                    rule: at as u32,
                    number: counted.as_ref().and_then(|v| v.parse().ok()),
                    value: counted,
                },
            };
            self.take(set, limits, above, item, out);
        }
    }

    /// Drops groups that can no longer matter.
    pub(super) fn sweep(&mut self, set: &RuleSet, now: Timestamp) {
        for (rule, groups) in set.rules().iter().zip(&mut self.groups) {
            let RuleKind::Correlation(c) = &rule.kind else { continue };
            if c.waits_for_close() {
                continue;
            }
            let cutoff = now.minus(c.timespan);
            groups.retain(|_, g| {
                g.quiet_until >= now || g.entries.back().is_some_and(|e| e.time >= cutoff)
            });
        }
    }
}

/// Several fields are counted as one value.
fn as_one(mut parts: Vec<String>) -> String {
    if parts.len() > 1 { parts.join("\u{1f}") } else { parts.pop().unwrap_or_default() }
}

/// The group, then the values that were counted.
fn shown(c: &Correlation, named: &[(String, String)], group: &Group) -> Vec<MatchedField> {
    let field = |name: &str, value: &str| MatchedField {
        field: name.to_owned().into(),
        value: value.to_owned(),
        start: None,
        end: None,
    };
    let mut out: Vec<MatchedField> = named.iter().map(|(n, v)| field(n, v)).collect();
    let Some(name) = c.value_fields.first().and_then(|f| f.first()).map(|f| f.name.as_str()) else {
        return out;
    };
    let before = out.len();
    for value in group.entries.iter().filter_map(|e| e.value.as_deref()) {
        if out.len() - before >= SHOWN_VALUES_MAX {
            break;
        }
        if !out[before..].iter().any(|f| f.value == value) {
            out.push(field(name, value));
        }
    }
    out
}
