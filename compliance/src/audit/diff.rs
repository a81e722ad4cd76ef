//! The difference between two runs of one target.

use serde::{Deserialize, Serialize};

use super::run::AuditRun;
use super::verdict::{Verdict, VerdictKind};

/// One changed verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Check or item.
    pub id: String,
    /// Before; `None` when it was not there.
    pub before: Option<Verdict>,
    /// Now; `None` when it is gone.
    pub after: Option<Verdict>,
}

/// What changed from one run to the next. What did not is counted, not dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDiff {
    /// Checks now unmet that were not before.
    pub worse: Vec<Changed>,
    /// Checks now met or not applicable that were unmet before.
    pub better: Vec<Changed>,
    /// Every other change (not seen any more, expired, new, gone).
    pub other: Vec<Changed>,
    /// Changed items.
    pub items: Vec<Changed>,
    /// Checks with the same verdict as before.
    pub unchanged: usize,
    /// Of these, checks whose evidence differs although the verdict is the same.
    pub evidence_changed: usize,
}

/// Compares a run with the one before it.
pub fn diff(prev: &AuditRun, next: &AuditRun) -> RunDiff {
    let mut out = RunDiff::default();
    for result in &next.results {
        let before = prev.result(&result.check);
        if let Some(before) = before
            && before.verdict == result.verdict
        {
            out.unchanged += 1;
            out.evidence_changed += usize::from(before.observed != result.observed);
            continue;
        }
        let changed = Changed {
            id: result.check.clone(),
            before: before.map(|b| b.verdict.clone()),
            after: Some(result.verdict.clone()),
        };
        out.sort(changed);
    }
    for gone in prev.results.iter().filter(|r| next.result(&r.check).is_none()) {
        out.other.push(Changed {
            id: gone.check.clone(),
            before: Some(gone.verdict.clone()),
            after: None,
        });
    }
    for item in &next.items {
        let before = prev.item(&item.item).map(|i| i.verdict.clone());
        if before.as_ref() != Some(&item.verdict) {
            let after = Some(item.verdict.clone());
            out.items.push(Changed { id: item.item.clone(), before, after });
        }
    }
    out
}

impl RunDiff {
    fn sort(&mut self, changed: Changed) {
        let rank = |v: &Option<Verdict>| v.as_ref().and_then(|v| rank(v.kind()));
        match (rank(&changed.before), rank(&changed.after)) {
            (Some(b), Some(a)) if a > b => self.worse.push(changed),
            (Some(b), Some(a)) if a < b => self.better.push(changed),
            (None, Some(2)) if changed.before.is_some() => self.worse.push(changed),
            _ => self.other.push(changed),
        }
    }
}

/// How bad a judged verdict is; verdicts that judge nothing have no rank.
const fn rank(kind: VerdictKind) -> Option<u8> {
    match kind {
        VerdictKind::Conform | VerdictKind::NotApplicable => Some(0),
        VerdictKind::Partial => Some(1),
        VerdictKind::NonConform => Some(2),
        _ => None,
    }
}
