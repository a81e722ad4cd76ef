//! Every shipped rule loads, speaks both languages, names a playbook and holds its tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use rules::{LoadOptions, RuleSet, library, test_source};

#[test]
fn every_rule_loads_and_is_complete() {
    let sources = library();
    let loaded = RuleSet::load(&sources, &LoadOptions::default());
    for problem in &loaded.problems {
        let text = sources.iter().find(|s| s.name == problem.file).map_or("", |s| &s.text);
        println!("{}", problem.render(text, events::Lang::En, false));
    }
    assert!(loaded.problems.is_empty());
    assert!(loaded.set.rules().len() >= 20, "{} rules", loaded.set.rules().len());
    for rule in loaded.set.rules() {
        for text in [&rule.title, &rule.description, &rule.advice] {
            assert!(!text.zh.is_empty() && !text.en.is_empty(), "{}", rule.id);
            assert!(!text.zh.is_ascii(), "{} has no Chinese text", rule.id);
        }
        assert!(rule.playbook.is_some(), "{} names no playbook", rule.id);
        assert!(!rule.attack.is_empty(), "{} has no ATT&CK technique", rule.id);
        assert!(!rule.false_positives.zh.is_empty(), "{}", rule.id);
    }
}

#[test]
fn every_rule_holds_its_tests() {
    let mut failed = Vec::new();
    for source in library() {
        let results = test_source(&source);
        let loaded = RuleSet::load(std::slice::from_ref(&source), &LoadOptions::default());
        for rule in loaded.set.rules() {
            let of = |expected: bool| {
                results.iter().any(|r| r.rule_id == rule.id && r.expected_match == expected)
            };
            assert!(of(true) && of(false), "{} needs a positive and a negative test", rule.id);
        }
        failed.extend(
            results
                .into_iter()
                .filter(|r| !r.passed)
                .map(|r| format!("{}: {} ({} detections)", r.rule_id, r.name, r.detections)),
        );
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
