//! What happened just now, for those who watch.

use events::{DrillId, RunId};

use crate::alert::AlertGroup;

/// One piece of news. A watcher that cannot keep up misses some and reloads.
#[derive(Clone, Debug)]
pub enum Live {
    /// An alert group was raised or changed.
    Alert(Box<AlertGroup>),
    /// An audit run moved on or ended.
    Run(RunId),
    /// A drill moved on or ended.
    Drill(DrillId),
    /// A data inventory was made.
    Inventory,
}

/// News a watcher may fall behind before it misses some.
pub const BACKLOG: usize = 1_024;
