//! Drills of a node: one at a time, kept in the store after every change, so that a restart goes
//! on where it stood.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::{DrillId, ExerciseId, RunId, SiteId, Text, Timestamp};
use playbooks::drill::{Act, DrillRun, EndReason, Observation, ObservedAlert};
use playbooks::{
    Answer, Begin, Drill, EffectRequest, Effector, Effectors, Mode, Outcome, Playbook, Run,
    RunJournal, Transition,
};
use serde::{Deserialize, Serialize};
use store::state::{Record, State, Table};

use crate::alert::{ActKind, AlertGroup, Verdict};
use crate::error::Error;

/// A drill as the store holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrillRecord {
    /// Its id.
    pub id: DrillId,
    /// Its name.
    pub name: Text,
    /// Slug of its playbook.
    pub slug: String,
    /// Who started it.
    pub by: String,
    /// The run of its playbook.
    pub playbook_run: RunId,
    /// Its clocks.
    pub run: DrillRun,
}

impl Record for DrillRecord {
    const VERSION: u8 = 1;
}

#[derive(Serialize, Deserialize)]
struct Entry(Transition);

impl Record for Entry {
    const VERSION: u8 = 1;
}

/// The drills of a node.
pub(crate) struct DrillBook {
    drills: Table<DrillId, DrillRecord>,
    journal: Table<(RunId, u64), Entry>,
    state: Arc<State>,
    active: Mutex<Option<Active>>,
}

/// The drill that runs now.
struct Active {
    record: DrillRecord,
    run: Run,
    effectors: Effectors,
}

/// A playbook run's journal in the state store.
struct SledJournal<'b> {
    book: &'b DrillBook,
    run: RunId,
}

impl RunJournal for SledJournal<'_> {
    fn append(&mut self, entry: &Transition) -> Result<(), playbooks::Error> {
        let key = (self.run, entry.sequence);
        let put = self.book.journal.put(&key, &Entry(entry.clone()));
        put.and_then(|()| self.book.state.flush()).map_err(|e| playbooks::Error::Journal {
            what: "write",
            source: std::io::Error::other(e.to_string()),
        })
    }

    fn read(&self) -> Result<Vec<Transition>, playbooks::Error> {
        let rows = self.book.journal.range((self.run, 0)..=(self.run, u64::MAX));
        let entries: Result<Vec<_>, _> = rows.map(|row| row.map(|(_, entry)| entry.0)).collect();
        entries.map_err(|e: store::Error| playbooks::Error::Journal {
            what: "read",
            source: std::io::Error::other(e.to_string()),
        })
    }
}

/// In an exercise nobody outside is told anything: the notification is a line of the run.
struct Notify;

impl Effector for Notify {
    fn kind(&self) -> &str {
        playbooks::extension::NOTIFICATION
    }

    fn perform(&mut self, request: &EffectRequest<'_>) -> Outcome {
        // Channels come with the outbox; until then a production notification is not possible.
        let _ = request;
        Outcome::Failed { reason: "no notification channel is configured".to_owned() }
    }
}

impl DrillBook {
    /// Opens the tables and takes up a drill that was under way.
    pub(crate) fn open(state: Arc<State>) -> Result<Self, Error> {
        let book = Self {
            drills: state.table("drills")?,
            journal: state.table("playbook_journal")?,
            state,
            active: Mutex::new(None),
        };
        let latest = book.drills.last(1)?.into_iter().next().map(|(_, record)| record);
        if let Some(record) = latest.filter(|r| r.run.ended().is_none()) {
            let playbook = shipped(&record.slug)?;
            let journal = SledJournal { book: &book, run: record.playbook_run };
            let run = Run::resume(playbook, &journal).map_err(part)?;
            *book.lock() = Some(Active { record, run, effectors: effectors() });
        }
        Ok(book)
    }

