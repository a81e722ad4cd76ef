//! Search over journal and archive together.
//!
//! Layout: [`parse`] turns a text into a [`Query`] (an expression and pipes), [`value`] reads what
//! stands behind a field, [`expr`] evaluates the expression on a record, [`view`] is a record wherever it lies, [`scan`] walks journal and
//! archive, [`listed`] answers from the archive's list and [`minutely`] from a file's counts, [`prune`] says which files, row groups and columns need no look, [`group`] narrows a
//! row group down by [`column`]s, [`tally`] counts, [`answer`] collects what matches, [`fetch`] reads the archive's
//! part of the answer whole.
//!
//! Invariants: the caller's scope and the exercise filter hold for every record, whatever the
//! query says. The archive answers up to its `archived_through`, the journal beyond it: no record
//! is counted twice, none falls between. A search ends by its deadline with a partial answer.

mod answer;
mod column;
mod expr;
mod fetch;
mod group;
mod listed;
mod minutely;
pub mod outline;
mod parse;
mod prune;
mod scan;
#[cfg(feature = "sql")]
pub mod sql;
mod tally;
mod value;
mod view;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use events::{Event, EventId, Lang, SiteId, Text, Timestamp};
use serde::{Deserialize, Serialize};

use crate::archive::Archive;
use crate::error::Error;
use crate::journal::Journal;

pub use parse::Query;
pub use value::instant;

/// Which sites' records a search may see. There is no search without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole region.
    All,
    /// These sites only.
    Sites(BTreeSet<SiteId>),
}

impl Scope {
    /// Whether a site lies in the scope.
    pub fn holds(&self, site: SiteId) -> bool {
        match self {
            Self::All => true,
            Self::Sites(sites) => sites.contains(&site),
        }
    }
}

/// A query that cannot be read, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ({code}, at {})", .message.en, .span.start)]
pub struct QueryError {
    /// The stable code: `Q` and three digits.
    pub code: &'static str,
    /// Where, in bytes of the query.
    pub span: Range<usize>,
    /// Why.
    pub message: Text,
}

impl QueryError {
    /// The query down to the line with the place, a caret under it, and the reason.
    pub fn render(&self, query: &str, lang: Lang) -> String {
        let before = query.get(..self.span.start).unwrap_or(query);
        let end = query[before.len()..].find('\n').map_or(query.len(), |n| before.len() + n);
        let line = before.rsplit('\n').next().unwrap_or(before);
        // CJK characters take two columns of a terminal.
        let column: usize = line.chars().map(|c| if (c as u32) < 0x1100 { 1 } else { 2 }).sum();
        let shown = query.get(..end).unwrap_or(query);
        format!("{shown}\n{}^ {} [{}]", " ".repeat(column), self.message.get(lang), self.code)
    }
}

/// Where a page of records ended: the next page holds what is older. Good for as long as the
/// records are kept; what arrives meanwhile is not in later pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Time of the last record given.
    pub time: Timestamp,
    /// Its sequence number.
    pub seq: u64,
    /// Records given so far, over all pages.
    pub taken: usize,
}

/// What to search for.
#[derive(Debug)]
pub struct SearchRequest {
    /// The query.
    pub query: Query,
    /// Records that happened at or after this.
    pub from: Timestamp,
    /// Records that happened before this.
    pub to: Timestamp,
    /// Whose records.
    pub scope: Scope,
    /// At most this many records or rows in the answer.
    pub limit: usize,
    /// Go on behind a page that was given; for answers of records.
    pub after: Option<Cursor>,
    /// When to stop with what there is.
    pub deadline: Option<Instant>,
    /// How long the archive is looked through before a page of records may end with what is final
    /// by then, so that it can be shown: the next page goes on. A page always gets somewhere. Every
    /// page reads the journal again, so slices that grow cost least.
    pub slice: Option<Duration>,
    /// Whether records of exercises are found too.
    pub include_exercise: bool,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.time.nanos(), self.seq, self.taken)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(BadCursor);
        let time = Timestamp::from_nanos(part()?.parse().map_err(|_| BadCursor)?);
        let seq = part()?.parse().map_err(|_| BadCursor)?;
        let taken = part()?.parse().map_err(|_| BadCursor)?;
        Ok(Self { time, seq, taken })
    }
}

/// A text that is no [`Cursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no place in a search")]
pub struct BadCursor;

/// Why a search ended before it had looked everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// Its deadline passed.
    Deadline,
    /// Who asked does not want the answer any more.
    Cancelled,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Records, newest first.
    Events(Vec<Event>),
    /// The table that pipes asked for.
    Table {
        /// Names of the columns.
        columns: Vec<String>,
        /// The rows.
        rows: Vec<Vec<String>>,
    },
}

/// An answer and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchResult {
    /// The answer.
    pub answer: Answer,
    /// Records that match.
    pub matched: u64,
    /// Whether `matched` is all of them: a page that is full leaves older ones uncounted.
    pub counted: bool,
    /// Records that were looked at; what filters and statistics rule out is not.
    pub scanned: u64,
    /// Whether the deadline or the caller cut it short, or a part could not be read.
    pub partial: bool,
    /// What cut it short.
    pub stopped: Option<Stopped>,
    /// Parts of journal and archive that are damaged or gone; the answer is without them.
    pub unreadable: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Where the next page begins, if the limit, the slice or the deadline ended this one: what is
    /// newer was given without a gap.
    pub next: Option<Cursor>,
}

/// Answers a request. `cancel` ends it early with what there is.
pub fn search(
    journal: &Journal,
    archive: &Archive,
    request: &SearchRequest,
    cancel: &AtomicBool,
) -> Result<SearchResult, Error> {
    let began = Instant::now();
    let mut collector = answer::Collector::new(&request.query, request.limit, request.after);
    let mut progress = scan::scan(journal, archive, request, cancel, &mut collector)?;
    let read = fetch::rows(archive, &collector.rows(), &mut progress);
    let next = collector.next();
    let answer = collector.finish(read);
    Ok(SearchResult {
        answer,
        matched: progress.matched,
        counted: progress.counted && progress.unreadable.is_empty(),
        scanned: progress.scanned,
        partial: progress.stopped.is_some() || !progress.unreadable.is_empty(),
        stopped: progress.stopped,
        unreadable: progress.unreadable,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        next,
    })
}

/// One record by its id, if it lies in the scope.
pub fn event_by_id(
    journal: &Journal,
    archive: &Archive,
    id: EventId,
    scope: &Scope,
) -> Result<Option<Event>, Error> {
    let request = SearchRequest {
        query: Query::by_id(id),
        from: Timestamp::MIN,
        to: Timestamp::MAX,
        scope: scope.clone(),
        limit: 1,
        after: None,
        deadline: None,
        slice: None,
        include_exercise: true,
    };
    match search(journal, archive, &request, &AtomicBool::new(false))?.answer {
        Answer::Events(events) => Ok(events.into_iter().next()),
        Answer::Table { .. } => Ok(None),
    }
}

#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;
