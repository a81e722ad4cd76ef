//! Evidence (证据): a tamper-evident log and bundles anyone can verify.
//!
//! Layout: [`merkle`] the tree of RFC 6962 and its proofs; [`note`] signed checkpoints;
//! [`log`] the log on disk (C2SP tlog-tiles), with `tiles` and `journal` below it; [`seal`] a run
//! as leaves; [`bundle`] a zip with everything a stranger needs; [`verify`] that stranger.
//! Beside the log's own signature: [`witness`] and [`policy`] others who sign, [`stamp`] a time from
//! a third party, [`sm`] SM2, [`sshsig`] the sums of a bundle; [`assurance`] asks them all;
//! `handover` changes the key.
//!
//! Invariants: a leaf is durable before `append` returns; what was signed is never rewritten;
//! a log that is damaged, rolled back or forked does not open; the same log and run give the same
//! bundle byte for byte; verification trusts nothing but a key given from outside.

pub mod assurance;
pub mod bundle;
pub mod error;
mod handover;
mod journal;
pub mod limits;
pub mod log;
pub mod merkle;
pub mod note;
pub mod policy;
mod proof;
pub mod seal;
pub mod sm;
pub mod sshsig;
pub mod stamp;
mod tiles;
pub mod verify;
mod vkey;
pub mod witness;

pub use assurance::{Asked, Assurance, Assured, Given, Question, StampAuthority};
pub(crate) use bundle::zipped;
pub use bundle::{BundleSummary, Draft, bundle, write_bundle};
pub use error::EvidenceError;
pub use log::EvidenceLog;
pub use note::{Checkpoint, Signer, VerifyingKey};
pub use policy::Policy;
pub use seal::{Attachment, Sealed, canonical};
pub use sm::{SmKey, SmSigner};
pub use stamp::{StampFault, StampRequest, StampTrust};
pub use verify::{CheckState, KeyTrust, Trust, VerifyCheck, VerifyOutcome, VerifyReport, verify};
pub use witness::{Answer, Network, Witness, WitnessFault, WitnessKey};
