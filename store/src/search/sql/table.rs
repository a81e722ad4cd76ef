//! The table `events`: journal and archive as batches of rows, newest files first, narrowed by what
//! the statement asks for.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::{DataFusionError, Result as Outcome};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr as Sql, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use events::Event;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::super::group::{self, Narrowing};
use super::super::parse::{Query, Shape};
use super::super::prune::Group;
use super::super::view::View;
use super::super::{SearchRequest, Stopped, scan};
use super::{SqlRequest, columns, push};
use crate::archive::{Archive, SealedFile, write};
use crate::error::Error;
use crate::journal::{Journal, Reader};

/// What a statement looks at, shared by all its walks.
pub(super) struct Asked {
    journal: Arc<Journal>,
    archive: Arc<Archive>,
    /// Its conditions that hold whatever the statement says, without an expression.
    conditions: SearchRequest,
    cancelled: AtomicBool,
    progress: Mutex<Progress>,
}

/// How far the walks came.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) scanned: u64,
    pub(super) stopped: Option<Stopped>,
    pub(super) unreadable: Vec<String>,
}

impl Asked {
    pub(super) fn new(journal: &Arc<Journal>, archive: &Arc<Archive>, asked: &SqlRequest) -> Self {
        let conditions = SearchRequest {
            query: Query { expr: super::super::expr::Expr::All, shape: Shape::Events, head: None },
            from: asked.from,
            to: asked.to,
            scope: asked.scope.clone(),
            limit: usize::MAX,
            after: None,
            deadline: asked.deadline,
            slice: None,
            include_exercise: asked.include_exercise,
        };
        let (journal, archive) = (Arc::clone(journal), Arc::clone(archive));
        let (cancelled, progress) = (AtomicBool::new(false), Mutex::default());
        Self { journal, archive, conditions, cancelled, progress }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether no further record is looked at.
    fn over(&self) -> bool {
        let late = self.conditions.deadline.is_some_and(|end| Instant::now() >= end);
        let why = match self.is_cancelled() {
            true => Some(Stopped::Cancelled),
            false => late.then_some(Stopped::Deadline),
        };
        self.note(|progress| progress.stopped = progress.stopped.or(why));
        why.is_some()
    }

    fn cannot_read(&self, part: String) {
        tracing::error!(part, "a part of the store cannot be read");
        self.note(|progress| progress.unreadable.push(part));
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("conditions", &self.conditions).finish_non_exhaustive()
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct Events {
    asked: Arc<Asked>,
}

impl Events {
    pub(super) fn new(asked: Arc<Asked>) -> Self {
        Self { asked }
    }
}

#[async_trait]
impl TableProvider for Events {
    fn schema(&self) -> SchemaRef {
        columns::schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Sql],
    ) -> Outcome<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Sql| match push::helps(filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Sql],
        limit: Option<usize>,
    ) -> Outcome<Arc<dyn ExecutionPlan>> {
        let whole = columns::schema();
        let schema = match projection {
            Some(wanted) => Arc::new(whole.project(wanted)?),
            None => whole,
        };
        let own = &self.asked.conditions;
        let push::Narrowed { expr, from, to } = push::narrowed(filters, own.from, own.to);
        let request = SearchRequest {
            query: Query { expr, shape: Shape::Events, head: None },
            from,
            to,
            scope: own.scope.clone(),
            ..*own
        };
        let asked = Arc::clone(&self.asked);
        let walk = Part { asked, request: Arc::new(request), schema: Arc::clone(&schema) };
        let parts: Vec<Arc<dyn PartitionStream>> = vec![Arc::new(walk)];
        Ok(Arc::new(StreamingTableExec::try_new(schema, parts, None, [], false, limit)?))
    }
}

/// One walk, not begun yet.
#[derive(Debug)]
struct Part {
    asked: Arc<Asked>,
    request: Arc<SearchRequest>,
    schema: SchemaRef,
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let walk = Walk::new(self);
        let batches = futures_util::stream::unfold(walk, |mut walk| async {
            // Others have a look between any two batches.
            tokio::task::yield_now().await;
            walk.next().map(|batch| (batch, walk))
        });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

/// A walk through the journal and then the archive's files, newest first.
struct Walk {
    asked: Arc<Asked>,
    request: Arc<SearchRequest>,
    schema: SchemaRef,
    journal: Option<Reader>,
    files: VecDeque<SealedFile>,
    open: Option<OpenFile>,
}

/// A file whose row groups are looked at, the newest first.
struct OpenFile {
    sealed: SealedFile,
    file: File,
    metadata: ArrowReaderMetadata,
    /// How many groups are still to be looked at.
    left: usize,
}

impl Walk {
    fn new(part: &Part) -> Self {
        let (asked, request) = (Arc::clone(&part.asked), Arc::clone(&part.request));
        let (files, reader) = scan::snapshot(&asked.journal, &asked.archive, &request);
        let (journal, files, schema) = (Some(reader), files.into(), Arc::clone(&part.schema));
        Self { asked, request, schema, journal, files, open: None }
    }

