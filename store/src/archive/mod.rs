//! The archive: events of past hours in Parquet files that anyone's tools can read.
//!
//! Layout: [`columns`] the schema, [`write`] events into a file, [`rows`] and [`rest`] back again,
//! [`counts`] how often which value is there and [`minutes`] when, [`manifest`] what there is, [`backup`] a copy of it, [`merge`] an hour's files into one, [`retention`] how long it is kept, [`verify`] whether it is still
//! as it was written.
//!
//! Invariants: a file is written and synced before the manifest names it, and the manifest names
//! it together with `archived_through`: each event is archived exactly once, whatever dies when.
//! A sealed file never changes. Nothing younger than the retention goes.

mod backup;
pub(crate) mod columns;
mod counts;
mod manifest;
mod merge;
pub(crate) mod minutes;
pub(crate) mod rest;
mod retention;
pub(crate) mod rows;
mod verify;
pub(crate) mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use events::{Event, Timestamp};

pub use backup::Restored;
pub use counts::Counts;
pub use manifest::SealedFile;
pub use merge::Merged;
pub use retention::{Expired, Retention, ShorterRetention};
pub use verify::{ArchiveFault, READ_AGAIN_DAYS, VerifyMemory};

use crate::error::Error;
use crate::journal::Numbered;
use manifest::Manifest;

/// Where an event to be sealed lies.
struct Place {
    time: Timestamp,
    seq: u64,
    batch: usize,
    at: usize,
}

const HOUR_NANOS: i64 = 3_600_000_000_000;
/// Ending of a file that a merge is still writing.
const MERGING: &str = ".merging";

/// The archive of a node. Share it by reference or in an `Arc`.
pub struct Archive {
    dir: PathBuf,
    manifest: Mutex<Manifest>,
    /// One seal or expiry at a time, without keeping searches waiting.
    change: Mutex<()>,
    merged_at: Mutex<Option<Timestamp>>,
    _lock: File,
}

