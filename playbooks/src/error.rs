//! What can go wrong while a playbook runs. Problems of a playbook's text are
//! [`crate::Problem`]s instead.

use thiserror::Error;

/// A run-time error, with a stable code.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal could not be written or read.
    #[error("the run journal cannot be used: {what}")]
    Journal {
        /// What was being done.
        what: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The store behind a journal refused.
    #[error("the run journal cannot be used: {reason}")]
    JournalStore {
        /// Its words.
        reason: String,
    },
    /// An entry in the middle of the journal cannot be read, or does not follow from those before.
    #[error("the run journal is damaged at entry {entry}: {reason}")]
    JournalDamaged {
        /// Number of the entry, from 0.
        entry: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The journal was begun with another text of the playbook.
    #[error("the run was begun with another version of the playbook (sha-256 {begun})")]
    OtherPlaybook {
        /// SHA-256 of the text the run began with.
        begun: String,
    },
    /// The journal already holds a run.
    #[error("the journal already holds a run")]
    AlreadyBegun,
    /// The journal holds no run.
    #[error("the journal holds no run")]
    NotBegun,
    /// Nobody here can execute a command of this type.
    #[error("no effector for commands of type {kind} (step {step})")]
    NoEffector {
        /// The command's type.
        kind: String,
        /// The step.
        step: String,
    },
    /// The step type loads but is not built.
    #[error("steps of type {kind} are not supported here (step {step})")]
    StepUnsupported {
        /// The step's type.
        kind: &'static str,
        /// The step.
        step: String,
    },
    /// The author withdrew the playbook, or its time of validity is not now.
    #[error("the playbook is revoked or not valid at this time")]
    NotValid,
    /// A variable that the playbook does not declare, or that may not be set.
    #[error("the variable {name} is not declared, or is constant")]
    UnknownVariable {
        /// Its name.
        name: String,
    },
    /// An external variable was not given.
    #[error("the variable {name} must be given")]
    MissingVariable {
        /// Its name.
        name: String,
    },
    /// A value not of the variable's type.
    #[error("the value of {name} is not of type {kind}")]
    WrongType {
        /// Its name.
        name: String,
        /// The declared type.
        kind: &'static str,
    },
    /// Nobody is asked about this step now.
    #[error("the step {step} does not wait for an answer")]
    NotWaiting {
        /// The step.
        step: String,
    },
    /// Whoever started the run may not approve this step.
    #[error("the step {step} wants someone other than who started the run")]
    FourEyes {
        /// The step.
        step: String,
    },
    /// The same person already approved.
    #[error("{by} has already approved the step {step}")]
    AlreadyApproved {
        /// The step.
        step: String,
        /// The account.
        by: String,
    },
    /// A successful answer must give every variable of `out_args`, and no other.
    #[error("the answer to the step {step} must give exactly its out_args: {name}")]
    WrongOutputs {
        /// The step.
        step: String,
        /// The first variable too few or too many.
        name: String,
    },
    /// The note is too long.
    #[error("the note has more than {bytes_max} bytes")]
    NoteTooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// The playbook has no drill extension.
    #[error("the playbook is not a drill")]
    NotADrill,
    /// The drill has no such inject.
    #[error("the drill has no inject {inject}")]
    NoSuchInject {
        /// Its id.
        inject: String,
    },
    /// The signature or its key cannot be read, or its algorithm is not supported.
    #[error("the signature cannot be checked: {reason}")]
    Signature {
        /// Why.
        reason: &'static str,
    },
    /// The content folder could not be read.
    #[error("cannot read the playbook folder {folder}")]
    Folder {
        /// The folder.
        folder: String,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Journal { .. } | Self::JournalStore { .. } => "P101",
            Self::JournalDamaged { .. } => "P102",
            Self::OtherPlaybook { .. } => "P103",
            Self::NoEffector { .. } => "P104",
            Self::StepUnsupported { .. } => "P105",
            Self::UnknownVariable { .. } => "P106",
            Self::MissingVariable { .. } => "P107",
            Self::WrongType { .. } => "P108",
            Self::NotWaiting { .. } => "P109",
            Self::FourEyes { .. } => "P110",
            Self::AlreadyApproved { .. } => "P111",
            Self::WrongOutputs { .. } => "P112",
            Self::AlreadyBegun | Self::NotBegun => "P113",
            Self::NotValid => "P114",
            Self::NoteTooLong { .. } => "P115",
            Self::NotADrill => "P116",
            Self::NoSuchInject { .. } => "P117",
            Self::Signature { .. } => "P118",
            Self::Folder { .. } => "P119",
        }
    }
}
