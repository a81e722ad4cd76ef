//! Correlation against a naive evaluator, out of order, and across snapshots.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use common::at;
use events::{Event, EventId, Timestamp, Value};
use proptest::prelude::*;
use rules::{CorrelationLimits, Detection, Engine, LoadOptions, RuleIndex, RuleSet, Source};

const BASES: &str = "
title: a
id: a
logsource: {product: t}
detection: {s: {k: a}, condition: s}
---
title: b
id: b
logsource: {product: t}
detection: {s: {k: b}, condition: s}
";

/// Every type at once.
const CORRELATIONS: &str = "
---
title: count
id: count
correlation: {type: event_count, rules: [a], group-by: [g], timespan: 10s, condition: {gte: 3}}
---
title: values
id: values
correlation: {type: value_count, rules: [a, b], group-by: [g], timespan: 10s, condition: {field: v, gte: 3}}
---
title: both
id: both
correlation: {type: temporal, rules: [a, b], group-by: [g], timespan: 5s}
---
title: ordered
id: ordered
correlation: {type: temporal_ordered, rules: [a, b], group-by: [g], timespan: 5s}
---
title: sum
id: sum
correlation: {type: value_sum, rules: [b], group-by: [g], timespan: 10s, condition: {field: v, gt: 10}}
---
title: few
id: few
correlation: {type: event_count, rules: [b], group-by: [g], timespan: 10s, condition: {lte: 2}}
---
title: median
id: median
correlation: {type: value_median, rules: [a], group-by: [g], timespan: 10s, condition: {field: v, gte: 4}}
---
title: average
id: average
correlation: {type: value_avg, rules: [a], group-by: [g], timespan: 10s, condition: {field: v, gte: 4}}
---
title: percentile
id: percentile
correlation: {type: value_percentile, rules: [a], group-by: [g], timespan: 10s, condition: {field: v, percentile: 90, gte: 5}}
---
title: chained
id: chained
correlation: {type: event_count, rules: [count], group-by: [g], timespan: 60s, condition: {gte: 2}, generate: true}
";

fn set(text: &str) -> Arc<RuleSet> {
    let source = Source::new("t.yml", text);
    let loaded =
        RuleSet::load(&[source], &LoadOptions { routing: false, ..LoadOptions::default() });
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    Arc::new(loaded.set)
}

fn all() -> Arc<RuleSet> {
    set(&format!("{BASES}{CORRELATIONS}"))
}

#[derive(Clone, Debug)]
struct Given {
    secs: i64,
    kind: &'static str,
    group: &'static str,
    value: i64,
}

fn event(given: &Given, n: usize) -> Event {
    let mut e = Event::new();
    e.time = at(given.secs);
    e.id = EventId::at(e.time, n as u128 + 1);
    e.push_named("k", Value::Str(given.kind));
    e.push_named("g", Value::Str(given.group));
    e.push_named("v", Value::Int(given.value));
    e
}

fn stream() -> impl Strategy<Value = Vec<Given>> {
    let one = (
        0i64..4,
        prop_oneof![Just("a"), Just("b"), Just("c")],
        prop_oneof![Just("g"), Just("h")],
        0i64..7,
    );
    prop::collection::vec(one, 0..60).prop_map(|steps| {
        let mut secs = 0;
        steps
            .into_iter()
            .map(|(step, kind, group, value)| {
                secs += step;
                Given { secs, kind, group, value }
            })
            .collect()
    })
}

fn limits(lateness: u64) -> CorrelationLimits {
    CorrelationLimits { lateness: Duration::from_secs(lateness), ..CorrelationLimits::default() }
}

fn run(events: &[Event], lateness: u64) -> Vec<Detection> {
    let mut engine = Engine::new(all(), limits(lateness));
    let mut out = Vec::new();
    events.iter().for_each(|e| engine.feed(e, &mut out));
    engine.advance(Timestamp::MAX, &mut out);
    out
}

fn ids(out: &[Detection]) -> BTreeSet<(String, String, Timestamp, u64)> {
    out.iter().map(|d| (d.id().to_string(), d.rule_id.clone(), d.time, d.count)).collect()
}

