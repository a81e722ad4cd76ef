//! How long the archive keeps events: never less than the law asks, unless a person decided so.

use std::time::Duration;

use events::Timestamp;

use crate::archive::manifest::SealedFile;
use crate::limits;

/// How long events are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    days: u32,
}

/// A decision to keep less than [`limits::RETENTION_DAYS_MIN`]: made by a person, for a reason.
/// Whoever makes one writes it to the audit log first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShorterRetention {
    /// Who decided.
    pub approver: String,
    /// Why.
    pub reason: String,
}

impl Retention {
    /// So many days; `None` for fewer than [`limits::RETENTION_DAYS_MIN`].
    pub fn days(days: u32) -> Option<Self> {
        (days >= limits::RETENTION_DAYS_MIN).then_some(Self { days })
    }

    /// So many days, fewer than the minimum; `None` unless the decision names who and why.
    pub fn shorter(days: u32, decision: &ShorterRetention) -> Option<Self> {
        let named = |text: &str| !text.trim().is_empty();
        (named(&decision.approver) && named(&decision.reason)).then_some(Self { days })
    }

    pub(crate) fn is_over(&self, file: &SealedFile, now: Timestamp) -> bool {
        let kept = Duration::from_secs(u64::from(self.days) * 86_400);
        file.time_max.max(file.received_max) < now.minus(kept)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: limits::RETENTION_DAYS_MIN }
    }
}

/// What an expiry removed: the proof that goes into the evidence log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// The files.
    pub files: Vec<SealedFile>,
    /// Their events.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Expired {
    pub(crate) fn of(files: Vec<SealedFile>) -> Self {
        let rows = files.iter().map(|f| f.rows).sum();
        let bytes = files.iter().map(|f| f.bytes).sum();
        Self { files, rows, bytes }
    }
}
