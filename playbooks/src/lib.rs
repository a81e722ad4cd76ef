//! CACAO 2.0 playbooks (预案) and drills (演练): model, validate, run, drill.
//!
//! Layout: [`parse`] (in `load`) turns a text into a [`Playbook`] (`model`), with `json` keeping
//! places, `condition` and `variable` for the expressions inside, `problem` for what is wrong.
//! `engine` runs one, durably. `drill` feeds injects, keeps the clock and scores. `signature`
//! checks signatures. `library` holds the content that ships.
//!
//! Invariants: a [`Playbook`] that exists is valid; the engine reads no clock and does no I/O but
//! through [`RunJournal`] and [`Effector`]; every run-time choice the standard leaves open is
//! pinned in `SEMANTICS.md`. Codes: `P0xx` problems of a text, `P1xx` run-time errors.

mod codes;
mod condition;
pub mod drill;
mod engine;
mod error;
pub mod extension;
mod json;
mod library;
pub mod limits;
mod load;
mod model;
mod problem;
pub mod signature;
mod variable;

pub use codes::explain;
pub use condition::Condition;
pub use drill::{
    Act, Coverage, Drill, DrillFinding, DrillPlan, DrillRun, DrillScore, Inject, InjectContext,
    InjectRecord, Observation, ObservedAlert, Transport, marker, verify_marker,
};
pub use engine::{
    Answer, Begin, Change, EffectRequest, Effector, Effectors, FailReason, FileJournal, Manual,
    MemoryJournal, Mode, Outcome, Progress, Run, RunJournal, RunOutcome, RunStatus, StepState,
    StepStatus, Transition, WaitingStep,
};
pub use error::Error;
pub use library::{library, library_with};
pub use load::parse;
pub use model::{Action, Command, Party, Playbook, Step, StepKind, StepRules};
pub use problem::{Problem, Weight};
pub use variable::{Variable, VariableType};
