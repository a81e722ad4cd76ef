//! JSON in and out: a JSON object becomes flat fields, nested names joined by dots, lists as
//! repeated fields.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use std::fmt;

use crate::event::{Event, Marks};
use crate::field::FieldId;
use crate::limits;
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
/// fields. Fields below [`limits::JSON_DEPTH_MAX`] are dropped and the event marked. On an error
/// the event keeps the raw record and the fields read so far.
pub fn read_object(record: &str, event: &mut Event) -> Result<(), JsonError> {
    event.set_raw(record.as_bytes());
    let base = record.as_ptr() as usize;
    let mut path = String::new();
    let mut de = serde_json::Deserializer::from_str(record);
    let mut into = Into { event, path: &mut path, base, depth: 0, object_only: true };
    de.deserialize_any(&mut into)?;
    de.end()?;
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

struct Into<'e> {
    event: &'e mut Event,
    path: &'e mut String,
    /// Address of the record's first byte, to recognise texts that are part of it.
    base: usize,
    depth: usize,
    object_only: bool,
}

impl Into<'_> {
    fn push(&mut self, value: Value<'_>) {
        self.event.push_named(self.path, value);
    }
}

impl<'de> DeserializeSeed<'de> for &mut Into<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Into<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.object_only = false;
        if self.depth >= limits::JSON_DEPTH_MAX {
            self.event.marks.set(Marks::FIELDS_DROPPED);
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let len = self.path.len();
        while map.next_key_seed(PathKey(self.path))?.is_some() {
            self.depth += 1;
            map.next_value_seed(&mut *self)?;
            self.depth -= 1;
            self.path.truncate(len);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.object_only {
            return Err(serde::de::Error::custom("a list where an object was expected"));
        }
        if self.depth >= limits::JSON_DEPTH_MAX {
            self.event.marks.set(Marks::FIELDS_DROPPED);
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        self.depth += 1;
        while seq.next_element_seed(&mut *self)?.is_some() {}
        self.depth -= 1;
        Ok(())
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, s: &'de str) -> Result<(), E> {
        if self.object_only {
            return Err(E::custom("a text where an object was expected"));
        }
        let range = (s.as_ptr() as usize).checked_sub(self.base).map(|at| at..at + s.len());
        match (range, FieldId::intern(self.path)) {
            (Some(range), Some(id)) if self.event.raw_text().get(range.clone()) == Some(s) => {
                self.event.push_raw_range(id, range);
            }
            _ => self.push(Value::Str(s)),
        }
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, s: &str) -> Result<(), E> {
        if self.object_only {
            return Err(E::custom("a text where an object was expected"));
        }
        self.push(Value::Str(s));
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        if self.object_only {
            return Err(E::custom("null where an object was expected"));
        }
        self.push(Value::Null);
        Ok(())
    }

    fn visit_bool<E: serde::de::Error>(self, b: bool) -> Result<(), E> {
        if self.object_only {
            return Err(E::custom("a boolean where an object was expected"));
        }
        self.push(Value::Bool(b));
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<(), E> {
        if self.object_only {
            return Err(E::custom("a number where an object was expected"));
        }
        self.push(Value::Int(n));
        Ok(())
    }

    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<(), E> {
        match i64::try_from(n) {
            Ok(n) => self.visit_i64(n),
            Err(_) => self.visit_f64(n as f64),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, n: f64) -> Result<(), E> {
        if self.object_only {
            return Err(E::custom("a number where an object was expected"));
        }
        self.push(Value::Float(n));
        Ok(())
    }
}

/// Appends `.key` to the path.
struct PathKey<'p>(&'p mut String);

impl<'de> DeserializeSeed<'de> for PathKey<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_str(self)
    }
}

impl Visitor<'_> for PathKey<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }
    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        if !self.0.is_empty() {
            self.0.push('.');
        }
        self.0.push_str(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field;

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
}
