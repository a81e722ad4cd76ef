//! What people add to a run: waivers (豁免), attestations (举证), compensating measures (补偿措施),
//! and age.

use std::time::Duration;

use events::{SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use super::run::AuditRun;
use super::verdict::{Verdict, VerdictKind};

/// An unmet item accepted by name until a date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The site it speaks for; what was written before sites were noted speaks for the bureau.
    #[serde(default)]
    pub site: SiteId,
    /// The item.
    pub item: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Who approved; never the owner.
    pub approver: String,
    /// When it ends.
    pub expires: Timestamp,
}

/// A person's statement on an item no check judges, with its attachments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// The site it speaks for; what was written before sites were noted speaks for the bureau.
    #[serde(default)]
    pub site: SiteId,
    /// The item.
    pub item: String,
    /// What the person found: 符合, 部分符合, 不符合 or 不适用.
    pub verdict: VerdictKind,
    /// Who.
    pub by: String,
    /// When it was looked at.
    pub collected: Timestamp,
    /// When it must be looked at again.
    pub expires: Timestamp,
    /// What was looked at.
    pub note: String,
    /// SHA-256 of attachments, hexadecimal.
    pub attachments: Vec<String>,
}

/// A measure that lessens the risk of an unmet item (补偿措施). An assessor may weigh it; a verdict
/// never changes by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compensation {
    /// The site it speaks for.
    pub site: SiteId,
    /// The item.
    pub item: String,
    /// What is done instead.
    pub measure: String,
    /// Who answers for it.
    pub owner: String,
    /// When it was noted.
    pub noted: Timestamp,
    /// When it must be looked at again.
    pub expires: Timestamp,
    /// SHA-256 of attachments, hexadecimal.
    pub attachments: Vec<String>,
}

/// All that people decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// 豁免.
    pub waivers: Vec<Waiver>,
    /// 举证.
    pub attestations: Vec<Attestation>,
    /// 补偿措施.
    pub compensations: Vec<Compensation>,
}

impl Decisions {
    /// Digests of the attachments of what is in force for a run, each once.
    pub fn attachments_of(&self, run: &AuditRun, now: Timestamp) -> Vec<String> {
        let speaks = |site: SiteId, item: &str| site == run.site && run.item(item).is_some();
        let stated = self
            .attestations
            .iter()
            .filter(|a| speaks(a.site, &a.item) && a.collected <= now && a.expires > now)
            .flat_map(|a| &a.attachments);
        let noted = self
            .compensations
            .iter()
            .filter(|c| speaks(c.site, &c.item) && c.noted <= now && c.expires > now)
            .flat_map(|c| &c.attachments);
        let all: std::collections::BTreeSet<&String> = stated.chain(noted).collect();
        all.into_iter().cloned().collect()
    }
}

/// Applies to a run what people of its site decided, and marks what is older than `fresh_for` as
/// 已过期.
///
/// An attestation speaks only where no check does, and a statement other than the four judged
/// verdicts is ignored. A waiver turns only 不符合 and 部分符合 into 已豁免, needs an approver
/// other than the owner, and ends by itself. A compensating measure stands beside an unmet or
/// waived item and changes nothing.
#[must_use]
pub fn settle(
    run: &AuditRun,
    decided: &Decisions,
    now: Timestamp,
    fresh_for: Duration,
) -> AuditRun {
    let Decisions { waivers, attestations, compensations } = decided;
    let mut run = run.clone();
    let is_old = now.since(run.finished) > fresh_for;
    for result in run.results.iter_mut().filter(|_| is_old) {
        if is_judged(result.verdict.kind()) {
            result.verdict = Verdict::Stale;
        }
    }
    for item in &mut run.items {
        if is_old && !item.checks.is_empty() && is_judged(item.verdict.kind()) {
            item.verdict = Verdict::Stale;
        }
        let by_matrix = item.verdict == Verdict::NotApplicable && item.checks.is_empty();
        if item.verdict == Verdict::PendingAttestation || by_matrix {
            let newest = attestations
                .iter()
                .filter(|a| a.site == run.site && a.item == item.item && a.collected <= now)
                .max_by_key(|a| a.collected);
            if let Some(newest) = newest {
                item.verdict = attested(newest, now);
                item.attestation = Some(newest.clone());
            }
        }
        let unmet = matches!(item.verdict.kind(), VerdictKind::NonConform | VerdictKind::Partial);
        let waiver = waivers.iter().find(|w| {
            w.site == run.site
                && w.item == item.item
                && w.expires > now
                && w.approver != w.owner
                && !w.approver.is_empty()
        });
        if let (true, Some(w)) = (unmet, waiver) {
            item.verdict = Verdict::Waived {
                owner: w.owner.clone(),
                reason: w.reason.clone(),
                approver: w.approver.clone(),
                expires: w.expires,
            };
        }
        let newest = compensations
            .iter()
            .filter(|c| c.site == run.site && c.item == item.item)
            .filter(|c| c.noted <= now && c.expires > now)
            .max_by_key(|c| c.noted);
        item.compensation = newest.filter(|_| unmet).cloned();
    }
    run
}

fn attested(attestation: &Attestation, now: Timestamp) -> Verdict {
    if attestation.expires <= now {
        return Verdict::Stale;
    }
    match attestation.verdict {
        VerdictKind::Conform => Verdict::Conform,
        VerdictKind::Partial => Verdict::Partial,
        VerdictKind::NonConform => Verdict::NonConform,
        VerdictKind::NotApplicable => Verdict::NotApplicable,
        _ => Verdict::PendingAttestation,
    }
}

const fn is_judged(kind: VerdictKind) -> bool {
    matches!(
        kind,
        VerdictKind::Conform
            | VerdictKind::Partial
            | VerdictKind::NonConform
            | VerdictKind::NotApplicable
    )
}
