//! A drill with every figure known by hand.

use events::{AlertId, ExerciseId, Lang, Severity, SiteId, Text};
use playbooks::drill::{EndReason, FindingKind, html, markdown};
use playbooks::{
    Act, Coverage, Drill, DrillRun, InjectContext, Observation, ObservedAlert, Transport, marker,
    verify_marker,
};

use crate::kit::{load, t, text};

const KEY: [u8; 32] = [9; 32];

fn site() -> SiteId {
    "3133000001".parse().unwrap()
}

fn exercise() -> ExerciseId {
    ExerciseId::from_u128(0x77)
}

fn drill_text(endex: &str) -> String {
    let inject = |id: &str, at: u32, rule: &str, technique: &str| {
        format!(
            r#"{{ "id": "{id}", "title": {{ "zh": "情景 {id}", "en": "inject {id}" }}, "at_seconds": {at},
      "transport": "syslog-udp", "pack": "sangfor-vpn",
      "records": [{{ "text": "<134>{{time3164}} vpn sslvpn: user=u{{n}} site={{site}} {{marker}}", "times": 3, "every_ms": 500 }}],
      "expects": {{ "rules": ["{rule}"], "techniques": ["{technique}"], "within_seconds": 60 }} }}"#
        )
    };
    let plan = format!(
        r#", "playbook_extensions": {{ "{}": {{ "objectives": [{{ "zh": "发现", "en": "detect" }}]{endex},
      "injects": [{}, {}, {}] }} }}"#,
        playbooks::extension::DRILL,
        inject("a", 10, "rule-a", "T1110.003"),
        inject("b", 20, "rule-b", "T1505.003"),
        inject("c", 30, "rule-c", "T1505.003"),
    );
    let definition = r#""extension_definitions": { "#;
    let declared = format!(
        r#"{definition}"{}": {{ "type": "extension-definition", "name": "d", "created_by": "identity#1", "schema": "x", "version": "1.0.0" }}, "#,
        playbooks::extension::DRILL
    );
    let flow =
        r#""start#1": { "type": "start", "on_completion": "end#2" }, "end#2": { "type": "end" }"#;
    crate::kit::ids(&text("", flow, &plan).replace(definition, &declared))
}

fn new_run(endex: &str) -> DrillRun {
    let drill = Drill::new(load(&drill_text(endex))).unwrap();
    DrillRun::new(&drill, exercise(), site(), t(0))
}

fn alert(rule: &str, number: u128, exercise: Option<ExerciseId>) -> ObservedAlert<'_> {
    ObservedAlert {
        alert: AlertId::from_u128(number),
        rule,
        level: Severity::High,
        exercise,
        inject: None,
    }
}

/// The fixed scenario: `a` is detected and handled well, `b` late and slowly, `c` only logged.
fn played() -> DrillRun {
    let mut run = new_run("");
    let due = |run: &DrillRun, at| run.due(t(at)).iter().map(|i| i.id.clone()).collect::<Vec<_>>();
    assert_eq!(due(&run, 9), [""; 0]);
    assert_eq!(due(&run, 20), ["a", "b"]);
    run.emitted("a", 3, t(10)).unwrap();
    assert_eq!(due(&run, 20), ["b"]);
    run.emitted("b", 3, t(20)).unwrap();
    run.emitted("c", 3, t(30)).unwrap();
    let mine = Some(exercise());
    assert_eq!(
        run.observed(&alert("rule-a", 1, mine), t(14)),
        Observation::Expected("a".to_owned())
    );
    assert_eq!(
        run.observed(&alert("rule-a", 1, mine), t(15)),
        Observation::Expected("a".to_owned())
    );
    assert_eq!(
        run.observed(&alert("rule-b", 2, mine), t(90)),
        Observation::Expected("b".to_owned())
    );
    assert_eq!(run.observed(&alert("rule-z", 3, mine), t(91)), Observation::Unexpected);
    let other = Some(ExerciseId::from_u128(5));
    assert_eq!(run.observed(&alert("rule-a", 4, other), t(91)), Observation::Ignored);
    run.logged("c", t(33)).unwrap();
    assert_eq!(run.inject_by_alert(AlertId::from_u128(1)), Some("a"));
    run.acted("a", Act::Acknowledged, "甲", t(44)).unwrap();
    run.acted("a", Act::Acknowledged, "乙", t(50)).unwrap();
    run.acted("a", Act::ConfirmedAttack, "甲", t(74)).unwrap();
    run.acted("a", Act::Contained, "乙", t(134)).unwrap();
    run.acted("a", Act::Recovered, "乙", t(314)).unwrap();
    run.acted("b", Act::Acknowledged, "甲", t(90 + 3601)).unwrap();
    run.acted("b", Act::DismissedAsFalse, "甲", t(90 + 3602)).unwrap();
    run
}

