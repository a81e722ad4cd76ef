//! Exceptions (例外): detections that are known to be harmless, each with its scope, its reason,
//! who asked for it, who agreed, and when it ends.
//!
//! What is excepted is written in Sigma, over the fields of the event or, for a correlation, of
//! its group:
//!
//! ```yaml
//! selection:
//!   source.ip: 10.1.2.3
//! condition: selection
//! ```
//!
//! An exception takes effect on detections, so it is counted and can be previewed; [`to_filter`]
//! writes one as a Sigma filter for other tools, [`from_filter`] reads a filter as one.

use std::collections::BTreeMap;

use events::{Event, LogSource, SiteId, Timestamp, Value};
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::engine::Detection;
use crate::fields::Resolver;
use crate::hit::holds;
use crate::problem::{Diags, Problem};
use crate::rule::{Rule, RuleKind};
use crate::set::RuleSet;
use crate::syntax::detection::Reader;
use crate::syntax::expr::Expr;
use crate::syntax::modifier::Values;
use crate::syntax::regexes::Regexes;
use crate::syntax::written::{self, Written};
use crate::yaml::{self, Kind, Node};

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Its id.
    pub id: String,
    /// Rules by id or name; `any` for all.
    pub rules: Vec<String>,
    /// Only at these sites; everywhere when empty.
    #[serde(default)]
    pub sites: Vec<SiteId>,
    /// What is excepted: detection items and a condition, in Sigma.
    pub when: String,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub author: String,
    /// Who agreed; without one it has no effect.
    #[serde(default)]
    pub approver: Option<String>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl Exception {
    /// Whether it has effect at a time.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.approver.is_some() && now < self.expires
    }

    fn is_for(&self, rule: &Rule) -> bool {
        self.rules
            .iter()
            .any(|r| r == "any" || *r == rule.id || rule.name.as_deref() == Some(r.as_str()))
    }
}

/// Exceptions compiled for a set of rules.
#[derive(Debug, Default)]
pub struct Exceptions {
    list: Vec<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    exception: Exception,
    /// By rule id.
    exprs: HashMap<String, Expr>,
}

/// Parses what is excepted; problems are those of a file called as the exception.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check_when(name: &str, when: &str) -> Result<(), Vec<Problem>> {
    let mut diags = Diags::new(name, when);
    let expr = parse(when, &mut diags).and_then(|written| {
        build(&written, &LogSource::default(), &mut Resolver::new(), &mut diags)
    });
    match expr {
        Some(_) => Ok(()),
        None => Err(diags.end()),
    }
}

fn parse(when: &str, diags: &mut Diags<'_>) -> Option<Written> {
    let (docs, error) = yaml::parse(when);
    if let Some(e) = error {
        diags.error(e.code, &e.span, &e.zh, &e.en);
        return None;
    }
    let [doc] = docs.as_slice() else {
        diags.error("R008", &(0..0), "应为一个映射", "one map is expected");
        return None;
    };
    written::read(doc, &[], diags)
}

fn build(
    written: &Written,
    source: &LogSource,
    resolver: &mut Resolver,
    diags: &mut Diags<'_>,
) -> Option<Expr> {
    let values = Values { placeholders: &BTreeMap::new(), regexes: &mut Regexes::default() };
    Reader { source, resolver, values, diags, made: 0 }.detection(written)
}

