//! The level-3 audit (等保三级稽核): catalogue, checks, runs, scores and findings.
//!
//! Layout: [`catalogue`] the 211 items; [`check`] one check file, [`embedded`] those shipped;
//! [`host`] where probes may look, [`probe`] what they see as [`fact`]s, [`expect`] what must
//! hold; [`plan`] and [`run`] put them together; [`score`], [`diff`], [`finding`] and [`settle`]
//! read a run.
//!
//! Invariants: probing never changes the target (a [`Host`] cannot); what was not seen is never
//! passed; the nine verdicts are never merged; every planned check and all 211 items appear in
//! every run; the clock is passed in.

pub mod catalogue;
pub mod check;
pub mod diff;
pub mod embedded;
pub mod error;
pub mod expect;
pub mod fact;
pub mod finding;
pub mod fleet;
pub mod host;
pub mod limits;
pub mod own;
pub mod plan;
pub mod probe;
pub mod rollup;
pub mod run;
pub mod score;
pub mod settle;
pub mod targets;
pub mod ticket;
pub mod trouble;
pub mod verdict;

pub use catalogue::{Catalogue, EXTENSIONS, Item};
pub use check::{Check, CheckId};
pub use diff::{RunDiff, diff};
pub use embedded::{Content, checks, checks_with, content};
pub use error::AuditError;
pub use finding::{Finding, findings};
pub use fleet::{Fleet, FleetProgress};
pub use host::{Host, LocalHost, RecordedHost, system_authorities};
pub use own::OwnRecords;
pub use plan::{Facet, Plan, Target, plan};
pub use rollup::{RollUp, roll_up};
pub use run::{AuditRun, CheckResult, ItemResult, Progress, run, run_by};
pub use score::{Score, Template, score, templates};
pub use settle::{Attestation, Compensation, Decisions, Waiver, settle};
pub use targets::{Choice, TargetKind, TargetSpec, Targets};
pub use ticket::{Reminder, Ticket, TicketState, reminders, retest};
pub use trouble::{Clocks, Trouble, TroubleKind};
pub use verdict::{Verdict, VerdictKind};
