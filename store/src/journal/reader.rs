//! Reading the journal in order, up to what is durable.

use std::sync::Arc;

use events::{Event, EventBatch};

use crate::error::Error;
use crate::journal::Inner;
use crate::journal::frame::Decoder;
use crate::journal::segment::{Cursor, Step};

/// Events as they follow each other in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Numbered {
    /// The sequence number of the first.
    pub first: u64,
    /// They and those that follow it.
    pub events: EventBatch,
}

impl Numbered {
    /// Each with its sequence number, as an event of its own.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Event)> + '_ {
        (self.first..).zip(self.events.iter())
    }

    /// Events with their numbers, joined where one follows the other.
    pub fn runs(events: impl IntoIterator<Item = (u64, Event)>) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for (seq, event) in events {
            match runs.last_mut().filter(|run| run.end() == seq) {
                Some(run) => run.events.push(&event),
                None => runs.push(Self { first: seq, events: EventBatch::from(&[event][..]) }),
            }
        }
        runs
    }

    /// The number after the last.
    pub fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }
}

/// Events in order, some at a time. `None` means "nothing more is durable now": after
/// [`crate::Journal::wait_beyond`] the same reader goes on. An item [`Error::Damaged`] names a part
/// that cannot be read, and the next item is what comes after it; after another error the same
/// place is tried again.
pub struct Reader {
    inner: Arc<Inner>,
    cursor: Option<Cursor>,
    decoder: Decoder,
    /// The next sequence number wanted.
    next: u64,
}

impl Reader {
    pub(crate) fn new(inner: Arc<Inner>, from: u64) -> Self {
        Self { inner, cursor: None, decoder: Decoder::default(), next: from.max(1) }
    }

    /// The sequence number that comes next: a checkpoint.
    pub fn position(&self) -> u64 {
        self.next
    }

    fn read(&mut self) -> Result<Option<Numbered>, Error> {
        while self.next < self.inner.durable() {
            let Some(cursor) = &mut self.cursor else {
                match self.inner.segment_of(self.next) {
                    Some(segment) => {
                        let path = segment.path.clone();
                        self.cursor =
                            Some(Cursor::open(segment).map_err(Error::io("open", &path))?);
                        continue;
                    }
                    None => return Ok(None),
                }
            };
            let step = match cursor.step() {
                Ok(step) => step,
                Err(source) => {
                    let path = cursor.segment.path.clone();
                    return Err(Error::Io { action: "read", path, source });
                }
            };
            match step {
                Step::Frame(header, payload) => {
                    if header.end_seq() <= self.next {
                        continue;
                    }
                    let from = std::mem::replace(&mut self.next, header.end_seq());
                    let Some(mut events) = self.decoder.decode(&header, &payload) else {
                        return Err(Error::Damaged { damage: cursor.bad_content(&header) });
                    };
                    let first = header.first_seq.max(from);
                    events.drop_front((first - header.first_seq) as usize);
                    return Ok(Some(Numbered { first, events }));
                }
                Step::Damaged(damage) => {
                    let seq = cursor.seq;
                    if seq > self.next {
                        self.next = seq;
                        return Err(Error::Damaged { damage });
                    }
                }
                Step::Tail { .. } | Step::End => {
                    let (first, seq) = (cursor.segment.first_seq, cursor.seq);
                    let Some(segment) = self.inner.segment_after(first) else { return Ok(None) };
                    self.next = self.next.max(seq);
                    let path = segment.path.clone();
                    let following = Cursor::open(segment).map_err(Error::io("open", &path))?;
                    let missing = following.seq.saturating_sub(self.next);
                    if missing > 0 {
                        let kind = crate::journal::DamageKind::Missing;
                        let mut damage = cursor.damage(0, Some(missing), kind);
                        damage.first_seq = self.next;
                        self.next = following.seq;
                        self.cursor = Some(following);
                        return Err(Error::Damaged { damage });
                    }
                    self.cursor = Some(following);
                }
            }
        }
        Ok(None)
    }
}

impl Iterator for Reader {
    type Item = Result<Numbered, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
