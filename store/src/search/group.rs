//! One row group of an archive file, narrowed down step by step: the columns that decide most
//! cheaply first, each further column only for the rows that are left.

use std::collections::BTreeSet;
use std::fs::File;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;

use super::SearchRequest;
use super::column;
use super::expr::Expr;
use super::prune;
use super::view::View;
use crate::archive::rows::Rows;
use crate::archive::{SealedFile, columns};

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
            let batch = self.read(head)?;
            let rows = Rows::new(&batch);
            self.keep((0..rows.len).map(|row| lets_through(request, head, &View::Row(&rows, row))));
        }
        for part in steps(&request.query.expr, sealed) {
            if self.count() == 0 || stop() {
                return Ok(());
            }
            let batch = self.read(&prune::columns_of_expr(part, sealed))?;
            self.keep(column::holds(part, &Rows::new(&batch)).into_iter());
        }
        Ok(())
    }

    fn keep(&mut self, marks: impl Iterator<Item = bool>) {
        let kept = marks.enumerate().filter(|(_, mark)| *mark).map(|(nth, _)| self.row(nth));
        let kept: Vec<usize> = kept.collect();
        self.left = (kept.len() < self.len).then_some(kept);
    }

    /// Columns of the rows that are left.
    pub(super) fn read(&self, names: &BTreeSet<&str>) -> Result<RecordBatch, ParquetError> {
        let fields = self.metadata.schema().fields().iter().enumerate();
        let wanted = fields.filter(|(_, f)| names.contains(f.name().as_str())).map(|(at, _)| at);
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), wanted);
        let file = self.file.try_clone().map_err(|e| ParquetError::External(Box::new(e)))?;
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone())
                .with_row_groups(vec![self.number])
                .with_projection(mask)
                .with_batch_size(self.len.max(1));
        let sparse = self.left.as_ref().filter(|left| left.len() < self.len / SPARSE);
        if let Some(left) = sparse {
            let ranges = left.iter().map(|row| *row..*row + 1);
            let selection = RowSelection::from_consecutive_ranges(ranges, self.len);
            builder = builder.with_row_selection(selection);
        }
        let reader = builder.build()?;
        let schema = arrow::array::RecordBatchReader::schema(&reader);
        let mut batches = reader.collect::<Result<Vec<_>, _>>()?;
        let batch = match batches.len() {
            1 => batches.swap_remove(0),
            _ => concat_batches(&schema, &batches)?,
        };
        match (&self.left, sparse) {
            (Some(left), None) => {
                let mut marks = vec![false; self.len];
                left.iter().for_each(|row| marks[*row] = true);
                Ok(filter_record_batch(&batch, &BooleanArray::from(marks))?)
            }
            _ => Ok(batch),
        }
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
