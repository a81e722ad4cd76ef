//! What can go wrong with the log and with bundles. Codes start with `V`.

use std::io;

/// An error of the evidence log.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A file could not be read or written.
    #[error("{action} {path}")]
    Io {
        /// `read`, `write`, `sync`…
        action: &'static str,
        /// The path.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has the log open for writing.
    #[error("the log at {path} is open in another process")]
    Locked {
        /// The log's directory.
        path: String,
    },
    /// A key text is not of the signed-note form.
    #[error("not a note key: {problem}")]
    BadKey {
        /// What is wrong.
        problem: &'static str,
    },
    /// A policy that cannot be read.
    #[error("policy, line {line}: {problem}")]
    BadPolicy {
        /// The line; 0 for the whole.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A text is not a signed note or not a checkpoint.
    #[error("not a signed checkpoint: {problem}")]
    BadNote {
        /// What is wrong.
        problem: &'static str,
    },
    /// No signature of the key wanted, or one that does not verify.
    #[error("checkpoint has no valid signature of {name}")]
    BadSignature {
        /// The key's name.
        name: String,
    },
    /// The checkpoint names another log.
    #[error("checkpoint is of log {found}, wanted {wanted}")]
    OtherLog {
        /// Origin found.
        found: String,
        /// Origin wanted.
        wanted: String,
    },
    /// A leaf longer than the bound.
    #[error("leaf of {bytes} bytes, at most {max}")]
    LeafTooLong {
        /// Its length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// A stored part does not match the hashes above it.
    #[error("{part} is damaged: {problem}")]
    Damaged {
        /// Which file or leaf.
        part: String,
        /// How it differs.
        problem: String,
    },
    /// The log is shorter than a checkpoint the caller remembers.
    #[error("log was rolled back: {found} leaves, {known} were signed before")]
    RolledBack {
        /// Leaves found.
        found: u64,
        /// Leaves of the remembered checkpoint.
        known: u64,
    },
    /// The log holds another history than a checkpoint the caller remembers.
    #[error("log was forked: its first {size} leaves are not those signed before")]
    Forked {
        /// Leaves of the remembered checkpoint.
        size: u64,
    },
    /// A position beyond the tree.
    #[error("leaf {index} is not in a tree of {size}")]
    OutOfTree {
        /// The position.
        index: u64,
        /// Leaves of the tree.
        size: u64,
    },
    /// A document that could not be written as JSON, CSV or HTML.
    #[error("cannot write {what}: {problem}")]
    Render {
        /// The document.
        what: &'static str,
        /// Why.
        problem: String,
    },
    /// The bundle's file could not be written or read as a zip.
    #[error("bundle: {problem}")]
    Zip {
        /// What the zip layer said.
        problem: String,
    },
    /// An attachment with a name that is not a plain file name, or twice the same name.
    #[error("attachment name {name} is not allowed")]
    BadAttachment {
        /// The name.
        name: String,
    },
    /// A bundle beyond a named bound.
    #[error("bundle is too large: {what}")]
    TooLarge {
        /// Which bound.
        what: &'static str,
    },
}

impl EvidenceError {
    /// The stable code of this error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "V001",
            Self::Locked { .. } => "V002",
            Self::BadKey { .. } => "V010",
            Self::BadPolicy { .. } => "V014",
            Self::BadNote { .. } => "V011",
            Self::BadSignature { .. } => "V012",
            Self::OtherLog { .. } => "V013",
            Self::LeafTooLong { .. } => "V020",
            Self::Damaged { .. } => "V021",
            Self::RolledBack { .. } => "V022",
            Self::Forked { .. } => "V023",
            Self::OutOfTree { .. } => "V024",
            Self::Render { .. } => "V030",
            Self::Zip { .. } => "V031",
            Self::BadAttachment { .. } => "V032",
            Self::TooLarge { .. } => "V033",
        }
    }
}
