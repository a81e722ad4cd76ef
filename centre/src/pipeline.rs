//! From acknowledged events to alerts and the archive.
//!
//! Two threads read the journal, each from its own durable place: *detection* feeds the rule
//! engine and commits alert groups together with its checkpoint; the *archiver* seals hours into
//! Parquet and then lets the journal forget what both have read. Intake is neither: it appends to
//! the journal and answers the sender when the bytes are on disk.

mod detector;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use events::Timestamp;
use rules::{RuleSet, SourceStanding};
use sensors::Clock;
use store::archive::Archive;
use store::journal::{Journal, Numbered};
use tokio::sync::broadcast;

use crate::alert::AlertBook;
use crate::error::Error;
use crate::live::Live;
use crate::rates::Rates;
use crate::rulebook::RuleBook;
use detector::Detector;

/// How long a thread waits for news before it looks around.
const IDLE_WAIT: Duration = Duration::from_millis(200);
/// An hour is merged when it has been over for so long, at least.
const MERGE_AFTER: Duration = Duration::from_secs(600);
/// Files that a merge replaced stay so long: no search reads longer.
const MERGED_KEPT: Duration = Duration::from_secs(300);
/// Events the archiver holds in memory at once.
const SEAL_EVENTS_MAX: usize = 200_000;

/// What both threads work on.
pub struct Pipeline {
    /// The journal.
    pub journal: Arc<Journal>,
    /// The archive.
    pub archive: Arc<Archive>,
    /// The alert groups and the detection checkpoint.
    pub alerts: Arc<AlertBook>,
    /// The rules in force.
    pub rules: Arc<RuleBook>,
    /// Who wants to know at once.
    pub live: broadcast::Sender<Live>,
    /// What was counted.
    pub counters: Counters,
    /// Events per minute.
    pub rates: Rates,
    /// How far the records of each sensor have come, by correlation.
    pub sources: Mutex<Vec<SourceStanding>>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// How long an event stays in the journal alone.
    pub archive_after: Duration,
    /// One sealer at a time; the first unsealed number and when its event is due.
    sealing: Mutex<Option<(u64, Timestamp)>>,
    stop: AtomicBool,
}

/// What the pipeline has counted since the program started, and where it stands.
#[derive(Debug, Default)]
pub struct Counters {
    /// Events that detection has read, over the life of the data folder.
    pub matched: AtomicU64,
    /// Detections, over the life of the data folder.
    pub detections: AtomicU64,
    /// Detections that an exception covered, since the start.
    pub excepted: AtomicU64,
    /// The next sequence number detection will read.
    pub detection_next: AtomicU64,
    /// Commits that failed since the last that went well; each is tried again.
    pub commit_failures: AtomicU64,
    /// Seals that failed since the last that went well; each is tried again.
    pub seal_failures: AtomicU64,
}

impl Pipeline {
    /// Joins the parts; nothing runs yet.
    pub fn new(
        journal: Arc<Journal>,
        archive: Arc<Archive>,
        alerts: Arc<AlertBook>,
        rules: Arc<RuleBook>,
        live: broadcast::Sender<Live>,
        clock: Arc<dyn Clock>,
        archive_after: Duration,
    ) -> Result<Arc<Self>, Error> {
        let checkpoint = alerts.checkpoint()?;
        let counters = Counters::default();
        counters.matched.store(checkpoint.matched, Ordering::Relaxed);
        counters.detections.store(checkpoint.detections, Ordering::Relaxed);
        counters.detection_next.store(checkpoint.next_seq, Ordering::Relaxed);
        Ok(Arc::new(Self {
            journal,
            archive,
            alerts,
            rules,
            live,
            counters,
            rates: Rates::default(),
            sources: Mutex::default(),
            clock,
            archive_after,
            sealing: Mutex::new(None),
            stop: AtomicBool::new(false),
        }))
    }

    /// Starts the two threads.
    pub fn start(self: &Arc<Self>) -> Result<Vec<JoinHandle<()>>, Error> {
        let spawn = |name: &str, run: fn(&Self)| {
            let own = Arc::clone(self);
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread
                .spawn(move || run(&own))
                .map_err(|source| Error::Io { what: format!("start the {name} thread"), source })
        };
        Ok(vec![spawn("detection", Self::detect)?, spawn("archiver", Self::archive_loop)?])
    }

