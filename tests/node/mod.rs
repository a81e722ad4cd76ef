//! A node of the built program, fed with records; for the tests of what asks it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) const RECORDS: usize = 300;
/// How long anything may take before the test gives up; nothing is measured.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Node {
    pub(crate) dir: tempfile::TempDir,
    child: Child,
    pub(crate) sensor: String,
}

impl Node {
    pub(crate) fn start() -> Self {
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
    pub(crate) fn feed(&self) {
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

    pub(crate) fn search(&self, args: &[&str]) -> Output {
        let all = ["--lang", "en", "search"].iter().chain(args).copied().collect::<Vec<_>>();
        program(&all, self.dir.path()).output().unwrap()
    }

    /// Ends the node in order; its folder stays.
    pub(crate) fn stop(&mut self) {
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

pub(crate) fn program(args: &[&str], dir: &Path) -> Command {
    let config: PathBuf = dir.join("xuedun.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_xuedun"));
    command.args(args).arg("--config").arg(config).env("NO_COLOR", "1");
    command
}

pub(crate) fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

pub(crate) fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
