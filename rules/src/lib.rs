//! Sigma rules: parse, diagnose, compile, match, correlate, test.
//!
//! Layout: [`RuleSet::load`] reads sources (`source`, `yaml`, `syntax`), applies filters and
//! `pipeline`s, reports what is wrong (`problem`) and compiles the rest (`compile`);
//! [`RuleSet::matches`] (`set`, `pass`) finds the detections an event fulfils in one pass over its
//! fields: `route` says which rules are tried and `plan` what wakes them, `memo` remembers what
//! values led to; `hit` says why. [`Engine`]
//! adds correlation over event time. `testing` runs the tests inside rule files. `library/` holds
//! our own rules, `data/` the tables of field names and Windows channels.
//!
//! Invariants: a rule is honoured whole or refused with a code, a place and a reason. Nothing here
//! reads a clock or the network; files are read in `source` alone. Equal input gives equal
//! detections with equal ids. Every growth is bounded by [`limits`] or [`CorrelationLimits`].

mod among;
mod bits;
mod cases;
mod compile;
mod coverage;
mod engine;
mod error;
pub mod exception;
mod explain;
mod feeding;
mod fields;
mod fold;
pub mod fuzzing;
mod hit;
pub mod intel;
mod known;
mod layout;
pub mod limits;
mod lines;
mod lint;
mod load;
mod memo;
mod pass;
pub mod pattern;
mod pipeline;
mod plan;
mod problem;
mod route;
mod rule;
mod scratch;
mod seen;
mod set;
mod source;
pub mod syntax;
mod testing;
mod yaml;

pub use among::Among;
pub use cases::{Case, CaseResult, read_cases};
pub use engine::{CorrelationLimits, Detection, Engine, EngineStats, SourceStanding};
pub use error::Error;
pub use explain::{Asked, Explanation, notation};
pub use feeding::{Fed, Feeding, SourceShape};
pub use fields::{LOCAL_HOUR, LOCAL_WEEKDAY};
pub use hit::{Hit, MatchedField, holds};
pub use intel::{Intel, IntelKind, IntelProblem, IntelStats};
pub use load::{LoadOptions, Loaded};
pub use memo::MemoLimits;
pub use pipeline::Pipelines;
pub use problem::{CODES, Problem, ProblemSeverity};
pub use rule::{
    Correlation, CorrelationKind, Detected, Rule, RuleIndex, RuleKind, SeverityMap, Threshold,
};
pub use scratch::Scratch;
pub use set::RuleSet;
pub use source::{Source, library, read_paths};
pub use testing::{TestResult, test_source, test_source_with};

/// A text as case-insensitive comparisons see it: every character in its simple lower case.
pub fn fold_text(text: &str) -> String {
    fold::fold(text)
}
