//! The binary form of a batch of events: what the journal holds and what travels between nodes.
//!
//! A batch is self-contained: it says the names it uses (fields, sensors, log sources), so interned
//! ids never leave the process. Events of a batch are mostly alike, so what is the same for many is
//! written once, as a kind. Integers are LEB128, signed ones zigzag. Layout, version 2:
//! `version=2 · names: count,(len,bytes)* · events: count, event*`, an event being
//! `kind · [kind, if it is the next new one] · id:16 · time − the time before · received − time ·
//! [exercise:16] · raw(len,bytes) · [raw bytes(len,bytes)] · value*`, and a kind
//! `site · sensor · logsource · flags · marks · fields: count,(name, tag)*`.
//! A text value that is part of the record is written as a range of it.

mod v1;

use std::collections::HashMap;
use std::ops::Range;

use crate::batch::{EventBatch, Record};
use crate::event::{Event, Marks};
use crate::field::FieldId;
use crate::id::{EventId, ExerciseId};
use crate::logsource::LogSourceId;
use crate::site::{SensorId, SiteId};
use crate::slot::{Slot, Stored};
use crate::time::Timestamp;
use crate::value::Value;
use crate::wire::{Reader, put, put_bytes, put_signed};
use crate::{field, limits};

pub use crate::wire::CodecError;

/// What a record mostly takes in this form, in bytes.
const EVENT_BYTES: usize = 192;

const VERSION: u8 = 2;
const HAS_EXERCISE: u8 = 1;
const HAS_RAW_BYTES: u8 = 2;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const RAW_RANGE: u8 = 6;

/// Appends some records of a batch to `out`; what is past its end is not there to be written.
pub fn encode_batch(batch: &EventBatch, records: Range<usize>, out: &mut Vec<u8>) {
    encode_all([(batch, records)], out);
}

/// The same for records of several batches, one after the other.
pub fn encode_all<'b>(
    parts: impl IntoIterator<Item = (&'b EventBatch, Range<usize>)>,
    out: &mut Vec<u8>,
) {
    let (mut names, mut kinds) = (Names::default(), Kinds::default());
    let (mut body, mut count, mut time) = (Vec::new(), 0, 0);
    for (batch, records) in parts {
        let records = records.start..records.end.min(batch.len());
        body.reserve(records.len() * EVENT_BYTES);
        for record in records.filter_map(|at| batch.record(at)) {
            encode_event(&record, &mut time, &mut names, &mut kinds, &mut body);
            count += 1;
        }
    }
    out.push(VERSION);
    put(out, names.list.len() as u64);
    for name in names.list {
        put_bytes(out, name.as_bytes());
    }
    put(out, count);
    out.extend_from_slice(&body);
}

/// Reads a batch. Never panics, whatever the bytes; allocates no more than the bytes can hold.
pub fn decode_batch(bytes: &[u8]) -> Result<EventBatch, CodecError> {
    let mut r = Reader::new(bytes);
    let events = match r.byte("version")? {
        1 => v1::read(&mut r)?,
        VERSION => read(&mut r)?,
        version => return Err(CodecError::Version(version)),
    };
    r.end("batch")?;
    Ok(events)
}

fn read(r: &mut Reader<'_>) -> Result<EventBatch, CodecError> {
    let (mut names, mut kinds, mut time) = (Known::read(r)?, Vec::new(), 0);
    let count = r.count("event count")?;
    let (mut events, mut event) = (EventBatch::with_capacity(count), Event::new());
    for _ in 0..count {
        read_event(r, &mut time, &mut names, &mut kinds, &mut event)?;
        events.push(&event);
    }
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

/// What is the same for many records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Kind {
    site: SiteId,
    sensor: SensorId,
    logsource: LogSourceId,
    flags: u8,
    marks: u8,
    fields: Vec<(FieldId, u8)>,
}

