//! Log records as an export: page after page, until nothing older is left, its time is over, or
//! whoever wanted it has gone. It is in the audit log when it begins and when it ends.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use events::Timestamp;
use store::search::{Cursor, Query, Stopped};

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::error::Error;
use crate::view::{SearchForm, SearchPage};

/// After so long what was found is handed on. Each page costs a look through the journal, so it is
/// twice as long for the next one, up to a bound.
const SLICE_MS: u64 = 1_000;
const SLICE_MS_MAX: u64 = 16_000;

/// An export under way.
pub struct Export {
    centre: Arc<Centre>,
    caller: Caller,
    query: Query,
    form: SearchForm,
    end: Instant,
    state: ExportEnd,
    over: bool,
}

/// How an export ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportEnd {
    /// Records or rows that were given.
    pub given: u64,
    /// What stopped it before its end.
    pub stopped: Option<Stopped>,
    /// Parts of journal and archive that could not be read.
    pub unreadable: Vec<String>,
    /// Where it was left; a new export goes on behind it.
    pub next: Option<Cursor>,
}

impl ExportEnd {
    /// Whether all that matches was given.
    pub fn is_whole(&self) -> bool {
        self.stopped.is_none() && self.unreadable.is_empty()
    }
}

impl Centre {
    /// Begins an export of what a search finds. It ends after `within` at the latest; the form's
    /// limit is that of one page.
    pub fn export(
        self: &Arc<Self>,
        caller: &Caller,
        form: SearchForm,
        within: Duration,
    ) -> Result<Export, Error> {
        caller.need(Permission::Search)?;
        // What cannot be read is told now, not in the middle of a file.
        let query = Query::parse(&form.query)?;
        self.audit_log.record(Some(caller), "search.export", &form.query, true, self.now())?;
        let (from, to) = self.search_span(&form);
        Ok(Export {
            centre: Arc::clone(self),
            caller: caller.clone(),
            query,
            // Every page is of the same time, whenever it is read.
            form: SearchForm { from: Some(from), to: Some(to), slice_ms: Some(SLICE_MS), ..form },
            end: Instant::now() + within,
            state: ExportEnd::default(),
            over: false,
        })
    }
}

impl Export {
    /// The next page; `None` after the last. With `cancel` set it is the last.
    pub fn page(&mut self, cancel: &AtomicBool) -> Result<Option<SearchPage>, Error> {
        if self.over {
            return Ok(None);
        }
        let left = self.end.saturating_duration_since(Instant::now()).as_millis();
        self.form.deadline_ms = Some(u64::try_from(left).unwrap_or(u64::MAX));
        let (query, scope) = (self.query.clone(), self.caller.scope());
        let found = self.centre.search_with(query, &self.form, scope, &self.caller, cancel);
        let page = found.inspect_err(|_| self.over = true)?;
        let rows = page.table.as_ref().map_or(page.records.len(), |(_, rows)| rows.len());
        self.state.given += rows as u64;
        let unreadable = &mut self.state.unreadable;
        for part in &page.unreadable {
            if !unreadable.contains(part) {
                unreadable.push(part.clone());
            }
        }
        self.form.after = page.next;
        self.form.slice_ms = self.form.slice_ms.map(|ms| (2 * ms).min(SLICE_MS_MAX));
        self.state.next = page.next;
        let late = Instant::now() >= self.end;
        self.state.stopped = match (page.stopped, page.next) {
            // A search alone may not run as long as an export: the next page goes on.
            (Some(Stopped::Deadline), Some(_)) if !late => None,
            (Some(why), _) => Some(why),
            (None, Some(_)) if late => Some(Stopped::Deadline),
            (None, _) => None,
        };
        self.over = self.state.stopped.is_some() || page.next.is_none();
        Ok(Some(page))
    }

    /// From when until when it looks.
    pub fn span(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.form.from, self.form.to)
    }

    /// How it ended; whole so far while pages are left.
    pub fn ended(&self) -> &ExportEnd {
        &self.state
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        let whole = self.over && self.state.is_whole();
        let target = format!("{} | {}", self.state.given, self.form.query);
        let (log, now) = (&self.centre.audit_log, self.centre.now());
        let noted = log.record(Some(&self.caller), "search.exported", &target, whole, now);
        if let Err(error) = noted {
            tracing::error!(%error, "the end of an export is not in the audit log");
        }
    }
}
