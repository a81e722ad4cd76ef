//! The one thread that writes: takes what is waiting, writes it, syncs once, answers all.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use events::EventBatch;

use crate::journal::Inner;
use crate::journal::disk::LogFile;
use crate::journal::frame::Encoder;
use crate::journal::pending::{AppendError, Completer};
use crate::journal::segment::SegmentFile;
use crate::limits;

/// One append that waits.
pub(crate) struct Job {
    pub(crate) events: Arc<EventBatch>,
    pub(crate) weight: usize,
    pub(crate) done: Completer,
}

pub(crate) struct Writer {
    inner: Arc<Inner>,
    encoder: Encoder,
    bytes: Vec<u8>,
    open: Option<Open>,
    next_seq: u64,
}

/// The segment being written and how much of it is durable.
pub(crate) struct Open {
    pub(crate) file: Box<dyn LogFile>,
    pub(crate) salt: u64,
    pub(crate) durable_bytes: u64,
}

impl Writer {
    pub(crate) fn new(inner: Arc<Inner>, open: Option<Open>, next_seq: u64) -> Self {
        Self { inner, encoder: Encoder::default(), bytes: Vec::new(), open, next_seq }
    }

    /// Runs until the journal is closed and its queue empty.
    pub(crate) fn run(mut self) {
        while let Some(group) = self.inner.take_group() {
            let weight: usize = group.iter().map(|j| j.weight).sum();
            self.commit(group);
            self.inner.release(weight);
        }
    }

    fn commit(&mut self, group: VecDeque<Job>) {
        let mut answers: Vec<(Range<u64>, Completer)> = Vec::with_capacity(group.len());
        let mut batches = Vec::with_capacity(group.len());
        let mut seq = self.next_seq;
        for job in group {
            let end = seq + job.events.len() as u64;
            answers.push((seq..end, job.done));
            batches.push(job.events);
            seq = end;
        }
        let events = seq - self.next_seq;
        match self.write(&batches) {
            Ok(bytes) => {
                self.next_seq = seq;
                self.inner.counters.groups.fetch_add(1, Ordering::Relaxed);
                self.inner.counters.full.store(false, Ordering::Relaxed);
                self.inner.made_durable(seq, bytes);
                for (range, done) in answers {
                    done.done(Ok(range));
                }
            }
            Err(error) => {
                let full = error == AppendError::Full;
                let known = self.inner.counters.full.swap(full, Ordering::Relaxed);
                // A disk stays full for long: said once, counted always.
                if !(full && known) {
                    tracing::error!(error = %error, events, "journal append failed");
                }
                self.inner.counters.failed.fetch_add(events, Ordering::Relaxed);
                for (_, done) in answers {
                    done.done(Err(error.clone()));
                }
            }
        }
    }

    /// Writes and syncs; on an error nothing of it stays. Returns the bytes written.
    fn write(&mut self, batches: &[Arc<EventBatch>]) -> Result<u64, AppendError> {
        if batches.iter().all(|batch| batch.is_empty()) {
            return Ok(0);
        }
        let salt = self.segment()?;
        self.bytes.clear();
        let mut seq = self.next_seq;
        for parts in frames(batches) {
            self.encoder.frame(salt, seq, &parts, &mut self.bytes);
            seq += parts.iter().map(|(_, records)| records.len() as u64).sum::<u64>();
        }
        let wanted = self.bytes.len() as u64;
        let free = self.inner.disk.free_bytes(&self.inner.dir).map_err(|e| of(&e))?;
        if free < wanted.saturating_add(self.inner.options.reserve_bytes) {
            return Err(AppendError::Full);
        }
        let Some(open) = &mut self.open else { return Err(AppendError::Closed) };
        let result = open.file.append(&self.bytes).map_err(|e| (e, true));
        match result.and_then(|()| open.file.sync().map_err(|e| (e, false))) {
            Ok(()) => {
                open.durable_bytes += wanted;
                Ok(wanted)
            }
            Err((error, known)) => {
                // Cut what a failed write left. After a failed sync nobody knows what the file
                // holds, so the journal goes on in a new one; if nothing can be cut, the sequence
                // numbers are never used again.
                let cut = open.file.truncate(open.durable_bytes);
                if cut.is_err() {
                    self.next_seq = seq;
                }
                if cut.is_err() || !known {
                    self.open = None;
                }
                Err(of(&error))
            }
        }
    }

    /// Makes sure a segment is open, and that it is not over-long; returns its salt.
    fn segment(&mut self) -> Result<u64, AppendError> {
        let bound = self.inner.options.segment_bytes;
        if let Some(open) = self.open.as_ref().filter(|o| o.durable_bytes < bound) {
            return Ok(open.salt);
        }
        let salt = self.inner.new_salt().map_err(|e| of(&e))?;
        let segment = SegmentFile::new(&self.inner.dir, self.next_seq, salt);
        let file = self.inner.disk.open(&segment.path).map_err(|e| of(&e))?;
        self.inner.add_segment(segment);
        self.open = Some(Open { file, salt, durable_bytes: 0 });
        Ok(salt)
    }
}

/// What goes into each frame: about [`limits::FRAME_WEIGHT_BYTES`] and at most
/// [`limits::FRAME_EVENTS_MAX`] events, at least one.
fn frames(batches: &[Arc<EventBatch>]) -> Vec<Vec<(&EventBatch, Range<usize>)>> {
    let mut frames = Vec::new();
    let (mut frame, mut events, mut weight) = (Vec::new(), 0, 0);
    for batch in batches {
        let mut from = 0;
        for at in 0..batch.len() {
            let more = batch.weight_of(at);
            let over = weight + more > limits::FRAME_WEIGHT_BYTES;
            if events > 0 && (over || events == limits::FRAME_EVENTS_MAX) {
                frame.push((&**batch, from..at));
                frames.push(std::mem::take(&mut frame));
                (events, weight, from) = (0, 0, at);
            }
            (events, weight) = (events + 1, weight + more);
        }
        frame.push((&**batch, from..batch.len()));
    }
    frames.push(frame);
    frames
}

fn of(error: &io::Error) -> AppendError {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    match error.kind() {
        StorageFull | QuotaExceeded => AppendError::Full,
        kind => AppendError::Failed { kind },
    }
}

impl Inner {
    /// Waits for work; `None` when the journal is closed and nothing waits.
    fn take_group(&self) -> Option<VecDeque<Job>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let mut weight = 0;
        let fits = |j: &Job| {
            weight += j.weight;
            weight <= limits::GROUP_WEIGHT_BYTES
        };
        let mut fits = fits;
        let count = queue.jobs.iter().take_while(|j| fits(j)).count().max(1);
        Some(queue.jobs.drain(..count).collect())
    }

    fn release(&self, weight: usize) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.bytes = queue.bytes.saturating_sub(weight);
    }
}
