//! The ids of the two documented extensions and of the command type they add. The definitions
//! themselves are `extensions/*.json` beside this crate; what they mean is `SEMANTICS.md`.

/// Execution: texts in English, idempotency, attempts, approvals, output mapping, iterations, and
/// the command type [`NOTIFICATION`].
pub const EXECUTION: &str = "extension-definition--6f1d5a52-3c0b-4d8e-9a41-7b2f0e6c8d11";
/// Drill: objectives, roles, injects and what they must raise.
pub const DRILL: &str = "extension-definition--2b9e7c14-58f3-4a6d-8e20-c1d4f7a93b65";
/// The command type of the execution extension that tells people something.
pub const NOTIFICATION: &str = "notification";
/// The definition of [`EXECUTION`], as JSON.
pub const EXECUTION_DEFINITION: &str = include_str!("../extensions/xuedun-execution.json");
/// The definition of [`DRILL`], as JSON.
pub const DRILL_DEFINITION: &str = include_str!("../extensions/x-xuedun-drill.json");
