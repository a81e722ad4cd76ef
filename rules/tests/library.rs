//! Every shipped rule loads, speaks both languages, is tagged, names a playbook and holds its tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::collections::BTreeSet;

use events::Severity;
use rules::{LoadOptions, Rule, RuleKind, RuleSet, Source, library, test_source};

/// The tactics of ATT&CK for enterprises, as Sigma tags write them.
const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// The tactics that each technique we tag serves (MITRE ATT&CK for enterprises, 18); a part of a
/// technique serves those of the whole. A new technique is looked up there and added here.
#[rustfmt::skip]
const TECHNIQUES: &[(&str, &str)] = &[
    ("T1003", "credential-access"),
    ("T1005", "collection"),
    ("T1016", "discovery"),
    ("T1018", "discovery"),
    ("T1021", "lateral-movement"),
    ("T1027", "defense-evasion"),
    ("T1033", "discovery"),
    ("T1036", "defense-evasion"),
    ("T1037", "persistence privilege-escalation"),
    ("T1046", "discovery"),
    ("T1047", "execution"),
    ("T1048", "exfiltration"),
    ("T1049", "discovery"),
    ("T1053", "execution persistence privilege-escalation"),
    ("T1057", "discovery"),
    ("T1059", "execution"),
    ("T1070", "defense-evasion"),
    ("T1071", "command-and-control"),
    ("T1078", "initial-access persistence privilege-escalation defense-evasion"),
    ("T1082", "discovery"),
    ("T1087", "discovery"),
    ("T1090", "command-and-control"),
    ("T1095", "command-and-control"),
    ("T1098", "persistence privilege-escalation"),
    ("T1105", "command-and-control"),
    ("T1110", "credential-access"),
    ("T1119", "collection"),
    ("T1133", "initial-access persistence"),
    ("T1136", "persistence"),
    ("T1187", "credential-access"),
    ("T1190", "initial-access"),
    ("T1197", "defense-evasion persistence"),
    ("T1204", "execution"),
    ("T1210", "lateral-movement"),
    ("T1213", "collection"),
    ("T1218", "defense-evasion"),
    ("T1219", "command-and-control"),
    ("T1485", "impact"),
    ("T1486", "impact"),
    ("T1489", "impact"),
    ("T1490", "impact"),
    ("T1491", "impact"),
    ("T1496", "impact"),
    ("T1498", "impact"),
    ("T1499", "impact"),
    ("T1505", "persistence"),
    ("T1531", "impact"),
    ("T1534", "lateral-movement"),
    ("T1543", "persistence privilege-escalation"),
    ("T1547", "persistence privilege-escalation"),
    ("T1548", "privilege-escalation defense-evasion"),
    ("T1550", "defense-evasion lateral-movement"),
    ("T1552", "credential-access"),
    ("T1558", "credential-access"),
    ("T1561", "impact"),
    ("T1562", "defense-evasion"),
    ("T1565", "impact"),
    ("T1566", "initial-access"),
    ("T1567", "exfiltration"),
    ("T1568", "command-and-control"),
    ("T1569", "execution"),
    ("T1570", "lateral-movement"),
    ("T1571", "command-and-control"),
    ("T1572", "command-and-control"),
    ("T1574", "persistence privilege-escalation defense-evasion"),
    ("T1589", "reconnaissance"),
    ("T1595", "reconnaissance"),
    ("T1608", "resource-development"),
    ("T1611", "privilege-escalation"),
];

fn load(sources: &[Source]) -> RuleSet {
    let loaded = RuleSet::load(sources, &LoadOptions::default());
    for problem in &loaded.problems {
        let text = sources.iter().find(|s| s.name == problem.file).map_or("", |s| &s.text);
        println!("{}", problem.render(text, events::Lang::En, false));
    }
    assert!(loaded.problems.is_empty());
    loaded.set
}

