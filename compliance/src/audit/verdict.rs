//! Verdicts (结论). Nine, never merged into one another.

use events::{Lang, Timestamp};
use serde::{Deserialize, Serialize};

/// The outcome of a check, and of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Verdict {
    /// 符合: every step is met.
    Conform,
    /// 部分符合: some steps are met and the unit allows it.
    Partial,
    /// 不符合: no step is met, or one is not and the unit knows no half.
    NonConform,
    /// 不适用: what is judged does not exist on this target.
    NotApplicable,
    /// 已豁免: not met, accepted by name until a date. Never counted as met.
    Waived {
        /// Who answers for it.
        owner: String,
        /// Why.
        reason: String,
        /// Who approved.
        approver: String,
        /// When it ends.
        expires: Timestamp,
    },
    /// 待举证(人工): a person must attest; no machine can say.
    PendingAttestation,
    /// 未执行: planned but not run.
    NotRun,
    /// 出错: run, but what it needed could not be seen.
    Error,
    /// 已过期: the evidence is older than it may be.
    Stale,
}

/// A verdict without its details, for counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// 符合
    Conform,
    /// 部分符合
    Partial,
    /// 不符合
    NonConform,
    /// 不适用
    NotApplicable,
    /// 已豁免
    Waived,
    /// 待举证(人工)
    PendingAttestation,
    /// 未执行
    NotRun,
    /// 出错
    Error,
    /// 已过期
    Stale,
}

impl VerdictKind {
    /// All nine, in the order they are shown.
    pub const ALL: [Self; 9] = [
        Self::Conform,
        Self::Partial,
        Self::NonConform,
        Self::NotApplicable,
        Self::Waived,
        Self::PendingAttestation,
        Self::NotRun,
        Self::Error,
        Self::Stale,
    ];

    /// The word in files and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conform => "conform",
            Self::Partial => "partial",
            Self::NonConform => "non_conform",
            Self::NotApplicable => "not_applicable",
            Self::Waived => "waived",
            Self::PendingAttestation => "pending_attestation",
            Self::NotRun => "not_run",
            Self::Error => "error",
            Self::Stale => "stale",
        }
    }

    /// The word a person reads.
    pub const fn label(self, lang: Lang) -> &'static str {
        match (lang, self) {
            (Lang::Zh, Self::Conform) => "符合",
            (Lang::Zh, Self::Partial) => "部分符合",
            (Lang::Zh, Self::NonConform) => "不符合",
            (Lang::Zh, Self::NotApplicable) => "不适用",
            (Lang::Zh, Self::Waived) => "已豁免",
            (Lang::Zh, Self::PendingAttestation) => "待举证(人工)",
            (Lang::Zh, Self::NotRun) => "未执行",
            (Lang::Zh, Self::Error) => "出错",
            (Lang::Zh, Self::Stale) => "已过期",
            (Lang::En, Self::Conform) => "Conform",
            (Lang::En, Self::Partial) => "Partial",
            (Lang::En, Self::NonConform) => "Non-conform",
            (Lang::En, Self::NotApplicable) => "Not applicable",
            (Lang::En, Self::Waived) => "Waived",
            (Lang::En, Self::PendingAttestation) => "Pending attestation",
            (Lang::En, Self::NotRun) => "Not run",
            (Lang::En, Self::Error) => "Error",
            (Lang::En, Self::Stale) => "Stale",
        }
    }

    /// The word of [`Self::as_str`] read back.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == word)
    }
}

impl Verdict {
    /// The verdict without its details.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Conform => VerdictKind::Conform,
            Self::Partial => VerdictKind::Partial,
            Self::NonConform => VerdictKind::NonConform,
            Self::NotApplicable => VerdictKind::NotApplicable,
            Self::Waived { .. } => VerdictKind::Waived,
            Self::PendingAttestation => VerdictKind::PendingAttestation,
            Self::NotRun => VerdictKind::NotRun,
            Self::Error => VerdictKind::Error,
            Self::Stale => VerdictKind::Stale,
        }
    }

    /// The word a person reads.
    pub const fn label(&self, lang: Lang) -> &'static str {
        self.kind().label(lang)
    }
}

/// The verdict of an item from those of its checks on one target.
///
/// Not applicable checks do not count unless all are. A failed check decides at once; what could
/// not be seen (error, not run, stale) comes next, so an item is 符合 only when every check that
/// applies says so. Met and unmet together are 部分符合 where the unit allows it, 不符合 where not.
pub fn combine(checks: &[Verdict], partial_allowed: bool) -> Verdict {
    use VerdictKind as K;
    let has = |kind: K| checks.iter().any(|v| v.kind() == kind);
    let all = |kind: K| !checks.is_empty() && checks.iter().all(|v| v.kind() == kind);
    if checks.is_empty() {
        return Verdict::PendingAttestation;
    }
    if all(K::NotApplicable) {
        return Verdict::NotApplicable;
    }
    let unmet = has(K::NonConform) || has(K::Partial);
    if unmet {
        let met = has(K::Conform) || has(K::Partial);
        return if met && partial_allowed { Verdict::Partial } else { Verdict::NonConform };
    }
    for (kind, verdict) in
        [(K::Error, Verdict::Error), (K::NotRun, Verdict::NotRun), (K::Stale, Verdict::Stale)]
    {
        if has(kind) {
            return verdict;
        }
    }
    if let Some(waived) = checks.iter().find(|v| v.kind() == K::Waived) {
        return waived.clone();
    }
    if has(K::PendingAttestation) { Verdict::PendingAttestation } else { Verdict::Conform }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::*;

    #[test]
    fn worst_first_and_partial_only_where_allowed() {
        assert_eq!(combine(&[], true), PendingAttestation);
        assert_eq!(combine(&[Conform, NotApplicable], true), Conform);
        assert_eq!(combine(&[NotApplicable], true), NotApplicable);
        assert_eq!(combine(&[Conform, NonConform], true), Partial);
        assert_eq!(combine(&[Conform, NonConform], false), NonConform);
        assert_eq!(combine(&[NonConform, Error], true), NonConform);
        assert_eq!(combine(&[Conform, Error], true), Error);
        assert_eq!(combine(&[Conform, NotRun], true), NotRun);
        assert_eq!(combine(&[Partial], false), NonConform);
        assert_eq!(combine(&[Conform, Stale], true), Stale);
    }

    #[test]
    fn labels_differ() {
        for lang in [Lang::Zh, Lang::En] {
            let mut labels: Vec<_> = VerdictKind::ALL.iter().map(|k| k.label(lang)).collect();
            labels.sort_unstable();
            labels.dedup();
            assert_eq!(labels.len(), 9);
        }
        for kind in VerdictKind::ALL {
            assert_eq!(VerdictKind::parse(kind.as_str()), Some(kind));
        }
    }
}
