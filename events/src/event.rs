//! The log record (日志记录): flat fields over one text buffer.

use std::borrow::Cow;
use std::ops::Range;

use crate::field::{self, FieldId};
use crate::id::{EventId, ExerciseId};
use crate::limits;
use crate::logsource::LogSourceId;
use crate::site::{SensorId, SiteId};
use crate::slot::{Slot, Stored};
use crate::time::Timestamp;
use crate::value::Value;

/// One record. Field names are interned ids and texts are ranges into one buffer, so a reused
/// event costs no allocation per field. A field may occur more than once (a list in the record).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Time-ordered id, given at intake.
    pub id: EventId,
    /// When it happened, by the record itself; [`Event::received`] if the record does not say.
    pub time: Timestamp,
    /// When it reached us.
    pub received: Timestamp,
    /// The school it is about.
    pub site: SiteId,
    /// Who sent it.
    pub sensor: SensorId,
    /// The Sigma log source, set by the pack.
    pub logsource: LogSourceId,
    /// The exercise this record belongs to; `None` for real telemetry.
    pub exercise: Option<ExerciseId>,
    /// What was done to keep the record within its bounds.
    pub marks: Marks,
    /// The record as text (its first `raw_len` bytes), then every value that is not part of it.
    pub(crate) text: String,
    pub(crate) raw_len: u32,
    /// The record as received, where it is not UTF-8.
    pub(crate) raw_bytes: Option<Box<[u8]>>,
    pub(crate) slots: Vec<Slot>,
}

/// What happened to a record on its way in; shown to people, never silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(pub u8);

impl Marks {
    /// The raw record or a value was longer than its bound and was cut.
    pub const CUT: u8 = 1;
    /// There were more fields than [`limits::FIELDS_MAX`], or deeper ones than
    /// [`limits::JSON_DEPTH_MAX`].
    pub const FIELDS_DROPPED: u8 = 2;
    /// The record was not valid UTF-8.
    pub const NOT_UTF8: u8 = 4;
    /// The record said nothing usable about its time.
    pub const NO_TIME: u8 = 8;
    /// The pack could not decode it; kept as received.
    pub const UNDECODED: u8 = 16;

    /// Whether a mark is set.
    pub const fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }

    /// Sets a mark.
    pub const fn set(&mut self, mark: u8) {
        self.0 |= mark;
    }
}

impl Default for SensorId {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl Default for LogSourceId {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl Event {
    /// An empty event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the event and keeps its buffers.
    pub fn clear(&mut self) {
        let Self { id, time, received, site, sensor, logsource, exercise, marks, .. } = self;
        (*id, *time, *received) = Default::default();
        (*site, *sensor, *logsource) = Default::default();
        (*exercise, *marks) = Default::default();
        self.text.clear();
        self.raw_len = 0;
        self.raw_bytes = None;
        self.slots.clear();
    }

    /// Sets the record as received, cut at [`limits::RAW_BYTES_MAX`]. Call it before any field is
    /// pushed: fields pushed earlier are dropped.
    pub fn set_raw(&mut self, record: &[u8]) {
        self.text.clear();
        self.slots.clear();
        self.raw_bytes = None;
        let kept = &record[..record.len().min(limits::RAW_BYTES_MAX)];
        if kept.len() < record.len() {
            self.marks.set(Marks::CUT);
        }
        match std::str::from_utf8(kept) {
            Ok(text) => self.text.push_str(text),
            // Cut in the middle of a character: the whole characters before it are the record.
            Err(e) if kept.len() < record.len() && e.error_len().is_none() => {
                self.text.push_str(&String::from_utf8_lossy(&kept[..e.valid_up_to()]));
            }
            Err(_) => {
                self.marks.set(Marks::NOT_UTF8);
                self.raw_bytes = Some(kept.into());
                self.text.push_str(&String::from_utf8_lossy(kept));
            }
        }
        self.raw_len = self.text.len() as u32;
    }

    /// [`Event::set_raw`] for a record that is known to be text: it is not checked again.
    pub fn set_raw_text(&mut self, record: &str) {
        if record.len() > limits::RAW_BYTES_MAX {
            return self.set_raw(record.as_bytes());
        }
        self.text.clear();
        self.slots.clear();
        self.raw_bytes = None;
        self.text.push_str(record);
        self.raw_len = record.len() as u32;
    }

    /// [`Event::set_raw_text`] for a text that `write` appends to the event's own buffer. Returns what
    /// `write` does, unless the text is over-long: then nothing that it says of it holds.
    pub fn write_raw<T>(&mut self, write: impl FnOnce(&mut String) -> T) -> Option<T> {
        self.text.clear();
        self.slots.clear();
        self.raw_bytes = None;
        let said = write(&mut self.text);
        if self.text.len() > limits::RAW_BYTES_MAX {
            let text = std::mem::take(&mut self.text);
            self.set_raw(text.as_bytes());
            return None;
        }
        self.raw_len = self.text.len() as u32;
        Some(said)
    }

