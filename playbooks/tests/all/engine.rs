//! What a run does, by the pinned semantics.

use std::collections::BTreeMap;

use playbooks::{
    Answer, Effectors, FailReason, MemoryJournal, Mode, Outcome, Run, RunOutcome, StepState,
};

use crate::kit::{Log, Recorded, begin, effectors, id, load, start, t, text};

const VARS: &str = r#""__x__": { "type": "string" }, "__n__": { "type": "integer", "value": "0" }"#;

fn manual(step: &str, more: &str) -> String {
    format!(
        r#""{step}": {{ "type": "action", "agent": "group#1", "commands": [{{ "type": "manual", "command": "做 __x__:value" }}]{more} }}"#
    )
}

fn tell(step: &str, kind: &str, more: &str) -> String {
    format!(
        r#""{step}": {{ "type": "action", "agent": "group#1", "commands": [{{ "type": "{kind}", "command": "{step}" }}]{more} }}"#
    )
}

fn wf(parts: &[&str]) -> String {
    parts.join(",\n")
}

fn yes(step: &str, by: &str, outputs: &[(&str, &str)]) -> Answer {
    let outputs = outputs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Answer { step: id(step), by: by.to_owned(), success: true, outputs, note: String::new() }
}

fn state(run: &Run, step: &str) -> StepState {
    run.status().steps.iter().find(|s| s.step == id(step)).unwrap().state
}

fn kinds(log: &Log) -> Vec<String> {
    log.lock().unwrap().iter().map(|(_, text, _)| text.clone()).collect()
}

