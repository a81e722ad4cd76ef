//! The story told to the packs and the rules with no node between: every record must be
//! understood, every act must raise what it expects at its school, and the ordinary day nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use events::logsource::LogSourceId;
use events::{Event, EventId, LogSource, Severity, Value, field};
use rules::{CorrelationLimits, Engine, LoadOptions, RuleSet};
use sensors::{Decoded, Packs};

use super::*;

/// What was raised: rule and site.
type Raised = BTreeSet<(String, SiteId)>;

fn told(minutes: u32, seed: u64) -> (Region, Story) {
    let region = Region::new(seed);
    let start = Timestamp::parse_rfc3339("2026-11-23T00:30:00Z").unwrap();
    let plan = Plan { seed, minutes, records_per_minute: 1_200, start };
    let story = Story::new(&region, &plan);
    (region, story)
}

/// The event of a flow, with the fields that a NetFlow sensor sets.
fn flow_event(flow: &Flow) -> Event {
    let mut event = Event::new();
    event.logsource = LogSourceId::intern(&LogSource::new("netflow", "netflow", ""));
    event.push(field::SOURCE_IP, Value::Str(&flow.source.to_string()));
    event.push(field::DESTINATION_IP, Value::Str(&flow.destination.to_string()));
    event.push(field::SOURCE_PORT, Value::Int(flow.source_port.into()));
    event.push(field::DESTINATION_PORT, Value::Int(flow.destination_port.into()));
    let transport = if flow.protocol == 6 { "tcp" } else { "udp" };
    event.push(field::NETWORK_TRANSPORT, Value::Str(transport));
    event.push(field::NETWORK_BYTES, Value::Int(flow.bytes.into()));
    event.push(field::NETWORK_PACKETS, Value::Int(flow.packets.into()));
    event.push(field::SOURCE_BYTES, Value::Int(flow.bytes.into()));
    event
}

/// The events of the records that `wanted` picks.
fn events(region: &Region, story: &Story, wanted: impl Fn(&Emission) -> bool) -> Vec<Event> {
    let packs = Packs::embedded().unwrap();
    let told = story.emissions.iter().enumerate().filter(|(_, e)| wanted(e));
    told.map(|(n, emission)| {
        let at = story.start.plus(Duration::from_millis(emission.at_ms));
        let mut event = match &emission.payload {
            Payload::Flow(flow) => flow_event(flow),
            Payload::Line(line) => {
                let mut event = Event::new();
                let decoded = packs.decode(None, line.as_bytes(), at, &mut event);
                assert!(matches!(decoded, Decoded::Ok(_)), "{decoded:?}: {line}");
                event
            }
        };
        if emission.channel == Channel::NetflowV9 {
            event.time = at;
        }
        event.received = at;
        event.id = EventId::at(at, n as u128);
        event.site = region.school(emission.school).code;
        event
    })
    .collect()
}

fn raised(events: &[Event]) -> Raised {
    let loaded = RuleSet::load(&rules::library(), &LoadOptions::default());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    let mut engine = Engine::new(Arc::new(loaded.set), CorrelationLimits::default());
    let mut out = Vec::new();
    for event in events {
        engine.feed(event, &mut out);
    }
    engine.advance(Timestamp::MAX, &mut out);
    // Informational detections feed correlations; the node makes no alert of them.
    let alerts = out.into_iter().filter(|d| d.level > Severity::Informational);
    alerts.map(|d| (d.rule_id, d.site)).collect()
}

#[test]
fn records_carry_the_time_at_which_they_are_told() {
    let (region, story) = told(2, 5);
    let events = events(&region, &story, |_| true);
    for (event, emission) in events.iter().zip(&story.emissions) {
        let told = story.start.plus(Duration::from_millis(emission.at_ms));
        let apart = told.since(event.time);
        assert!(event.time <= told && apart < Duration::from_secs(1), "{apart:?} {emission:?}");
    }
}

#[test]
fn the_ordinary_day_raises_nothing() {
    for (minutes, seed) in [(1, 1), (6, 2026), (30, 3)] {
        let (region, story) = told(minutes, seed);
        let ordinary = events(&region, &story, |e| e.act == ActId::SchoolDay);
        assert_eq!(raised(&ordinary), Raised::new(), "{minutes} minutes, seed {seed}");
    }
}

#[test]
fn every_attack_raises_what_it_expects_at_its_school_alone() {
    for (minutes, seed) in [(1, 1), (6, 2026), (30, 3)] {
        let (region, story) = told(minutes, seed);
        let all = raised(&events(&region, &story, |_| true));
        let attacks = story.acts.iter().filter(|a| a.id != ActId::SchoolDay);
        let mut sites = BTreeSet::new();
        for act in attacks {
            assert!(!act.expects.is_empty(), "{:?} expects nothing", act.id);
            for rule in &act.expects {
                let wanted = ((*rule).to_owned(), act.site);
                assert!(all.contains(&wanted), "{rule} of {:?}, {minutes} minutes", act.id);
            }
            sites.insert(act.site);
        }
        let elsewhere: Vec<_> = all.iter().filter(|(_, site)| !sites.contains(site)).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
    }
}

#[test]
fn an_attack_left_out_is_missed() {
    let (region, story) = told(6, 2026);
    for act in story.acts.iter().filter(|a| a.id != ActId::SchoolDay) {
        let without = raised(&events(&region, &story, |e| e.act != act.id));
        for rule in &act.expects {
            let absent = ((*rule).to_owned(), act.site);
            assert!(!without.contains(&absent), "{rule} fires without {:?}", act.id);
        }
    }
}
