//! What a node keeps: typed state in sled, the journal, the archive, and search over both.
//!
//! Layout:
//! - [`state`]: typed tables of versioned records (alerts, accounts, checkpoints); small, rebuildable.

pub mod error;
pub mod limits;
pub mod state;

pub use error::Error;
pub use state::{Batch, Key, MovedAside, Opened, Record, State, Table, Transaction};
