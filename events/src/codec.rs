//! The binary form of a batch of events: what the journal holds and what travels between nodes.
//!
//! A batch is self-contained: it begins with a dictionary of the names it uses (fields, sensors,
//! log sources), so interned ids never leave the process. Integers are LEB128, signed ones
//! zigzag. Layout, version 1:
//! `version=1 · names: count,(len,bytes)* · events: count, event*`, an event being
//! `id:16 · time · received−time · site · sensor · logsource · flags · [exercise:16] · marks ·
//! raw(len,bytes) · [raw bytes(len,bytes)] · fields: count,(name, tag, value)*`.
//! A text value that is part of the record is written as a range of it.

use std::borrow::Borrow;
use std::collections::HashMap;

use crate::event::{Event, Marks};
use crate::field::FieldId;
use crate::id::{EventId, ExerciseId};
use crate::logsource::LogSourceId;
use crate::site::{SensorId, SiteId};
use crate::time::Timestamp;
use crate::value::Value;
use crate::wire::{Reader, put, put_bytes, put_signed};
use crate::{field, limits};

pub use crate::wire::CodecError;

/// What values beside the record mostly take, in bytes: room is made for it at once.
const OWN_TEXT_BYTES: usize = 48;

const VERSION: u8 = 1;
const HAS_EXERCISE: u8 = 1;
const HAS_RAW_BYTES: u8 = 2;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const RAW_RANGE: u8 = 6;

/// Appends the batch to `out`.
pub fn encode_batch<E: Borrow<Event>>(batch: &[E], out: &mut Vec<u8>) {
    let mut names = Names::default();
    let mut body = Vec::with_capacity(batch.len() * 256);
    put(&mut body, batch.len() as u64);
    for event in batch {
        encode_event(event.borrow(), &mut names, &mut body);
    }
    out.push(VERSION);
    put(out, names.list.len() as u64);
    for name in names.list {
        put_bytes(out, name.as_bytes());
    }
    out.extend_from_slice(&body);
}

/// Reads a batch. Never panics, whatever the bytes; allocates no more than the bytes can hold.
pub fn decode_batch(bytes: &[u8]) -> Result<Vec<Event>, CodecError> {
    let mut r = Reader::new(bytes);
    let version = r.byte("version")?;
    if version != VERSION {
        return Err(CodecError::Version(version));
    }
    let mut names = Known::read(&mut r)?;
    let count = r.count("event count")?;
    let mut events = Vec::with_capacity(count);
    for _ in 0..count {
        events.push(decode_event(&mut r, &mut names)?);
    }
    r.end("batch")?;
    Ok(events)
}

/// The dictionary being made. Fields come often, so theirs are found by number.
#[derive(Default)]
struct Names {
    list: Vec<&'static str>,
    index: HashMap<&'static str, u64>,
    /// By the number of a field: its place in the list, plus one.
    fields: Vec<u64>,
    /// The last ones, which mostly come again.
    sensor: Option<(SensorId, u64)>,
    source: Option<(LogSourceId, u64)>,
}

impl Names {
    fn of(&mut self, name: &'static str) -> u64 {
        *self.index.entry(name).or_insert_with(|| {
            self.list.push(name);
            self.list.len() as u64 - 1
        })
    }

    fn of_sensor(&mut self, sensor: SensorId) -> u64 {
        match self.sensor {
            Some((last, place)) if last == sensor => place,
            _ => {
                let place = self.of(sensor.name());
                self.sensor = Some((sensor, place));
                place
            }
        }
    }

    fn of_source(&mut self, source: LogSourceId) -> u64 {
        match self.source {
            Some((last, place)) if last == source => place,
            _ => {
                let place = self.of(source.key());
                self.source = Some((source, place));
                place
            }
        }
    }

    fn of_field(&mut self, field: FieldId) -> u64 {
        let at = field.index();
        if at >= self.fields.len() {
            self.fields.resize(at + 1, 0);
        }
        if self.fields[at] == 0 {
            self.fields[at] = self.of(field.name()) + 1;
        }
        self.fields[at] - 1
    }
}

/// The dictionary being read, with what its names turned out to be.
struct Known<'a> {
    names: Vec<&'a str>,
    fields: Vec<Option<FieldId>>,
    sensor: (u64, SensorId),
    source: (u64, LogSourceId),
}

