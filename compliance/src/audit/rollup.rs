//! Roll-up (汇总): runs of many targets read as one assessed system, a school or a region.

use std::collections::BTreeMap;

use super::catalogue::Catalogue;
use super::run::{AuditRun, ItemResult};
use super::verdict::{Verdict, combine};

/// Combines runs item by item, each target counting once with its newest run. An item for which
/// no target has a check is 待举证: that no such object was audited does not make it 不适用.
/// `None` without any run.
pub fn roll_up(catalogue: &Catalogue, runs: &[AuditRun]) -> Option<AuditRun> {
    let mut newest: BTreeMap<(String, &str), &AuditRun> = BTreeMap::new();
    for run in runs {
        let kept = newest.entry((run.site.to_string(), &run.target)).or_insert(run);
        if run.started > kept.started {
            *kept = run;
        }
    }
    let first = newest.values().min_by_key(|r| r.started)?;
    let last = newest.values().max_by_key(|r| r.finished)?;
    let items = catalogue.items.iter().map(|item| {
        let judged = || {
            let of = newest.values().filter_map(|r| r.item(&item.id));
            of.filter(|i| {
                !(i.checks.is_empty() && i.verdict.kind() == Verdict::NotApplicable.kind())
            })
        };
        let verdicts: Vec<Verdict> = judged()
            .filter(|i| !i.checks.is_empty() || i.verdict != Verdict::PendingAttestation)
            .map(|i| i.verdict.clone())
            .collect();
        let mut checks: Vec<String> = judged().flat_map(|i| i.checks.clone()).collect();
        let mut supporting: Vec<String> = judged().flat_map(|i| i.supporting.clone()).collect();
        for list in [&mut checks, &mut supporting] {
            list.sort();
            list.dedup();
        }
        let verdict = combine(&verdicts, item.partial_allowed.unwrap_or(false));
        ItemResult { item: item.id.clone(), verdict, checks, supporting }
    });
    let same_site = newest.values().all(|r| r.site == first.site);
    Some(AuditRun {
        id: last.id,
        standard: first.standard.clone(),
        started: first.started,
        finished: last.finished,
        site: if same_site { first.site } else { events::SiteId::BUREAU },
        target: format!("{} targets", newest.len()),
        object: "system".into(),
        planned: newest.values().map(|r| r.planned).sum(),
        executed: newest.values().map(|r| r.executed).sum(),
        items: items.collect(),
        results: Vec::new(),
    })
}
