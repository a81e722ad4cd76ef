//! Files that grow, followed through rotation by rename and by copy-and-truncate.
//!
//! `tail` follows one file, `glob` finds them. A thread looks at its files when `notify` says that
//! something changed, and at least once a second besides (network file systems do not notify). A
//! position is saved only after the records before it are durable: a crash repeats records at
//! worst, and loses none. Compressed files are left alone.

mod glob;
pub(super) use self::glob::expand;
mod tail;
pub(crate) use self::tail::without_bom;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::Watcher;
use regex::Regex;
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::tail::{Chunk, Copied, Identity, Position, Tail};
use crate::config::{Encoding, Multiline, Start};
use crate::error::Error;
use crate::feed::{Batch, Feed};
use crate::input::frame::Framing;
use crate::limits::{
    FILE_POLL_MS, FILES_MAX, FINGERPRINT_BYTES, MULTILINE_IDLE_MS, RECEIVE_WAIT_MS, ROTATED_IDLE_MS,
};

const COMPRESSED: [&str; 6] = ["gz", "bz2", "xz", "zst", "zip", "lz4"];

/// What a file sensor follows, and how.
pub(crate) struct Job {
    sensor: String,
    patterns: Vec<String>,
    multiline: Option<Regex>,
    framing: Framing,
    start: Start,
    feed: Feed,
    tails: HashMap<Identity, Tail>,
    /// Copies of followed files: not read for as long as the original holds the same.
    copies: HashSet<Identity>,
    /// When names were looked at last. Files that exist at the first look may be begun at their
    /// end.
    discovered: Option<Instant>,
}

/// The sensor must end: it stops, or the intake is closed.
struct Ended;

impl Job {
    pub(crate) fn new(
        sensor: &str,
        patterns: &[String],
        multiline: Option<Regex>,
        encoding: Encoding,
        start: Start,
        feed: Feed,
    ) -> Result<Self, Error> {
        let refuse = |reason: String| Error::Config { sensor: sensor.to_owned(), reason };
        if patterns.is_empty() {
            return Err(refuse("`paths` is empty".to_owned()));
        }
        let framing = framing(encoding);
        Ok(Self {
            sensor: sensor.to_owned(),
            patterns: patterns.to_vec(),
            multiline,
            framing,
            start,
            feed,
            tails: HashMap::new(),
            copies: HashSet::new(),
            discovered: None,
        })
    }
}

/// What the first line of a record matches, by the configuration.
pub(crate) fn start_of(
    sensor: &str,
    multiline: Option<&Multiline>,
) -> Result<Option<Regex>, Error> {
    let refuse =
        |e: regex::Error| Error::Config { sensor: sensor.to_owned(), reason: e.to_string() };
    multiline.map(|m| Regex::new(&m.start)).transpose().map_err(refuse)
}

/// Whether a line begins a record. Only its beginning decides, and that is ASCII in every multi-line
/// format met.
pub(crate) fn begins(start: &Regex, line: &[u8]) -> bool {
    start.is_match(&String::from_utf8_lossy(&line[..line.len().min(1024)]))
}

/// What parts the lines of a file.
pub(crate) const fn framing(encoding: Encoding) -> Framing {
    match encoding {
        Encoding::Utf8 | Encoding::Gb18030 => Framing::Lines,
        Encoding::Utf16le => Framing::Utf16le,
        Encoding::Utf16be => Framing::Utf16be,
    }
}

/// Starts the thread that follows the files.
pub(crate) fn start(
    sensor: &str,
    mut job: Job,
    stop: (watch::Receiver<bool>, Arc<AtomicBool>),
) -> Result<JoinHandle<()>, Error> {
    let runtime = Handle::current();
    // Before the first record: what exists now is what `start = "end"` speaks of.
    job.restore();
    job.discover();
    job.discovered = Some(Instant::now());
    std::thread::Builder::new()
        .name(format!("file {sensor}"))
        .spawn(move || follow(job, &runtime, stop))
        .map_err(|source| Error::Thread { sensor: sensor.to_owned(), source })
}

fn follow(mut job: Job, runtime: &Handle, stop: (watch::Receiver<bool>, Arc<AtomicBool>)) {
    let (sender, woken) = sync_channel::<()>(1);
    let changed = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&changed);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Anything but growth may mean a new or renamed file.
        let growth = event.is_ok_and(|e| {
            matches!(
                e.kind,
                notify::EventKind::Modify(notify::event::ModifyKind::Data(_))
                    | notify::EventKind::Access(_)
            )
        });
        if !growth {
            seen.store(true, Ordering::Release);
        }
        let _already_woken = sender.try_send(());
    })
    .ok();
    if watcher.is_none() {
        tracing::warn!(sensor = job.sensor, "no notifications: files are looked at once a second");
    }
    let mut look = Look { runtime, stop: stop.0, flag: &stop.1 };
    let mut watched = HashSet::new();
    while !look.stopping() {
        if let Some(watcher) = &mut watcher {
            job.watch(watcher, &mut watched);
        }
        if job.look(&mut look, &changed).is_err() {
            return;
        }
        wait(&woken, &look);
    }
}

