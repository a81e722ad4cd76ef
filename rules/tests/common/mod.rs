//! The reference evaluator: slow, obvious, and sharing nothing with the engine but the tree.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::HashMap;
use std::path::PathBuf;

use events::{Event, FieldId, Timestamp, Value};
use rules::pattern::Part;
use rules::syntax::expr::{Atom, Expr, Field};
use rules::syntax::test::{Shape, Test};
use rules::{Rule, RuleKind, RuleSet, fold_text};

/// One value with its texts.
pub(crate) struct Seen<'e> {
    value: Value<'e>,
    text: String,
    folded: String,
}

/// An event laid out by field.
pub(crate) struct Laid<'e> {
    fields: HashMap<FieldId, Vec<Seen<'e>>>,
}

impl<'e> Laid<'e> {
    pub(crate) fn new(event: &'e Event) -> Self {
        let mut fields: HashMap<FieldId, Vec<Seen<'e>>> = HashMap::new();
        for (id, value) in event.fields() {
            let text = match value {
                Value::Null => String::new(),
                Value::Bool(b) => b.to_string(),
                Value::Int(i) => i.to_string(),
                Value::Float(f) => f.to_string(),
                Value::Str(s) => s.to_owned(),
            };
            let folded = fold_text(&text);
            fields.entry(id).or_default().push(Seen { value, text, folded });
        }
        Self { fields }
    }

    fn values(&self, field: &Field) -> &[Seen<'e>] {
        field.candidates.iter().find_map(|id| self.fields.get(id)).map_or(&[], Vec::as_slice)
    }
}

/// Ids of the detections that an event fulfils, in rule order.
pub(crate) fn matching<'s>(set: &'s RuleSet, event: &Event) -> Vec<&'s str> {
    let laid = Laid::new(event);
    set.rules().iter().filter(|r| fires(r, &laid)).map(|r| r.id.as_str()).collect()
}

fn fires(rule: &Rule, event: &Laid<'_>) -> bool {
    match &rule.kind {
        RuleKind::Detection(d) => holds(&d.expr, event),
        RuleKind::Correlation(_) => false,
    }
}

pub(crate) fn holds(expr: &Expr, event: &Laid<'_>) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().all(|p| holds(p, event)),
        Expr::Any(parts) => parts.iter().any(|p| holds(p, event)),
        Expr::Not(inner) => !holds(inner, event),
        Expr::Atom(atom) => atom_holds(atom, event),
    }
}

fn atom_holds(atom: &Atom, event: &Laid<'_>) -> bool {
    if atom.field.name.is_empty() {
        return event.fields.values().flatten().any(|s| value_holds(&atom.test, s, event));
    }
    event.values(&atom.field).iter().any(|s| value_holds(&atom.test, s, event))
}

fn value_holds(test: &Test, seen: &Seen<'_>, event: &Laid<'_>) -> bool {
    let null = matches!(seen.value, Value::Null);
    let side = |cased: bool, s: &Seen<'_>| if cased { s.text.clone() } else { s.folded.clone() };
    match test {
        Test::Present => true,
        Test::Null => null,
        _ if null => false,
        Test::Any => true,
        Test::Text { shape, text, cased } => {
            lies(*shape, if *cased { &seen.text } else { &seen.folded }, text)
        }
        Test::Glob { pattern, cased } => {
            let have: Vec<char> = side(*cased, seen).chars().collect();
            glob(&pattern.0, &have)
        }
        Test::Regex(re) => re.regex.is_match(&seen.text),
        Test::Cidr(net) => seen.text.parse::<std::net::IpAddr>().is_ok_and(|a| {
            net.contains(match a {
                std::net::IpAddr::V4(a) => a.to_ipv6_mapped().to_bits(),
                std::net::IpAddr::V6(a) => a.to_bits(),
            })
        }),
        Test::Compare(op, n) => seen.value.as_f64().is_some_and(|v| op.holds(v, n.0)),
        Test::FieldRef { other, shape, cased } => event
            .values(other)
            .iter()
            .filter(|o| !matches!(o.value, Value::Null))
            .any(|o| lies(*shape, &side(*cased, seen), &side(*cased, o))),
        Test::DatePart(..) => test.holds(seen.value),
    }
}

fn lies(shape: Shape, have: &str, text: &str) -> bool {
    match shape {
        Shape::Exact => have == text,
        Shape::Contains => have.contains(text),
        Shape::Prefix => have.starts_with(text),
        Shape::Suffix => have.ends_with(text),
    }
}

fn glob(parts: &[Part], text: &[char]) -> bool {
    match parts.split_first() {
        None => text.is_empty(),
        Some((Part::Many, rest)) => (0..=text.len()).any(|n| glob(rest, &text[n..])),
        Some((Part::One, rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((Part::Literal(lit), rest)) => {
            let lit: Vec<char> = lit.chars().collect();
            text.starts_with(&lit) && glob(rest, &text[lit.len()..])
        }
    }
}

/// The folder of third-party data; `None` (after saying so) where it is absent and not required.
pub(crate) fn corpora() -> Option<PathBuf> {
    let dir = std::env::var_os("XUEDUN_CORPORA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora")),
        PathBuf::from,
    );
    if dir.is_dir() {
        return Some(dir);
    }
    let required = std::env::var("XUEDUN_REQUIRE_CORPORA").is_ok_and(|v| v == "1");
    assert!(!required, "XUEDUN_REQUIRE_CORPORA=1 but {} is absent", dir.display());
    eprintln!("SKIPPED: no corpora at {}", dir.display());
    None
}

/// A time some seconds after a fixed one.
pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}
