//! Alert groups as log records, so that a lost state can be rebuilt: each change of a group is
//! also an event of the log source `xuedun/alert` whose record is the group in JSON; the last one
//! of an id is the group.

use std::collections::BTreeMap;

use events::{AlertId, Event, EventId, LogSource, LogSourceId, SensorId, Timestamp, Value, field};

use std::sync::atomic::AtomicBool;

use store::archive::Archive;
use store::journal::Journal;
use store::search::{Answer, Query, Scope, SearchRequest, search};

use crate::alert::AlertGroup;
use crate::error::Error;

/// The action that marks such an event.
pub(crate) const ACTION: &str = "alert.group";

/// The event that carries a group.
pub(crate) fn record_of(group: &AlertGroup, now: Timestamp) -> Event {
    let mut event = Event::new();
    event.set_raw(serde_json::to_string(group).unwrap_or_default().as_bytes());
    event.id = EventId::at(now, group.id.as_u128() ^ u128::from(group.count));
    event.time = now;
    event.received = now;
    event.site = group.site;
    event.sensor = SensorId::intern("xuedun");
    event.logsource = LogSourceId::intern(&LogSource::new("xuedun", "", "alert"));
    event.exercise = group.exercise;
    event.push(field::EVENT_ACTION, Value::Str(ACTION));
    event.push_named("xuedun.alert", Value::Str(&group.id.to_string()));
    event.push_named("xuedun.rule", Value::Str(&group.rule_id));
    event
}

/// Reads every group from the journal and the archive.
pub(crate) fn read(
    journal: &Journal,
    archive: &Archive,
) -> Result<BTreeMap<AlertId, AlertGroup>, Error> {
    let request = SearchRequest {
        query: Query::parse("product:xuedun service:alert")?,
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        scope: Scope::All,
        limit: usize::MAX,
        after: None,
        deadline: None,
        slice: None,
        include_exercise: true,
    };
    match search(journal, archive, &request, &AtomicBool::new(false))?.answer {
        Answer::Events(events) => Ok(groups_in(&events)),
        Answer::Table { .. } => Ok(BTreeMap::new()),
    }
}

/// The groups that such events carry: of each id the last.
pub(crate) fn groups_in<'e>(
    events: impl IntoIterator<Item = &'e Event>,
) -> BTreeMap<AlertId, AlertGroup> {
    let mut groups: BTreeMap<AlertId, (Timestamp, AlertGroup)> = BTreeMap::new();
    for event in events {
        if event.str(field::EVENT_ACTION) != Some(ACTION) || event.sensor.name() != "xuedun" {
            continue;
        }
        let Ok(group) = serde_json::from_str::<AlertGroup>(event.raw_text()) else { continue };
        let newer = groups.get(&group.id).is_none_or(|(at, _)| *at <= event.time);
        if newer {
            groups.insert(group.id, (event.time, group));
        }
    }
    groups.into_iter().map(|(id, (_, group))| (id, group)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Verdict;
    use crate::alert::group::tests::group;

    #[test]
    fn the_last_change_wins_whatever_the_order() {
        let mut g = group("r", 2_133_000_001, 1);
        let first = record_of(&g, Timestamp::from_secs(1));
        g.close("li", Verdict::True, "核实", Timestamp::from_secs(2)).unwrap();
        let last = record_of(&g, Timestamp::from_secs(2));
        for order in [[&first, &last], [&last, &first]] {
            assert_eq!(groups_in(order).into_values().collect::<Vec<_>>(), [g.clone()]);
        }
        let mut forged = first.clone();
        forged.sensor = SensorId::intern("school-fw");
        assert!(groups_in([&forged]).is_empty(), "only the node's own records count");
    }
}
