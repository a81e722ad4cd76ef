//! Reading the journal in order, up to what is durable.

use std::sync::Arc;

use events::Event;

use crate::error::Error;
use crate::journal::Inner;
use crate::journal::frame;
use crate::journal::segment::{Cursor, Step};

/// Batches of (sequence number, event) in order. `None` means "nothing more is durable now": after
/// [`crate::Journal::wait_beyond`] the same reader goes on. An item [`Error::Damaged`] names a part
/// that cannot be read, and the next item is what comes after it; after another error the same
/// place is tried again.
pub struct Reader {
    inner: Arc<Inner>,
    cursor: Option<Cursor>,
    /// The next sequence number wanted.
    next: u64,
}

impl Reader {
    pub(crate) fn new(inner: Arc<Inner>, from: u64) -> Self {
        Self { inner, cursor: None, next: from.max(1) }
    }

    /// The sequence number that comes next: a checkpoint.
    pub fn position(&self) -> u64 {
        self.next
    }

    fn read(&mut self) -> Result<Option<Vec<(u64, Event)>>, Error> {
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
                    let Some(events) = frame::decode(&header, &payload) else {
                        return Err(Error::Damaged { damage: cursor.bad_content(&header) });
                    };
                    let numbered = (header.first_seq..).zip(events);
                    return Ok(Some(numbered.filter(|(seq, _)| *seq >= from).collect()));
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
    type Item = Result<Vec<(u64, Event)>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}
