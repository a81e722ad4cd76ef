//! The journal: every event, in the order it was accepted, durable before it is acknowledged.
//!
//! Layout: [`frame`] the bytes, [`segment`] one file of them, [`recover`] opening, [`writer`] the
//! one thread that writes (group commit), [`reader`] reading, [`pending`] the promise a sender
//! waits for, [`disk`] what is asked of the file system.
//!
//! Invariants: sequence numbers begin at 1 and are never used twice; an answer `Ok` means that
//! `fdatasync` has returned; a refused append leaves nothing to read; a reader sees only what is
//! durable.

mod disk;
mod frame;
mod pending;
mod reader;
mod recover;
mod segment;
mod writer;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use events::EventBatch;
use ring::rand::SecureRandom;

pub use pending::{AppendError, Appended, Pending};
pub use reader::{Numbered, Reader};
pub use recover::Recovery;
pub use segment::{Damage, DamageKind};

use crate::error::Error;
use disk::{Disk, RealDisk};
use segment::SegmentFile;
use writer::{Job, Open, Writer};

/// How a journal behaves.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    /// A segment longer than this is closed and the next begun, in bytes.
    pub segment_bytes: u64,
    /// Memory of events that wait to be written, in bytes; beyond it appends are
    /// [`AppendError::Busy`]. A single batch larger than this is taken when nothing else waits.
    pub queue_bytes_max: usize,
    /// Room that is left on the disk for everything else, in bytes.
    pub reserve_bytes: u64,
    /// The least sequence number to give next: one past what other parts have seen (the archive's
    /// `archived_through` + 1), so that a lost journal never gives a number twice.
    pub next_seq_min: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            queue_bytes_max: 128 << 20,
            reserve_bytes: 512 << 20,
            next_seq_min: 1,
        }
    }
}

/// The journal of a node. Cheap to clone; clones share it. Closed when [`Journal::close`] is called
/// or the last clone is dropped: what waits is written first.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

/// Figures for health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// The next sequence number; everything below it is durable.
    pub next_seq: u64,
    /// The first sequence number still held.
    pub oldest_seq: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes written since opening.
    pub written_bytes: u64,
    /// Bytes of events that wait.
    pub queued_bytes: u64,
    /// Groups committed since opening: one `fdatasync` each.
    pub groups: u64,
    /// Appends refused because the queue was full.
    pub busy: u64,
    /// Events refused because the disk was full or failed.
    pub failed: u64,
    /// Whether the last write found the disk full.
    pub full: bool,
}

pub(crate) struct Inner {
    dir: PathBuf,
    options: JournalOptions,
    disk: Box<dyn Disk>,
    queue: Mutex<Queue>,
    work: Condvar,
    durable: Mutex<u64>,
    durable_changed: Condvar,
    durable_now: AtomicU64,
    segments: Mutex<BTreeMap<u64, SegmentFile>>,
    counters: Counters,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

#[derive(Default)]
struct Counters {
    written_bytes: AtomicU64,
    groups: AtomicU64,
    busy: AtomicU64,
    failed: AtomicU64,
    full: AtomicBool,
}

struct Handle {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Held while the journal is open: one process at a time.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a folder, made if absent. Every frame is checked: a torn tail is cut,
    /// damage is named in [`Recovery::damaged`] and everything else stays readable.
    pub fn open(dir: &Path, options: JournalOptions) -> Result<(Self, Recovery), Error> {
        Self::open_on(dir, options, Box::new(RealDisk))
    }

    fn open_on(
        dir: &Path,
        options: JournalOptions,
        disk: Box<dyn Disk>,
    ) -> Result<(Self, Recovery), Error> {
        std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        let lock = lock(dir)?;
        let found = recover::scan(dir)?;
        let recovery = found.recovery;
        for damage in &recovery.damaged {
            tracing::error!(damage = %damage, "journal is damaged");
        }
        let next_seq = (recovery.last_seq + 1).max(options.next_seq_min);
        let go_on = found.append_at.filter(|_| next_seq == recovery.last_seq + 1);
        let open = match (go_on, found.segments.last()) {
            (Some(durable_bytes), Some(last)) => {
                let file = disk.open(&last.path).map_err(Error::io("open", &last.path))?;
                Some(Open { file, salt: last.salt, durable_bytes })
            }
            _ => None,
        };
        let inner = Arc::new(Inner {
            dir: dir.to_owned(),
            options,
            disk,
            queue: Mutex::default(),
            work: Condvar::new(),
            durable: Mutex::new(next_seq),
            durable_changed: Condvar::new(),
            durable_now: AtomicU64::new(next_seq),
            segments: Mutex::new(found.segments.into_iter().map(|s| (s.first_seq, s)).collect()),
            counters: Counters::default(),
        });
        let writer = Writer::new(inner.clone(), open, next_seq);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(Error::io("start the writer of", dir))?;
        let thread = Mutex::new(Some(thread));
        Ok((Self { handle: Arc::new(Handle { inner, thread, _lock: lock }) }, recovery))
    }

    /// Gives events to the writer. They are durable when the [`Pending`] says so. Their order is
    /// the order of the calls.
    pub fn append(&self, events: impl Into<EventBatch>) -> Result<Pending, AppendError> {
        self.append_shared(Arc::new(events.into()))
    }

