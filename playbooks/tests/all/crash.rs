//! A crash at every point of a run: each command is executed exactly once, or a person is asked.

use std::collections::BTreeMap;

use playbooks::{
    Answer, Change, Error, FileJournal, MemoryJournal, Mode, Run, RunJournal, RunOutcome,
    Transition,
};

use crate::kit::{Log, begin, effectors, id, load, t, text};

/// A journal that dies at one append: before it is durable, or just after.
struct Dying {
    inner: MemoryJournal,
    left: usize,
    durable: bool,
}

impl RunJournal for Dying {
    fn append(&mut self, entry: &Transition) -> Result<(), Error> {
        if self.left == 0 {
            if self.durable {
                self.inner.append(entry)?;
                self.durable = false;
            }
            return Err(Error::JournalStore { reason: "crash".to_owned() });
        }
        self.left -= 1;
        self.inner.append(entry)
    }

    fn read(&self) -> Result<Vec<Transition>, Error> {
        self.inner.read()
    }
}

fn playbook() -> String {
    let action = |step: &str, kind: &str, more: &str| {
        format!(
            r#""{step}": {{ "type": "action", "agent": "group#1", "commands": [{{ "type": "{kind}", "command": "{step}" }}], {more} }}"#
        )
    };
    let idempotent =
        r#""step_extensions": { "EXT": { "idempotent": true } }, "on_completion": "end#7""#;
    text(
        r#""__x__": { "type": "string", "value": "a" }"#,
        &[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#.to_owned(),
            action("action#2", "bash", r#""on_completion": "parallel#3""#),
            r#""parallel#3": { "type": "parallel", "next_steps": ["action#4", "action#5"], "on_completion": "action#8" }"#.to_owned(),
            action("action#4", "bash", r#""on_completion": "end#6""#),
            action("action#5", "notification", idempotent),
            action("action#8", "manual", r#""on_completion": "if-condition#9""#),
            r#""if-condition#9": { "type": "if-condition", "condition": "[__x__:value = 'a']", "on_true": "action#10", "on_completion": "end#12" }"#.to_owned(),
            action("action#10", "bash", r#""on_completion": "end#11""#),
            r#""end#6": { "type": "end" }, "end#7": { "type": "end" }, "end#11": { "type": "end" }, "end#12": { "type": "end" }"#.to_owned(),
        ]
        .join(",\n"),
        "",
    )
}

/// Drives a run to its end or to an error; a person answers whatever is asked. The steps found
/// unknown come back.
fn drive(run: &mut Run, log: &Log, journal: &mut dyn RunJournal) -> Result<Vec<String>, Error> {
    let mut unknown = Vec::new();
    let mut now = 10;
    let mut effectors = effectors(log);
    loop {
        let progress = run.advance(t(now), &mut effectors, journal)?;
        if let Some(outcome) = progress.finished {
            assert_eq!(outcome, RunOutcome::Succeeded);
            return Ok(unknown);
        }
        assert!(!progress.waiting.is_empty(), "either over or waiting for a person");
        for waiting in progress.waiting {
            if waiting.unknown {
                unknown.push(waiting.step.clone());
            }
            let step = waiting.step;
            let answer = Answer { step, by: "甲".to_owned(), success: true, ..Answer::default() };
            now += 1;
            run.answer(&answer, t(now), journal)?;
        }
    }
}

#[test]
fn every_crash_point_is_exactly_once_or_unknown() {
    let playbook = load(&playbook());
    let mut whole = MemoryJournal::default();
    let mut run = Run::start(playbook.clone(), begin(Mode::Production), t(0), &mut whole).unwrap();
    let log = Log::default();
    assert!(drive(&mut run, &log, &mut whole).unwrap().is_empty());
    let entries = whole.entries().len();
    assert_eq!(log.lock().unwrap().len(), 4);
    let idempotent = id("action#5");
    let (mut crashes, mut unknowns, mut repeated) = (0, 0, 0);
    for left in 1..entries {
        for durable in [false, true] {
            let log = Log::default();
            let mut journal = Dying { inner: MemoryJournal::default(), left, durable };
            let begun = Run::start(playbook.clone(), begin(Mode::Production), t(0), &mut journal);
            let died = begun.and_then(|mut run| drive(&mut run, &log, &mut journal));
            assert_eq!(died.unwrap_err().code(), "P101");
            crashes += 1;
            let mut journal = journal.inner;
            let mut run = Run::resume(playbook.clone(), &journal).unwrap();
            let unknown = drive(&mut run, &log, &mut journal).unwrap();
            unknowns += unknown.len();
            let mut count: BTreeMap<String, usize> = BTreeMap::new();
            let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (_, step, key) in log.lock().unwrap().iter() {
                *count.entry(step.clone()).or_default() += 1;
                keys.entry(step.clone()).or_default().push(key.clone());
            }
            for step in ["action#2", "action#4", "action#5", "action#10"].map(id) {
                let times = count.get(&step).copied().unwrap_or(0);
                let asked = unknown.contains(&step);
                if step == idempotent {
                    assert!((1..=2).contains(&times) && !asked, "{step} {times} at {left}");
                    repeated += usize::from(times == 2);
                    assert!(keys[&step].iter().all(|k| *k == keys[&step][0]), "same key again");
                } else if asked {
                    assert!(times <= 1, "{step} at {left}: never twice");
                } else {
                    assert_eq!(times, 1, "{step} at {left}: exactly once");
                }
            }
        }
    }
    // Three commands that must not be repeated, each found started after both kinds of crash.
    assert_eq!((crashes, unknowns, repeated), (2 * (entries - 1), 6, 1));
}

#[test]
fn the_whole_state_is_the_fold_of_every_prefix() {
    let playbook = load(&playbook());
    let mut journal = MemoryJournal::default();
    let mut run =
        Run::start(playbook.clone(), begin(Mode::Production), t(0), &mut journal).unwrap();
    drive(&mut run, &Log::default(), &mut journal).unwrap();
    let folded = Run::resume(playbook.clone(), &journal).unwrap();
    assert_eq!(folded.status(), run.status());
    // An entry out of place is damage, not a guess.
    let entries = journal.entries().to_vec();
    for missing in 1..entries.len() - 1 {
        let mut cut = entries.clone();
        cut.remove(missing);
        let error = Run::resume(playbook.clone(), &MemoryJournal::with(cut)).unwrap_err();
        assert_eq!(error.code(), "P102", "entry {missing} taken out");
    }
}

#[test]
fn a_run_is_bound_to_its_text() {
    let mut journal = MemoryJournal::default();
    let first = load(&playbook());
    Run::start(first, begin(Mode::Production), t(0), &mut journal).unwrap();
    let changed = load(&playbook().replace("\"试\"", "\"改\""));
    assert_eq!(Run::resume(changed.clone(), &journal).unwrap_err().code(), "P103");
    assert_eq!(Run::resume(changed.clone(), &MemoryJournal::default()).unwrap_err().code(), "P113");
    let again = Run::start(changed, begin(Mode::Production), t(0), &mut journal);
    assert_eq!(again.unwrap_err().code(), "P113");
}

#[test]
fn the_file_survives_a_torn_tail_at_every_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let playbook = load(&playbook());
    let mut journal = FileJournal::open(&path).unwrap();
    let mut run =
        Run::start(playbook.clone(), begin(Mode::Production), t(0), &mut journal).unwrap();
    drive(&mut run, &Log::default(), &mut journal).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let entries = journal.read().unwrap();
    let mut previous = 0;
    for length in (0..whole.len()).step_by(7).chain([whole.len()]) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let torn = FileJournal::open(&path).unwrap().read().unwrap();
        let lines = whole[..length].iter().filter(|b| **b == b'\n').count();
        assert_eq!(torn, entries[..lines], "whole lines are kept, the torn one is dropped");
        assert!(lines >= previous);
        previous = lines;
    }
    // What is appended after a torn tail stands on its own line.
    std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let mut journal = FileJournal::open(&path).unwrap();
    let last = entries.last().unwrap();
    assert!(matches!(last.change, Change::Finished { .. }));
    journal.append(last).unwrap();
    assert_eq!(FileJournal::open(&path).unwrap().read().unwrap(), entries);
}

#[test]
fn damage_before_the_end_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let mut journal = FileJournal::open(&path).unwrap();
    let mut run =
        Run::start(load(&playbook()), begin(Mode::Production), t(0), &mut journal).unwrap();
    drive(&mut run, &Log::default(), &mut journal).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let second = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    let mut flipped = whole.clone();
    flipped[second] = b'x';
    std::fs::write(&path, &flipped).unwrap();
    assert!(matches!(FileJournal::open(&path), Err(Error::JournalDamaged { entry: 1, .. })));
    // The last line was acknowledged too: a flipped bit in it is damage, not a torn tail.
    let last = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    let mut flipped = whole.clone();
    flipped[last] = b'x';
    std::fs::write(&path, &flipped).unwrap();
    assert_eq!(FileJournal::open(&path).unwrap_err().code(), "P102");
}