impl<'a> Known<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, CodecError> {
        let count = r.count("name count")?;
        let mut names = Vec::with_capacity(count);
        for _ in 0..count {
            names.push(r.text("name")?);
        }
        let fields = vec![None; count];
        let (sensor, source) = (SensorId::UNKNOWN, LogSourceId::UNKNOWN);
        Ok(Self { names, fields, sensor: (u64::MAX, sensor), source: (u64::MAX, source) })
    }

    fn next(&self, r: &mut Reader<'a>) -> Result<(u64, &'a str), CodecError> {
        let at = r.at();
        let index = r.number("name")?;
        let name = usize::try_from(index).ok().and_then(|i| self.names.get(i)).copied();
        Ok((index, name.ok_or(CodecError::Bad { at, what: "name" })?))
    }

    fn field(&mut self, r: &mut Reader<'a>) -> Result<FieldId, CodecError> {
        let (index, name) = self.next(r)?;
        let known = &mut self.fields[index as usize];
        Ok(*known.get_or_insert_with(|| FieldId::intern(name).unwrap_or(field::OVERFLOW)))
    }

    fn sensor(&mut self, r: &mut Reader<'a>) -> Result<SensorId, CodecError> {
        let (index, name) = self.next(r)?;
        if self.sensor.0 != index {
            self.sensor = (index, SensorId::intern(name));
        }
        Ok(self.sensor.1)
    }

    fn source(&mut self, r: &mut Reader<'a>) -> Result<LogSourceId, CodecError> {
        let (index, name) = self.next(r)?;
        if self.source.0 != index {
            self.source = (index, LogSourceId::from_key(name));
        }
        Ok(self.source.1)
    }
}

fn encode_event(event: &Event, names: &mut Names, out: &mut Vec<u8>) {
    out.extend_from_slice(&event.id.to_bytes());
    put_signed(out, event.time.nanos());
    put_signed(out, event.received.nanos().wrapping_sub(event.time.nanos()));
    put(out, event.site.as_u64());
    put(out, names.of_sensor(event.sensor));
    put(out, names.of_source(event.logsource));
    let mut flags = 0;
    if event.exercise.is_some() {
        flags |= HAS_EXERCISE;
    }
    if event.raw_bytes().is_some() {
        flags |= HAS_RAW_BYTES;
    }
    out.push(flags);
    if let Some(exercise) = event.exercise {
        out.extend_from_slice(&exercise.to_bytes());
    }
    out.push(event.marks.0);
    put_bytes(out, event.raw_text().as_bytes());
    if let Some(raw) = event.raw_bytes() {
        put_bytes(out, raw);
    }
    put(out, event.len() as u64);
    for (id, value) in event.fields() {
        put(out, names.of_field(id));
        encode_value(event, value, out);
    }
}

fn encode_value(event: &Event, value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(i) => {
            out.push(INT);
            put_signed(out, i);
        }
        Value::Float(f) => {
            out.push(FLOAT);
            out.extend_from_slice(&f.to_le_bytes());
        }
        Value::Str(s) => match event.raw_range_of(s) {
            Some(range) if s.len() > 2 => {
                out.push(RAW_RANGE);
                put(out, range.start as u64);
                put(out, s.len() as u64);
            }
            _ => {
                out.push(TEXT);
                put_bytes(out, s.as_bytes());
            }
        },
    }
}

fn decode_event<'a>(r: &mut Reader<'a>, names: &mut Known<'a>) -> Result<Event, CodecError> {
    let mut event = Event::new();
    event.id = EventId::from_u128(u128::from_be_bytes(r.array("event id")?));
    let time = r.signed("time")?;
    event.time = Timestamp::from_nanos(time);
    event.received = Timestamp::from_nanos(time.wrapping_add(r.signed("received")?));
    let at = r.at();
    event.site =
        SiteId::from_u64(r.number("site")?).map_err(|_| CodecError::Bad { at, what: "site" })?;
    event.sensor = names.sensor(r)?;
    event.logsource = names.source(r)?;
    let flags = r.byte("flags")?;
    if flags & HAS_EXERCISE != 0 {
        event.exercise = Some(ExerciseId::from_u128(u128::from_be_bytes(r.array("exercise")?)));
    }
    let marks = Marks(r.byte("marks")?);
    let raw = r.text("record")?;
    event.reserve(raw.len() + OWN_TEXT_BYTES, 0);
    event.set_raw_text(raw);
    if flags & HAS_RAW_BYTES != 0 {
        event.set_raw_bytes(r.slice("record bytes")?);
    }
    let count = r.count("field count")?;
    if count > limits::FIELDS_MAX {
        return Err(CodecError::Bad { at: r.at(), what: "field count" });
    }
    event.reserve(0, count);
    for _ in 0..count {
        let id = names.field(r)?;
        decode_value(r, &mut event, id)?;
    }
    event.marks = marks;
    Ok(event)
}

