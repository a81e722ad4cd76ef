//! The detection thread: from the journal to alert groups, committed together with the place in the
//! journal and the correlation state.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use events::{Event, EventBatch, Severity, Timestamp};
use rules::{CorrelationLimits, Detection, Engine, Intel, RuleSet};
use store::journal::Reader;

use super::{IDLE_WAIT, Pipeline, skip_damage};
use crate::alert::raise::raise;
use crate::alert::{AlertGroup, Checkpoint, Raised};
use crate::limits;
use crate::live::Live;

/// How long detection may go without a commit while events flow.
const COMMIT_EVERY: Duration = Duration::from_millis(500);
/// A commit is not begun before detection has worked for so many times what the last one took: its
/// cost is that of the correlation state, which is large in a storm.
const COMMIT_SHARE: u32 = 4;
/// The same while there is more to read and no alert waits to be told: then a checkpoint only spares a
/// restart from reading so much again.
const COMMIT_SHARE_BEHIND: u32 = 16;
/// Nor is it put off for longer.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long it waits for news, instead of [`IDLE_WAIT`], while hits wait in a correlation: what it has to say comes so much later, at most.
const PENDING_WAIT: Duration = Duration::from_millis(50);

/// The detection thread's own state.
pub(super) struct Detector<'p> {
    pipeline: &'p Pipeline,
    reader: Reader,
    set: Arc<RuleSet>,
    intel: Arc<Intel>,
    engine: Engine,
    pub(super) checkpoint: Checkpoint,
    raised: Vec<Raised>,
    detections: Vec<Detection>,
    /// Used again for each event.
    event: Event,
    committed: Timestamp,
    /// How long the last commit took.
    commit_took: Duration,
    dirty: bool,
    /// When the last event was read: while nothing comes, event time goes on with the clock.
    heard: Timestamp,
}

impl<'p> Detector<'p> {
    pub(super) fn new(pipeline: &'p Pipeline, checkpoint: Checkpoint) -> Self {
        let in_force = pipeline.rules.in_force();
        let (set, intel) = (in_force.set, in_force.intel);
        let mut engine = restored(&set, &checkpoint);
        engine.set_intel(Arc::clone(&intel));
        let reader = pipeline.journal.read(checkpoint.next_seq);
        Self {
            pipeline,
            reader,
            set,
            intel,
            engine,
            checkpoint,
            raised: Vec::new(),
            detections: Vec::new(),
            event: Event::new(),
            committed: pipeline.clock.now(),
            commit_took: Duration::ZERO,
            dirty: false,
            heard: pipeline.clock.now(),
        }
    }

    /// Reads until the end of the journal or a commit's worth of work; `true` if there is more.
    pub(super) fn read_on(&mut self) -> bool {
        let latest = self.pipeline.rules.in_force();
        if !Arc::ptr_eq(&latest.set, &self.set) {
            self.engine.replace(Arc::clone(&latest.set));
            self.set = latest.set;
        }
        if !Arc::ptr_eq(&latest.intel, &self.intel) {
            self.engine.set_intel(Arc::clone(&latest.intel));
            self.intel = latest.intel;
        }
        let started = self.pipeline.clock.now();
        while let Some(batch) = self.reader.next() {
            match batch {
                Ok(batch) => self.feed_all(&batch.events),
                Err(error) => {
                    if let Err(error) = skip_damage(error) {
                        tracing::error!(%error, "detection cannot read the journal");
                        return false;
                    }
                }
            }
            self.checkpoint.next_seq = self.reader.position();
            self.dirty = true;
            let due = self.pipeline.clock.now().since(started) >= COMMIT_EVERY;
            if due || self.raised.len() >= limits::DETECTIONS_PER_COMMIT_MAX {
                return true;
            }
        }
        self.wait_no_longer();
        false
    }

    /// Nothing has come for a while: takes event time on by the clock.
    fn wait_no_longer(&mut self) {
        let now = self.pipeline.clock.now();
        let quiet = now.since(self.heard);
        if quiet < self.patience() {
            return;
        }
        self.detections.clear();
        self.engine.tick(quiet, &mut self.detections);
        self.raise_all(None, now);
        self.tell_sources();
    }

    /// How long to wait for news before event time goes on by the clock.
    pub(super) fn patience(&self) -> Duration {
        if self.engine.stats().pending > 0 { PENDING_WAIT } else { IDLE_WAIT }
    }

    fn feed_all(&mut self, events: &EventBatch) {
        let mut event = std::mem::take(&mut self.event);
        // Counted for all that were received together at once.
        let mut together = (Timestamp::default(), 0);
        for at in 0..events.len() {
            events.read(at, &mut event);
            if event.received != together.0 {
                self.pipeline.rates.add(together.0, together.1);
                together = (event.received, 0);
            }
            together.1 += 1;
            self.feed(&event);
            self.checkpoint.matched += 1;
        }
        self.pipeline.rates.add(together.0, together.1);
        self.heard = self.pipeline.clock.now();
        self.event = event;
    }

    fn feed(&mut self, event: &Event) {
        self.detections.clear();
        self.engine.feed(event, &mut self.detections);
        if !self.detections.is_empty() {
            self.raise_all(Some(event), self.pipeline.clock.now());
        }
    }

