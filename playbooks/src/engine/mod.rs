//! Runs a playbook so that a crash loses nothing and repeats nothing by mistake.
//!
//! A run is the fold of its journal. Every change is a [`Transition`], made durable before it
//! counts and before the side effect it announces. `Run::advance` asks what comes next
//! (`decide`, pure), journals it, applies it (`state`, pure) and, where the change says so,
//! calls an effector.
//!
//! Invariants: no clock (the caller passes `now`); the state depends on the journal alone; a
//! command found started but not ended is repeated only if that is harmless, else it is
//! unknown and a person says what became of it.

mod decide;
mod effector;
mod journal;
mod run;
mod state;
mod status;
mod transition;

pub use effector::{EffectRequest, Effector, Effectors, Manual, Outcome};
pub use journal::{FileJournal, MemoryJournal, RunJournal};
pub use run::{Answer, Begin, Progress, Run};
pub use status::{RunStatus, StepState, StepStatus, WaitingStep};
pub use transition::{Change, FailReason, Mode, RunOutcome, Transition};
