//! Walking journal and archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use events::{Event, Timestamp};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::answer::{Collector, RowAt, Source};
use super::expr::{Expr, Place, Test};
use super::group::{self, Narrowing};
use super::listed::{self, Known};
use super::minutely;
use super::parse::Shape;
use super::prune::{self, Group};
use super::tally::tally;
use super::view::View;
use super::{Scope, SearchRequest, Stopped};
use crate::archive::minutes::{ByMinute, Minutes};
use crate::archive::rows::Rows;
use crate::archive::{Archive, SealedFile};
use crate::error::Error;
use crate::journal::{Journal, Reader};
use crate::limits;

/// How often a snapshot is taken again because the archive moved meanwhile.
const SNAPSHOTS_MAX: usize = 5;

/// How far a scan came.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) matched: u64,
    /// Whether `matched` is all that match.
    pub(super) counted: bool,
    pub(super) scanned: u64,
    pub(super) stopped: Option<Stopped>,
    /// Parts that could not be read.
    pub(super) unreadable: Vec<String>,
    /// The archive's files that were looked at: [`RowAt::file`] counts in it.
    pub(super) files: Vec<SealedFile>,
}

/// Gives every matching record of the request to the collector.
pub(super) fn scan(
    journal: &Journal,
    archive: &Archive,
    request: &SearchRequest,
    cancel: &AtomicBool,
    collector: &mut Collector<'_>,
) -> Result<Progress, Error> {
    let progress = Progress { counted: true, ..Progress::default() };
    let mut scan = Scan {
        request,
        cancel,
        collector,
        progress,
        journal_read: false,
        slice_ends: None,
        paused: false,
    };
    let (files, reader) = snapshot(journal, archive, request);
    scan.journal(reader);
    scan.slice_ends = request.slice.map(|slice| Instant::now() + slice);
    for (number, file) in files.iter().enumerate() {
        if scan.found_the_one() {
            break;
        }
        if !scan.over() && !scan.may_pause(file) {
            scan.file(archive, number, file);
        }
        if scan.is_cut_short_at(file) {
            break;
        }
    }
    scan.progress.files = files;
    Ok(scan.progress)
}

/// The archive's files that may hold a match, newest first, so that a deadline leaves the newest, and
/// a reader of what follows them. When events were archived and removed from the journal between the
/// two looks, it looks again.
pub(super) fn snapshot(
    journal: &Journal,
    archive: &Archive,
    request: &SearchRequest,
) -> (Vec<SealedFile>, Reader) {
    let mut tries = 0;
    loop {
        let (through, mut files) = archive.snapshot(|file| prune::file_may(request, file));
        files.sort_by_key(|file| std::cmp::Reverse(file.time_max));
        let reader = journal.read(through + 1);
        tries += 1;
        let gap = reader.position() > through + 1 && archive.archived_through() != through;
        if !gap || tries >= SNAPSHOTS_MAX {
            return (files, reader);
        }
    }
}

struct Scan<'s, 'q> {
    request: &'s SearchRequest,
    cancel: &'s AtomicBool,
    collector: &'s mut Collector<'q>,
    progress: Progress,
    /// Whether the journal was read to its end.
    journal_read: bool,
    /// When the page may end.
    slice_ends: Option<Instant>,
    /// Whether the page ends because its slice of time is over.
    paused: bool,
}

impl Scan<'_, '_> {
    /// Whether it is time to stop; the answer is partial then.
    fn over(&mut self) -> bool {
        let late = self.request.deadline.is_some_and(|d| Instant::now() >= d);
        if self.cancel.load(Ordering::Relaxed) {
            self.progress.stopped = Some(Stopped::Cancelled);
        } else if late {
            self.progress.stopped = Some(Stopped::Deadline);
        }
        if self.progress.stopped.is_some() {
            self.progress.counted = false;
        }
        self.progress.stopped.is_some()
    }

    /// Whether the page of records ends before a file, so that what was found can be shown.
    fn may_pause(&mut self, next: &SealedFile) -> bool {
        let due = self.slice_ends.is_some_and(|end| Instant::now() >= end);
        self.paused = due && self.is_final_beyond(next.time_max);
        self.paused
    }

    /// Whether what happened after a time was looked at whole, as part of a page that goes on there.
    fn is_final_beyond(&self, time: Timestamp) -> bool {
        let begin = self.request.after.map(|cursor| cursor.time);
        let paged = matches!(self.request.query.shape, Shape::Events | Shape::Table(_));
        paged && self.journal_read && time < self.request.to && begin.is_none_or(|b| time < b)
    }

