//! Which rules a source can feed: a rule that needs a field which the source's records never
//! carry cannot come true on it, and that is said, not left silently false.
//!
//! A comparison of a field that is not there does not hold; those of fields that are there may
//! hold or not. So a rule is *not evaluable* on a source when its condition holds whichever way in
//! no record of it.

use std::collections::HashSet;

use events::{FieldId, LogSource};

use crate::fields::{LOCAL_HOUR, LOCAL_WEEKDAY};
use crate::rule::{Correlation, Rule, RuleIndex, RuleKind};
use crate::set::RuleSet;
use crate::syntax::expr::{Expr, Field};
use crate::syntax::test::Test;

/// What is known of the records of one source.
#[derive(Clone, Debug, Default)]
pub struct SourceShape {
    /// The log sources its records carry.
    pub logsources: Vec<LogSource>,
    /// The fields its records were seen or are declared to carry.
    pub fields: HashSet<FieldId>,
    /// Whether its records may carry further ones: a format that brings its own names.
    pub open: bool,
}

/// Whether a source can feed a rule. The order is from the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feeding {
    /// With all fields the rule looks at.
    Whole,
    /// The rule can come true; some of its comparisons cannot.
    Partly,
    /// The rule needs fields that no known record of the source carries, though its format allows
    /// them.
    NotSeen,
    /// The rule is not evaluable: the source's records cannot carry a field it needs.
    Cannot,
}

/// How a source feeds one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fed {
    /// The rule.
    pub rule: RuleIndex,
    /// How well.
    pub feeding: Feeding,
    /// The fields that are missing, by their names in the rule, sorted.
    pub missing: Vec<String>,
}

impl RuleSet {
    /// How a source feeds the rules that look at it; a correlation as well as the best of the rules
    /// it builds on.
    pub fn feeding(&self, source: &SourceShape) -> Vec<Fed> {
        let all = self.rules().iter().zip(0u32..).filter_map(|(rule, at)| {
            let (feeding, missing) = self.fed(rule, source)?;
            Some(Fed { rule: RuleIndex(at), feeding, missing })
        });
        all.collect()
    }

    fn fed(&self, rule: &Rule, source: &SourceShape) -> Option<(Feeding, Vec<String>)> {
        match &rule.kind {
            RuleKind::Detection(detected) => {
                let looks = source.logsources.iter().any(|s| looks_at(&rule.logsource, s));
                looks.then(|| source.expression(&detected.expr))
            }
            RuleKind::Correlation(c) => {
                (0..c.rules.len()).filter_map(|at| self.through(c, at, source)).min()
            }
        }
    }

    /// How a source feeds a correlation through one of the rules it builds on.
    fn through(
        &self,
        c: &Correlation,
        at: usize,
        source: &SourceShape,
    ) -> Option<(Feeding, Vec<String>)> {
        let base = self.rule(*c.rules.get(at)?);
        let (mut feeding, mut missing) = self.fed(base, source)?;
        // A hit without a value for these does not count. Of a correlation's hits they are its group.
        if matches!(base.kind, RuleKind::Detection(_)) {
            let needed = c.group_fields.get(at).into_iter().chain(c.value_fields.get(at)).flatten();
            let lacking: Vec<String> =
                needed.filter(|f| !source.has(f)).map(|f| f.name.clone()).collect();
            if !lacking.is_empty() {
                feeding = feeding.max(source.without());
                missing.extend(lacking);
                missing.sort_unstable();
                missing.dedup();
            }
        }
        Some((feeding, missing))
    }
}

/// Whether a rule for `asked` may meet records of `given`. Of a Windows source the parts it does
/// not name are told by each record's channel.
fn looks_at(asked: &LogSource, given: &LogSource) -> bool {
    if *asked == LogSource::default() || !given.product.eq_ignore_ascii_case("windows") {
        return asked.covers(given);
    }
    let part = |want: &str, have: &str| {
        want.is_empty() || have.is_empty() || want.eq_ignore_ascii_case(have)
    };
    // What a web server or a firewall says is in no Windows log that does not say so.
    let named = !asked.product.is_empty() || asked.covers(given);
    named
        && part(&asked.product, &given.product)
        && part(&asked.category, &given.category)
        && part(&asked.service, &given.service)
}

impl SourceShape {
    fn has(&self, field: &Field) -> bool {
        field.is_keyword()
            || [LOCAL_HOUR, LOCAL_WEEKDAY].contains(&field.name.as_str())
            || field.candidates.iter().any(|c| self.fields.contains(c))
    }

    fn without(&self) -> Feeding {
        if self.open { Feeding::NotSeen } else { Feeding::Cannot }
    }

