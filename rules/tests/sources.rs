//! A watermark for each source: what sources that come late by different times give, who is
//! waited for, and for how long.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use events::{Event, EventId, SensorId, Timestamp, Value};
use proptest::prelude::*;
use rules::{CorrelationLimits, Detection, Engine, LoadOptions, RuleSet, Source};

/// Kinds of correlation for which the order of records matters: judged at the close of a window,
/// in order, and by what lies within a window.
const RULES: &str = "
title: a
id: a
logsource: {product: t}
detection: {s: {k: a}, condition: s}
---
title: b
id: b
logsource: {product: t}
detection: {s: {k: b}, condition: s}
---
title: ordered
id: ordered
correlation: {type: temporal_ordered, rules: [a, b], group-by: [g], timespan: 5s}
---
title: few
id: few
correlation: {type: event_count, rules: [b], group-by: [g], timespan: 10s, condition: {lte: 2}}
---
title: count
id: count
correlation: {type: event_count, rules: [a], group-by: [g], timespan: 10s, condition: {gte: 3}}
";

fn set() -> Arc<RuleSet> {
    let source = Source::new("t.yml", RULES);
    let options = LoadOptions { routing: false, ..LoadOptions::default() };
    let loaded = RuleSet::load(&[source], &options);
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    Arc::new(loaded.set)
}

const LIMITS: CorrelationLimits = CorrelationLimits {
    lateness: Duration::from_millis(100),
    hold: Duration::from_secs(8),
    idle: Duration::from_secs(600),
    groups_max: 1_000,
    entries_per_group_max: 1_000,
    pending_max: 10_000,
    state_bytes_max: 16 << 20,
};

/// Seconds, told finely: whole ones have tests of their own.
fn at(seconds: i64) -> Timestamp {
    common::at(seconds).plus(Duration::from_millis(3))
}

fn event(sensor: &str, kind: &str, time: i64, received: i64, n: usize) -> Event {
    let mut e = Event::new();
    e.sensor = SensorId::intern(sensor);
    e.time = at(time);
    e.received = at(received);
    e.id = EventId::at(e.time, n as u128 + 1);
    e.push_named("k", Value::Str(kind));
    e.push_named("g", Value::Str("g"));
    e
}

/// Each source once, as late as it ever comes: from then on it is known.
fn known(late: [i64; 2]) -> Vec<Event> {
    ["near", "far"]
        .iter()
        .zip(late)
        .map(|(sensor, late)| event(sensor, "-", -100, -100 + late, 0))
        .collect()
}

fn feed(engine: &mut Engine, events: &[Event]) -> Vec<Detection> {
    let mut out = Vec::new();
    events.iter().for_each(|e| engine.feed(e, &mut out));
    out
}

fn ids(out: &[Detection]) -> BTreeSet<(String, String, Timestamp, u64)> {
    let correlated = out.iter().filter(|d| d.rule_id.len() > 1);
    correlated.map(|d| (d.id().to_string(), d.rule_id.clone(), d.time, d.count)).collect()
}

#[derive(Clone, Debug)]
struct Given {
    far: bool,
    kind: &'static str,
    secs: i64,
    /// Seconds behind its time, of those its source is allowed.
    behind: i64,
}

fn stream() -> impl Strategy<Value = Vec<Given>> {
    let kind = prop_oneof![Just("a"), Just("b")];
    prop::collection::vec((any::<bool>(), kind, 0i64..4, 0i64..8), 0..60).prop_map(|all| {
        let mut secs = 0;
        let given = all.into_iter().map(|(far, kind, step, behind)| {
            secs += step;
            Given { far, kind, secs, behind }
        });
        given.collect()
    })
}

