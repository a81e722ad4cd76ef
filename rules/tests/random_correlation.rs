//! Random correlations (all eight types, aliases, `generate`, chains) over random events: the
//! engine against what they mean, worked out from the whole list of events; out of order against
//! in order; and cut at any place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use common::at;
use events::{Event, EventId, Timestamp, Value};
use proptest::prelude::*;
use rules::{CorrelationLimits, Detection, Engine, LoadOptions, RuleSet, Source};

const KINDS: [&str; 8] = [
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_percentile",
    "value_median",
];

/// One correlation.
#[derive(Clone, Debug)]
struct Made {
    kind: &'static str,
    /// `a`, `b`, or `c0`, in this order.
    rules: Vec<&'static str>,
    /// Names in `group-by`: `g` (in all events) and `u` (an alias of `ga` and `gb`).
    group: Vec<&'static str>,
    span: i64,
    conditions: Vec<(&'static str, i64)>,
    /// In their place, of a temporal one.
    among: Option<&'static str>,
    percentile: i64,
    field: &'static str,
    generate: bool,
}

fn made() -> impl Strategy<Value = Made> {
    let rules =
        prop_oneof![Just(vec!["a"]), Just(vec!["b"]), Just(vec!["a", "b"]), Just(vec!["b", "a"])];
    let group = prop_oneof![Just(vec![]), Just(vec!["g"]), Just(vec!["u"]), Just(vec!["g", "u"])];
    let op = || {
        prop_oneof![
            3 => Just("gte"), 2 => Just("gt"), 1 => Just("lte"), 1 => Just("lt"),
            1 => Just("eq"), 1 => Just("neq")
        ]
    };
    let conditions = prop::collection::vec((op(), 0i64..6), 1..3);
    let parts = (0..8usize, rules, group, 1i64..13, conditions, 0i64..101, any::<bool>());
    parts.prop_map(|(kind, rules, group, span, mut conditions, percentile, generate)| {
        conditions.dedup_by(|x, y| x.0 == y.0);
        let kind = KINDS[kind];
        if kind.starts_with("temporal") && percentile % 2 == 0 {
            conditions.clear();
        }
        let over = ["a", "b", "not b and a", "a and b", "a or b", "not (a or b) or b", "not a"];
        let among = Some(over[percentile as usize % 7])
            .filter(|_| kind == "temporal" && percentile % 3 == 0 && rules.len() == 2);
        if among.is_some() {
            conditions.clear();
        }
        Made { kind, rules, group, span, conditions, among, percentile, field: "v", generate }
    })
}

/// A correlation over the first one, perhaps together with a rule.
fn chained() -> impl Strategy<Value = Made> {
    let rules =
        prop_oneof![2 => Just(vec!["c0"]), 1 => Just(vec!["c0", "a"]), 1 => Just(vec!["b", "c0"])];
    let kind = prop_oneof![
        Just("event_count"),
        Just("value_count"),
        Just("temporal"),
        Just("temporal_ordered")
    ];
    (made(), kind, rules).prop_map(|(made, kind, rules)| {
        let mut conditions = made.conditions;
        if conditions.is_empty() {
            conditions.push(("gte", 1));
        }
        // Only what the first groups by is known of it.
        Made { kind, rules, conditions, among: None, field: "g", ..made }
    })
}

impl Made {
    fn yaml(&self, id: &str) -> String {
        let mut conditions: Vec<String> =
            self.conditions.iter().map(|(op, n)| format!("{op}: {n}")).collect();
        if self.kind.starts_with("value") {
            conditions.push(format!("field: {}", self.field));
        }
        if self.kind == "value_percentile" {
            conditions.push(format!("percentile: {}", self.percentile));
        }
        let condition = match conditions.is_empty() {
            true => self.among.map_or(String::new(), |among| format!(", condition: {among}")),
            false => format!(", condition: {{{}}}", conditions.join(", ")),
        };
        let fields = [("a", "ga"), ("b", "gb")];
        let aliases: Vec<String> = fields
            .iter()
            .filter(|(rule, _)| self.rules.contains(rule))
            .map(|(rule, field)| format!("{rule}: {field}"))
            .collect();
        let aliases = match self.group.contains(&"u") && !aliases.is_empty() {
            true => format!(", aliases: {{u: {{{}}}}}", aliases.join(", ")),
            false => String::new(),
        };
        format!(
            "---\ntitle: {id}\nid: {id}\ncorrelation: {{type: {}, rules: [{}], group-by: [{}], timespan: {}s, generate: {}{condition}{aliases}}}\n",
            self.kind,
            self.rules.join(", "),
            self.group.join(", "),
            self.span,
            self.generate,
        )
    }

    fn waits(&self) -> bool {
        self.conditions.iter().any(|(op, _)| !matches!(*op, "gt" | "gte"))
            || self.among.is_some_and(|among| among.contains("not"))
    }

