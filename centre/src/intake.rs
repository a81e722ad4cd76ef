//! The journal as the sensors see it: a batch is answered when it is on disk.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use events::{Event, EventBatch, ExerciseId, SiteId};
use sensors::{Intake, Refused};
use store::journal::{AppendError, Journal};

use crate::centre::Centre;
use crate::enrich::Enricher;
use crate::live::Live;

/// Takes what the sensors decoded into the journal, with what the bureau knows beside it. Records of a drill belong to the school it
/// plays at, wherever they were sent from; the drill is told once they are durable.
pub(crate) struct JournalIntake {
    journal: Arc<Journal>,
    centre: Weak<Centre>,
    enricher: Option<Arc<Enricher>>,
}

impl JournalIntake {
    pub(crate) fn new(centre: &Arc<Centre>) -> Self {
        Self {
            journal: Arc::clone(&centre.pipeline.journal),
            centre: Arc::downgrade(centre),
            enricher: centre.enricher.adds().then(|| Arc::clone(&centre.enricher)),
        }
    }

    /// Which drill and inject a record belongs to.
    fn mark(&self, event: &Event) -> Option<(ExerciseId, String)> {
        event.exercise?;
        playbooks::verify_marker(&self.centre.upgrade()?.drill_key, event.raw())
    }

    /// The school that a drill's record plays at.
    fn site(&self, event: &Event) -> Option<SiteId> {
        let (exercise, _) = self.mark(event)?;
        self.centre.upgrade()?.drills.site_of(exercise)
    }

    fn logged(&self, marked: &[(ExerciseId, String)]) {
        let Some(centre) = self.centre.upgrade() else { return };
        for (exercise, inject) in marked {
            match centre.drills.logged(*exercise, inject, centre.now()) {
                // Nobody listening is fine.
                Ok(Some(id)) => drop(centre.pipeline.live.send(Live::Drill(id))),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the drill could not be told of a record"),
            }
        }
    }
}

impl Intake for JournalIntake {
    fn prepare(&self, event: &mut Event) {
        event.site = self.site(event).unwrap_or(event.site);
        if let Some(enricher) = &self.enricher {
            enricher.enrich(event);
        }
    }

    fn submit(
        &self,
        batch: Arc<EventBatch>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>> {
        let mut marked: Vec<(ExerciseId, String)> =
            batch.of_exercises().filter_map(|at| self.mark(&batch.get(at)?)).collect();
        marked.dedup();
        let pending = self.journal.append_shared(batch);
        Box::pin(async move {
            pending.map_err(refused)?.await.map_err(refused)?;
            self.logged(&marked);
            Ok(())
        })
    }
}

fn refused(error: AppendError) -> Refused {
    match error {
        // A write that failed is tried again by the sender, as when the queue is full.
        AppendError::Busy | AppendError::Failed { .. } => Refused::Busy,
        AppendError::Full => Refused::Full,
        AppendError::Closed => Refused::Closed,
    }
}
