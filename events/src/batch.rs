//! Many log records together: what inputs hand on, the journal writes and reads, and detection and
//! the archive go through.
//!
//! Their texts lie in one buffer and their fields in another, so a record costs no allocation of
//! its own: it is copied in from an event that is used again, and out into one.

use crate::event::{Event, Marks};
use crate::id::{EventId, ExerciseId};
use crate::logsource::LogSourceId;
use crate::site::{SensorId, SiteId};
use crate::slot::Slot;
use crate::time::Timestamp;

/// Records in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventBatch {
    heads: Vec<Head>,
    text: String,
    slots: Vec<Slot>,
    /// Of the few that have it, by their places.
    raw_bytes: Vec<(usize, Box<[u8]>)>,
    exercises: Vec<(usize, ExerciseId)>,
}

/// What every record has, and where the rest of it begins.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Head {
    id: EventId,
    time: Timestamp,
    received: Timestamp,
    site: SiteId,
    sensor: SensorId,
    logsource: LogSourceId,
    marks: Marks,
    raw_len: u32,
    text: usize,
    slots: usize,
}

/// A record of a batch where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) id: EventId,
    pub(crate) time: Timestamp,
    pub(crate) received: Timestamp,
    pub(crate) site: SiteId,
    pub(crate) sensor: SensorId,
    pub(crate) logsource: LogSourceId,
    pub(crate) exercise: Option<ExerciseId>,
    pub(crate) marks: Marks,
    pub(crate) raw_len: u32,
    pub(crate) text: &'a str,
    pub(crate) slots: &'a [Slot],
    pub(crate) raw_bytes: Option<&'a [u8]>,
}

impl EventBatch {
    /// No records.
    pub fn new() -> Self {
        Self::default()
    }

    /// No records, and room for so many.
    pub fn with_capacity(records: usize) -> Self {
        Self { heads: Vec::with_capacity(records), ..Self::default() }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Adds a record.
    pub fn push(&mut self, event: &Event) {
        let at = self.heads.len();
        self.heads.push(Head {
            id: event.id,
            time: event.time,
            received: event.received,
            site: event.site,
            sensor: event.sensor,
            logsource: event.logsource,
            marks: event.marks,
            raw_len: event.raw_len,
            text: self.text.len(),
            slots: self.slots.len(),
        });
        self.text.push_str(&event.text);
        self.slots.extend_from_slice(&event.slots);
        if let Some(bytes) = &event.raw_bytes {
            self.raw_bytes.push((at, bytes.clone()));
        }
        if let Some(exercise) = event.exercise {
            self.exercises.push((at, exercise));
        }
    }

    /// Writes a record over an event, whose buffers are used again; `false` past the end.
    pub fn read(&self, at: usize, into: &mut Event) -> bool {
        let Some(record) = self.record(at) else { return false };
        into.id = record.id;
        into.time = record.time;
        into.received = record.received;
        into.site = record.site;
        into.sensor = record.sensor;
        into.logsource = record.logsource;
        into.exercise = record.exercise;
        into.marks = record.marks;
        into.raw_len = record.raw_len;
        into.raw_bytes = record.raw_bytes.map(Into::into);
        into.text.clear();
        into.text.push_str(record.text);
        into.slots.clear();
        into.slots.extend_from_slice(record.slots);
        true
    }

    /// A record as an event of its own.
    pub fn get(&self, at: usize) -> Option<Event> {
        let mut event = Event::new();
        self.read(at, &mut event).then_some(event)
    }

    /// Every record as an event of its own. Who goes through many uses [`EventBatch::read`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Event> + '_ {
        (0..self.len()).map(|at| self.get(at).unwrap_or_default())
    }

    /// When a record happened.
    pub fn time(&self, at: usize) -> Option<Timestamp> {
        self.heads.get(at).map(|head| head.time)
    }

    /// When a record was received.
    pub fn received(&self, at: usize) -> Option<Timestamp> {
        self.heads.get(at).map(|head| head.received)
    }

