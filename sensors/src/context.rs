//! What sensors are given: where events go, the clock, ids, places for checkpoints.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use events::{Event, EventBatch, EventId, ExerciseId, SiteId, Timestamp};

/// Where events go. `submit` resolves only when the batch is durable (journal fsync); then the
/// sender is acknowledged.
pub trait Intake: Send + Sync + 'static {
    /// Adds to an event what is known beside it, once, before it is offered.
    fn prepare(&self, event: &mut Event) {
        let _ = event;
    }

    /// Takes a batch whole, or refuses it whole. Who offers keeps a share of it to offer again.
    fn submit(
        &self,
        batch: Arc<EventBatch>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>>;
}

/// Why a batch was not taken. The events of a refused batch are in no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Too much at once: try again (HTTP 429).
    #[error("the intake is busy")]
    Busy,
    /// The disk is full (HTTP 503).
    #[error("the disk is full")]
    Full,
    /// The node is stopping (HTTP 503).
    #[error("the intake is closed")]
    Closed,
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Small values that outlive the process: file positions, flow templates.
pub trait Checkpoints: Send + Sync {
    /// The value last saved under a key.
    fn load(&self, key: &str) -> Option<Vec<u8>>;
    /// Saves a value. An error is logged and the value saved again later.
    ///
    /// # Errors
    /// Why the value could not be saved.
    fn save(&self, key: &str, value: &[u8]) -> Result<(), String>;
}

/// Gives an event its id.
pub type Ids = Arc<dyn Fn(Timestamp) -> EventId + Send + Sync>;
/// Finds the site of a source address.
pub type SiteOf = Arc<dyn Fn(IpAddr) -> Option<SiteId> + Send + Sync>;
/// Verifies an exercise marker in a record; called only for records that hold `xdx=`.
pub type ExerciseOf = Arc<dyn Fn(&[u8]) -> Option<ExerciseId> + Send + Sync>;

/// Everything sensors need from outside.
#[derive(Clone)]
pub struct Context {
    /// Where events go.
    pub intake: Arc<dyn Intake>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Places for checkpoints.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// Gives ids.
    pub ids: Ids,
    /// Finds sites by source address.
    pub site_of: SiteOf,
    /// Verifies exercise markers.
    pub exercise: ExerciseOf,
}
