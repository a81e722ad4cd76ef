//! The files of one hour into one: many small seals in a day must not become many files in a year.
//!
//! Every file is sorted by time and sequence number, so a merge holds one batch of rows a file in
//! memory, never an hour. The old files stay listed as dropped until no search can still be
//! reading them ([`Archive::sweep`]).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::fs::File;
use std::sync::PoisonError;
use std::time::Duration;

use events::{Event, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::errors::ParquetError;

use super::rows::Rows;
use super::{Archive, HOUR_NANOS, MERGING, Manifest, SealedFile, remove_files, stem};
use crate::error::Error;
use crate::limits;

/// What a merge did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The files that were merged.
    pub from: Vec<SealedFile>,
    /// The file that holds their events now.
    pub into: SealedFile,
}

impl Archive {
    /// Merges files of one hour that has been over for `settled`, at most
    /// [`limits::MERGE_FILES_MAX`] at a time; `None` when every such hour is one file. Searches go
    /// on meanwhile. Whatever dies when, each event is in exactly one listed file.
    pub fn merge(&self, now: Timestamp, settled: Duration) -> Result<Option<Merged>, Error> {
        let Some(from) = due(&self.manifest(), now, settled) else { return Ok(None) };
        let first_seq = from.iter().map(|f| f.first_seq).min().unwrap_or_default();
        let last_seq = from.iter().map(|f| f.last_seq).max().unwrap_or_default();
        let hour = from.first().map(|f| f.hour).unwrap_or_default();
        let rows: u64 = from.iter().map(|f| f.rows).sum();
        // The number of rows tells it from every file that it takes in.
        let name = format!("{}-m{rows}.parquet", stem(hour, first_seq, last_seq));
        let part = self.dir.join(format!("{name}{MERGING}"));
        let mut merge = Merge::open(self, &from)?;
        let into = self.write(name, hour, &part, |event| merge.next(event))?;
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = self.manifest().clone();
        let before = next.files.len();
        next.files.retain(|f| !from.iter().any(|old| old.name == f.name));
        if before - next.files.len() != from.len() {
            // One of them expired meanwhile: what was merged is no longer what there is.
            remove_files(&self.dir, &[format!("{}{MERGING}", into.name)])?;
            return Ok(None);
        }
        let path = self.path(&into);
        std::fs::rename(&part, &path).map_err(Error::io("rename", &part))?;
        self.sync_folders(&path)?;
        next.dropped.extend(from.iter().map(|f| f.name.clone()));
        next.files.push(into.clone());
        next.save(&self.dir)?;
        *self.manifest() = next;
        self.merged_at().get_or_insert(now);
        Ok(Some(Merged { from, into }))
    }

    /// Removes files that merges left behind, once `grace` has passed since the first of them: no
    /// search reads longer.
    pub fn sweep(&self, now: Timestamp, grace: Duration) -> Result<(), Error> {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let over = self.merged_at().is_some_and(|at| now.since(at) >= grace);
        if !over {
            return Ok(());
        }
        let mut next = self.manifest().clone();
        remove_files(&self.dir, &next.dropped)?;
        next.dropped.clear();
        next.save(&self.dir)?;
        *self.manifest() = next;
        *self.merged_at() = None;
        Ok(())
    }
}

/// The smallest files of the oldest settled hour that has more than one.
fn due(manifest: &Manifest, now: Timestamp, settled: Duration) -> Option<Vec<SealedFile>> {
    let mut hours: BTreeMap<Timestamp, Vec<&SealedFile>> = BTreeMap::new();
    for file in &manifest.files {
        let end = Timestamp::from_nanos(file.hour.nanos().saturating_add(HOUR_NANOS));
        // A record of the past that came just now is not alone for long.
        if end.max(file.received_max).plus(settled) <= now {
            hours.entry(file.hour).or_default().push(file);
        }
    }
    let mut files = hours.into_values().find(|files| files.len() > 1)?;
    files.sort_by_key(|f| (f.rows, f.first_seq));
    files.truncate(limits::MERGE_FILES_MAX);
    Some(files.into_iter().cloned().collect())
}

/// The events of several files in order of time and sequence number.
struct Merge {
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<(Timestamp, u64, usize)>>,
}

/// One file being read.
struct Source {
    reader: ParquetRecordBatchReader,
    events: VecDeque<(u64, Event)>,
}

impl Merge {
    fn open(archive: &Archive, files: &[SealedFile]) -> Result<Self, Error> {
        let mut merge = Self { sources: Vec::with_capacity(files.len()), next: BinaryHeap::new() };
        for (at, file) in files.iter().enumerate() {
            let path = archive.path(file);
            let parquet = |source| Error::Parquet { path: path.clone(), source };
            let open = File::open(&path).map_err(Error::io("open", &path))?;
            let reader = ParquetRecordBatchReader::try_new(open, limits::MERGE_BATCH_ROWS)
                .map_err(parquet)?;
            let mut source = Source { reader, events: VecDeque::new() };
            source.load().map_err(parquet)?;
            merge.sources.push(source);
            merge.queue(at);
        }
        Ok(merge)
    }

    fn queue(&mut self, at: usize) {
        if let Some((time, seq)) = self.sources.get(at).and_then(Source::key) {
            self.next.push(Reverse((time, seq, at)));
        }
    }
}

impl Source {
    fn key(&self) -> Option<(Timestamp, u64)> {
        self.events.front().map(|(seq, event)| (event.time, *seq))
    }

    /// Reads on when what was read is used up.
    fn load(&mut self) -> Result<(), ParquetError> {
        while self.events.is_empty()
            && let Some(batch) = self.reader.next()
        {
            let batch = batch?;
            let rows = Rows::new(&batch);
            self.events.extend((0..rows.len).map(|row| (rows.seq(row), rows.event(row))));
        }
        Ok(())
    }
}

impl Merge {
    /// The next event and its sequence number; `None` at the end.
    fn next(&mut self, into: &mut Event) -> Result<Option<u64>, ParquetError> {
        let Some(Reverse((_, _, at))) = self.next.pop() else { return Ok(None) };
        let Some(source) = self.sources.get_mut(at) else { return Ok(None) };
        let Some((seq, event)) = source.events.pop_front() else { return Ok(None) };
        *into = event;
        source.load()?;
        self.queue(at);
        Ok(Some(seq))
    }
}
