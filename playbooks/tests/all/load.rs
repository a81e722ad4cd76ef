//! The strict loader: one case per code, with its place.

use events::Lang;
use playbooks::Weight;
use proptest::prelude::*;

use crate::kit::{id, load, text};

const VARS: &str = r#""__x__": { "type": "string" }, "__k__": { "type": "integer", "value": "1", "constant": true }"#;
const GOOD: &str = r#"
  "start#1": { "type": "start", "on_completion": "action#2" },
  "action#2": { "type": "action", "agent": "group#1", "out_args": ["__x__"],
    "commands": [{ "type": "manual", "command": "查 __x__:value" }], "on_completion": "end#3" },
  "end#3": { "type": "end" }"#;

/// The one problem after a change to the good text: its code and the text at its place.
fn problem(from: &str, to: &str) -> (&'static str, String) {
    let good = text(VARS, GOOD, "");
    let (from, to) = (crate::kit::ids(from), crate::kit::ids(to));
    assert_eq!(good.matches(&from).count(), 1, "{from} stands once");
    let bad = good.replace(&from, &to);
    let problems = playbooks::parse("bad", &bad).expect_err(&to);
    let first = &problems[0];
    assert!(!first.message.zh.is_empty() && !first.message.en.is_empty());
    assert!(playbooks::explain(first.code).is_some(), "{} is explained", first.code);
    let shown = first.render(&bad, Lang::Zh);
    assert!(shown.contains(first.code), "{shown}");
    let line = bad.lines().nth(first.line as usize - 1).unwrap();
    let rest: String = line.chars().skip(first.column as usize - 1).collect();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    (first.code, rest)
}

#[test]
fn a_good_one_loads() {
    let playbook = load(&text(VARS, GOOD, ""));
    assert_eq!(playbook.in_order().len(), 3);
    assert_eq!(playbook.agents[&id("group#1")].name.en, "Group");
    assert!(playbook.warnings.is_empty());
}

