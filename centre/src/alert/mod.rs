//! Alerts: the group that a person triages ([`group`]), the book that holds them in the store
//! ([`book`]), and the way from a detection to a group ([`raise`]).

pub mod book;
pub mod group;
pub mod raise;

pub use book::{AlertBook, AlertFilter, Checkpoint, Order};
pub use group::{Act, ActKind, AlertGroup, AlertState, BadAct, Matched, Raised, Verdict};