/// The records in order of their time, and as they arrive: each source in its own order, `near`
/// at most two seconds late and `far` at most seven; among them a source whose clock runs a year
/// ahead.
fn both(given: &[Given]) -> (Vec<Event>, Vec<Event>) {
    let mut ordered = known([0, 0]);
    let mut arriving: Vec<(i64, Event)> = Vec::new();
    let mut came = [0; 2];
    for (n, g) in given.iter().enumerate() {
        let sensor = if g.far { "far" } else { "near" };
        let most = if g.far { 7 } else { 2 };
        ordered.push(event(sensor, g.kind, g.secs, g.secs, n));
        let last = &mut came[usize::from(g.far)];
        *last = (g.secs + g.behind.min(most)).max(*last);
        arriving.push((*last, event(sensor, g.kind, g.secs, *last, n)));
        let wild = event("wild", "-", g.secs + 31_536_000, g.secs, n);
        arriving.push((g.secs, wild));
    }
    arriving.sort_by_key(|(came, _)| *came);
    (ordered, known([2, 7]).into_iter().chain(arriving.into_iter().map(|(_, e)| e)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn sources_that_come_late_by_different_times_give_what_they_give_in_order(given in stream()) {
        let (ordered, arriving) = both(&given);
        let mut engines = [Engine::new(set(), LIMITS), Engine::new(set(), LIMITS)];
        let [want, got] = [(0, &ordered), (1, &arriving)].map(|(at, events)| {
            let mut out = feed(&mut engines[at], events);
            engines[at].advance(Timestamp::MAX, &mut out);
            ids(&out)
        });
        prop_assert_eq!(got, want);
        prop_assert_eq!(engines[1].stats().late, 0);
    }

    #[test]
    fn a_restart_keeps_what_is_known_of_each_source(given in stream(), cut in 0usize..120) {
        let (_, arriving) = both(&given);
        let mut whole = Engine::new(set(), LIMITS);
        let want = feed(&mut whole, &arriving);
        let (before, after) = arriving.split_at(cut.min(arriving.len()));
        let mut engine = Engine::new(set(), LIMITS);
        let mut got = feed(&mut engine, before);
        let mut engine = Engine::restore(set(), LIMITS, &engine.snapshot()).unwrap();
        got.extend(feed(&mut engine, after));
        prop_assert_eq!(got, want);
        prop_assert_eq!(engine.sources(), whole.sources());
        prop_assert_eq!(engine.watermark(), whole.watermark());
    }
}

/// The record with the time that it counts as of: where it tells a whole second, when it was received, at
/// most the second's end.
fn counted(mut e: Event) -> Event {
    if e.time.nanos() % 1_000_000_000 == 0 {
        e.time = e.time.plus(Duration::from_nanos(999_999_999)).min(e.received);
    }
    e
}

/// Hits of two sources as they arrive: one tells whole seconds, one fine times; each in its own
/// order, at most `delay` late. Ids are given at reception, as in a node.
fn half_whole(given: &[(bool, bool, u64, u64)], delay: u64) -> Vec<Event> {
    let start = common::at(0);
    let (mut happened, mut came) = (0, [0; 2]);
    let mut arriving: Vec<(u64, Event)> = Vec::new();
    for (n, (whole, a, step, late)) in given.iter().enumerate() {
        happened += step;
        let last = &mut came[usize::from(*whole)];
        *last = (happened + late % (delay + 1)).max(*last);
        let told = if *whole { happened / 1000 * 1000 } else { happened | 1 };
        let mut e =
            event(if *whole { "whole" } else { "fine" }, if *a { "a" } else { "b" }, 0, 0, n);
        e.time = start.plus(Duration::from_millis(told));
        e.received = start.plus(Duration::from_millis((*last).max(told)));
        e.id = EventId::at(e.received, n as u128 + 1);
        arriving.push(((*last).max(told), e));
    }
    arriving.sort_by_key(|(came, e)| (*came, e.id));
    // Both are known from before.
    let mut known = [event("fine", "-", -100, -100, 0), event("whole", "-", -100, -100, 0)];
    known[1].time = common::at(-100);
    known.into_iter().chain(arriving.into_iter().map(|(_, e)| e)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whole_seconds_beside_fine_times_give_what_they_give_in_order(
        given in prop::collection::vec((any::<bool>(), any::<bool>(), 0u64..1500, 0u64..1000), 0..60),
        delay in 0u64..95,
    ) {
        let arriving = half_whole(&given, delay);
        let mut ordered: Vec<Event> = arriving.iter().cloned().map(counted).collect();
        ordered.sort_by_key(|e| (e.time, e.id));
        let mut again = Engine::reading_again(set(), LIMITS);
        let mut engine = Engine::new(set(), LIMITS);
        let (mut want, mut got) = (feed(&mut again, &ordered), feed(&mut engine, &arriving));
        again.advance(Timestamp::MAX, &mut want);
        engine.advance(Timestamp::MAX, &mut got);
        prop_assert_eq!(ids(&got), ids(&want));
        prop_assert_eq!(engine.stats().late, 0);
    }
}

/// Of a source that tells whole seconds.
fn whole(told: i64, received: u64, n: usize) -> Event {
    let mut e = event("whole", "a", 0, 0, n);
    (e.time, e.received) = (common::at(told), common::at(0).plus(Duration::from_millis(received)));
    e.id = EventId::at(e.received, n as u128 + 1);
    e
}

#[test]
fn whole_seconds_do_not_wait_for_the_end_of_their_second() {
    let mut engine = Engine::new(set(), LIMITS);
    // It is prompt: what it leaves out is not a delay.
    let mut out = feed(&mut engine, &[whole(0, 990, 1), whole(1, 1_950, 2), whole(2, 2_010, 3)]);
    assert!(ids(&out).is_empty());
    assert_eq!(engine.sources()[0].behind, Duration::ZERO);
    engine.tick(Duration::from_millis(80), &mut out);
    assert!(ids(&out).is_empty(), "hits may still come out of order");
    engine.tick(Duration::from_millis(101), &mut out);
    assert_eq!(ids(&out).len(), 1, "{out:#?}");
    // What comes in a later second is behind by no less than to the end of its own.
    feed(&mut engine, &[whole(3, 4_200, 4)]);
    assert_eq!(engine.sources()[0].behind, Duration::from_nanos(200_000_001));
}

#[test]
fn fine_times_do_not_wait_for_the_second_of_another_source() {
    let mut engine = Engine::new(set(), LIMITS);
    let fine = |received: u64, n: usize| {
        let mut e = whole(0, received, n);
        (e.sensor, e.time) = (SensorId::intern("fine"), e.received);
        e
    };
    let mut out = feed(&mut engine, &[whole(0, 105, 1), fine(210, 2), fine(220, 3), fine(230, 4)]);
    engine.tick(Duration::from_millis(101), &mut out);
    assert_eq!(ids(&out).len(), 1, "{out:#?}");
}

#[test]
fn a_fine_time_that_happens_to_be_whole_is_taken_as_it_is() {
    let mut engine = Engine::new(set(), LIMITS);
    feed(&mut engine, &[event("fine", "-", -5, -5, 1)]);
    // Of milliseconds one in a thousand is whole.
    let mut last = whole(10, 10_700, 2);
    last.sensor = SensorId::intern("fine");
    feed(&mut engine, &[last.clone()]);
    assert_eq!(engine.sources()[0].behind, Duration::from_millis(700));
    // With one in eight they are told by somebody who tells no more.
    let mut mixed = Engine::new(set(), LIMITS);
    feed(&mut mixed, &[whole(0, 300, 1)]);
    for n in 1..8 {
        let mut e = whole(n, n as u64 * 1_000 + 400, 2);
        e.time = e.received;
        feed(&mut mixed, &[e]);
    }
    feed(&mut mixed, &[whole(10, 10_700, 3)]);
    assert_eq!(mixed.sources()[0].behind, Duration::ZERO);
}

#[test]
fn snapshots_of_versions_before_are_read() {
    let mut engine = Engine::new(set(), LIMITS);
    feed(&mut engine, &[event("far", "a", 0, 0, 1), event("far", "a", 1, 1, 2)]);
    let new = engine.snapshot();
    // Past the name of the one source lie five numbers (version 3 has a byte before the last) and the two
    // counts, of which earlier versions know nothing.
    let mut turned = new.windows(3).position(|w| w == b"far").unwrap() + 3;
    let number = |at: usize| at + new[at..].iter().position(|b| b & 0x80 == 0).unwrap() + 1;
    (0..4).for_each(|_| turned = number(turned));
    let counts = number(turned);
    assert_eq!(new[counts..counts + 2], [0, 2]);
    let without = |version: u8, byte: &[u8]| {
        [&[version], &new[1..turned], byte, &new[turned..counts], &new[counts + 2..]].concat()
    };
    for old in [without(2, &[]), without(3, &[1])] {
        let mut restored = Engine::restore(set(), LIMITS, &old).unwrap();
        let mut want = new.clone();
        want[counts + 1] = 0;
        assert_eq!(restored.snapshot(), want);
        let mut out = feed(&mut restored, &[event("far", "a", 2, 2, 3)]);
        restored.advance(Timestamp::MAX, &mut out);
        assert!(out.iter().any(|d| d.rule_id == "count"), "{out:#?}");
    }
}

#[test]
fn without_the_hold_a_slow_source_is_late() {
    let limits = CorrelationLimits { hold: Duration::ZERO, ..LIMITS };
    let late = |limits| {
        let mut engine = Engine::new(set(), limits);
        feed(&mut engine, &known([0, 7]));
        feed(&mut engine, &[event("near", "a", 10, 10, 1), event("far", "b", 8, 10, 2)]);
        let out = feed(&mut engine, &[event("near", "-", 20, 20, 3)]);
        (engine.stats().late, ids(&out).len())
    };
    // `b` counts in two correlations; out of order it makes `a` then `b` of `b` then `a`.
    assert_eq!(late(limits).0, 2);
    assert_eq!(late(LIMITS), (0, 0), "nothing is late, and no window of `few` is over yet");
}

#[test]
fn a_silent_source_does_not_stall_the_others() {
    let mut engine = Engine::new(set(), LIMITS);
    feed(&mut engine, &known([0, 7]));
    let behind = |engine: &Engine, now: i64| at(now).since(engine.watermark()).as_millis();
    for now in 0..700 {
        feed(&mut engine, &[event("near", "-", now, now, 1)]);
        assert!(behind(&engine, now) <= 7_100, "at {now}: {}", behind(&engine, now));
    }
    assert_eq!(behind(&engine, 699), 100, "it has left");
    let left: Vec<_> = engine.sources().iter().map(|s| s.sensor.name()).collect();
    assert_eq!(left, ["near"]);
    // It comes back, and is waited for again.
    feed(&mut engine, &[event("far", "-", 695, 700, 2), event("near", "-", 701, 701, 3)]);
    let far = engine.sources().into_iter().find(|s| s.sensor.name() == "far").unwrap();
    assert_eq!((far.behind, far.waits), (Duration::from_secs(5), Duration::from_secs(5)));
}

#[test]
fn who_speaks_seldom_but_promptly_holds_nobody() {
    let mut engine = Engine::new(set(), LIMITS);
    feed(&mut engine, &[event("seldom", "-", 0, 0, 1)]);
    for now in 1..300 {
        feed(&mut engine, &[event("often", "-", now, now, 2)]);
        assert_eq!(at(now).since(engine.watermark()).as_millis(), 100);
    }
}

#[test]
fn a_source_too_far_behind_holds_nobody() {
    let mut engine = Engine::new(set(), LIMITS);
    for now in 0..50 {
        feed(&mut engine, &[event("past", "-", now - 86_400, now, 1)]);
        feed(&mut engine, &[event("near", "-", now, now, 2)]);
    }
    assert_eq!(at(49).since(engine.watermark()).as_millis(), 100);
    assert!(engine.sources().iter().all(|s| s.waits.is_zero()));
    // Alone it is followed, however old its records are.
    let mut alone = Engine::new(set(), LIMITS);
    (0..50).for_each(|now| drop(feed(&mut alone, &[event("past", "-", now - 86_400, now, 1)])));
    assert_eq!(at(49 - 86_400).since(alone.watermark()).as_millis(), 100);
}

#[test]
fn a_clock_ahead_takes_nobody_with_it_and_its_own_records_wait_for_nothing() {
    let mut engine = Engine::new(set(), LIMITS);
    let hits: Vec<Event> = (0..3).map(|n| event("wild", "a", 31_536_000, n, n as usize)).collect();
    let mut out = feed(&mut engine, &hits);
    assert!(engine.watermark() <= at(2));
    engine.tick(Duration::from_secs(1), &mut out);
    let count: Vec<_> = out.iter().filter(|d| d.rule_id == "count").collect();
    assert_eq!(count.len(), 1, "three within ten seconds of reception: {out:#?}");
    assert_eq!(count[0].time, at(2));
}

#[test]
fn records_read_again_in_their_own_order_do_not_go_by_their_reception() {
    let mut engine = Engine::reading_again(set(), LIMITS);
    // The first came a day late, the others at once.
    let mut out = feed(&mut engine, &[event("far", "b", 0, 86_400, 1)]);
    out.extend(feed(&mut engine, &[event("near", "b", 5, 5, 2), event("near", "b", 6, 6, 3)]));
    engine.advance(Timestamp::MAX, &mut out);
    assert!(ids(&out).is_empty(), "three in the window are not few: {out:#?}");
}

#[test]
fn sources_are_bounded() {
    let mut engine = Engine::new(set(), LIMITS);
    let most = rules::limits::SOURCES_MAX;
    for n in 0..most + 5 {
        feed(
            &mut engine,
            &[event(&format!("bounded-{n}"), "-", n as i64 / 100, n as i64 / 100, n)],
        );
    }
    let known = engine.sources();
    assert_eq!(known.len(), most);
    assert!(!known.iter().any(|s| s.sensor.name() == "bounded-0"), "the one longest silent goes");
}
