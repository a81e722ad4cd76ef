//! A loaded rule.

use std::sync::Arc;
use std::time::Duration;

use events::{LogSource, Severity, Text};

use crate::among::Among;
use crate::syntax::expr::{Expr, Field};
use crate::syntax::test::Op;
use crate::syntax::xuedun::Test;

/// Index of a rule within its [`crate::RuleSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleIndex(pub u32);

impl RuleIndex {
    /// As an index of [`crate::RuleSet::rules`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One rule that is honoured whole.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its id; for a rule without one its name, else a digest of its text.
    pub id: String,
    /// The Sigma `name`, by which correlations may refer to it.
    pub name: Option<String>,
    /// Title; the same text in both languages for a plain Sigma rule.
    pub title: Text,
    /// What it finds.
    pub description: Text,
    /// What to do; empty for a plain Sigma rule.
    pub advice: Text,
    /// How grave a detection is.
    pub level: Severity,
    /// What it looks at; empty for a correlation.
    pub logsource: LogSource,
    /// ATT&CK techniques, `T1110.003`.
    pub attack: Vec<String>,
    /// ATT&CK tactics, `credential-access`.
    pub tactics: Vec<String>,
    /// All tags as written.
    pub tags: Vec<String>,
    /// Where it comes from.
    pub references: Vec<String>,
    /// Known false positives; of a rule without our section, as written there.
    pub false_positives: Text,
    /// Id of the playbook to follow.
    pub playbook: Option<String>,
    /// Fields by which its alerts are grouped.
    pub group_by: Vec<String>,
    /// After a detection it keeps quiet for the same group (school, exercise and
    /// [`Rule::group_by`]) for so long; a correlation, if it says nothing, for its timespan.
    pub suppress: Option<Duration>,
    /// Levels by value: the first that fits counts, else [`Rule::level`].
    pub severity: Vec<SeverityMap>,
    /// What it does.
    pub kind: RuleKind,
    /// Only a base of correlations that do not ask for its own detections (`generate: false`):
    /// [`crate::Engine`] keeps quiet about it.
    pub silent: bool,
    /// SHA-256 over the rule's text and that of the rules it builds on.
    pub hash: [u8; 32],
    /// The file it comes from.
    pub file: String,
    /// Its first line there, from 1.
    pub line: u32,
    pub(crate) tests: Arc<[Test]>,
}

impl Rule {
    /// How many tests its file holds for it.
    pub fn test_count(&self) -> usize {
        self.tests.len()
    }

    /// Whether the file tests both what it must find and what it must not.
    pub fn is_tested_both_ways(&self) -> bool {
        self.tests.iter().any(|t| t.expect_match) && self.tests.iter().any(|t| !t.expect_match)
    }
}

/// The level of detections whose field has one of these values.
#[derive(Clone, Debug)]
pub struct SeverityMap {
    /// The field; of a correlation, one it groups by.
    pub field: Arc<Field>,
    /// Values, folded (see [`crate::fold_text`]).
    pub values: Vec<String>,
    /// The level.
    pub level: Severity,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub enum RuleKind {
    /// Looks at one event.
    Detection(Detected),
    /// Looks at hits of other rules over time.
    Correlation(Correlation),
}

/// A detection.
#[derive(Clone, Debug)]
pub struct Detected {
    /// What must hold.
    pub expr: Arc<Expr>,
    /// The fields of [`Rule::group_by`], resolved.
    pub group: Vec<Arc<Field>>,
}

/// The eight types of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CorrelationKind {
    /// How many hits.
    EventCount,
    /// How many distinct values of a field.
    ValueCount,
    /// Every rule hit, in any order.
    Temporal,
    /// Every rule hit, in the order listed.
    TemporalOrdered,
    /// Sum of a field.
    ValueSum,
    /// Mean of a field.
    ValueAvg,
    /// Percentile of a field (nearest rank).
    ValuePercentile,
    /// Median of a field.
    ValueMedian,
}

impl CorrelationKind {
    /// Whether it works on numbers: a sum or a statistic.
    pub(crate) fn is_of_numbers(self) -> bool {
        matches!(self, Self::ValueSum | Self::ValueAvg | Self::ValuePercentile | Self::ValueMedian)
    }

    /// Whether it asks for several rules.
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Temporal | Self::TemporalOrdered)
    }

    /// Whether its number is a count.
    pub fn counts(self) -> bool {
        matches!(self, Self::EventCount | Self::ValueCount) || self.is_temporal()
    }

    /// Whether it reads the value of a field.
    pub fn needs_field(self) -> bool {
        !matches!(self, Self::EventCount) && !self.is_temporal()
    }
}

/// A bound on a correlation's number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// How to compare.
    pub op: Op,
    /// With what.
    pub number: f64,
}

/// A correlation with its references resolved.
#[derive(Clone, Debug)]
pub struct Correlation {
    /// Its type.
    pub kind: CorrelationKind,
    /// The rules it builds on, in the order listed.
    pub rules: Vec<RuleIndex>,
    /// Names of the fields that make a group.
    pub group_by: Vec<String>,
    /// For each of [`Correlation::rules`], the fields of [`Correlation::group_by`].
    pub group_fields: Vec<Vec<Arc<Field>>>,
    /// For each of [`Correlation::rules`], the fields whose values are counted or summed.
    pub value_fields: Vec<Vec<Arc<Field>>>,
    /// The window: an event and those at most this much earlier.
    pub timespan: Duration,
    /// All must hold. For the temporal types without one: every rule hit.
    pub thresholds: Vec<Threshold>,
    /// In their place, for [`CorrelationKind::Temporal`]: which of the rules must have hit.
    pub among: Option<Among>,
    /// 0–100, for [`CorrelationKind::ValuePercentile`].
    pub percentile: f64,
    /// Whether the rules it builds on also give detections of their own.
    pub generate: bool,
    /// Over all sites together; by default each school is correlated by itself.
    pub region: bool,
}

impl Correlation {
    /// Whether the condition can only be judged when the window closes: any bound from above and
    /// any `not`, as it holds too early while events are still to come.
    pub fn waits_for_close(&self) -> bool {
        self.thresholds.iter().any(|t| !matches!(t.op, Op::Gt | Op::Gte))
            || self.among.as_ref().is_some_and(Among::may_cease)
    }

    /// How many hits of a group are needed to see every threshold passed.
    pub(crate) fn entries_needed(&self) -> usize {
        self.thresholds.iter().map(|t| t.number as usize + 1).max().unwrap_or(0)
    }
}
