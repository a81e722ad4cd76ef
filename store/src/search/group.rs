//! One row group of an archive file, narrowed down step by step: the columns that decide most
//! cheaply first, each further column only for the rows that are left.

use std::collections::BTreeSet;
use std::fs::File;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;

use super::SearchRequest;
use super::column;
use super::expr::Expr;
use super::prune;
use super::view::View;
use crate::archive::rows::Rows;
use crate::archive::{SealedFile, columns};
use crate::limits;

/// One in so many rows must be left out before only the wanted ones are decoded.
const SPARSE: usize = 4;

/// What a file says of itself, with the schema it is read by.
pub(super) fn metadata(file: &File) -> Result<ArrowReaderMetadata, ParquetError> {
    let metadata = ArrowReaderMetadata::load(file, Default::default())?;
    let options = ArrowReaderOptions::new().with_schema(columns::for_search(metadata.schema()));
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), options)
}

/// The rows of one row group that are still in question.
pub(super) struct Narrowing<'a> {
    file: &'a File,
    metadata: &'a ArrowReaderMetadata,
    number: usize,
    len: usize,
    /// The rows left, in order; all of them at first.
    left: Option<Vec<usize>>,
}

impl<'a> Narrowing<'a> {
    pub(super) fn new(
        file: &'a File,
        metadata: &'a ArrowReaderMetadata,
        number: usize,
        len: usize,
    ) -> Self {
        Self { file, metadata, number, len, left: None }
    }

    /// How many rows are left.
    pub(super) fn count(&self) -> usize {
        self.left.as_ref().map_or(self.len, Vec::len)
    }

    /// The row of the group that the nth row left is.
    pub(super) fn row(&self, nth: usize) -> usize {
        self.left.as_ref().map_or(nth, |left| left.get(nth).copied().unwrap_or(0))
    }

    /// Leaves the rows that the request's own conditions let through (time, scope, exercises) and
    /// that fulfil its expression. `stop` is asked before every step.
    pub(super) fn narrow(
        &mut self,
        request: &SearchRequest,
        sealed: &SealedFile,
        head: &BTreeSet<&'static str>,
        stop: &mut dyn FnMut() -> bool,
    ) -> Result<(), ParquetError> {
        if !head.is_empty() {
            self.keep(head, |rows| {
                let lets = |row| lets_through(request, head, &View::Row(rows, row));
                (0..rows.len).map(lets).collect()
            })?;
        }
        for part in steps(&request.query.expr, sealed) {
            if self.count() == 0 || stop() {
                return Ok(());
            }
            let names = prune::columns_of_expr(part, sealed);
            self.keep(&names, |rows| column::holds(part, rows))?;
        }
        Ok(())
    }

    /// Leaves the rows that columns of them let through.
    fn keep(
        &mut self,
        names: &BTreeSet<&str>,
        marks: impl Fn(&Rows<'_>) -> Vec<bool>,
    ) -> Result<(), ParquetError> {
        let (mut kept, mut nth) = (Vec::new(), 0);
        for batch in self.batches(names, limits::SEARCH_BATCH_ROWS)? {
            for mark in marks(&Rows::new(&batch?)) {
                if mark {
                    kept.push(self.row(nth));
                }
                nth += 1;
            }
        }
        self.left = (kept.len() < self.len).then_some(kept);
        Ok(())
    }

    /// Columns of the rows that are left.
    pub(super) fn read(&self, names: &BTreeSet<&str>) -> Result<RecordBatch, ParquetError> {
        let batches = self.batches(names, self.len)?;
        let schema = arrow::array::RecordBatchReader::schema(&batches.reader);
        let mut batches = batches.collect::<Result<Vec<_>, _>>()?;
        match batches.len() {
            1 => Ok(batches.swap_remove(0)),
            _ => Ok(concat_batches(&schema, &batches)?),
        }
    }

    /// The same, of so many rows of the group at a time: small buffers are used again.
    pub(super) fn batches(
        &self,
        names: &BTreeSet<&str>,
        rows: usize,
    ) -> Result<Batches, ParquetError> {
        let fields = self.metadata.schema().fields().iter().enumerate();
        let wanted = fields.filter(|(_, f)| names.contains(f.name().as_str())).map(|(at, _)| at);
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), wanted);
        let file = self.file.try_clone().map_err(|e| ParquetError::External(Box::new(e)))?;
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_row_groups(vec![self.number])
                .with_projection(mask)
                .with_batch_size(rows.max(1));
        let sparse = self.left.as_ref().filter(|left| left.len() < self.len / SPARSE);
        if let Some(left) = sparse {
            let ranges = left.iter().map(|row| *row..*row + 1);
            let selection = RowSelection::from_consecutive_ranges(ranges, self.len);
            builder = builder.with_row_selection(selection);
        }
        let marks = self.left.as_ref().filter(|_| sparse.is_none()).map(|left| {
            let mut marks = vec![false; self.len];
            left.iter().for_each(|row| marks[*row] = true);
            marks
        });
        Ok(Batches { reader: builder.build()?, marks, at: 0 })
    }
}

/// Rows of one row group, some at a time.
pub(super) struct Batches {
    reader: ParquetRecordBatchReader,
    /// Which of the rows that are read are wanted, if not all.
    marks: Option<Vec<bool>>,
    /// The next row.
    at: usize,
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ParquetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.reader.next()? {
            Ok(batch) => batch,
            Err(error) => return Some(Err(error.into())),
        };
        let rows = self.at..self.at + batch.num_rows();
        self.at = rows.end;
        let Some(marks) = &self.marks else { return Some(Ok(batch)) };
        let marks = marks.get(rows).unwrap_or_default().to_vec();
        Some(filter_record_batch(&batch, &BooleanArray::from(marks)).map_err(Into::into))
    }
}

/// The conditions that hold for every search, of the columns that were read.
fn lets_through(request: &SearchRequest, head: &BTreeSet<&'static str>, view: &View<'_>) -> bool {
    let has = |name| head.contains(name);
    (!has(columns::TIME) || (view.time() >= request.from && view.time() < request.to))
        && (!has(columns::SITE) || request.scope.holds(view.site()))
        && (!has(columns::EXERCISE) || !view.is_exercise())
}

/// The parts of an expression that must all hold, the cheapest first.
fn steps<'e>(expr: &'e Expr, sealed: &SealedFile) -> Vec<&'e Expr> {
    let mut parts = Vec::new();
    flatten(expr, &mut parts);
    parts.sort_by_key(|part| prune::cost(part, sealed));
    parts
}

fn flatten<'e>(expr: &'e Expr, parts: &mut Vec<&'e Expr>) {
    match expr {
        Expr::All => {}
        Expr::And(all) => all.iter().for_each(|part| flatten(part, parts)),
        other => parts.push(other),
    }
}
