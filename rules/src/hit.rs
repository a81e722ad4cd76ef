//! Why a rule fired: the values that fulfilled its condition. Worked out only for rules that
//! fired, straight from the tree.

use events::{Event, Value};
use serde::{Deserialize, Serialize};

use crate::compile::program::Special;
use crate::limits;
use crate::rule::RuleIndex;
use crate::set::{special, values, virtual_value};
use crate::syntax::expr::{Atom, Expr};
use crate::syntax::test::Test;

/// A detection whose condition an event fulfils.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The rule.
    pub rule: RuleIndex,
    /// What fulfilled it, at most [`limits::MATCHED_FIELDS_MAX`].
    pub fields: Vec<MatchedField>,
}

/// A value that fulfilled a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedField {
    /// The event's field.
    pub field: String,
    /// Its value, cut at [`limits::MATCHED_VALUE_BYTES_MAX`].
    pub value: String,
    /// Where in the value the text begins, in bytes, if that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<usize>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
}

/// The values that fulfil an expression; empty when it does not hold.
pub(crate) fn matched(expr: &Expr, event: &Event) -> Vec<MatchedField> {
    let mut out = Vec::new();
    if !walk(expr, event, &mut out) {
        out.clear();
    }
    out
}

/// Whether the event fulfils the expression, looked up comparison by comparison: slow, used for
/// explanations and where only one rule matters.
pub fn holds(expr: &Expr, event: &Event) -> bool {
    match expr {
        Expr::All(parts) => parts.iter().all(|p| holds(p, event)),
        Expr::Any(parts) => parts.iter().any(|p| holds(p, event)),
        Expr::Not(inner) => !holds(inner, event),
        Expr::Atom(atom) => witness(atom, event, &mut |_, _| ()),
    }
}

fn walk(expr: &Expr, event: &Event, out: &mut Vec<MatchedField>) -> bool {
    match expr {
        Expr::All(parts) => {
            let mark = out.len();
            let all = parts.iter().all(|p| walk(p, event, out));
            if !all {
                out.truncate(mark);
            }
            all
        }
        // Every alternative that holds is shown, not only the first.
        Expr::Any(parts) => parts.iter().fold(false, |any, p| walk(p, event, out) | any),
        Expr::Not(inner) => !holds(inner, event),
        Expr::Atom(atom) => witness(atom, event, &mut |name, value| {
            if out.len() >= limits::MATCHED_FIELDS_MAX {
                return;
            }
            let place = atom.test.place(value);
            let text = value.text();
            let value = cut(&text).to_owned();
            let place = place.filter(|p| p.end <= value.len());
            let found = MatchedField {
                field: name.to_owned(),
                value,
                start: place.as_ref().map(|p| p.start),
                end: place.map(|p| p.end),
            };
            if !out.contains(&found) {
                out.push(found);
            }
        }),
    }
}

/// Whether a comparison holds; the first value that fulfils it is shown.
fn witness(atom: &Atom, event: &Event, show: &mut dyn FnMut(&str, Value<'_>)) -> bool {
    let field = &atom.field;
    if let Test::FieldRef { other, shape, cased } = &atom.test {
        let s =
            Special { field: field.clone(), other: other.clone(), shape: *shape, cased: *cased };
        return special(&s, event);
    }
    if field.is_keyword() {
        let found = event.fields().find(|(_, v)| atom.test.holds(*v));
        if let Some((id, value)) = found {
            show(id.name(), value);
        }
        return found.is_some();
    }
    let found =
        values(field, event).chain(virtual_value(field, event)).find(|v| atom.test.holds(*v));
    if let Some(value) = found {
        let present = field.candidates.iter().find(|id| event.get(**id).is_some());
        show(present.map_or(field.name.as_str(), |id| id.name()), value);
    }
    found.is_some()
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(limits::MATCHED_VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
