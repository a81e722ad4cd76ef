//! OpenTelemetry logs (OTLP 1.x): a request to records, each with what stands beside it.
//!
//! The record is the body: a text as it is, a map as JSON; without a body, the attributes as JSON.
//! Attributes of record, scope and resource keep their names, which are mostly those of ECS.

use std::borrow::Cow;

use events::{Timestamp, Value as FieldValue};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;
use serde_json::{Map, Value as Json, json};

use super::{Aside, Problem};
use crate::limits::ATTRIBUTE_DEPTH_MAX;

/// Reads a request in protobuf.
///
/// # Errors
/// [`Problem::NotOtlp`].
pub fn read_protobuf(bytes: &[u8]) -> Result<ExportLogsServiceRequest, Problem> {
    ExportLogsServiceRequest::decode(bytes).map_err(|_| Problem::NotOtlp)
}

/// Reads a request in OTLP's JSON.
///
/// # Errors
/// [`Problem::NotOtlp`].
pub fn read_json(bytes: &[u8]) -> Result<ExportLogsServiceRequest, Problem> {
    serde_json::from_slice(bytes).map_err(|_| Problem::NotOtlp)
}

/// How many records a request holds.
pub fn count(request: &ExportLogsServiceRequest) -> usize {
    let scopes = request.resource_logs.iter().flat_map(|r| &r.scope_logs);
    scopes.map(|s| s.log_records.len()).sum()
}

/// Calls `each` with every record and what stands beside it.
pub fn records(request: &ExportLogsServiceRequest, mut each: impl FnMut(&str, &Aside<'_>)) {
    for resource in &request.resource_logs {
        for scope in &resource.scope_logs {
            for log in &scope.log_records {
                let trace = [&log.trace_id, &log.span_id].map(|id| hex(id));
                let level = level(log);
                let mut aside = Aside { time: time(log), ..Aside::default() };
                aside.add("log.level", FieldValue::Str(&level));
                aside.add("trace.id", FieldValue::Str(&trace[0]));
                aside.add("span.id", FieldValue::Str(&trace[1]));
                aside.add("event.name", FieldValue::Str(&log.event_name));
                if let Some(scope) = &scope.scope {
                    aside.add("log.logger", FieldValue::Str(&scope.name));
                    flatten(&scope.attributes, "", 0, &mut aside);
                }
                flatten(&log.attributes, "", 0, &mut aside);
                if let Some(resource) = &resource.resource {
                    flatten(&resource.attributes, "", 0, &mut aside);
                }
                each(&text(log), &aside);
            }
        }
    }
}

fn text(log: &LogRecord) -> Cow<'_, str> {
    match log.body.as_ref().and_then(|b| b.value.as_ref()) {
        Some(Value::StringValue(text)) => Cow::Borrowed(text),
        Some(value) => Cow::Owned(json_of(value, 0).to_string()),
        None => Cow::Owned(Json::Object(object(&log.attributes, 0)).to_string()),
    }
}

fn time(log: &LogRecord) -> Option<Timestamp> {
    let nanos = [log.time_unix_nano, log.observed_time_unix_nano].into_iter().find(|n| *n > 0)?;
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

/// The level in the source's word, or by OpenTelemetry's number (1 to 24, four to a level).
fn level(log: &LogRecord) -> Cow<'_, str> {
    if !log.severity_text.is_empty() {
        return Cow::Owned(log.severity_text.to_lowercase());
    }
    Cow::Borrowed(match log.severity_number {
        1..=4 => "trace",
        5..=8 => "debug",
        9..=12 => "info",
        13..=16 => "warn",
        17..=20 => "error",
        21..=24 => "fatal",
        _ => "",
    })
}

/// Attributes as fields: maps by dotted names, lists as repeated fields. What lies deeper than the
/// bound is left to the record itself.
fn flatten<'a>(attributes: &'a [KeyValue], prefix: &str, depth: usize, aside: &mut Aside<'a>) {
    if depth >= ATTRIBUTE_DEPTH_MAX {
        return;
    }
    for attribute in attributes {
        let name = match prefix {
            "" => Cow::Borrowed(attribute.key.as_str()),
            prefix => Cow::Owned(format!("{prefix}.{}", attribute.key)),
        };
        if let Some(value) = attribute.value.as_ref().and_then(|v| v.value.as_ref()) {
            put(&name, value, depth, aside);
        }
    }
}

fn put<'a>(name: &str, value: &'a Value, depth: usize, aside: &mut Aside<'a>) {
    match value {
        Value::StringValue(text) => aside.add(name, FieldValue::Str(text)),
        Value::BoolValue(b) => aside.add(name, FieldValue::Bool(*b)),
        Value::IntValue(n) => aside.add(name, FieldValue::Int(*n)),
        Value::DoubleValue(n) => aside.add(name, FieldValue::Float(*n)),
        Value::KvlistValue(map) => flatten(&map.values, name, depth + 1, aside),
        Value::ArrayValue(list) if depth < ATTRIBUTE_DEPTH_MAX => {
            for item in list.values.iter().filter_map(|v| v.value.as_ref()) {
                put(name, item, depth + 1, aside);
            }
        }
        // As in the record's own JSON, and as OTLP's JSON writes bytes.
        Value::BytesValue(bytes) => aside.add_made(name, data_encoding::BASE64.encode(bytes)),
        Value::ArrayValue(_) | Value::StringValueStrindex(_) => {}
    }
}

