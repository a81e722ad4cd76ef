//! A run: starts, goes on, is answered, ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::{RunId, Text, Timestamp};

use super::decide::{self, Next};
use super::effector::{EffectRequest, Effectors, Outcome};
use super::journal::RunJournal;
use super::state::{Doing, Flow, Phase, State};
use super::status::{self, RunStatus, WaitingStep};
use super::transition::{Change, FailReason, Mode, RunOutcome, Transition};
use crate::error::Error;
use crate::limits;
use crate::model::{Action, Playbook, Step, StepKind};
use crate::variable::substitute;

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Its id.
    pub run: RunId,
    /// How real it is.
    pub mode: Mode,
    /// Who starts it: an account name.
    pub by: String,
    /// Values of variables.
    pub variables: BTreeMap<String, String>,
}

/// What a person says about a waiting step.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The step's id.
    pub step: String,
    /// Who says it: an account name.
    pub by: String,
    /// Whether the step is done.
    pub success: bool,
    /// Values for its `out_args`.
    pub outputs: BTreeMap<String, String>,
    /// A note, possibly empty.
    pub note: String,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Steps that wait for a person.
    pub waiting: Vec<WaitingStep>,
    /// How it ended, once it has.
    pub finished: Option<RunOutcome>,
    /// When to call [`Run::advance`] again though nobody answered.
    pub timer: Option<Timestamp>,
}

/// One run of one playbook (预案执行).
#[derive(Debug)]
pub struct Run {
    playbook: Arc<Playbook>,
    state: State,
}

impl Run {
    /// Begins a run. Nothing is executed until [`Run::advance`].
    ///
    /// # Errors
    /// P113 when the journal is not empty, P114 when the playbook is revoked or not valid at
    /// `now`, P106 to P108 for the variables, P105 for steps not built, P101 for the journal.
    pub fn start(
        playbook: Arc<Playbook>,
        begin: Begin,
        now: Timestamp,
        journal: &mut dyn RunJournal,
    ) -> Result<Self, Error> {
        if !journal.read()?.is_empty() {
            return Err(Error::AlreadyBegun);
        }
        let early = playbook.valid_from.is_some_and(|from| now < from);
        let late = playbook.valid_until.is_some_and(|until| now > until);
        if playbook.revoked || early || late {
            return Err(Error::NotValid);
        }
        for step in playbook.steps.values() {
            if let StepKind::Playbook { .. } = step.kind {
                let (kind, step) = (step.kind.word(), step.id.clone());
                return Err(Error::StepUnsupported { kind, step });
            }
        }
        check_variables(&playbook, &begin.variables)?;
        let change = Change::Begun {
            run: begin.run,
            playbook: playbook.id.clone(),
            sha256: playbook.sha256.clone(),
            mode: begin.mode,
            by: begin.by,
            variables: begin.variables,
        };
        let mut run = Self { playbook, state: State::default() };
        run.commit(change, now, journal)?;
        Ok(run)
    }

    /// Takes up a run from its journal. Nothing is executed until [`Run::advance`].
    ///
    /// # Errors
    /// P113 when the journal is empty, P103 when it belongs to another text of the playbook, P102
    /// when an entry does not follow from those before, P101 when it cannot be read.
    pub fn resume(playbook: Arc<Playbook>, journal: &dyn RunJournal) -> Result<Self, Error> {
        let entries = journal.read()?;
        match entries.first().map(|e| &e.change) {
            None => return Err(Error::NotBegun),
            Some(Change::Begun { sha256, .. }) if *sha256 == playbook.sha256 => {}
            Some(Change::Begun { sha256, .. }) => {
                return Err(Error::OtherPlaybook { begun: sha256.clone() });
            }
            Some(_) => {
                return Err(Error::JournalDamaged { entry: 0, reason: "the run does not begin" });
            }
        }
        let mut state = State::default();
        for (number, entry) in entries.iter().enumerate() {
            state
                .apply(entry, &playbook)
                .map_err(|reason| Error::JournalDamaged { entry: number as u64, reason })?;
        }
        Ok(Self { playbook, state })
    }

    /// Goes on as far as possible without a person and without waiting.
    ///
    /// # Errors
    /// P104 when a command's type has no effector (nothing is executed then), P101 when the
    /// journal fails: the run stands where the journal does, call again or resume.
    pub fn advance(
        &mut self,
        now: Timestamp,
        effectors: &mut Effectors,
        journal: &mut dyn RunJournal,
    ) -> Result<Progress, Error> {
        if self.state.outcome.is_none() {
            effectors.check(&self.playbook)?;
        }
        loop {
            match decide::next(&self.state, &self.playbook, now) {
                Next::Change(change) => self.commit(change, now, journal)?,
                Next::Execute(change, flow) => {
                    self.commit(change, now, journal)?;
                    let after = self.execute(flow, now, effectors);
                    self.commit(after, now, journal)?;
                }
                Next::Idle(timer) => {
                    return Ok(Progress {
                        waiting: self.waiting(),
                        finished: self.state.outcome.clone(),
                        timer,
                    });
                }
            }
        }
    }