    fn raise_all(&mut self, event: Option<&Event>, now: Timestamp) {
        for detection in self.detections.drain(..) {
            let rule = self.set.rule(detection.rule);
            self.checkpoint.detections += 1;
            // What is only for information is counted and searchable, not put before a person.
            if detection.level == Severity::Informational {
                continue;
            }
            // What is known to be harmless is counted with its exception.
            if self.pipeline.rules.exceptions.covers(&self.set, &detection, event, now) {
                self.pipeline.counters.excepted.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            self.raised.push(raise(&detection, rule, event, now));
            self.dirty = true;
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        !self.dirty && self.raised.is_empty()
    }

    pub(super) fn commit_if_due(&mut self, last: bool, behind: bool) {
        let begun = self.pipeline.clock.now();
        let waited = begun.since(self.committed);
        let due = self.dirty && waited >= COMMIT_EVERY;
        if !(due || last && self.dirty) && self.raised.is_empty() {
            return;
        }
        let full = self.raised.len() >= limits::DETECTIONS_PER_COMMIT_MAX;
        let unhurried = behind && self.raised.is_empty();
        let share = if unhurried { COMMIT_SHARE_BEHIND } else { COMMIT_SHARE };
        if waited < (self.commit_took * share).min(COMMIT_WAIT_MAX) && !last && !full {
            return;
        }
        self.checkpoint.engine = data_encoding::BASE64.encode(&self.engine.snapshot());
        self.checkpoint.rules = self.set.hash();
        match self.pipeline.alerts.commit(self.raised.clone(), &self.checkpoint) {
            Ok(changed) => {
                self.pipeline.counters.commit_failures.store(0, Ordering::Relaxed);
                self.raised.clear();
                self.dirty = false;
                self.committed = self.pipeline.clock.now();
                self.commit_took = self.committed.since(begun);
                self.publish(&changed);
                self.tell_sources();
            }
            Err(error) => {
                // Kept and tried again: nothing is lost, the journal still has the events.
                self.pipeline.counters.commit_failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(%error, "alerts cannot be written");
                std::thread::sleep(Duration::from_secs(1));
            }
        }
    }

    fn tell_sources(&self) {
        let mut told = self.pipeline.sources.lock().unwrap_or_else(PoisonError::into_inner);
        *told = self.engine.sources();
    }

    fn publish(&self, changed: &[AlertGroup]) {
        let counters = &self.pipeline.counters;
        counters.matched.store(self.checkpoint.matched, Ordering::Relaxed);
        counters.detections.store(self.checkpoint.detections, Ordering::Relaxed);
        counters.detection_next.store(self.checkpoint.next_seq, Ordering::Relaxed);
        let worth = |g: &&AlertGroup| g.count.is_power_of_two();
        let now = self.pipeline.clock.now();
        let records: Vec<Event> =
            changed.iter().filter(worth).map(|g| crate::rebuild::record_of(g, now)).collect();
        if !records.is_empty()
            && let Err(error) = self.pipeline.journal.append(records)
        {
            tracing::warn!(%error, "alert groups did not reach the journal");
        }
        for group in changed {
            // Nobody listening is fine.
            let _ = self.pipeline.live.send(Live::Alert(Box::new(group.clone())));
        }
    }
}

/// The engine as the checkpoint has it. Open windows that another version wrote in a form that
/// cannot be read are let go, and it is said: their hits lie in the archive, but count no more.
fn restored(set: &Arc<RuleSet>, checkpoint: &Checkpoint) -> Engine {
    let anew = || Engine::new(Arc::clone(set), correlation());
    if checkpoint.engine.is_empty() {
        return anew();
    }
    let bytes = data_encoding::BASE64.decode(checkpoint.engine.as_bytes()).unwrap_or_default();
    Engine::restore(Arc::clone(set), correlation(), &bytes).unwrap_or_else(|error| {
        let (code, from) = (error.code(), checkpoint.next_seq);
        tracing::warn!(code, %error, from, "correlation starts anew: open windows were let go");
        anew()
    })
}

fn correlation() -> CorrelationLimits {
    CorrelationLimits { groups_max: limits::CORRELATION_KEYS_MAX, ..CorrelationLimits::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint that the store refuses would stop detection for good.
    #[test]
    fn a_checkpoint_fits_into_its_record() {
        let engine = data_encoding::BASE64.encode_len(correlation().state_bytes_max);
        assert!(engine + 4_096 <= store::limits::RECORD_BYTES_MAX);
    }

    /// What another version wrote and ours cannot read does not stop detection.
    #[test]
    fn a_checkpoint_of_an_unknown_form_starts_correlation_anew() {
        let set = Arc::new(RuleSet::load(&[], &rules::LoadOptions::default()).set);
        let mut fresh = Engine::new(Arc::clone(&set), correlation());
        let known = fresh.snapshot();
        for (bytes, kept) in [(&br#"{"version":1}"#[..], false), (&known, true)] {
            let error = Engine::restore(Arc::clone(&set), correlation(), bytes).err();
            assert_eq!(error.map(|e| e.code()), (!kept).then_some("R094"));
            let engine = data_encoding::BASE64.encode(bytes);
            let checkpoint = Checkpoint { engine, next_seq: 7, ..Checkpoint::default() };
            assert_eq!(restored(&set, &checkpoint).snapshot(), known);
        }
    }
}
