//! The journal as the sensors see it: a batch is answered when it is on disk.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use events::{Event, ExerciseId};
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

    /// Sets the school of a drill's record; says which inject it belongs to.
    fn mark(&self, event: &mut Event) -> Option<(ExerciseId, String)> {
        event.exercise?;
        let centre = self.centre.upgrade()?;
        let (exercise, inject) = playbooks::verify_marker(&centre.drill_key, event.raw())?;
        event.site = centre.drills.site_of(exercise).unwrap_or(event.site);
        Some((exercise, inject))
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
    fn submit(
        &self,
        mut batch: Vec<Event>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>> {
        let mut marked: Vec<(ExerciseId, String)> =
            batch.iter_mut().filter_map(|event| self.mark(event)).collect();
        marked.dedup();
        if let Some(enricher) = &self.enricher {
            enricher.enrich(&mut batch);
        }
        let pending = self.journal.append(batch);
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
