//! One log record as the façade gives it.

use events::{EventId, FieldId, SiteId, Timestamp};
use serde::Serialize;

/// One log record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its id.
    pub id: EventId,
    /// When it happened.
    pub time: Timestamp,
    /// When it reached us.
    pub received: Timestamp,
    /// The school.
    pub site: SiteId,
    /// The sensor.
    pub sensor: &'static str,
    /// Product, category and service.
    pub logsource: String,
    /// The fields, each value in its own type; in JSON an object, a repeated field as a list.
    #[serde(serialize_with = "as_object")]
    pub fields: Vec<(&'static str, serde_json::Value)>,
    /// The record as received.
    pub raw: String,
    /// Whether it belongs to an exercise.
    pub exercise: bool,
    /// Whether the decoder could not read it.
    pub undecoded: bool,
    /// Types of personal data that are masked in it for the reader.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<&'static str>,
}

fn as_object<S: serde::Serializer>(
    fields: &[(&'static str, serde_json::Value)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut by_name: std::collections::BTreeMap<&str, Vec<&serde_json::Value>> = Default::default();
    for (name, value) in fields {
        by_name.entry(name).or_default().push(value);
    }
    let one = |values: Vec<&serde_json::Value>| match values.as_slice() {
        [value] => (*value).clone(),
        many => many.iter().map(|v| (*v).clone()).collect(),
    };
    serializer.collect_map(by_name.into_iter().map(|(name, values)| (name, one(values))))
}

/// A value in its own type; a number that JSON cannot write as its text.
fn json_of(value: events::Value<'_>) -> serde_json::Value {
    match value {
        events::Value::Null => serde_json::Value::Null,
        events::Value::Bool(b) => b.into(),
        events::Value::Int(n) => n.into(),
        events::Value::Float(f) if f.is_finite() => f.into(),
        other => other.text().into(),
    }
}

/// A field's value as a person reads it.
pub fn shown(value: &serde_json::Value) -> std::borrow::Cow<'_, str> {
    match value {
        serde_json::Value::Null => "".into(),
        serde_json::Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

impl From<&events::Event> for Record {
    fn from(event: &events::Event) -> Self {
        Self {
            id: event.id,
            time: event.time,
            received: event.received,
            site: event.site,
            sensor: event.sensor.name(),
            logsource: event.logsource.get().to_string(),
            fields: event.fields().map(|(f, v): (FieldId, _)| (f.name(), json_of(v))).collect(),
            raw: event.raw_text().to_owned(),
            exercise: event.exercise.is_some(),
            undecoded: event.marks.has(events::event::Marks::UNDECODED),
            masked: Vec::new(),
        }
    }
}
