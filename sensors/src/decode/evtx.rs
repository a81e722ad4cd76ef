//! Windows' event log files (EVTX), read by the `evtx` crate; each record in the shape of
//! Winlogbeat's JSON, which rules and packs know.

use std::io::{Read, Seek};

use evtx::{EvtxParser, ParserSettings};
use serde_json::{Map, Value, json};

use super::Problem;
use events::Timestamp;

/// A record: Winlogbeat's JSON and its time; or why it cannot be read.
pub type Record = Result<(String, Option<Timestamp>), Problem>;

/// Reads a file and calls `each` with every record, damaged ones too.
///
/// # Errors
/// [`Problem::NotEvtx`] when it is no such file at all.
pub fn records(file: impl Read + Seek, each: &mut dyn FnMut(Record)) -> Result<(), Problem> {
    let parser = EvtxParser::from_read_seek(file).map_err(|_| Problem::NotEvtx)?;
    let settings = ParserSettings::default().num_threads(1).separate_json_attributes(false);
    for record in parser.with_configuration(settings).records_json_value() {
        each(match record {
            Ok(record) => {
                let nanos = i64::try_from(record.timestamp.as_nanosecond()).ok();
                let event = winlogbeat(&record.data).ok_or(Problem::NotEvtx);
                event.map(|event| (event.to_string(), nanos.map(Timestamp::from_nanos)))
            }
            Err(_) => Err(Problem::NotEvtx),
        });
    }
    Ok(())
}

fn winlogbeat(record: &Value) -> Option<Value> {
    let event = record.get("Event")?;
    let system = event.get("System")?;
    let attribute = |element: &str, name: &str| {
        system.get(element).and_then(|e| e.get("#attributes")).and_then(|a| a.get(name)).cloned()
    };
    // `EventID` carries its qualifiers as attributes where it has them.
    let text = |element: &str| {
        let value = system.get(element)?;
        Some(value.get("#text").unwrap_or(value).clone())
    };
    let code = text("EventID").map(|id| match id {
        Value::String(s) => s,
        other => other.to_string(),
    });
    let mut winlog = Map::new();
    for (name, value) in [
        ("channel", text("Channel")),
        ("event_id", code.clone().map(Value::String)),
        ("provider_name", attribute("Provider", "Name")),
        ("computer_name", text("Computer")),
        ("record_id", text("EventRecordID")),
        ("event_data", event.get("EventData").map(data)),
        ("user_data", event.get("UserData").cloned()),
    ] {
        if let Some(value) = value.filter(|v| !v.is_null()) {
            winlog.insert(name.to_owned(), value);
        }
    }
    Some(json!({
        "@timestamp": attribute("TimeCreated", "SystemTime"),
        "event": { "code": code, "provider": attribute("Provider", "Name") },
        "winlog": winlog,
    }))
}

/// The data of an event without its XML attributes; unnamed items are `param1`, `param2`, as
/// Winlogbeat calls them.
fn data(element: &Value) -> Value {
    let Some(object) = element.as_object() else { return element.clone() };
    let mut out = Map::new();
    for (name, value) in object {
        match (name.as_str(), value) {
            ("#attributes", _) => {}
            ("Data", value) => {
                let inner = value.get("#text").unwrap_or(value);
                let items = match inner {
                    Value::Array(items) => items.clone(),
                    Value::Null => continue,
                    one => vec![one.clone()],
                };
                for (at, item) in items.into_iter().enumerate() {
                    out.insert(format!("param{}", at + 1), item);
                }
            }
            (name, Value::Object(inner)) if inner.contains_key("#text") => {
                out.insert(name.to_owned(), inner.get("#text").cloned().unwrap_or_default());
            }
            (name, value) => {
                out.insert(name.to_owned(), value.clone());
            }
        }
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    #[test]
    fn the_shape_of_winlogbeat() {
        let record = json!({"Event": {
            "System": {
                "Provider": {"#attributes": {"Name": "Microsoft-Windows-Security-Auditing"}},
                "EventID": {"#attributes": {"Qualifiers": 0}, "#text": 4625},
                "TimeCreated": {"#attributes": {"SystemTime": "2026-11-23T04:05:06.000000Z"}},
                "Channel": "Security", "Computer": "dc1", "EventRecordID": 7,
            },
            "EventData": {"#attributes": {"Name": "x"}, "TargetUserName": "li.na", "Data": {"#text": ["a", "b"]}},
        }});
        let event = winlogbeat(&record).unwrap();
        assert_eq!(event["winlog"]["event_id"], "4625");
        assert_eq!(event["winlog"]["event_data"]["TargetUserName"], "li.na");
        assert_eq!(event["winlog"]["event_data"]["param2"], "b");
        assert!(event["winlog"]["event_data"].get("#attributes").is_none());
        assert_eq!(event["@timestamp"], "2026-11-23T04:05:06.000000Z");
        assert_eq!(winlogbeat(&json!({"Event": 1})), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..300), real in any::<bool>()) {
            use std::io::{Seek, Write};
            let mut file = tempfile::tempfile().unwrap();
            if real {
                file.write_all(b"ElfFile\0").unwrap();
            }
            file.write_all(&bytes).unwrap();
            file.rewind().unwrap();
            let _ = records(file, &mut |_| {});
        }
    }
}