#[test]
fn each_figure_is_as_worked_out_by_hand() {
    let mut run = played();
    run.end(EndReason::Completed, t(5000));
    run.acted("c", Act::Acknowledged, "甲", t(5001)).unwrap();
    let score = run.score(t(9999));
    assert_eq!(score.at, t(5000), "time stands still at the end");
    assert_eq!(
        (score.emitted, score.detected, score.detected_in_time, score.sla_met),
        (3, 2, 1, 1)
    );
    let span = |s: playbooks::drill::Span| (s.count, s.of, s.mean_ms, s.median_ms, s.p95_ms);
    // a: 14 - 10 = 4 s; b: 90 - 20 = 70 s.
    assert_eq!(span(score.mttd), (2, 3, Some(37_000), Some(4_000), Some(70_000)));
    // a: 44 - 14 = 30 s (the first who took it); b: 3601 s.
    assert_eq!(span(score.mtta), (2, 3, Some(1_815_500), Some(30_000), Some(3_601_000)));
    assert_eq!(span(score.mttc), (1, 3, Some(120_000), Some(120_000), Some(120_000)));
    assert_eq!(span(score.mttr), (1, 3, Some(300_000), Some(300_000), Some(300_000)));
    let coverage: Vec<_> = score
        .techniques
        .iter()
        .map(|t| (t.technique.as_str(), t.coverage, t.alerted, t.injects))
        .collect();
    assert_eq!(
        coverage,
        [("T1110.003", Coverage::Alerted, 1, 1), ("T1505.003", Coverage::Alerted, 1, 2)]
    );
    let by_inject: Vec<_> = score.injects.iter().map(|i| (i.coverage, i.sla_met)).collect();
    assert_eq!(
        by_inject,
        [
            (Coverage::Alerted, Some(true)),
            (Coverage::Alerted, Some(false)),
            (Coverage::Logged, Some(false))
        ]
    );
    let findings: Vec<_> = score.findings.iter().map(|f| (f.inject.as_str(), f.kind)).collect();
    use FindingKind as F;
    assert_eq!(
        findings,
        [
            ("b", F::DetectedLate),
            ("b", F::SlaBreached),
            ("b", F::WrongVerdict),
            ("b", F::NotContained),
            ("c", F::NotDetected),
            ("c", F::SlaBreached),
            ("c", F::NotContained),
        ]
    );
    assert_eq!(score.unexpected, [AlertId::from_u128(3)]);
    let json = serde_json::to_string(&score).unwrap();
    assert_eq!(serde_json::from_str::<playbooks::DrillScore>(&json).unwrap(), score);
}

#[test]
fn a_drill_without_its_rule_scores_none() {
    let mut run = new_run("");
    run.emitted("a", 3, t(10)).unwrap();
    run.end(EndReason::Completed, t(100));
    let score = run.score(t(100));
    assert_eq!(score.techniques[0].coverage, Coverage::None);
    assert_eq!((score.emitted, score.detected, score.sla_met), (1, 0, 0));
    assert_eq!(score.mttd.mean_ms, None);
    let kinds: Vec<_> = score.findings.iter().map(|f| f.kind).collect();
    assert!(kinds.contains(&FindingKind::NotLogged) && kinds.contains(&FindingKind::NotEmitted));
}

