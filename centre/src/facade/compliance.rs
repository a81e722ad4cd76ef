//! Audit runs: start, list, open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use compliance::audit::{
    self, AuditRun, Catalogue, Clocks, Content, Facet, Fleet, LocalHost, Target, TargetSpec,
    Targets, VerdictKind, diff, findings, plan, score, templates,
};
use compliance::evidence::{BundleSummary, VerifyingKey};
use events::{RunId, SiteId, Timestamp};

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::error::Error;
use crate::evidence::EvidenceStanding;
use crate::live::Live;
use crate::view::{CategoryRow, ItemRow, RunDetail, RunRow};

/// The template whose rate stands in lists: the one in force.
const TEMPLATE_IN_FORCE: &str = "2025";

impl Centre {
    /// Starts an audit of this machine in the background; `caller` is `None` for the schedule.
    pub fn start_audit(self: &Arc<Self>, caller: Option<&Caller>) -> Result<(), Error> {
        if let Some(caller) = caller {
            caller.need(Permission::ComplianceRun)?;
        }
        {
            let mut running = self.auditing.lock().unwrap_or_else(PoisonError::into_inner);
            if running.is_some() {
                return Err(Error::Running { what: "audit" });
            }
            *running = Some((0, 0));
        }
        self.audit_log.record(caller, "audit.start", "host", true, self.now())?;
        let own = Arc::clone(self);
        let spawned = std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
            if let Err(error) = own.audit_now(&mut |_, _, _| {}) {
                tracing::error!(%error, "the audit failed");
            }
        });
        if let Err(source) = spawned {
            *self.auditing.lock().unwrap_or_else(PoisonError::into_inner) = None;
            return Err(Error::Io { what: "start the audit".to_owned(), source });
        }
        Ok(())
    }

    /// Audits this machine, keeps the run and seals it into the evidence log. `progress` gets
    /// checks done, checks planned and the title of the one that starts.
    pub fn audit_now(
        &self,
        progress: &mut dyn FnMut(usize, usize, &events::Text),
    ) -> Result<AuditRun, Error> {
        let done = self.audit_run(progress);
        *self.auditing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Ok(run) = &done {
            let _ = self.pipeline.live.send(Live::Run(run.id));
        }
        done
    }

    fn audit_run(
        &self,
        progress: &mut dyn FnMut(usize, usize, &events::Text),
    ) -> Result<AuditRun, Error> {
        let Content { catalogue, checks } = audit::content().map_err(part)?;
        let mut target = Target::host(SiteId::BUREAU, "localhost");
        target.facets.push(Facet::new("app", "xuedun"));
        let plan = plan(catalogue, checks, &target).map_err(part)?;
        let host = LocalHost::at_root(&self.config.audit.root).with_own(self.own_records()?);
        let last = self.ledger.last_finished()?;
        let clocks = Clocks { now: self.now(), wall: &|| self.now(), last };
        let run = audit::run_by(&plan, &host, &clocks, &mut |p| {
            self.audit_stands(p.done, p.planned);
            progress(p.done, p.planned, &p.check.title);
        });
        self.ledger.keep(&run, self.now())?;
        self.ledger.retest(&run)?;
        if let Err(error) = self.audit_targets(last) {
            // The node's own run stands; what became of the others is told beside it.
            tracing::error!(%error, "the audit of the targets was not finished");
            self.audit_log.record(None, "audit.targets", &error.to_string(), false, self.now())?;
        }
        Ok(run)
    }

    /// Audits the targets of the file named in the configuration, each with a run of its own.
    fn audit_targets(&self, last: Option<Timestamp>) -> Result<(), Error> {
        let Some(file) = &self.config.audit.targets else { return Ok(()) };
        let targets = Targets::load(file).map_err(part)?;
        let Content { catalogue, checks } = audit::content().map_err(part)?;
        let fleet = Fleet {
            catalogue,
            checks,
            concurrency: targets.concurrency,
            wall: &|| self.now(),
            last,
            open: &TargetSpec::open,
            progress: &|p| self.audit_stands(p.done, p.targets),
        };
        fleet.run::<Error>(&targets.all, &mut |run| {
            self.ledger.keep(&run, self.now())?;
            self.ledger.retest(&run)?;
            let _ = self.pipeline.live.send(Live::Run(run.id));
            Ok(())
        })
    }

    fn audit_stands(&self, done: usize, planned: usize) {
        *self.auditing.lock().unwrap_or_else(PoisonError::into_inner) = Some((done, planned));
    }

    /// Checks done and planned of the audit that runs now.
    pub fn audit_progress(&self) -> Option<(usize, usize)> {
        *self.auditing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All runs, latest first. Each is read and scored once in the life of the node.
    pub fn runs(&self, caller: &Caller) -> Result<Vec<RunRow>, Error> {
        caller.need(Permission::ComplianceRead)?;
        self.ledger.ids()?.into_iter().filter_map(|id| self.run_row(id).transpose()).collect()
    }

    fn run_row(&self, id: RunId) -> Result<Option<RunRow>, Error> {
        let mut rows = self.run_rows.lock().unwrap_or_else(PoisonError::into_inner);
        if !rows.contains_key(&id)
            && let Some(run) = self.ledger.run(id)?
        {
            let Content { catalogue, .. } = audit::content().map_err(part)?;
            rows.insert(id, run_row(&run, catalogue)?);
        }
        Ok(rows.get(&id).cloned())
    }

    /// One run with its scores, findings and the difference to the run before.
    pub fn run(&self, caller: &Caller, id: RunId) -> Result<RunDetail, Error> {
        caller.need(Permission::ComplianceRead)?;
        let run = self.ledger.run(id)?.ok_or(Error::NotFound { what: "run" })?;
        let catalogue = Catalogue::embedded().map_err(part)?;
        let checks = audit::checks().map_err(part)?;
        let before = self.ledger.ids()?.into_iter().find(|other| *other < id);
        let before = before.map(|other| self.ledger.run(other)).transpose()?.flatten();
        let templates = templates().map_err(part)?;
        let scores = templates
            .into_iter()
            .map(|t| Ok((score(&run, &catalogue, &t.id).map_err(part)?, t)))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(RunDetail {
            row: run_row(&run, &catalogue)?,
            scores,
            findings: findings(&run, &checks, &catalogue),
            diff: before.map(|before| diff(&before, &run)),
            categories: categories(&run, &catalogue),
            items: items(&run, &catalogue),
            run,
        })
    }

    /// Writes the evidence bundle of a run to a file.
    pub fn export_bundle(
        &self,
        caller: &Caller,
        id: RunId,
        out: &Path,
    ) -> Result<BundleSummary, Error> {
        caller.need(Permission::ComplianceRead)?;
        let done = self.ledger.evidence().export(id, out);
        self.audit_log.record(
            Some(caller),
            "evidence.export",
            &id.to_string(),
            done.is_ok(),
            self.now(),
        )?;
        done
    }

    /// What was sealed of a run.
    pub fn bundle_summary(
        &self,
        caller: &Caller,
        id: RunId,
    ) -> Result<Option<BundleSummary>, Error> {
        caller.need(Permission::ComplianceRead)?;
        self.ledger.evidence().summary(id)
    }

    /// How the evidence log and its countersigners stand.
    pub fn evidence_standing(&self) -> EvidenceStanding {
        self.ledger.evidence().standing()
    }

    /// Signs the evidence log as it is now, and asks witnesses and the timestamp authority.
    pub fn sign_evidence(&self) -> Result<(), Error> {
        self.ledger.evidence().checkpoint(self.now()).map(|_| ())
    }

    /// The key that verifies the evidence log.
    pub fn evidence_key(&self) -> Result<VerifyingKey, Error> {
        self.ledger.evidence().key()
    }

    pub(crate) fn last_run(&self) -> Result<Option<RunRow>, Error> {
        self.ledger.ids()?.into_iter().next().map_or(Ok(None), |id| self.run_row(id))
    }
}