    /// The places of the records that belong to an exercise.
    pub fn of_exercises(&self) -> impl Iterator<Item = usize> + '_ {
        self.exercises.iter().map(|(at, _)| *at)
    }

    /// Takes so many records off the front.
    pub fn drop_front(&mut self, records: usize) {
        let kept = records.min(self.len())..self.len();
        if kept.start > 0 {
            *self = kept.filter_map(|at| self.get(at)).collect();
        }
    }

    /// About how much memory the records take, in bytes: for queue bounds.
    pub fn weight(&self) -> usize {
        let raw_bytes: usize = self.raw_bytes.iter().map(|(_, bytes)| bytes.len()).sum();
        self.text.len() + size_of_val(&*self.slots) + size_of_val(&*self.heads) + raw_bytes
    }

    /// The same for one of them; 0 past the end.
    pub fn weight_of(&self, at: usize) -> usize {
        let Some(record) = self.record(at) else { return 0 };
        let raw_bytes = record.raw_bytes.map_or(0, <[u8]>::len);
        record.text.len() + size_of_val(record.slots) + size_of::<Head>() + raw_bytes
    }

    pub(crate) fn record(&self, at: usize) -> Option<Record<'_>> {
        let head = self.heads.get(at)?;
        let (text, slots) = match self.heads.get(at + 1) {
            Some(next) => (next.text, next.slots),
            None => (self.text.len(), self.slots.len()),
        };
        let bytes = self.raw_bytes.binary_search_by_key(&at, |(at, _)| *at);
        let exercise = self.exercises.binary_search_by_key(&at, |(at, _)| *at);
        Some(Record {
            id: head.id,
            time: head.time,
            received: head.received,
            site: head.site,
            sensor: head.sensor,
            logsource: head.logsource,
            exercise: exercise.ok().map(|found| self.exercises[found].1),
            marks: head.marks,
            raw_len: head.raw_len,
            text: &self.text[head.text..text],
            slots: &self.slots[head.slots..slots],
            raw_bytes: bytes.ok().map(|found| &*self.raw_bytes[found].1),
        })
    }
}

impl FromIterator<Event> for EventBatch {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        let mut batch = Self::new();
        events.into_iter().for_each(|event| batch.push(&event));
        batch
    }
}

impl From<&[Event]> for EventBatch {
    fn from(events: &[Event]) -> Self {
        let mut batch = Self::with_capacity(events.len());
        events.iter().for_each(|event| batch.push(event));
        batch
    }
}

impl From<Vec<Event>> for EventBatch {
    fn from(events: Vec<Event>) -> Self {
        Self::from(&*events)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Value, field};

    fn event(raw: &[u8], name: &str, drill: bool) -> Event {
        let mut event = Event::new();
        event.set_raw(raw);
        event.id = EventId::from_u128(raw.len() as u128);
        event.time = Timestamp::from_secs(name.len() as i64);
        event.exercise = drill.then(|| ExerciseId::from_u128(9));
        event.push(field::USER_NAME, Value::Str(name));
        event.push_raw_range(field::MESSAGE, 0..event.raw_text().len());
        event
    }

    proptest! {
        #[test]
        fn records_come_out_as_they_went_in(
            given in prop::collection::vec((any::<Vec<u8>>(), ".{0,9}", any::<bool>()), 0..20),
            dropped in 0usize..25,
        ) {
            let events: Vec<Event> = given.iter().map(|(r, n, d)| event(r, n, *d)).collect();
            let mut batch = EventBatch::from(&*events);
            prop_assert_eq!(batch.iter().collect::<Vec<_>>(), events.clone());
            let drills = events.iter().enumerate().filter(|(_, e)| e.exercise.is_some());
            prop_assert!(batch.of_exercises().eq(drills.map(|(at, _)| at)));
            // An event that held something else before holds nothing of it after.
            let mut used = event(b"other \xff", "someone", true);
            for (at, event) in events.iter().enumerate() {
                prop_assert!(batch.read(at, &mut used));
                prop_assert_eq!(&used, event);
            }
            prop_assert!(!batch.read(events.len(), &mut used));
            let all: usize = (0..batch.len()).map(|at| batch.weight_of(at)).sum();
            prop_assert_eq!(all, batch.weight());
            batch.drop_front(dropped);
            prop_assert!(batch.iter().eq(events.into_iter().skip(dropped)));
        }
    }
}
