//! What a user may do, one file per noun. Every method takes the [`Caller`] first, checks the
//! permission, keeps to the scope, and writes changes and sensitive reads to the audit log.
//!
//! [`Caller`]: crate::account::Caller

mod accounts;
mod alerts;
pub mod archive;
mod compliance;
mod drills;
pub mod export;
mod hunts;
mod records;
pub mod reveals;
pub mod rules;
mod schools;
mod search;
mod sensors;
pub mod sql;
mod workbench;

pub(crate) use self::compliance::part;
