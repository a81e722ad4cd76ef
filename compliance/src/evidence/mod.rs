//! Evidence (证据): a tamper-evident log and bundles anyone can verify.
//!
//! Layout: [`merkle`] the tree of RFC 6962 and its proofs; [`note`] signed checkpoints;
//! [`log`] the log on disk (C2SP tlog-tiles), with `tiles` and `journal` below it; [`seal`] a run
//! as leaves; [`bundle`] a zip with everything a stranger needs; [`verify`] that stranger.
//!
//! Invariants: a leaf is durable before `append` returns; what was signed is never rewritten;
//! a log that is damaged, rolled back or forked does not open; the same log and run give the same
//! bundle byte for byte; verification trusts nothing but a key given from outside.

pub mod bundle;
pub mod error;
mod journal;
pub mod limits;
pub mod log;
pub mod merkle;
pub mod note;
mod proof;
pub mod seal;
mod tiles;
pub mod verify;

pub(crate) use bundle::zipped;
pub use bundle::{BundleSummary, bundle, write_bundle};
pub use error::EvidenceError;
pub use log::EvidenceLog;
pub use note::{Checkpoint, Signer, VerifyingKey};
pub use seal::{Attachment, Sealed, canonical, seal};
pub use verify::{KeyTrust, VerifyCheck, VerifyReport, verify};
