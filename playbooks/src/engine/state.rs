//! The fold of a journal. Pure: the same entries give the same state.

use std::collections::{BTreeMap, BTreeSet};

use events::{RunId, Timestamp};

use super::status::{StepState, StepStatus};
use super::transition::{Change, FailReason, Mode, RunOutcome, Transition};
use crate::model::{Playbook, Step, StepKind};

/// What a run is at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    pub(super) header: Option<Header>,
    pub(super) flows: BTreeMap<u32, Flow>,
    pub(super) steps: BTreeMap<String, StepStatus>,
    pub(super) outcome: Option<RunOutcome>,
    /// Set once the exception flow has begun.
    pub(super) exception: Option<FailReason>,
    pub(super) cancelled_by: Option<String>,
    pub(super) sequence: u64,
    flows_opened: u32,
    visits: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) run: RunId,
    pub(super) mode: Mode,
    pub(super) by: String,
    pub(super) sha256: String,
    pub(super) at: Timestamp,
}

/// A line of steps: the playbook's own, or a branch's.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) step: String,
    pub(super) phase: Phase,
    /// Number of this visit of the step within the run.
    pub(super) visit: u64,
    pub(super) iteration: u32,
    /// The playbook's variables as this flow sees them.
    pub(super) variables: BTreeMap<String, String>,
    /// Those this flow wrote.
    written: BTreeSet<String>,
    /// The step's own variables.
    local: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Not yet at a step: a flow that just opened.
    Opened {
        first: String,
    },
    /// The next command, or the step's decision, may start.
    Ready {
        not_before: Timestamp,
        command: u32,
        attempt: u32,
    },
    /// A command was started; seen here, it was interrupted.
    Running(Doing),
    Waiting(Doing),
    Unknown(Doing),
    Branched {
        children: Vec<u32>,
    },
    Done {
        failure: Option<FailReason>,
    },
    Ended {
        failure: Option<FailReason>,
    },
}

/// A command that was started.
#[derive(Clone, Debug)]
pub(super) struct Doing {
    pub(super) command: u32,
    pub(super) attempt: u32,
    pub(super) deadline: Option<Timestamp>,
    pub(super) since: Timestamp,
    pub(super) approved: Vec<String>,
}

type Applied = Result<(), &'static str>;

impl Flow {
    /// What the step may read.
    pub(super) fn visible(&self) -> BTreeMap<String, String> {
        let mut all = self.variables.clone();
        all.extend(self.local.clone());
        all
    }

    fn write(&mut self, outputs: &BTreeMap<String, String>, step: &Step) {
        for (name, value) in outputs {
            if step.variables.contains_key(name) {
                self.local.insert(name.clone(), value.clone());
            } else {
                self.variables.insert(name.clone(), value.clone());
                self.written.insert(name.clone());
            }
        }
    }
}

impl State {
    /// Applies one entry; an error says why it cannot follow from those before.
    pub(super) fn apply(&mut self, entry: &Transition, playbook: &Playbook) -> Applied {
        if entry.sequence != self.sequence {
            return Err("its number is out of order");
        }
        if self.outcome.is_some() {
            return Err("the run had already finished");
        }
        let at = entry.at;
        match &entry.change {
            Change::Begun { run, sha256, mode, by, variables, .. } => {
                if self.header.is_some() {
                    return Err("the run had already begun");
                }
                let (mode, by, sha256) = (*mode, by.clone(), sha256.clone());
                self.header = Some(Header { run: *run, mode, by, sha256, at });
                let all = initial(playbook, variables);
                self.open(&playbook.start, all);
            }
            Change::Entered { flow, step, not_before } => {
                self.entered(*flow, step, *not_before, at, playbook)?;
            }
            Change::Branched { flow, branches } => self.branched(*flow, branches)?,
            Change::Joined { flow, failure, again } => {
                self.joined(*flow, failure.clone(), *again, at)?;
            }
            Change::Decided { flow, failure } => {
                self.end_step(*flow, failure.clone(), at)?;
            }
            Change::FlowEnded { flow, failure } => {
                if failure.is_none() {
                    self.end_step(*flow, None, at)?;
                }
                self.flow(*flow)?.phase = Phase::Ended { failure: failure.clone() };
            }
            Change::Excepted { failure, step } => {
                let variables = self.flow(0)?.variables.clone();
                self.exception = Some(failure.clone());
                self.close_open_steps(at);
                self.flows.clear();
                self.open(step, variables);
            }
            Change::Cancelled { by, .. } => {
                self.cancelled_by = Some(by.clone());
                self.close_open_steps(at);
                self.flows.clear();
            }
            Change::Finished { outcome } => {
                self.outcome = Some(outcome.clone());
                self.close_open_steps(at);
                self.flows.clear();
            }
            command => self.command(command, at, playbook)?,
        }
        self.sequence += 1;
        Ok(())
    }

