//! The typed playbook. Whatever exists here passed the strict loader: references resolve, every
//! branch ends, loops are bounded, conditions parse.

use std::collections::BTreeMap;

use events::{Text, Timestamp};
use serde::Serialize;

use crate::condition::Condition;
use crate::drill::DrillPlan;
use crate::problem::Problem;
use crate::variable::Variable;

/// A CACAO 2.0 playbook (预案).
#[derive(Clone, Debug, Serialize)]
pub struct Playbook {
    /// The file's name as given to [`crate::parse`]: the slug that rules refer to.
    pub file: String,
    /// SHA-256 of the file's text, in hexadecimal: a run is bound to it.
    pub sha256: String,
    /// `playbook--<uuid>`.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// What it is for.
    pub description: Text,
    /// `playbook_types`.
    pub types: Vec<String>,
    /// `playbook_activities`.
    pub activities: Vec<String>,
    /// The STIX identity of its author.
    pub created_by: String,
    /// When it was first written.
    pub created: Timestamp,
    /// Its version.
    pub modified: Timestamp,
    /// Whether its author withdrew it: it loads, but does not run.
    pub revoked: bool,
    /// Not to be run before.
    pub valid_from: Option<Timestamp>,
    /// Not to be run after.
    pub valid_until: Option<Timestamp>,
    /// 0 (least) to 100.
    pub severity: Option<u8>,
    /// Free labels.
    pub labels: Vec<String>,
    /// Variables of the whole playbook.
    pub variables: BTreeMap<String, Variable>,
    /// Id of the start step.
    pub start: String,
    /// Id of the step that handles what nothing else handles.
    pub exception: Option<String>,
    /// All steps by id.
    pub steps: BTreeMap<String, Step>,
    /// Who or what executes commands, by id.
    pub agents: BTreeMap<String, Party>,
    /// Against what they are executed, by id.
    pub targets: BTreeMap<String, Party>,
    /// Present when this is a drill.
    pub drill: Option<DrillPlan>,
    /// Whether it carries signatures (checked by [`crate::signature`], not by loading).
    pub signed: bool,
    /// What its author should know though it loads.
    pub warnings: Vec<Problem>,
}

/// An agent or target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Party {
    /// `individual`, `group`, `ssh`, ….
    pub kind: String,
    /// Its name.
    pub name: Text,
}

/// One step (步骤).
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// `<type>--<uuid>`.
    pub id: String,
    /// What a person reads.
    pub name: Text,
    /// More of it.
    pub description: Text,
    /// Wait before it starts, in milliseconds.
    pub delay_ms: u64,
    /// Deadline of an attempt from its start, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Variables of this step alone.
    pub variables: BTreeMap<String, Variable>,
    /// What it does.
    pub kind: StepKind,
    /// Next after success (`on_completion` or `on_success`); none for an end step.
    pub on_success: Option<String>,
    /// Next after failure.
    pub on_failure: Option<String>,
    /// Rules of the Xuedun execution extension.
    pub rules: StepRules,
}

/// What a step does.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum StepKind {
    /// Where the playbook begins.
    Start,
    /// Where the playbook or a branch ends.
    End,
    /// Commands, one after the other.
    Action(Action),
    /// One of two branches.
    If {
        /// What decides.
        condition: Condition,
        /// The branch when it holds.
        on_true: String,
        /// The branch when it does not.
        on_false: Option<String>,
    },
    /// A branch again and again.
    While {
        /// Holds while the branch is to run.
        condition: Condition,
        /// The branch.
        on_true: String,
        /// After so many iterations the step fails.
        iterations_max: u32,
    },
    /// One of many branches.
    Switch {
        /// The variable whose value names the branch.
        variable: String,
        /// Branch by value; `default` for every other value.
        cases: BTreeMap<String, String>,
    },
    /// All branches.
    Parallel {
        /// First step of each.
        branches: Vec<String>,
    },
    /// Another playbook. Loads, but is refused when a run starts: not built.
    Playbook {
        /// Its id.
        playbook: String,
    },
}

