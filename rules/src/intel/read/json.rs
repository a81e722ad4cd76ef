//! JSON lists: STIX 2.1 bundles and MISP events, told apart by their keys. Objects are read one by
//! one, so that a list of a million takes no more memory than the table it fills.

use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::load::Sink;
use super::{misp, stix};

pub(in crate::intel) fn read(from: impl Read, sink: &mut Sink<'_>) {
    let mut de = serde_json::Deserializer::from_reader(from);
    let mut count = 0;
    let done = Level { sink, count: &mut count, kind: Kind::Top }.deserialize(&mut de);
    if let Err(error) = done {
        let zh = format!("JSON 有误，其后的条目未读：{error}");
        let en = format!("JSON is broken, what follows was not read: {error}");
        sink.problem("I001", count, &zh, &en);
    } else if count == 0 {
        sink.problem("I001", 0, "不是 STIX 或 MISP 清单", "neither a STIX nor a MISP list");
    }
}

/// Where in the document we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A bundle, an event, or a list of either.
    Top,
    /// `objects` of a bundle.
    Objects,
    /// `Object` of a MISP event: each has attributes of its own.
    Parts,
    /// `Attribute` of an event or object.
    Attributes,
}

struct Level<'l, 's> {
    sink: &'l mut Sink<'s>,
    /// Objects and attributes read.
    count: &'l mut u64,
    kind: Kind,
}

impl<'s> Level<'_, 's> {
    fn part(&mut self, kind: Kind) -> Level<'_, 's> {
        Level { sink: self.sink, count: self.count, kind }
    }
}

impl<'de> DeserializeSeed<'de> for Level<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a STIX bundle or a MISP event")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let inner = match (self.kind, key.as_str()) {
                (Kind::Top, "objects") => Kind::Objects,
                (Kind::Top, "Event" | "response") => Kind::Top,
                (Kind::Top | Kind::Parts, "Attribute") => Kind::Attributes,
                (Kind::Top, "Object") => Kind::Parts,
                (Kind::Top, "info") => {
                    if let Ok(name) = map.next_value::<serde_json::Value>()
                        && let Some(name) = name.as_str()
                    {
                        self.sink.call(name);
                    }
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(self.part(inner))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let more = match self.kind {
                Kind::Objects => match seq.next_element::<stix::Object>()? {
                    Some(object) => {
                        *self.count += 1;
                        stix::take(&object, *self.count, self.sink);
                        true
                    }
                    None => false,
                },
                Kind::Attributes => match seq.next_element::<misp::Attribute>()? {
                    Some(attribute) => {
                        *self.count += 1;
                        misp::take(&attribute, *self.count, self.sink);
                        true
                    }
                    None => false,
                },
                kind => seq.next_element_seed(self.part(kind))?.is_some(),
            };
            if !more {
                return Ok(());
            }
        }
    }

    // Scalars in the place of lists say nothing.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}