    fn flow(&mut self, flow: u32) -> Result<&mut Flow, &'static str> {
        self.flows.get_mut(&flow).ok_or("it names an unknown flow")
    }

    fn open(&mut self, first: &str, variables: BTreeMap<String, String>) -> u32 {
        let number = self.flows_opened;
        self.flows_opened += 1;
        self.flows.insert(
            number,
            Flow {
                step: first.to_owned(),
                phase: Phase::Opened { first: first.to_owned() },
                visit: 0,
                iteration: 0,
                variables,
                written: BTreeSet::new(),
                local: BTreeMap::new(),
            },
        );
        number
    }

    fn entered(
        &mut self,
        flow: u32,
        id: &str,
        not_before: Timestamp,
        at: Timestamp,
        playbook: &Playbook,
    ) -> Applied {
        let step = playbook.steps.get(id).ok_or("it names an unknown step")?;
        self.visits += 1;
        let visit = self.visits;
        let previous = {
            let flow = self.flow(flow)?;
            let previous = matches!(flow.phase, Phase::Ready { .. }).then(|| flow.step.clone());
            flow.step = id.to_owned();
            flow.visit = visit;
            flow.iteration = 0;
            flow.local = step
                .variables
                .iter()
                .filter_map(|(name, v)| v.value.clone().map(|value| (name.clone(), value)))
                .collect();
            // A clock set back after a crash must not hold up what had no delay.
            let not_before = if not_before > at { not_before } else { Timestamp::MIN };
            flow.phase = Phase::Ready { not_before, command: 0, attempt: 1 };
            previous
        };
        if let Some(previous) = previous
            && let Some(status) = self.steps.get_mut(&previous)
        {
            status.end(StepState::Succeeded, at);
        }
        let state = if not_before > at { StepState::Delayed } else { StepState::Running };
        self.steps.insert(id.to_owned(), StepStatus::entered(id, state, at));
        Ok(())
    }

    fn branched(&mut self, number: u32, branches: &[String]) -> Applied {
        let variables = {
            let flow = self.flow(number)?;
            flow.iteration += 1;
            flow.variables.clone()
        };
        let children = branches.iter().map(|first| self.open(first, variables.clone())).collect();
        let flow = self.flow(number)?;
        flow.phase = Phase::Branched { children };
        let step = flow.step.clone();
        if let Some(status) = self.steps.get_mut(&step) {
            status.state = StepState::Running;
        }
        Ok(())
    }

    fn joined(
        &mut self,
        number: u32,
        failure: Option<FailReason>,
        again: bool,
        at: Timestamp,
    ) -> Applied {
        let Phase::Branched { children } = self.flow(number)?.phase.clone() else {
            return Err("it joins branches that were not opened");
        };
        for child in children {
            let Some(child) = self.flows.remove(&child) else {
                return Err("it joins an unknown branch");
            };
            let flow = self.flow(number)?;
            for name in child.written {
                if let Some(value) = child.variables.get(&name) {
                    flow.variables.insert(name.clone(), value.clone());
                }
                flow.written.insert(name);
            }
        }
        if again {
            self.flow(number)?.phase =
                Phase::Ready { not_before: Timestamp::MIN, command: 0, attempt: 1 };
            return Ok(());
        }
        self.end_step(number, failure, at)
    }

    fn end_step(&mut self, number: u32, failure: Option<FailReason>, at: Timestamp) -> Applied {
        let flow = self.flow(number)?;
        let step = flow.step.clone();
        flow.phase = Phase::Done { failure: failure.clone() };
        if let Some(status) = self.steps.get_mut(&step) {
            let state = if failure.is_none() { StepState::Succeeded } else { StepState::Failed };
            status.end(state, at);
            if failure.is_some() {
                status.reason = failure;
            }
        }
        Ok(())
    }

    fn close_open_steps(&mut self, at: Timestamp) {
        for status in self.steps.values_mut() {
            if status.ended.is_none() {
                status.end(StepState::Cancelled, at);
            }
        }
    }

    fn command(&mut self, change: &Change, at: Timestamp, playbook: &Playbook) -> Applied {
        let number = match change {
            Change::Started { flow, .. }
            | Change::Waiting { flow }
            | Change::Unknown { flow, .. }
            | Change::Repeated { flow }
            | Change::Approved { flow, .. }
            | Change::Succeeded { flow, .. }
            | Change::Failed { flow, .. } => *flow,
            _ => return Err("it is not a change of a command"),
        };
        let flow = self.flows.get_mut(&number).ok_or("it names an unknown flow")?;
        let step = playbook.steps.get(&flow.step).ok_or("it names an unknown step")?;
        let status = self.steps.get_mut(&flow.step).ok_or("its step was never entered")?;
        match (change, flow.phase.clone()) {
            (Change::Started { command, attempt, deadline, .. }, Phase::Ready { .. }) => {
                status.state = StepState::Running;
                status.attempt = *attempt;
                status.deadline = *deadline;
                flow.phase = Phase::Running(Doing {
                    command: *command,
                    attempt: *attempt,
                    deadline: *deadline,
                    since: at,
                    approved: Vec::new(),
                });
            }
            (Change::Waiting { .. }, Phase::Running(doing)) => {
                status.state = StepState::Waiting;
                flow.phase = Phase::Waiting(Doing { since: at, ..doing });
            }
            (Change::Unknown { reason, .. }, Phase::Running(doing)) => {
                status.state = StepState::Unknown;
                status.reason = Some(reason.clone());
                flow.phase = Phase::Unknown(Doing { since: at, ..doing });
            }
            (Change::Repeated { .. }, Phase::Running(doing)) => {
                let Doing { command, attempt, .. } = doing;
                flow.phase = Phase::Ready { not_before: Timestamp::MIN, command, attempt };
            }
            (Change::Approved { by, note, .. }, Phase::Waiting(mut doing)) => {
                doing.approved.push(by.clone());
                status.answered(by, note);
                flow.phase = Phase::Waiting(doing);
            }
            (
                Change::Succeeded { .. },
                Phase::Running(doing) | Phase::Waiting(doing) | Phase::Unknown(doing),
            ) => succeeded(flow, status, step, change, &doing, at),
            (Change::Failed { .. }, phase) => failed(flow, status, change, &phase, at)?,
            _ => return Err("it does not follow from the command's state"),
        }
        Ok(())
    }
}

