//! Walking journal and archive.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::bloom_filter::Sbbf;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::serialized_reader::ReadOptionsBuilder;

use super::SearchRequest;
use super::answer::{Collector, Source};
use super::expr::{Expr, Place, Test};
use super::view::View;
use crate::archive::rows::Rows;
use crate::archive::{Archive, SealedFile, columns};
use crate::error::Error;
use crate::journal::{Journal, Reader};

/// Rows read at a time.
const BATCH_ROWS: usize = 8_192;
/// How often a snapshot is taken again because the archive moved meanwhile.
const SNAPSHOTS_MAX: usize = 5;

/// How far a scan came.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) matched: u64,
    pub(super) scanned: u64,
    pub(super) partial: bool,
}

/// Gives every matching record of the request to the collector.
pub(super) fn scan(
    journal: &Journal,
    archive: &Archive,
    request: &SearchRequest,
    cancel: &AtomicBool,
    collector: &mut Collector<'_>,
) -> Result<Progress, Error> {
    let mut scan = Scan { request, cancel, collector, progress: Progress::default() };
    let (mut files, reader) = snapshot(journal, archive);
    scan.journal(reader);
    files.retain(|f| f.time_max >= request.from && f.time_min < request.to);
    // Newest first, so that a deadline leaves the newest.
    files.sort_by_key(|f| std::cmp::Reverse(f.time_max));
    for file in &files {
        if scan.over() {
            break;
        }
        scan.file(archive, file)?;
    }
    Ok(scan.progress)
}

/// The archive's files and a reader of what follows them. When events were archived and removed
/// from the journal between the two looks, it looks again.
fn snapshot(journal: &Journal, archive: &Archive) -> (Vec<SealedFile>, Reader) {
    let mut tries = 0;
    loop {
        let (through, files) = archive.snapshot();
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
}

impl Scan<'_, '_> {
    /// Whether it is time to stop; the answer is partial then.
    fn over(&mut self) -> bool {
        let late = self.request.deadline.is_some_and(|d| Instant::now() >= d);
        if late || self.cancel.load(Ordering::Relaxed) {
            self.progress.partial = true;
        }
        self.progress.partial
    }

    fn journal(&mut self, reader: Reader) {
        for batch in reader {
            if self.over() {
                return;
            }
            // A damaged part is named by the journal's own health; what follows still counts.
            let Ok(batch) = batch else { continue };
            for (seq, event) in &batch {
                self.progress.scanned += 1;
                let view = View::Event(event);
                if self.wants(&view) {
                    self.progress.matched += 1;
                    self.collector.take(*seq, &view, &Source::Event(event));
                }
            }
        }
    }

    fn file(&mut self, archive: &Archive, sealed: &SealedFile) -> Result<(), Error> {
        let path = archive.path(sealed);
        let file = match File::open(&path) {
            Ok(file) => file,
            // Expired meanwhile.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(Error::io("open", &path)(e)),
        };
        let groups = self.row_groups(&file, sealed)?;
        if groups.is_empty() {
            return Ok(());
        }
        let reader =
            open(file, groups).map_err(|source| Error::Parquet { path: path.clone(), source })?;
        for batch in reader {
            if self.over() {
                return Ok(());
            }
            let batch = batch
                .map_err(|source| Error::Parquet { path: path.clone(), source: source.into() })?;
            self.batch(&batch);
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch) {
        let rows = Rows::new(batch);
        for row in 0..rows.len {
            self.progress.scanned += 1;
            let view = View::Row(&rows, row);
            if self.wants(&view) {
                self.progress.matched += 1;
                let make = || rows.event(row);
                self.collector.take(rows.seq(row), &view, &Source::Row(&make));
            }
        }
    }

    fn wants(&self, view: &View<'_>) -> bool {
        let request = self.request;
        let time = view.time();
        time >= request.from
            && time < request.to
            && request.scope.holds(view.site())
            && (request.include_exercise || !view.is_exercise())
            && request.query.expr.holds(view)
    }

    /// The row groups that may hold a match, by their bloom filters.
    fn row_groups(&self, file: &File, sealed: &SealedFile) -> Result<Vec<usize>, Error> {
        let wanted = necessary(&self.request.query.expr, sealed);
        let bad = |source| Error::Parquet { path: sealed.name.clone().into(), source };
        let again =
            file.try_clone().map_err(Error::io("open", std::path::Path::new(&sealed.name)))?;
        let options = ReadOptionsBuilder::new().with_reader_properties(
            ReaderProperties::builder().set_read_bloom_filter(true).build(),
        );
        let reader = SerializedFileReader::new_with_options(again, options.build()).map_err(bad)?;
        let count = reader.metadata().num_row_groups();
        if wanted.is_empty() {
            return Ok((0..count).collect());
        }
        let mut groups = Vec::new();
        for number in 0..count {
            let group = reader.get_row_group(number).map_err(bad)?;
            let may = wanted.iter().all(|(name, value)| {
                let columns = group.metadata().columns();
                let at = columns.iter().position(|c| c.column_path().string() == *name);
                let filter = at.and_then(|i| group.get_column_bloom_filter(i));
                filter.is_none_or(|f: &Sbbf| f.check(&value.as_str()))
            });
            if may {
                groups.push(number);
            }
        }
        Ok(groups)
    }
}

fn open(
    file: File,
    groups: Vec<usize>,
) -> Result<ParquetRecordBatchReader, parquet::errors::ParquetError> {
    ParquetRecordBatchReaderBuilder::try_new(file)?
        .with_batch_size(BATCH_ROWS)
        .with_row_groups(groups)
        .build()
}

/// Columns and values without which no record of a file can match: equalities that every match
/// fulfils, on columns that hold all of their field's values, in lower case only.
fn necessary(expr: &Expr, sealed: &SealedFile) -> Vec<(String, String)> {
    match expr {
        Expr::And(all) => all.iter().flat_map(|e| necessary(e, sealed)).collect(),
        Expr::Is(Place::Field(field), Test::Fits(pattern)) => {
            let name = field.name();
            let usable = columns::BLOOM.contains(field)
                && sealed.whole.contains(name)
                && sealed.lower.contains(name);
            let plain = pattern.as_plain().filter(|_| usable);
            plain.map(|p| (name.to_owned(), p.to_owned())).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
