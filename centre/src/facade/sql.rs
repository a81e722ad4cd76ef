//! SQL over log records, within the caller's scope, a deadline, and bounds of rows and memory. Only a
//! program that was built with the feature `sql` answers it.

use std::sync::atomic::AtomicBool;

use events::Timestamp;
use serde::Serialize;
use store::search::Stopped;

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::error::Error;

/// A statement and what bounds it.
#[derive(Clone, Debug, Default)]
pub struct SqlForm {
    /// One SELECT over the table `events`.
    pub sql: String,
    /// From when; a day ago if it does not say.
    pub from: Option<Timestamp>,
    /// Until when.
    pub to: Option<Timestamp>,
    /// At most this many rows.
    pub limit: usize,
    /// Whether records of exercises are seen too.
    pub exercises: bool,
    /// How long it may look at records, in milliseconds.
    pub deadline_ms: Option<u64>,
}

/// What a statement gave.
#[derive(Clone, Debug, Serialize)]
pub struct SqlPage {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
    /// Whether there are more rows than were asked for.
    pub more: bool,
    /// Records that were looked at.
    pub scanned: u64,
    /// What cut it short: the rows are of a part of the records.
    pub stopped: Option<Stopped>,
    /// Parts of journal and archive that could not be read.
    pub unreadable: Vec<String>,
    /// Rows in which personal data is masked for the reader.
    pub masked: u64,
    /// How long it took.
    pub took_ms: u64,
    /// The time it looked at.
    pub from: Timestamp,
    /// Until then.
    pub to: Timestamp,
}

impl Centre {
    /// Answers a statement. Every one is in the audit log. Ends with what there is when `cancel` is
    /// set.
    pub fn sql(
        &self,
        caller: &Caller,
        form: &SqlForm,
        cancel: &AtomicBool,
    ) -> Result<SqlPage, Error> {
        caller.need(Permission::Search)?;
        self.audit_log.record(Some(caller), "search.sql", &form.sql, true, self.now())?;
        self.sql_with(caller, form, cancel)
    }

    #[cfg(not(feature = "sql"))]
    fn sql_with(&self, _: &Caller, _: &SqlForm, _: &AtomicBool) -> Result<SqlPage, Error> {
        Err(Error::NoSql)
    }

    #[cfg(feature = "sql")]
    fn sql_with(
        &self,
        caller: &Caller,
        form: &SqlForm,
        cancel: &AtomicBool,
    ) -> Result<SqlPage, Error> {
        use std::time::{Duration, Instant};

        use store::search::sql::{self, SqlError, SqlRequest};

        use crate::limits;
        use crate::view::SearchForm;

        let span = SearchForm { from: form.from, to: form.to, ..SearchForm::default() };
        let (from, to) = self.search_span(&span);
        let within = form.deadline_ms.unwrap_or(limits::SEARCH_MS_MAX);
        let within = Duration::from_millis(within.min(limits::SEARCH_MS_LONGEST));
        let request = SqlRequest {
            sql: form.sql.clone(),
            from,
            to,
            scope: caller.scope().for_search(),
            include_exercise: form.exercises,
            rows_max: form.limit.clamp(1, limits::SEARCH_ROWS_MAX),
            memory_bytes: store::limits::SQL_MEMORY_BYTES,
            deadline: Some(Instant::now() + within),
        };
        let (journal, archive) = (&self.pipeline.journal, &self.pipeline.archive);
        let found =
            sql::query(journal, archive, &request, cancel).map_err(|error| match error {
                SqlError::Statement(error) => Error::Query(error),
                SqlError::Store(error) => Error::Store(error),
            })?;
        let (columns, mut rows) = (found.columns, found.rows);
        Ok(SqlPage {
            masked: self.veil(caller).table(&columns, &mut rows),
            columns,
            rows,
            more: found.more,
            scanned: found.scanned,
            stopped: found.stopped,
            unreadable: found.unreadable,
            took_ms: found.took_ms,
            from,
            to,
        })
    }
}
