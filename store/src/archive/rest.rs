//! The values that are not in a typed column: written as one JSON object, read back exactly.
//!
//! A number with a fraction keeps it (`1.0`), one that JSON cannot write is `{"float":"NaN"}`.

use events::{Event, FieldId, Value};
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// Collects the values of one event, by their places in it.
#[derive(Default)]
pub(crate) struct Rest {
    members: Vec<(FieldId, usize)>,
    text: Vec<u8>,
    /// Names as JSON with the colon, by the number of their field: most come again and again.
    names: Vec<Box<[u8]>>,
}

impl Rest {
    pub(crate) fn push(&mut self, field: FieldId, at: usize) {
        self.members.push((field, at));
    }

    /// Whether the field has no value here yet.
    pub(crate) fn is_free(&self, field: FieldId) -> bool {
        self.members.iter().all(|(id, _)| *id != field)
    }

    /// The object, if there is anything in it; empties the collector.
    pub(crate) fn finish(&mut self, event: &Event) -> Option<&str> {
        if self.members.is_empty() {
            return None;
        }
        let Self { members, text, names } = self;
        text.clear();
        for (n, (field, at)) in members.iter().enumerate() {
            if members[..n].iter().any(|(earlier, _)| earlier == field) {
                continue;
            }
            text.push(if n == 0 { b'{' } else { b',' });
            text.extend_from_slice(named(names, *field));
            let mut others = members[n + 1..].iter().filter(|(id, _)| id == field).peekable();
            if others.peek().is_none() {
                write_value(text, event.value_at(*at));
                continue;
            }
            text.push(b'[');
            write_value(text, event.value_at(*at));
            for (_, other) in others {
                text.push(b',');
                write_value(text, event.value_at(*other));
            }
            text.push(b']');
        }
        text.push(b'}');
        members.clear();
        std::str::from_utf8(text).ok()
    }
}

/// A field's name as it stands before its value.
fn named(names: &mut Vec<Box<[u8]>>, field: FieldId) -> &[u8] {
    let at = field.index();
    if at >= names.len() {
        names.resize(at + 1, Box::default());
    }
    let name = &mut names[at];
    if name.is_empty() {
        let mut text = Vec::new();
        write(&mut text, field.name());
        text.push(b':');
        *name = text.into();
    }
    name
}

/// Writing to memory cannot fail.
fn write<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) {
    let _ = serde_json::to_writer(text, value);
}

fn write_value(text: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Null => text.extend_from_slice(b"null"),
        Value::Bool(b) => write(text, &b),
        Value::Int(i) => write(text, &i),
        Value::Str(s) => write(text, s),
        Value::Float(f) if f.is_finite() => write(text, &f),
        Value::Float(f) => {
            text.extend_from_slice(b"{\"float\":");
            write(text, &f.to_string());
            text.push(b'}');
        }
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