    /// Begins a drill at a school.
    pub(crate) fn start(
        &self,
        slug: &str,
        site: SiteId,
        by: &str,
        now: Timestamp,
        unique: impl Fn() -> u128,
    ) -> Result<DrillRecord, Error> {
        let mut active = self.lock();
        if active.as_ref().is_some_and(|a| a.record.run.ended().is_none()) {
            return Err(Error::Running { what: "drill" });
        }
        let playbook = shipped(slug)?;
        let drill = Drill::new(Arc::clone(&playbook)).map_err(part)?;
        let record = DrillRecord {
            id: DrillId::at(now, unique()),
            name: playbook.name.clone(),
            slug: slug.to_owned(),
            by: by.to_owned(),
            playbook_run: RunId::at(now, unique()),
            run: DrillRun::new(&drill, ExerciseId::at(now, unique()), site, now),
        };
        let begin = Begin {
            run: record.playbook_run,
            mode: Mode::Exercise,
            by: by.to_owned(),
            variables: BTreeMap::from([("__site__".to_owned(), site.to_string())]),
        };
        let mut journal = SledJournal { book: self, run: record.playbook_run };
        let mut run = Run::start(playbook, begin, now, &mut journal).map_err(part)?;
        let mut effectors = effectors();
        run.advance(now, &mut effectors, &mut journal).map_err(part)?;
        self.save(&record)?;
        *active = Some(Active { record: record.clone(), run, effectors });
        Ok(record)
    }

    /// The drill that runs now.
    pub(crate) fn active(&self) -> Option<DrillRecord> {
        let active = self.lock();
        active.as_ref().map(|a| a.record.clone()).filter(|r| r.run.ended().is_none())
    }

    /// The school an exercise plays at, if it runs now.
    pub(crate) fn site_of(&self, exercise: ExerciseId) -> Option<SiteId> {
        let active = self.lock();
        let run = &active.as_ref()?.record.run;
        (run.exercise() == exercise).then(|| run.site())
    }

    /// One drill and the state of its playbook.
    pub(crate) fn get(
        &self,
        id: DrillId,
    ) -> Result<Option<(DrillRecord, playbooks::RunStatus)>, Error> {
        if let Some(active) = self.lock().as_ref().filter(|a| a.record.id == id) {
            return Ok(Some((active.record.clone(), active.run.status())));
        }
        let Some(record) = self.drills.get(&id)? else { return Ok(None) };
        let journal = SledJournal { book: self, run: record.playbook_run };
        let run = Run::resume(shipped(&record.slug)?, &journal).map_err(part)?;
        Ok(Some((record, run.status())))
    }

    /// All drills, latest first.
    pub(crate) fn list(&self, most: usize) -> Result<Vec<DrillRecord>, Error> {
        Ok(self.drills.last(most)?.into_iter().map(|(_, record)| record).collect())
    }

    /// Changes the clocks of the drill that runs, and keeps them.
    pub(crate) fn change<T>(
        &self,
        id: DrillId,
        act: impl FnOnce(&mut DrillRun) -> Result<T, playbooks::Error>,
    ) -> Result<T, Error> {
        let mut active = self.lock();
        let none = Error::NotFound { what: "drill" };
        let active = active.as_mut().filter(|a| a.record.id == id).ok_or(none)?;
        let mut run = active.record.run.clone();
        let done = act(&mut run).map_err(part)?;
        if run != active.record.run {
            active.record.run = run;
            self.save(&active.record)?;
        }
        Ok(done)
    }

    /// Takes a person's word on a waiting step of the playbook.
    pub(crate) fn answer(&self, id: DrillId, answer: &Answer, now: Timestamp) -> Result<(), Error> {
        let mut guard = self.lock();
        let none = Error::NotFound { what: "drill" };
        let active = guard.as_mut().filter(|a| a.record.id == id).ok_or(none)?;
        let mut journal = SledJournal { book: self, run: active.record.playbook_run };
        active.run.answer(answer, now, &mut journal).map_err(part)?;
        active.run.advance(now, &mut active.effectors, &mut journal).map_err(part)?;
        Ok(())
    }