    /// Sets the record as received together with its text in UTF-8 (for a record in GB18030 or
    /// another encoding that a decoder knows).
    pub fn set_raw_decoded(&mut self, record: &[u8], text: &str) {
        self.set_raw(text.as_bytes());
        if record != text.as_bytes() {
            self.raw_bytes = Some(record[..record.len().min(limits::RAW_BYTES_MAX)].into());
        }
    }

    /// The record as received, byte for byte (up to [`limits::RAW_BYTES_MAX`]).
    pub fn raw(&self) -> &[u8] {
        self.raw_bytes.as_deref().unwrap_or_else(|| self.raw_text().as_bytes())
    }

    /// The record as text; bytes that are not UTF-8 show as U+FFFD.
    pub fn raw_text(&self) -> &str {
        &self.text[..self.raw_len as usize]
    }

    /// Adds a field. Beyond [`limits::FIELDS_MAX`] or [`limits::TEXT_BYTES_MAX`] it is dropped and
    /// the event marked; a text beyond [`limits::VALUE_BYTES_MAX`] is cut and the event marked.
    pub fn push(&mut self, field: FieldId, value: Value<'_>) {
        let value = match value {
            Value::Null => Stored::Null,
            Value::Bool(b) => Stored::Bool(b),
            Value::Int(i) => Stored::Int(i),
            Value::Float(f) => Stored::Float(f),
            Value::Str(s) => {
                let s = self.cut(s);
                if self.text.len() + s.len() > limits::TEXT_BYTES_MAX {
                    self.marks.set(Marks::FIELDS_DROPPED);
                    return;
                }
                let start = self.text.len() as u32;
                self.text.push_str(s);
                Stored::Str { start, len: s.len() as u32 }
            }
        };
        self.push_stored(field, value);
    }

    /// Adds a field by name. A name that cannot be interned keeps its value under
    /// [`field::OVERFLOW`] as `name=value`.
    pub fn push_named(&mut self, name: &str, value: Value<'_>) {
        match FieldId::intern(name) {
            Some(id) => self.push(id, value),
            None => {
                let name: String = name.chars().take(64).collect();
                self.push(field::OVERFLOW, Value::Str(&format!("{name}={value}")));
            }
        }
    }

    /// Adds a text field that is a part of the record: no copy. A range that is not on character
    /// boundaries of [`Event::raw_text`] is ignored and returns `false`.
    pub fn push_raw_range(&mut self, field: FieldId, range: Range<usize>) -> bool {
        let Some(part) = self.raw_text().get(range.clone()) else { return false };
        if part.len() > limits::VALUE_BYTES_MAX {
            let part = part.to_owned();
            self.push(field, Value::Str(&part));
        } else {
            let (start, len) = (range.start as u32, part.len() as u32);
            self.push_stored(field, Stored::Str { start, len });
        }
        true
    }

    /// [`Event::push_raw_range`] for a range that is known to lie on character boundaries; if it
    /// does not, reading the value panics.
    #[inline]
    pub(crate) fn push_raw_text(&mut self, field: FieldId, range: Range<usize>) {
        let (start, len) = (range.start as u32, range.len() as u32);
        if range.len() > limits::VALUE_BYTES_MAX {
            self.push_raw_range(field, range);
        } else {
            self.push_stored(field, Stored::Str { start, len });
        }
    }

    /// [`Event::push`] for a whole number.
    #[inline]
    pub(crate) fn push_int(&mut self, field: FieldId, value: i64) {
        self.push_stored(field, Stored::Int(value));
    }

    /// Replaces every value of a field by one.
    pub fn set(&mut self, field: FieldId, value: Value<'_>) {
        self.slots.retain(|s| s.field != field);
        self.push(field, value);
    }

    /// Drops every value of a field but the last.
    pub fn keep_last(&mut self, field: FieldId) {
        let Some(last) = self.slots.iter().rposition(|s| s.field == field) else { return };
        if !self.slots[..last].iter().any(|s| s.field == field) {
            return;
        }
        let mut at = 0;
        self.slots.retain(|s| {
            at += 1;
            s.field != field || at > last
        });
    }

    /// All fields in the order they were added.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (FieldId, Value<'_>)> + Clone {
        self.slots.iter().map(|s| (s.field, self.value(s.value())))
    }

    /// The names of [`Event::fields`], alone.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = FieldId> + Clone {
        self.slots.iter().map(|s| s.field)
    }

