//! Which rules each source can feed: joins what packs yield with what rules need.

use std::collections::HashSet;

use events::{FieldId, LogSource, Severity, Text, field};
pub use rules::Feeding;
use rules::{RuleIndex, RuleSet, SourceShape};
use sensors::{Packs, Yield};
use serde::Serialize;

use crate::enrich;

/// How the sources feed a set of rules.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SourceCoverage {
    /// Rules that give detections of their own.
    pub rules: usize,
    /// Every source that some rule looks at, by name.
    pub sources: Vec<SourceRow>,
    /// Rules that look at sources, none of which can feed them.
    pub unfed: Vec<RuleName>,
    /// Rules whose log source no pack yields.
    pub elsewhere: Vec<RuleName>,
}

/// A rule, named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleName {
    /// Its id.
    pub rule: String,
    /// Its title.
    pub title: Text,
    /// Its level.
    pub level: Severity,
}

/// One source and the rules that look at it.
#[derive(Clone, Debug, Serialize)]
pub struct SourceRow {
    /// The pack, `flows`, or `xuedun` for the node's own records.
    pub source: String,
    /// What it is.
    pub title: Text,
    /// Whether its format may bring further fields.
    pub open: bool,
    /// Rules it feeds with all they look at.
    pub whole: usize,
    /// Rules that can come true though some of their comparisons cannot.
    pub partly: usize,
    /// Rules that need fields which its known records do not have.
    pub not_seen: usize,
    /// Rules that are not evaluable on it.
    pub cannot: usize,
    /// The rules that it does not feed whole, the worst first.
    pub lacking: Vec<Lack>,
}

/// A rule that a source does not feed whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// The rule.
    #[serde(flatten)]
    pub rule: RuleName,
    /// How it is fed.
    pub feeding: Feeding,
    /// The fields that are missing, by their names in the rule.
    pub missing: Vec<String>,
}

/// What the node's own records carry beside those of its audit log, which have a pack.
fn own() -> Yield {
    Yield {
        name: "xuedun".to_owned(),
        title: Text::new("本系统自身记录", "The node's own records"),
        logsources: ["health", "alert"].map(|s| LogSource::new("xuedun", "", s)).to_vec(),
        fields: [field::EVENT_ACTION, field::EVENT_OUTCOME, field::RULE_NAME]
            .into_iter()
            .chain(FieldId::intern("observer.name"))
            .collect(),
        open: false,
    }
}

/// How the sources of these packs feed these rules.
pub fn of(set: &RuleSet, packs: &Packs) -> SourceCoverage {
    let added: HashSet<FieldId> = enrich::added().collect();
    let mut best: Vec<Option<Feeding>> = vec![None; set.rules().len()];
    let mut out = SourceCoverage::default();
    for source in packs.yields().into_iter().chain([own()]) {
        let shape = SourceShape {
            logsources: source.logsources,
            fields: source.fields.into_iter().chain(added.iter().copied()).collect(),
            open: source.open,
        };
        let mut row = SourceRow {
            source: source.name,
            title: source.title,
            open: shape.open,
            whole: 0,
            partly: 0,
            not_seen: 0,
            cannot: 0,
            lacking: Vec::new(),
        };
        for fed in set.feeding(&shape) {
            let known = &mut best[fed.rule.index()];
            *known = Some(known.map_or(fed.feeding, |k| k.min(fed.feeding)));
            if set.rule(fed.rule).silent {
                continue;
            }
            *match fed.feeding {
                Feeding::Whole => &mut row.whole,
                Feeding::Partly => &mut row.partly,
                Feeding::NotSeen => &mut row.not_seen,
                Feeding::Cannot => &mut row.cannot,
            } += 1;
            if fed.feeding != Feeding::Whole {
                let rule = name(set, fed.rule);
                row.lacking.push(Lack { rule, feeding: fed.feeding, missing: fed.missing });
            }
        }
        if row.whole + row.lacking.len() > 0 {
            row.lacking
                .sort_by_key(|l| (std::cmp::Reverse(l.feeding), std::cmp::Reverse(l.rule.level)));
            out.sources.push(row);
        }
    }
    for (at, best) in best.into_iter().enumerate() {
        let index = RuleIndex(at as u32);
        if set.rule(index).silent {
            continue;
        }
        out.rules += 1;
        match best {
            Some(Feeding::Cannot) => out.unfed.push(name(set, index)),
            None => out.elsewhere.push(name(set, index)),
            Some(_) => {}
        }
    }
    out
}

fn name(set: &RuleSet, index: RuleIndex) -> RuleName {
    let rule = set.rule(index);
    RuleName { rule: rule.id.clone(), title: rule.title.clone(), level: rule.level }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rules::{LoadOptions, Source};

    const RULES: &str = "
title: by user
id: user
logsource: {product: h3c}
detection: {s: {user.name: x, device.firmware: y}, condition: s}
---
title: path
id: path
logsource: {category: webserver}
detection: {s: {cs-uri-stem|contains: x, Image: y}, condition: s}
---
title: met
id: met
logsource: {category: webserver}
detection: {s: {threat.feed.name: x}, condition: s}
---
title: cloud
id: cloud
logsource: {product: aws}
detection: {s: {a: b}, condition: s}
---
title: health
id: health
logsource: {product: xuedun, service: health}
detection: {s: {event.action: sensor.silent}, condition: s}
";

    fn found(rules: &str) -> SourceCoverage {
        let source = Source::new("t.yml", rules);
        let loaded = RuleSet::load(&[source], &LoadOptions::default());
        assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
        of(&loaded.set, &Packs::embedded().unwrap())
    }

    #[test]
    fn a_rule_is_judged_on_every_source_that_it_looks_at() {
        let found = found(RULES);
        let row = |name: &str| found.sources.iter().find(|s| s.source == name).unwrap();
        let nginx = row("nginx");
        assert_eq!((nginx.whole, nginx.cannot), (1, 1), "{nginx:?}");
        assert_eq!(
            (nginx.lacking[0].feeding, nginx.lacking[0].missing.join(",")),
            (Feeding::Cannot, "Image".into())
        );
        let h3c = row("h3c");
        assert_eq!((h3c.open, h3c.not_seen), (true, 1), "{h3c:?}");
        assert_eq!(row("xuedun").whole, 1);
        let ids = |rules: &[RuleName]| rules.iter().map(|r| r.rule.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&found.elsewhere), ["cloud"]);
        assert_eq!(found.rules, 5);
    }

    #[test]
    fn every_shipped_rule_has_a_source_that_feeds_it() {
        let loaded = RuleSet::load(&rules::library(), &LoadOptions::default());
        let found = of(&loaded.set, &Packs::embedded().unwrap());
        assert_eq!((&found.unfed, &found.elsewhere), (&vec![], &vec![]));
    }
}