    /// The number of a window, in order; `None` for a statistic of nothing.
    fn number(&self, window: &[Hit]) -> Option<f64> {
        let mut numbers: Vec<f64> = window.iter().filter_map(|h| h.number).collect();
        numbers.sort_by(f64::total_cmp);
        let n = numbers.len();
        Some(match self.kind {
            "event_count" => window.len() as f64,
            "value_count" => {
                window.iter().filter_map(|h| h.value.clone()).collect::<BTreeSet<_>>().len() as f64
            }
            "temporal" => window.iter().map(|h| h.rule).collect::<BTreeSet<_>>().len() as f64,
            "temporal_ordered" => {
                let next = window.iter().fold(0, |next, h| next + usize::from(h.rule == next));
                next as f64
            }
            "value_sum" => numbers.iter().sum(),
            "value_avg" if n > 0 => numbers.iter().sum::<f64>() / n as f64,
            "value_median" if n > 0 => (numbers[(n - 1) / 2] + numbers[n / 2]) / 2.0,
            "value_percentile" if n > 0 => {
                let rank = (self.percentile as f64 / 100.0 * n as f64).ceil().max(1.0) as usize;
                numbers[rank - 1]
            }
            _ => return None,
        })
    }

    fn holds(&self, window: &[Hit]) -> Option<f64> {
        let number = self.number(window)?;
        let one = |(op, n): &(&str, i64)| {
            let n = *n as f64;
            match *op {
                "gt" => number > n,
                "gte" => number >= n,
                "lt" => number < n,
                "lte" => number <= n,
                "eq" => number == n,
                _ => number != n,
            }
        };
        let hit = |rule: &str| window.iter().any(|h| self.rules[h.rule] == rule);
        let (a, b) = (hit("a"), hit("b"));
        let met = match self.conditions.is_empty() {
            true if self.among.is_some() => match self.among.unwrap() {
                "a" => a,
                "b" => b,
                "not b and a" => a && !b,
                "a and b" => a && b,
                "a or b" => a || b,
                "not (a or b) or b" => b || !a,
                "not a" => !a,
                other => panic!("{other}"),
            },
            true => number >= self.rules.len() as f64,
            false => self.conditions.iter().all(one),
        };
        met.then_some(number)
    }

