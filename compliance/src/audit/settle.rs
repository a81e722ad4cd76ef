//! What people add to a run: waivers (豁免), attestations (举证), and age.

use std::time::Duration;

use events::Timestamp;
use serde::{Deserialize, Serialize};

use super::run::AuditRun;
use super::verdict::{Verdict, VerdictKind};

/// An unmet item accepted by name until a date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
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

/// Applies attestations and waivers to a run, and marks what is older than `fresh_for` as 已过期.
///
/// An attestation speaks only where no check does, and a statement other than the four judged
/// verdicts is ignored. A waiver turns only 不符合 and 部分符合 into 已豁免, needs an approver
/// other than the owner, and ends by itself.
#[must_use]
pub fn settle(
    run: &AuditRun,
    waivers: &[Waiver],
    attestations: &[Attestation],
    now: Timestamp,
    fresh_for: Duration,
) -> AuditRun {
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
                .filter(|a| a.item == item.item && a.collected <= now)
                .max_by_key(|a| a.collected);
            if let Some(newest) = newest {
                item.verdict = attested(newest, now);
            }
        }
        let unmet = matches!(item.verdict.kind(), VerdictKind::NonConform | VerdictKind::Partial);
        let waiver = waivers.iter().find(|w| {
            w.item == item.item
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