impl StepKind {
    /// The branches it opens, in order.
    pub fn branches(&self) -> Vec<&str> {
        match self {
            Self::If { on_true, on_false, .. } => {
                std::iter::once(on_true).chain(on_false).map(String::as_str).collect()
            }
            Self::While { on_true, .. } => vec![on_true],
            Self::Switch { cases, .. } => cases.values().map(String::as_str).collect(),
            Self::Parallel { branches } => branches.iter().map(String::as_str).collect(),
            Self::Start | Self::End | Self::Action(_) | Self::Playbook { .. } => Vec::new(),
        }
    }

    /// The word of the standard.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Action(_) => "action",
            Self::If { .. } => "if-condition",
            Self::While { .. } => "while-condition",
            Self::Switch { .. } => "switch-condition",
            Self::Parallel { .. } => "parallel",
            Self::Playbook { .. } => "playbook-action",
        }
    }
}

/// An action step's own part.
#[derive(Clone, Debug, Serialize)]
pub struct Action {
    /// At least one.
    pub commands: Vec<Command>,
    /// Key into [`Playbook::agents`].
    pub agent: String,
    /// Keys into [`Playbook::targets`].
    pub targets: Vec<String>,
    /// Variables it reads.
    pub in_args: Vec<String>,
    /// Variables it writes.
    pub out_args: Vec<String>,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Command {
    /// `manual`, `notification`, `bash`, ….
    pub kind: String,
    /// What a person reads about it.
    pub description: Text,
    /// The command itself, with variable references; decoded if it was given in base64. The
    /// English side equals the Chinese one unless the extension gives another.
    pub text: Text,
    /// `playbook_activity`.
    pub activity: Option<String>,
    /// Body of an HTTP command.
    pub content: Option<String>,
    /// Headers of an HTTP command.
    pub headers: BTreeMap<String, Vec<String>>,
}

/// What the Xuedun execution extension says of a step (see `SEMANTICS.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepRules {
    /// Whether its commands may be repeated after a crash without harm.
    pub idempotent: bool,
    /// Attempts of each command, at least 1.
    pub attempts_max: u32,
    /// Wait before the second attempt, in milliseconds; doubled for each further one.
    pub backoff_ms: u64,
    /// People who must say yes to a manual step.
    pub approvals: u32,
    /// Whether whoever started the run may not be one of them.
    pub four_eyes: bool,
    /// Variable → name of an effector's output.
    pub outputs: BTreeMap<String, String>,
    /// Id of the role that acts.
    pub role: Option<String>,
}

impl Default for StepRules {
    fn default() -> Self {
        Self {
            idempotent: false,
            attempts_max: 1,
            backoff_ms: 1_000,
            approvals: 1,
            four_eyes: false,
            outputs: BTreeMap::new(),
            role: None,
        }
    }
}

impl Playbook {
    /// The steps in the order a reader meets them: the main flow, each branch at its step, then
    /// the exception flow.
    pub fn in_order(&self) -> Vec<&Step> {
        let mut order = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        self.follow(&self.start, &mut order, &mut seen);
        if let Some(exception) = &self.exception {
            self.follow(exception, &mut order, &mut seen);
        }
        order
    }

    fn follow<'a>(
        &'a self,
        from: &'a str,
        order: &mut Vec<&'a Step>,
        seen: &mut std::collections::BTreeSet<&'a str>,
    ) {
        // An explicit stack: a workflow of thousands of steps must not use up the thread's own.
        let mut stack = vec![from];
        while let Some(id) = stack.pop() {
            let Some(step) = self.steps.get(id) else { continue };
            if !seen.insert(id) {
                continue;
            }
            order.push(step);
            stack.extend(step.on_failure.as_deref());
            stack.extend(step.on_success.as_deref());
            stack.extend(step.kind.branches().into_iter().rev());
        }
    }

    /// The kinds of command it uses.
    pub fn command_kinds(&self) -> std::collections::BTreeSet<&str> {
        self.steps
            .values()
            .filter_map(|s| match &s.kind {
                StepKind::Action(action) => Some(action.commands.iter().map(|c| c.kind.as_str())),
                _ => None,
            })
            .flatten()
            .collect()
    }
}
