//! The pages: pure functions from what `centre` answers to HTML.

pub(crate) mod account;
pub(crate) mod alert;
pub(crate) mod alerts;
pub(crate) mod audit_log;
pub(crate) mod compliance;
pub(crate) mod coverage;
pub(crate) mod data;
pub(crate) mod drill;
pub(crate) mod drills;
pub(crate) mod hunts;
pub(crate) mod login;
pub(crate) mod problem;
pub(crate) mod record;
pub(crate) mod reveals;
pub(crate) mod school;
pub(crate) mod schools;
pub(crate) mod search;
pub(crate) mod sensors;
pub(crate) mod workbench;
