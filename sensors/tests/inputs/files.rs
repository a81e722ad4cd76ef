//! Files followed through growth, rotation and restarts.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use events::field;

use crate::support::{Memory, Mood, Node, Saved, of};

struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn toml(&self, pattern: &str, more: &str) -> String {
        format!(
            "[[sensor]]\nname = \"file\"\n[sensor.input]\ntype = \"file\"\npaths = [\"{}\"]\n{more}\n",
            self.path(pattern).display()
        )
    }
}

fn append(path: &Path, text: impl AsRef<[u8]>) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_ref()).unwrap();
}

fn lines(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("<13>Nov 23 12:05:06 h app: line {n} of the file\n")).collect()
}

/// Which lines came, in order of arrival.
fn numbers(node: &Node) -> Vec<usize> {
    let number = |raw: &String| raw.split("line ").nth(1)?.split(' ').next()?.parse().ok();
    node.memory.raws().iter().filter_map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn growth_and_rotation_by_rename() {
    let folder = Folder::new();
    let log = folder.path("app.log");
    append(&log, lines(0, 10));
    let node = Node::start(&folder.toml("app.log", "")).await;
    node.memory.wait(10).await;
    append(&log, lines(10, 12));
    append(&log, "<13>Nov 23 12:05:06 h app: line 12 of");
    node.memory.wait(12).await;
    // The rest of the line, and more, are written after the rename, as writers do.
    fs::rename(&log, folder.path("app.log.1")).unwrap();
    append(&log, lines(20, 25));
    append(&folder.path("app.log.1"), " the file\n");
    append(&folder.path("app.log.1"), lines(13, 15));
    node.memory.wait(20).await;
    let mut found = numbers(&node);
    found.sort_unstable();
    let want: Vec<usize> = (0..15).chain(20..25).collect();
    assert_eq!(found, want, "each once");
    let counters = node.stop().await;
    assert_eq!(of(&counters, "file").decoded, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_and_truncate_with_the_copy_in_the_pattern() {
    let folder = Folder::new();
    let log = folder.path("app.log");
    append(&log, lines(0, 100));
    let node = Node::start(&folder.toml("app.log*", "")).await;
    node.memory.wait(100).await;
    fs::copy(&log, folder.path("app.log.1")).unwrap();
    OpenOptions::new().write(true).truncate(true).open(&log).unwrap();
    append(&log, lines(200, 210));
    node.memory.wait(110).await;
    append(&log, lines(210, 211));
    node.memory.wait(111).await;
    let want: Vec<usize> = (0..100).chain(200..211).collect();
    assert_eq!(numbers(&node), want, "the copy is not read again");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_too_little_to_be_told_from_a_copy_is_read_once_it_holds_more() {
    let folder = Folder::new();
    append(&folder.path("app.log"), lines(0, 100));
    let node = Node::start(&folder.toml("app.log*", "")).await;
    node.memory.wait(100).await;
    // One file is met empty, and one while it has but a line of the other's.
    append(&folder.path("app.log.a"), "");
    append(&folder.path("app.log.b"), lines(0, 1));
    // The line of a name that sorts behind theirs came through a look at all.
    append(&folder.path("app.log.c"), lines(300, 301));
    node.memory.wait(101).await;
    append(&folder.path("app.log.a"), lines(400, 401));
    node.memory.wait(102).await;
    append(&folder.path("app.log.b"), lines(500, 501));
    node.memory.wait(104).await;
    let want: Vec<usize> = (0..100).chain([300, 400, 0, 500]).collect();
    assert_eq!(numbers(&node), want);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_known_after_a_restart() {
    let folder = Folder::new();
    let log = folder.path("app.log");
    let saved = Arc::new(Saved::default());
    append(&log, lines(0, 100));
    let toml = folder.toml("app.log*", "");
    let node = Node::start_with(&toml, Memory::new(), Arc::clone(&saved)).await;
    node.memory.wait(100).await;
    fs::copy(&log, folder.path("app.log.1")).unwrap();
    OpenOptions::new().write(true).truncate(true).open(&log).unwrap();
    append(&log, lines(200, 210));
    node.memory.wait(110).await;
    // Until the copy was met: one line more goes through a look at the names.
    append(&folder.path("app.log.other"), lines(300, 301));
    node.memory.wait(111).await;
    node.stop().await;
    let node = Node::start_with(&toml, Memory::new(), saved).await;
    append(&log, lines(210, 211));
    node.memory.wait(1).await;
    append(&folder.path("app.log.late"), lines(400, 401));
    node.memory.wait(2).await;
    assert_eq!(numbers(&node), [210, 400], "neither the copy nor the file is read again");
    node.stop().await;
}

/// Copied and emptied while the node was away: of the copy only what was not read, of the file what is new.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_nobody_looked_is_read_on_and_not_again() {
    for more in ["", "start = \"end\""] {
        let folder = Folder::new();
        let log = folder.path("app.log");
        let saved = Arc::new(Saved::default());
        append(&log, "");
        let toml = folder.toml("app.log*", more);
        let node = Node::start_with(&toml, Memory::new(), Arc::clone(&saved)).await;
        append(&log, lines(0, 100));
        node.memory.wait(100).await;
        node.stop().await;
        append(&log, lines(100, 103));
        fs::copy(&log, folder.path("app.log.1")).unwrap();
        OpenOptions::new().write(true).truncate(true).open(&log).unwrap();
        append(&log, lines(200, 205));
        let node = Node::start_with(&toml, Memory::new(), saved).await;
        node.memory.wait(8).await;
        append(&folder.path("app.log.late"), lines(400, 401));
        node.memory.wait(9).await;
        let mut found = numbers(&node);
        found.sort_unstable();
        assert_eq!(found, [100, 101, 102, 200, 201, 202, 203, 204, 400], "{more}");
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_begun_at_its_end_grew_by_while_nobody_looked_is_read() {
    let folder = Folder::new();
    let log = folder.path("app.log");
    let saved = Arc::new(Saved::default());
    append(&log, lines(0, 10));
    let toml = folder.toml("app.log*", "start = \"end\"");
    let node = Node::start_with(&toml, Memory::new(), Arc::clone(&saved)).await;
    // The file that comes later shows that the first was met.
    append(&folder.path("app.log.new"), lines(100, 101));
    node.memory.wait(1).await;
    node.stop().await;
    append(&log, lines(10, 12));
    let node = Node::start_with(&toml, Memory::new(), saved).await;
    node.memory.wait(2).await;
    assert_eq!(numbers(&node), [10, 11]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_that_outgrew_its_old_length_is_read_anew() {
    let folder = Folder::new();
    let log = folder.path("app.log");
    let (memory, saved) = (Memory::new(), Arc::new(Saved::default()));
    append(&log, lines(0, 3));
    let toml = folder.toml("app.log", "");
    let node = Node::start_with(&toml, Arc::clone(&memory), Arc::clone(&saved)).await;
    memory.wait(3).await;
    node.stop().await;
    // Emptied and longer than before, same inode, while nobody looks.
    let mut file = OpenOptions::new().write(true).truncate(true).open(&log).unwrap();
    file.write_all(lines(100, 110).as_bytes()).unwrap();
    let node = Node::start_with(&toml, Memory::new(), saved).await;
    node.memory.wait(10).await;
    assert_eq!(numbers(&node), (100..110).collect::<Vec<_>>());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_durable_records_ended() {
    let folder = Folder::new();
    let log = folder.path("app.log");
    let saved = Arc::new(Saved::default());
    append(&log, lines(0, 50));
    let toml = folder.toml("*.log", "");
    let node = Node::start_with(&toml, Memory::new(), Arc::clone(&saved)).await;
    node.memory.wait(50).await;
    // From here on nothing becomes durable: its position must not be saved.
    node.memory.set(Mood::Holds);
    append(&log, lines(50, 60));
    node.memory.wait_offers(2).await;
    node.memory.set(Mood::Refuses(sensors::Refused::Closed));
    node.stop().await;
    // Renamed out of the pattern while the sensor is down.
    append(&log, lines(60, 70));
    fs::rename(&log, folder.path("old.1")).unwrap();
    append(&log, lines(70, 80));
    let node = Node::start_with(&toml, Memory::new(), saved).await;
    node.memory.wait(30).await;
    let mut found = numbers(&node);
    found.sort_unstable();
    assert_eq!(found, (50..80).collect::<Vec<_>>());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn encodings_and_cut_lines() {
    let folder = Folder::new();
    let (gbk, _, _) = encoding_rs::GB18030.encode("<13>Nov 23 12:05:06 h app: 导出学生信息\n");
    append(&folder.path("a.gbk"), &gbk);
    let mut toml = folder.toml("*.gbk", "encoding = \"gb18030\"");
    let utf16: Vec<u8> =
        "\u{feff}<13>Nov 23 12:05:06 h app: 学籍\r\n<13>Nov 23 12:05:06 h app: 二\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
    append(&folder.path("b.utf16"), &utf16);
    let second =
        folder.toml("*.utf16", "encoding = \"utf16le\"").replace("\"file\"\n[", "\"wide\"\n[");
    toml.push_str(&second);
    append(&folder.path("c.long"), format!("<13>{}\n{}", "z".repeat(2 << 20), lines(1, 2)));
    toml.push_str(&folder.toml("*.long", "").replace("\"file\"\n[", "\"long\"\n["));
    let node = Node::start(&toml).await;
    let events = node.memory.wait(5).await;
    let messages = |sensor: &str| -> Vec<String> {
        let of = events.iter().filter(|e| e.sensor.name() == sensor);
        of.filter_map(|e| e.str(field::MESSAGE).map(|m| m.chars().take(20).collect())).collect()
    };
    assert_eq!(messages("file"), ["导出学生信息"]);
    assert_eq!(messages("wide"), ["学籍", "二"]);
    assert_eq!(messages("long"), ["z".repeat(20), "line 1 of the file".to_owned()]);
    let counters = node.stop().await;
    assert_eq!(of(&counters, "long").cut, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_belong_together() {
    let folder = Folder::new();
    let log = folder.path("java.log");
    append(&log, "2026-11-23 first\n  at a\n  at b\n2026-11-23 second\n");
    let more = "multiline = { start = '^\\d{4}-' }";
    let node = Node::start(&folder.toml("java.log", more)).await;
    node.memory.wait(1).await;
    append(&log, "  at c\n");
    // The last record is complete when nothing more comes.
    node.memory.wait(2).await;
    assert_eq!(
        node.memory.raws(),
        ["2026-11-23 first\n  at a\n  at b", "2026-11-23 second\n  at c"]
    );
    node.stop().await;
}

/// A pack knows where its records begin; the configuration needs to say so only to differ.
#[tokio::test(flavor = "multi_thread")]
async fn a_pack_says_which_lines_belong_together() {
    let folder = Folder::new();
    let record = |user: &str| {
        format!(
            "# User@Host: {user}[{user}] @ localhost [10.1.2.3]  Id: 5\n# Query_time: 1.5  \
             Lock_time: 0.1 Rows_sent: 0  Rows_examined: 7\nSET timestamp=1795406706;\nselect *\n  from t;\n"
        )
    };
    append(&folder.path("slow.log"), format!("{}{}", record("jwc"), record("root")));
    let toml =
        folder.toml("slow.log", "").replace("[[sensor]]", "[[sensor]]\npack = \"mysql-slow\"");
    assert!(toml.contains("mysql-slow"), "{toml}");
    let node = Node::start(&toml).await;
    node.memory.wait(2).await;
    let events = node.memory.events();
    let users: Vec<_> = events.iter().map(|e| e.str(events::field::USER_NAME)).collect();
    assert_eq!(users, [Some("jwc"), Some("root")]);
    let statement = events::FieldId::intern("db.statement").unwrap();
    assert_eq!(events[0].str(statement), Some("select *\n  from t"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn begun_at_the_end_only_what_comes_is_read() {
    let folder = Folder::new();
    let log = folder.path("app.log");
    append(&log, lines(0, 5));
    let node = Node::start(&folder.toml("*.log", "start = \"end\"")).await;
    append(&log, lines(5, 7));
    // A file that appears later is read whole.
    append(&folder.path("new.log"), lines(100, 102));
    node.memory.wait(4).await;
    let mut found = numbers(&node);
    found.sort_unstable();
    assert_eq!(found, [5, 6, 100, 101]);
    node.stop().await;
}