#[test]
fn a_person_is_asked_then_the_flow_goes_on() {
    let text = text(
        VARS,
        &wf(&[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
            &manual("action#2", r#", "out_args": ["__x__"], "on_completion": "if-condition#3""#),
            r#""if-condition#3": { "type": "if-condition", "condition": "[__x__:value = 'yes']", "on_true": "action#4", "on_completion": "end#6" }"#,
            &tell("action#4", "notification", r#", "on_completion": "end#5""#),
            r#""end#5": { "type": "end" }, "end#6": { "type": "end" }"#,
        ]),
        "",
    );
    for (answer, told) in [("yes", 1), ("no", 0)] {
        let log = Log::default();
        let mut effectors = effectors(&log);
        let playbook = load(&text);
        let mut journal = MemoryJournal::default();
        let mut given = begin(Mode::Production);
        given.variables.insert("__x__".to_owned(), "先".to_owned());
        let mut run = Run::start(playbook, given, t(0), &mut journal).unwrap();
        let progress = run.advance(t(1), &mut effectors, &mut journal).unwrap();
        assert_eq!(progress.waiting[0].text.zh, "做 先");
        assert_eq!(progress.finished, None);
        let bad = run.answer(&yes("action#2", "a", &[]), t(2), &mut journal);
        assert_eq!(bad.unwrap_err().code(), "P112");
        run.answer(&yes("action#2", "a", &[("__x__", answer)]), t(2), &mut journal).unwrap();
        let progress = run.advance(t(3), &mut effectors, &mut journal).unwrap();
        assert_eq!(progress.finished, Some(RunOutcome::Succeeded));
        assert_eq!(kinds(&log).len(), told);
        let skipped = if told == 1 { StepState::Succeeded } else { StepState::Skipped };
        assert_eq!(state(&run, "action#4"), skipped);
        assert_eq!(
            run.answer(&yes("action#2", "a", &[]), t(4), &mut journal).unwrap_err().code(),
            "P109"
        );
        let json = serde_json::to_value(run.status()).unwrap();
        assert_eq!(json["outcome"]["result"], "succeeded");
    }
}

fn failing(failure: &str, exception: &str) -> String {
    text(
        VARS,
        &wf(&[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
            &tell("action#2", "bash", &format!(r#", "on_success": "end#6"{failure}"#)),
            &tell("action#4", "notification", r#", "on_completion": "end#5""#),
            r#""end#5": { "type": "end" }, "end#6": { "type": "end" }"#,
        ]),
        exception,
    )
}

#[test]
fn failure_goes_to_on_failure_else_exception_else_the_run_fails() {
    let reason = FailReason::Effector { text: "坏".to_owned() };
    let reaches = r#", "workflow_exception": "action#4""#;
    for (failure, exception, outcome, told) in [
        (r#", "on_failure": "action#4""#, "", RunOutcome::Succeeded, 1),
        ("", reaches, RunOutcome::Failed { reason: reason.clone(), exception_handled: true }, 1),
    ] {
        let log = Log::default();
        let mut effectors = effectors(&log);
        let broken = Recorded {
            kind: "bash",
            log: Log::default(),
            outcome: || Outcome::Failed { reason: "坏".to_owned() },
        };
        effectors.register(Box::new(broken));
        let (mut run, mut journal) = start(&failing(failure, exception));
        let progress = run.advance(t(1), &mut effectors, &mut journal).unwrap();
        assert_eq!(progress.finished, Some(outcome));
        assert_eq!(kinds(&log).len(), told);
        assert_eq!(state(&run, "action#2"), StepState::Failed);
    }
    let alone = text(
        VARS,
        &wf(&[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
            &tell("action#2", "bash", r#", "on_completion": "action#4""#),
            &tell("action#4", "notification", r#", "on_completion": "end#5""#),
            r#""end#5": { "type": "end" }"#,
        ]),
        "",
    );
    let log = Log::default();
    let mut effectors = effectors(&log);
    let broken = Recorded {
        kind: "bash",
        log: Log::default(),
        outcome: || Outcome::Failed { reason: "坏".to_owned() },
    };
    effectors.register(Box::new(broken));
    let (mut run, mut journal) = start(&alone);
    let progress = run.advance(t(1), &mut effectors, &mut journal).unwrap();
    let failed = RunOutcome::Failed { reason, exception_handled: false };
    assert_eq!(progress.finished, Some(failed), "on_completion does not swallow a failure");
    assert!(kinds(&log).is_empty());
}

#[test]
fn attempts_follow_their_backoff() {
    let rules = r#", "step_extensions": { "EXT": { "attempts_max": 3, "backoff_ms": 2000 } }, "on_completion": "end#6""#;
    let text = text(
        VARS,
        &wf(&[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
            &tell("action#2", "bash", rules),
            r#""end#6": { "type": "end" }"#,
        ]),
        "",
    );
    let log = Log::default();
    let mut left = 2;
    let flaky = Recorded {
        kind: "bash",
        log: log.clone(),
        outcome: move || {
            if left == 0 {
                return Outcome::done();
            }
            left -= 1;
            Outcome::Failed { reason: "忙".to_owned() }
        },
    };
    let mut effectors = Effectors::new().with(flaky);
    let (mut run, mut journal) = start(&text);
    assert_eq!(run.advance(t(0), &mut effectors, &mut journal).unwrap().timer, Some(t(2)));
    assert_eq!(
        run.advance(t(1), &mut effectors, &mut journal).unwrap().timer,
        Some(t(2)),
        "too early"
    );
    assert_eq!(
        run.advance(t(2), &mut effectors, &mut journal).unwrap().timer,
        Some(t(6)),
        "doubled"
    );
    let progress = run.advance(t(6), &mut effectors, &mut journal).unwrap();
    assert_eq!(progress.finished, Some(RunOutcome::Succeeded));
    let keys: Vec<_> = log.lock().unwrap().iter().map(|(.., key)| key.clone()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|k| *k == keys[0]), "one key for all attempts");
}

#[test]
fn delays_and_deadlines_are_absolute() {
    let text = text(VARS, &wf(&[
        r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
        &manual("action#2", r#", "delay": 5000, "timeout": 10000, "on_success": "end#6", "on_failure": "action#4""#),
        &tell("action#4", "notification", r#", "on_completion": "end#5""#),
        r#""end#5": { "type": "end" }, "end#6": { "type": "end" }"#,
    ]), "").replace("做 __x__:value", "做");
    let log = Log::default();
    let mut effectors = effectors(&log);
    let (mut run, mut journal) = start(&text);
    let progress = run.advance(t(0), &mut effectors, &mut journal).unwrap();
    assert_eq!((progress.timer, progress.waiting.len()), (Some(t(5)), 0));
    assert_eq!(state(&run, "action#2"), StepState::Delayed);
    let progress = run.advance(t(7), &mut effectors, &mut journal).unwrap();
    assert_eq!(progress.timer, Some(t(17)), "the deadline runs from the attempt's start");
    // Whoever takes the run up later finds the same deadline.
    let mut run = Run::resume(run.playbook().clone(), &journal).unwrap();
    assert_eq!(
        run.answer(&yes("action#2", "a", &[]), t(17), &mut journal).unwrap_err().code(),
        "P109"
    );
    let progress = run.advance(t(17), &mut effectors, &mut journal).unwrap();
    assert_eq!(progress.finished, Some(RunOutcome::Succeeded));
    assert_eq!(kinds(&log).len(), 1, "on_failure took over");
}

#[test]
fn parallel_joins_all_and_scopes_variables() {
    let text = text(VARS, &wf(&[
        r#""start#1": { "type": "start", "on_completion": "parallel#2" }"#,
        r#""parallel#2": { "type": "parallel", "next_steps": ["action#3", "action#4"], "on_completion": "if-condition#7" }"#,
        &manual("action#3", r#", "out_args": ["__x__"], "on_completion": "end#5""#),
        &manual("action#4", r#", "out_args": ["__n__"], "on_completion": "end#6""#),
        r#""if-condition#7": { "type": "if-condition", "condition": "[__x__:value = 'a' AND __n__:value = 5]", "on_true": "action#8", "on_completion": "end#11" }"#,
        &tell("action#8", "notification", r#", "on_completion": "end#10""#),
        r#""end#5": { "type": "end" }, "end#6": { "type": "end" }, "end#10": { "type": "end" }, "end#11": { "type": "end" }"#,
    ]), "").replace("做 __x__:value", "做");
    let log = Log::default();
    let mut effectors = effectors(&log);
    let (mut run, mut journal) = start(&text);
    let progress = run.advance(t(1), &mut effectors, &mut journal).unwrap();
    assert_eq!(progress.waiting.len(), 2);
    run.answer(&yes("action#4", "b", &[("__n__", "5")]), t(2), &mut journal).unwrap();
    assert!(
        run.advance(t(3), &mut effectors, &mut journal).unwrap().finished.is_none(),
        "waits for the other"
    );
    assert_eq!(state(&run, "parallel#2"), StepState::Running);
    let wrong = run.answer(&yes("action#3", "a", &[("__n__", "1")]), t(4), &mut journal);
    assert_eq!(wrong.unwrap_err().code(), "P112");
    run.answer(&yes("action#3", "a", &[("__x__", "a")]), t(4), &mut journal).unwrap();
    let progress = run.advance(t(5), &mut effectors, &mut journal).unwrap();
    assert_eq!(progress.finished, Some(RunOutcome::Succeeded));
    assert_eq!(kinds(&log).len(), 1, "both branches' variables came together");
}

#[test]
fn a_failed_branch_fails_the_join_after_the_others_ended() {
    let text = text(VARS, &wf(&[
        r#""start#1": { "type": "start", "on_completion": "parallel#2" }"#,
        r#""parallel#2": { "type": "parallel", "next_steps": ["action#3", "action#4"], "on_success": "end#9", "on_failure": "action#8" }"#,
        &manual("action#3", r#", "on_completion": "end#5""#),
        &manual("action#4", r#", "on_completion": "end#6""#),
        &tell("action#8", "notification", r#", "on_completion": "end#10""#),
        r#""end#5": { "type": "end" }, "end#6": { "type": "end" }, "end#9": { "type": "end" }, "end#10": { "type": "end" }"#,
    ]), "").replace("做 __x__:value", "做");
    let log = Log::default();
    let mut effectors = effectors(&log);
    let (mut run, mut journal) = start(&text);
    run.advance(t(1), &mut effectors, &mut journal).unwrap();
    let no = Answer { success: false, ..yes("action#3", "a", &[]) };
    run.answer(&no, t(2), &mut journal).unwrap();
    assert_eq!(run.advance(t(2), &mut effectors, &mut journal).unwrap().waiting.len(), 1);
    run.answer(&yes("action#4", "b", &[]), t(3), &mut journal).unwrap();
    let progress = run.advance(t(3), &mut effectors, &mut journal).unwrap();
    assert_eq!(progress.finished, Some(RunOutcome::Succeeded));
    assert_eq!(state(&run, "parallel#2"), StepState::Failed);
    assert_eq!(kinds(&log).len(), 1);
}

#[test]
fn while_is_bounded_and_switch_never_skips() {
    let turns = |max: u32| {
        text(
            VARS,
            &wf(&[
                r#""start#1": { "type": "start", "on_completion": "while-condition#2" }"#,
                &format!(
                    r#""while-condition#2": {{ "type": "while-condition", "condition": "[__n__:value < 3]", "on_true": "action#3",
          "on_completion": "switch-condition#5", "step_extensions": {{ "EXT": {{ "iterations_max": {max} }} }} }}"#
                ),
                r#""action#3": { "type": "action", "agent": "group#1", "commands": [{ "type": "bash", "command": "c" }], "out_args": ["__n__"],
          "step_extensions": { "EXT": { "outputs": { "__n__": "count" } } }, "on_completion": "end#4" }"#,
                r#""switch-condition#5": { "type": "switch-condition", "switch": "__n__:value", "cases": { "3": "action#6" }, "on_completion": "end#8" }"#,
                &tell("action#6", "notification", r#", "on_completion": "end#7""#),
                r#""end#4": { "type": "end" }, "end#7": { "type": "end" }, "end#8": { "type": "end" }"#,
            ]),
            "",
        )
    };
    let run = |max: u32, step: i32| {
        let log = Log::default();
        let mut effectors = effectors(&log);
        let mut count = 0;
        let counter = Recorded {
            kind: "bash",
            log: Log::default(),
            outcome: move || {
                count += step;
                Outcome::Succeeded {
                    outputs: BTreeMap::from([("count".to_owned(), count.to_string())]),
                }
            },
        };
        effectors.register(Box::new(counter));
        let (mut run, mut journal) = start(&turns(max));
        let progress = run.advance(t(1), &mut effectors, &mut journal).unwrap();
        (progress.finished.unwrap(), kinds(&log).len())
    };
    assert_eq!(run(9, 1), (RunOutcome::Succeeded, 1), "three turns, then the case for 3");
    let failed = |reason| RunOutcome::Failed { reason, exception_handled: false };
    assert_eq!(run(2, 1), (failed(FailReason::TooManyIterations), 0));
    assert_eq!(run(9, 2), (failed(FailReason::NoCase), 0), "4 has no case and there is no default");
}

#[test]
fn approvals_and_four_eyes() {
    let rules = r#", "step_extensions": { "EXT": { "approvals": 2, "four_eyes": true } }, "on_completion": "end#6""#;
    let text = text(
        VARS,
        &wf(&[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
            &manual("action#2", rules),
            r#""end#6": { "type": "end" }"#,
        ]),
        "",
    )
    .replace("做 __x__:value", "做");
    let mut effectors = Effectors::new();
    let (mut run, mut journal) = start(&text);
    run.advance(t(1), &mut effectors, &mut journal).unwrap();
    let mut answer =
        |by: &str| run.answer(&yes("action#2", by, &[]), t(2), &mut journal).map_err(|e| e.code());
    assert_eq!(answer("starter"), Err("P110"));
    assert_eq!(answer("甲"), Ok(()));
    assert_eq!(answer("甲"), Err("P111"));
    assert_eq!(answer("乙"), Ok(()));
    assert_eq!(
        run.advance(t(3), &mut effectors, &mut journal).unwrap().finished,
        Some(RunOutcome::Succeeded)
    );
    let status = run.status();
    assert_eq!(status.steps[1].by, ["甲", "乙"]);
}

#[test]
fn exercises_and_dry_runs_touch_nothing() {
    let text = text(
        VARS,
        &wf(&[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
            &tell("action#2", "bash", r#", "on_completion": "action#3""#),
            &manual("action#3", r#", "on_completion": "end#6""#),
            r#""end#6": { "type": "end" }"#,
        ]),
        "",
    );
    for (mode, waits) in [(Mode::Exercise, 1), (Mode::DryRun, 0)] {
        let log = Log::default();
        let mut effectors = effectors(&log);
        let mut journal = MemoryJournal::default();
        let mut run = Run::start(load(&text), begin(mode), t(0), &mut journal).unwrap();
        let progress = run.advance(t(1), &mut effectors, &mut journal).unwrap();
        assert_eq!(progress.waiting.len(), waits, "{mode:?}");
        assert!(kinds(&log).is_empty(), "{mode:?} performs nothing");
        assert!(run.status().steps[1].simulated);
    }
}

#[test]
fn variables_are_checked_at_the_start() {
    let vars = r#""__ip__": { "type": "ipv4-addr", "external": true }, "__k__": { "type": "string", "value": "a", "constant": true }"#;
    let text = text(
        vars,
        r#""start#1": { "type": "start", "on_completion": "end#2" }, "end#2": { "type": "end" }"#,
        "",
    );
    let code = |given: &[(&str, &str)]| {
        let mut begin = begin(Mode::Production);
        begin.variables = given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Run::start(load(&text), begin, t(0), &mut MemoryJournal::default())
            .map(|_| "")
            .unwrap_or_else(|e| e.code())
    };
    assert_eq!(code(&[("__ip__", "192.0.2.1")]), "");
    assert_eq!(code(&[]), "P107");
    assert_eq!(code(&[("__ip__", "here")]), "P108");
    assert_eq!(code(&[("__ip__", "192.0.2.1"), ("__k__", "b")]), "P106");
    assert_eq!(code(&[("__ip__", "192.0.2.1"), ("__z__", "b")]), "P106");
}

#[test]
fn no_value_no_command() {
    let text = text(
        VARS,
        &wf(&[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
            &tell("action#2", "bash", r#", "on_completion": "end#6""#),
            r#""end#6": { "type": "end" }"#,
        ]),
        "",
    )
    .replace(r#""command": "action"#, r#""command": "rm __x__:value"#);
    let log = Log::default();
    let (mut run, mut journal) = start(&text);
    let progress = run.advance(t(1), &mut effectors(&log), &mut journal).unwrap();
    let reason = FailReason::NoValue { name: "__x__".to_owned() };
    assert_eq!(progress.finished, Some(RunOutcome::Failed { reason, exception_handled: false }));
    assert!(kinds(&log).is_empty());
}

#[test]
fn cancelling_stops_a_waiting_run() {
    let text = text(
        VARS,
        &wf(&[
            r#""start#1": { "type": "start", "on_completion": "action#2" }"#,
            &manual("action#2", r#", "on_completion": "end#6""#),
            r#""end#6": { "type": "end" }"#,
        ]),
        "",
    )
    .replace("做 __x__:value", "做");
    let mut effectors = Effectors::new();
    let (mut run, mut journal) = start(&text);
    run.advance(t(1), &mut effectors, &mut journal).unwrap();
    run.cancel("甲", "误启动", t(2), &mut journal).unwrap();
    let progress = run.advance(t(2), &mut effectors, &mut journal).unwrap();
    assert_eq!(progress.finished, Some(RunOutcome::Cancelled { by: "甲".to_owned() }));
    assert_eq!(state(&run, "action#2"), StepState::Cancelled);
    assert!(run.cancel("甲", "", t(3), &mut journal).is_err());
}
