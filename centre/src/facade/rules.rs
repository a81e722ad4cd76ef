//! Rules: what is in force, loading them again, back-tests and exceptions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use events::{Event, EventId, SiteId, Timestamp};
use rules::exception::{Exception, Exceptions, check_when};
use rules::{CorrelationLimits, Detection, Engine, RuleSet, Source};
use serde::{Deserialize, Serialize};
use store::search::{Answer, Query, SearchRequest};

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::error::Error;
use crate::limits;

/// How many detections of one rule a back-test shows.
const SHOWN: usize = 5;
/// Events read at once.
const CHUNK: usize = 50_000;
/// The first and the shortest stretch of time read at once.
const STRETCH: Duration = Duration::from_secs(3_600);
const STRETCH_MIN: Duration = Duration::from_millis(500);
/// How long a back-test may take.
const BACKTEST_WITHIN: Duration = Duration::from_secs(100);

/// What a back-test found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Backtest {
    /// Events read.
    pub events: u64,
    /// Rules that fired, by id.
    pub rules: BTreeMap<String, BacktestRule>,
    /// Not everything was read: the deadline passed, or a moment held too much.
    pub partial: bool,
}

/// One rule that fired.
#[derive(Clone, Debug, Default, Serialize)]
pub struct BacktestRule {
    /// How often.
    pub detections: u64,
    /// How often an exception covered it.
    pub excepted: u64,
    /// The first ones.
    pub shown: Vec<Shown>,
}

/// One detection.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// When.
    pub time: Timestamp,
    /// Where.
    pub site: SiteId,
    /// The event that completed it.
    pub event: EventId,
    /// Whether the exception covers it.
    pub excepted: bool,
    /// What matched, as `field=value`.
    pub fields: Vec<String>,
}

/// What a person says of a new exception.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceptionDraft {
    /// Rules by id or name; `any` for all.
    pub rules: Vec<String>,
    /// Only at these schools; everywhere when empty.
    pub sites: Vec<SiteId>,
    /// What is excepted, in Sigma.
    pub when: String,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// An exception as it is listed.
#[derive(Clone, Debug, Serialize)]
pub struct ExceptionRow {
    /// The exception.
    pub exception: Exception,
    /// Whether it has effect now.
    pub in_force: bool,
    /// Detections it has covered since the program started.
    pub covered: u64,
}

impl Centre {
    /// Loads rules, pipelines and lists again.
    ///
    /// # Errors
    /// A set with new faults is refused; what is at work stays.
    pub fn reload_rules(&self, caller: &Caller) -> Result<usize, Error> {
        caller.need(Permission::RulesWrite)?;
        let done = self.pipeline.rules.reload();
        self.audit_log.record(Some(caller), "rules.reload", "", done.is_ok(), self.now())?;
        done.map(|new| new.set.rules().len())
    }

