//! SQL over the events (feature `sql`): one SELECT statement, answered by DataFusion over the one
//! table `events`, which is journal and archive together.
//!
//! Layout: [`read`] makes a statement of a text, [`table`] is the table, [`push`] what of a
//! statement's conditions narrows the walk through the archive, [`columns`] the columns of a batch,
//! [`told`] what went wrong and where.
//!
//! Invariants: a statement sees what the request's scope, time and exercise filter let through, and
//! nothing else: the session knows no other table, no file format, no table function, and nothing
//! but a SELECT is planned. It ends by its deadline, within its memory, and writes no file.

mod columns;
mod push;
mod read;
mod table;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{SessionStateDefaults, TaskContext};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SQLOptions, SessionConfig};
use events::Timestamp;
use futures_util::StreamExt;

use super::{QueryError, Scope, Stopped};
use crate::archive::Archive;
use crate::error::Error;
use crate::journal::Journal;
use crate::limits;
use table::{Asked, Events, Progress};

/// How often it is looked whether a statement should end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What to answer.
#[derive(Debug)]
pub struct SqlRequest {
    /// The statement.
    pub sql: String,
    /// Records that happened at or after this.
    pub from: Timestamp,
    /// Records that happened before this.
    pub to: Timestamp,
    /// Whose records.
    pub scope: Scope,
    /// Whether records of exercises are seen too.
    pub include_exercise: bool,
    /// At most this many rows.
    pub rows_max: usize,
    /// Memory the operators of the statement may take together, in bytes.
    pub memory_bytes: usize,
    /// When no further record is looked at: the answer is of what was seen by then.
    pub deadline: Option<Instant>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlResult {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows; a cell without a value is empty.
    pub rows: Vec<Vec<String>>,
    /// Whether there are more rows than the request wants.
    pub more: bool,
    /// Records that were looked at; what filters and statistics rule out is not.
    pub scanned: u64,
    /// What cut it short: the answer is of a part of the records.
    pub stopped: Option<Stopped>,
    /// Parts of journal and archive that are damaged or gone; the answer is without them.
    pub unreadable: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Why a statement was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// Something is wrong with the statement, or it needs more than it may have.
    #[error(transparent)]
    Statement(#[from] QueryError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Answers a statement. `cancel` ends it early with what there is. Blocks.
pub fn query(
    journal: &Arc<Journal>,
    archive: &Arc<Archive>,
    request: &SqlRequest,
    cancel: &AtomicBool,
) -> Result<SqlResult, SqlError> {
    // A statement may be nested as deep as its length allows, and is walked by recursion.
    let run = || run(journal, archive, request, cancel);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("sql".to_owned())
            .stack_size(limits::SQL_STACK_BYTES)
            .spawn_scoped(scope, run);
        let thread = thread.map_err(Error::io("start", std::path::Path::new("sql")))?;
        thread.join().unwrap_or_else(|_| Err(told::failed("the engine stopped").into()))
    })
}

fn run(
    journal: &Arc<Journal>,
    archive: &Arc<Archive>,
    request: &SqlRequest,
    cancel: &AtomicBool,
) -> Result<SqlResult, SqlError> {
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(Error::io("start", std::path::Path::new("sql")))?;
    let asked = Arc::new(Asked::new(journal, archive, request));
    let answer = runtime.block_on(async {
        tokio::select! {
            answer = answer(&asked, request) => answer,
            () = hopeless(&asked, request.deadline, cancel) => Err(told::not_ended()),
        }
    });
    let (columns, rows, more) = answer?;
    let Progress { scanned, stopped, mut unreadable } = asked.progress();
    unreadable.sort();
    unreadable.dedup();
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(SqlResult { columns, rows, more, scanned, stopped, unreadable, took_ms })
}

/// Passes a cancellation on; returns when a statement still works long after it was to end.
async fn hopeless(asked: &Asked, deadline: Option<Instant>, cancel: &AtomicBool) {
    let mut end = deadline.map(|at| at + limits::SQL_GRACE);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if cancel.load(Ordering::Relaxed) && !asked.is_cancelled() {
            asked.cancel();
            end = Some(Instant::now() + limits::SQL_GRACE);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return;
        }
    }
}

type Table = (Vec<String>, Vec<Vec<String>>, bool);

async fn answer(asked: &Arc<Asked>, request: &SqlRequest) -> Result<Table, QueryError> {
    let sql = &request.sql;
    let statement = read::statement(sql)?;
    let told = |error: DataFusionError| told::of(&error, sql);
    let state = session(request.memory_bytes).map_err(told)?;
    let context = datafusion::prelude::SessionContext::new_with_state(state);
    let table = Arc::new(Events::new(Arc::clone(asked)));
    context.register_table(read::TABLE, table).map_err(told)?;
    let state = context.state();
    let plan = state.statement_to_plan(statement).await.map_err(told)?;
    let only_reads =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_reads.verify_plan(&plan).map_err(|_| told::refused(0..sql.len()))?;
    let columns = plan.schema().fields().iter().map(|f| f.name().clone()).collect();
    let plan = state.create_physical_plan(&plan).await.map_err(told)?;
    let (rows, more) =
        collect(cooperative(plan)?, context.task_ctx(), request.rows_max).await.map_err(told)?;
    Ok((columns, rows, more))
}

/// A session that knows functions and nothing to read from or write to.
fn session(memory_bytes: usize) -> Result<SessionState, DataFusionError> {
    let mut config = SessionConfig::new().with_target_partitions(1).with_information_schema(false);
    config.options_mut().sql_parser.collect_spans = true;
    let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory_bytes)))
        .with_disk_manager_builder(disk)
        .build_arc()?;
    let mut functions = SessionStateDefaults::default_scalar_functions();
    functions.push(Arc::new(columns::field_function()));
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(functions)
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .build())
}

/// Every step of the plan gives the thread back now and then, so that it can be ended.
fn cooperative(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>, QueryError> {
    let wrap = |step: Arc<dyn ExecutionPlan>| {
        Ok(Transformed::yes(Arc::new(CooperativeExec::new(step)) as Arc<dyn ExecutionPlan>))
    };
    let wrapped = plan.transform_up(wrap);
    wrapped.map(|t| t.data).map_err(|error| told::failed(&error.to_string()))
}

/// The first rows of the answer as text, and whether there are more.
async fn collect(
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    rows_max: usize,
) -> Result<(Vec<Vec<String>>, bool), DataFusionError> {
    let mut stream = execute_stream(plan, context)?;
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let cells = cells(&batch)?;
        for row in 0..batch.num_rows() {
            if rows.len() >= rows_max || bytes >= limits::SQL_ANSWER_BYTES_MAX {
                return Ok((rows, true));
            }
            let texts: Vec<String> =
                cells.iter().map(|c| c.value(row).try_to_string()).collect::<Result<_, _>>()?;
            bytes += texts.iter().map(String::len).sum::<usize>();
            rows.push(texts);
        }
    }
    Ok((rows, false))
}

fn cells(batch: &RecordBatch) -> Result<Vec<ArrayFormatter<'_>>, DataFusionError> {
    static OPTIONS: FormatOptions<'static> = FormatOptions::new();
    let each = batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &OPTIONS));
    Ok(each.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;