fn run_row(run: &AuditRun, catalogue: &Catalogue) -> Result<RunRow, Error> {
    let score = score(run, catalogue, TEMPLATE_IN_FORCE).map_err(part)?;
    Ok(RunRow {
        id: run.id,
        started: run.started,
        finished: run.finished,
        target: run.target.clone(),
        planned: run.planned,
        executed: run.executed,
        strict_rate: (score.judged > 0).then_some(score.strict_rate),
        judged: score.judged,
        denominator: score.denominator,
    })
}

fn categories(run: &AuditRun, catalogue: &Catalogue) -> Vec<CategoryRow> {
    let rows = catalogue.categories_of(run).map(|category| {
        let mut counts: BTreeMap<VerdictKind, usize> = BTreeMap::new();
        for item in catalogue.all_items().filter(|i| i.category == category.clause) {
            let verdict = run.item(&item.id).map_or(VerdictKind::NotRun, |r| r.verdict.kind());
            *counts.entry(verdict).or_default() += 1;
        }
        CategoryRow {
            clause: category.clause.clone(),
            title: category.title.clone(),
            items: counts.values().sum(),
            counts: counts.into_iter().collect(),
        }
    });
    rows.collect()
}

fn items(run: &AuditRun, catalogue: &Catalogue) -> Vec<ItemRow> {
    let rows = run.items.iter().filter_map(|result| {
        Some(ItemRow {
            item: catalogue.item(&result.item)?.clone(),
            verdict: result.verdict.clone(),
            results: result.checks.iter().filter_map(|c| run.result(c)).cloned().collect(),
        })
    });
    rows.collect()
}

pub(crate) fn part(error: impl std::fmt::Display) -> Error {
    Error::Part { part: "compliance", message: error.to_string() }
}
