//! Which ATT&CK techniques the rules speak of, as a layer of ATT&CK Navigator (format 4.5).

use std::collections::BTreeMap;

use events::{Lang, Severity};
use serde_json::{Value, json};

use crate::set::RuleSet;

/// Rules named in the comment of one technique.
const NAMED_MAX: usize = 20;

impl RuleSet {
    /// The layer: a technique's score is the number of rules tagged with it.
    pub fn navigator_layer(&self, lang: Lang) -> Value {
        let mut by_technique: BTreeMap<&str, Vec<(Severity, &str)>> = BTreeMap::new();
        for rule in self.rules() {
            for technique in &rule.attack {
                let title = rule.title.get(lang);
                by_technique.entry(technique).or_default().push((rule.level, title));
            }
        }
        let most = by_technique.values().map(Vec::len).max().unwrap_or(1);
        let techniques: Vec<Value> = by_technique
            .into_iter()
            .map(|(id, mut rules)| {
                rules.sort_by(|a, b| b.cmp(a));
                let score = rules.len();
                let named: Vec<&str> = rules.iter().take(NAMED_MAX).map(|(_, t)| *t).collect();
                json!({
                    "techniqueID": id, "score": score, "comment": named.join("\n"),
                    "enabled": true, "showSubtechniques": id.contains('.'),
                })
            })
            .collect();
        json!({
            "name": lang.pick("学盾规则覆盖", "Xuedun rules"),
            "versions": { "layer": "4.5", "navigator": "5.1.0" },
            "domain": "enterprise-attack",
            "description": lang.pick("分值为标注该技术的规则数", "score: rules tagged with the technique"),
            "sorting": 3,
            "techniques": techniques,
            "gradient": {
                "colors": ["#ffffff", "#66b1ff", "#0b3d91"], "minValue": 0, "maxValue": most,
            },
        })
    }

    /// Rules without an ATT&CK technique.
    pub fn without_technique(&self) -> usize {
        self.rules().iter().filter(|r| r.attack.is_empty()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadOptions, Source};

    #[test]
    fn a_technique_scores_its_rules() {
        let rule = |id: &str, tags: &str| {
            format!(
                "title: {id}\nid: {id}\ntags: [{tags}]\nlogsource: {{product: x}}\ndetection: {{s: {{f: 1}}, condition: s}}\n"
            )
        };
        let text = [
            rule("a", "attack.t1110.003, attack.credential-access"),
            rule("b", "attack.t1110.003, attack.t1059"),
            rule("c", "car.2016"),
        ];
        let source = Source::new("t", text.join("---\n"));
        let set = RuleSet::load(&[source], &LoadOptions::default()).set;
        let layer = set.navigator_layer(Lang::En);
        assert_eq!(layer["versions"]["layer"], "4.5");
        assert_eq!(layer["techniques"][0]["techniqueID"], "T1059");
        assert_eq!(layer["techniques"][1]["score"], 2);
        assert_eq!(set.without_technique(), 1);
    }
}
