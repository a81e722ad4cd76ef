//! What comes next. Pure.

use std::time::Duration;

use events::Timestamp;

use super::state::{Doing, Flow, Phase, State};
use super::transition::{Change, FailReason, Mode, RunOutcome};
use crate::limits;
use crate::model::{Command, Playbook, Step, StepKind};

/// The next thing to do.
pub(super) enum Next {
    /// Journal and apply.
    Change(Change),
    /// Journal and apply, then call the effector for this flow.
    Execute(Change, u32),
    /// Nothing, until a person answers or this time comes.
    Idle(Option<Timestamp>),
}

/// The next thing a run does at `now`.
pub(super) fn next(state: &State, playbook: &Playbook, now: Timestamp) -> Next {
    if state.outcome.is_some() {
        return Next::Idle(None);
    }
    if let Some(by) = &state.cancelled_by {
        return finish(RunOutcome::Cancelled { by: by.clone() });
    }
    if state.sequence >= limits::TRANSITIONS_MAX {
        return finish(RunOutcome::Failed {
            reason: FailReason::TooLong,
            exception_handled: false,
        });
    }
    let mut timer: Option<Timestamp> = None;
    for (&number, flow) in &state.flows {
        match flow_next(state, playbook, number, flow, now) {
            Next::Idle(None) => {}
            Next::Idle(Some(at)) => timer = Some(timer.map_or(at, |t| t.min(at))),
            other => return other,
        }
    }
    Next::Idle(timer)
}

fn finish(outcome: RunOutcome) -> Next {
    Next::Change(Change::Finished { outcome })
}

fn flow_next(state: &State, playbook: &Playbook, number: u32, flow: &Flow, now: Timestamp) -> Next {
    match &flow.phase {
        Phase::Opened { first } => enter(playbook, number, first, now),
        Phase::Ready { not_before, .. } if *not_before > now => Next::Idle(Some(*not_before)),
        Phase::Ready { command, attempt, .. } => {
            ready(state, playbook, number, flow, (*command, *attempt), now)
        }
        Phase::Running(doing) => interrupted(state, playbook, number, flow, doing),
        Phase::Waiting(doing) => match doing.deadline {
            Some(deadline) if deadline <= now => {
                let step = playbook.steps.get(&flow.step);
                Next::Change(failed(step, number, doing.attempt, FailReason::TimedOut, now))
            }
            deadline => Next::Idle(deadline),
        },
        Phase::Unknown(_) => Next::Idle(None),
        Phase::Branched { children } => branched(state, playbook, number, flow, children),
        Phase::Done { failure } => done(playbook, number, flow, failure.as_ref(), now),
        Phase::Ended { failure } => ended(state, playbook, number, failure.as_ref()),
    }
}

fn enter(playbook: &Playbook, flow: u32, step: &str, now: Timestamp) -> Next {
    let delay = playbook.steps.get(step).map_or(0, |s| s.delay_ms);
    let not_before = now.plus(Duration::from_millis(delay));
    Next::Change(Change::Entered { flow, step: step.to_owned(), not_before })
}

fn ready(
    state: &State,
    playbook: &Playbook,
    number: u32,
    flow: &Flow,
    (command, attempt): (u32, u32),
    now: Timestamp,
) -> Next {
    let Some(step) = playbook.steps.get(&flow.step) else { return Next::Idle(None) };
    let decided = |failure| Next::Change(Change::Decided { flow: number, failure });
    let branch = |branches: Vec<String>| Next::Change(Change::Branched { flow: number, branches });
    match &step.kind {
        StepKind::Start => done(playbook, number, flow, None, now),
        StepKind::End => Next::Change(Change::FlowEnded { flow: number, failure: None }),
        StepKind::Parallel { branches } => branch(branches.clone()),
        StepKind::If { condition, on_true, on_false } => {
            if condition.holds(&flow.visible()) {
                return branch(vec![on_true.clone()]);
            }
            on_false.as_ref().map_or_else(|| decided(None), |id| branch(vec![id.clone()]))
        }
        StepKind::While { condition, on_true, iterations_max } => {
            if !condition.holds(&flow.visible()) {
                decided(None)
            } else if flow.iteration >= *iterations_max {
                decided(Some(FailReason::TooManyIterations))
            } else {
                branch(vec![on_true.clone()])
            }
        }
        StepKind::Switch { variable, cases } => {
            let visible = flow.visible();
            let case =
                visible.get(variable).and_then(|v| cases.get(v)).or_else(|| cases.get("default"));
            case.map_or_else(|| decided(Some(FailReason::NoCase)), |id| branch(vec![id.clone()]))
        }
        // Refused before a run starts.
        StepKind::Playbook { .. } => decided(Some(FailReason::NoCase)),
        StepKind::Action(action) => match action.commands.get(command as usize) {
            Some(found) => start(state, step, found, number, flow, (command, attempt), now),
            None => decided(None),
        },
    }
}

