//! Drills: start, watch, act, end.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::{DrillId, SiteId, Text};
use playbooks::Answer;
use playbooks::drill::{Act, EndReason};

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::drill::DrillRecord;
use crate::error::Error;
use crate::live::Live;
use crate::view::{DrillDetail, DrillRow};

/// Drills shown in the list.
const ROWS: usize = 100;

impl Centre {
    /// The drills that can be started: slug and name.
    pub fn drill_plans(&self, caller: &Caller) -> Result<Vec<(String, Text)>, Error> {
        caller.need(Permission::DrillsRead)?;
        let all = playbooks::library().into_iter().filter_map(|(slug, text)| {
            let playbook = playbooks::parse(&slug, &text).ok()?;
            playbook.drill.is_some().then(|| (slug, playbook.name.clone()))
        });
        Ok(all.collect())
    }

    /// Starts a drill at a school; its injects go through the real sensors.
    pub fn start_drill(
        self: &Arc<Self>,
        caller: &Caller,
        slug: &str,
        site: SiteId,
    ) -> Result<DrillId, Error> {
        caller.need(Permission::DrillsRun)?;
        caller.need_site(site)?;
        let started =
            self.drills.start(slug, site, &caller.account, self.now(), || self.world.unique());
        self.audit_log.record(Some(caller), "drill.start", slug, started.is_ok(), self.now())?;
        let id = started?.id;
        self.drive_drill(id);
        let _ = self.pipeline.live.send(Live::Drill(id));
        Ok(id)
    }

    /// Feeds and watches a drill in the background. Needs a tokio runtime.
    pub(crate) fn drive_drill(self: &Arc<Self>, id: DrillId) {
        tokio::spawn(crate::inject::drive(Arc::clone(self), id));
    }

    /// All drills, latest first.
    pub fn drills(&self, caller: &Caller) -> Result<Vec<DrillRow>, Error> {
        caller.need(Permission::DrillsRead)?;
        let now = self.now();
        let row = |record: DrillRecord| DrillRow {
            id: record.id,
            site_name: self.directory.site_name(record.run.site()),
            running: record.run.ended().is_none(),
            score: record.run.score(now),
            name: record.name,
        };
        Ok(self.drills.list(ROWS)?.into_iter().map(row).collect())
    }

    /// One drill's board.
    pub fn drill(&self, caller: &Caller, id: DrillId) -> Result<DrillDetail, Error> {
        caller.need(Permission::DrillsRead)?;
        let found = self.drills.get(id)?.ok_or(Error::NotFound { what: "drill" })?;
        let (record, mut playbook) = found;
        let mut veil = self.veil(caller);
        let notes = playbook.steps.iter_mut().flat_map(|step| &mut step.notes);
        notes.for_each(|note| veil.hide("", note));
        Ok(DrillDetail {
            id,
            site_name: self.directory.site_name(record.run.site()),
            running: record.run.ended().is_none(),
            score: record.run.score(self.now()),
            run: record.run,
            by: record.by,
            name: record.name,
            playbook,
        })
    }

    /// A person did something about an inject beyond the alert queue: contained, recovered,
    /// reported.
    pub fn drill_act(
        &self,
        caller: &Caller,
        id: DrillId,
        inject: &str,
        act: Act,
    ) -> Result<(), Error> {
        caller.need(Permission::DrillsRun)?;
        let now = self.now();
        let done = self.drills.change(id, |run| run.acted(inject, act, &caller.account, now));
        let target = format!("{id} {inject} {act:?}");
        self.audit_log.record(Some(caller), "drill.act", &target, done.is_ok(), now)?;
        done?;
        let _ = self.pipeline.live.send(Live::Drill(id));
        Ok(())
    }

    /// A person answers a waiting step of the drill's playbook.
    pub fn drill_answer(
        &self,
        caller: &Caller,
        id: DrillId,
        step: &str,
        success: bool,
        outputs: BTreeMap<String, String>,
        note: &str,
    ) -> Result<(), Error> {
        caller.need(Permission::DrillsRun)?;
        let now = self.now();
        let answer = Answer {
            step: step.to_owned(),
            by: caller.account.clone(),
            success,
            outputs,
            note: note.to_owned(),
        };
        let done = self.drills.answer(id, &answer, now);
        self.audit_log.record(Some(caller), "drill.answer", step, done.is_ok(), now)?;
        done?;
        let _ = self.pipeline.live.send(Live::Drill(id));
        Ok(())
    }

    /// Ends a drill: `completed` when it was played to its end.
    pub fn end_drill(&self, caller: &Caller, id: DrillId, completed: bool) -> Result<(), Error> {
        caller.need(Permission::DrillsRun)?;
        let by = caller.account.clone();
        let reason = if completed { EndReason::Completed } else { EndReason::Stopped { by } };
        let done = self.drills.end(id, reason, self.now());
        self.audit_log.record(
            Some(caller),
            "drill.end",
            &id.to_string(),
            done.is_ok(),
            self.now(),
        )?;
        done?;
        let _ = self.pipeline.live.send(Live::Drill(id));
        Ok(())
    }

    /// The after-action report as a page of its own.
    pub fn drill_report(&self, caller: &Caller, id: DrillId) -> Result<String, Error> {
        let detail = self.drill(caller, id)?;
        Ok(playbooks::drill::html(&detail.score, &detail.name, caller.lang))
    }

    pub(crate) fn running_drill(&self) -> Option<DrillId> {
        self.drills.active().map(|r| r.id)
    }
}