    /// When it fires, and with which number and group.
    fn fires(&self, hits: &[Hit]) -> Vec<Fired> {
        let mut groups: BTreeMap<Vec<String>, Vec<Hit>> = BTreeMap::new();
        for hit in hits {
            groups.entry(hit.group.clone()).or_default().push(hit.clone());
        }
        let mut out = Vec::new();
        for (group, hits) in groups {
            let mut fire = |time: i64, closed: u8, last: usize, number: f64| {
                let count = number.max(0.0).round() as u64;
                out.push(Fired { time, closed, last, group: group.clone(), count });
            };
            // Of one moment, the events decide the order.
            let ordered = |hits: &[Hit]| {
                let mut hits = hits.to_vec();
                hits.sort_by_key(|h| (h.time, h.at));
                hits
            };
            if self.waits() {
                let mut from = 0;
                while from < hits.len() {
                    let end = hits[from].time + self.span;
                    let inside = hits[from..].iter().take_while(|h| h.time <= end).count();
                    let window = ordered(&hits[from..from + inside]);
                    if let Some(number) = self.holds(&window) {
                        fire(end, 1, window.last().unwrap().at, number);
                    }
                    from += inside;
                }
                continue;
            }
            let mut quiet = i64::MIN;
            for (n, hit) in hits.iter().enumerate() {
                let window: Vec<Hit> =
                    hits[..=n].iter().filter(|h| h.time >= hit.time - self.span).cloned().collect();
                let window = ordered(&window);
                if hit.time > quiet
                    && let Some(number) = self.holds(&window)
                {
                    quiet = hit.time + self.span;
                    fire(hit.time, 0, window.last().unwrap().at, number);
                }
            }
        }
        out
    }
}

/// A hit of one of a correlation's rules.
#[derive(Clone, Debug)]
struct Hit {
    time: i64,
    /// Which event.
    at: usize,
    rule: usize,
    group: Vec<String>,
    value: Option<String>,
    number: Option<f64>,
}

#[derive(Clone, Debug)]
struct Fired {
    time: i64,
    /// 0 with an event, before what that event is itself; 1 at a window's close, after all
    /// events of its moment.
    closed: u8,
    /// The last event it is about.
    last: usize,
    group: Vec<String>,
    count: u64,
}

#[derive(Clone, Debug)]
struct Given {
    secs: i64,
    kind: &'static str,
    g: &'static str,
    u: &'static str,
    value: Option<i64>,
}

fn stream() -> impl Strategy<Value = Vec<Given>> {
    let one = (
        0i64..4,
        prop_oneof![3 => Just("a"), 3 => Just("b"), 1 => Just("c")],
        prop_oneof![Just("x"), Just("y")],
        prop_oneof![3 => Just("p"), 2 => Just("q"), 1 => Just("")],
        prop::option::weighted(0.8, -2i64..7),
    );
    prop::collection::vec(one, 0..40).prop_map(|steps| {
        let mut secs = 0;
        steps
            .into_iter()
            .map(|(step, kind, g, u, value)| {
                secs += step;
                Given { secs, kind, g, u, value }
            })
            .collect()
    })
}

fn event(given: &Given, n: usize) -> Event {
    let mut e = Event::new();
    e.time = at(given.secs);
    e.id = EventId::at(e.time, n as u128 + 1);
    e.push_named("k", Value::Str(given.kind));
    e.push_named("g", Value::Str(given.g));
    // Each rule's events call it another name; the other's holds something else.
    let (own, other) = if given.kind == "a" { ("ga", "gb") } else { ("gb", "ga") };
    if !given.u.is_empty() {
        e.push_named(own, Value::Str(given.u));
    }
    e.push_named(other, Value::Str("wrong"));
    if let Some(v) = given.value {
        e.push_named("v", Value::Int(v));
    }
    e
}

/// What a rule's own hits are to a correlation.
fn hits(made: &Made, given: &[Given], first: Option<(&Made, &[Fired])>) -> Vec<Hit> {
    let mut out: Vec<((i64, u8, usize, u8), Hit)> = Vec::new();
    for (rule, name) in made.rules.iter().enumerate() {
        if *name == "c0" {
            let (base, fired) = first.unwrap();
            for f in fired {
                let of = |wanted: &str| {
                    base.group.iter().position(|n| *n == wanted).map(|p| f.group[p].clone())
                };
                let group: Option<Vec<String>> = made.group.iter().map(|n| of(n)).collect();
                let value = of(made.field);
                let Some(group) = group else { continue };
                if made.kind == "value_count" && value.is_none() {
                    continue;
                }
                let order = (f.time, f.closed, if f.closed == 1 { 0 } else { f.last }, 0);
                out.push((
                    order,
                    Hit { time: f.time, at: f.last, rule, group, value, number: None },
                ));
            }
            continue;
        }
        for (n, e) in given.iter().enumerate().filter(|(_, e)| e.kind == *name) {
            let of = |wanted: &str| match wanted {
                "g" => Some(e.g.to_owned()),
                "u" => Some(e.u.to_owned()).filter(|u| !u.is_empty()),
                _ => e.value.map(|v| v.to_string()),
            };
            let group: Option<Vec<String>> = made.group.iter().map(|n| of(n)).collect();
            let Some(group) = group else { continue };
            let value = of(made.field);
            if made.kind.starts_with("value") && value.is_none() {
                continue;
            }
            let number = value.as_ref().and_then(|v| v.parse().ok());
            out.push(((e.secs, 0, n, 1), Hit { time: e.secs, at: n, rule, group, value, number }));
        }
    }
    // Closings of one moment in order of their group.
    out.sort_by(|x, y| (x.0, &x.1.group).cmp(&(y.0, &y.1.group)));
    out.into_iter().map(|(_, hit)| hit).collect()
}

type Said = BTreeSet<(String, i64, u64, Vec<String>)>;

/// What correlations mean, from the whole list of events.
fn meant(first: &Made, second: &Made, given: &[Given]) -> Said {
    let fired = first.fires(&hits(first, given, None));
    let above = second.fires(&hits(second, given, Some((first, &fired))));
    let mut out = Said::new();
    // A base is heard by itself when some correlation on it asks for that, or none is on it.
    let heard = |rule: &str| {
        let on: Vec<&Made> =
            [first, second].into_iter().filter(|m| m.rules.contains(&rule)).collect();
        on.is_empty() || on.iter().any(|m| m.generate)
    };
    for (n, e) in given.iter().enumerate().filter(|(_, e)| e.kind != "c" && heard(e.kind)) {
        out.insert((e.kind.to_owned(), e.secs, n as u64, vec![]));
    }
    if heard("c0") {
        out.extend(fired.iter().map(|f| ("c0".to_owned(), f.time, f.count, f.group.clone())));
    }
    out.extend(above.iter().map(|f| ("c1".to_owned(), f.time, f.count, f.group.clone())));
    out
}

fn set(first: &Made, second: &Made) -> Arc<RuleSet> {
    let base = |k: &str| {
        format!(
            "title: {k}\nid: {k}\nlogsource: {{product: t}}\ndetection: {{s: {{k: {k}}}, condition: s}}\n"
        )
    };
    let text = format!("{}---\n{}{}{}", base("a"), base("b"), first.yaml("c0"), second.yaml("c1"));
    let source = Source::new("t.yml", text);
    let options = LoadOptions { routing: false, ..LoadOptions::default() };
    let loaded = RuleSet::load(std::slice::from_ref(&source), &options);
    assert_eq!(loaded.rejected, 0, "{:#?}\n{}", loaded.problems, source.text);
    Arc::new(loaded.set)
}

fn limits(lateness: u64) -> CorrelationLimits {
    CorrelationLimits { lateness: Duration::from_secs(lateness), ..CorrelationLimits::default() }
}

fn run(set: &Arc<RuleSet>, events: &[Event], lateness: u64) -> Vec<Detection> {
    let mut engine = Engine::new(Arc::clone(set), limits(lateness));
    let mut out = Vec::new();
    events.iter().for_each(|e| engine.feed(e, &mut out));
    engine.advance(Timestamp::MAX, &mut out);
    out
}

fn said(out: &[Detection], events: &[Event]) -> Said {
    out.iter()
        .map(|d| {
            let time = d.time.since(at(0)).as_secs() as i64;
            if d.rule_id.len() == 1 {
                let n = events.iter().position(|e| e.id == d.event).unwrap() as u64;
                return (d.rule_id.clone(), time, n, vec![]);
            }
            let group = d.group.iter().map(|(_, v)| v.clone()).collect();
            (d.rule_id.clone(), time, d.count, group)
        })
        .collect()
}

fn ids(out: &[Detection]) -> BTreeSet<(String, String, Timestamp, u64)> {
    out.iter().map(|d| (d.id().to_string(), d.rule_id.clone(), d.time, d.count)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_engine_says_what_random_correlations_mean(
        first in made(), second in chained(), given in stream(),
    ) {
        let set = set(&first, &second);
        let events: Vec<Event> = given.iter().enumerate().map(|(n, g)| event(g, n)).collect();
        let out = run(&set, &events, 0);
        prop_assert_eq!(said(&out, &events), meant(&first, &second, &given));
        prop_assert_eq!(ids(&out).len(), out.len(), "every detection has an id of its own");
    }

    #[test]
    fn random_correlations_out_of_order_within_the_bound_are_as_in_order(
        first in made(), second in chained(), given in stream(),
        delays in prop::collection::vec(0i64..8, 40),
    ) {
        let set = set(&first, &second);
        let events: Vec<Event> = given.iter().enumerate().map(|(n, g)| event(g, n)).collect();
        let mut arrival: Vec<(i64, usize)> =
            given.iter().zip(&delays).enumerate().map(|(n, (g, d))| (g.secs + d, n)).collect();
        arrival.sort_unstable();
        let shuffled: Vec<Event> = arrival.iter().map(|(_, n)| events[*n].clone()).collect();
        prop_assert_eq!(ids(&run(&set, &shuffled, 8)), ids(&run(&set, &events, 8)));
    }

    #[test]
    fn random_correlations_go_on_from_any_checkpoint(
        first in made(), second in chained(), given in stream(),
        cut in 0usize..40, lateness in 0u64..9,
    ) {
        let set = set(&first, &second);
        let events: Vec<Event> = given.iter().enumerate().map(|(n, g)| event(g, n)).collect();
        let cut = cut.min(events.len());
        let mut engine = Engine::new(Arc::clone(&set), limits(lateness));
        let mut out = Vec::new();
        events[..cut].iter().for_each(|e| engine.feed(e, &mut out));
        let mut engine = Engine::restore(Arc::clone(&set), limits(lateness), &engine.snapshot()).unwrap();
        // A reload of the same rules in the middle changes nothing either.
        engine.replace(super_set(&first, &second));
        events[cut..].iter().for_each(|e| engine.feed(e, &mut out));
        engine.advance(Timestamp::MAX, &mut out);
        prop_assert_eq!(ids(&out), ids(&run(&set, &events, lateness)));
    }
}

/// The same rules and one more.
fn super_set(first: &Made, second: &Made) -> Arc<RuleSet> {
    let same = set(first, second);
    let more =
        "title: z\nid: z\nlogsource: {product: t}\ndetection: {s: {k: zz}, condition: s}\n---\n";
    let base = |k: &str| {
        format!(
            "title: {k}\nid: {k}\nlogsource: {{product: t}}\ndetection: {{s: {{k: {k}}}, condition: s}}\n"
        )
    };
    let text =
        format!("{more}{}---\n{}{}{}", base("a"), base("b"), first.yaml("c0"), second.yaml("c1"));
    let source = Source::new("t.yml", text);
    let options = LoadOptions { routing: false, ..LoadOptions::default() };
    let set = RuleSet::load(&[source], &options).set;
    assert_eq!(set.rules().len(), same.rules().len() + 1);
    Arc::new(set)
}
