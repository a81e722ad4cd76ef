//! Roll-up (汇总): runs of many targets read as one assessed system, a school or a region.

use std::collections::{BTreeMap, BTreeSet};

use events::{RunId, SiteId, Timestamp};

use super::catalogue::{Catalogue, Item};
use super::run::{AuditRun, ItemResult};
use super::settle::{Attestation, Compensation};
use super::trouble::{Trouble, TroubleKind};
use super::verdict::{Verdict, combine};

/// Targets named in one trouble of a roll-up.
const TARGETS_NAMED_MAX: usize = 10;

/// Combines runs item by item, each target counting once with its newest run. An item for which
/// no target has a check is 待举证: that no such object was audited does not make it 不适用.
/// `None` without any run.
pub fn roll_up(catalogue: &Catalogue, runs: &[AuditRun]) -> Option<AuditRun> {
    let mut newest: BTreeMap<(SiteId, &str), &AuditRun> = BTreeMap::new();
    for run in runs {
        let kept = newest.entry((run.site, &run.target)).or_insert(run);
        if run.started > kept.started {
            *kept = run;
        }
    }
    let mut rolled = RollUp::new(catalogue);
    newest.values().for_each(|run| rolled.add(run));
    rolled.finish()
}

/// A roll-up in the making: runs are added one by one and need not be kept.
pub struct RollUp<'a> {
    catalogue: &'a Catalogue,
    /// By item id: what was said of it so far.
    items: BTreeMap<String, Said>,
    head: Option<Head>,
    troubles: BTreeMap<TroubleKind, (BTreeSet<String>, BTreeSet<String>)>,
}

#[derive(Default)]
struct Said {
    /// One verdict of each kind; which is all that [`combine`] looks at.
    verdicts: Vec<Verdict>,
    checks: BTreeSet<String>,
    supporting: BTreeSet<String>,
    attestation: Option<Attestation>,
    compensation: Option<Compensation>,
}

struct Head {
    id: RunId,
    standard: String,
    started: Timestamp,
    finished: Timestamp,
    site: SiteId,
    targets: usize,
    planned: usize,
    executed: usize,
}

impl<'a> RollUp<'a> {
    /// An empty one.
    pub fn new(catalogue: &'a Catalogue) -> Self {
        Self { catalogue, items: BTreeMap::new(), head: None, troubles: BTreeMap::new() }
    }

    /// Adds the run of a target that was not added before.
    pub fn add(&mut self, run: &AuditRun) {
        let head = self.head.get_or_insert_with(|| Head {
            id: run.id,
            standard: run.standard.clone(),
            started: run.started,
            finished: run.finished,
            site: run.site,
            targets: 0,
            planned: 0,
            executed: 0,
        });
        head.targets += 1;
        head.planned += run.planned;
        head.executed += run.executed;
        head.started = head.started.min(run.started);
        if run.finished >= head.finished {
            (head.finished, head.id) = (run.finished, run.id);
        }
        if run.site != head.site {
            head.site = SiteId::BUREAU;
        }
        for item in &run.items {
            self.items.entry(item.item.clone()).or_default().add(item);
        }
        for trouble in &run.troubles {
            let (targets, checks) = self.troubles.entry(trouble.kind).or_default();
            targets.insert(run.target.clone());
            checks.extend(trouble.checks.iter().cloned());
        }
    }

    /// The combined run; `None` when nothing was added.
    pub fn finish(mut self) -> Option<AuditRun> {
        let head = self.head?;
        // The items of an extension are a system's when one of its targets falls under it.
        let falls_under =
            |item: &&Item| item.category.starts_with("8.1.") || self.items.contains_key(&item.id);
        let items: Vec<&Item> = self.catalogue.all_items().filter(falls_under).collect();
        let items = items.into_iter().map(|item| {
            let said = self.items.remove(&item.id).unwrap_or_default();
            ItemResult {
                item: item.id.clone(),
                verdict: combine(&said.verdicts, item.partial_allowed.unwrap_or(false)),
                checks: said.checks.into_iter().collect(),
                supporting: said.supporting.into_iter().collect(),
                attestation: said.attestation,
                compensation: said.compensation,
            }
        });
        let items = items.collect();
        Some(AuditRun {
            id: head.id,
            standard: head.standard,
            started: head.started,
            finished: head.finished,
            site: head.site,
            target: format!("{0} 个对象 / {0} targets", head.targets),
            object: "system".into(),
            planned: head.planned,
            executed: head.executed,
            items,
            results: Vec::new(),
            troubles: self.troubles.into_iter().map(trouble).collect(),
        })
    }
}

impl Said {
    fn add(&mut self, item: &ItemResult) {
        // Neither "no such object here" nor "nobody said anything here" is a word on the system.
        let silent = item.checks.is_empty()
            && matches!(item.verdict, Verdict::NotApplicable | Verdict::PendingAttestation);
        let is_new = |v: &Verdict| self.verdicts.iter().all(|known| known.kind() != v.kind());
        if !silent && is_new(&item.verdict) {
            self.verdicts.push(item.verdict.clone());
        }
        if item.checks.is_empty() && item.verdict == Verdict::NotApplicable {
            return;
        }
        self.checks.extend(item.checks.iter().cloned());
        self.supporting.extend(item.supporting.iter().cloned());
        if self.attestation.is_none() {
            self.attestation.clone_from(&item.attestation);
        }
        if self.compensation.is_none() {
            self.compensation.clone_from(&item.compensation);
        }
    }
}

/// One trouble for all targets that had it, naming some.
fn trouble(of: (TroubleKind, (BTreeSet<String>, BTreeSet<String>))) -> Trouble {
    let (kind, (targets, checks)) = of;
    let named: Vec<&str> = targets.iter().take(TARGETS_NAMED_MAX).map(String::as_str).collect();
    let more = if targets.len() > named.len() { "…" } else { "" };
    Trouble {
        kind,
        detail: format!("{} × {}{more}", targets.len(), named.join(", ")),
        checks: checks.into_iter().collect(),
    }
}
