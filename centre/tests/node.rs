//! A whole node in one process: real sockets, real journal, real rules, no console.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod patience;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::patience::until;
use centre::account::{Caller, NewAccount, Role};
use centre::alert::AlertFilter;
use centre::view::{Coverage, SearchForm};
use centre::{Centre, Config, World, control};
use events::{DrillId, Lang};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const SITE: &str = "2133000001";

struct Node {
    centre: Arc<Centre>,
    tcp: SocketAddr,
}

/// Opens and starts a node in a folder, with or without the shipped rules.
async fn node(dir: &Path, library: bool) -> Node {
    let text = format!(
        "[node]\ndata_dir = \"data\"\n[rules]\nlibrary = {library}\n[store]\ndisk_reserve_mib = 1\n\
         [region]\nname = {{ zh = \"示范\", en = \"Model\" }}\n[[region.school]]\ncode = \"{SITE}\"\n\
         name = {{ zh = \"示范小学\", en = \"Model School\" }}\ndistrict = {{ zh = \"示范区\", en = \"Model\" }}\n\
         networks = [\"10.1.1.0/24\"]\n[[sensor]]\nname = \"tcp\"\n\
         input = {{ type = \"syslog-tcp\", listen = \"127.0.0.1:0\" }}\n[[sensor]]\nname = \"udp\"\n\
         input = {{ type = \"syslog-udp\", listen = \"127.0.0.1:0\" }}\n"
    );
    let path = dir.join("xuedun.toml");
    std::fs::write(&path, text).unwrap();
    let centre =
        Centre::open(Config::load(&path, std::iter::empty()).unwrap(), World::real()).unwrap();
    let addresses = centre.start().await.unwrap();
    let tcp = addresses.iter().find(|(name, _)| name == "tcp").unwrap().1;
    Node { centre, tcp }
}

fn admin(centre: &Centre) -> Caller {
    let new = NewAccount {
        name: "secadmin".to_owned(),
        display_name: "secadmin".to_owned(),
        role: Role::SecurityAdmin,
        lang: Lang::Zh,
    };
    centre.set_up_account(new).unwrap();
    let link = centre.one_time_link("secadmin").unwrap();
    let session = centre.login_once(link.reveal()).unwrap();
    centre.caller(session.reveal()).unwrap().unwrap()
}

async fn send(to: SocketAddr, lines: impl Iterator<Item = String>) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut text = String::new();
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn drill(
    node: &Node,
    seen: impl Fn(&centre::view::DrillDetail) -> bool,
) -> (Caller, DrillId) {
    let caller = admin(&node.centre);
    let id =
        node.centre.start_drill(&caller, "vpn-password-spraying", SITE.parse().unwrap()).unwrap();
    until("the injects", || seen(&node.centre.drill(&caller, id).unwrap())).await;
    (caller, id)
}