#[test]
fn open_is_not_yet_missed_but_never_met() {
    let mut run = new_run("");
    run.emitted("a", 3, t(10)).unwrap();
    run.observed(&alert("rule-a", 1, Some(exercise())), t(14));
    let early = run.score(t(100));
    assert_eq!((early.injects[0].sla_met, early.sla_met), (None, 0));
    let late = run.score(t(14 + 3601));
    assert_eq!(late.injects[0].sla_met, Some(false), "an hour without a response is a breach");
}

#[test]
fn a_real_alert_ends_the_exercise() {
    let mut run = new_run("");
    run.emitted("a", 3, t(10)).unwrap();
    assert_eq!(run.observed(&alert("rule-a", 8, None), t(12)), Observation::EndsExercise);
    assert_eq!(run.observed(&alert("rule-a", 9, Some(exercise())), t(13)), Observation::Ignored);
    assert!(run.due(t(50)).is_empty(), "nothing more is injected");
    let real = EndReason::RealAlert { alert: AlertId::from_u128(8) };
    assert_eq!(run.ended(), Some(&(t(12), real)));
    let mut run = new_run(r#", "endex_level": "critical""#);
    assert_eq!(run.observed(&alert("rule-a", 8, None), t(12)), Observation::Ignored, "too mild");
}

#[test]
fn state_survives_a_restart() {
    let run = played();
    let json = serde_json::to_string(&run).unwrap();
    let again: DrillRun = serde_json::from_str(&json).unwrap();
    assert_eq!(again, run);
    assert_eq!(again.score(t(9000)), run.score(t(9000)));
}

#[test]
fn records_are_filled_timed_and_marked() {
    let drill = Drill::new(load(&drill_text(""))).unwrap();
    let inject = &drill.plan().injects[0];
    let token = marker(&KEY, exercise(), &inject.id);
    let context = InjectContext { site: site(), marker: &token, start: t(0) };
    let records = inject.records(&context);
    assert_eq!(records.len(), 3);
    assert_eq!(records[2].at.since(t(0)).as_millis(), 11_000);
    assert_eq!(records[0].transport, Transport::SyslogUdp);
    assert!(records[1].text.contains("user=u2 site=3133000001 xdx="), "{}", records[1].text);
    assert!(!records.iter().any(|r| r.text.contains('{')));
    let found = verify_marker(&KEY, records[1].text.as_bytes());
    assert_eq!(found, Some((exercise(), "a".to_owned())));
}

#[test]
fn faults_of_the_extension_are_named() {
    for (from, to) in [
        (" {marker}", ""),
        ("{site}", "{school}"),
        (r#""id": "a""#, r#""id": "A b""#),
        (r#""id": "a""#, r#""id": "b""#),
    ] {
        let bad = drill_text("").replacen(from, to, 1);
        let problems = playbooks::parse("bad", &bad).expect_err(to);
        assert!(problems.iter().all(|p| p.code == "P026"), "{problems:#?}");
    }
    let plain = load(&text(
        "",
        r#""start#1": { "type": "start", "on_completion": "end#2" }, "end#2": { "type": "end" }"#,
        "",
    ));
    assert_eq!(Drill::new(plain).unwrap_err().code(), "P116");
}

#[test]
fn the_report_speaks_both_languages_and_escapes() {
    let mut run = played();
    run.acted("a", Act::Reported, "<b>|甲", t(400)).unwrap();
    run.end(EndReason::Completed, t(5000));
    let score = run.score(t(5000));
    let name = Text::new("演练 <一>", "Drill <one>");
    let zh = markdown(&score, &name, Lang::Zh);
    assert!(zh.starts_with("# 演练总结报告：演练 &lt;一>"), "{zh}");
    assert!(zh.contains("| 首次响应 ≤ 60 分钟 | 1/3 |"), "{zh}");
    assert!(zh.contains("&lt;b>\\|甲"), "{zh}");
    let en = html(&score, &name, Lang::En);
    assert!(en.contains("<html lang=\"en\">") && en.contains("Drill &lt;one&gt;"));
    assert!(!en.contains("<b>|") && !en.contains("<script"));
    assert!(en.contains("<td>First response within 60 minutes</td><td>1/3</td>"), "{en}");
    assert_eq!(en.matches("<tr>").count(), en.matches("</tr>").count());
}
