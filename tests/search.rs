//! `xuedun search` by the built program: against a node that runs and against its data folder,
//! as text, JSON and CSV, whole and cut short.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const RECORDS: usize = 300;
/// How long anything may take before the test gives up; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(60);

struct Node {
    dir: tempfile::TempDir,
    child: Child,
    sensor: String,
}

impl Node {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = "[node]\ndata_dir = \"data\"\n[console]\nlisten = \"127.0.0.1:0\"\n[rules]\n\
            library = false\n[store]\ndisk_reserve_mib = 1\n[[sensor]]\nname = \"tcp\"\n\
            input = { type = \"syslog-tcp\", listen = \"127.0.0.1:0\" }\n";
        std::fs::write(dir.path().join("xuedun.toml"), text).unwrap();
        let mut command = program(&["--lang", "en", "serve"], dir.path());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut node = Self { dir, child, sensor: String::new() };
        let lines = BufReader::new(node.child.stdout.take().unwrap()).lines();
        for line in lines.map(Result::unwrap) {
            if let Some(address) = line.strip_prefix("sensor tcp ") {
                node.sensor = address.to_owned();
            }
            if line == "ready" {
                return node;
            }
        }
        panic!("the node did not become ready");
    }

    /// Sends records and waits until they are found.
    fn feed(&self) {
        let now = Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]).output().unwrap();
        let now = String::from_utf8(now.stdout).unwrap();
        let now = now.trim();
        let mut to = TcpStream::connect(&self.sensor).unwrap();
        for n in 0..RECORDS {
            writeln!(to, "<13>1 {now} h app - - - needle-{n} =cmd|calc").unwrap();
        }
        drop(to);
        let end = Instant::now() + PATIENCE;
        while lines(&self.search(&["sensor:tcp", "--limit", "0"])).len() < RECORDS {
            assert!(Instant::now() < end, "the records did not arrive");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn search(&self, args: &[&str]) -> Output {
        let all = ["--lang", "en", "search"].iter().chain(args).copied().collect::<Vec<_>>();
        program(&all, self.dir.path()).output().unwrap()
    }

    /// Ends the node in order; its folder stays.
    fn stop(&mut self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(args: &[&str], dir: &Path) -> Command {
    let config: PathBuf = dir.join("xuedun.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xuedun"));
    command.args(args).arg("--config").arg(config).env("NO_COLOR", "1");
    command
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

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