#[test]
fn each_fault_has_its_code_and_place() {
    let end = r#""end#3": { "type": "end" }"#;
    for (from, to, code, at) in [
        (r#""name": "试""#, r#""name": "试","#, "P001", ","),
        (r#""name": "试""#, r#""name": "试", "name": "试""#, "P003", r#""name": "试","#),
        (r#""name": "试""#, r#""name": "试", "workflw": 1"#, "P004", r#""workflw""#),
        (r#""name": "试","#, "", "P005", "{"),
        (r#""name": "试""#, r#""name": 7"#, "P006", "7"),
        (
            r#""modified": "2026-01-01T00:00:00Z""#,
            r#""modified": "2026-01-01""#,
            "P007",
            r#""2026-01-01""#,
        ),
        (r#""id": "playbook#1""#, r#""id": "playbook--1""#, "P008", r#""playbook--1""#),
        (end, r#""end#3": { "type": "end" }, "loop#4": { "type": "loop" }"#, "P009", r#""loop--"#),
        (r#""type": "manual""#, r#""type": "telnet""#, "P010", r#""telnet""#),
        (r#""on_completion": "end#3""#, r#""on_completion": "end#9""#, "P011", r#""end--"#),
        (r#""agent": "group#1""#, r#""agent": "group#9""#, "P011", r#""group--"#),
        (
            r#""on_completion": "end#3""#,
            r#""on_success": "end#3", "on_failure": "action#2""#,
            "P012",
            "{",
        ),
        (end, r#""end#3": { "type": "end" }, "end#4": { "type": "end" }"#, "P013", "{"),
        (r#", "on_completion": "end#3""#, "", "P014", "{"),
        (
            r#""command": "查 __x__:value""#,
            r#""command": "查 __y__:value""#,
            "P016",
            r#""查 __y__"#,
        ),
        (r#""out_args": ["__x__"]"#, r#""out_args": ["__k__"]"#, "P017", r#"["__k__"]"#),
        (r#""value": "1""#, r#""value": "one""#, "P018", r#""one""#),
        (
            r#""command": "查 __x__:value""#,
            r#""command": "查", "command_b64": "5p+l""#,
            "P027",
            "{",
        ),
        (end, r#""end#3": { "type": "end", "on_completion": "end#3" }"#, "P024", r#""end--"#),
        (
            end,
            r#""end#3": { "type": "end", "step_extensions": { "extension-definition#8": {} } }"#,
            "P022",
            r#""extension-"#,
        ),
        (
            r#""command": "查 __x__:value""#,
            r#""command": "curl -H 'Authorization: Bearer abc'""#,
            "P021",
            r#""curl"#,
        ),
        (
            r#""__x__": { "type": "string" }"#,
            r#""__x__": { "type": "string" }, "__db_password__": { "type": "string", "value": "hunter2" }"#,
            "P021",
            r#""hunter2""#,
        ),
    ] {
        let (found, rest) = problem(from, to);
        assert_eq!(found, code, "{to}");
        assert!(rest.starts_with(at), "{code} at {rest:?}, not {at:?}");
    }
}

#[test]
fn a_secret_is_not_repeated() {
    let bad = text(r#""__token__": { "type": "string", "value": "hunter2" }"#, GOOD, "");
    let problems = playbooks::parse("bad", &bad).unwrap_err();
    let all: String =
        problems.iter().map(|p| format!("{p:?}{}", p.render(&bad, Lang::En))).collect();
    assert!(problems.iter().any(|p| p.code == "P021"));
    assert!(!all.contains("hunter2"));
}

#[test]
fn secrets_from_outside_are_fine() {
    let more = r#", "authentication_info_definitions": { "user-auth#1": { "type": "user-auth",
        "username": "ops", "password": "__password__:value" } }"#;
    let vars = r#""__x__": { "type": "string" }, "__k__": { "type": "integer", "value": "1", "constant": true },
        "__password__": { "type": "string", "external": true }"#;
    load(&text(vars, GOOD, more));
    let kms =
        more.replace("\"password\": \"__password__:value\"", "\"password\": \"x\", \"kms\": true");
    load(&text(VARS, GOOD, &kms));
    let clear = more.replace("__password__:value", "x");
    let problems = playbooks::parse("bad", &text(vars, GOOD, &clear)).unwrap_err();
    assert_eq!(problems[0].code, "P021");
}

fn branches(then: &str, other: &str) -> String {
    format!(
        r#""start#1": {{ "type": "start", "on_completion": "parallel#2" }},
  "parallel#2": {{ "type": "parallel", "next_steps": ["action#3", "action#4"], "on_completion": "end#9" }},
  "action#3": {{ "type": "action", "agent": "group#1", "out_args": ["__x__"],
    "commands": [{{ "type": "manual", "command": "a" }}], "on_completion": "{then}" }},
  "action#4": {{ "type": "action", "agent": "group#1"{other},
    "commands": [{{ "type": "manual", "command": "b" }}], "on_completion": "end#6" }},
  "end#5": {{ "type": "end" }}, "end#6": {{ "type": "end" }}, "end#9": {{ "type": "end" }}"#
    )
}

#[test]
fn branches_keep_apart() {
    let codes = |workflow: &str| -> Vec<&'static str> {
        match playbooks::parse("p", &text(VARS, workflow, "")) {
            Ok(p) => p.warnings.iter().map(|w| w.code).collect(),
            Err(problems) => {
                let mut codes: Vec<_> = problems.iter().map(|p| p.code).collect();
                codes.sort_unstable();
                codes
            }
        }
    };
    assert_eq!(codes(&branches("end#5", "")), [""; 0]);
    assert_eq!(codes(&branches("end#5", r#", "out_args": ["__x__"]"#)), ["P019"]);
    assert_eq!(codes(&branches("action#4", "")), ["P013", "P015"], "one step, two branches");
    assert_eq!(codes(&branches("parallel#2", "")), ["P012", "P013"], "back into the flow around");
    let shared = playbooks::parse("p", &text(VARS, &branches("end#9", ""), ""));
    let problems = shared.unwrap_err();
    assert!(problems.iter().any(|p| p.code == "P025" && p.weight == Weight::Warning));
}

#[test]
fn what_cannot_run_here_still_loads() {
    let workflow = GOOD.replace(r#""type": "manual""#, r#""type": "ssh""#);
    let playbook = load(&text(VARS, &workflow, ""));
    let error = playbooks::Effectors::new().check(&playbook).unwrap_err();
    assert_eq!(error.code(), "P104");
    let workflow = r#""start#1": { "type": "start", "on_completion": "playbook-action#2" },
      "playbook-action#2": { "type": "playbook-action", "playbook_id": "playbook#5", "on_completion": "end#3" },
      "end#3": { "type": "end" }"#;
    let playbook = load(&text(VARS, workflow, ""));
    assert_eq!(playbooks::Effectors::new().check(&playbook).unwrap_err().code(), "P105");
}

#[test]
fn conditions_point_inside_the_expression() {
    let workflow = r#""start#1": { "type": "start", "on_completion": "if-condition#2" },
  "if-condition#2": { "type": "if-condition", "condition": "[__x__:value ~ 1]", "on_true": "end#4", "on_completion": "end#3" },
  "end#3": { "type": "end" }, "end#4": { "type": "end" }"#;
    let bad = text(VARS, workflow, "");
    let problems = playbooks::parse("bad", &bad).unwrap_err();
    assert_eq!(problems[0].code, "P020");
    let line = bad.lines().nth(problems[0].line as usize - 1).unwrap();
    assert_eq!(line.chars().nth(problems[0].column as usize - 1), Some('~'));
}

#[test]
fn deep_and_long_workflows_do_not_exhaust_the_stack() {
    let mut workflow = r#""start#1": { "type": "start", "on_completion": "action--00000000-0000-4000-8000-000000001000" }, "end#3": { "type": "end" }"#.to_owned();
    for n in 1000..2900 {
        let next = if n == 2899 {
            "end#3".to_owned()
        } else {
            format!("action--00000000-0000-4000-8000-{:012}", n + 1)
        };
        workflow += &format!(
            r#", "action--00000000-0000-4000-8000-{n:012}": {{ "type": "action", "agent": "group#1",
          "commands": [{{ "type": "manual", "command": "a" }}], "on_completion": "{next}" }}"#
        );
    }
    assert_eq!(load(&text(VARS, &workflow, "")).in_order().len(), 1902);
}

proptest! {
    #[test]
    fn any_change_to_a_good_text_never_panics(at in 0usize..900, bytes in prop::collection::vec(any::<u8>(), 0..6)) {
        let mut raw = text(VARS, GOOD, "").into_bytes();
        let at = at.min(raw.len());
        raw.splice(at..(at + bytes.len()).min(raw.len()), bytes);
        let _ = playbooks::parse("fuzzed", &String::from_utf8_lossy(&raw));
    }
}
