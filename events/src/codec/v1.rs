//! Version 1 of the batch, which nodes wrote before: read, not written.
//!
//! `version=1 · names: count,(len,bytes)* · events: count, event*`, an event being
//! `id:16 · time · received−time · site · sensor · logsource · flags · [exercise:16] · marks ·
//! raw(len,bytes) · [raw bytes(len,bytes)] · fields: count,(name, tag, value)*`.

use super::{HAS_EXERCISE, HAS_RAW_BYTES, Known, read_value};
use crate::batch::EventBatch;
use crate::event::{Event, Marks};
use crate::id::{EventId, ExerciseId};
use crate::limits;
use crate::site::SiteId;
use crate::time::Timestamp;
use crate::wire::{CodecError, Reader};

/// What follows the version.
pub(super) fn read(r: &mut Reader<'_>) -> Result<EventBatch, CodecError> {
    let mut names = Known::read(r)?;
    let count = r.count("event count")?;
    let (mut events, mut event) = (EventBatch::with_capacity(count), Event::new());
    for _ in 0..count {
        event.clear();
        read_event(r, &mut names, &mut event)?;
        events.push(&event);
    }
    Ok(events)
}

fn read_event<'a>(
    r: &mut Reader<'a>,
    names: &mut Known<'a>,
    event: &mut Event,
) -> Result<(), CodecError> {
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
    event.set_raw_text(raw);
    if flags & HAS_RAW_BYTES != 0 {
        event.set_raw_bytes(r.slice("record bytes")?);
    }
    let count = r.count("field count")?;
    if count > limits::FIELDS_MAX {
        return Err(CodecError::Bad { at: r.at(), what: "field count" });
    }
    for _ in 0..count {
        let id = names.field(r)?;
        let tag = r.byte("tag")?;
        read_value(r, event, id, tag)?;
    }
    event.marks = marks;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::codec::{decode_batch, encode_batch, tests::sample};
    use crate::{Event, EventBatch};

    /// Written by a program of version 1.
    const WRITTEN: &str = "01090466772d310b6c696e757800007373686409757365722e6e616d650b736f757263652e706f727401660162016e07756e6b6e6f776e02000002000000000000000000000000000000078080d0e2c6bfce972f80a8d6b907c1fe8bf9070001010000000000000000000000000000000900264661696c65642070617373776f726420666f7220726f6f742066726f6d2031302e302e302e31050206140403032b0404000000000000e03f0502060000000000000000000000000000000000000000070800000000";

    #[test]
    fn what_version_1_wrote_is_read() {
        let bytes: Vec<u8> = (0..WRITTEN.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&WRITTEN[at..at + 2], 16).unwrap())
            .collect();
        let read = decode_batch(&bytes).unwrap();
        assert_eq!(read, EventBatch::from(vec![sample(), Event::new()]));
        let mut now = Vec::new();
        encode_batch(&read, 0..read.len(), &mut now);
        assert!(now != bytes && decode_batch(&now).unwrap() == read);
        for end in 0..bytes.len() {
            assert!(decode_batch(&bytes[..end]).is_err(), "prefix of {end} bytes");
        }
    }
}
