//! Runs the tests inside rule files.
//!
//! A test's event is a map of fields, nested or dotted. Keys beginning with `_` describe it:
//! `_at` (seconds after the first event, or `5m`), `_repeat` and `_every` (that many events, so far
//! apart, `{n}` in a value standing for the number), `_logsource` (as in a rule), `_time` (RFC
//! 3339, of the first event).

use std::sync::Arc;
use std::time::Duration;

use events::{Event, EventId, LogSource, LogSourceId, Timestamp, Value};

use crate::engine::{CorrelationLimits, Engine};
use crate::load::LoadOptions;
use crate::rule::{Rule, RuleKind};
use crate::set::RuleSet;
use crate::source::Source;
use crate::syntax::correlation::parse_span;
use crate::syntax::xuedun::Test;
use crate::yaml::{Kind, Node, Scalar};

/// Outcome of one test of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestResult {
    /// The rule.
    pub rule_id: String,
    /// The test.
    pub name: String,
    /// Whether the outcome was the expected one.
    pub passed: bool,
    /// Whether a match was expected.
    pub expected_match: bool,
    /// How often the rule fired.
    pub detections: usize,
    /// Where the test stands, in bytes of the file.
    pub span: std::ops::Range<usize>,
}

/// Most events one `_repeat` makes.
const REPEAT_MAX: u64 = 20_000;

/// Runs every test of a source. Rules that correlations refer to must stand in the same source.
pub fn test_source(source: &Source) -> Vec<TestResult> {
    test_source_with(source, &LoadOptions::default())
}

/// The same, loaded with these options.
pub fn test_source_with(source: &Source, options: &LoadOptions) -> Vec<TestResult> {
    let loaded = RuleSet::load(std::slice::from_ref(source), options);
    let set = Arc::new(loaded.set);
    let mut out = Vec::new();
    for rule in set.rules() {
        for test in rule.tests.iter() {
            let detections = run(&set, rule, test);
            out.push(TestResult {
                rule_id: rule.id.clone(),
                name: test.name.clone(),
                passed: (detections > 0) == test.expect_match,
                expected_match: test.expect_match,
                detections,
                span: test.at.clone(),
            });
        }
    }
    out
}

/// How often the rule fires on a test's events.
fn run(set: &Arc<RuleSet>, rule: &Rule, test: &Test) -> usize {
    let source = logsource_of(set, rule);
    let mut engine = Engine::new(set.clone(), CorrelationLimits::default());
    let mut scratch = crate::Scratch::new();
    let (mut hits, mut out) = (Vec::new(), Vec::new());
    let mut matched = 0;
    for event in events(&test.events, &source) {
        if matches!(rule.kind, RuleKind::Detection(_)) {
            // A silent base is tested by what it matches.
            set.matches(&event, &mut scratch, &mut hits);
            matched += hits.iter().filter(|h| set.rule(h.rule).id == rule.id).count();
        } else {
            engine.feed(&event, &mut out);
        }
    }
    engine.advance(Timestamp::MAX, &mut out);
    matched
        + out
            .iter()
            .filter(|d| d.rule_id == rule.id && matches!(rule.kind, RuleKind::Correlation(_)))
            .count()
}

/// The log source a rule looks at; for a correlation that of its first base.
fn logsource_of(set: &RuleSet, rule: &Rule) -> LogSource {
    match &rule.kind {
        RuleKind::Detection(_) => rule.logsource.clone(),
        RuleKind::Correlation(c) => {
            c.rules.first().map_or_else(LogSource::default, |r| logsource_of(set, set.rule(*r)))
        }
    }
}

/// The events of a test, in the order written.
fn events(nodes: &[Node], source: &LogSource) -> Vec<Event> {
    let base = nodes
        .iter()
        .filter_map(|n| n.get("_time").and_then(|t| t.text()))
        .find_map(|t| Timestamp::parse_rfc3339(t).ok())
        .unwrap_or(Timestamp::from_secs(1_700_000_000));
    let mut out: Vec<Event> = Vec::new();
    for node in nodes {
        let span = |name: &str| match node.get(name).and_then(|n| n.scalar()) {
            Some(Scalar::Int(secs)) => Duration::from_secs(secs.unsigned_abs()),
            Some(Scalar::Str(text)) => parse_span(text).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        let own =
            node.get("_time").and_then(|t| t.text()).and_then(|t| Timestamp::parse_rfc3339(t).ok());
        let mut time = own.unwrap_or(base).plus(span("_at"));
        let every = span("_every");
        let repeat = match node.get("_repeat").and_then(|n| n.scalar()) {
            Some(Scalar::Int(n)) => n.unsigned_abs().min(REPEAT_MAX),
            _ => 1,
        };
        let source = node.get("_logsource").map_or_else(|| source.clone(), logsource);
        for n in 1..=repeat {
            let mut event = Event::new();
            event.time = time;
            event.received = time;
            event.id = EventId::at(time, out.len() as u128 + 1);
            event.logsource = LogSourceId::intern(&source);
            fields(node, "", n, &mut event);
            out.push(event);
            time = time.plus(every);
        }
    }
    out
}

fn logsource(node: &Node) -> LogSource {
    let part = |name: &str| node.get(name).and_then(|n| n.text()).unwrap_or("");
    LogSource::new(part("product"), part("category"), part("service"))
}

fn fields(node: &Node, path: &str, n: u64, event: &mut Event) {
    match &node.kind {
        Kind::Map(entries) => {
            for (key, value) in entries {
                match key.text() {
                    Some(name) if path.is_empty() && name.starts_with('_') => {}
                    Some(name) if path.is_empty() => fields(value, name, n, event),
                    Some(name) => fields(value, &format!("{path}.{name}"), n, event),
                    None => {}
                }
            }
        }
        Kind::Seq(items) => items.iter().for_each(|i| fields(i, path, n, event)),
        Kind::Scalar { text, .. } => match node.scalar() {
            Some(Scalar::Null) | None => event.push_named(path, Value::Null),
            Some(Scalar::Bool(b)) => event.push_named(path, Value::Bool(b)),
            Some(Scalar::Int(i)) => event.push_named(path, Value::Int(i)),
            Some(Scalar::Float(f)) => event.push_named(path, Value::Float(f)),
            Some(Scalar::Str(_)) => {
                event.push_named(path, Value::Str(&text.replace("{n}", &n.to_string())));
            }
        },
    }
}
