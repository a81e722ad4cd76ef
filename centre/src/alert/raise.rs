//! From a detection (machine output) to the alert group it opens or joins.

use events::{AlertId, DetectionId, Entity, EntityKind, Event, FieldId, Timestamp};
use ring::digest::{Context, SHA256};
use rules::{Detection, Rule};

use super::group::{Act, ActKind, AlertGroup, AlertState, Matched, Raised};
use crate::limits;

/// Joins a detection with its rule and the event at hand, which need not be the one that
/// completed it: a correlation speaks when its lateness is over. `now` is when the group becomes
/// visible.
pub fn raise(detection: &Detection, rule: &Rule, event: Option<&Event>, now: Timestamp) -> Raised {
    let event = event.filter(|e| e.id == detection.event);
    let entities = entities(detection, event);
    let key = group_key(detection, rule, event, &entities);
    let mut group = AlertGroup {
        id: AlertId::default(),
        rule_id: rule.id.clone(),
        title: rule.title.clone(),
        level: detection.level,
        attack: rule.attack.clone(),
        playbook: rule.playbook.clone(),
        site: detection.site,
        key,
        entities,
        count: 1,
        first: detection.time,
        last: detection.time,
        raised: now,
        received: event.map_or(now, |e| e.received),
        events: events_of(detection),
        matched: detection.fields.iter().map(matched).collect(),
        state: AlertState::New,
        owner: None,
        verdict: None,
        exercise: detection.exercise,
        history: vec![Act {
            at: now,
            by: "xuedun".to_owned(),
            what: ActKind::Raised,
            note: String::new(),
        }],
    };
    let detection = detection.id();
    group.id = id(&group, detection);
    Raised { detection, group }
}

/// The values detections share: the correlation's own group, else the fields the rule names, else
/// the first entity.
fn group_key(
    detection: &Detection,
    rule: &Rule,
    event: Option<&Event>,
    entities: &[Entity],
) -> Vec<(String, String)> {
    if !detection.group.is_empty() {
        return detection.group.clone();
    }
    let value = |name: &String| {
        let value = event?.text(FieldId::find(name)?)?.into_owned();
        Some((name.clone(), value))
    };
    let named: Vec<(String, String)> = rule.group_by.iter().filter_map(value).collect();
    if !named.is_empty() {
        return named;
    }
    entities.first().map(|e| (e.kind.as_str().to_owned(), e.key.clone())).into_iter().collect()
}

/// Who and what is involved: by the event, and by the fields of the detection.
fn entities(detection: &Detection, event: Option<&Event>) -> Vec<Entity> {
    let mut found = event.map(Entity::of).unwrap_or_default();
    let fields = detection.fields.iter().map(|f| (&*f.field, f.value.as_str()));
    let group = detection.group.iter().map(|(f, v)| (f.as_str(), v.as_str()));
    for (field, value) in group.chain(fields) {
        let Some(kind) = kind_of(field) else { continue };
        let entity = Entity { kind, key: value.to_owned() };
        if !value.is_empty() && !found.contains(&entity) && found.len() < limits::ALERT_EVENTS_MAX {
            found.push(entity);
        }
    }
    found
}

fn kind_of(field: &str) -> Option<EntityKind> {
    match field {
        "source.ip" | "destination.ip" => Some(EntityKind::Ip),
        "user.name" | "user.target.name" | "TargetUserName" => Some(EntityKind::User),
        "host.name" => Some(EntityKind::Host),
        "dns.question.name" => Some(EntityKind::Domain),
        _ => None,
    }
}

fn events_of(detection: &Detection) -> Vec<events::EventId> {
    let mut events: Vec<events::EventId> = detection.events.clone();
    if !events.contains(&detection.event) {
        events.push(detection.event);
    }
    let over = events.len().saturating_sub(limits::ALERT_EVENTS_MAX);
    events.drain(..over);
    events
}

fn matched(field: &rules::MatchedField) -> Matched {
    Matched {
        field: field.field.to_string(),
        value: field.value.clone(),
        range: field.start.zip(field.end),
    }
}

/// The same detection opens the same group after a replay.
fn id(group: &AlertGroup, detection: DetectionId) -> AlertId {
    let mut context = Context::new(&SHA256);
    context.update(b"xuedun alert group v1\0");
    context.update(group.grouping_key().as_bytes());
    context.update(&detection.to_bytes());
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    AlertId::from_digest(&digest)
}