    /// The next batch that has rows.
    fn next(&mut self) -> Option<Outcome<RecordBatch>> {
        while !self.asked.over() {
            if self.journal.is_some() {
                match self.of_journal() {
                    Some(batch) => return Some(batch),
                    None => continue,
                }
            }
            if self.open.is_none() && !self.open_next()? {
                continue;
            }
            match self.of_file() {
                Ok(Some(batch)) => return Some(Ok(batch)),
                Ok(None) => {}
                Err(error) => self.give_up_file(&error),
            }
        }
        None
    }

    /// Rows of the journal's next batch, if it has any.
    fn of_journal(&mut self) -> Option<Outcome<RecordBatch>> {
        let batch = match self.journal.as_mut()?.next() {
            Some(Ok(batch)) => batch,
            // What follows a damaged part still counts.
            Some(Err(Error::Damaged { damage })) => {
                self.asked.cannot_read(damage.to_string());
                return None;
            }
            Some(Err(error)) => {
                self.asked.cannot_read(error.to_string());
                self.journal = None;
                return None;
            }
            None => {
                self.journal = None;
                return None;
            }
        };
        self.asked.note(|progress| progress.scanned += batch.events.len() as u64);
        let seen: Vec<(u64, Event)> = batch.iter().filter(|(_, event)| self.sees(event)).collect();
        if seen.is_empty() {
            return None;
        }
        let stored = write::batch(seen.iter().map(|(seq, event)| (*seq, event)));
        Some(stored.map_err(external).and_then(|batch| columns::shaped(&batch, &self.schema)))
    }

    fn sees(&self, event: &Event) -> bool {
        let request = &self.request;
        event.time >= request.from
            && event.time < request.to
            && request.scope.holds(event.site)
            && (request.include_exercise || event.exercise.is_none())
            && request.query.expr.holds(&View::Event(event))
    }

    /// Opens the next file; `Some(false)` if it is gone or cannot be read, `None` after the last.
    fn open_next(&mut self) -> Option<bool> {
        let sealed = self.files.pop_front()?;
        let archive = &self.asked.archive;
        let file = match File::open(archive.path(&sealed)) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !archive.holds(&sealed) => {
                return Some(false);
            }
            Err(_) => {
                self.asked.cannot_read(sealed.name);
                return Some(false);
            }
        };
        match group::metadata(&file) {
            Ok(metadata) => {
                let left = metadata.metadata().num_row_groups();
                self.open = Some(OpenFile { sealed, file, metadata, left });
                Some(true)
            }
            Err(_) => {
                self.asked.cannot_read(sealed.name);
                Some(false)
            }
        }
    }

    fn give_up_file(&mut self, error: &ParquetError) {
        if let Some(open) = self.open.take() {
            tracing::error!(file = open.sealed.name, %error, "archive file cannot be read");
            self.asked.cannot_read(open.sealed.name);
        }
    }

    /// Rows of the open file's next row group, if it has any.
    fn of_file(&mut self) -> Result<Option<RecordBatch>, ParquetError> {
        let Some(open) = self.open.as_mut() else { return Ok(None) };
        let Some(number) = open.left.checked_sub(1) else {
            self.open = None;
            return Ok(None);
        };
        open.left = number;
        let again = open.file.try_clone().map_err(|e| ParquetError::External(Box::new(e)))?;
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(again, open.metadata.clone());
        let group = Group { builder: &builder, sealed: &open.sealed, number };
        if !group.may(&self.request) {
            return Ok(None);
        }
        let head = group.head(&self.request);
        let rows = open.metadata.metadata().row_group(number).num_rows();
        let len = usize::try_from(rows).unwrap_or(0);
        let mut narrowing = Narrowing::new(&open.file, &open.metadata, number, len);
        self.asked.note(|progress| progress.scanned += len as u64);
        let asked = &self.asked;
        narrowing.narrow(&self.request, &open.sealed, &head, &mut || asked.over())?;
        if narrowing.count() == 0 || asked.over() {
            return Ok(None);
        }
        let stored = narrowing.read(&columns::stored(&self.schema))?;
        columns::shaped(&stored, &self.schema)
            .map(Some)
            .map_err(|e| ParquetError::External(Box::new(e)))
    }
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
