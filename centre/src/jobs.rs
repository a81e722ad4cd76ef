//! Work that is due by the clock: the audit on its schedule, retention every hour.

use std::sync::Arc;
use std::time::Duration;

use events::Timestamp;
use store::archive::Retention;

use crate::centre::Centre;
use crate::error::Error;
use crate::schedule::Schedule;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(15);
/// How often retention is looked at.
const RETENTION_EVERY: Duration = Duration::from_secs(3_600);

/// Runs until dropped.
pub async fn run_schedule(centre: Arc<Centre>) {
    let schedule = Schedule::parse(&centre.config().audit.schedule).ok();
    let checkpoints = Schedule::parse(&centre.config().evidence.schedule).ok();
    let mut signed = centre.now();
    let mut expired = Timestamp::MIN;
    loop {
        tokio::time::sleep(TICK).await;
        if let Some(schedule) = &schedule
            && audit_is_due(&centre, schedule)
            && let Err(error) = centre.start_audit(None)
        {
            tracing::warn!(%error, "the scheduled audit did not start");
        }
        let own = Arc::clone(&centre);
        let told = tokio::task::spawn_blocking(move || own.prove_archive()).await;
        if !matches!(told, Ok(Ok(_))) {
            tracing::error!(?told, "the evidence log could not be told of the archive");
        }
        if checkpoints.as_ref().is_some_and(|s| s.due(signed, centre.now())) {
            signed = centre.now();
            let own = Arc::clone(&centre);
            let done = tokio::task::spawn_blocking(move || own.sign_evidence()).await;
            if !matches!(done, Ok(Ok(()))) {
                tracing::error!(?done, "the evidence log could not be signed");
            }
        }
        if centre.now().since(expired) >= RETENTION_EVERY {
            expired = centre.now();
            let own = Arc::clone(&centre);
            let done = tokio::task::spawn_blocking(move || own.expire_archive()).await;
            if !matches!(done, Ok(Ok(_))) {
                tracing::error!(?done, "retention failed");
            }
        }
    }
}

/// A run is due when one was due since the last; a node that never audited begins at its next
/// time, not at once.
fn audit_is_due(centre: &Centre, schedule: &Schedule) -> bool {
    match centre.last_run() {
        Ok(Some(run)) => schedule.due(run.started, centre.now()),
        Ok(None) => schedule.due(centre.now().minus(TICK), centre.now()),
        Err(error) => {
            tracing::error!(%error, "the last audit run cannot be read");
            false
        }
    }
}

impl Centre {
    /// Lets go of what is past its retention, and tells the evidence log. Returns how many files
    /// that were.
    pub fn expire_archive(&self) -> Result<usize, Error> {
        // Never under the legal minimum: the configuration was checked when it was read.
        let retention = Retention::days(self.config().store.retention_days).unwrap_or_default();
        // What the log was not told of before cannot be told to have gone.
        self.prove_archive()?;
        let expired = self.pipeline.archive.expire(self.now(), &retention)?;
        if !expired.files.is_empty() {
            tracing::info!(files = expired.files.len(), "archive past its retention");
            self.prove_archive()?;
        }
        Ok(expired.files.len())
    }
}
