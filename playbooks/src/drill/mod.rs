//! Drills (演练): a playbook in exercise mode plus injects, and the clock over both.
//!
//! Injects are records that go through the real sensors, rules and queue. Each carries a marker
//! that only this node can make (`marker`), so drill data stays apart from production and an
//! attacker cannot pass for a drill. `plan` is what the content says, `clock` what happened,
//! `score` what it was worth, `report` the after-action report.
//!
//! Invariants: pure, no clock; times only move from unset to set; what is open counts as missed.

mod clock;
mod marker;
pub(crate) mod plan;
mod report;
mod score;

pub use clock::{Act, DrillRun, EndReason, InjectClock, Observation, ObservedAlert};
pub use marker::{marker, verify_marker};
pub use plan::{
    Drill, DrillPlan, DrillRole, Expectation, Inject, InjectContext, InjectRecord, RecordTemplate,
    Transport,
};
pub use report::{html, markdown};
pub use score::{
    Coverage, DrillFinding, DrillScore, FindingKind, InjectScore, Span, TechniqueScore,
};