/// A command ended well: the next one of the step is ready, or the step is done.
fn succeeded(
    flow: &mut Flow,
    status: &mut StepStatus,
    step: &Step,
    change: &Change,
    doing: &Doing,
    at: Timestamp,
) {
    let Change::Succeeded { outputs, by, note, simulated, .. } = change else { return };
    flow.write(outputs, step);
    status.simulated |= *simulated;
    status.reason = None;
    if let Some(by) = by {
        status.answered(by, note);
    }
    if doing.command + 1 < commands(step) {
        let command = doing.command + 1;
        flow.phase = Phase::Ready { not_before: Timestamp::MIN, command, attempt: 1 };
        status.state = StepState::Running;
    } else {
        flow.phase = Phase::Done { failure: None };
        status.end(StepState::Succeeded, at);
    }
}

/// A command ended badly: another attempt is ready at its time, or the step failed.
fn failed(
    flow: &mut Flow,
    status: &mut StepStatus,
    change: &Change,
    phase: &Phase,
    at: Timestamp,
) -> Applied {
    let Change::Failed { reason, by, note, retry_at, .. } = change else { return Ok(()) };
    let (command, attempt) = match phase {
        Phase::Ready { command, attempt, .. } => (*command, *attempt),
        Phase::Running(d) | Phase::Waiting(d) | Phase::Unknown(d) => (d.command, d.attempt),
        _ => return Err("it ends a command that was not started"),
    };
    if let Some(by) = by {
        status.answered(by, note);
    }
    status.reason = Some(reason.clone());
    if let Some(not_before) = *retry_at {
        status.state = StepState::Delayed;
        flow.phase = Phase::Ready { not_before, command, attempt: attempt + 1 };
    } else {
        status.end(StepState::Failed, at);
        flow.phase = Phase::Done { failure: Some(reason.clone()) };
    }
    Ok(())
}

fn commands(step: &Step) -> u32 {
    match &step.kind {
        StepKind::Action(action) => u32::try_from(action.commands.len()).unwrap_or(u32::MAX),
        _ => 0,
    }
}

fn initial(playbook: &Playbook, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = playbook
        .variables
        .iter()
        .filter_map(|(name, v)| v.value.clone().map(|value| (name.clone(), value)))
        .collect();
    all.extend(given.clone());
    all
}
