//! Revealing by the built program under a node's guard: refused without approval, by oneself, twice;
//! granted once by another person; in the audit log; and no value in any log.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot run the program must fail"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use centre::account::{NewAccount, Role};
use centre::{Centre, Config, World};
use events::Lang;
use serde_json::{Value, json};

const CONFIG: &str = "[node]\ndata_dir = \"data\"\n[console]\nlisten = \"127.0.0.1:0\"\n[rules]\n\
    library = false\n[store]\ndisk_reserve_mib = 1\n";

fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xuedun"));
    command.current_dir(dir).args(["--lang", "en"]).env("NO_COLOR", "1");
    command
}

fn run(dir: &Path, args: &[&str], input: &str) -> Output {
    let mut command = program(dir);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that ended before it read has closed its side.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs it and wants this exit code; what it printed and told.
fn wants(dir: &Path, code: i32, args: &[&str], input: &str) -> String {
    let done = run(dir, args, input);
    let text = [done.stdout, done.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(done.status.code(), Some(code), "{args:?}: {text}");
    text
}

struct Node {
    child: Child,
    address: String,
}

impl Node {
    fn start(dir: &Path) -> Self {
        let log = fs::File::create(dir.join("node.log")).unwrap();
        let mut command = program(dir);
        command.args(["serve", "--config", "xuedun.toml"]).env("XUEDUN_LOG", "debug");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut node = Self { child, address: String::new() };
        for line in lines.map(Result::unwrap) {
            if let Some(address) = line.strip_prefix("console http://") {
                node.address = address.to_owned();
            }
            if line == "ready" {
                return node;
            }
        }
        panic!("the node did not become ready");
    }

    /// Status and body of a request with a session; a body makes it a POST.
    fn ask(&self, session: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let verb = if body.is_some() { "POST" } else { "GET" };
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut to = TcpStream::connect(&self.address).unwrap();
        write!(
            to,
            "{verb} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {session}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        to.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        (status, body.to_owned())
    }

    fn call(&self, session: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (status, text) = self.ask(session, path, body);
        let json = text.find('{').zip(text.rfind('}')).map(|(a, b)| &text[a..=b]);
        (status, serde_json::from_str(json.unwrap_or("null")).unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sessions of the three, who could sign in before the node was started.
fn people(dir: &Path) -> [String; 3] {
    let config = Config::load(&dir.join("xuedun.toml"), std::iter::empty()).unwrap();
    let centre = Centre::open(config, World::real()).unwrap();
    let people = [
        ("analyst", Role::Analyst),
        ("secadmin", Role::SecurityAdmin),
        ("auditor", Role::AuditAdmin),
    ];
    people.map(|(name, role)| {
        let (name, display_name) = (name.to_owned(), name.to_owned());
        let link = name.clone();
        centre.set_up_account(NewAccount { name, display_name, role, lang: Lang::En }).unwrap();
        let token = centre.one_time_link(&link).unwrap();
        centre.login_once(token.reveal()).unwrap().into_inner()
    })
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let all = entries.flat_map(|p| if p.is_dir() { files(&p) } else { vec![p] });
    // A socket is no file to read.
    all.filter(|p| p.is_file()).collect()
}

fn phone(n: u64) -> String {
    format!("138{:08}", 10_000_000 + n * 7_919)
}

#[test]
fn nothing_is_opened_without_another_persons_word_and_then_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("xuedun.toml"), CONFIG).unwrap();
    let rows: String = (0..100).map(|n| format!("R{n},学生{n},{}\n", phone(n))).collect();
    fs::write(dir.join("in.csv"), format!("编号,姓名,手机号\n{rows}")).unwrap();
    let [analyst, admin, auditor] = people(dir);
    let node = Node::start(dir);

    let named = ["--dataset", "d", "--row-key", "编号"];
    let protect = ["protect", "in.csv", "--out", "sealed.csv", "--column", "手机号"];
    wants(dir, 0, &[&protect[..], &named, &["--index", "手机号"]].concat(), "");
    fs::remove_file(dir.join("in.csv")).unwrap();
    wants(dir, 0, &["keys", "guard", "--config", "xuedun.toml"], "");

    // Without an approval: neither to reveal nor to look up with a purpose.
    let reveal = [&["reveal", "sealed.csv", "--out", "open.csv"][..], &named].concat();
    let lookup = [&["lookup", "sealed.csv", "--column", "手机号"][..], &named].concat();
    let purpose = ["--purpose", "a call from the parents"];
    let told = wants(dir, 4, &[&reveal[..], &purpose].concat(), "");
    assert!(told.contains("C080"), "{told}");
    let told = wants(dir, 4, &[&lookup[..], &purpose].concat(), &phone(7));
    assert!(told.contains("C080"), "{told}");
    wants(dir, 2, &reveal, "");
    assert!(!dir.join("open.csv").exists());

    let ask = json!({"dataset": "d", "columns": ["手机号"], "rows": ["R7"], "cells": 20,
        "purpose": "a call from the parents"});
    let (status, asked) = node.call(&analyst, "/api/v1/reveals", Some(&ask));
    assert_eq!((status, &asked["state"]), (200, &json!("requested")), "{asked}");
    let one = format!("/api/v1/reveals/{}", asked["id"].as_str().unwrap());
    let approve = format!("{one}/approve");
    // A ticket from nowhere; then by the same person, and by one whose role may not.
    fs::write(dir.join("ticket"), format!("{}.{}", asked["id"].as_str().unwrap(), "0".repeat(32)))
        .unwrap();
    let by = ["--ticket-file", "ticket", "--config", "xuedun.toml"];
    let told = wants(dir, 4, &[&reveal[..], &by].concat(), "");
    assert!(told.contains("N033"), "{told}");
    assert_eq!(node.call(&analyst, &approve, Some(&json!({}))).0, 403);
    let (_, own) = node.call(&admin, "/api/v1/reveals", Some(&ask));
    let own = format!("/api/v1/reveals/{}/approve", own["id"].as_str().unwrap());
    let (status, told) = node.call(&admin, &own, Some(&json!({})));
    assert_eq!((status, &told["code"]), (409, &json!("N031")));

    assert_eq!(node.call(&admin, &approve, Some(&json!({"note": "checked"}))).0, 200);
    let ticket = node.call(&analyst, &one, None).1["ticket"].as_str().unwrap().to_owned();
    fs::write(dir.join("ticket"), format!("{ticket}\n")).unwrap();
    // Beyond what was approved: the dataset.
    let other = [&reveal[..4], &["--dataset", "e"], &by].concat();
    let told = wants(dir, 4, &other, "");
    assert!(told.contains("N033"), "{told}");
    let told = wants(dir, 0, &[&reveal[..], &by].concat(), "");
    assert!(told.contains("1 / 99 / 0"), "{told}");
    let open = fs::read_to_string(dir.join("open.csv")).unwrap();
    let shown: Vec<u64> = (0..100).filter(|n| open.contains(&phone(*n))).collect();
    assert_eq!(shown, [7], "the row that was asked for and no other");
    fs::remove_file(dir.join("open.csv")).unwrap();
    for again in [&reveal, &lookup] {
        let told = wants(dir, 4, &[&again[..], &by].concat(), &phone(7));
        assert!(told.contains("N032"), "{told}");
    }
    assert!(!dir.join("open.csv").exists());
    assert_eq!(node.call(&analyst, &one, None).1["request"]["opened"], 1);

    // A lookup by an approval of its own.
    let wide = json!({"dataset": "d", "columns": ["手机号"], "purpose": "who was it"});
    let (_, asked) = node.call(&analyst, "/api/v1/reveals", Some(&wide));
    let two = format!("/api/v1/reveals/{}", asked["id"].as_str().unwrap());
    node.call(&admin, &format!("{two}/approve"), Some(&json!({})));
    let second = node.call(&analyst, &two, None).1["ticket"].as_str().unwrap().to_owned();
    fs::write(dir.join("ticket"), &second).unwrap();
    let told = wants(dir, 0, &[&lookup[..], &by].concat(), &phone(7));
    assert!(told.contains("R7\n") && told.contains("found"), "{told}");

    let (status, log) = node.ask(&auditor, "/audit-log", None);
    assert_eq!(status, 200);
    for act in ["reveal.request", "reveal.approve", "reveal.use", "reveal.done", "reveal.guard"] {
        assert!(log.contains(act), "{act}");
    }
    assert!(log.contains("a call from the parents") && !log.contains(&phone(7)), "{log}");
    assert_eq!(node.ask(&analyst, "/audit-log", None).0, 403);
    drop(node);
    // Neither a value nor a ticket in the node's log, state, journal or evidence.
    fs::remove_file(dir.join("ticket")).unwrap();
    for file in files(dir) {
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for secret in [phone(7).as_str(), &ticket, &second] {
            assert!(!text.contains(secret), "{} holds {secret}", file.display());
        }
    }
    // With no node running the data folder itself answers, and remembers.
    fs::write(dir.join("ticket"), &ticket).unwrap();
    let told = wants(dir, 4, &[&reveal[..], &by].concat(), "");
    assert!(told.contains("N032"), "{told}");
    // The guard ends by the node's own word, and that is in its audit log.
    wants(dir, 0, &["keys", "guard", "--end", "--config", "xuedun.toml"], "");
    wants(dir, 0, &[&reveal[..], &purpose].concat(), "");
}
