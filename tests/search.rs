//! `xuedun search` by the built program: against a node that runs and against its data folder,
//! as text, JSON and CSV, whole and cut short.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod node;

use std::process::Command;

use node::{Node, RECORDS, lines, program, told};
use serde_json::Value;

#[test]
fn answers_are_the_same_from_a_running_node_and_from_its_folder() {
    let mut node = Node::start();
    node.feed();
    for running in [true, false] {
        if !running {
            node.stop();
        }
        let text = node.search(&["sensor:tcp"]);
        assert_eq!(lines(&text).len(), 100, "the limit of its own");
        assert!(told(&text).contains("300 events match"), "{}", told(&text));

        let json = node.search(&["sensor:tcp", "--json", "--limit", "0"]);
        assert_eq!(lines(&json).len(), RECORDS);
        let record: Value = serde_json::from_str(&lines(&json)[0]).unwrap();
        assert_eq!(record["sensor"], "tcp");
        let summary: Value = serde_json::from_str(told(&json).trim()).unwrap();
        assert_eq!((&summary["matched"], &summary["counted"]), (&300.into(), &true.into()));
        assert_eq!(summary["stopped"], Value::Null);

        let csv = node.search(&["sensor:tcp", "--csv", "--limit", "3"]);
        assert_eq!(lines(&csv).len(), 4);
        assert!(lines(&csv)[0].starts_with("\u{feff}\"time\",\"received\""), "{:?}", lines(&csv));
        let table = node.search(&["sensor:tcp needle | count by sensor", "--csv"]);
        assert_eq!(lines(&table), ["\u{feff}\"sensor\",\"count\"", "\"tcp\",\"300\""]);
    }
}

#[test]
fn a_hunt_is_saved_run_and_drafted_as_a_rule() {
    let mut node = Node::start();
    node.feed();
    node.stop();
    let hunt = |args: &[&str]| {
        let all = ["--lang", "en", "hunt"].iter().chain(args).copied().collect::<Vec<_>>();
        program(&all, node.dir.path()).output().unwrap()
    };
    let query = "sensor:tcp needle-1* user.name:*";
    let saved = hunt(&["save", "needles", query, "--by", "wang"]);
    assert_eq!(saved.status.code(), Some(0), "{}", told(&saved));
    assert!(lines(&hunt(&["list"]))[0].starts_with("needles\twang\t"));
    hunt(&["save", "needles", "sensor:tcp \"needle-1\"", "--by", "wang"]);
    let found = hunt(&["run", "needles", "--limit", "0", "--json"]);
    assert_eq!(lines(&found).len(), 111, "1, 10 to 19, 100 to 199");
    let refused = hunt(&["promote", "needles"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(told(&refused).contains("[H003]"), "{}", told(&refused));
    hunt(&["save", "root", "service:sshd user.name:root", "--by", "wang"]);
    let rule = node.dir.path().join("rule.yml");
    let drafted = hunt(&["promote", "root", "-o", rule.to_str().unwrap()]);
    assert_eq!(drafted.status.code(), Some(0), "{}", told(&drafted));
    let check = Command::new(env!("CARGO_BIN_EXE_xuedun"))
        .args(["rules", "check"])
        .arg(&rule)
        .output()
        .unwrap();
    assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
    assert_eq!(hunt(&["remove", "root", "--by", "wang"]).status.code(), Some(0));
    assert_eq!(hunt(&["run", "root"]).status.code(), Some(2));
}

#[test]
fn a_deadline_gives_what_there_is_and_says_so() {
    let node = Node::start();
    node.feed();
    let late = node.search(&["* | count", "--deadline", "0", "--json"]);
    let summary: Value = serde_json::from_str(told(&late).trim()).unwrap();
    assert_eq!((&summary["stopped"], &summary["counted"]), (&"deadline".into(), &false.into()));
    let late = node.search(&["* | count", "--deadline", "0"]);
    assert!(told(&late).contains("[X013]") && told(&late).contains("at least"), "{}", told(&late));
    assert_eq!(late.status.code(), Some(0), "a partial answer is an answer");
    let args = ["--lang", "zh", "search", "* | count", "--deadline", "0"];
    let late = told(&program(&args, node.dir.path()).output().unwrap());
    assert!(late.contains("检索超时，结果不完整") && late.contains("至少"), "{late}");
    let both = node.search(&["*", "--csv", "--json"]);
    assert_eq!(both.status.code(), Some(2));
}

#[cfg(not(feature = "sql"))]
#[test]
fn a_program_without_sql_says_so() {
    let mut node = Node::start();
    node.stop();
    let refused = node.search(&["--sql", "SELECT 1"]);
    assert_eq!(refused.status.code(), Some(4));
    assert!(told(&refused).contains("[N017]"), "{}", told(&refused));
    let both = node.search(&["*", "--sql", "SELECT 1"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_query_that_cannot_be_read_is_shown_with_its_place() {
    let mut node = Node::start();
    node.stop();
    let refused = node.search(&["sensor:tcp AND (a"]);
    assert_eq!(refused.status.code(), Some(2), "wrong use, as with a time that cannot be read");
    let shown = "\nsensor:tcp AND (a\n                 ^ ";
    assert!(told(&refused).contains(shown), "{}", told(&refused));
    assert!(told(&refused).contains("[N009]") && told(&refused).contains("[Q008]"));
    let turned = ["*", "--from", "2026-11-02T00:00:00Z", "--to", "2026-11-01T00:00:00Z"];
    let turned = node.search(&turned);
    assert_eq!(turned.status.code(), Some(2));
    assert!(told(&turned).contains("[Q017]"), "{}", told(&turned));
}