fn start(
    state: &State,
    step: &Step,
    found: &Command,
    number: u32,
    flow: &Flow,
    (command, attempt): (u32, u32),
    now: Timestamp,
) -> Next {
    let Some(header) = &state.header else { return Next::Idle(None) };
    if header.mode == Mode::Production
        && let Some(name) = missing(found, flow)
    {
        let (by, note, retry_at) = (None, String::new(), None);
        let reason = FailReason::NoValue { name };
        return Next::Change(Change::Failed { flow: number, reason, by, note, retry_at });
    }
    let change = Change::Started {
        flow: number,
        command,
        attempt,
        idempotency_key: key(state, flow, command),
        deadline: step.timeout_ms.map(|ms| now.plus(Duration::from_millis(ms))),
    };
    Next::Execute(change, number)
}

/// The same for every attempt of one command in one visit of its step.
pub(super) fn key(state: &State, flow: &Flow, command: u32) -> String {
    let run = state.header.as_ref().map(|h| h.run.to_string()).unwrap_or_default();
    format!("{run}.{}.{command}", flow.visit)
}

fn missing(command: &Command, flow: &Flow) -> Option<String> {
    let visible = flow.visible();
    let headers = command.headers.values().flatten().map(String::as_str);
    [command.text.zh.as_str(), command.text.en.as_str()]
        .into_iter()
        .chain(command.content.as_deref())
        .chain(headers)
        .find_map(|text| crate::variable::substitute(text, &visible).1.into_iter().next())
}

/// A command found started: the process died, or the journal failed, before its end was written.
fn interrupted(
    state: &State,
    playbook: &Playbook,
    number: u32,
    flow: &Flow,
    doing: &Doing,
) -> Next {
    let step = playbook.steps.get(&flow.step);
    let asks = step.is_some_and(|s| match &s.kind {
        StepKind::Action(a) => {
            a.commands.get(doing.command as usize).is_some_and(|c| c.kind == "manual")
        }
        _ => false,
    });
    let dry = state.header.as_ref().is_some_and(|h| h.mode == Mode::DryRun);
    if asks || dry || step.is_some_and(|s| s.rules.idempotent) {
        return Next::Change(Change::Repeated { flow: number });
    }
    Next::Change(Change::Unknown { flow: number, reason: FailReason::Interrupted })
}

/// The end of a failed attempt: another follows if the step's rules leave one.
pub(super) fn failed(
    step: Option<&Step>,
    flow: u32,
    attempt: u32,
    reason: FailReason,
    now: Timestamp,
) -> Change {
    let retry_at = step.filter(|s| attempt < s.rules.attempts_max).map(|s| {
        let doublings = attempt.saturating_sub(1).min(20);
        now.plus(Duration::from_millis(s.rules.backoff_ms.saturating_mul(1 << doublings)))
    });
    Change::Failed { flow, reason, by: None, note: String::new(), retry_at }
}

fn branched(
    state: &State,
    playbook: &Playbook,
    number: u32,
    flow: &Flow,
    children: &[u32],
) -> Next {
    let mut failure = None;
    for child in children {
        match state.flows.get(child).map(|f| &f.phase) {
            Some(Phase::Ended { failure: own }) => failure = failure.or_else(|| own.clone()),
            _ => return Next::Idle(None),
        }
    }
    let repeats =
        playbook.steps.get(&flow.step).is_some_and(|s| matches!(s.kind, StepKind::While { .. }));
    let again = repeats && failure.is_none();
    Next::Change(Change::Joined { flow: number, failure, again })
}

fn done(
    playbook: &Playbook,
    number: u32,
    flow: &Flow,
    failure: Option<&FailReason>,
    now: Timestamp,
) -> Next {
    let step = playbook.steps.get(&flow.step);
    let next = step.and_then(|s| match failure {
        None => s.on_success.as_ref(),
        Some(_) => s.on_failure.as_ref(),
    });
    match next {
        Some(next) => enter(playbook, number, next, now),
        None => Next::Change(Change::FlowEnded { flow: number, failure: failure.cloned() }),
    }
}

/// A flow without a parent ended: so does the run, or the exception flow begins.
fn ended(state: &State, playbook: &Playbook, number: u32, failure: Option<&FailReason>) -> Next {
    let child = state
        .flows
        .values()
        .any(|f| matches!(&f.phase, Phase::Branched { children } if children.contains(&number)));
    if child {
        return Next::Idle(None);
    }
    match (failure, &state.exception, &playbook.exception) {
        (None, None, _) => finish(RunOutcome::Succeeded),
        (None, Some(reason), _) => {
            finish(RunOutcome::Failed { reason: reason.clone(), exception_handled: true })
        }
        (Some(failure), None, Some(step)) => {
            Next::Change(Change::Excepted { failure: failure.clone(), step: step.clone() })
        }
        (Some(failure), earlier, _) => {
            let reason = earlier.clone().unwrap_or_else(|| failure.clone());
            finish(RunOutcome::Failed { reason, exception_handled: false })
        }
    }
}
