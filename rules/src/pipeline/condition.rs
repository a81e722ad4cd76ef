//! Which rules, items and fields a step is for.

use events::{LogSource, Severity};
use regex::Regex;

use super::apply::Run;
use super::value::{Seen, wildcards};
use crate::syntax::condition::Cond;
use crate::syntax::written::Item;
use crate::yaml::Node;

/// Conditions and how they are joined. Without any the step is for everything.
#[derive(Debug)]
pub(super) struct Conditions<T> {
    pub(super) list: Vec<(String, T)>,
    pub(super) logic: Logic,
    pub(super) negated: bool,
}

/// How conditions are joined.
#[derive(Debug)]
pub(super) enum Logic {
    All,
    Any,
    Expr(Cond),
}

impl<T> Conditions<T> {
    pub(super) fn hold(&self, mut test: impl FnMut(&T) -> bool) -> bool {
        if self.list.is_empty() {
            return true;
        }
        let met = match &self.logic {
            Logic::All => self.list.iter().all(|(_, c)| test(c)),
            Logic::Any => self.list.iter().any(|(_, c)| test(c)),
            Logic::Expr(cond) => self.eval(cond, &mut test),
        };
        met != self.negated
    }

    fn eval(&self, cond: &Cond, test: &mut impl FnMut(&T) -> bool) -> bool {
        match cond {
            Cond::All(parts) => parts.iter().all(|p| self.eval(p, test)),
            Cond::Any(parts) => parts.iter().any(|p| self.eval(p, test)),
            Cond::Not(inner) => !self.eval(inner, test),
            Cond::Item(name, _) => self.list.iter().any(|(n, c)| n == name && test(c)),
            // Refused when the pipeline was read.
            Cond::Of { .. } => false,
        }
    }
}

/// An order for states and attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Eq,
    Ne,
    Gte,
    Gt,
    Lte,
    Lt,
    In,
    NotIn,
}

impl Relation {
    /// Compares as numbers where both are, else as texts.
    pub(super) fn holds(self, left: &str, right: &str) -> bool {
        let order = match (left.parse::<f64>(), right.parse::<f64>()) {
            (Ok(l), Ok(r)) => l.partial_cmp(&r),
            _ => Some(left.cmp(right)),
        };
        let Some(order) = order else { return false };
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Gte => order.is_ge(),
            Self::Gt => order.is_gt(),
            Self::Lte => order.is_le(),
            Self::Lt => order.is_lt(),
            Self::In | Self::NotIn => false,
        }
    }
}

/// On the rule.
#[derive(Debug)]
pub(super) enum RuleCondition {
    LogSource(LogSource),
    ContainsField(String),
    ContainsItem { field: String, value: Seen },
    Applied(String),
    State { key: String, value: String, relation: Relation },
    IsDetection,
    IsCorrelation,
    Attribute { name: String, value: String, relation: Relation },
    Tag(String),
}

impl RuleCondition {
    pub(super) fn holds(&self, run: &Run<'_>) -> bool {
        let mut found = false;
        match self {
            Self::LogSource(source) => source.covers(&run.logsource),
            Self::ContainsField(name) => {
                run.each(&mut |item| found |= item.field == *name);
                found
            }
            Self::ContainsItem { field, value } => {
                run.each(&mut |item| {
                    let mut values = item.values.iter().flat_map(Node::items);
                    found |= item.field == *field && values.any(|v| Seen::of(item, v) == *value);
                });
                found
            }
            Self::Applied(id) => run.applied.contains(id),
            Self::State { key, value, relation } => run.state_is(key, value, *relation),
            Self::IsDetection => !run.subject.is_correlation,
            Self::IsCorrelation => run.subject.is_correlation,
            Self::Tag(tag) => list(run.subject.doc, "tags").any(|t| t.eq_ignore_ascii_case(tag)),
            Self::Attribute { name, value, relation } => match run.attributes.get(name) {
                Some(own) if run.subject.doc.get(name).is_none() => relation.holds(own, value),
                _ => attribute(run.subject.doc, name, value, *relation),
            },
        }
    }
}

fn list<'n>(doc: &'n Node, name: &str) -> impl Iterator<Item = &'n str> {
    doc.get(name).map(Node::items).unwrap_or_default().iter().filter_map(Node::text)
}

fn attribute(doc: &Node, name: &str, value: &str, relation: Relation) -> bool {
    let Some(node) = doc.get(name) else { return false };
    match relation {
        Relation::In => return list(doc, name).any(|t| t == value),
        Relation::NotIn => return list(doc, name).all(|t| t != value),
        _ => {}
    }
    let Some(text) = node.text() else { return relation == Relation::Ne };
    // Grades have an order of their own; dates in ISO 8601 are ordered as texts.
    let rank = |t: &str| match name {
        "level" => t.parse::<Severity>().ok().map(|s| (s as u8).to_string()),
        "status" => ["unsupported", "deprecated", "experimental", "test", "stable"]
            .iter()
            .position(|s| *s == t)
            .map(|p| p.to_string()),
        _ => Some(t.to_owned()),
    };
    matches!((rank(text), rank(value)), (Some(l), Some(r)) if relation.holds(&l, &r))
}

/// On a detection item.
#[derive(Debug)]
pub(super) enum ItemCondition {
    MatchString { all: bool, pattern: Regex, negated: bool },
    MatchValue { all: bool, value: Seen },
    Wildcard { all: bool },
    Null { all: bool },
    Applied(String),
    State { key: String, value: String, relation: Relation },
}

impl ItemCondition {
    pub(super) fn holds(&self, item: &Item, run: &Run<'_>) -> bool {
        let values = || item.values.iter().flat_map(Node::items);
        let over = |all: bool, test: &dyn Fn(&Node) -> bool| {
            if all { values().all(test) } else { values().any(test) }
        };
        match self {
            Self::MatchString { all, pattern, negated } => over(*all, &|v| {
                Seen::of(item, v).text().is_some_and(|text| pattern.is_match(text)) != *negated
            }),
            Self::MatchValue { all, value } => over(*all, &|v| Seen::of(item, v) == *value),
            Self::Wildcard { all } => {
                over(*all, &|v| Seen::of(item, v).text().is_some_and(wildcards))
            }
            Self::Null { all } => over(*all, &|v| Seen::of(item, v) == Seen::Null),
            Self::Applied(id) => item.applied.contains(id),
            Self::State { key, value, relation } => run.state_is(key, value, *relation),
        }
    }
}

/// On a field's name.
#[derive(Debug)]
pub(super) enum FieldCondition {
    Include { names: Vec<String>, patterns: Vec<Regex>, negated: bool },
    Applied(String),
    State { key: String, value: String, relation: Relation },
}

impl FieldCondition {
    pub(super) fn holds(&self, field: &str, applied: &[String], run: &Run<'_>) -> bool {
        match self {
            Self::Include { names, patterns, negated } => {
                let named = !field.is_empty()
                    && (names.iter().any(|n| n == field)
                        || patterns.iter().any(|p| p.is_match(field)));
                named != *negated
            }
            Self::Applied(id) => applied.contains(id),
            Self::State { key, value, relation } => run.state_is(key, value, *relation),
        }
    }
}