fn decode_value(r: &mut Reader<'_>, event: &mut Event, id: FieldId) -> Result<(), CodecError> {
    let at = r.at();
    match r.byte("tag")? {
        NULL => event.push(id, Value::Null),
        FALSE => event.push(id, Value::Bool(false)),
        TRUE => event.push(id, Value::Bool(true)),
        INT => event.push(id, Value::Int(r.signed("integer")?)),
        FLOAT => event.push(id, Value::Float(f64::from_le_bytes(r.array("number")?))),
        TEXT => event.push(id, Value::Str(r.text("text")?)),
        RAW_RANGE => {
            let start = r.number("range")? as usize;
            let end = start.checked_add(r.number("range")? as usize);
            let ok = end.is_some_and(|end| event.push_raw_range(id, start..end));
            if !ok {
                return Err(CodecError::Bad { at, what: "range" });
            }
        }
        _ => return Err(CodecError::Bad { at, what: "tag" }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::logsource::LogSource;

    fn sample() -> Event {
        let mut e = Event::new();
        e.id = EventId::from_u128(7);
        e.time = Timestamp::from_secs(1_700_000_000);
        e.received = Timestamp::from_secs(1_700_000_001);
        e.site = SiteId::from_u64(2_133_000_001).unwrap();
        e.sensor = SensorId::intern("fw-1");
        e.logsource = LogSourceId::intern(&LogSource::new("linux", "", "sshd"));
        e.exercise = Some(ExerciseId::from_u128(9));
        e.set_raw(b"Failed password for root from 10.0.0.1");
        e.push_raw_range(field::USER_NAME, 20..24);
        e.push(field::SOURCE_PORT, Value::Int(-22));
        e.push_named("f", Value::Float(0.5));
        e.push_named("b", Value::Bool(true));
        e.push_named("n", Value::Null);
        e
    }

    #[test]
    fn round_trip() {
        let batch = vec![sample(), Event::new(), sample()];
        let mut bytes = Vec::new();
        encode_batch(&batch, &mut bytes);
        assert_eq!(decode_batch(&bytes).unwrap(), batch);
    }

    #[test]
    fn every_prefix_is_refused_with_its_place() {
        let mut bytes = Vec::new();
        encode_batch(&[sample()], &mut bytes);
        for end in 0..bytes.len() {
            assert!(decode_batch(&bytes[..end]).is_err(), "prefix of {end} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode_batch(&bytes);
            let mut versioned = vec![VERSION];
            versioned.extend(bytes);
            let _ = decode_batch(&versioned);
        }

        #[test]
        fn a_flipped_byte_never_panics(at in 0usize..120, bit in 0u8..8) {
            let mut bytes = Vec::new();
            encode_batch(&[sample()], &mut bytes);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let _ = decode_batch(&bytes);
        }

        #[test]
        fn any_record_round_trips(raw in proptest::collection::vec(any::<u8>(), 0..200),
                                  time in any::<i64>(), received in any::<i64>(), text in ".{0,40}") {
            let mut e = Event::new();
            e.time = Timestamp::from_nanos(time);
            e.received = Timestamp::from_nanos(received);
            e.set_raw(&raw);
            e.push(field::MESSAGE, Value::Str(&text));
            let mut bytes = Vec::new();
            encode_batch(std::slice::from_ref(&e), &mut bytes);
            let back = decode_batch(&bytes).unwrap();
            prop_assert_eq!(back[0].raw(), &raw[..]);
            prop_assert_eq!(&back[0], &e);
        }
    }
}
