//! Effectors: what really carries out commands. The centre supplies them; only [`Manual`] is
//! here, since asking a person has no side effect of its own.

use std::collections::BTreeMap;

use events::{RunId, Timestamp};

use super::transition::Mode;
use crate::error::Error;
use crate::model::{Command, Playbook, Step, StepKind};

/// One command to carry out.
#[derive(Clone, Debug)]
pub struct EffectRequest<'a> {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: &'a Step,
    /// The command as written.
    pub command: &'a Command,
    /// Its texts with variables put in (Chinese, English).
    pub text: events::Text,
    /// Its body with variables put in.
    pub content: Option<String>,
    /// How real the run is.
    pub mode: Mode,
    /// The same for every attempt of this command in this visit of the step: a receiver that saw
    /// it before must not act again.
    pub idempotency_key: String,
    /// Attempt, from 1.
    pub attempt: u32,
    /// Give up then.
    pub deadline: Option<Timestamp>,
    /// Variables the step may read.
    pub variables: BTreeMap<String, String>,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done. Outputs are named by the effector; `outputs` of the execution extension maps
    /// them to variables, and an output named like a variable of `out_args` maps to itself.
    Succeeded {
        /// What it gave back.
        outputs: BTreeMap<String, String>,
    },
    /// It was certainly not done.
    Failed {
        /// Why, without secrets.
        reason: String,
    },
    /// It may or may not have been done: a person must say.
    Uncertain {
        /// Why, without secrets.
        reason: String,
    },
    /// A person must act.
    Waiting,
}

impl Outcome {
    /// Success with nothing to give back.
    pub fn done() -> Self {
        Self::Succeeded { outputs: BTreeMap::new() }
    }
}

/// Carries out commands of one type.
pub trait Effector: Send {
    /// The command type: `manual`, `notification`, `ssh`, ….
    fn kind(&self) -> &str;

    /// Carries out a command for real. Called in [`Mode::Production`] alone.
    fn perform(&mut self, request: &EffectRequest<'_>) -> Outcome;

    /// What stands in for it in an exercise or dry run. Must have no effect outside this program.
    fn simulate(&mut self, request: &EffectRequest<'_>) -> Outcome {
        let _ = request;
        Outcome::done()
    }
}

/// Asks a person: the step waits until [`super::Run::answer`]. A dry run asks nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manual;

impl Effector for Manual {
    fn kind(&self) -> &'static str {
        "manual"
    }

    fn perform(&mut self, _: &EffectRequest<'_>) -> Outcome {
        Outcome::Waiting
    }

    fn simulate(&mut self, request: &EffectRequest<'_>) -> Outcome {
        if request.mode == Mode::DryRun { Outcome::done() } else { Outcome::Waiting }
    }
}

/// The effectors at hand, one per command type.
pub struct Effectors {
    by_kind: BTreeMap<String, Box<dyn Effector>>,
}

impl Default for Effectors {
    fn default() -> Self {
        Self::new()
    }
}

impl Effectors {
    /// [`Manual`] alone.
    pub fn new() -> Self {
        let mut effectors = Self { by_kind: BTreeMap::new() };
        effectors.register(Box::new(Manual));
        effectors
    }

    /// Adds one, in place of any other of its type.
    pub fn register(&mut self, effector: Box<dyn Effector>) -> &mut Self {
        self.by_kind.insert(effector.kind().to_owned(), effector);
        self
    }

    /// The same, for a chain of calls.
    #[must_use]
    pub fn with(mut self, effector: impl Effector + 'static) -> Self {
        self.register(Box::new(effector));
        self
    }

    /// Whether every command of a playbook can be carried out.
    ///
    /// # Errors
    /// [`Error::NoEffector`] (P104) or [`Error::StepUnsupported`] (P105), for the first step in
    /// reading order that cannot.
    pub fn check(&self, playbook: &Playbook) -> Result<(), Error> {
        for step in playbook.in_order() {
            match &step.kind {
                StepKind::Playbook { .. } => {
                    let kind = step.kind.word();
                    return Err(Error::StepUnsupported { kind, step: step.id.clone() });
                }
                StepKind::Action(action) => {
                    for command in &action.commands {
                        if !self.by_kind.contains_key(&command.kind) {
                            let (kind, step) = (command.kind.clone(), step.id.clone());
                            return Err(Error::NoEffector { kind, step });
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Carries out or simulates, as the mode says.
    pub(super) fn call(&mut self, request: &EffectRequest<'_>) -> Outcome {
        match (self.by_kind.get_mut(&request.command.kind), request.mode) {
            (Some(effector), Mode::Production) => effector.perform(request),
            (Some(effector), Mode::Exercise | Mode::DryRun) => effector.simulate(request),
            (None, _) => Outcome::Failed { reason: "no effector".to_owned() },
        }
    }
}