impl Exceptions {
    /// Compiles exceptions for the rules they name. One that cannot be read has no effect, and is
    /// in the problems.
    pub fn compile(list: &[Exception], set: &RuleSet) -> (Self, Vec<Problem>) {
        let mut out = Self::default();
        let mut problems = Vec::new();
        let mut resolver = Resolver::new();
        for exception in list {
            let mut diags = Diags::new(&exception.id, &exception.when);
            let mut exprs = HashMap::new();
            if let Some(written) = parse(&exception.when, &mut diags) {
                for rule in set.rules().iter().filter(|r| exception.is_for(r)) {
                    let source = logsource(set, rule);
                    let before = diags.found();
                    match build(&written, &source, &mut resolver, &mut diags) {
                        Some(expr) => {
                            exprs.insert(rule.id.clone(), expr);
                        }
                        None => break,
                    }
                    // Warnings are the same for every rule.
                    diags.forget_since(before);
                }
            }
            problems.extend(diags.end().into_iter().filter(Problem::is_error));
            out.list.push(Compiled { exception: exception.clone(), exprs });
        }
        (out, problems)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The exception in force that covers a detection of a set's rule. `event` is what completed
    /// it, if it is at hand; the detection's own fields count as well.
    pub fn covering(
        &self,
        set: &RuleSet,
        detection: &Detection,
        event: Option<&Event>,
        now: Timestamp,
    ) -> Option<&Exception> {
        let mut seen: Option<Event> = None;
        self.list.iter().find_map(|c| {
            let e = &c.exception;
            let in_scope = e.sites.is_empty() || e.sites.contains(&detection.site);
            if !in_scope || !e.is_in_force(now) {
                return None;
            }
            let expr = c.exprs.get(&detection.rule_id)?;
            let seen = seen.get_or_insert_with(|| whole(set, detection, event));
            holds(expr, seen).then_some(e)
        })
    }
}

/// The log source by which a rule's fields are called; a correlation's is that of its first base.
fn logsource(set: &RuleSet, rule: &Rule) -> LogSource {
    match &rule.kind {
        RuleKind::Detection(_) => rule.logsource.clone(),
        RuleKind::Correlation(c) => {
            c.rules.first().map_or_else(LogSource::default, |r| logsource(set, set.rule(*r)))
        }
    }
}

/// The event, with what the detection knows besides.
fn whole(set: &RuleSet, detection: &Detection, event: Option<&Event>) -> Event {
    // For a correlation the last event is one of many: only what all share counts.
    let mut out = match event.filter(|e| e.id == detection.event) {
        Some(event) if detection.count == 1 && detection.events.len() == 1 => event.clone(),
        _ => Event::new(),
    };
    let group = detection.group.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let fields = detection.fields.iter().map(|f| (&*f.field, f.value.as_str()));
    for (name, value) in group.chain(fields) {
        let known = events::FieldId::find(name).is_some_and(|id| out.get(id).is_some());
        if !known {
            out.push_named(name, Value::Str(value));
        }
    }
    // A group's values are known by the columns they come from too.
    if let Some(rule) = set.get(&detection.rule_id)
        && let RuleKind::Correlation(c) = &rule.kind
    {
        let columns = c.group_fields.first().into_iter().flatten();
        for (field, (_, value)) in columns.zip(&detection.group) {
            for id in field.candidates.iter().filter(|id| id.name() != field.name) {
                out.push(*id, Value::Str(value));
            }
        }
    }
    out
}

/// Writes an exception as a Sigma filter; `None` when it is for certain sites, which a filter
/// cannot say. That it ends is said in its description only.
pub fn to_filter(exception: &Exception) -> Option<String> {
    if !exception.sites.is_empty() {
        return None;
    }
    let mut diags = Diags::new(&exception.id, &exception.when);
    let written = parse(&exception.when, &mut diags)?;
    let condition = written.conditions.iter().filter_map(|c| c.text());
    let condition = condition.map(|c| format!("({c})")).collect::<Vec<_>>().join(" or ");
    // The items as they are written, without their condition.
    let (docs, _) = yaml::parse(&exception.when);
    let mut items = String::new();
    for (key, value) in docs.first()?.map()?.iter().filter(|(k, _)| k.text() != Some("condition")) {
        items.push_str(&format!("  {}: {}\n", quoted(key.text()?), flow(value)));
    }
    let any = exception.rules.iter().any(|r| r == "any");
    let rules: Vec<String> = exception.rules.iter().map(|r| quoted(r)).collect();
    let rules = if any { "any".to_owned() } else { format!("[{}]", rules.join(", ")) };
    let until = exception.expires.to_rfc3339();
    Some(format!(
        "title: {}\nid: {}\ndescription: {}\nlogsource: {{}}\nfilter:\n  rules: {rules}\n{items}  condition: not ({condition})\n",
        quoted(&exception.reason),
        quoted(&exception.id),
        quoted(&format!("expires {until}")),
    ))
}

/// A node in YAML's flow form.
fn flow(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar { text, plain: true } => text.clone(),
        Kind::Scalar { text, .. } => quoted(text),
        Kind::Seq(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Kind::Map(entries) => {
            let entries = entries
                .iter()
                .map(|(k, v)| format!("{}: {}", quoted(k.text().unwrap_or("")), flow(v)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text in double quotes.
fn quoted(text: &str) -> String {
    // JSON's texts are YAML's.
    serde_json::Value::from(text).to_string()
}

/// The rules and the `when` of a Sigma filter.
///
/// # Errors
/// Everything that is wrong with the filter.
pub fn from_filter(name: &str, text: &str) -> Result<(Vec<String>, String), Vec<Problem>> {
    let mut diags = Diags::new(name, text);
    let (docs, error) = yaml::parse(text);
    if let Some(e) = error {
        diags.error(e.code, &e.span, &e.zh, &e.en);
        return Err(diags.end());
    }
    let body = docs.first().and_then(|d| d.get("filter")).filter(|_| docs.len() == 1);
    let Some(body) = body else {
        diags.error("R007", &(0..0), "应为一个 Sigma 过滤器", "one Sigma filter is expected");
        return Err(diags.end());
    };
    let rules: Vec<String> = body
        .get("rules")
        .map(Node::items)
        .unwrap_or_default()
        .iter()
        .filter_map(|n| n.text().map(str::to_owned))
        .collect();
    let Some(written) = written::read(body, &["rules"], &mut diags).filter(|_| !rules.is_empty())
    else {
        diags.error("R007", &body.span, "过滤器缺少 rules", "the filter names no rules");
        return Err(diags.end());
    };
    // A filter says what must hold for a detection; an exception what must hold for none. Several
    // conditions are alternatives.
    let conditions: Vec<String> =
        written.conditions.iter().filter_map(|c| c.text()).map(|c| format!("({c})")).collect();
    let mut when = String::new();
    for (key, value) in body.map().unwrap_or_default() {
        if let Some(key) = key.text().filter(|k| !matches!(*k, "rules" | "condition")) {
            when.push_str(&format!("{}: {}\n", quoted(key), flow(value)));
        }
    }
    when.push_str(&format!("condition: not ({})\n", conditions.join(" or ")));
    check_when(name, &when).map(|()| (rules, when))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{CorrelationLimits, Engine, LoadOptions, Source};

    fn exception(rules: &[&str], when: &str) -> Exception {
        Exception {
            id: "x1".into(),
            rules: rules.iter().map(|r| (*r).into()).collect(),
            sites: vec![],
            when: when.into(),
            reason: "the scanner of the \"bureau\"".into(),
            author: "li".into(),
            approver: Some("wang".into()),
            created: Timestamp::from_secs(1_700_000_000),
            expires: Timestamp::from_secs(1_700_086_400),
        }
    }

    const RULES: &str = "title: d\nid: d\nlogsource: {category: webserver}\ndetection: {s: {cs-method: GET}, condition: s}\n---\ntitle: c\nid: c\ncorrelation: {type: event_count, rules: [d], group-by: [c-ip], timespan: 1m, condition: {gte: 2}, generate: true}\n";

    fn detections(ip: &str) -> (Arc<RuleSet>, Vec<Detection>, Vec<Event>) {
        let source = Source::new("t", RULES);
        let options = LoadOptions { routing: false, ..LoadOptions::default() };
        let set = Arc::new(RuleSet::load(&[source], &options).set);
        let mut engine = Engine::new(Arc::clone(&set), CorrelationLimits::default());
        let mut out = Vec::new();
        let (mut event, mut events) = (Event::new(), Vec::new());
        event.push_named("http.request.method", Value::Str("GET"));
        event.push_named("source.ip", Value::Str(ip));
        for n in 0..2 {
            event.time = Timestamp::from_secs(1_700_000_000 + n);
            event.id = events::EventId::at(event.time, n as u128 + 1);
            engine.feed(&event, &mut out);
            events.push(event.clone());
        }
        engine.advance(Timestamp::MAX, &mut out);
        (set, out, events)
    }

    fn covered(e: &Exception, ip: &str) -> Vec<String> {
        let (set, out, events) = detections(ip);
        let (compiled, problems) = Exceptions::compile(std::slice::from_ref(e), &set);
        assert!(problems.is_empty(), "{problems:?}");
        let now = Timestamp::from_secs(1_700_000_100);
        out.iter()
            .filter(|d| {
                compiled.covering(&set, d, events.iter().find(|e| e.id == d.event), now).is_some()
            })
            .map(|d| d.rule_id.clone())
            .collect()
    }

    #[test]
    fn an_exception_covers_what_it_says_and_nothing_else() {
        // By Sigma's name of the log source, and by the column it stands for.
        for field in ["c-ip", "source.ip"] {
            let when = format!("s: {{{field}: 10.1.2.3}}\ncondition: s\n");
            let e = exception(&["d"], &when);
            assert_eq!(covered(&e, "10.1.2.3"), ["d", "d"]);
            assert!(covered(&e, "10.1.2.4").is_empty());
        }
        for field in ["c-ip", "source.ip"] {
            let when = format!("s: {{{field}|cidr: 10.0.0.0/8}}\ncondition: s\n");
            assert_eq!(covered(&exception(&["c"], &when), "10.1.2.3"), ["c"]);
        }
        let any = exception(&["any"], "s: {c-ip|startswith: '10.'}\ncondition: s\n");
        assert_eq!(covered(&any, "10.1.2.3").len(), 3);
        let unapproved = Exception { approver: None, ..any.clone() };
        let expired = Exception { expires: Timestamp::from_secs(1_700_000_050), ..any.clone() };
        let elsewhere = Exception { sites: vec!["2133000001".parse().unwrap()], ..any.clone() };
        for e in [unapproved, expired, elsewhere] {
            assert!(covered(&e, "10.1.2.3").is_empty());
        }
        let here = Exception { sites: vec![SiteId::BUREAU], ..any };
        assert_eq!(covered(&here, "10.1.2.3").len(), 3);
    }

    #[test]
    fn exceptions_and_filters_are_the_same_thing_written_twice() {
        let e = exception(
            &["d"],
            "s: {c-ip: [10.1.2.3, '10.9.*']}\nt: {c-uri|endswith: '\\x'}\ncondition: s or t\n",
        );
        let filter = to_filter(&e).unwrap();
        let source = Source::new("t", format!("{RULES}---\n{filter}"));
        let options = LoadOptions { routing: false, ..LoadOptions::default() };
        let loaded = RuleSet::load(&[source], &options);
        assert!(loaded.problems.is_empty(), "{:#?}\n{filter}", loaded.problems);
        let (mut scratch, mut hits) = (crate::Scratch::new(), Vec::new());
        for (ip, fires) in [("10.1.2.3", false), ("10.9.1.1", false), ("10.1.2.4", true)] {
            let mut event = Event::new();
            event.push_named("http.request.method", Value::Str("GET"));
            event.push_named("source.ip", Value::Str(ip));
            loaded.set.matches(&event, &mut scratch, &mut hits);
            assert_eq!(!hits.is_empty(), fires, "{ip}");
        }
        let (rules, when) = from_filter("f", &filter).unwrap();
        let back = Exception { rules, when, ..e };
        assert_eq!(covered(&back, "10.9.7.7"), ["d", "d"]);
        assert!(covered(&back, "10.1.2.4").is_empty());
        assert!(check_when("x", "s: {f|foo: 1}\ncondition: s\n").is_err());
        assert!(from_filter("x", "title: x\n").is_err());
    }
}