/// Until something happened, a second is over, or the sensor stops.
fn wait(woken: &Receiver<()>, look: &Look<'_>) {
    let until = Instant::now() + Duration::from_millis(FILE_POLL_MS);
    while Instant::now() < until && !look.stopping() {
        match woken.recv_timeout(Duration::from_millis(RECEIVE_WAIT_MS)) {
            Ok(()) => return,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(Duration::from_millis(RECEIVE_WAIT_MS));
            }
        }
    }
}

struct Look<'a> {
    runtime: &'a Handle,
    stop: watch::Receiver<bool>,
    flag: &'a AtomicBool,
}

impl Look<'_> {
    fn stopping(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }
}

impl Job {
    /// Reads what is new, finds files that came, and lets go of those that went.
    fn look(&mut self, look: &mut Look<'_>, changed: &AtomicBool) -> Result<(), Ended> {
        self.pump(look)?;
        // Names are looked at once a second, and when they may have changed.
        let due = self.discovered.is_none_or(|at| at.elapsed().as_millis() >= FILE_POLL_MS.into());
        if changed.swap(false, Ordering::AcqRel) || due {
            self.discover();
            self.discovered = Some(Instant::now());
            self.pump(look)?;
        }
        self.retire(look)
    }

    /// Reads every file in turn, a chunk at a time, until none has more.
    fn pump(&mut self, look: &mut Look<'_>) -> Result<(), Ended> {
        let mut more = true;
        while more {
            more = false;
            let ids: Vec<Identity> = self.tails.keys().copied().collect();
            for id in ids {
                if look.stopping() {
                    return Err(Ended);
                }
                let Some(tail) = self.tails.get_mut(&id) else { continue };
                match tail.read(self.framing) {
                    Ok(Some(chunk)) => {
                        more = true;
                        self.deliver(id, &chunk, look)?;
                    }
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(sensor = self.sensor, %error, "a file could not be read");
                    }
                }
            }
        }
        Ok(())
    }

    fn deliver(&mut self, id: Identity, chunk: &Chunk, look: &mut Look<'_>) -> Result<(), Ended> {
        let received = self.feed.context.clock.now();
        let mut batch = Batch::default();
        let Some(tail) = self.tails.get_mut(&id) else { return Ok(()) };
        for (record, cut) in chunk.iter() {
            tail.position.note(record, &mut tail.above);
            let header = Some(tail.position.header.as_str()).filter(|h| !h.is_empty());
            self.feed.record_under(&mut batch, record, cut, header, received);
        }
        let runtime = look.runtime;
        if !batch.is_empty() && !runtime.block_on(self.feed.deliver(batch, &mut look.stop)) {
            return Err(Ended);
        }
        if let Some(tail) = self.tails.get_mut(&id) {
            let moved = tail.position.offset != chunk.end;
            tail.position.offset = chunk.end;
            if moved {
                let position = tail.position.clone();
                self.save(&position);
            }
        }
        Ok(())
    }

    /// Finds files that match and are not followed yet; notes which of the followed went.
    fn discover(&mut self) {
        for tail in self.tails.values_mut() {
            tail.found = false;
        }
        let paths: Vec<PathBuf> =
            self.patterns.iter().flat_map(|p| glob::expand(p, FILES_MAX)).collect();
        let before = self.tails.len();
        let mut present = HashSet::new();
        for path in paths {
            let packed = path.extension().is_some_and(|e| COMPRESSED.iter().any(|c| e == *c));
            if packed {
                continue;
            }
            let Ok(meta) = std::fs::metadata(&path) else { continue };
            let id = Identity::of(&meta);
            present.insert(id);
            if let Some(tail) = self.tails.get_mut(&id) {
                tail.found = true;
                tail.position.path = path;
            } else if self.tails.len() < FILES_MAX {
                self.begin(&path);
            } else {
                tracing::warn!(sensor = self.sensor, "too many files: some are not followed");
                break;
            }
        }
        self.copies.retain(|id| present.contains(id));
        if self.tails.len() != before {
            self.save_list();
        }
    }

    fn begin(&mut self, path: &Path) {
        let opened = File::open(path).and_then(|file| Ok((Identity::of(&file.metadata()?), file)));
        let (id, file) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(sensor = self.sensor, %error, "a file could not be opened");
                return;
            }
        };
        let len = file.metadata().map_or(0, |m| m.len());
        let saved = self.load(id);
        let known = saved.clone().filter(|p| p.offset <= len && p.print.fits(&file));
        let header = known.as_ref().map_or_else(String::new, |p| p.header.clone());
        let new = known.is_none();
        let offset = match (known, self.copied(path, &file)) {
            (Some(position), _) => position.offset,
            // What was read of the original is not read again; what was not, is, once it is there.
            (None, Copied::Before { offset }) if offset <= len => offset,
            (None, Copied::Before { .. } | Copied::Unclear) => return,
            (None, Copied::Now) => {
                self.copies.insert(id);
                return;
            }
            (None, Copied::No) if self.copies.contains(&id) => return,
            // What came into a file that was emptied meanwhile is not what it held at the first look.
            (None, Copied::No)
                if self.discovered.is_none() && self.start == Start::End && saved.is_none() =>
            {
                len
            }
            (None, Copied::No) => 0,
        };
        self.copies.remove(&id);
        match Tail::open(path, file, offset, header, self.framing, self.multiline.clone()) {
            Ok(mut tail) => {
                tail.saved = saved.filter(|_| new).map(|p| (p.print, p.offset));
                // Where it is begun is known after a restart too: a copy is not read again then,
                // and what a file begun at its end grew by meanwhile is read.
                if new {
                    self.save(&tail.position);
                }
                self.tails.insert(id, tail);
            }
            Err(error) => {
                tracing::warn!(sensor = self.sensor, %error, "a file could not be opened");
            }
        }
    }

    /// Whether a new file is the copy of a followed one: `app.log` → `app.log.1`, same beginning.
    fn copied(&self, path: &Path, file: &File) -> Copied {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let Ok(head) = tail::head(file, FINGERPRINT_BYTES) else { return Copied::No };
        let mut answer = Copied::No;
        for tail in self.tails.values() {
            let original = &tail.position.path;
            let Some(own) = original.file_name().map(|n| n.to_string_lossy()) else { continue };
            let named_after = name.starts_with(&*own) && name != *own;
            if !named_after || original.parent() != path.parent() {
                continue;
            }
            match tail.compare(&head) {
                Copied::No => {}
                Copied::Unclear => answer = Copied::Unclear,
                copied => return copied,
            }
        }
        answer
    }

    /// Completes idle multi-line records, and lets go of files that were rotated away once nothing
    /// more comes.
    fn retire(&mut self, look: &mut Look<'_>) -> Result<(), Ended> {
        let ids: Vec<Identity> = self.tails.keys().copied().collect();
        let mut gone = false;
        for id in ids {
            let Some(tail) = self.tails.get_mut(&id) else { continue };
            let idle = tail.news.elapsed();
            if tail.has_group() && idle >= Duration::from_millis(MULTILINE_IDLE_MS) {
                if let Some(chunk) = tail.flush_group() {
                    self.deliver(id, &chunk, look)?;
                }
                continue;
            }
            let over = idle >= Duration::from_millis(ROTATED_IDLE_MS);
            if !tail.found && over && tail.is_read() {
                if let Some(chunk) = tail.finish() {
                    self.deliver(id, &chunk, look)?;
                }
                self.tails.remove(&id);
                gone = true;
            }
        }
        if gone {
            self.save_list();
        }
        Ok(())
    }

    fn watch(&self, watcher: &mut notify::RecommendedWatcher, watched: &mut HashSet<PathBuf>) {
        let folders = self.patterns.iter().map(|p| glob::folder(p));
        let parents =
            self.tails.values().filter_map(|t| t.position.path.parent().map(Path::to_path_buf));
        for folder in folders.chain(parents) {
            if !watched.contains(&folder)
                && watcher.watch(&folder, notify::RecursiveMode::NonRecursive).is_ok()
            {
                watched.insert(folder);
            }
        }
    }
}

