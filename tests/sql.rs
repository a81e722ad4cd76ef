//! `xuedun search --sql` by the built program: the same figures as the search has, within the same
//! bounds, and nothing but the table. The file is there with the feature `sql` only.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod node;

use std::process::Output;

use node::{Node, RECORDS, lines, program, told};
use serde_json::Value;

/// The lines of a table without its heading.
fn rows(output: &Output) -> Vec<String> {
    assert_eq!(output.status.code(), Some(0), "{}", told(output));
    lines(output).split_off(1)
}

#[test]
fn statements_count_as_searches_do_from_a_running_node_and_from_its_folder() {
    let mut node = Node::start();
    node.feed();
    for running in [true, false] {
        if !running {
            node.stop();
        }
        for (search, sql) in [
            (
                // Not the node's own records: each search adds one.
                "NOT sensor:xuedun | count by sensor",
                "SELECT sensor, count(*) AS count FROM events WHERE sensor <> 'xuedun' \
                 GROUP BY sensor ORDER BY count DESC, sensor",
            ),
            (
                "sensor:tcp needle-1* | count",
                "SELECT count(*) AS count FROM events WHERE sensor = 'tcp' \
                 AND raw LIKE '%needle-1%'",
            ),
            (
                "sensor:tcp | count by log.level site | top 3",
                "SELECT log.level, site, count(*) AS count FROM events WHERE sensor = 'tcp' \
                 GROUP BY log.level, site ORDER BY count DESC LIMIT 3",
            ),
        ] {
            let expected = node.search(&[search]);
            let found = node.search(&["--sql", sql]);
            assert_eq!(rows(&found), rows(&expected), "running: {running}, {sql}");
            assert_eq!(lines(&found)[0], lines(&expected)[0]);
        }
    }
}

#[test]
fn the_answer_is_a_table_csv_or_json_and_bounded() {
    let node = Node::start();
    node.feed();
    let sql = "SELECT time, raw FROM events WHERE sensor = 'tcp' ORDER BY raw";
    let text = node.search(&["--sql", sql]);
    assert_eq!(rows(&text).len(), 100, "the limit of its own");
    assert!(told(&text).contains("the first 100 rows of more"), "{}", told(&text));
    let json = node.search(&["--sql", sql, "--json", "--limit", "0"]);
    assert_eq!(lines(&json).len(), RECORDS);
    let row: Value = serde_json::from_str(&lines(&json)[0]).unwrap();
    assert!(row["raw"].as_str().unwrap().contains("needle-0 "), "{row}");
    assert!(row["time"].as_str().unwrap().ends_with('Z'), "{row}");
    let summary: Value = serde_json::from_str(told(&json).trim()).unwrap();
    assert_eq!((&summary["rows"], &summary["more"]), (&RECORDS.into(), &false.into()));
    let csv = node.search(&["--sql", "SELECT '=cmd()' AS x", "--csv"]);
    assert_eq!(lines(&csv), ["\u{feff}\"x\"", "\"'=cmd()\""]);
    let late = node.search(&["--sql", "SELECT count(*) FROM events", "--deadline", "0"]);
    assert!(told(&late).contains("[X013]"), "{}", told(&late));
    let none = node.search(&["--sql", sql, "--to", "2020-01-01T00:00:00Z"]);
    assert_eq!(rows(&none).len(), 0);
}

#[test]
fn what_is_no_select_of_the_table_is_refused_with_its_place() {
    let node = Node::start();
    let out = node.dir.path().join("out.csv");
    let copy = format!("COPY (SELECT * FROM events) TO '{}'", out.display());
    let config = node.dir.path().join("xuedun.toml");
    let file = format!("SELECT * FROM '{}'", config.display());
    for (sql, code) in [
        (copy.as_str(), "[Q021]"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "[Q021]"),
        ("SET datafusion.execution.batch_size = 1", "[Q021]"),
        ("SELECT 1; DROP TABLE events", "[Q021]"),
        (file.as_str(), "[Q022]"),
        ("SELECT sourceip FROM events", "[Q022]"),
        ("SELECT id FROM events WHERE", "[Q020]"),
    ] {
        let refused = node.search(&["--sql", sql]);
        assert_eq!(
            refused.status.code(),
            Some(2),
            "wrong use, as a query that cannot be read: {sql}"
        );
        assert!(lines(&refused).is_empty(), "{sql}: {:?}", lines(&refused));
        assert!(told(&refused).contains(code), "{sql}: {}", told(&refused));
    }
    assert!(!out.exists());
    let args = ["--lang", "zh", "search", "--sql", "SELECT id\nFROM events\nWHERE sourceip = '1'"];
    let refused = told(&program(&args, node.dir.path()).output().unwrap());
    assert!(
        refused.contains("\nWHERE sourceip = '1'\n      ^ 没有列 sourceip [Q022]"),
        "{refused}"
    );
}