fn json_of(value: &Value, depth: usize) -> Json {
    let inner = |v: &AnyValue| v.value.as_ref().map_or(Json::Null, |v| json_of(v, depth + 1));
    match value {
        Value::StringValue(text) => json!(text),
        Value::BoolValue(b) => json!(b),
        Value::IntValue(n) => json!(n),
        Value::DoubleValue(n) => json!(n),
        Value::BytesValue(bytes) => json!(data_encoding::BASE64.encode(bytes)),
        Value::StringValueStrindex(n) => json!(n),
        Value::ArrayValue(_) | Value::KvlistValue(_) if depth >= ATTRIBUTE_DEPTH_MAX => Json::Null,
        Value::ArrayValue(list) => Json::Array(list.values.iter().map(inner).collect()),
        Value::KvlistValue(map) => Json::Object(object(&map.values, depth + 1)),
    }
}

fn object(attributes: &[KeyValue], depth: usize) -> Map<String, Json> {
    let value = |a: &KeyValue| {
        let value = a.value.as_ref().and_then(|v| v.value.as_ref());
        value.map_or(Json::Null, |v| json_of(v, depth))
    };
    attributes.iter().map(|a| (a.key.clone(), value(a))).collect()
}

fn hex(bytes: &[u8]) -> String {
    if bytes.iter().all(|b| *b == 0) {
        return String::new();
    }
    data_encoding::HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    /// The example of the OTLP specification's JSON mapping, in its shape.
    const JSON: &str = r#"{"resourceLogs":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"jwxt"}},
        {"key":"host.name","value":{"stringValue":"app-1"}}]},
        "scopeLogs":[{"scope":{"name":"login"},"logRecords":[
        {"timeUnixNano":"1795406706000000000","severityNumber":17,"body":{"stringValue":"refused"},
         "attributes":[{"key":"user","value":{"kvlistValue":{"values":[
            {"key":"name","value":{"stringValue":"li"}}]}}},
            {"key":"n","value":{"intValue":"7"}}],
         "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"},
        {"body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[
            {"intValue":"1"},{"boolValue":true}]}}}]}}}]}]}]}"#;

    fn shown(request: &ExportLogsServiceRequest) -> Vec<(String, Vec<String>)> {
        let mut all = Vec::new();
        records(request, |text, aside| {
            let fields = aside.fields.iter().map(|(id, v)| format!("{}={v}", id.name()));
            let made = aside.made.iter().map(|(id, v)| format!("{}={v}", id.name()));
            all.push((text.to_owned(), fields.chain(made).collect()));
        });
        all
    }

    #[test]
    fn json_and_protobuf_say_the_same() {
        let request = read_json(JSON.as_bytes()).unwrap();
        assert_eq!(count(&request), 2);
        let found = shown(&request);
        assert_eq!(found[0].0, "refused");
        for want in
            ["log.level=error", "host.name=app-1", "user.name=li", "n=7", "log.logger=login"]
        {
            assert!(found[0].1.iter().any(|f| f == want), "{want} in {:?}", found[0].1);
        }
        assert!(found[0].1.iter().any(|f| f == "trace.id=5b8efff798038103d269b633813fc60c"));
        assert_eq!(found[1].0, r#"{"a":[1,true]}"#);
        let again = read_protobuf(&request.encode_to_vec()).unwrap();
        assert_eq!(shown(&again), found);
    }

    #[test]
    fn bytes_are_base64_beside_a_record_and_in_it() {
        let mut request = read_json(JSON.as_bytes()).unwrap();
        let bytes = AnyValue { value: Some(Value::BytesValue(vec![0, 1, 255])) };
        let log = &mut request.resource_logs[0].scope_logs[0].log_records[1];
        log.body = None;
        log.attributes =
            vec![KeyValue { key: "sum".to_owned(), value: Some(bytes), ..KeyValue::default() }];
        let (text, fields) = &shown(&request)[1];
        assert_eq!(text, r#"{"sum":"AAH/"}"#);
        assert!(fields.iter().any(|f| f == "sum=AAH/"), "{fields:?}");
    }

    #[test]
    fn depth_is_bounded() {
        let mut value = AnyValue { value: Some(Value::IntValue(1)) };
        for _ in 0..90 {
            let pair = KeyValue { key: "k".to_owned(), value: Some(value), ..KeyValue::default() };
            let map = opentelemetry_proto::tonic::common::v1::KeyValueList { values: vec![pair] };
            value = AnyValue { value: Some(Value::KvlistValue(map)) };
        }
        let depth = json_of(value.value.as_ref().unwrap(), 0).to_string().matches('{').count();
        assert_eq!(depth, ATTRIBUTE_DEPTH_MAX);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(request) = read_protobuf(&bytes) {
                let mut seen = 0;
                records(&request, |_, _| seen += 1);
                prop_assert_eq!(seen, count(&request));
            }
            let _ = read_json(&bytes);
        }
    }
}
