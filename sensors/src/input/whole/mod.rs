//! Files that are finished when they come: captures of packets, Windows' EVTX. Each is read once,
//! from its beginning, when its size has not changed for a while.
//!
//! A file's mark is saved only after all of it is durable: a crash amid a file reads it again.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use events::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::file::expand;
use super::flows::Writer;
use super::frame::{Framer, Framing};
use crate::config::WholeFile;
use crate::decode::{Aside, Problem, capture, columns, evtx};
use crate::error::Error;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::{
    FILE_CHUNK_BYTES, FILE_POLL_MS, FILES_MAX, HEADER_BYTES_MAX, RECEIVE_WAIT_MS, RECORD_BYTES_MAX,
};

/// What is read, and where it is looked for.
pub(crate) struct Job {
    pub(crate) sensor: String,
    pub(crate) patterns: Vec<String>,
    pub(crate) kind: WholeFile,
    /// How long a file must not change before it is read.
    pub(crate) settle: Duration,
    pub(crate) framing: Framing,
    pub(crate) feed: Feed,
}

/// Starts the thread that reads the files.
pub(crate) fn start(
    job: Job,
    stop: (watch::Receiver<bool>, Arc<AtomicBool>),
) -> Result<JoinHandle<()>, Error> {
    if job.patterns.is_empty() {
        let reason = "`paths` is empty".to_owned();
        return Err(Error::Config { sensor: job.sensor, reason });
    }
    let (runtime, sensor) = (Handle::current(), job.sensor.clone());
    std::thread::Builder::new()
        .name(format!("file {sensor}"))
        .spawn(move || {
            let mut watch = Watch { job, runtime, stop: stop.0, seen: HashMap::new() };
            while !stop.1.load(Ordering::Acquire) {
                if watch.look().is_none() {
                    return;
                }
                let until = Instant::now() + Duration::from_millis(FILE_POLL_MS);
                while Instant::now() < until && !stop.1.load(Ordering::Acquire) {
                    std::thread::sleep(Duration::from_millis(RECEIVE_WAIT_MS));
                }
            }
        })
        .map_err(|source| Error::Thread { sensor, source })
}

struct Watch {
    job: Job,
    runtime: Handle,
    stop: watch::Receiver<bool>,
    /// Files by path: their mark, since when it is so, whether they are read.
    seen: HashMap<PathBuf, (String, Instant, bool)>,
}

impl Watch {
    /// Reads what has settled; `None` when the sensor must end.
    fn look(&mut self) -> Option<()> {
        let paths: Vec<PathBuf> =
            self.job.patterns.iter().flat_map(|p| expand(p, FILES_MAX)).take(FILES_MAX).collect();
        self.seen.retain(|path, _| paths.contains(path));
        for path in paths {
            let Ok(meta) = std::fs::metadata(&path) else { continue };
            let mark = mark(&meta);
            let now = Instant::now();
            let entry = self.seen.entry(path.clone()).or_insert_with(|| {
                let saved = self.job.feed.context.checkpoints.load(&self.job.key(&meta));
                let known = saved.as_deref() == Some(mark.as_bytes());
                (mark.clone(), now, known)
            });
            if entry.0 != mark {
                *entry = (mark.clone(), now, false);
            }
            if entry.2 || entry.1.elapsed() < self.job.settle {
                continue;
            }
            entry.2 = true;
            self.read(&path)?;
            let key = self.job.key(&meta);
            if let Err(error) = self.job.feed.context.checkpoints.save(&key, mark.as_bytes()) {
                tracing::error!(sensor = self.job.sensor, error, "a mark could not be saved");
            }
        }
        Some(())
    }

