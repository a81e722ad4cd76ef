//! The library over whole paths: a record as a device writes it goes through the pack that
//! recognises it, and the event that comes out fulfils the rule. The records are in
//! `tests/library/<topic>.toml`; those of an ordinary day, which raise nothing, in
//! `tests/school-day.txt`. And what only the whole workspace can see: that every playbook a
//! rule names is shipped.
//!
//! A record is a text, or `{ line, repeat, every, at }`: that many records, so many seconds apart,
//! the first so many seconds after the start of the case. In a line `{n}` stands for the number of
//! the record, `{clf}`, `{bsd}`, `{iso}`, `{local}` and `{utc}` for its time as access logs, syslog,
//! RFC 3339 and databases write it. A case may name a form of its file: a text around the lines.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use events::{Event, EventId, Severity, SiteId, Timestamp};
use rules::{CorrelationLimits, Engine, LoadOptions, RuleKind, RuleSet};
use sensors::{Decoded, Packs};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Texts around what a case writes, which goes in at `{line}`.
    #[serde(default)]
    form: BTreeMap<String, String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The rule that must fire on `records` and must not on `quiet`.
    rule: String,
    /// The time of the first record; a Monday morning unless the rule is about another time.
    #[serde(default = "monday_morning")]
    start: String,
    /// One of the file's forms.
    #[serde(default)]
    form: Option<String>,
    records: Vec<Record>,
    #[serde(default)]
    quiet: Vec<Record>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Record {
    One(String),
    Many(Many),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    line: String,
    #[serde(default = "once")]
    repeat: u64,
    #[serde(default)]
    every: u64,
    #[serde(default)]
    at: u64,
}

fn monday_morning() -> String {
    "2026-11-23T02:00:00Z".to_owned()
}

fn once() -> u64 {
    1
}

fn cases() -> Vec<(String, Case)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut out = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
        for mut case in file.case {
            if let Some(form) = &case.form {
                let form = file.form.get(form).unwrap_or_else(|| panic!("{name}: no form {form}"));
                let wrap = |r: &mut Record| match r {
                    Record::One(line) => *line = form.replace("{line}", line),
                    Record::Many(many) => many.line = form.replace("{line}", &many.line),
                };
                case.records.iter_mut().chain(&mut case.quiet).for_each(wrap);
            }
            out.push((name.clone(), case));
        }
    }
    out
}

/// A time in the forms that devices write.
fn stamped(line: &str, time: Timestamp, n: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let local = time.to_beijing();
    let (date, clock) = local.split_once(' ').unwrap();
    let (year, rest) = date.split_once('-').unwrap();
    let (month, day) = rest.split_once('-').unwrap();
    let month = MONTHS[month.parse::<usize>().unwrap() - 1];
    line.replace("{n}", &n.to_string())
        .replace("{clf}", &format!("{day}/{month}/{year}:{clock} +0800"))
        .replace("{bsd}", &format!("{month} {day} {clock}"))
        .replace("{iso}", &time.to_rfc3339_at(events::time::BEIJING_OFFSET_SECS))
        .replace("{local}", &local)
        .replace("{utc}", &time.to_rfc3339())
}

/// The events of records, in the order of time.
fn events(packs: &Packs, place: &str, start: Timestamp, records: &[Record]) -> Vec<Event> {
    let mut out = Vec::new();
    for record in records {
        let one;
        let many = match record {
            Record::One(line) => {
                one = Many { line: line.clone(), repeat: 1, every: 0, at: 0 };
                &one
            }
            Record::Many(many) => many,
        };
        for n in 1..=many.repeat {
            let time = start.plus(Duration::from_secs(many.at + (n - 1) * many.every));
            let line = stamped(&many.line, time, n);
            let mut event = Event::new();
            let decoded = packs.decode(None, line.as_bytes(), time, &mut event);
            assert!(matches!(decoded, Decoded::Ok(_)), "{place}: {decoded:?}: {line}");
            event.id = EventId::at(event.time, out.len() as u128);
            event.site = SiteId::BUREAU;
            out.push(event);
        }
    }
    out.sort_by_key(|e| (e.time, e.id));
    out
}

