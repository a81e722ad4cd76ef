//! Why a rule did or did not fire: its condition as a tree, each comparison with the value it met.

use std::fmt::Write;

use events::{Event, Value};
use serde::Serialize;

use crate::hit::{MatchedField, holds, matched};
use crate::rule::{RuleIndex, RuleKind};
use crate::set::{RuleSet, values, virtual_value};
use crate::syntax::expr::{Atom, Expr};
use crate::syntax::test::{DatePart, Net, Op, Shape, Test};

/// A part of a condition, and whether it held.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// What is asked.
    pub what: Asked,
    /// Whether the event fulfils it.
    pub held: bool,
    /// The parts it is made of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Explanation>,
}

/// What a part asks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Every part.
    All,
    /// At least one part.
    Any,
    /// Not the part.
    Not,
    /// One comparison.
    Test {
        /// In Sigma's notation: `Image|endswith: '\cmd.exe'`.
        text: String,
        /// The field of the event that was looked at; `None` when the event has none of those
        /// that could hold it.
        field: Option<String>,
        /// Its values that fulfil the comparison, with the place; or, if it does not hold, those
        /// it met.
        met: Vec<MatchedField>,
    },
}

/// Values shown of one comparison.
const SHOWN_MAX: usize = 8;

impl RuleSet {
    /// Explains a detection over an event; `None` for a correlation, which looks at no single
    /// event.
    pub fn explain(&self, rule: RuleIndex, event: &Event) -> Option<Explanation> {
        match &self.rule(rule).kind {
            RuleKind::Detection(d) => Some(explain(&d.expr, event)),
            RuleKind::Correlation(_) => None,
        }
    }
}

fn explain(expr: &Expr, event: &Event) -> Explanation {
    let of = |what, parts: Vec<Explanation>| Explanation { what, held: holds(expr, event), parts };
    let all = |parts: &[Expr]| parts.iter().map(|p| explain(p, event)).collect();
    match expr {
        Expr::All(parts) => of(Asked::All, all(parts)),
        Expr::Any(parts) => of(Asked::Any, all(parts)),
        Expr::Not(inner) => of(Asked::Not, vec![explain(inner, event)]),
        Expr::Atom(atom) => {
            let held = holds(expr, event);
            let met = if held { matched(expr, event, 0..event.len()) } else { seen(atom, event) };
            let field = atom.field.candidates.iter().find(|id| event.get(**id).is_some());
            let field = field.map(|id| id.name().to_owned());
            of(Asked::Test { text: notation(atom), field, met }, Vec::new())
        }
    }
}

/// The values a comparison met.
fn seen(atom: &Atom, event: &Event) -> Vec<MatchedField> {
    let shown = |value: Value<'_>| MatchedField {
        field: atom.field.name.clone().into(),
        value: value.text().chars().take(crate::limits::MATCHED_VALUE_BYTES_MAX).collect(),
        start: None,
        end: None,
    };
    let all = values(&atom.field, event).chain(virtual_value(&atom.field, event));
    all.take(SHOWN_MAX).map(shown).collect()
}

/// A comparison as a rule would write it.
pub fn notation(atom: &Atom) -> String {
    let mut out = atom.field.name.clone();
    let (modifiers, value) = parts(&atom.test);
    if !modifiers.is_empty() {
        let _ = write!(out, "|{modifiers}");
    }
    if out.is_empty() { value } else { format!("{out}: {value}") }
}

fn parts(test: &Test) -> (String, String) {
    let quoted = |t: &str| format!("'{}'", t.replace('\'', "''"));
    let shape = |s: Shape, cased: bool| {
        let shape = match s {
            Shape::Exact => "",
            Shape::Contains => "contains",
            Shape::Prefix => "startswith",
            Shape::Suffix => "endswith",
        };
        match (shape, cased) {
            ("", true) => "cased".to_owned(),
            (shape, true) => format!("{shape}|cased"),
            (shape, false) => shape.to_owned(),
        }
    };
    match test {
        Test::Present => ("exists".into(), "true".into()),
        Test::Null => (String::new(), "null".into()),
        Test::Any => (String::new(), "'*'".into()),
        Test::Text { shape: s, text, cased } => (shape(*s, *cased), quoted(text)),
        Test::Glob { pattern, cased } => {
            (shape(Shape::Exact, *cased), quoted(&pattern.to_string()))
        }
        Test::Regex(re) => ("re".into(), quoted(&re.source)),
        Test::Cidr(net) => ("cidr".into(), network(net)),
        Test::Compare(op, n) => match op {
            Op::Eq => (String::new(), n.0.to_string()),
            op => (word(*op).into(), n.0.to_string()),
        },
        Test::FieldRef { other, shape: s, cased } => {
            let shape = shape(*s, *cased);
            let names = if shape.is_empty() { String::new() } else { format!("|{shape}") };
            (format!("fieldref{names}"), other.name.clone())
        }
        Test::DatePart(part, op, n) => {
            let part = match part {
                DatePart::Minute => "minute",
                DatePart::Hour => "hour",
                DatePart::Day => "day",
                DatePart::Week => "week",
                DatePart::Month => "month",
                DatePart::Year => "year",
            };
            match op {
                Op::Eq => (part.into(), n.0.to_string()),
                op => (format!("{part}|{}", word(*op)), n.0.to_string()),
            }
        }
    }
}

fn word(op: Op) -> &'static str {
    match op {
        Op::Lt => "lt",
        Op::Lte => "lte",
        Op::Gt => "gt",
        Op::Gte => "gte",
        Op::Eq => "eq",
        Op::Neq => "neq",
    }
}

fn network(net: &Net) -> String {
    let address = std::net::Ipv6Addr::from_bits(net.bits);
    match (address.to_ipv4_mapped(), net.prefix) {
        (Some(v4), prefix @ 96..) => format!("{v4}/{}", prefix - 96),
        (_, prefix) => format!("{address}/{prefix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadOptions, Source};
    use events::json;

    #[test]
    fn every_comparison_is_shown_with_what_it_met() {
        let text = "title: t\nid: t\nlogsource: {product: x}\ndetection:\n  s: {f|contains: b, g|gte: 3}\n  n: {h|re: '^x'}\n  condition: s and not n\n";
        let source = Source::new("t", text);
        let set = RuleSet::load(&[source], &LoadOptions::default()).set;
        let mut event = Event::new();
        json::read_object(r#"{"f":"abc","g":2,"h":"xy"}"#, &mut event).unwrap();
        let e = set.explain(RuleIndex(0), &event).unwrap();
        assert!(!e.held && e.what == Asked::All);
        let Asked::Test { text, field, met } = &e.parts[0].parts[0].what else { panic!() };
        assert_eq!((text.as_str(), field.as_deref()), ("f|contains: 'b'", Some("f")));
        assert_eq!((met[0].start, met[0].end), (Some(1), Some(2)));
        let Asked::Test { text, met, .. } = &e.parts[0].parts[1].what else { panic!() };
        assert_eq!((text.as_str(), met[0].value.as_str()), ("g|gte: 3", "2"));
        assert!(!e.parts[0].held && !e.parts[1].held && e.parts[1].parts[0].held);
        assert_eq!(network(&Net::parse("10.0.0.0/8").unwrap()), "10.0.0.0/8");
        assert_eq!(network(&Net::parse("fe80::/10").unwrap()), "fe80::/10");
    }
}