impl Kind {
    /// Becomes the kind of a record; keeps its buffer.
    fn become_of(&mut self, record: &Record<'_>) {
        (self.site, self.sensor, self.logsource) = (record.site, record.sensor, record.logsource);
        self.flags = u8::from(record.exercise.is_some()) * HAS_EXERCISE
            + u8::from(record.raw_bytes.is_some()) * HAS_RAW_BYTES;
        self.marks = record.marks.0;
        self.fields.clear();
        self.fields.extend(record.slots.iter().map(|slot| (slot.field, tag(record, slot))));
    }
}

/// The kinds that were written, by number, and the last one, which mostly comes again.
#[derive(Default)]
struct Kinds {
    known: HashMap<Kind, u64>,
    last: (Kind, u64),
    wanted: Kind,
}

impl Kinds {
    /// The number of a record's kind, and whether it is new; the kind itself is the last one then.
    fn of(&mut self, record: &Record<'_>) -> (u64, bool) {
        self.wanted.become_of(record);
        if !self.known.is_empty() && self.wanted == self.last.0 {
            return (self.last.1, false);
        }
        let next = self.known.len() as u64;
        let known = self.known.get(&self.wanted).copied();
        let number = known.unwrap_or(next);
        if known.is_none() {
            self.known.insert(self.wanted.clone(), next);
        }
        std::mem::swap(&mut self.last.0, &mut self.wanted);
        self.last.1 = number;
        (number, known.is_none())
    }
}

/// How a value is written.
fn tag(record: &Record<'_>, slot: &Slot) -> u8 {
    match slot.value() {
        Stored::Null => NULL,
        Stored::Bool(false) => FALSE,
        Stored::Bool(true) => TRUE,
        Stored::Int(_) => INT,
        Stored::Float(_) => FLOAT,
        Stored::Str { start, len } if len > 2 && start + len <= record.raw_len => RAW_RANGE,
        Stored::Str { .. } => TEXT,
    }
}

fn encode_event(
    record: &Record<'_>,
    time: &mut i64,
    names: &mut Names,
    kinds: &mut Kinds,
    out: &mut Vec<u8>,
) {
    let (number, new) = kinds.of(record);
    put(out, number);
    if new {
        let kind = &kinds.last.0;
        put(out, kind.site.as_u64());
        put(out, names.of_sensor(kind.sensor));
        put(out, names.of_source(kind.logsource));
        out.extend_from_slice(&[kind.flags, kind.marks]);
        put(out, kind.fields.len() as u64);
        for (field, tag) in &kind.fields {
            put(out, names.of_field(*field));
            out.push(*tag);
        }
    }
    out.extend_from_slice(&record.id.to_bytes());
    let at = record.time.nanos();
    put_signed(out, at.wrapping_sub(std::mem::replace(time, at)));
    put_signed(out, record.received.nanos().wrapping_sub(at));
    if let Some(exercise) = record.exercise {
        out.extend_from_slice(&exercise.to_bytes());
    }
    put_bytes(out, &record.text.as_bytes()[..record.raw_len as usize]);
    if let Some(raw) = record.raw_bytes {
        put_bytes(out, raw);
    }
    for slot in record.slots {
        match slot.value() {
            Stored::Null | Stored::Bool(_) => {}
            Stored::Int(i) => put_signed(out, i),
            Stored::Float(f) => out.extend_from_slice(&f.to_le_bytes()),
            Stored::Str { start, len } => {
                if tag(record, slot) == RAW_RANGE {
                    put(out, start.into());
                    put(out, len.into());
                } else {
                    put_bytes(out, &record.text.as_bytes()[start as usize..(start + len) as usize]);
                }
            }
        }
    }
}