impl Archive {
    /// Opens the archive of a folder, made if absent. Files of a seal that was cut short are moved
    /// to the folder `unlisted` beside the others: their events come again from the journal.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        std::fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
        let lock = crate::journal::lock(dir)?;
        let mut manifest = match Manifest::load(dir)? {
            Some(manifest) => manifest,
            None => {
                let none = Manifest::new();
                none.save(dir)?;
                none
            }
        };
        if !manifest.dropped.is_empty() {
            remove_files(dir, &manifest.dropped)?;
            manifest.dropped.clear();
            manifest.save(dir)?;
        }
        for name in verify::unlisted(dir, &manifest, ".parquet")? {
            set_aside(dir, &name)?;
        }
        // A merge that was cut short: its events are still in the files it read.
        remove_files(dir, &verify::unlisted(dir, &manifest, MERGING)?)?;
        let (manifest, change, merged_at) =
            (Mutex::new(manifest), Mutex::new(()), Mutex::default());
        Ok(Self { dir: dir.to_owned(), manifest, change, merged_at, _lock: lock })
    }

    /// Archives events that follow [`Archive::archived_through`] up to and including `through`, one
    /// file per hour of their times, and returns the new files. When it returns an error, nothing
    /// of it counts. Events at or before `archived_through` are passed over: they are there.
    pub fn seal(&self, batches: &[Numbered], through: u64) -> Result<Vec<SealedFile>, Error> {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = self.manifest().clone();
        let mut hours: BTreeMap<i64, Vec<Place>> = BTreeMap::new();
        for (batch, numbered) in batches.iter().enumerate() {
            for (seq, at) in (numbered.first..).zip(0..numbered.events.len()) {
                if seq > next.archived_through && seq <= through {
                    let time = numbered.events.time(at).unwrap_or_default();
                    let hour = time.nanos().div_euclid(HOUR_NANOS);
                    hours.entry(hour).or_default().push(Place { time, seq, batch, at });
                }
            }
        }
        let mut sealed = Vec::with_capacity(hours.len());
        for (hour, mut places) in hours {
            places.sort_unstable_by_key(|place| (place.time, place.seq));
            let start = Timestamp::from_nanos(hour.saturating_mul(HOUR_NANOS));
            let seqs = || places.iter().map(|place| place.seq);
            let (first, last) = (seqs().min().unwrap_or(0), seqs().max().unwrap_or(0));
            let name = format!("{}.parquet", stem(start, first, last));
            let path = self.dir.join(&name);
            let mut places = places.iter();
            let events = |event: &mut Event| {
                Ok(places.next().map(|place| {
                    batches[place.batch].events.read(place.at, event);
                    place.seq
                }))
            };
            sealed.push(self.write(name, start, &path, events)?);
        }
        next.archived_through = next.archived_through.max(through);
        next.files.extend(sealed.iter().cloned());
        next.save(&self.dir)?;
        *self.manifest() = next;
        Ok(sealed)
    }

    /// The last sequence number that is archived; 0 for none.
    pub fn archived_through(&self) -> u64 {
        self.manifest().archived_through
    }

    /// Every file, in the order they were sealed.
    pub fn files(&self) -> Vec<SealedFile> {
        self.manifest().files.clone()
    }

    /// The earliest time of an event in the archive.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.manifest().files.iter().map(|f| f.time_min).min()
    }

    /// How many events there are.
    pub fn rows(&self) -> u64 {
        self.manifest().files.iter().map(|f| f.rows).sum()
    }

    /// How many bytes the files have.
    pub fn bytes(&self) -> u64 {
        self.manifest().files.iter().map(|f| f.bytes).sum()
    }

    /// Reads every file again and compares it with the manifest.
    pub fn verify(&self) -> Vec<ArchiveFault> {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let manifest = self.manifest().clone();
        verify::verify(&self.dir, &manifest)
    }

    /// As [`Archive::verify`], but a file that was read, was whole and was not touched since is not
    /// read again before its time.
    pub fn verify_touched(&self, memory: &mut VerifyMemory, now: Timestamp) -> Vec<ArchiveFault> {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let manifest = self.manifest().clone();
        verify::verify_touched(&self.dir, &manifest, memory, now)
    }

    /// Removes files all of whose events are older than the retention at `now`, by their own time
    /// and by when they were received.
    pub fn expire(&self, now: Timestamp, retention: &Retention) -> Result<Expired, Error> {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = self.manifest().clone();
        let gone: Vec<SealedFile> =
            next.files.extract_if(.., |f| retention.is_over(f, now)).collect();
        let names: Vec<String> = gone.iter().map(|f| f.name.clone()).collect();
        if !names.is_empty() {
            next.dropped.extend(names.iter().cloned());
            next.save(&self.dir)?;
            *self.manifest() = next.clone();
            remove_files(&self.dir, &names)?;
            next.dropped.retain(|name| !names.contains(name));
            next.save(&self.dir)?;
            *self.manifest() = next;
        }
        Ok(Expired::of(gone))
    }

    /// Where a file lies.
    pub fn path(&self, file: &SealedFile) -> PathBuf {
        self.dir.join(&file.name)
    }

    /// Whether the manifest still names a file.
    pub(crate) fn holds(&self, file: &SealedFile) -> bool {
        self.manifest().files.iter().any(|f| f.name == file.name)
    }

    /// `archived_through` and the files that may matter, of one moment.
    pub(crate) fn snapshot(&self, may: impl Fn(&SealedFile) -> bool) -> (u64, Vec<SealedFile>) {
        let manifest = self.manifest();
        (manifest.archived_through, manifest.files.iter().filter(|f| may(f)).cloned().collect())
    }

    fn manifest(&self) -> MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the first merge was whose old files still lie there.
    fn merged_at(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.merged_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the file `name` of one hour's events, sorted and not empty, at `path`.
    fn write(
        &self,
        name: String,
        hour: Timestamp,
        path: &Path,
        events: impl write::Source,
    ) -> Result<SealedFile, Error> {
        let folder = path.parent().unwrap_or(&self.dir);
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let traits = write::write_file(path, events)
            .map_err(|source| Error::Parquet { path: path.to_owned(), source })?;
        self.sync_folders(path)?;
        let (bytes, sha256) = verify::digest(path).map_err(Error::io("read", path))?;
        Ok(SealedFile {
            name,
            hour,
            rows: traits.rows,
            time_min: traits.time.0,
            time_max: traits.time.1,
            received_max: traits.received_max,
            first_seq: traits.seq.0,
            last_seq: traits.seq.1,
            id_min: traits.id.0,
            id_max: traits.id.1,
            bytes,
            sha256,
            whole: traits.whole,
            lower: traits.lower,
            exercises: Some(traits.exercises),
            counts: traits.counts,
            minutes: traits.minutes,
        })
    }

    /// Makes a new name in the folder of `path` durable.
    fn sync_folders(&self, path: &Path) -> Result<(), Error> {
        for dir in [path.parent().unwrap_or(&self.dir), &self.dir] {
            File::open(dir).and_then(|d| d.sync_all()).map_err(Error::io("sync", dir))?;
        }
        Ok(())
    }
}

/// Path of an hour's file below the archive's folder, without its ending.
fn stem(hour: Timestamp, first_seq: u64, last_seq: u64) -> String {
    let text = hour.to_rfc3339();
    let (day, clock) = text.split_once('T').unwrap_or((&text, "00"));
    let clock = clock.get(..2).unwrap_or("00");
    format!("{day}/{clock}-{first_seq:016}-{last_seq:016}")
}

fn remove_files(dir: &Path, names: &[String]) -> Result<(), Error> {
    for name in names {
        let path = dir.join(name);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &path)(e));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Moves a file that no manifest names out of the way; a later one of the same name replaces it.
fn set_aside(dir: &Path, name: &str) -> Result<(), Error> {
    let to = dir.join(verify::UNLISTED);
    std::fs::create_dir_all(&to).map_err(Error::io("create", &to))?;
    let from = dir.join(name);
    tracing::warn!(file = name, "archive file is not in the manifest and was moved aside");
    std::fs::rename(&from, to.join(name.replace('/', "-"))).map_err(Error::io("move", &from))
}

#[cfg(test)]
mod tests;