    /// The value at a place in the order of [`Event::fields`]; null past the end.
    #[inline]
    pub fn value_at(&self, at: usize) -> Value<'_> {
        self.slots.get(at).map_or(Value::Null, |s| self.value(s.value()))
    }

    /// The bytes of the text at a place in the order of [`Event::fields`]; `None` if there is none. For
    /// comparisons, where it costs less than [`Event::value_at`].
    #[inline]
    pub fn text_at(&self, at: usize) -> Option<&[u8]> {
        match self.slots.get(at)?.value() {
            Stored::Str { start, len } => {
                self.text.as_bytes().get(start as usize..(start + len) as usize)
            }
            _ => None,
        }
    }

    /// The first value of a field.
    pub fn get(&self, field: FieldId) -> Option<Value<'_>> {
        self.slots.iter().find(|s| s.field == field).map(|s| self.value(s.value()))
    }

    /// Every value of a field.
    pub fn all(&self, field: FieldId) -> impl Iterator<Item = Value<'_>> {
        self.slots.iter().filter(move |s| s.field == field).map(|s| self.value(s.value()))
    }

    /// The first value of a field, if it is text.
    pub fn str(&self, field: FieldId) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }

    /// The first value of a field as text, numbers included.
    pub fn text(&self, field: FieldId) -> Option<Cow<'_, str>> {
        self.get(field).map(Value::text)
    }

    /// The first value of a field as a whole number.
    pub fn int(&self, field: FieldId) -> Option<i64> {
        self.get(field).and_then(Value::as_i64)
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Makes room for so many bytes of text and so many fields at once.
    pub fn reserve(&mut self, text: usize, fields: usize) {
        self.text.reserve_exact(text);
        self.slots.reserve_exact(fields.min(limits::FIELDS_MAX));
    }

    fn push_stored(&mut self, field: FieldId, value: Stored) {
        if self.slots.len() >= limits::FIELDS_MAX {
            self.marks.set(Marks::FIELDS_DROPPED);
            return;
        }
        self.slots.push(Slot::new(field, value));
    }

    fn cut<'a>(&mut self, s: &'a str) -> &'a str {
        if s.len() <= limits::VALUE_BYTES_MAX {
            return s;
        }
        self.marks.set(Marks::CUT);
        &s[..s.floor_char_boundary(limits::VALUE_BYTES_MAX)]
    }

    #[inline]
    fn value(&self, stored: Stored) -> Value<'_> {
        match stored {
            Stored::Null => Value::Null,
            Stored::Bool(b) => Value::Bool(b),
            Stored::Int(i) => Value::Int(i),
            Stored::Float(f) => Value::Float(f),
            Stored::Str { start, len } => {
                Value::Str(&self.text[start as usize..(start + len) as usize])
            }
        }
    }

    pub(crate) fn set_raw_bytes(&mut self, bytes: &[u8]) {
        self.raw_bytes = Some(bytes.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_over_the_record() {
        let mut e = Event::new();
        e.set_raw("登录失败 user=alice".as_bytes());
        let at = e.raw_text().find("alice").unwrap();
        assert!(e.push_raw_range(field::USER_NAME, at..at + 5));
        assert!(!e.push_raw_range(field::USER_NAME, 1..2), "inside a character");
        e.push(field::SOURCE_PORT, Value::Int(22));
        e.push_named("Custom", Value::Str("x"));
        assert_eq!(e.str(field::USER_NAME), Some("alice"));
        assert_eq!(e.int(field::SOURCE_PORT), Some(22));
        assert_eq!(e.len(), 3);
        e.clear();
        assert!(e.is_empty() && e.raw().is_empty());
    }

    #[test]
    fn the_last_value_is_kept() {
        let mut e = Event::new();
        e.push(field::PROCESS_PID, Value::Int(1));
        e.push(field::USER_NAME, Value::Str("a"));
        e.push(field::PROCESS_PID, Value::Int(2));
        for id in [field::PROCESS_PID, field::USER_NAME, field::FILE_PATH] {
            e.keep_last(id);
        }
        let all: Vec<_> = e.fields().collect();
        assert_eq!(all, [(field::USER_NAME, Value::Str("a")), (field::PROCESS_PID, Value::Int(2))]);
    }

    #[test]
    fn bytes_that_are_not_utf8_survive() {
        let mut e = Event::new();
        e.set_raw(b"ok \xff\xfe");
        assert_eq!(e.raw(), b"ok \xff\xfe");
        assert!(e.marks.has(Marks::NOT_UTF8));
        assert!(e.raw_text().starts_with("ok "));
    }

    #[test]
    fn bounds_cut_and_mark() {
        let mut e = Event::new();
        e.set_raw(&vec![b'a'; limits::RAW_BYTES_MAX + 1]);
        assert_eq!(e.raw().len(), limits::RAW_BYTES_MAX);
        assert!(e.marks.has(Marks::CUT));
        let mut e = Event::new();
        let long = "学".repeat(limits::VALUE_BYTES_MAX);
        e.push(field::MESSAGE, Value::Str(&long));
        assert!(e.marks.has(Marks::CUT));
        assert!(e.str(field::MESSAGE).unwrap().len() <= limits::VALUE_BYTES_MAX);
        for _ in 0..limits::FIELDS_MAX {
            e.push(field::MESSAGE, Value::Null);
        }
        assert!(e.marks.has(Marks::FIELDS_DROPPED));
        assert_eq!(e.len(), limits::FIELDS_MAX);
    }

    #[test]
    fn a_cut_inside_a_character_is_not_bad_utf8() {
        let mut e = Event::new();
        let text = "学".repeat(limits::RAW_BYTES_MAX / 3 + 5);
        e.set_raw(text.as_bytes());
        assert!(!e.marks.has(Marks::NOT_UTF8));
        assert!(e.marks.has(Marks::CUT));
    }
}