    fn expression(&self, expr: &Expr) -> (Feeding, Vec<String>) {
        let mut missing = Vec::new();
        expr.each_atom(&mut |atom| {
            let other = match &atom.test {
                Test::FieldRef { other, .. } => Some(other),
                _ => None,
            };
            for field in std::iter::once(&atom.field).chain(other) {
                if !self.has(field) {
                    missing.push(field.name.clone());
                }
            }
        });
        missing.sort_unstable();
        missing.dedup();
        let feeding = match (missing.is_empty(), self.may(expr).0) {
            (true, _) => Feeding::Whole,
            (false, true) => Feeding::Partly,
            (false, false) => self.without(),
        };
        (feeding, missing)
    }

    /// Whether an expression may hold, and whether it may not hold.
    fn may(&self, expr: &Expr) -> (bool, bool) {
        match expr {
            Expr::All(parts) => parts
                .iter()
                .map(|p| self.may(p))
                .fold((true, false), |(all, fails), (holds, not)| (all && holds, fails || not)),
            Expr::Any(parts) => parts
                .iter()
                .map(|p| self.may(p))
                .fold((false, true), |(some, none), (holds, not)| (some || holds, none && not)),
            Expr::Not(inner) => {
                let (holds, not) = self.may(inner);
                (not, holds)
            }
            Expr::Atom(atom) => {
                let there = self.has(&atom.field)
                    && match &atom.test {
                        Test::FieldRef { other, .. } => self.has(other),
                        _ => true,
                    };
                (there, true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadOptions, Source};

    const RULES: &str = "
title: one
id: one
logsource: {product: fw}
detection: {s: {user: x, src: 1}, condition: s}
---
title: either
id: either
logsource: {product: fw}
detection: {s: [{user: x}, {src: 1}], condition: s}
---
title: but
id: but
logsource: {product: fw}
detection: {s: {src: 1}, f: {user: x}, condition: s and not f}
---
title: unnamed
id: unnamed
logsource: {product: fw}
detection: {s: {user: null}, condition: s}
---
title: words
id: words
logsource: {product: fw}
detection: {s: [boom], condition: s}
---
title: elsewhere
id: elsewhere
logsource: {product: aws}
detection: {s: {src: 1}, condition: s}
---
title: night
id: night
logsource: {product: fw}
detection: {s: {event.local_hour|lt: 6}, condition: s}
---
title: often
id: often
correlation: {type: event_count, rules: [either], group-by: [src], timespan: 1m, condition: {gte: 3}}
---
title: users
id: users
correlation: {type: value_count, rules: [either], group-by: [src], timespan: 1m, condition: {field: user, gte: 3}}
";

    fn report(fields: &[&str], open: bool) -> Vec<(String, Feeding, String)> {
        let source = Source::new("t.yml", RULES);
        let loaded = RuleSet::load(&[source], &LoadOptions::default());
        assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
        let shape = SourceShape {
            logsources: vec![LogSource::new("fw", "", "")],
            fields: fields.iter().filter_map(|f| FieldId::intern(f)).collect(),
            open,
        };
        let fed = loaded.set.feeding(&shape);
        fed.into_iter()
            .map(|f| (loaded.set.rule(f.rule).id.clone(), f.feeding, f.missing.join(",")))
            .collect()
    }

    fn row(id: &str, feeding: Feeding, missing: &str) -> (String, Feeding, String) {
        (id.to_owned(), feeding, missing.to_owned())
    }

    #[test]
    fn a_field_that_cannot_be_there_makes_a_rule_not_evaluable() {
        let got = report(&["src"], false);
        let want = [
            row("one", Feeding::Cannot, "user"),
            row("either", Feeding::Partly, "user"),
            row("but", Feeding::Partly, "user"),
            row("unnamed", Feeding::Partly, "user"),
            row("words", Feeding::Whole, ""),
            row("night", Feeding::Whole, ""),
            row("often", Feeding::Partly, "user"),
            row("users", Feeding::Cannot, "user"),
        ];
        assert_eq!(got, want, "`elsewhere` looks at another source");
    }

    #[test]
    fn a_format_with_names_of_its_own_may_carry_what_was_not_seen() {
        let got = report(&["src"], true);
        assert_eq!(got[0], row("one", Feeding::NotSeen, "user"));
        let got = report(&["src", "user"], true);
        assert!(got.iter().all(|(_, feeding, _)| *feeding == Feeding::Whole), "{got:?}");
    }

    #[test]
    fn a_windows_source_is_told_apart_by_its_channels() {
        let windows = LogSource::new("windows", "", "");
        assert!(looks_at(&LogSource::new("windows", "process_creation", ""), &windows));
        assert!(!looks_at(&LogSource::new("", "webserver", ""), &windows));
        let iis = LogSource::new("windows", "webserver", "iis");
        assert!(looks_at(&LogSource::new("", "webserver", ""), &iis));
        let sysmon = LogSource::new("windows", "", "sysmon");
        assert!(!looks_at(&LogSource::new("windows", "", "security"), &sysmon));
    }
}
