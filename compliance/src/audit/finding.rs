//! Findings (不符合项): what a run found unmet, as work to do.

use std::time::Duration;

use events::{FindingId, Severity, SiteId, Text, Timestamp};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::check::{Check, CheckId};
use super::run::AuditRun;
use super::verdict::{Verdict, VerdictKind};

/// One unmet check on one target, for the first item it judges (or informs).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The same in every run as long as site, target and check are the same.
    pub id: FindingId,
    /// The site.
    pub site: SiteId,
    /// The target.
    pub target: String,
    /// The item first served.
    pub item: String,
    /// All items served.
    pub items: Vec<String>,
    /// The check.
    pub check: CheckId,
    /// What it asks.
    pub title: Text,
    /// 不符合 or 部分符合.
    pub verdict: Verdict,
    /// How grave; one level up when an item is a case of the high-risk guide.
    pub severity: Severity,
    /// Whether an item it judges is a case of the high-risk guide.
    pub high_risk: bool,
    /// What was seen.
    pub observed: String,
    /// What to do.
    pub remedy: Text,
    /// Suggested date: the start of the run plus [`days_to_fix`]; the owner may change it.
    pub due: Option<Timestamp>,
}

/// Suggested days to fix, by severity. Practice, not the standard.
pub const fn days_to_fix(severity: Severity) -> u64 {
    match severity {
        Severity::Critical => 7,
        Severity::High => 15,
        Severity::Medium => 30,
        Severity::Low | Severity::Informational => 90,
    }
}

/// The findings of a run, gravest first.
pub fn findings(run: &AuditRun, checks: &[Check], catalogue: &Catalogue) -> Vec<Finding> {
    let mut all: Vec<Finding> = run
        .results
        .iter()
        .filter(|r| matches!(r.verdict.kind(), VerdictKind::NonConform | VerdictKind::Partial))
        .filter_map(|result| {
            let check = checks.iter().find(|c| c.id == result.check)?;
            let items: Vec<String> = check.items.iter().chain(&check.informs).cloned().collect();
            let judged = check.items.iter().filter_map(|i| catalogue.item(i));
            let high_risk = judged
                .into_iter()
                .any(|i| i.high_risk_case.is_some() && i.high_risk_when.is_none());
            let severity = severity(check, high_risk);
            let span = Duration::from_secs(days_to_fix(severity) * 86_400);
            Some(Finding {
                id: finding_id(run, &check.id),
                site: run.site,
                target: run.target.clone(),
                item: items.first()?.clone(),
                items,
                check: check.id.clone(),
                title: check.title.clone(),
                verdict: result.verdict.clone(),
                severity,
                high_risk,
                observed: result.observed.clone(),
                remedy: check.remedy.clone(),
                due: Some(run.started.plus(span)),
            })
        })
        .collect();
    all.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.check.cmp(&b.check)));
    all
}

fn severity(check: &Check, high_risk: bool) -> Severity {
    if !high_risk {
        return check.severity;
    }
    let next = Severity::ALL.into_iter().find(|s| *s > check.severity);
    next.unwrap_or(Severity::Critical)
}

fn finding_id(run: &AuditRun, check: &str) -> FindingId {
    let seed = format!("{}\n{}\n{}\n{check}", run.site, run.target, run.object);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, seed.as_bytes()).as_ref());
    FindingId::from_digest(&hash)
}
