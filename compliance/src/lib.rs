//! Student records, level-3 audits, evidence and reports.
//!
//! - [`records`]: find personal data in tables, grade it, mask it, protect it field by field.
//! - [`audit`]: the 211-item catalogue, the checks over it, runs, verdicts and scores.
//! - [`evidence`]: the append-only log, its proofs, and bundles a stranger can verify.
//! - [`report`]: what people hand in.
//!
//! Invariants: engines are pure over readers and writers; time and randomness are passed in;
//! personal values never reach a log line, an error or a report.

pub mod audit;
pub mod evidence;
pub mod records;
pub mod report;
