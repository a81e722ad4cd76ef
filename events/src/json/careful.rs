//! The reader that takes its time: serde_json's parser, for records that [`super::scan`] gave up on.
//! It says what is wrong and where, and it unescapes names and drops what lies too deep.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::event::{Event, Marks};
use crate::field::FieldId;
use crate::limits;
use crate::value::Value;

/// Reads the whole record into an event that has nothing but its raw text.
pub(super) fn read(record: &str, event: &mut Event) -> Result<(), serde_json::Error> {
    let base = record.as_ptr() as usize;
    let mut path = String::new();
    let mut de = serde_json::Deserializer::from_str(record);
    let mut into = Into { event, path: &mut path, base, depth: 0, object_only: true };
    de.deserialize_any(&mut into)?;
    de.end()
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
            Err(_) if self.object_only => self.visit_f64(n as f64),
            // Exact as it is written, where a float would not be.
            Err(_) => {
                self.push(Value::Str(&n.to_string()));
                Ok(())
            }
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