/// Checkpoints: one per file, and the list of files.
impl Job {
    fn key(&self, id: Identity) -> String {
        format!("file/{}/{:x}-{:x}", self.sensor, id.device, id.inode)
    }

    fn load(&self, id: Identity) -> Option<Position> {
        let saved = self.feed.context.checkpoints.load(&self.key(id))?;
        serde_json::from_slice(&saved).ok().filter(|p: &Position| p.id == id)
    }

    fn save(&self, position: &Position) {
        let Ok(bytes) = serde_json::to_vec(position) else { return };
        if let Err(error) = self.feed.context.checkpoints.save(&self.key(position.id), &bytes) {
            tracing::error!(sensor = self.sensor, error, "a file position could not be saved");
        }
    }

    fn save_list(&self) {
        let all: Vec<(Identity, &Path)> =
            self.tails.iter().map(|(id, t)| (*id, t.position.path.as_path())).collect();
        let Ok(bytes) = serde_json::to_vec(&all) else { return };
        let key = format!("file/{}", self.sensor);
        if let Err(error) = self.feed.context.checkpoints.save(&key, &bytes) {
            tracing::error!(sensor = self.sensor, error, "the list of files could not be saved");
        }
    }

    /// Files followed before a restart that were renamed meanwhile: the rest of them is read under
    /// their new names.
    fn restore(&mut self) {
        let saved = self.feed.context.checkpoints.load(&format!("file/{}", self.sensor));
        let list: Vec<(Identity, PathBuf)> =
            saved.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        for (id, path) in list {
            if std::fs::metadata(&path).is_ok_and(|m| Identity::of(&m) == id) {
                continue;
            }
            let Some(folder) = path.parent() else { continue };
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            let renamed =
                entries.flatten().find(|e| e.metadata().is_ok_and(|m| Identity::of(&m) == id));
            // Only a file whose beginning is the one we know.
            if let Some(entry) = renamed
                && let Some(position) = self.load(id)
                && File::open(entry.path()).is_ok_and(|f| position.print.fits(&f))
            {
                self.begin(&entry.path());
            }
        }
    }
}
