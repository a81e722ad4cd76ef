//! Searching log records, within the caller's scope and a deadline.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use events::{EventId, Timestamp};
use store::search::{Answer, Query, SearchRequest};

use crate::account::{Caller, Permission, Scope};
use crate::centre::Centre;
use crate::error::Error;
use crate::limits;
use crate::sight::Veil;
use crate::view::{Record, SearchForm, SearchPage};

/// How far back a search looks if it does not say.
const DEFAULT_SPAN: Duration = Duration::from_secs(24 * 3600);
/// How far ahead of the clock a record may be and still be found.
const AHEAD: Duration = Duration::from_secs(3600);
/// Buckets of the histogram over a record answer.
const BUCKETS: i64 = 60;

impl Centre {
    /// Answers a query. Every search is in the audit log, one that cannot be read as a failure.
    pub fn search(&self, caller: &Caller, form: &SearchForm) -> Result<SearchPage, Error> {
        self.search_until(caller, form, &AtomicBool::new(false))
    }

    /// The same; ends with what there is when `cancel` is set.
    pub fn search_until(
        &self,
        caller: &Caller,
        form: &SearchForm,
        cancel: &AtomicBool,
    ) -> Result<SearchPage, Error> {
        caller.need(Permission::Search)?;
        let query = Query::parse(&form.query);
        self.audit_log.record(Some(caller), "search", &form.query, query.is_ok(), self.now())?;
        self.search_with(query?, form, caller.scope(), caller, cancel)
    }

    pub(crate) fn search_in(
        &self,
        form: &SearchForm,
        scope: Scope,
        caller: &Caller,
    ) -> Result<SearchPage, Error> {
        let query = Query::parse(&form.query)?;
        self.search_with(query, form, scope, caller, &AtomicBool::new(false))
    }

    /// What the caller looks through: everything that holds text of records goes out through it.
    pub(crate) fn veil(&self, caller: &Caller) -> Veil<'_> {
        self.sight.veil(&caller.role, caller.lang, &self.reveals.taxonomy, self.now())
    }

    /// Log records by their ids, within the caller's scope.
    pub(crate) fn records_by_id(
        &self,
        ids: &[EventId],
        caller: &Caller,
        veil: &mut Veil<'_>,
    ) -> Result<Vec<Record>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let form = SearchForm {
            query: format!("id:({})", names.join(" OR ")),
            from: Some(Timestamp::MIN),
            to: Some(Timestamp::MAX),
            limit: ids.len(),
            exercises: true,
            ..SearchForm::default()
        };
        let cancel = AtomicBool::new(false);
        let query = Query::parse(&form.query)?;
        Ok(self.search_through(query, &form, caller.scope(), caller, veil, &cancel)?.records)
    }

    /// From when until when a search looks.
    pub(crate) fn search_span(&self, form: &SearchForm) -> (Timestamp, Timestamp) {
        let now = self.now();
        let from = form.from.unwrap_or_else(|| now.minus(DEFAULT_SPAN));
        (from, form.to.unwrap_or_else(|| now.plus(AHEAD)))
    }

    /// Answers a form whose query was read.
    pub(crate) fn search_with(
        &self,
        query: Query,
        form: &SearchForm,
        scope: Scope,
        caller: &Caller,
        cancel: &AtomicBool,
    ) -> Result<SearchPage, Error> {
        self.search_through(query, form, scope, caller, &mut self.veil(caller), cancel)
    }

    /// The same through a veil that is not the caller's own.
    pub(crate) fn search_through(
        &self,
        query: Query,
        form: &SearchForm,
        scope: Scope,
        caller: &Caller,
        veil: &mut Veil<'_>,
        cancel: &AtomicBool,
    ) -> Result<SearchPage, Error> {
        if let Scope::Site(site) = scope {
            caller.need_site(site)?;
        }
        let (from, to) = self.search_span(form);
        let deadline_ms =
            form.deadline_ms.unwrap_or(limits::SEARCH_MS_MAX).min(limits::SEARCH_MS_LONGEST);
        let request = SearchRequest {
            query,
            from,
            // What is newer was given: files of it need no look.
            to: form.after.map_or(to, |cursor| {
                to.min(Timestamp::from_nanos(cursor.time.nanos().saturating_add(1)))
            }),
            after: form.after,
            scope: scope.for_search(),
            limit: form.limit.clamp(1, limits::SEARCH_ROWS_MAX),
            deadline: Some(Instant::now() + Duration::from_millis(deadline_ms)),
            slice: form.slice_ms.map(Duration::from_millis),
            include_exercise: form.exercises,
        };
        let (journal, archive) = (&self.pipeline.journal, &self.pipeline.archive);
        let result = store::search::search(journal, archive, &request, cancel)?;
        let mut page = SearchPage {
            records: Vec::new(),
            table: None,
            matched: result.matched,
            counted: result.counted,
            scanned: result.scanned,
            partial: result.partial,
            stopped: result.stopped,
            unreadable: result.unreadable,
            masked: 0,
            took_ms: result.took_ms,
            histogram: Vec::new(),
            from,
            to,
            next: result.next,
        };
        match result.answer {
            Answer::Events(events) => {
                page.records = events.iter().map(Record::from).collect();
                page.histogram = histogram(&page.records);
                page.records.iter_mut().for_each(|record| veil.record(record));
                page.masked = page.records.iter().filter(|r| !r.masked.is_empty()).count() as u64;
            }
            Answer::Table { columns, mut rows } => {
                page.masked = veil.table(&columns, &mut rows);
                page.table = Some((columns, rows));
            }
        }
        Ok(page)
    }
}

/// Counts of the returned records over the time they span.
fn histogram(records: &[Record]) -> Vec<(Timestamp, u64)> {
    let times = records.iter().map(|r| r.time.nanos());
    let (Some(first), Some(last)) = (times.clone().min(), times.clone().max()) else {
        return Vec::new();
    };
    let width = ((last - first) / BUCKETS + 1).max(1_000_000_000);
    let mut counts = vec![0u64; ((last - first) / width + 1) as usize];
    for time in times {
        counts[((time - first) / width) as usize] += 1;
    }
    let at = |n: usize| Timestamp::from_nanos(first + n as i64 * width);
    counts.into_iter().enumerate().map(|(n, count)| (at(n), count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::SiteId;

    #[test]
    fn the_histogram_counts_every_record_once() {
        let at = |secs: i64| Record {
            id: EventId::default(),
            time: Timestamp::from_secs(secs),
            received: Timestamp::from_secs(secs),
            site: SiteId::BUREAU,
            sensor: "x",
            logsource: String::new(),
            fields: vec![],
            raw: String::new(),
            exercise: false,
            undecoded: false,
            masked: vec![],
        };
        let rows: Vec<Record> = [5, 5, 6, 4_000, 90_000].map(at).to_vec();
        let h = histogram(&rows);
        assert_eq!(h.iter().map(|b| b.1).sum::<u64>(), 5);
        assert!(h.len() <= BUCKETS as usize + 1);
        assert!(histogram(&[]).is_empty());
    }
}