    fn read(&mut self, path: &Path) -> Option<()> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                tracing::warn!(sensor = self.job.sensor, %error, "a file could not be opened");
                return Some(());
            }
        };
        let received = self.job.feed.context.clock.now();
        let sink = Sink {
            feed: self.job.feed.clone(),
            batch: Batch::default(),
            runtime: &self.runtime,
            stop: self.stop.clone(),
            ended: false,
            received,
        };
        let sink = match self.job.kind {
            WholeFile::Capture => captured(file, sink),
            WholeFile::Evtx => windows(file, sink),
            WholeFile::Gzip => packed(file, self.job.framing, sink),
        };
        sink.finish()
    }
}

impl Job {
    fn key(&self, meta: &Metadata) -> String {
        format!("whole/{}/{:x}-{:x}", self.sensor, meta.dev(), meta.ino())
    }
}

/// What tells that a file is the one that was read.
fn mark(meta: &Metadata) -> String {
    format!("{}/{}.{:09}", meta.len(), meta.mtime(), meta.mtime_nsec())
}

/// Where the events of a file go, a batch at a time.
struct Sink<'r> {
    feed: Feed,
    batch: Batch,
    runtime: &'r Handle,
    stop: watch::Receiver<bool>,
    ended: bool,
    received: Timestamp,
}

impl Sink<'_> {
    fn flush(&mut self, full: bool) {
        if self.ended || full && !self.batch.is_full() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        self.ended = !self.runtime.block_on(self.feed.deliver(batch, &mut self.stop));
    }

    fn failed(&mut self, problem: Problem) {
        let writer = Writer::new(self.feed.clone());
        writer.failed(&mut self.batch, b"", problem, None, self.received);
    }

    fn finish(mut self) -> Option<()> {
        self.flush(false);
        (!self.ended).then_some(())
    }
}

fn captured(file: File, mut sink: Sink<'_>) -> Sink<'_> {
    let writer = Writer::new(sink.feed.clone());
    let done = capture::flows(io::BufReader::new(file), &mut |flow| {
        if !sink.ended {
            writer.push(&mut sink.batch, &[flow], None, sink.received, 0);
            sink.flush(true);
        }
    });
    if done.map_or(true, |summary| summary.damaged) {
        sink.failed(Problem::BadCapture);
    }
    sink
}

fn packed<'r>(file: File, framing: Framing, mut sink: Sink<'r>) -> Sink<'r> {
    let mut plain = flate2::read::MultiGzDecoder::new(io::BufReader::new(file));
    let mut framer = Framer::new(framing, RECORD_BYTES_MAX);
    let (mut buffer, mut header) = (vec![0; FILE_CHUNK_BYTES], String::new());
    while !sink.ended {
        let Ok(n) = plain.read(&mut buffer) else {
            sink.failed(Problem::BadGzip);
            break;
        };
        framer.add(&buffer[..n]);
        loop {
            let frame = if n == 0 { framer.finish() } else { framer.next() };
            let Some(frame) = frame else { break };
            let line = framer.bytes(frame.range);
            if columns::is_header(line)
                && let Ok(text) = std::str::from_utf8(line)
                && header.len() + text.len() < HEADER_BYTES_MAX
            {
                header.push_str(text);
                header.push('\n');
            }
            let above = Some(header.as_str()).filter(|h| !h.is_empty());
            sink.feed.record_under(&mut sink.batch, line, frame.cut, above, sink.received);
        }
        if n == 0 {
            break;
        }
        sink.flush(true);
    }
    sink
}

fn windows(file: File, mut sink: Sink<'_>) -> Sink<'_> {
    let whole = evtx::records(file, &mut |record| {
        if !sink.ended {
            match record {
                Ok((text, time)) => {
                    let aside = Aside { time, ..Aside::default() };
                    let (origin, received) = (Origin::default(), sink.received);
                    let bytes = text.as_bytes();
                    let (batch, feed) = (&mut sink.batch, &sink.feed);
                    feed.record_beside(batch, bytes, false, origin, received, &aside);
                }
                Err(problem) => sink.failed(problem),
            }
            sink.flush(true);
        }
    });
    if let Err(problem) = whole {
        sink.failed(problem);
    }
    sink
}
