//! The values that are not in a typed column: written as one JSON object, read back exactly.
//!
//! A number with a fraction keeps it (`1.0`), one that JSON cannot write is `{"float":"NaN"}`.

use std::fmt::Write as _;

use events::{FieldId, Value};
use serde_json::{Map, Value as Json};

/// Collects the values of one event.
#[derive(Default)]
pub(crate) struct Rest {
    members: Vec<(FieldId, Vec<Json>)>,
}

impl Rest {
    pub(crate) fn push(&mut self, field: FieldId, value: Value<'_>) {
        let json = to_json(value);
        match self.members.iter_mut().find(|(id, _)| *id == field) {
            Some((_, values)) => values.push(json),
            None => self.members.push((field, vec![json])),
        }
    }

    /// Whether the field has no value here yet.
    pub(crate) fn is_free(&self, field: FieldId) -> bool {
        self.members.iter().all(|(id, _)| *id != field)
    }

    /// The object, if there is anything in it; empties the collector.
    pub(crate) fn finish(&mut self) -> Option<String> {
        if self.members.is_empty() {
            return None;
        }
        let mut map = Map::with_capacity(self.members.len());
        for (field, mut values) in self.members.drain(..) {
            let one = if values.len() == 1 { values.pop() } else { None };
            map.insert(field.name().to_owned(), one.unwrap_or(Json::Array(values)));
        }
        Some(Json::Object(map).to_string())
    }
}

/// The object again.
#[derive(Default)]
pub(crate) struct RestRead {
    map: Map<String, Json>,
}

impl RestRead {
    /// Of a cell of the `fields` column; `None` for a text that is no JSON object.
    pub(crate) fn parse(cell: Option<&str>) -> Option<Self> {
        let Some(text) = cell else { return Some(Self::default()) };
        Some(Self { map: serde_json::from_str(text).ok()? })
    }

    /// The values of a field in order.
    pub(crate) fn all(&self, name: &str) -> &[Json] {
        match self.map.get(name) {
            None => &[],
            Some(Json::Array(values)) => values,
            Some(one) => std::slice::from_ref(one),
        }
    }
}

fn to_json(value: Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(b),
        Value::Int(i) => Json::from(i),
        Value::Str(s) => Json::from(s),
        Value::Float(f) => match serde_json::Number::from_f64(f) {
            Some(number) => Json::Number(number),
            None => {
                let mut text = String::new();
                let _ = write!(text, "{f}");
                Json::Object([("float".to_owned(), Json::String(text))].into_iter().collect())
            }
        },
    }
}

/// A value of [`RestRead::all`].
pub(crate) fn value_of(json: &Json) -> Value<'_> {
    match json {
        Json::Bool(b) => Value::Bool(*b),
        Json::String(s) => Value::Str(s),
        Json::Number(n) => match n.as_i64() {
            Some(i) => Value::Int(i),
            None => n.as_f64().map_or(Value::Null, Value::Float),
        },
        Json::Object(map) => {
            let float = map.get("float").and_then(Json::as_str).and_then(|t| t.parse().ok());
            float.map_or(Value::Null, Value::Float)
        }
        Json::Null | Json::Array(_) => Value::Null,
    }
}
