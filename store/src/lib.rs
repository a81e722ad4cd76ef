//! What a node keeps: typed state in sled, the journal, the archive, and search over both.
//!
//! Layout:
//! - [`journal`]: every event, durable before it is acknowledged; the order of everything.
//! - [`state`]: typed tables of versioned records (alerts, accounts, checkpoints); small, rebuildable.

pub mod error;
pub mod journal;
pub mod limits;
pub mod state;

pub use error::Error;
pub use journal::{
    AppendError, Appended, Damage, DamageKind, Journal, JournalOptions, JournalStats, Pending,
    Reader, Recovery,
};
pub use state::{Batch, Key, MovedAside, Opened, Record, State, Table, Transaction};
