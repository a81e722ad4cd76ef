//! What a run looks like from outside.

use events::{RunId, Text, Timestamp};
use serde::Serialize;

use super::state::{Phase, State};
use super::transition::{FailReason, Mode, RunOutcome};
use crate::model::{Playbook, StepKind};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// Not reached yet.
    Pending,
    /// Reached; waits for its time.
    Delayed,
    /// Under way.
    Running,
    /// A person must act.
    Waiting,
    /// Nobody knows what became of it: a person must say.
    Unknown,
    /// Done.
    Succeeded,
    /// Not done.
    Failed,
    /// Under way when the run ended.
    Cancelled,
    /// Never reached, and the run is over.
    Skipped,
}

impl StepState {
    /// The word a person reads.
    pub const fn label(self, lang: events::Lang) -> &'static str {
        match self {
            Self::Pending => lang.pick("未开始", "pending"),
            Self::Delayed => lang.pick("等待时间", "delayed"),
            Self::Running => lang.pick("执行中", "running"),
            Self::Waiting => lang.pick("待处置", "waiting for a person"),
            Self::Unknown => lang.pick("结果未知", "unknown"),
            Self::Succeeded => lang.pick("成功", "succeeded"),
            Self::Failed => lang.pick("失败", "failed"),
            Self::Cancelled => lang.pick("已终止", "cancelled"),
            Self::Skipped => lang.pick("未执行", "skipped"),
        }
    }
}

/// One step of a run (its latest visit).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepStatus {
    /// The step's id.
    pub step: String,
    /// Its name.
    pub name: Text,
    /// `action`, `if-condition`, ….
    pub kind: &'static str,
    /// Where it stands.
    pub state: StepState,
    /// Attempt of the command under way.
    pub attempt: u32,
    /// When it was reached.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The attempt fails then.
    pub deadline: Option<Timestamp>,
    /// Who answered, in order.
    pub by: Vec<String>,
    /// Their notes.
    pub notes: Vec<String>,
    /// Why it failed or is unknown.
    pub reason: Option<FailReason>,
    /// Whether an effector only pretended.
    pub simulated: bool,
    /// Id of the role that acts.
    pub role: Option<String>,
}

impl StepStatus {
    pub(super) fn entered(step: &str, state: StepState, at: Timestamp) -> Self {
        Self {
            step: step.to_owned(),
            name: Text::default(),
            kind: "",
            state,
            attempt: 0,
            started: Some(at),
            ended: None,
            deadline: None,
            by: Vec::new(),
            notes: Vec::new(),
            reason: None,
            simulated: false,
            role: None,
        }
    }

    pub(super) fn end(&mut self, state: StepState, at: Timestamp) {
        if self.ended.is_none() {
            self.state = state;
            self.ended = Some(at);
            self.deadline = None;
        }
    }

    pub(super) fn answered(&mut self, by: &str, note: &str) {
        self.by.push(by.to_owned());
        if !note.is_empty() {
            self.notes.push(note.to_owned());
        }
    }
}

/// A step that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingStep {
    /// The step's id: pass it to [`super::Run::answer`].
    pub step: String,
    /// Its name.
    pub name: Text,
    /// What to do, with variables put in.
    pub text: Text,
    /// More of it.
    pub description: Text,
    /// Since when it waits.
    pub since: Timestamp,
    /// It fails then.
    pub deadline: Option<Timestamp>,
    /// Whether the question is what became of an interrupted command.
    pub unknown: bool,
    /// Variables a successful answer must give.
    pub outputs: Vec<String>,
    /// Who has already said yes.
    pub approved: Vec<String>,
    /// How many must.
    pub approvals: u32,
    /// Whether whoever started the run may not be one of them.
    pub four_eyes: bool,
    /// Id of the role that acts.
    pub role: Option<String>,
}

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunStatus {
    /// Its id.
    pub run: RunId,
    /// The playbook's slug.
    pub playbook: String,
    /// The playbook's name.
    pub name: Text,
    /// SHA-256 of the text it is bound to.
    pub sha256: String,
    /// How real it is.
    pub mode: Mode,
    /// Who started it.
    pub by: String,
    /// When it was started.
    pub started: Timestamp,
    /// Its steps in reading order.
    pub steps: Vec<StepStatus>,
    /// Steps that wait for a person.
    pub waiting: Vec<WaitingStep>,
    /// How it ended, once it has.
    pub outcome: Option<RunOutcome>,
    /// Journal entries so far.
    pub transitions: u64,
}

/// The steps that wait, in order of their flows.
pub(super) fn waiting(state: &State, playbook: &Playbook) -> Vec<WaitingStep> {
    let mut out = Vec::new();
    for flow in state.flows.values() {
        let (doing, unknown) = match &flow.phase {
            Phase::Waiting(doing) => (doing, false),
            Phase::Unknown(doing) => (doing, true),
            _ => continue,
        };
        let Some(step) = playbook.steps.get(&flow.step) else { continue };
        let StepKind::Action(action) = &step.kind else { continue };
        let Some(command) = action.commands.get(doing.command as usize) else { continue };
        let visible = flow.visible();
        let fill = |text: &str| crate::variable::substitute(text, &visible).0;
        let last = doing.command as usize + 1 == action.commands.len();
        out.push(WaitingStep {
            step: step.id.clone(),
            name: step.name.clone(),
            text: Text::new(fill(&command.text.zh), fill(&command.text.en)),
            description: step.description.clone(),
            since: doing.since,
            deadline: if unknown { None } else { doing.deadline },
            unknown,
            outputs: if last && !unknown { action.out_args.clone() } else { Vec::new() },
            approved: doing.approved.clone(),
            approvals: if unknown { 1 } else { step.rules.approvals },
            four_eyes: step.rules.four_eyes,
            role: step.rules.role.clone(),
        });
    }
    out
}

/// All steps, reached or not.
pub(super) fn steps(state: &State, playbook: &Playbook) -> Vec<StepStatus> {
    let untouched = if state.outcome.is_some() { StepState::Skipped } else { StepState::Pending };
    playbook
        .in_order()
        .into_iter()
        .map(|step| {
            let mut status = state.steps.get(&step.id).cloned().unwrap_or_else(|| StepStatus {
                started: None,
                ..StepStatus::entered(&step.id, untouched, Timestamp::MIN)
            });
            status.name = step.name.clone();
            status.kind = step.kind.word();
            status.role = step.rules.role.clone();
            status
        })
        .collect()
}
