//! Where decoders write: native fields, and the columns a pack maps them to.

use std::net::IpAddr;

use events::event::Event;
use events::field::ColumnKind;
use events::{FieldId, Value};
use hashbrown::HashMap;

/// Native name → columns.
#[derive(Debug, Default)]
pub struct FieldMap {
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    native: Option<FieldId>,
    targets: Vec<Target>,
}

/// A column a native field is mapped to.
#[derive(Debug)]
pub struct Target {
    /// The column (or any other name).
    pub field: FieldId,
    /// Values by their lower-case native form.
    pub values: HashMap<String, String>,
    /// The value for native forms that are not in `values`.
    pub other: Option<String>,
    /// Whether the value is written in lower case.
    pub lower: bool,
    /// Whether the value is a hardware address, written in one form.
    pub mac: bool,
}

impl FieldMap {
    /// Maps a native name to one more column.
    pub fn add(&mut self, native: &str, target: Target) {
        let id = FieldId::intern(native);
        let entry = self.entries.entry(native.to_owned());
        entry.or_insert(Entry { native: id, targets: Vec::new() }).targets.push(target);
    }

    /// The native names and the columns they are mapped to.
    pub fn fields(&self) -> impl Iterator<Item = FieldId> + '_ {
        let of = |e: &'_ Entry| -> Vec<FieldId> {
            e.native.into_iter().chain(e.targets.iter().map(|t| t.field)).collect()
        };
        self.entries.values().flat_map(of)
    }

    /// Adds the columns for native fields that an event already holds (JSON). A column that is
    /// already there is left.
    pub fn apply(&self, event: &mut Event) {
        for entry in self.entries.values() {
            let Some(native) = entry.native else { continue };
            let Some(value) = event.text(native).map(|v| v.into_owned()) else { continue };
            for target in &entry.targets {
                if event.get(target.field).is_none() {
                    target.put(&value, event, "");
                }
            }
        }
    }
}

impl Target {
    fn put(&self, value: &str, event: &mut Event, base: &str) {
        let value = value.trim();
        if value.is_empty() || value == "-" {
            return;
        }
        if self.mac
            && let Some(written) = mac(value)
        {
            return put_text(event, self.field, &written, "");
        }
        if !self.values.is_empty() || self.lower {
            let small = value.to_lowercase();
            match self.values.get(&small) {
                // A form that says nothing, `(null)`, is mapped to nothing.
                Some(mapped) if mapped.is_empty() => return,
                Some(mapped) => return put_typed(event, self.field, mapped, base),
                None if self.lower => return put_typed(event, self.field, &small, base),
                None => {}
            }
        }
        match &self.other {
            Some(other) if other.is_empty() => {}
            Some(other) => put_typed(event, self.field, other, base),
            None => put_typed(event, self.field, value, base),
        }
    }
}

/// A hardware address of six bytes in the form `02:5e:10:01:02:4d`: devices write `025E1001024D`,
/// `02-5E-10-01-02-4D` and `025e-1001-024d` besides.
fn mac(value: &str) -> Option<String> {
    let digits: String = value.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let mut written = String::with_capacity(17);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 2 == 0 {
            written.push(':');
        }
        written.push(digit);
    }
    Some(written)
}

/// Adds a value in the type of its column; one that is not of that type is left to its native
/// field.
fn put_typed(event: &mut Event, field: FieldId, value: &str, base: &str) {
    match field.column().map(|c| c.kind) {
        Some(ColumnKind::Integer) => {
            if let Ok(number) = value.trim().parse() {
                event.push(field, Value::Int(number));
            }
        }
        Some(ColumnKind::Address) if value.parse::<IpAddr>().is_err() => {}
        _ => put_text(event, field, value, base),
    }
}

fn put_text(event: &mut Event, field: FieldId, value: &str, base: &str) {
    let at = (value.as_ptr() as usize).checked_sub(base.as_ptr() as usize);
    if let Some(at) = at
        && at + value.len() <= base.len()
        && event.push_raw_range(field, at..at + value.len())
    {
        return;
    }
    event.push(field, Value::Str(value));
}

/// Where a decoder writes.
pub struct Out<'e> {
    /// The event being filled.
    pub event: &'e mut Event,
    /// The record's text: equal in content to `event.raw_text()`, or empty when it is not.
    base: &'e str,
    map: Option<&'e FieldMap>,
}

impl<'e> Out<'e> {
    /// A writer over an event whose raw text equals `base`.
    pub fn new(event: &'e mut Event, base: &'e str, map: Option<&'e FieldMap>) -> Self {
        debug_assert!(base.is_empty() || event.raw_text() == base);
        Self { event, base, map }
    }

    /// Adds a text to a known field, in the type of its column.
    pub fn put(&mut self, field: FieldId, value: &str) {
        put_typed(self.event, field, value, self.base);
    }

    /// Adds a native field, and the columns it is mapped to.
    pub fn native(&mut self, name: &str, value: &str) {
        if let Some(entry) = self.map.and_then(|m| m.entries.get(name)) {
            if let Some(id) = entry.native {
                put_text(self.event, id, value, self.base);
            }
            for target in &entry.targets {
                target.put(value, self.event, self.base);
            }
            return;
        }
        match FieldId::intern(name) {
            Some(id) if id.column().is_some() => put_typed(self.event, id, value, self.base),
            Some(id) => put_text(self.event, id, value, self.base),
            None => self.event.push_named(name, Value::Str(value)),
        }
    }

    /// As [`Out::native`], where the columns it fills hold nothing but this afterwards: what the
    /// message says of itself stands for what its envelope said.
    pub fn instead(&mut self, name: &str, value: &str) {
        self.native(name, value);
        if let Some(entry) = self.map.and_then(|m| m.entries.get(name)) {
            entry.targets.iter().for_each(|t| self.event.keep_last(t.field));
        } else if let Some(id) = FieldId::intern(name).filter(|id| id.column().is_some()) {
            self.event.keep_last(id);
        }
    }
}