fn every_clock(
    detail: &centre::view::DrillDetail,
    has: impl Fn(&playbooks::drill::InjectClock) -> bool,
) -> bool {
    let injects = &detail.run.plan().injects;
    !injects.is_empty() && injects.iter().all(|i| detail.run.clock(&i.id).is_some_and(&has))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_nobody_detects_is_logged_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path(), false).await;
    let (caller, id) = drill(&node, |d| every_clock(d, |c| c.logged.is_some())).await;
    node.centre.end_drill(&caller, id, true).unwrap();
    let detail = node.centre.drill(&caller, id).unwrap();
    assert!(every_clock(&detail, |c| c.alerted.is_none()), "there are no rules");
    assert!(detail.score.injects.iter().all(|i| i.coverage == Coverage::Logged));
    assert_eq!(detail.score.detected, 0);
    node.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_that_is_detected_is_logged_before_it_is_alerted() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path(), true).await;
    let (caller, id) = drill(&node, |d| every_clock(d, |c| c.alerted.is_some())).await;
    let detail = node.centre.drill(&caller, id).unwrap();
    assert!(every_clock(&detail, |c| c.logged.is_some() && c.logged <= c.alerted));
    // Its groups are an exercise's: out of the ordinary queue.
    let queue = node.centre.all_alerts(&caller, &AlertFilter::default()).unwrap();
    assert!(
        queue.iter().all(|g| g.exercise.is_none() && !g.rule_id.starts_with("vpn-")),
        "{queue:?}"
    );
    let with = AlertFilter { exercises: true, ..AlertFilter::default() };
    assert!(!node.centre.all_alerts(&caller, &with).unwrap().is_empty());
    node.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_search_join_without_gap_or_overlap_over_journal_and_archive() {
    const LINES: usize = 25_000;
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path(), false).await;
    let line = |n: usize| format!("<13>1 2026-11-27T01:00:{:02}Z h app - - - needle-{n}", n % 60);
    let half = LINES / 2;
    send(node.tcp, (0..half).map(line)).await;
    let journalled = || node.centre.figures().journalled;
    until("the first half", || journalled() >= half as u64).await;
    node.centre.seal_all().unwrap();
    send(node.tcp, (half..LINES).map(line)).await;
    until("the second half", || journalled() >= LINES as u64).await;
    let caller = Caller::local("test");
    let mut form = SearchForm {
        query: "sensor:tcp".to_owned(),
        from: Some(events::Timestamp::MIN),
        to: Some(events::Timestamp::MAX),
        limit: usize::MAX,
        exercises: false,
        ..SearchForm::default()
    };
    let (mut found, mut pages, mut last) = (BTreeSet::new(), 0, events::Timestamp::MAX);
    loop {
        let page = node.centre.search(&caller, &form).unwrap();
        pages += 1;
        for record in page.records {
            assert!(record.time <= last, "newest first, over pages too");
            last = record.time;
            assert!(found.insert(record.id), "a record twice");
        }
        match page.next {
            Some(next) => form.after = Some(next),
            None => break,
        }
    }
    assert_eq!(found.len(), LINES);
    assert!(pages >= 3, "{pages} pages");
    // `head` counts over pages.
    form.query = "sensor:tcp | head 10500".to_owned();
    form.after = None;
    let first = node.centre.search(&caller, &form).unwrap();
    form.after = first.next;
    assert!(first.next.is_some());
    let second = node.centre.search(&caller, &form).unwrap();
    assert_eq!((first.records.len() + second.records.len(), second.next), (10_500, None));
    node.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_search_that_is_cancelled_still_answers() {
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path(), false).await;
    send(node.tcp, (0..50).map(|n| format!("<13>1 - h app - - - needle-{n}"))).await;
    until("the lines", || node.centre.figures().journalled >= 50).await;
    let request = || control::Request::Search {
        query: "* | count".to_owned(),
        from: None,
        to: None,
        limit: 10,
        exercises: false,
        after: None,
        deadline_ms: None,
        slice_ms: None,
    };
    let cancelled = AtomicBool::new(true);
    let control::Answer::Ok(page) = control::answer(&node.centre, request(), &cancelled) else {
        panic!("no answer")
    };
    assert_eq!((&page["stopped"], &page["counted"]), (&"cancelled".into(), &false.into()));
    // Over the socket: who closes their side is answered all the same.
    let serving = tokio::spawn(control::serve(Arc::clone(&node.centre)));
    let data = dir.path().join("data");
    until("the socket", || control::socket_path(&data).exists()).await;
    let asked = move || control::ask(&data, &request(), &AtomicBool::new(true)).unwrap();
    let answer = tokio::task::spawn_blocking(asked).await.unwrap();
    assert!(matches!(answer, Some(control::Answer::Ok(page)) if page["table"].is_array()));
    serving.abort();
    node.centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attack_is_one_alert_group_before_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let node1 = node(dir.path(), true).await;
    let now = node1.centre.now().to_rfc3339();
    let line = |n: usize| {
        format!(
            "<132>1 {now} vpn sangfor - - - type=vpn action=login result=fail user=u{n} srcip=203.0.113.9 dstip=10.1.1.2 dstport=443"
        )
    };
    send(node1.tcp, (0..40).map(line)).await;
    let caller = Caller::local("test");
    let groups = |centre: &Centre| {
        let all = centre.all_alerts(&caller, &AlertFilter::default()).unwrap();
        all.into_iter().map(|g| (g.id, g.rule_id, g.count)).collect::<Vec<_>>()
    };
    until("an alert group", || !groups(&node1.centre).is_empty()).await;
    node1.centre.stop().await;
    let before = groups(&node1.centre);
    drop(node1);
    let node2 = node(dir.path(), true).await;
    until("detection", || {
        let figures = node2.centre.figures();
        figures.matched >= figures.journalled
    })
    .await;
    assert_eq!(groups(&node2.centre), before);
    node2.centre.stop().await;
}

/// What a search gives as JSON, of what was sent.
fn as_json(node: &Node) -> Vec<serde_json::Value> {
    let form = SearchForm {
        query: "sensor:tcp".to_owned(),
        from: Some(events::Timestamp::MIN),
        to: Some(events::Timestamp::MAX),
        limit: 100,
        exercises: false,
        ..SearchForm::default()
    };
    let page = node.centre.search(&Caller::local("test"), &form).unwrap();
    page.records.iter().map(|r| serde_json::to_value(r).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_the_same_json_from_the_journal_and_from_the_archive() {
    use events::field::{COLUMNS, ColumnKind};
    use serde_json::{Map, Value, json};
    let dir = tempfile::tempdir().unwrap();
    let node = node(dir.path(), false).await;
    let of = |value: fn(ColumnKind) -> Value| -> Map<String, Value> {
        COLUMNS.iter().map(|c| (c.name.to_owned(), value(c.kind))).collect()
    };
    let mut typed = of(|kind| match kind {
        ColumnKind::Integer => json!(-7),
        ColumnKind::Address => json!("10.0.0.1"),
        ColumnKind::Text => json!("12"),
    });
    // Numbers without a column, and what is no number.
    for (name, value) in [
        ("event.duration", json!(1_500_000)),
        ("a.fraction", json!(0.5)),
        ("a.whole", json!(2.0)),
        ("a.flag", json!(true)),
        ("a.null", json!(null)),
        ("a.list", json!([1, "1"])),
    ] {
        typed.insert(name.to_owned(), value);
    }
    // Columns with values that are not of their type.
    let other = of(|kind| if kind == ColumnKind::Integer { json!("x") } else { json!(3) });
    send(node.tcp, [typed, other].into_iter().map(|r| Value::Object(r).to_string())).await;
    until("both records", || as_json(&node).len() == 2).await;
    let journal = as_json(&node);
    node.centre.seal_all().unwrap();
    assert_eq!(as_json(&node), journal);
    let with = |name: &str| journal.iter().map(|r| &r["fields"]).find(|f| !f[name].is_null());
    let typed = with("event.duration").unwrap();
    for column in COLUMNS {
        let number = typed[column.name].is_number();
        assert_eq!(number, column.kind == ColumnKind::Integer, "{}", column.name);
    }
    assert_eq!(typed["event.duration"], json!(1_500_000));
    assert_eq!((typed["a.whole"].to_string().as_str(), &typed["a.flag"]), ("2.0", &json!(true)));
    assert_eq!(typed["a.list"], json!([1, "1"]));
    assert!(journal.iter().any(|r| r["fields"]["source.ip"] == json!(3)));
    node.centre.stop().await;
}