    /// [`Journal::append`] for who keeps a share of the events to offer them again.
    pub fn append_shared(&self, events: Arc<EventBatch>) -> Result<Pending, AppendError> {
        let inner = &self.handle.inner;
        let weight = events.weight();
        let (pending, done) = pending::pair();
        let mut queue = inner.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return Err(AppendError::Closed);
        }
        if queue.bytes > 0 && queue.bytes.saturating_add(weight) > inner.options.queue_bytes_max {
            inner.counters.busy.fetch_add(1, Ordering::Relaxed);
            return Err(AppendError::Busy);
        }
        queue.bytes += weight;
        queue.jobs.push_back(Job { events, weight, done });
        drop(queue);
        inner.work.notify_one();
        Ok(pending)
    }

    /// The next sequence number: everything below it is durable and readable.
    pub fn next_seq(&self) -> u64 {
        self.handle.inner.durable()
    }

    /// The first sequence number still held; [`Journal::next_seq`] if there is none.
    pub fn oldest_seq(&self) -> u64 {
        let first = self.handle.inner.segments().first_key_value().map(|(seq, _)| *seq);
        first.unwrap_or_else(|| self.next_seq())
    }

    /// Reads from a sequence number (or from the oldest one held, if that is later).
    pub fn read(&self, from: u64) -> Reader {
        Reader::new(self.handle.inner.clone(), from.max(self.oldest_seq()))
    }

    /// Blocks until [`Journal::next_seq`] is greater than `seq`, the journal is closed or the time
    /// is over; returns `next_seq`.
    pub fn wait_beyond(&self, seq: u64, timeout: Duration) -> u64 {
        let inner = &self.handle.inner;
        let until = Instant::now().checked_add(timeout);
        let mut next = inner.durable.lock().unwrap_or_else(PoisonError::into_inner);
        while *next <= seq && !inner.is_closed() {
            let left = until.map_or(Duration::MAX, |u| u.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            let woken = inner.durable_changed.wait_timeout(next, left.min(Duration::from_secs(1)));
            next = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        *next
    }

    /// Removes segments that hold only events below `seq`; the newest segment always stays.
    /// Returns how many. Readers that have them open read on.
    pub fn remove_before(&self, seq: u64) -> Result<u64, Error> {
        let mut segments = self.handle.inner.segments();
        let mut removed = 0;
        loop {
            let mut first_two = segments.values();
            let (Some(oldest), Some(second)) = (first_two.next(), first_two.next()) else { break };
            if second.first_seq > seq {
                break;
            }
            let (first, path) = (oldest.first_seq, oldest.path.clone());
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path)(e));
                }
                _ => {}
            }
            segments.remove(&first);
            removed += 1;
        }
        Ok(removed)
    }

    /// Figures for health.
    pub fn stats(&self) -> JournalStats {
        let inner = &self.handle.inner;
        let queued = inner.queue.lock().unwrap_or_else(PoisonError::into_inner).bytes;
        let counters = &inner.counters;
        JournalStats {
            next_seq: self.next_seq(),
            oldest_seq: self.oldest_seq(),
            segments: inner.segments().len() as u64,
            written_bytes: counters.written_bytes.load(Ordering::Relaxed),
            queued_bytes: queued as u64,
            groups: counters.groups.load(Ordering::Relaxed),
            busy: counters.busy.load(Ordering::Relaxed),
            failed: counters.failed.load(Ordering::Relaxed),
            full: counters.full.load(Ordering::Relaxed),
        }
    }

    /// Writes what waits and ends the writer; later appends are [`AppendError::Closed`].
    pub fn close(&self) {
        self.handle.close();
    }
}

impl Handle {
    fn close(&self) {
        self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.inner.work.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the journal's writer ended by a fault");
        }
        self.inner.durable_changed.notify_all();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    fn durable(&self) -> u64 {
        self.durable_now.load(Ordering::Acquire)
    }

    fn is_closed(&self) -> bool {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).closed
    }

    fn made_durable(&self, next_seq: u64, bytes: u64) {
        self.counters.written_bytes.fetch_add(bytes, Ordering::Relaxed);
        *self.durable.lock().unwrap_or_else(PoisonError::into_inner) = next_seq;
        self.durable_now.store(next_seq, Ordering::Release);
        self.durable_changed.notify_all();
    }

    fn segments(&self) -> MutexGuard<'_, BTreeMap<u64, SegmentFile>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add_segment(&self, segment: SegmentFile) {
        self.segments().insert(segment.first_seq, segment);
    }

    /// The segment that holds a sequence number, or the first one after it.
    fn segment_of(&self, seq: u64) -> Option<SegmentFile> {
        let segments = self.segments();
        let before = segments.range(..=seq).next_back();
        before.or_else(|| segments.range(seq..).next()).map(|(_, s)| s.clone())
    }

    fn segment_after(&self, first_seq: u64) -> Option<SegmentFile> {
        self.segments().range(first_seq + 1..).next().map(|(_, s)| s.clone())
    }

    fn new_salt(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        ring::rand::SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| io::Error::other("the system gives no random numbers"))?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// How often a folder in use is tried again, and after what pause. A lock that was given up can be
/// held a moment longer by a program that another thread is just starting: until it runs, it has
/// its parent's files.
const LOCK_TRIES: usize = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Takes a folder for this process alone, as long as the file lives.
pub(crate) fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(Error::io("create", &path))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(std::fs::TryLockError::Error(source)) => {
                return Err(Error::Io { action: "lock", path, source });
            }
        }
    }
    Err(Error::Locked { path: dir.to_owned() })
}

#[cfg(test)]
mod tests;
