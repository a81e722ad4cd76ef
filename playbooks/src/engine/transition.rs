//! What a run's journal holds.

use std::collections::BTreeMap;

use events::{Lang, RunId, Timestamp};
use serde::{Deserialize, Serialize};

/// How real a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Effectors act.
    Production,
    /// People act, effectors only simulate (演练).
    Exercise,
    /// Nobody acts: the run shows what would be done.
    DryRun,
}

impl Mode {
    /// The word a person reads.
    pub const fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Production => lang.pick("实战", "production"),
            Self::Exercise => lang.pick("演练", "exercise"),
            Self::DryRun => lang.pick("试运行", "dry run"),
        }
    }
}

/// One durable change of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// Number of the entry, from 0.
    pub sequence: u64,
    /// When it was made.
    pub at: Timestamp,
    /// What changed.
    pub change: Change,
}

/// A change. `flow` numbers the line of steps it happens on: 0 is the playbook's, each branch
/// gets its own when it opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// The run exists.
    Begun {
        /// Its id.
        run: RunId,
        /// Id of the playbook.
        playbook: String,
        /// SHA-256 of its text.
        sha256: String,
        /// How real it is.
        mode: Mode,
        /// Who started it.
        by: String,
        /// Values given.
        variables: BTreeMap<String, String>,
    },
    /// A flow reached a step.
    Entered {
        /// The flow.
        flow: u32,
        /// The step.
        step: String,
        /// It starts then, not before.
        not_before: Timestamp,
    },
    /// A command is about to be executed: written before it is.
    Started {
        /// The flow.
        flow: u32,
        /// Index of the command.
        command: u32,
        /// Attempt, from 1.
        attempt: u32,
        /// What an effector may use to recognise a repetition.
        idempotency_key: String,
        /// The attempt fails then.
        deadline: Option<Timestamp>,
    },
    /// The command waits for a person.
    Waiting {
        /// The flow.
        flow: u32,
    },
    /// What became of the command is not known: a person must say.
    Unknown {
        /// The flow.
        flow: u32,
        /// Why it is not known.
        reason: FailReason,
    },
    /// A command that may be repeated was found started after a crash: it starts over.
    Repeated {
        /// The flow.
        flow: u32,
    },
    /// One person answered; more are needed.
    Approved {
        /// The flow.
        flow: u32,
        /// Who.
        by: String,
        /// Their note.
        note: String,
    },
    /// The command ended well.
    Succeeded {
        /// The flow.
        flow: u32,
        /// Variables written.
        outputs: BTreeMap<String, String>,
        /// Who answered, for a manual step or an unknown one.
        by: Option<String>,
        /// Their note.
        note: String,
        /// Whether nothing was really done (exercise, dry run).
        simulated: bool,
    },
    /// The command ended badly. `retry_at` is set when another attempt follows.
    Failed {
        /// The flow.
        flow: u32,
        /// Why.
        reason: FailReason,
        /// Who answered.
        by: Option<String>,
        /// Their note.
        note: String,
        /// When the next attempt may start.
        retry_at: Option<Timestamp>,
    },
    /// A step opened branches; their flows get the next numbers, in this order.
    Branched {
        /// The flow.
        flow: u32,
        /// First step of each.
        branches: Vec<String>,
    },
    /// All branches of a step ended.
    Joined {
        /// The flow.
        flow: u32,
        /// Why the step fails, if it does.
        failure: Option<FailReason>,
        /// Whether the step decides anew (a while step).
        again: bool,
    },
    /// A step without commands or branches to wait for ended.
    Decided {
        /// The flow.
        flow: u32,
        /// Why it fails, if it does.
        failure: Option<FailReason>,
    },
    /// A flow ended.
    FlowEnded {
        /// The flow.
        flow: u32,
        /// Why it failed, if it did.
        failure: Option<FailReason>,
    },
    /// Nothing handled a failure: the playbook's exception flow begins.
    Excepted {
        /// The failure.
        failure: FailReason,
        /// First step of the exception flow.
        step: String,
    },
    /// A person stopped the run.
    Cancelled {
        /// Who.
        by: String,
        /// Why.
        note: String,
    },
    /// The run is over.
    Finished {
        /// How.
        outcome: RunOutcome,
    },
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum FailReason {
    /// The effector said so.
    Effector {
        /// Its words.
        text: String,
    },
    /// The deadline passed.
    TimedOut,
    /// A person said so.
    Answered {
        /// Who.
        by: String,
    },
    /// The process died between the start of a command and its end.
    Interrupted,
    /// A variable that the command needs has no value.
    NoValue {
        /// Its name.
        name: String,
    },
    /// An output is not of its variable's type.
    WrongType {
        /// Its name.
        name: String,
    },
    /// A while step went round too often.
    TooManyIterations,
    /// A switch step has no case for the value, and no default.
    NoCase,
    /// The run made too many transitions.
    TooLong,
    /// A person stopped the run.
    Cancelled {
        /// Who.
        by: String,
    },
}

impl FailReason {
    /// The sentence a person reads.
    pub fn text(&self, lang: Lang) -> String {
        let pick = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
        match self {
            Self::Effector { text } => text.clone(),
            Self::TimedOut => pick("超过时限", "the deadline passed"),
            Self::Answered { by } => {
                lang.pick("处置人判定失败：", "answered as failed by ").to_owned() + by
            }
            Self::Interrupted => {
                pick("执行中断，结果未知", "interrupted: what became of it is unknown")
            }
            Self::NoValue { name } => lang.pick("变量没有值：", "no value for ").to_owned() + name,
            Self::WrongType { name } => {
                lang.pick("输出类型不符：", "output of the wrong type: ").to_owned() + name
            }
            Self::TooManyIterations => pick("循环次数超过上限", "too many iterations"),
            Self::NoCase => pick("没有对应的分支", "no case for the value"),
            Self::TooLong => pick("执行步数超过上限", "the run made too many transitions"),
            Self::Cancelled { by } => lang.pick("被终止：", "cancelled by ").to_owned() + by,
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum RunOutcome {
    /// The flow reached its end.
    Succeeded,
    /// Something failed and nothing handled it.
    Failed {
        /// What.
        reason: FailReason,
        /// Whether the exception flow ran to its end.
        exception_handled: bool,
    },
    /// A person stopped it.
    Cancelled {
        /// Who.
        by: String,
    },
}
