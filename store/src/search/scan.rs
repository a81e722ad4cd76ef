//! Walking journal and archive.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::SearchRequest;
use super::answer::{Collector, RowAt, Source};
use super::expr::{Expr, Place, Test};
use super::prune::{self, Group};
use super::view::View;
use crate::archive::rows::Rows;
use crate::archive::{Archive, SealedFile};
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
    let mut scan = Scan { request, cancel, collector, progress: Progress::default() };
    let (mut files, reader) = snapshot(journal, archive);
    scan.journal(reader);
    files.retain(|f| prune::file_may(request, f));
    // Newest first, so that a deadline leaves the newest.
    files.sort_by_key(|f| std::cmp::Reverse(f.time_max));
    for (number, file) in files.iter().enumerate() {
        if scan.over() || scan.found_the_one() {
            break;
        }
        scan.file(archive, number, file);
    }
    scan.progress.files = files;
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
            for (seq, event) in &batch {
                self.progress.scanned += 1;
                let view = View::Event(event);
                if self.wants(*seq, &view) {
                    self.progress.matched += 1;
                    self.collector.take(*seq, &view, &Source::Event(event));
                }
            }
        }
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
        let file = match File::open(archive.path(sealed)) {
            Ok(file) => Ok(file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !archive.holds(sealed) => return,
            Err(e) => Err(ParquetError::External(Box::new(e))),
        };
        if let Err(error) = file.and_then(|file| self.rows(&file, number, sealed)) {
            tracing::error!(file = sealed.name, %error, "archive file cannot be read");
            self.progress.unreadable.push(sealed.name.clone());
        }
    }

    /// Looks at the rows of a file that may match, newest first, and only at the columns that
    /// decide.
    fn rows(
        &mut self,
        file: &File,
        number: usize,
        sealed: &SealedFile,
    ) -> Result<(), ParquetError> {
        let metadata = ArrowReaderMetadata::load(file, Default::default())?;
        let names = prune::columns_of(self.request, sealed);
        let fields = metadata.schema().fields().iter().enumerate();
        let wanted = fields.filter(|(_, f)| names.contains(f.name().as_str())).map(|(at, _)| at);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), wanted);
        let lens = metadata.metadata().row_groups().iter().map(|g| g.num_rows());
        let lens: Vec<usize> = lens.map(|n| usize::try_from(n).unwrap_or(0)).collect();
        let mut begin: usize = lens.iter().sum();
        for (group, len) in lens.iter().enumerate().rev() {
            begin -= len;
            let again = file.try_clone().map_err(|e| ParquetError::External(Box::new(e)))?;
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(again, metadata.clone());
            if !(Group { builder: &builder, sealed, number: group }).may(self.request) {
                continue;
            }
            let builder = builder.with_row_groups(vec![group]).with_projection(mask.clone());
            let mut row = begin;
            for batch in builder.with_batch_size(BATCH_ROWS).build()? {
                if self.over() {
                    return Ok(());
                }
                let batch = batch?;
                self.batch(&Rows::new(&batch), RowAt { file: number, row });
                row += batch.num_rows();
            }
        }
        Ok(())
    }

    fn batch(&mut self, rows: &Rows<'_>, first: RowAt) {
        for row in 0..rows.len {
            self.progress.scanned += 1;
            let view = View::Row(rows, row);
            if self.wants(rows.seq(row), &view) {
                self.progress.matched += 1;
                let at = RowAt { row: first.row + row, ..first };
                self.collector.take(rows.seq(row), &view, &Source::Row(at));
            }
        }
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