    /// Whether the scan ends at a file that was not looked at whole. The page then holds what is
    /// newer than anything in it, and the next page goes on from there.
    fn is_cut_short_at(&mut self, file: &SealedFile) -> bool {
        let ends = self.paused || self.progress.stopped.is_some();
        if ends && self.is_final_beyond(file.time_max) {
            self.collector.leave_open(file.time_max);
        }
        self.progress.counted &= !ends;
        ends
    }

    fn journal(&mut self, reader: Reader) {
        let mut event = Event::new();
        for batch in reader {
            if self.over() {
                return;
            }
            let batch = match batch {
                Ok(batch) => batch,
                // What follows a damaged part still counts.
                Err(Error::Damaged { damage }) => {
                    self.progress.unreadable.push(damage.to_string());
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, "journal cannot be read");
                    self.progress.unreadable.push(error.to_string());
                    return;
                }
            };
            for (seq, at) in (batch.first..).zip(0..batch.events.len()) {
                batch.events.read(at, &mut event);
                self.progress.scanned += 1;
                let view = View::Event(&event);
                if self.wants(seq, &view) {
                    self.progress.matched += 1;
                    self.collector.take(seq, &view, &Source::Event(&event));
                }
            }
        }
        self.journal_read = true;
    }

    /// Whether the query names one record and it was found.
    fn found_the_one(&self) -> bool {
        let by_id = match &self.request.query.expr {
            Expr::Is(Place::Id, Test::Fits(pattern)) => pattern.as_plain().is_some(),
            _ => false,
        };
        by_id && self.progress.matched > 0
    }

    fn file(&mut self, archive: &Archive, number: usize, sealed: &SealedFile) {
        if self.file_by_list(sealed) {
            return;
        }
        let file = match File::open(archive.path(sealed)) {
            Ok(file) => Ok(file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !archive.holds(sealed) => return,
            Err(e) => Err(ParquetError::External(Box::new(e))),
        };
        let read = file.and_then(|file| match self.file_by_minutes(&file, sealed) {
            true => Ok(()),
            false => self.groups(&file, number, sealed),
        });
        if let Err(error) = read {
            tracing::error!(file = sealed.name, %error, "archive file cannot be read");
            self.progress.unreadable.push(sealed.name.clone());
        }
    }

    /// Whether the archive's list says all that must be known of a file.
    fn file_by_list(&mut self, sealed: &SealedFile) -> bool {
        let request = self.request;
        let inside = sealed.time_min >= request.from && sealed.time_max < request.to;
        let all = inside
            && request.scope == Scope::All
            && (request.include_exercise || sealed.exercises == Some(0));
        let known = all.then(|| listed::known(&request.query, sealed)).flatten();
        self.by_known(known, sealed.time_min, sealed.time_max)
    }

    /// Whether a file's counts by minute say all that must be known of it.
    fn file_by_minutes(&mut self, file: &File, sealed: &SealedFile) -> bool {
        let Some(look) = minutely::look(self.request, sealed) else { return false };
        let minutes = match Minutes::read(file, sealed) {
            Ok(minutes) => minutes,
            // The rows say the same, and name the damage if it is theirs too.
            Err(error) => {
                tracing::error!(file = sealed.name, %error, "counts by minute cannot be read");
                None
            }
        };
        let matching = minutes.and_then(|m| minutely::matching(self.request, sealed, &m, &look));
        let Some(matching) = matching else { return false };
        matching.into_iter().for_each(|(value, counts)| self.take_minutes(sealed, value, counts));
        true
    }

    /// Takes records that match: their value, and how many each minute of the file's hour has.
    fn take_minutes(&mut self, sealed: &SealedFile, value: String, by_minute: ByMinute) {
        let records = by_minute.iter().sum();
        self.progress.matched += records;
        match &self.request.query.shape {
            Shape::Histogram(_) => {
                let minutes = (0..).map(|m| sealed.hour.plus(Duration::from_secs(60 * m)));
                let full = minutes.zip(by_minute).filter(|(_, records)| *records > 0);
                full.for_each(|(minute, records)| self.collector.take_bucket(minute, records));
            }
            Shape::Count(places) if places.is_empty() => self.collector.take_group(&[], records),
            _ if records > 0 => self.collector.take_group(&[value], records),
            _ => {}
        }
    }

    /// Whether the times of some records, and what is known of how many match, say all that must be
    /// known of them.
    fn by_known(&mut self, known: Option<Known>, first: Timestamp, last: Timestamp) -> bool {
        let old = self.collector.wanted_since().is_some_and(|since| last < since);
        if old {
            // Older than a page that is full: counted if that costs nothing.
            self.progress.counted &= known.is_some();
            if known.as_ref().is_none_or(|known| known.records > 0) {
                self.collector.pass_over();
            }
            self.progress.matched += known.map_or(0, |known| known.records);
            return true;
        }
        let Some(known) = known else { return false };
        let shape = &self.request.query.shape;
        let alike = known.records == 0 || known.groups.is_some() || shape.counts_alike(first, last);
        if alike && known.records > 0 {
            self.progress.matched += known.records;
            match (shape, known.groups) {
                (_, Some(groups)) => groups
                    .into_iter()
                    .for_each(|(value, records)| self.collector.take_group(&[value], records)),
                (Shape::Histogram(_), None) => self.collector.take_bucket(first, known.records),
                (_, None) => self.collector.take_group(&[], known.records),
            }
        }
        alike
    }

    /// Looks at the row groups of a file that may hold a match, newest first.
    fn groups(
        &mut self,
        file: &File,
        number: usize,
        sealed: &SealedFile,
    ) -> Result<(), ParquetError> {
        let metadata = group::metadata(file)?;
        let lens = metadata.metadata().row_groups().iter().map(|g| g.num_rows());
        let lens: Vec<usize> = lens.map(|n| usize::try_from(n).unwrap_or(0)).collect();
        let mut begin: usize = lens.iter().sum();
        for (group, len) in lens.iter().enumerate().rev() {
            begin -= len;
            if self.over() {
                return Ok(());
            }
            let again = file.try_clone().map_err(|e| ParquetError::External(Box::new(e)))?;
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(again, metadata.clone());
            let group = Group { builder: &builder, sealed, number: group };
            if !group.may(self.request) {
                continue;
            }
            let head = group.head(self.request);
            let all = head.is_empty() && self.request.query.expr == Expr::All;
            let known = all.then_some(Known { records: *len as u64, groups: None });
            if group.times().is_some_and(|(min, max)| self.by_known(known, min, max)) {
                continue;
            }
            let shape = &self.request.query.shape;
            let alike = group.times().filter(|(min, max)| shape.counts_alike(*min, *max));
            let narrowing = Narrowing::new(file, &metadata, group.number, *len);
            let first = RowAt { file: number, row: begin };
            self.group(narrowing, &head, sealed, first, alike.map(|(min, _)| min))?;
        }
        Ok(())
    }

    /// Takes the matching rows of a row group whose first row is `first`. If all of them count
    /// alike, `alike` is a time of theirs.
    fn group(
        &mut self,
        mut group: Narrowing<'_>,
        head: &BTreeSet<&'static str>,
        sealed: &SealedFile,
        first: RowAt,
        alike: Option<Timestamp>,
    ) -> Result<(), ParquetError> {
        self.progress.scanned += group.count() as u64;
        let request = self.request;
        group.narrow(request, sealed, head, &mut || self.over())?;
        if group.count() == 0 || self.progress.stopped.is_some() {
            return Ok(());
        }
        let shape = &request.query.shape;
        if let Some(time) = alike {
            let known = Known { records: group.count() as u64, groups: None };
            self.by_known(Some(known), time, time);
            return Ok(());
        }
        let wanted = prune::columns_of_shape(shape, sealed);
        if let Shape::Count(places) = shape {
            self.progress.matched += group.count() as u64;
            let batch = group.read(&wanted)?;
            let collector = &mut *self.collector;
            tally(places, &Rows::new(&batch), |key, records| collector.take_group(key, records));
            return Ok(());
        }
        let mut nth = 0;
        for batch in group.batches(&wanted, limits::SEARCH_BATCH_ROWS)? {
            let batch = batch?;
            let rows = Rows::new(&batch);
            if let Shape::Histogram(_) = shape {
                self.progress.matched += rows.len as u64;
                self.collector.take_times((0..rows.len).map(|row| rows.time(row)));
                continue;
            }
            for row in 0..rows.len {
                let (view, seq) = (View::Row(&rows, row), rows.seq(row));
                let at = RowAt { row: first.row + group.row(nth), ..first };
                nth += 1;
                if self.collector.is_new(view.time(), seq) {
                    self.progress.matched += 1;
                    self.collector.take(seq, &view, &Source::Row(at));
                }
            }
        }
        Ok(())
    }

    fn wants(&self, seq: u64, view: &View<'_>) -> bool {
        let request = self.request;
        let time = view.time();
        time >= request.from
            && time < request.to
            && self.collector.is_new(time, seq)
            && request.scope.holds(view.site())
            && (request.include_exercise || !view.is_exercise())
            && request.query.expr.holds(view)
    }
}
