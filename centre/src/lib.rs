//! Operations: what joins sensors, rules, store, compliance and playbooks into one node, and the
//! only crate that knows who the user is.
//!
//! Layout: [`centre`] is the node, [`facade`] its methods by noun, [`view`] what they answer with.
//! [`pipeline`] takes events to alerts and the archive; [`alert`], [`situation`] and [`account`]
//! are the nouns; [`config`], [`region`] and [`schedule`] what it is told.
//!
//! Invariants: every façade call takes a [`Caller`] and checks its permission and scope; every
//! change is in the audit log before the call returns; the console and the command line call
//! nothing else.

pub mod account;
pub mod alert;
mod archive_proof;
pub mod audit_log;
pub mod centre;
pub mod config;
pub mod control;
pub mod coverage;
pub mod drill;
pub mod enrich;
pub mod error;
pub mod evidence;
pub mod exceptions;
pub mod export;
pub mod facade;
mod heads;
pub mod hunt;
mod inject;
mod intake;
pub mod jobs;
pub mod ledger;
pub mod limits;
pub mod live;
mod own;
pub mod pipeline;
mod ranges;
pub mod rates;
mod rebuild;
pub mod records_proof;
pub mod region;
pub mod reveal;
pub mod rulebook;
pub mod schedule;
mod seal;
mod secret;
mod sensing;
pub mod sensor_health;
pub mod sight;
pub mod situation;
pub mod tls;
pub mod view;
pub mod world;

pub use account::{Caller, Permission, Role, Scope};
pub use centre::Centre;
pub use config::Config;
pub use error::Error;
pub use live::Live;
pub use world::World;
