//! JSON in and out: a JSON object becomes flat fields, nested names joined by dots, lists as
//! repeated fields.

mod careful;
mod escapes;
mod names;
mod scan;

use serde::ser::{SerializeMap, Serializer};

use crate::event::Event;
use crate::value::Value;

/// Why a record is not a JSON object.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON object: {source}")]
pub struct JsonError {
    /// What the parser found, with line and column.
    #[from]
    source: serde_json::Error,
}

/// Reads one JSON object into `event`: the record becomes its raw text, its members become
/// fields. Fields below [`crate::limits::JSON_DEPTH_MAX`] are dropped and the event marked. On an
/// error the event keeps the raw record and the fields read so far.
///
/// # Errors
/// The record is not one JSON object; says where.
pub fn read_object(record: &str, event: &mut Event) -> Result<(), JsonError> {
    event.set_raw_text(record);
    if !scan::read(record, event) {
        event.set_raw_text(record);
        careful::read(record, event)?;
    }
    Ok(())
}

/// The fields as a flat JSON object; repeated fields become a list. Head fields (id, time, site…)
/// are added by the caller.
pub fn write_fields<S: Serializer>(event: &Event, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (at, (id, value)) in event.fields().enumerate() {
        if event.fields().take(at).any(|(earlier, _)| earlier == id) {
            continue;
        }
        let rest: Vec<Json<'_>> =
            event.fields().skip(at + 1).filter(|(i, _)| *i == id).map(|(_, v)| Json(v)).collect();
        if rest.is_empty() {
            map.serialize_entry(id.name(), &Json(value))?;
        } else {
            let mut all = vec![Json(value)];
            all.extend(rest);
            map.serialize_entry(id.name(), &all)?;
        }
    }
    map.end()
}

/// Appends a text as a JSON string, as `serde_json` writes it, but a block at a time.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, special) = rest.split_at(scan::plain_end(rest, 0));
        out.extend_from_slice(plain);
        let Some((special, after)) = special.split_first() else { break };
        match special {
            b'"' | b'\\' => out.extend([b'\\', *special]),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            b'\t' => out.extend(b"\\t"),
            8 => out.extend(b"\\b"),
            12 => out.extend(b"\\f"),
            _ => out.extend(format!("\\u{special:04x}").bytes()),
        }
        rest = after;
    }
    out.push(b'"');
}

/// A value that serialises as the JSON value it is.
pub struct Json<'a>(pub Value<'a>);

impl serde::Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => s.serialize_unit(),
            Value::Bool(b) => s.serialize_bool(b),
            Value::Int(i) => s.serialize_i64(i),
            Value::Float(f) => s.serialize_f64(f),
            Value::Str(t) => s.serialize_str(t),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Marks;
    use crate::field::{self, FieldId};
    use proptest::prelude::*;

    fn read(text: &str) -> Event {
        let mut e = Event::new();
        read_object(text, &mut e).unwrap();
        e
    }

    #[test]
    fn nested_names_are_joined_and_lists_repeat() {
        let e = read(
            r#"{"source":{"ip":"10.0.0.1","port":22},"tags":["a","b\n"],"n":null,"d":[{"x":1},{"x":2}]}"#,
        );
        assert_eq!(e.str(field::SOURCE_IP), Some("10.0.0.1"));
        assert_eq!(e.int(field::SOURCE_PORT), Some(22));
        let tags = FieldId::intern("tags").unwrap();
        assert_eq!(e.all(tags).count(), 2);
        assert_eq!(e.all(FieldId::intern("d.x").unwrap()).count(), 2);
        let out = serde_json::to_string(&Fields(&e)).unwrap();
        assert_eq!(
            out,
            r#"{"source.ip":"10.0.0.1","source.port":22,"tags":["a","b\n"],"n":null,"d.x":[1,2]}"#
        );
    }

    struct Fields<'a>(&'a Event);
    impl serde::Serialize for Fields<'_> {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            write_fields(self.0, s)
        }
    }

    #[test]
    fn what_is_not_an_object_is_an_error_with_its_place() {
        for bad in ["[1]", "\"x\"", "3", "null", "{", "{} x", ""] {
            let mut e = Event::new();
            assert!(read_object(bad, &mut e).is_err(), "{bad}");
            assert_eq!(e.raw_text(), bad);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{}1{}", "{\"a\":".repeat(64), "}".repeat(64));
        let e = read(&deep);
        assert!(e.marks.has(Marks::FIELDS_DROPPED));
    }

    proptest! {
        #[test]
        fn texts_are_written_as_serde_writes_them(text in "([\u{0}-\u{7f}]|[ -~学\u{1f600}]{0,20}){0,4}") {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            prop_assert_eq!(out, serde_json::to_vec(&text).unwrap());
        }
    }
}