fn read_event<'a>(
    r: &mut Reader<'a>,
    time: &mut i64,
    names: &mut Known<'a>,
    kinds: &mut Vec<Kind>,
    event: &mut Event,
) -> Result<(), CodecError> {
    let at = r.at();
    let number = r.number("kind")? as usize;
    if number == kinds.len() {
        kinds.push(read_kind(r, names)?);
    }
    let kind = kinds.get(number).ok_or(CodecError::Bad { at, what: "kind" })?;
    event.id = EventId::from_u128(u128::from_be_bytes(r.array("event id")?));
    *time = time.wrapping_add(r.signed("time")?);
    event.time = Timestamp::from_nanos(*time);
    event.received = Timestamp::from_nanos(time.wrapping_add(r.signed("received")?));
    (event.site, event.sensor, event.logsource) = (kind.site, kind.sensor, kind.logsource);
    event.exercise = None;
    if kind.flags & HAS_EXERCISE != 0 {
        event.exercise = Some(ExerciseId::from_u128(u128::from_be_bytes(r.array("exercise")?)));
    }
    event.set_raw_text(r.text("record")?);
    if kind.flags & HAS_RAW_BYTES != 0 {
        event.set_raw_bytes(r.slice("record bytes")?);
    }
    for (field, tag) in &kind.fields {
        read_value(r, event, *field, *tag)?;
    }
    event.marks = Marks(kind.marks);
    Ok(())
}

fn read_kind<'a>(r: &mut Reader<'a>, names: &mut Known<'a>) -> Result<Kind, CodecError> {
    let at = r.at();
    let site =
        SiteId::from_u64(r.number("site")?).map_err(|_| CodecError::Bad { at, what: "site" })?;
    let (sensor, logsource) = (names.sensor(r)?, names.source(r)?);
    let (flags, marks) = (r.byte("flags")?, r.byte("marks")?);
    let count = r.count("field count")?;
    if count > limits::FIELDS_MAX {
        return Err(CodecError::Bad { at: r.at(), what: "field count" });
    }
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        fields.push((names.field(r)?, r.byte("tag")?));
    }
    Ok(Kind { site, sensor, logsource, flags, marks, fields })
}

fn read_value(
    r: &mut Reader<'_>,
    event: &mut Event,
    id: FieldId,
    tag: u8,
) -> Result<(), CodecError> {
    let at = r.at();
    match tag {
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

    pub(super) fn sample() -> Event {
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

    fn written(batch: &EventBatch) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_batch(batch, 0..batch.len(), &mut bytes);
        bytes
    }

    #[test]
    fn round_trip() {
        let batch = EventBatch::from(vec![sample(), Event::new(), sample(), sample()]);
        let bytes = written(&batch);
        assert_eq!(decode_batch(&bytes).unwrap(), batch);
        let mut bytes = Vec::new();
        encode_all([(&batch, 1..3), (&batch, 3..9), (&batch, 0..0)], &mut bytes);
        assert!(decode_batch(&bytes).unwrap().iter().eq(batch.iter().skip(1)));
    }

    #[test]
    fn every_prefix_is_refused_with_its_place() {
        let bytes = written(&vec![sample(), Event::new()].into());
        for end in 0..bytes.len() {
            assert!(decode_batch(&bytes[..end]).is_err(), "prefix of {end} bytes");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode_batch(&bytes);
            for version in [1, VERSION] {
                let mut versioned = vec![version];
                versioned.extend(&bytes);
                let _ = decode_batch(&versioned);
            }
        }

        #[test]
        fn a_flipped_byte_never_panics(at in 0usize..120, bit in 0u8..8) {
            let mut bytes = written(&vec![sample(), sample(), Event::new()].into());
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
            let batch = EventBatch::from(vec![sample(), e.clone(), Event::new(), e.clone()]);
            let back = decode_batch(&written(&batch)).unwrap();
            let first = back.get(1).unwrap();
            prop_assert_eq!(first.raw(), &raw[..]);
            prop_assert_eq!(&back.get(3).unwrap(), &e);
            prop_assert_eq!(back, batch);
        }
    }
}