    /// Asks both threads to finish what is in the journal now and end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// The rules in force.
    pub fn rule_set(&self) -> Arc<RuleSet> {
        self.rules.in_force().set
    }

    /// Seals everything that is durable now into the archive. Returns the last sequence number
    /// in it.
    pub fn seal_all(&self) -> Result<u64, Error> {
        while self.seal_some(true)? {}
        Ok(self.archive.archived_through())
    }

    fn detect(&self) {
        let checkpoint = match self.alerts.checkpoint() {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                tracing::error!(%error, "detection cannot read its checkpoint");
                return;
            }
        };
        let mut worker = Detector::new(self, checkpoint);
        loop {
            // Asked before reading: what was acknowledged before the stop is still detected.
            let stopping = self.stop.load(Ordering::SeqCst);
            let behind = worker.read_on();
            worker.commit_if_due(stopping && !behind, behind);
            if stopping && !behind && worker.is_clean() {
                return;
            }
            if !behind {
                self.journal.wait_beyond(worker.checkpoint.next_seq, worker.patience());
            }
        }
    }

    fn archive_loop(&self) {
        loop {
            let stopping = self.stop.load(Ordering::SeqCst);
            match self.seal_some(false) {
                Ok(true) => self.counters.seal_failures.store(0, Ordering::Relaxed),
                Ok(false) if stopping => return,
                Ok(false) => {
                    if !self.tidy() {
                        std::thread::sleep(IDLE_WAIT);
                    }
                }
                Err(error) => {
                    self.counters.seal_failures.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(%error, "the archive cannot be written");
                    if stopping {
                        return;
                    }
                    std::thread::sleep(Duration::from_secs(5));
                }
            }
        }
    }

    /// Merges files of an hour that is over; `false` when there was nothing to do.
    fn tidy(&self) -> bool {
        let now = self.clock.now();
        // Late records of an hour come within the time an event stays in the journal.
        let settled = self.archive_after.max(MERGE_AFTER);
        let merged = self.archive.merge(now, settled).and_then(|merged| {
            self.archive.sweep(now, MERGED_KEPT)?;
            Ok(merged.is_some())
        });
        merged.unwrap_or_else(|error| {
            tracing::error!(%error, "archive files could not be merged");
            false
        })
    }

    /// Seals one chunk if it is due (or `all` is asked for); `false` when there was nothing to do.
    fn seal_some(&self, all: bool) -> Result<bool, Error> {
        let mut sealing = self.sealing.lock().unwrap_or_else(PoisonError::into_inner);
        let from = self.archive.archived_through() + 1;
        if self.journal.next_seq() <= from {
            return Ok(false);
        }
        let full = self.unsealed(from) >= SEAL_EVENTS_MAX as u64;
        let waiting = sealing.is_some_and(|(seq, due)| seq == from && self.clock.now() < due);
        if waiting && !all && !full {
            return Ok(false);
        }
        let (mut chunk, mut events): (Vec<Numbered>, usize) = (Vec::new(), 0);
        let mut reader = self.journal.read(from);
        for batch in reader.by_ref() {
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => {
                    skip_damage(error)?;
                    continue;
                }
            };
            let Some(received) = batch.events.received(0) else { continue };
            let due = received.plus(self.archive_after);
            if chunk.is_empty() && !all && !full && self.clock.now() < due {
                *sealing = Some((from, due));
                return Ok(false);
            }
            events += batch.events.len();
            chunk.push(batch);
            if events >= SEAL_EVENTS_MAX {
                break;
            }
        }
        let through = reader.position() - 1;
        if through < from {
            return Ok(false);
        }
        self.archive.seal(&chunk, through)?;
        let read = self.counters.detection_next.load(Ordering::Relaxed);
        self.journal.remove_before(read.min(through + 1))?;
        Ok(true)
    }

    fn unsealed(&self, from: u64) -> u64 {
        self.journal.next_seq().saturating_sub(from)
    }
}

/// A damaged part of the journal is named and passed over; what comes after it still counts.
fn skip_damage(error: store::Error) -> Result<(), Error> {
    match error {
        store::Error::Damaged { damage } => {
            tracing::error!(?damage, "a damaged part of the journal was passed over");
            Ok(())
        }
        other => Err(other.into()),
    }
}
