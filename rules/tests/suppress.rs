//! What rules say of their own detections: level by value, quiet after one; across a checkpoint.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod common;

use std::sync::Arc;

use common::at;
use events::{Event, EventId, Severity, Timestamp, Value};
use rules::{CorrelationLimits, Detection, Engine, LoadOptions, Loaded, RuleSet, Source};

fn load(xuedun: &str) -> Loaded {
    let text = format!(
        "title: r\nid: r\nlevel: low\nlogsource: {{product: t}}\ndetection: {{s: {{k: a}}, condition: s}}\nxuedun: {xuedun}\n"
    );
    let options = LoadOptions { routing: false, ..LoadOptions::default() };
    RuleSet::load(&[Source::new("t.yml", text)], &options)
}

fn event(secs: i64, n: usize, group: &str, kind: &str) -> Event {
    let mut e = Event::new();
    e.time = at(secs);
    e.id = EventId::at(e.time, n as u128 + 1);
    e.push_named("k", Value::Str("a"));
    e.push_named("g", Value::Str(group));
    e.push_named("kind", Value::Str(kind));
    e
}

const GIVEN: [(i64, &str); 7] =
    [(0, "x"), (5, "x"), (5, "y"), (9, "x"), (10, "x"), (11, "x"), (30, "y")];

fn times(out: &[Detection]) -> Vec<(i64, String)> {
    out.iter().map(|d| (d.time.since(at(0)).as_secs() as i64, d.group[0].1.clone())).collect()
}

#[test]
fn a_rule_keeps_quiet_for_a_group_and_goes_on_after_a_restart() {
    let set = Arc::new(load("{group_by: [g], suppress: 10s}").set);
    let want = [(0, "x"), (5, "y"), (11, "x"), (30, "y")].map(|(t, g)| (t, g.to_owned()));
    for cut in 0..GIVEN.len() {
        let mut engine = Engine::new(Arc::clone(&set), CorrelationLimits::default());
        let mut out = Vec::new();
        for (n, (secs, group)) in GIVEN.iter().enumerate() {
            if n == cut {
                let limits = CorrelationLimits::default();
                engine = Engine::restore(Arc::clone(&set), limits, &engine.snapshot()).unwrap();
            }
            engine.feed(&event(*secs, n, group, ""), &mut out);
        }
        engine.advance(Timestamp::MAX, &mut out);
        assert_eq!(times(&out), want, "cut at {cut}");
    }
    let mut engine = Engine::new(set, CorrelationLimits::default());
    (0..3).for_each(|n| engine.feed(&event(0, n, "x", ""), &mut Vec::new()));
    assert_eq!(engine.stats().suppressed, 2);
}

#[test]
fn the_level_follows_the_value() {
    let severity = "[{field: kind, values: [root, Admin], level: critical}, {field: kind, values: [web], level: medium}]";
    let set = Arc::new(load(&format!("{{severity: {severity}}}")).set);
    let mut engine = Engine::new(set, CorrelationLimits::default());
    let mut out = Vec::new();
    for (n, kind) in ["ADMIN", "web", "other"].iter().enumerate() {
        engine.feed(&event(0, n, "x", kind), &mut out);
    }
    let levels: Vec<Severity> = out.iter().map(|d| d.level).collect();
    assert_eq!(levels, [Severity::Critical, Severity::Medium, Severity::Low]);
}

#[test]
fn what_a_rule_cannot_say_is_refused() {
    for (xuedun, code) in [
        ("{suppress: soon}", "R033"),
        ("{suppress: 90d}", "R033"),
        ("{severity: [{field: f, level: high}]}", "R050"),
        ("{severity: [{field: f, values: [1], level: grave}]}", "R050"),
        ("{severity: [{field: f, values: [1], level: high, x: 1}]}", "R050"),
    ] {
        let loaded = load(xuedun);
        assert_eq!((loaded.rejected, loaded.problems[0].code), (1, code), "{xuedun}");
    }
}