/// The tactics of `T1110` or `T1110.003`; none for what is no technique of the table.
fn tactics(tag: &str) -> Vec<&'static str> {
    let (whole, part) = tag.split_once('.').map_or((tag, None), |(w, p)| (w, Some(p)));
    let three = |p: &str| p.len() == 3 && p.bytes().all(|b| b.is_ascii_digit());
    let known = TECHNIQUES.iter().find(|(t, _)| *t == whole && part.is_none_or(three));
    known.map(|(_, tactics)| tactics.split(' ').collect()).unwrap_or_default()
}

/// What a rule lacks, in words.
fn lacks(rule: &Rule) -> Vec<&'static str> {
    let mut out = Vec::new();
    let mut need = |ok: bool, what| {
        if !ok {
            out.push(what);
        }
    };
    for text in [&rule.title, &rule.description, &rule.advice, &rule.false_positives] {
        need(!text.zh.is_empty() && !text.en.is_empty(), "a text in one language");
        need(!text.zh.is_ascii(), "a Chinese text");
        need(text.en.is_ascii(), "a purely English text");
        need(text.zh != text.en, "a translation");
    }
    need(rule.title.zh.chars().count() <= 40, "a short Chinese title");
    need(rule.playbook.is_some(), "a playbook");
    need(!rule.attack.is_empty(), "an ATT&CK technique");
    need(!rule.tactics.is_empty(), "an ATT&CK tactic");
    let named = |tactic: &str| rule.tactics.iter().any(|have| have == tactic);
    for tag in &rule.attack {
        need(!tactics(tag).is_empty(), "a technique of ATT&CK");
        need(tactics(tag).into_iter().any(named), "the tactic of a technique");
    }
    for tactic in &rule.tactics {
        need(TACTICS.contains(&tactic.as_str()), "a tactic of ATT&CK");
        let served = rule.attack.iter().any(|tag| tactics(tag).contains(&tactic.as_str()));
        need(served, "a technique for a tactic");
    }
    if let RuleKind::Detection(_) = rule.kind {
        let alone = rule.level > Severity::Informational;
        need(!alone || !rule.group_by.is_empty(), "fields to group its alerts by");
    }
    out
}

#[test]
fn every_rule_loads_and_is_complete() {
    let set = load(&library());
    let incomplete: Vec<_> = set
        .rules()
        .iter()
        .map(|rule| (rule.id.as_str(), lacks(rule)))
        .filter(|(_, lacks)| !lacks.is_empty())
        .collect();
    assert!(incomplete.is_empty(), "{incomplete:#?}");
}

/// The library is what is promised: rules that alert by themselves, over every topic.
#[test]
fn the_library_covers_its_topics() {
    let set = load(&library());
    let alerting = set.rules().iter().filter(|r| r.level > Severity::Informational).count();
    println!("{} rules, {alerting} of them raise alerts", set.rules().len());
    assert!(alerting >= 130, "{alerting} rules raise alerts");
    let topics: BTreeSet<&str> =
        set.rules().iter().filter_map(|r| r.file.split('/').next()).collect();
    for topic in [
        "bastion",
        "database",
        "defacement",
        "dns",
        "exam",
        "firewall",
        "linux",
        "mail",
        "netflow",
        "ransomware",
        "vpn",
        "web",
        "windows",
        "xuedun",
    ] {
        assert!(topics.contains(topic), "nothing about {topic}");
    }
}

/// An informational rule is there for correlations; one that nothing builds on does nothing.
#[test]
fn every_base_is_built_upon() {
    let set = load(&library());
    let mut used = BTreeSet::new();
    for rule in set.rules() {
        if let RuleKind::Correlation(c) = &rule.kind {
            used.extend(c.rules.iter().map(|r| set.rule(*r).id.as_str()));
        }
    }
    let idle: Vec<&str> = set
        .rules()
        .iter()
        .filter(|r| r.level == Severity::Informational && !used.contains(r.id.as_str()))
        .map(|r| r.id.as_str())
        .collect();
    assert!(idle.is_empty(), "{idle:?}");
    // And one that alerts must not be kept silent by what builds on it.
    let silent: Vec<&str> = set
        .rules()
        .iter()
        .filter(|r| r.level > Severity::Informational && r.silent)
        .map(|r| r.id.as_str())
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
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