    /// Lets timers of the playbook run out.
    pub(crate) fn advance(&self, now: Timestamp) -> Result<(), Error> {
        let mut guard = self.lock();
        let Some(active) = guard.as_mut() else { return Ok(()) };
        let mut journal = SledJournal { book: self, run: active.record.playbook_run };
        active.run.advance(now, &mut active.effectors, &mut journal).map_err(part)?;
        Ok(())
    }

    /// Tells the running drill of an alert group that was raised or changed.
    pub(crate) fn observe(
        &self,
        group: &AlertGroup,
        now: Timestamp,
    ) -> Result<Option<DrillId>, Error> {
        let Some(record) = self.active() else { return Ok(None) };
        let alert = ObservedAlert {
            alert: group.id,
            rule: &group.rule_id,
            level: group.level,
            exercise: group.exercise,
            inject: None,
        };
        // A real group that was open before the drill began is no news.
        let old = group.exercise.is_none() && group.raised < record.run.started();
        if old || (group.exercise.is_none() && !group.is_open()) {
            return Ok(None);
        }
        let seen = self.change(record.id, |run| Ok(run.observed(&alert, now)))?;
        Ok((seen != Observation::Ignored).then_some(record.id))
    }

    /// Tells the running drill that a record of one of its injects is durable. The drill's id the
    /// first time.
    pub(crate) fn logged(
        &self,
        exercise: ExerciseId,
        inject: &str,
        now: Timestamp,
    ) -> Result<Option<DrillId>, Error> {
        let Some(record) = self.active().filter(|r| r.run.exercise() == exercise) else {
            return Ok(None);
        };
        if record.run.clock(inject).is_none_or(|clock| clock.logged.is_some()) {
            return Ok(None);
        }
        self.change(record.id, |run| run.logged(inject, now))?;
        Ok(Some(record.id))
    }

    /// Tells the running drill what a person did to one of its alerts.
    pub(crate) fn acted_on(&self, group: &AlertGroup) -> Result<Option<DrillId>, Error> {
        let Some(record) = self.active() else { return Ok(None) };
        let Some(last) = group.history.last() else { return Ok(None) };
        let act = match last.what {
            ActKind::Raised => return Ok(None),
            ActKind::Acknowledged | ActKind::Assigned { .. } => Act::Acknowledged,
            ActKind::Closed { verdict: Verdict::True | Verdict::Duplicate } => Act::ConfirmedAttack,
            ActKind::Closed { .. } => Act::DismissedAsFalse,
        };
        let Some(inject) = record.run.inject_by_alert(group.id).map(str::to_owned) else {
            return Ok(None);
        };
        self.change(record.id, |run| run.acted(&inject, act, &last.by, last.at))?;
        Ok(Some(record.id))
    }

    /// Ends the drill that runs.
    pub(crate) fn end(&self, id: DrillId, reason: EndReason, now: Timestamp) -> Result<(), Error> {
        self.change(id, |run| {
            run.end(reason, now);
            Ok(())
        })
    }

    fn save(&self, record: &DrillRecord) -> Result<(), Error> {
        self.drills.put(&record.id, record)?;
        Ok(self.state.flush()?)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn effectors() -> Effectors {
    Effectors::new().with(Notify)
}

/// A shipped playbook by its slug.
pub(crate) fn shipped(slug: &str) -> Result<Arc<Playbook>, Error> {
    let all = playbooks::library();
    let (name, text) =
        all.iter().find(|(n, _)| n == slug).ok_or(Error::NotFound { what: "playbook" })?;
    playbooks::parse(name, text).map(Arc::new).map_err(|problems| Error::Part {
        part: "playbooks",
        message: format!("{slug} has {} problems", problems.len()),
    })
}

pub(crate) fn part(error: playbooks::Error) -> Error {
    Error::Part { part: "playbooks", message: format!("{error} ({})", error.code()) }
}