/// The rules that fired. A base of correlations is told by what it matches.
fn fired(set: &Arc<RuleSet>, events: &[Event]) -> BTreeSet<String> {
    let mut engine = Engine::new(Arc::clone(set), CorrelationLimits::default());
    let (mut scratch, mut hits, mut out) = (rules::Scratch::new(), Vec::new(), Vec::new());
    let mut fired = BTreeSet::new();
    for event in events {
        set.matches(event, &mut scratch, &mut hits);
        fired.extend(hits.iter().map(|h| set.rule(h.rule).id.clone()));
        engine.feed(event, &mut out);
    }
    engine.advance(Timestamp::MAX, &mut out);
    fired.extend(out.into_iter().map(|d| d.rule_id));
    fired
}

fn load() -> Arc<RuleSet> {
    let loaded = RuleSet::load(&rules::library(), &LoadOptions::default());
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    Arc::new(loaded.set)
}

#[test]
fn records_go_through_packs_and_rules() {
    let (packs, set) = (Packs::embedded().unwrap(), load());
    let mut failed = Vec::new();
    for (file, case) in cases() {
        let place = format!("{file}: {}", case.rule);
        assert!(set.get(&case.rule).is_some(), "{place} is no rule");
        let start = Timestamp::parse_rfc3339(&case.start).unwrap();
        let loud = events(&packs, &place, start, &case.records);
        if !fired(&set, &loud).contains(&case.rule) {
            let first = &loud[0];
            let fields: Vec<_> = first.fields().map(|(f, v)| format!("{f}={}", v.text())).collect();
            failed.push(format!("{place} is silent; {}: {fields:?}", first.logsource.get()));
        }
        let quiet = events(&packs, &place, start, &case.quiet);
        if fired(&set, &quiet).contains(&case.rule) {
            failed.push(format!("{place} fires on what must be quiet"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Ordinary records of every source, each told twenty times over an hour.
#[test]
fn an_ordinary_day_raises_no_alert() {
    let (packs, set) = (Packs::embedded().unwrap(), load());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/school-day.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    let told = |line: &str| Many { line: line.to_owned(), repeat: 20, every: 180, at: 0 };
    let records: Vec<Record> = lines.map(|line| Record::Many(told(line))).collect();
    assert!(records.len() > 60, "{} kinds of records", records.len());
    let start = Timestamp::parse_rfc3339("2026-11-23T00:00:00Z").unwrap();
    let day = events(&packs, "school-day.txt", start, &records);
    let alerts: Vec<String> = fired(&set, &day)
        .into_iter()
        .filter(|id| set.get(id).is_some_and(|r| r.level > Severity::Informational))
        .collect();
    assert!(alerts.is_empty(), "{alerts:?}");
}

#[test]
fn most_rules_are_shown_on_raw_records() {
    let set = load();
    let shown: BTreeSet<String> = cases().into_iter().map(|(_, case)| case.rule).collect();
    // Bases of correlations are shown by what builds on them.
    let alone: Vec<_> = set.rules().iter().filter(|r| r.level > Severity::Informational).collect();
    let bare: Vec<&str> =
        alone.iter().filter(|r| !shown.contains(&r.id)).map(|r| r.id.as_str()).collect();
    println!("{} of {} rules on raw records; without: {bare:?}", shown.len(), alone.len());
    assert!(shown.len() * 3 >= alone.len() * 2, "{} of {}", shown.len(), alone.len());
    assert!(alone.iter().any(|r| matches!(r.kind, RuleKind::Correlation(_))));
}

#[test]
fn every_playbook_a_rule_names_is_shipped() {
    let shipped: BTreeSet<String> = playbooks::library().into_iter().map(|(n, _)| n).collect();
    for rule in load().rules() {
        let named = rule.playbook.as_deref().unwrap_or("none");
        assert!(shipped.contains(named), "{}: there is no playbook {named}", rule.id);
    }
}
