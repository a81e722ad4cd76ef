//! Why a rule fired: the values that fulfilled its condition. Worked out only for rules that
//! fired, straight from the tree.

use std::borrow::Cow;
use std::ops::Range;

use events::{Event, Value};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::compile::program::Special;
use crate::limits;
use crate::rule::RuleIndex;
use crate::seen::{Forms, Seen};
use crate::set::{special, virtual_value};
use crate::syntax::expr::{Atom, Expr, Field};
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
    pub field: Cow<'static, str>,
    /// Its value, cut at [`limits::MATCHED_VALUE_BYTES_MAX`].
    pub value: String,
    /// Where in the value that which was looked for begins, in bytes; the whole value for a
    /// comparison of it as a whole. Absent if it lies beyond the cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<usize>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
}

/// The values that fulfil an expression, which the event is known to fulfil. Keywords are looked
/// for at these places of the event's fields only.
pub(crate) fn matched(
    expr: &Expr,
    event: &Event,
    keyword_places: impl Iterator<Item = usize>,
) -> Vec<MatchedField> {
    let mut evidence = Evidence::new(event, keyword_places);
    evidence.known_to_hold(expr);
    evidence.out
}

/// Whether the event fulfils the expression, looked up comparison by comparison: slow, used for
/// explanations and where only one rule matters.
pub fn holds(expr: &Expr, event: &Event) -> bool {
    Evidence::new(event, 0..event.len()).holds(expr)
}

/// Looks for what fulfils an expression; a field's values are looked up and folded once.
struct Evidence<'x, P> {
    event: &'x Event,
    known: Vec<Known<'x>>,
    keyword_places: Option<P>,
    /// The values that keywords are looked for in, once one asked for them.
    texts: Vec<(&'static str, Value<'x>, Forms)>,
    out: Vec<MatchedField>,
}

/// A field of the expression as the event holds it.
struct Known<'x> {
    field: &'x Field,
    /// The field's own name, or that of the candidate that is present.
    name: &'static str,
    values: SmallVec<[(Value<'x>, Forms); 1]>,
}

impl<'x, P: Iterator<Item = usize>> Evidence<'x, P> {
    fn new(event: &'x Event, keyword_places: P) -> Self {
        let keyword_places = Some(keyword_places);
        Self { event, known: Vec::new(), keyword_places, texts: Vec::new(), out: Vec::new() }
    }

    fn holds(&mut self, expr: &'x Expr) -> bool {
        match expr {
            Expr::All(parts) => parts.iter().all(|p| self.holds(p)),
            Expr::Any(parts) => parts.iter().any(|p| self.holds(p)),
            Expr::Not(inner) => !self.holds(inner),
            Expr::Atom(atom) => self.witness(atom, false),
        }
    }

    /// Shows what fulfils an expression that holds: of its parts all hold, and what is denied has
    /// nothing to show.
    fn known_to_hold(&mut self, expr: &'x Expr) {
        match expr {
            Expr::All(parts) => parts.iter().for_each(|p| self.known_to_hold(p)),
            Expr::Not(_) => {}
            Expr::Any(_) | Expr::Atom(_) => {
                self.walk(expr);
            }
        }
    }

    /// Whether an expression holds; what fulfils it is shown if it does.
    fn walk(&mut self, expr: &'x Expr) -> bool {
        match expr {
            Expr::All(parts) => {
                let mark = self.out.len();
                let all = parts.iter().all(|p| self.walk(p));
                if !all {
                    self.out.truncate(mark);
                }
                all
            }
            // Every alternative that holds is shown, not only the first.
            Expr::Any(parts) => parts.iter().fold(false, |any, p| self.walk(p) | any),
            Expr::Not(inner) => !self.holds(inner),
            Expr::Atom(atom) => self.witness(atom, true),
        }
    }

    /// Whether a comparison holds; the first value that fulfils it is shown if asked for.
    fn witness(&mut self, atom: &'x Atom, show: bool) -> bool {
        if let Test::FieldRef { other, shape, cased } = &atom.test {
            let (field, other) = (atom.field.clone(), other.clone());
            return special(&Special { field, other, shape: *shape, cased: *cased }, self.event);
        }
        if atom.field.is_keyword() {
            return self.keyword(&atom.test, show);
        }
        let at = self.known(&atom.field);
        let known = &mut self.known[at];
        for (value, forms) in &mut known.values {
            let seen = forms.again(*value);
            if !show {
                if seen.fulfils(&atom.test) {
                    return true;
                }
            } else if let Some(place) = seen.place(&atom.test) {
                push(&mut self.out, known.name, &seen, place);
                return true;
            }
        }
        false
    }

    fn keyword(&mut self, test: &Test, show: bool) -> bool {
        let places = self.keyword_places.take();
        self.texts.extend(places.into_iter().flatten().filter_map(|place| {
            let (id, value) = self.event.fields().nth(place)?;
            Some((id.name(), value, Forms::default()))
        }));
        for (name, value, forms) in &mut self.texts {
            let seen = forms.again(*value);
            if !show {
                if seen.fulfils(test) {
                    return true;
                }
            } else if let Some(place) = seen.place(test) {
                push(&mut self.out, name, &seen, place);
                return true;
            }
        }
        false
    }

    fn known(&mut self, field: &'x Field) -> usize {
        if let Some(at) = self.known.iter().position(|k| std::ptr::eq(k.field, field)) {
            return at;
        }
        let present = field.candidates.iter().find(|id| self.event.ids().any(|i| i == **id));
        let values = match present {
            Some(id) => self.event.all(*id).map(|v| (v, Forms::default())).collect(),
            None => virtual_value(field, self.event)
                .map(|v| (v, Forms::default()))
                .into_iter()
                .collect(),
        };
        let name = present.or(field.candidates.first()).map_or("", |id| id.name());
        self.known.push(Known { field, name, values });
        self.known.len() - 1
    }
}

fn push(out: &mut Vec<MatchedField>, name: &'static str, seen: &Seen<'_>, place: Range<usize>) {
    if out.len() >= limits::MATCHED_FIELDS_MAX {
        return;
    }
    let value = cut(seen.text);
    let place = Some(place).filter(|p| p.end <= value.len());
    let (start, end) = (place.as_ref().map(|p| p.start), place.as_ref().map(|p| p.end));
    let known =
        out.iter().any(|f| f.field == name && f.start == start && f.end == end && f.value == value);
    if !known {
        out.push(MatchedField { field: name.into(), value: value.to_owned(), start, end });
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(limits::MATCHED_VALUE_BYTES_MAX)]
}
