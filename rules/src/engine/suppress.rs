//! What a rule says of its own detections: how grave they are by what they hold, and how long it
//! keeps quiet after one.

use std::time::Duration;

use events::{Event, Severity, Timestamp};
use hashbrown::HashMap;

use super::detection::Detection;
use super::window::GroupKey;
use crate::fold::fold;
use crate::rule::{Rule, RuleIndex, SeverityMap};
use crate::set::values;

/// Groups remembered; past it those that spoke longest ago are forgotten.
const GROUPS_MAX: usize = 100_000;

/// When each group of a rule last spoke.
#[derive(Debug, Default)]
pub(crate) struct Quiet {
    pub(crate) spoken: HashMap<(RuleIndex, GroupKey), Timestamp>,
}

impl Quiet {
    /// Whether the detection may be told; if so its group keeps quiet from now on.
    pub(crate) fn may_speak(&mut self, rule: &Rule, detection: &Detection) -> bool {
        let Some(span) = rule.suppress else { return true };
        let key = GroupKey {
            site: Some(detection.site),
            exercise: detection.exercise,
            values: detection.group.iter().map(|(_, v)| v.clone()).collect(),
        };
        let time = detection.time;
        let key = (detection.rule, key);
        if let Some(last) = self.spoken.get(&key)
            && apart(*last, time) <= span
        {
            return false;
        }
        if self.spoken.len() >= GROUPS_MAX && !self.spoken.contains_key(&key) {
            self.forget();
        }
        self.spoken.insert(key, time);
        true
    }

    /// Forgets the half that spoke longest ago.
    pub(super) fn forget(&mut self) {
        let mut times: Vec<Timestamp> = self.spoken.values().copied().collect();
        let middle = times.len() / 2;
        let (_, cut, _) = times.select_nth_unstable(middle);
        let cut = *cut;
        self.spoken.retain(|_, time| *time > cut);
    }
}

fn apart(a: Timestamp, b: Timestamp) -> Duration {
    if a > b { a.since(b) } else { b.since(a) }
}

/// The level of a detection on one event.
pub(crate) fn level_of_event(rule: &Rule, event: &Event) -> Severity {
    let fits = |m: &&SeverityMap| {
        values(&m.field, event).any(|v| m.values.iter().any(|w| *w == fold(&v.text())))
    };
    rule.severity.iter().find(fits).map_or(rule.level, |m| m.level)
}

/// The level of a correlation's detection.
pub(crate) fn level_of_group(rule: &Rule, named: &[(String, String)]) -> Severity {
    let fits = |m: &&SeverityMap| {
        named.iter().any(|(n, v)| *n == m.field.name && m.values.iter().any(|w| *w == fold(v)))
    };
    rule.severity.iter().find(fits).map_or(rule.level, |m| m.level)
}
