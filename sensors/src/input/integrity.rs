//! File integrity monitoring: what was made, changed or removed among files that should not.
//!
//! A full look hashes every file at the start and then every so often; between, `notify` says which
//! files to look at, and when its queue overflows a full look follows. What is known of each file
//! is saved after its event is durable, so changes made while the node was away are found too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::Watcher;
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::error::Error;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::{FILE_CHUNK_BYTES, INTEGRITY_FILES_MAX, INTEGRITY_PARTS, RECEIVE_WAIT_MS};

/// What is watched, and how often it is looked at whole.
pub(crate) struct Job {
    pub(crate) sensor: String,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) full_every: Duration,
    pub(crate) feed: Feed,
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    sha256: String,
    size: u64,
    mode: u32,
    uid: u32,
    gid: u32,
}

type Baseline = BTreeMap<PathBuf, Known>;

/// Starts the thread that watches.
pub(crate) fn start(
    job: Job,
    stop: (watch::Receiver<bool>, Arc<AtomicBool>),
) -> Result<JoinHandle<()>, Error> {
    if job.paths.is_empty() {
        let reason = "`paths` is empty".to_owned();
        return Err(Error::Config { sensor: job.sensor, reason });
    }
    let (runtime, sensor) = (Handle::current(), job.sensor.clone());
    std::thread::Builder::new()
        .name(format!("integrity {sensor}"))
        .spawn(move || Watch::new(job, runtime, stop).run())
        .map_err(|source| Error::Thread { sensor, source })
}

enum News {
    Path(PathBuf),
    /// Some were lost, or the watcher cannot say.
    Everything,
}

struct Watch {
    job: Job,
    runtime: Handle,
    stop: watch::Receiver<bool>,
    flag: Arc<AtomicBool>,
    baseline: Baseline,
    /// Whether a baseline was saved by an earlier run: without one, the first look tells nothing.
    begun: bool,
}

impl Watch {
    fn new(job: Job, runtime: Handle, stop: (watch::Receiver<bool>, Arc<AtomicBool>)) -> Self {
        let mut watch = Self {
            job,
            runtime,
            stop: stop.0,
            flag: stop.1,
            baseline: Baseline::new(),
            begun: false,
        };
        for part in 0..INTEGRITY_PARTS {
            let saved = watch.job.feed.context.checkpoints.load(&watch.key(part));
            if let Some(bytes) = saved {
                watch.begun = true;
                watch
                    .baseline
                    .extend(serde_json::from_slice::<Baseline>(&bytes).unwrap_or_default());
            }
        }
        watch
    }

    fn key(&self, part: usize) -> String {
        format!("integrity/{}/{part}", self.job.sensor)
    }