    /// Runs rules (those in force when none are given) over past events, oldest first.
    pub fn backtest(
        &self,
        caller: &Caller,
        sources: &[Source],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Backtest, Error> {
        caller.need(Permission::Search)?;
        let set = if sources.is_empty() {
            self.pipeline.rules.in_force().set
        } else {
            Arc::new(RuleSet::load(sources, &self.pipeline.rules.options()?).set)
        };
        let about = format!("{from} – {to}");
        self.audit_log.record(Some(caller), "rules.backtest", &about, true, self.now())?;
        self.replay(caller, set, None, from, to)
    }

    /// What an exception would cover of past detections.
    pub fn preview_exception(
        &self,
        caller: &Caller,
        draft: &ExceptionDraft,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Backtest, Error> {
        caller.need(Permission::Search)?;
        let exception = self.made(caller, draft)?;
        // As if it were agreed to and in force.
        let exception =
            Exception { approver: Some(String::new()), expires: Timestamp::MAX, ..exception };
        let set = self.pipeline.rules.in_force().set;
        self.replay(caller, set, Some(exception), from, to)
    }

    fn replay(
        &self,
        caller: &Caller,
        set: Arc<RuleSet>,
        exception: Option<Exception>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Backtest, Error> {
        let deadline = Instant::now() + BACKTEST_WITHIN;
        let only = exception.as_ref().map(|e| e.rules.clone()).unwrap_or_default();
        let (exceptions, _) = Exceptions::compile(exception.as_slice(), &set);
        let mut engine = Engine::reading_again(Arc::clone(&set), CorrelationLimits::default());
        engine.set_intel(self.pipeline.rules.in_force().intel);
        let mut out = Backtest::default();
        let mut detections = Vec::new();
        let mut veil = self.veil(caller);
        let mut take = |out: &mut Backtest, found: &mut Vec<Detection>, event: Option<&Event>| {
            for d in found.drain(..) {
                let rule = set.rule(d.rule);
                let named =
                    |r: &String| r == "any" || *r == rule.id || rule.name.as_ref() == Some(r);
                if !only.is_empty() && !only.iter().any(named) {
                    continue;
                }
                let covered = exceptions.covering(&set, &d, event, d.time).is_some();
                let of = out.rules.entry(d.rule_id.clone()).or_default();
                of.detections += 1;
                of.excepted += u64::from(covered);
                if of.shown.len() < SHOWN {
                    let fields = d
                        .fields
                        .iter()
                        .map(|f| format!("{}={}", f.field, veil.text(&f.field, &f.value)));
                    of.shown.push(Shown {
                        time: d.time,
                        site: d.site,
                        event: d.event,
                        excepted: covered,
                        fields: fields.collect(),
                    });
                }
            }
        };
        let (mut at, mut stretch) = (from, STRETCH);
        while at < to {
            if Instant::now() >= deadline {
                out.partial = true;
                break;
            }
            let end = at.plus(stretch).min(to);
            let events = self.past(caller, at, end, deadline)?;
            if events.len() > CHUNK && stretch > STRETCH_MIN {
                stretch /= 2;
                continue;
            }
            out.partial |= events.len() > CHUNK;
            for event in events.iter().rev() {
                out.events += 1;
                engine.feed(event, &mut detections);
                take(&mut out, &mut detections, Some(event));
            }
            if events.len() < CHUNK / 4 {
                stretch = (stretch * 2).min(STRETCH * 24);
            }
            at = end;
        }
        engine.advance(Timestamp::MAX, &mut detections);
        take(&mut out, &mut detections, None);
        Ok(out)
    }

    /// Events of a stretch of time, newest first; one more than a chunk when there are more.
    fn past(
        &self,
        caller: &Caller,
        from: Timestamp,
        to: Timestamp,
        deadline: Instant,
    ) -> Result<Vec<Event>, Error> {
        let request = SearchRequest {
            query: Query::parse("")?,
            from,
            // The end is the beginning of the next stretch.
            to: to.minus(Duration::from_nanos(1)),
            scope: caller.scope().for_search(),
            limit: CHUNK + 1,
            after: None,
            deadline: Some(deadline),
            slice: None,
            include_exercise: false,
        };
        let (journal, archive) = (&self.pipeline.journal, &self.pipeline.archive);
        let found = store::search::search(journal, archive, &request, &AtomicBool::new(false))?;
        match found.answer {
            Answer::Events(events) => Ok(events),
            Answer::Table { .. } => Ok(Vec::new()),
        }
    }

    /// All exceptions.
    pub fn exceptions(&self, caller: &Caller) -> Result<Vec<ExceptionRow>, Error> {
        caller.need(Permission::AlertsRead)?;
        let book = &self.pipeline.rules.exceptions;
        let (counts, now) = (book.counts(), self.now());
        let seen =
            |e: &Exception| e.sites.is_empty() || e.sites.iter().any(|s| caller.scope().holds(*s));
        let rows = book.list()?.into_iter().filter(seen).map(|exception| ExceptionRow {
            in_force: exception.is_in_force(now),
            covered: counts.get(&exception.id).copied().unwrap_or(0),
            exception,
        });
        Ok(rows.collect())
    }

    /// Asks for an exception. It has no effect before another person agrees.
    pub fn add_exception(
        &self,
        caller: &Caller,
        draft: &ExceptionDraft,
    ) -> Result<Exception, Error> {
        caller.need(Permission::AlertsWrite)?;
        let exception = self.made(caller, draft)?;
        self.change("exception.add", caller, &exception)?;
        Ok(exception)
    }

    /// Agrees to an exception that somebody else asked for.
    pub fn approve_exception(&self, caller: &Caller, id: &str) -> Result<Exception, Error> {
        caller.need(Permission::RulesWrite)?;
        let mut exception = self.pipeline.rules.exceptions.get(id)?;
        if exception.author == caller.account {
            return Err(Error::BadValue { field: "approver: another person than the author" });
        }
        exception.approver = Some(caller.account.clone());
        self.change("exception.approve", caller, &exception)?;
        Ok(exception)
    }

    /// Ends an exception.
    pub fn remove_exception(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        caller.need(Permission::RulesWrite)?;
        let set = self.pipeline.rules.in_force().set;
        let done = self.pipeline.rules.exceptions.remove(id, &set);
        self.audit_log.record(Some(caller), "exception.remove", id, done.is_ok(), self.now())?;
        done
    }

    fn change(&self, action: &str, caller: &Caller, e: &Exception) -> Result<(), Error> {
        let set = self.pipeline.rules.in_force().set;
        let done = self.pipeline.rules.exceptions.put(e, &set);
        self.audit_log.record(Some(caller), action, &e.id, done.is_ok(), self.now())?;
        done
    }

    fn made(&self, caller: &Caller, draft: &ExceptionDraft) -> Result<Exception, Error> {
        let now = self.now();
        let bad = |field: &'static str| Err(Error::BadValue { field });
        if draft.rules.is_empty() {
            return bad("rules");
        }
        let set = self.pipeline.rules.in_force().set;
        let known = |r: &String| {
            r == "any" || set.rules().iter().any(|k| k.id == *r || k.name.as_ref() == Some(r))
        };
        if !draft.rules.iter().all(known) {
            return Err(Error::NotFound { what: "rule" });
        }
        if draft.reason.trim().is_empty() || draft.reason.chars().count() > limits::NOTE_CHARS_MAX {
            return bad("reason");
        }
        if draft.expires <= now {
            return bad("expires");
        }
        for site in &draft.sites {
            caller.need_site(*site)?;
        }
        if let Err(problems) = check_when("exception", &draft.when) {
            let first = problems
                .first()
                .map(|p| format!("[{}] {}:{} {}", p.code, p.line, p.column, p.message.en));
            return Err(Error::Part { part: "exception", message: first.unwrap_or_default() });
        }
        Ok(Exception {
            id: EventId::at(now, self.world.unique()).to_string(),
            rules: draft.rules.clone(),
            sites: draft.sites.clone(),
            when: draft.when.clone(),
            reason: draft.reason.trim().to_owned(),
            author: caller.account.clone(),
            approver: None,
            created: now,
            expires: draft.expires,
        })
    }
}