    /// Takes a person's word on a waiting step. Call [`Run::advance`] after it.
    ///
    /// # Errors
    /// P109 when the step does not wait (or its deadline passed), P110 and P111 for approvals,
    /// P112 and P108 for outputs, P115 for the note, P101 for the journal.
    pub fn answer(
        &mut self,
        answer: &Answer,
        now: Timestamp,
        journal: &mut dyn RunJournal,
    ) -> Result<(), Error> {
        if answer.note.len() > limits::NOTE_BYTES_MAX {
            return Err(Error::NoteTooLong { bytes_max: limits::NOTE_BYTES_MAX });
        }
        let change = self.answered(answer, now)?;
        self.commit(change, now, journal)
    }

    /// Stops the run: what is under way is not undone. Call [`Run::advance`] after it.
    ///
    /// # Errors
    /// P113 when the run is over, P101 for the journal.
    pub fn cancel(
        &mut self,
        by: &str,
        note: &str,
        now: Timestamp,
        journal: &mut dyn RunJournal,
    ) -> Result<(), Error> {
        if self.state.outcome.is_some() || self.state.cancelled_by.is_some() {
            return Err(Error::NotBegun);
        }
        let change = Change::Cancelled { by: by.to_owned(), note: note.to_owned() };
        self.commit(change, now, journal)
    }

    /// Steps that wait for a person.
    pub fn waiting(&self) -> Vec<WaitingStep> {
        status::waiting(&self.state, &self.playbook)
    }

