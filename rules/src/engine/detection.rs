//! What the engine says.

use events::{DetectionId, Event, EventId, ExerciseId, Severity, SiteId, Timestamp};
use sha2::{Digest, Sha256};

use crate::hit::MatchedField;
use crate::limits;
use crate::rule::{Detected, RuleIndex};
use crate::scratch::Scratch;
use crate::set::{RuleSet, values};

/// One detection (命中). Its id follows from the rule and the events, so a replay gives the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    pub(crate) identity: Identity,
    /// The rule, in the set that was at work.
    pub rule: RuleIndex,
    /// Its id.
    pub rule_id: String,
    /// Its level.
    pub level: Severity,
    /// Time of the event that completed it; for a condition judged at its window's close, the
    /// close.
    pub time: Timestamp,
    /// The event that completed it.
    pub event: EventId,
    /// The events of the window, oldest first: at most [`limits::DETECTION_EVENTS_MAX`], the
    /// last of them kept.
    pub events: Vec<EventId>,
    /// The correlation's number (hits, distinct values, rules hit; a sum or statistic rounded);
    /// 1 for a detection on one event.
    pub count: u64,
    /// Name and value of the fields it is grouped by.
    pub group: Vec<(String, String)>,
    /// The school.
    pub site: SiteId,
    /// The exercise all its events belong to.
    pub exercise: Option<ExerciseId>,
    /// What matched; for a correlation the group, then the values counted.
    pub fields: Vec<MatchedField>,
}

/// What the id follows from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Identity {
    /// The rule and the one event.
    Event,
    /// See [`correlated_id`].
    Window(DetectionId),
}

impl Detection {
    /// Digest of the rule's id, the group and the events at its ends. Worked out when asked for.
    pub fn id(&self) -> DetectionId {
        if let Identity::Window(id) = self.identity {
            return id;
        }
        let mut hasher = Sha256::new_with_prefix(b"event\0");
        hasher.update(self.rule_id.as_bytes());
        hasher.update([0]);
        hasher.update(self.event.to_bytes());
        DetectionId::from_digest(&hasher.finalize().into())
    }

    pub(crate) fn of_event(
        set: &RuleSet,
        index: RuleIndex,
        detected: &Detected,
        event: &Event,
        scratch: &Scratch,
    ) -> Self {
        let rule = set.rule(index);
        let group = detected
            .group
            .iter()
            .filter_map(|f| {
                let value = values(f, event).next()?;
                Some((f.name.clone(), value.text().into_owned()))
            })
            .collect();
        Self {
            identity: Identity::Event,
            rule: index,
            rule_id: rule.id.clone(),
            level: rule.level,
            time: event.time,
            event: event.id,
            events: vec![event.id],
            count: 1,
            group,
            site: event.site,
            exercise: event.exercise,
            fields: set.matched_fields(index, event, scratch),
        }
    }
}

/// The id of a correlation's detection.
pub(crate) fn correlated_id(
    rule_id: &str,
    group: &super::window::GroupKey,
    first: EventId,
    last: EventId,
) -> DetectionId {
    let mut hasher = Sha256::new_with_prefix(b"window\0");
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(rule_id.as_bytes());
    part(&group.site.map_or(u64::MAX, SiteId::as_u64).to_le_bytes());
    part(&group.exercise.map_or(0, ExerciseId::as_u128).to_le_bytes());
    group.values.iter().for_each(|v| part(v.as_bytes()));
    part(&first.to_bytes());
    part(&last.to_bytes());
    DetectionId::from_digest(&hasher.finalize().into())
}

/// The first events and the last, within [`limits::DETECTION_EVENTS_MAX`].
pub(crate) fn ends(ids: impl ExactSizeIterator<Item = EventId>) -> Vec<EventId> {
    let skip = ids.len().saturating_sub(limits::DETECTION_EVENTS_MAX);
    let mut out: Vec<EventId> = Vec::with_capacity(limits::DETECTION_EVENTS_MAX.min(ids.len()));
    for (at, id) in ids.enumerate() {
        // What is left out lies between the first ones and the last.
        if at + 1 < limits::DETECTION_EVENTS_MAX || at + 1 > limits::DETECTION_EVENTS_MAX - 1 + skip
        {
            out.push(id);
        }
    }
    out
}