    fn stopping(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    fn run(mut self) {
        let (sender, news) = sync_channel(4096);
        let lost = Arc::new(AtomicBool::new(false));
        let overflow = Arc::clone(&lost);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let paths = match event {
                Ok(event) if event.need_rescan() => vec![News::Everything],
                Ok(event) if event.kind.is_access() => return,
                Ok(event) => event.paths.into_iter().map(News::Path).collect(),
                Err(_) => vec![News::Everything],
            };
            for path in paths {
                if sender.try_send(path).is_err() {
                    overflow.store(true, Ordering::Release);
                }
            }
        });
        let mut watcher = watcher.ok();
        for path in &self.job.paths {
            let mode = notify::RecursiveMode::Recursive;
            let watched = watcher.as_mut().is_some_and(|w| w.watch(path, mode).is_ok());
            if !watched {
                tracing::warn!(sensor = self.job.sensor, ?path, "not notified: only full looks");
            }
        }
        let mut due = Instant::now();
        while !self.stopping() {
            let everything = lost.swap(false, Ordering::AcqRel) || Instant::now() >= due;
            let told = match gather(&news) {
                Some(told) if !everything => told,
                _ => {
                    due = Instant::now() + self.job.full_every;
                    self.all()
                }
            };
            if self.look(told).is_none() {
                return;
            }
            self.begun = true;
        }
    }

    /// Every file there is, and every file that was.
    fn all(&self) -> BTreeSet<PathBuf> {
        let mut found: BTreeSet<PathBuf> = self.baseline.keys().cloned().collect();
        for path in &self.job.paths {
            walk(path, &mut found);
        }
        found
    }

    /// Compares files with what is known of them; `None` when the sensor must end.
    fn look(&mut self, paths: BTreeSet<PathBuf>) -> Option<()> {
        let (mut batch, mut changes) = (Batch::default(), Vec::new());
        for path in paths {
            if self.stopping() {
                break;
            }
            if !path.is_dir() && self.job.paths.iter().any(|root| path.starts_with(root)) {
                let now = known(&path);
                let before = self.baseline.get(&path);
                if before != now.as_ref() {
                    if self.begun {
                        self.tell(&mut batch, &path, before, now.as_ref());
                    }
                    changes.push((path, now));
                }
            }
            if batch.is_full() {
                self.settle(std::mem::take(&mut batch), std::mem::take(&mut changes))?;
            }
        }
        self.settle(batch, changes)
    }

    fn tell(&self, batch: &mut Batch, path: &Path, before: Option<&Known>, now: Option<&Known>) {
        let action = match (before, now) {
            (None, _) => "created",
            (Some(_), None) => "deleted",
            (Some(b), Some(n)) if b.sha256 == n.sha256 => "attributes_modified",
            _ => "modified",
        };
        let record = json!({
            "integrity": { "sensor": self.job.sensor },
            "event": { "action": action },
            "file": { "path": path.to_string_lossy(), "now": now, "before": before },
        });
        let received = self.job.feed.context.clock.now();
        let bytes = record.to_string().into_bytes();
        self.job.feed.record(batch, &bytes, false, Origin::default(), received);
    }

    fn settle(&mut self, batch: Batch, changes: Vec<(PathBuf, Option<Known>)>) -> Option<()> {
        let delivered =
            batch.is_empty() || self.runtime.block_on(self.job.feed.deliver(batch, &mut self.stop));
        if !delivered {
            return None;
        }
        let mut parts = BTreeSet::new();
        for (path, now) in changes {
            parts.insert(part(&path));
            match now {
                Some(now) if self.baseline.len() < INTEGRITY_FILES_MAX => {
                    self.baseline.insert(path, now);
                }
                Some(_) => {
                    tracing::warn!(sensor = self.job.sensor, "too many files: not all watched")
                }
                None => {
                    self.baseline.remove(&path);
                }
            }
        }
        for number in parts {
            let of_part: BTreeMap<&PathBuf, &Known> =
                self.baseline.iter().filter(|(path, _)| part(path) == number).collect();
            let Ok(bytes) = serde_json::to_vec(&of_part) else { continue };
            let saved = self.job.feed.context.checkpoints.save(&self.key(number), &bytes);
            if let Err(error) = saved {
                tracing::error!(sensor = self.job.sensor, error, "the baseline is not saved");
            }
        }
        Some(())
    }
}

/// What `notify` told within a moment; `None`: a full look is needed.
fn gather(news: &Receiver<News>) -> Option<BTreeSet<PathBuf>> {
    let mut told = BTreeSet::new();
    let mut next = news.recv_timeout(Duration::from_millis(RECEIVE_WAIT_MS));
    loop {
        match next {
            Ok(News::Path(path)) => {
                if path.is_dir() {
                    walk(&path, &mut told);
                }
                told.insert(path);
            }
            Ok(News::Everything) => return None,
            Err(RecvTimeoutError::Timeout) => return Some(told),
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(Duration::from_millis(RECEIVE_WAIT_MS));
                return Some(told);
            }
        }
        next = news.try_recv().map_err(|_| RecvTimeoutError::Timeout);
    }
}

/// Files below a path; symbolic links are not followed.
fn walk(path: &Path, found: &mut BTreeSet<PathBuf>) {
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.map(|e| e.path()));
        } else if meta.is_file() && found.len() < INTEGRITY_FILES_MAX {
            found.insert(path);
        }
    }
}

/// What a file is now; `None` when it is gone, or no file.
fn known(path: &Path) -> Option<Known> {
    let meta = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    let sha256 = match File::open(path).and_then(hash) {
        Ok(hash) => hash,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        // It is there, and its attributes are watched all the same.
        Err(_) => "unreadable".to_owned(),
    };
    let (mode, uid, gid) = (meta.mode(), meta.uid(), meta.gid());
    Some(Known { sha256, size: meta.len(), mode, uid, gid })
}

fn hash(mut file: File) -> std::io::Result<String> {
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0; FILE_CHUNK_BYTES];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(data_encoding::HEXLOWER.encode(digest.finish().as_ref())),
            n => digest.update(&buffer[..n]),
        }
    }
}

/// Which part of the baseline a file is saved in: a change then saves a part, not all.
fn part(path: &Path) -> usize {
    use std::os::unix::ffi::OsStrExt;
    let sum = path
        .as_os_str()
        .as_bytes()
        .iter()
        .fold(0usize, |n, b| n.wrapping_mul(31) + usize::from(*b));
    sum % INTEGRITY_PARTS
}