/// What the correlations mean, from the whole list of events in order.
fn naive(given: &[Given]) -> BTreeSet<(String, String, i64)> {
    let mut out = BTreeSet::new();
    let mut fired_counts: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for group in ["g", "h"] {
        let of = |kinds: &[&str]| -> Vec<&Given> {
            given.iter().filter(|e| e.group == group && kinds.contains(&e.kind)).collect()
        };
        let mut eager = |id: &str, kinds: &[&str], span: i64, holds: &dyn Fn(&[&Given]) -> bool| {
            let all = of(kinds);
            let mut quiet = i64::MIN;
            let mut times = Vec::new();
            for (n, e) in all.iter().enumerate() {
                let window: Vec<&Given> =
                    all[..=n].iter().copied().filter(|w| w.secs >= e.secs - span).collect();
                if e.secs > quiet && holds(&window) {
                    quiet = e.secs + span;
                    times.push(e.secs);
                    out.insert((id.to_owned(), group.to_owned(), e.secs));
                }
            }
            times
        };
        let numbers = |w: &[&Given]| -> Vec<i64> {
            let mut n: Vec<i64> = w.iter().map(|e| e.value).collect();
            n.sort_unstable();
            n
        };
        let counts = eager("count", &["a"], 10, &|w| w.len() >= 3);
        fired_counts.insert(group, counts);
        eager("values", &["a", "b"], 10, &|w| {
            w.iter().map(|e| e.value).collect::<BTreeSet<_>>().len() >= 3
        });
        eager("both", &["a", "b"], 5, &|w| {
            w.iter().any(|e| e.kind == "a") && w.iter().any(|e| e.kind == "b")
        });
        eager("ordered", &["a", "b"], 5, &|w| {
            w.iter()
                .position(|e| e.kind == "a")
                .is_some_and(|p| w[p..].iter().any(|e| e.kind == "b"))
        });
        eager("sum", &["b"], 10, &|w| numbers(w).iter().sum::<i64>() > 10);
        eager("average", &["a"], 10, &|w| numbers(w).iter().sum::<i64>() >= 4 * w.len() as i64);
        eager("median", &["a"], 10, &|w| {
            let n = numbers(w);
            n[n.len() / 2] + n[(n.len() - 1) / 2] >= 8
        });
        eager("percentile", &["a"], 10, &|w| {
            let n = numbers(w);
            n[(n.len() * 9).div_ceil(10).max(1) - 1] >= 5
        });
        // Windows opened by their first event, judged at their end.
        let bs = of(&["b"]);
        let mut n = 0;
        while n < bs.len() {
            let end = bs[n].secs + 10;
            let inside = bs[n..].iter().take_while(|e| e.secs <= end).count();
            if inside <= 2 {
                out.insert(("few".to_owned(), group.to_owned(), end));
            }
            n += inside;
        }
    }
    for (group, times) in fired_counts {
        let mut quiet = i64::MIN;
        for (n, t) in times.iter().enumerate() {
            let window = times[..=n].iter().filter(|w| **w >= t - 60).count();
            if *t > quiet && window >= 2 {
                quiet = t + 60;
                out.insert(("chained".to_owned(), group.to_owned(), *t));
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_engine_says_what_the_correlations_mean(given in stream()) {
        let events: Vec<Event> = given.iter().enumerate().map(|(n, g)| event(g, n)).collect();
        let got: BTreeSet<_> = run(&events, 0)
            .iter()
            .map(|d| (d.rule_id.clone(), d.group[0].1.clone(), d.time.since(at(0)).as_secs() as i64))
            .collect();
        prop_assert_eq!(got, naive(&given));
    }

    #[test]
    fn out_of_order_within_the_bound_is_as_in_order(given in stream(), delays in prop::collection::vec(0i64..8, 60)) {
        let mut events: Vec<Event> = given.iter().enumerate().map(|(n, g)| event(g, n)).collect();
        let ordered = ids(&run(&events, 8));
        // Each event arrives up to seven seconds after its time.
        let mut arrival: Vec<(i64, usize)> =
            given.iter().zip(&delays).enumerate().map(|(n, (g, d))| (g.secs + d, n)).collect();
        arrival.sort_unstable();
        let shuffled: Vec<Event> = arrival.iter().map(|(_, n)| std::mem::take(&mut events[*n])).collect();
        prop_assert_eq!(ids(&run(&shuffled, 8)), ordered);
    }

    #[test]
    fn a_restored_engine_goes_on_as_if_never_stopped(given in stream(), cut in 0usize..60, lateness in 0u64..9) {
        let events: Vec<Event> = given.iter().enumerate().map(|(n, g)| event(g, n)).collect();
        let cut = cut.min(events.len());
        let mut engine = Engine::new(all(), limits(lateness));
        let mut out = Vec::new();
        events[..cut].iter().for_each(|e| engine.feed(e, &mut out));
        let mut engine = Engine::restore(all(), limits(lateness), &engine.snapshot()).unwrap();
        events[cut..].iter().for_each(|e| engine.feed(e, &mut out));
        engine.advance(Timestamp::MAX, &mut out);
        prop_assert_eq!(out, run(&events, lateness));
    }
}

#[test]
fn a_rule_by_itself_says_what_it_says_among_others() {
    let whole = all();
    let given = (0..96i64).map(|n| Given {
        secs: n / 4,
        kind: ["a", "b", "c"][n as usize % 3],
        group: ["g", "h"][n as usize % 2],
        value: n / 12 % 7,
    });
    let events: Vec<Event> = given.enumerate().map(|(n, g)| event(&g, n)).collect();
    let among = run(&events, 0);
    let mut spoke = 0;
    for (rule, at) in whole.rules().iter().zip(0u32..) {
        let alone = Arc::new(whole.single(RuleIndex(at)));
        assert_eq!(alone.rules().last().unwrap().id, rule.id);
        let (mut engine, mut out) = (Engine::new(alone, limits(0)), Vec::new());
        events.iter().for_each(|e| engine.feed(e, &mut out));
        engine.advance(Timestamp::MAX, &mut out);
        let of = |all: &[Detection]| -> Vec<_> {
            all.iter().filter(|d| d.rule_id == rule.id).map(|d| d.id()).collect()
        };
        // What only serves correlations is silent among others.
        if !rule.silent {
            assert_eq!(of(&out), of(&among), "{}", rule.id);
            spoke += usize::from(!of(&out).is_empty());
        }
    }
    assert!(spoke >= 7, "{spoke} rules spoke");
}

fn a(secs: i64) -> Given {
    Given { secs, kind: "a", group: "g", value: 0 }
}

#[test]
fn hot_reload_keeps_the_state_of_unchanged_rules() {
    let mut engine = Engine::new(all(), limits(0));
    let mut out = Vec::new();
    (0..2).for_each(|n| engine.feed(&event(&a(n), n as usize), &mut out));
    let changed = format!("{BASES}{CORRELATIONS}").replace("type: value_median", "type: value_avg");
    engine.replace(set(&changed));
    assert!(engine.stats().forgotten > 0, "the changed rule's state is gone");
    engine.feed(&event(&a(2), 2), &mut out);
    assert!(out.iter().any(|d| d.rule_id == "count"), "the unchanged rule went on counting");
}

#[test]
fn schools_and_exercises_never_mix() {
    let mut engine = Engine::new(all(), limits(0));
    let mut out = Vec::new();
    for n in 0..6usize {
        let mut e = event(&a(0), n);
        e.site = events::SiteId::from_u64(3_133_000_000 + n as u64 % 2 + 1).unwrap();
        if n % 3 == 0 {
            e.exercise = Some(events::ExerciseId::from_u128(1));
        }
        engine.feed(&e, &mut out);
    }
    assert!(!out.iter().any(|d| d.rule_id == "count"), "{out:#?}");
}

#[test]
fn a_late_event_joins_its_window_and_is_counted() {
    let mut engine = Engine::new(all(), limits(0));
    let mut out = Vec::new();
    engine.feed(&event(&a(0), 0), &mut out);
    engine.feed(&event(&a(9), 1), &mut out);
    engine.feed(&event(&a(5), 2), &mut out);
    assert!(out.iter().any(|d| d.rule_id == "count"));
    engine.feed(&event(&a(100), 3), &mut out);
    engine.feed(&event(&a(5), 4), &mut out);
    let stats = engine.stats();
    assert_eq!((stats.late, stats.events), (14, 5), "two late events, seven correlations each");
    assert!(stats.too_late > 0);
}

#[test]
fn state_is_bounded_and_what_goes_is_counted() {
    let limits = CorrelationLimits {
        groups_max: 20,
        entries_per_group_max: 4,
        pending_max: 10,
        lateness: Duration::from_secs(3600),
        ..CorrelationLimits::default()
    };
    let mut engine = Engine::new(all(), limits);
    let mut out = Vec::new();
    for n in 0..500usize {
        let mut e = event(&a(0), n);
        e.set(events::FieldId::intern("g").unwrap(), Value::Str(&format!("g{}", n % 50)));
        engine.feed(&e, &mut out);
        let stats = engine.stats();
        assert!(stats.groups <= 20 && stats.pending <= 10, "{stats:?}");
    }
    assert!(engine.stats().groups_evicted > 0);
    let mut engine = Engine::new(all(), CorrelationLimits { groups_max: 1_000, ..limits });
    (0..100usize).for_each(|n| engine.feed(&event(&a(0), n), &mut out));
    engine.advance(Timestamp::MAX, &mut out);
    assert!(engine.stats().entries_dropped > 0);
}

#[test]
fn a_future_clock_does_not_close_every_window() {
    let mut engine = Engine::new(all(), limits(0));
    let mut out = Vec::new();
    let mut wild = event(&Given { secs: 1_000_000_000, kind: "c", group: "g", value: 0 }, 99);
    wild.received = at(0);
    engine.feed(&wild, &mut out);
    assert!(engine.watermark() <= at(300));
}

#[test]
fn snapshots_of_other_kinds_are_refused() {
    let code = |bytes: &[u8]| Engine::restore(all(), limits(0), bytes).unwrap_err().code();
    let whole = Engine::new(all(), limits(0)).snapshot();
    assert_eq!(code(&[&[9], &whole[1..]].concat()), "R094");
    assert_eq!(code(br#"{"version":1}"#), "R094", "what older programs wrote");
    for end in 0..whole.len() {
        assert_eq!(code(&whole[..end]), "R093", "cut at {end}");
    }
}

/// A storm of hits, all of one second, is cut to the bound; a group that is not part of it still
/// correlates, before and after the state was written and read.
#[test]
fn a_storm_does_not_outgrow_its_bound() {
    const BOUND: usize = 40_000;
    let limits = CorrelationLimits { state_bytes_max: BOUND, ..limits(0) };
    let mut engine = Engine::new(all(), limits);
    let mut out = Vec::new();
    for n in 0..20_000 {
        let given = Given { secs: 100, kind: "a", group: "storm", value: n };
        engine.feed(&event(&given, n as usize), &mut out);
    }
    let snapshot = engine.snapshot();
    assert!(snapshot.len() <= BOUND, "{} bytes", snapshot.len());
    assert!(engine.stats().entries_dropped > 0, "what was cut is counted");
    let mut restored = Engine::restore(all(), limits, &snapshot).unwrap();
    assert_eq!(restored.snapshot(), snapshot);
    let mut same = Vec::new();
    out.clear();
    for n in 0..40 {
        let given = Given { secs: 101, kind: "a", group: "calm", value: n };
        let event = event(&given, 30_000 + n as usize);
        engine.feed(&event, &mut out);
        restored.feed(&event, &mut same);
    }
    engine.advance(Timestamp::MAX, &mut out);
    restored.advance(Timestamp::MAX, &mut same);
    assert!(out.iter().any(|d| d.group.iter().any(|(_, v)| v == "calm")), "{out:?}");
    assert_eq!(out, same);
}