    /// The playbook it runs.
    pub fn playbook(&self) -> &Arc<Playbook> {
        &self.playbook
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<&RunOutcome> {
        self.state.outcome.as_ref()
    }

    /// Everything about it.
    pub fn status(&self) -> RunStatus {
        let header = self.state.header.as_ref();
        RunStatus {
            run: header.map(|h| h.run).unwrap_or_default(),
            playbook: self.playbook.file.clone(),
            name: self.playbook.name.clone(),
            sha256: header.map(|h| h.sha256.clone()).unwrap_or_default(),
            mode: header.map_or(Mode::DryRun, |h| h.mode),
            by: header.map(|h| h.by.clone()).unwrap_or_default(),
            started: header.map(|h| h.at).unwrap_or_default(),
            steps: status::steps(&self.state, &self.playbook),
            waiting: self.waiting(),
            outcome: self.state.outcome.clone(),
            transitions: self.state.sequence,
        }
    }

    /// Journals a change, then applies it: the order that makes a run durable.
    fn commit(
        &mut self,
        change: Change,
        at: Timestamp,
        journal: &mut dyn RunJournal,
    ) -> Result<(), Error> {
        let entry = Transition { sequence: self.state.sequence, at, change };
        // Tried on a copy first: an entry that does not apply must not reach the journal.
        let mut state = self.state.clone();
        state
            .apply(&entry, &self.playbook)
            .map_err(|reason| Error::JournalDamaged { entry: entry.sequence, reason })?;
        journal.append(&entry)?;
        self.state = state;
        Ok(())
    }

    fn action(&self, flow: &Flow) -> Option<(&Step, &Action)> {
        let step = self.playbook.steps.get(&flow.step)?;
        match &step.kind {
            StepKind::Action(action) => Some((step, action)),
            _ => None,
        }
    }

    /// Calls the effector for a flow whose command was just journalled as started.
    fn execute(&self, number: u32, now: Timestamp, effectors: &mut Effectors) -> Change {
        let unknown = Change::Unknown { flow: number, reason: FailReason::Interrupted };
        let Some(flow) = self.state.flows.get(&number) else { return unknown };
        let Phase::Running(doing) = &flow.phase else { return unknown };
        let Some((step, action)) = self.action(flow) else { return unknown };
        let Some(command) = action.commands.get(doing.command as usize) else { return unknown };
        let Some(header) = &self.state.header else { return unknown };
        let variables = flow.visible();
        let fill = |text: &str| substitute(text, &variables).0;
        let request = EffectRequest {
            run: header.run,
            step,
            command,
            text: Text::new(fill(&command.text.zh), fill(&command.text.en)),
            content: command.content.as_deref().map(fill),
            mode: header.mode,
            idempotency_key: decide::key(&self.state, flow, doing.command),
            attempt: doing.attempt,
            deadline: doing.deadline,
            variables: variables.clone(),
        };
        match effectors.call(&request) {
            Outcome::Waiting => Change::Waiting { flow: number },
            Outcome::Uncertain { reason } => {
                Change::Unknown { flow: number, reason: FailReason::Effector { text: reason } }
            }
            Outcome::Failed { reason } => {
                let reason = FailReason::Effector { text: reason };
                decide::failed(Some(step), number, doing.attempt, reason, now)
            }
            Outcome::Succeeded { outputs } => self.succeeded(number, step, action, &outputs),
        }
    }

    /// Maps an effector's outputs to variables.
    fn succeeded(
        &self,
        flow: u32,
        step: &Step,
        action: &Action,
        outputs: &BTreeMap<String, String>,
    ) -> Change {
        let mut written = BTreeMap::new();
        for name in &action.out_args {
            let source = step.rules.outputs.get(name).unwrap_or(name);
            let Some(value) = outputs.get(source) else { continue };
            if let Err(Error::WrongType { name, .. }) = self.check_value(step, name, value) {
                let reason = FailReason::WrongType { name };
                // It was done: another attempt would do it twice.
                return Change::Failed {
                    flow,
                    reason,
                    by: None,
                    note: String::new(),
                    retry_at: None,
                };
            }
            written.insert(name.clone(), value.clone());
        }
        let simulated = self.state.header.as_ref().is_some_and(|h| h.mode != Mode::Production);
        Change::Succeeded { flow, outputs: written, by: None, note: String::new(), simulated }
    }

    fn check_value(&self, step: &Step, name: &str, value: &str) -> Result<(), Error> {
        let declared = step.variables.get(name).or_else(|| self.playbook.variables.get(name));
        match declared {
            Some(variable) if !variable.kind.accepts(value) => {
                Err(Error::WrongType { name: name.to_owned(), kind: variable.kind.word() })
            }
            Some(_) => Ok(()),
            None => Err(Error::UnknownVariable { name: name.to_owned() }),
        }
    }

    fn answered(&self, answer: &Answer, now: Timestamp) -> Result<Change, Error> {
        let not_waiting = || Error::NotWaiting { step: answer.step.clone() };
        let found = self.state.flows.iter().find_map(|(number, flow)| match &flow.phase {
            Phase::Waiting(doing) if flow.step == answer.step => {
                Some((*number, flow, doing, false))
            }
            Phase::Unknown(doing) if flow.step == answer.step => Some((*number, flow, doing, true)),
            _ => None,
        });
        let (number, flow, doing, unknown) = found.ok_or_else(not_waiting)?;
        if !unknown && doing.deadline.is_some_and(|deadline| deadline <= now) {
            return Err(not_waiting());
        }
        let (step, action) = self.action(flow).ok_or_else(not_waiting)?;
        let (by, note) = (answer.by.clone(), answer.note.clone());
        if !answer.success {
            let reason = FailReason::Answered { by: by.clone() };
            let by = Some(by);
            return Ok(Change::Failed { flow: number, reason, by, note, retry_at: None });
        }
        if !unknown {
            self.may_approve(step, doing, &by)?;
        }
        let last = doing.command as usize + 1 == action.commands.len();
        self.check_outputs(step, action, answer, last && !unknown)?;
        let approvals = if unknown { 1 } else { step.rules.approvals as usize };
        if doing.approved.len() + 1 < approvals {
            return Ok(Change::Approved { flow: number, by, note });
        }
        let outputs = answer.outputs.clone();
        Ok(Change::Succeeded { flow: number, outputs, by: Some(by), note, simulated: false })
    }

    fn may_approve(&self, step: &Step, doing: &Doing, by: &str) -> Result<(), Error> {
        let starter = self.state.header.as_ref().is_some_and(|h| h.by == by);
        if step.rules.four_eyes && starter {
            return Err(Error::FourEyes { step: step.id.clone() });
        }
        if doing.approved.iter().any(|b| b == by) {
            return Err(Error::AlreadyApproved { step: step.id.clone(), by: by.to_owned() });
        }
        Ok(())
    }

    /// A successful answer gives every variable of `out_args` (when `complete`) and no other.
    fn check_outputs(
        &self,
        step: &Step,
        action: &Action,
        answer: &Answer,
        complete: bool,
    ) -> Result<(), Error> {
        let wrong =
            |name: &String| Error::WrongOutputs { step: step.id.clone(), name: name.clone() };
        if let Some(extra) = answer.outputs.keys().find(|n| !action.out_args.contains(n)) {
            return Err(wrong(extra));
        }
        if complete
            && let Some(absent) = action.out_args.iter().find(|n| !answer.outputs.contains_key(*n))
        {
            return Err(wrong(absent));
        }
        answer.outputs.iter().try_for_each(|(name, value)| self.check_value(step, name, value))
    }
}

fn check_variables(playbook: &Playbook, given: &BTreeMap<String, String>) -> Result<(), Error> {
    for (name, value) in given {
        match playbook.variables.get(name) {
            Some(v) if v.constant && v.value.is_some() => {
                return Err(Error::UnknownVariable { name: name.clone() });
            }
            Some(v) if v.kind.accepts(value) => {}
            Some(v) => return Err(Error::WrongType { name: name.clone(), kind: v.kind.word() }),
            None => return Err(Error::UnknownVariable { name: name.clone() }),
        }
    }
    for (name, variable) in &playbook.variables {
        if variable.external && variable.value.is_none() && !given.contains_key(name) {
            return Err(Error::MissingVariable { name: name.clone() });
        }
    }
    Ok(())
}
