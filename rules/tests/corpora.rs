//! The public Sigma rules and SigmaHQ's regression events, where the corpora are at hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::{Event, json};
use rules::{LoadOptions, Loaded, RuleSet, Scratch, read_paths};

/// Rules in the corpus at the commit its README names.
const LOADED: usize = 3_755;
/// Codes of the refused ones, for their own fault: both use `expand` with a list that only the site can give.
const REFUSED: &[&str] = &["R014", "R014"];

fn load(dir: &Path, routing: bool) -> Loaded {
    let mut folders: Vec<PathBuf> = fs::read_dir(dir.join("sigma"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir() && p.file_name().unwrap().to_str().unwrap().starts_with("rules"))
        .collect();
    folders.sort();
    let sources = read_paths(&folders).unwrap();
    RuleSet::load(&sources, &LoadOptions { routing, ..LoadOptions::default() })
}

#[test]
fn every_public_rule_loads_or_is_refused_for_its_own_fault() {
    let Some(dir) = common::corpora() else { return };
    let loaded = load(&dir, true);
    let errors: Vec<_> = loaded.problems.iter().filter(|p| p.is_error()).collect();
    for p in &errors {
        println!("{} {}:{} {}", p.code, p.file, p.line, p.message.en);
    }
    println!("{} rules loaded, {} refused", loaded.set.rules().len(), loaded.rejected);
    assert_eq!(loaded.set.rules().len(), LOADED);
    assert_eq!(loaded.rejected, REFUSED.len());
    let mut got: Vec<&str> = errors.iter().map(|p| p.code).collect();
    got.sort_unstable();
    assert_eq!(got, REFUSED);
}

/// SigmaHQ's cases: the rule that must fire, and the events as text.
fn cases(dir: &Path) -> Vec<(String, Vec<String>)> {
    let mut out = Vec::new();
    walk(&dir.join("sigma/regression_data"), &mut |path| {
        let json = path.extension().is_some_and(|e| e == "json" || e == "jsoncls");
        if !json {
            return;
        }
        let info = fs::read_to_string(path.parent().unwrap().join("info.yml")).unwrap();
        let rule = info
            .split("rule_metadata:")
            .nth(1)
            .and_then(|rest| rest.split("id:").nth(1))
            .map(|rest| rest.lines().next().unwrap().trim().to_owned())
            .unwrap();
        let text = fs::read_to_string(path).unwrap();
        let stream = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        let events = stream
            .flat_map(|v| match v.unwrap() {
                serde_json::Value::Array(all) => all,
                one => vec![one],
            })
            .map(|v| v.to_string())
            .collect();
        out.push((rule, events));
    });
    out.sort();
    out
}

fn walk(dir: &Path, f: &mut impl FnMut(&Path)) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { walk(&path, f) } else { f(&path) }
    }
}

fn read(text: &str) -> Event {
    let mut event = Event::new();
    json::read_object(text, &mut event).unwrap();
    event
}

#[test]
fn every_regression_case_fires_and_the_engine_equals_the_reference() {
    let Some(dir) = common::corpora() else { return };
    let (routed, all) = (load(&dir, true).set, load(&dir, false).set);
    let cases = cases(&dir);
    assert!(cases.len() >= 90, "{} cases", cases.len());
    let (mut scratch, mut other, mut hits) = (Scratch::new(), Scratch::new(), Vec::new());
    let mut missed = Vec::new();
    let mut compared = 0;
    for (rule, texts) in &cases {
        let (mut with, mut without) = (false, false);
        for text in texts {
            let event = read(text);
            routed.matches(&event, &mut other, &mut hits);
            with |= hits.iter().any(|h| routed.rule(h.rule).id == *rule);
            let few: Vec<&str> = hits.iter().map(|h| routed.rule(h.rule).id.as_str()).collect();
            all.matches(&event, &mut scratch, &mut hits);
            let got: Vec<&str> = hits.iter().map(|h| all.rule(h.rule).id.as_str()).collect();
            without |= got.contains(&rule.as_str());
            assert_eq!(
                got,
                common::matching(&all, &event),
                "engine and reference differ on {text}"
            );
            assert!(few.iter().all(|id| got.contains(id)), "routing only leaves out");
            compared += 1;
        }
        if !(with && without) {
            missed.push((rule, with, without));
        }
    }
    println!("{} cases, {compared} events", cases.len());
    assert!(missed.is_empty(), "missed (with routing, without): {missed:?}");
}

/// The same cases as `xuedun rules test --cases` runs them: where SigmaHQ says how many events must
/// match, at least so many do.
#[test]
fn every_regression_case_passes_as_a_case() {
    let Some(dir) = common::corpora() else { return };
    let cases = rules::read_cases(&dir.join("sigma/regression_data")).unwrap();
    let counted = cases.iter().filter(|c| c.at_least.is_some()).count();
    assert!(cases.len() >= 90 && counted > 20, "{} cases, {counted} with a count", cases.len());
    for routing in [true, false] {
        let set = Arc::new(load(&dir, routing).set);
        let failed: Vec<_> = cases
            .iter()
            .filter_map(|c| match c.run(&set).unwrap() {
                rules::CaseResult::Passed => None,
                other => Some((c.path.clone(), c.at_least, other)),
            })
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }
    println!("{} cases, {counted} with a count", cases.len());
}

#[test]
fn a_sample_of_attack_events_equals_the_reference() {
    let Some(dir) = common::corpora() else { return };
    let set = load(&dir, false).set;
    let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
    let mut fired: BTreeMap<String, usize> = BTreeMap::new();
    let sample = sample(&dir, 101);
    assert!(sample.len() > 200);
    for text in &sample {
        let event = read(text);
        set.matches(&event, &mut scratch, &mut hits);
        let got: Vec<&str> = hits.iter().map(|h| set.rule(h.rule).id.as_str()).collect();
        assert_eq!(got, common::matching(&set, &event), "engine and reference differ on {text}");
        for hit in &hits {
            *fired.entry(set.rule(hit.rule).id.clone()).or_default() += 1;
        }
    }
    println!("{} events, {} rules fired", sample.len(), fired.len());
    assert!(fired.len() > 10, "the sample must exercise rules");
}

/// Every n-th event of the Windows corpus.
fn sample(dir: &Path, step: usize) -> Vec<String> {
    let packed = fs::read(dir.join("events/windows_25k.jsonl.gz")).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text)
        .unwrap();
    text.lines().step_by(step).map(str::to_owned).collect()
}
