//! Rules in a running node: loaded again while events flow, a bad set refused, exceptions with four
//! eyes, previews and back-tests over what is in the journal and the archive, intelligence lists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod patience;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::patience::until;
use centre::account::Caller;
use centre::alert::AlertFilter;
use centre::facade::rules::ExceptionDraft;
use centre::{Centre, Config, World};
use events::Timestamp;
use rules::Source;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

async fn node(dir: &Path) -> (Arc<Centre>, SocketAddr) {
    let text = "[node]\ndata_dir = \"data\"\n[rules]\nlibrary = false\npaths = [\"rules\"]\nintel = \"intel\"\n\
         [store]\ndisk_reserve_mib = 1\n[region]\nname = { zh = \"示范\", en = \"Model\" }\n\
         [[region.school]]\ncode = \"2133000001\"\nname = { zh = \"示范小学\", en = \"Model School\" }\n\
         district = { zh = \"示范区\", en = \"Model\" }\nnetworks = [\"10.1.1.0/24\"]\n[[sensor]]\n\
         name = \"tcp\"\ninput = { type = \"syslog-tcp\", listen = \"127.0.0.1:0\" }\n";
    let path = dir.join("xuedun.toml");
    std::fs::write(&path, text).unwrap();
    let config = Config::load(&path, std::iter::empty()).unwrap();
    let centre = Centre::open(config, World::real()).unwrap();
    let addresses = centre.start().await.unwrap();
    (centre, addresses[0].1)
}

async fn send(to: SocketAddr, words: &[&str]) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    for word in words {
        let line = match word.starts_with('<') {
            true => format!("{word}\n"),
            false => format!("<13>1 2026-03-02T01:00:00Z h app - - - {word}\n"),
        };
        stream.write_all(line.as_bytes()).await.unwrap();
    }
    stream.shutdown().await.unwrap();
}

fn rule(id: &str, word: &str) -> String {
    format!(
        "title: {id}\nid: {id}\nlevel: high\nlogsource: {{category: ''}}\ndetection: {{k: ['{word}'], condition: k}}\n"
    )
}

/// Rules that raised alerts, with how often.
fn raised(centre: &Centre) -> Vec<(String, u64)> {
    let caller = Caller::local("test");
    let all = centre.all_alerts(&caller, &AlertFilter::default()).unwrap();
    let mut out: Vec<(String, u64)> =
        all.into_iter().map(|g| (g.rule_id.clone(), g.count)).collect();
    out.sort();
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_replaced_while_events_flow_and_a_bad_set_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let rules = dir.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("a.yml"), rule("one", "needle")).unwrap();
    let (centre, tcp) = node(dir.path()).await;
    let caller = Caller::local("test");

    send(tcp, &["needle-1", "pin-1"]).await;
    until("the first rule", || raised(&centre) == [("one".to_owned(), 1)]).await;

    // A new file is taken up by itself.
    std::fs::write(rules.join("b.yml"), rule("two", "pin-2")).unwrap();
    until("the new rule", || centre.figures().rules == 2).await;
    send(tcp, &["pin-2"]).await;
    until("the second rule", || raised(&centre).len() == 2).await;

    // A bad one is refused, said, and the old ones run on.
    std::fs::write(
        rules.join("b.yml"),
        rule("two", "pin-2").replace("condition: k", "condition: x"),
    )
    .unwrap();
    assert!(centre.reload_rules(&caller).is_err());
    assert_eq!(centre.figures().rules, 2);
    assert!(centre.alarms().iter().any(|a| a.en.contains("R021") && a.en.contains("b.yml")));
    let before = raised(&centre);
    send(tcp, &["pin-2 again"]).await;
    until("the old rules run on", || raised(&centre) != before).await;

    std::fs::write(rules.join("b.yml"), rule("two", "pin-3")).unwrap();
    assert_eq!(centre.reload_rules(&caller).unwrap(), 2);
    assert!(!centre.alarms().iter().any(|a| a.en.contains("R021")));
    centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exceptions_need_two_people_and_cover_what_they_say() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::write(dir.path().join("rules/a.yml"), rule("one", "needle")).unwrap();
    let (centre, tcp) = node(dir.path()).await;
    let (li, wang) = (Caller::local("li"), Caller::local("wang"));
    send(tcp, &["needle scanner", "needle attacker", "needle scanner"]).await;
    until("detection", || centre.figures().detections == 3).await;
    // One half of what is past lies in the archive.
    centre.seal_all().unwrap();
    send(tcp, &["needle scanner"]).await;
    until("detection", || centre.figures().detections == 4).await;

    let draft = ExceptionDraft {
        rules: vec!["one".into()],
        sites: vec![],
        when: "s: [scanner]\ncondition: s\n".into(),
        reason: "the bureau's own scanner".into(),
        expires: centre.now().plus(Duration::from_secs(3_600)),
    };
    let day = Duration::from_secs(86_400);
    let (from, to) = (
        Timestamp::parse_rfc3339("2026-03-02T00:00:00Z").unwrap(),
        Timestamp::parse_rfc3339("2026-03-02T00:00:00Z").unwrap().plus(day),
    );
    let preview = centre.preview_exception(&li, &draft, from, to).unwrap();
    assert_eq!((preview.events, preview.partial), (4, false));
    assert_eq!((preview.rules["one"].detections, preview.rules["one"].excepted), (4, 3));

    let made = centre.add_exception(&li, &draft).unwrap();
    assert!(centre.approve_exception(&li, &made.id).is_err(), "not by who asked");
    assert!(!centre.exceptions(&li).unwrap()[0].in_force);
    send(tcp, &["needle scanner"]).await;
    until("not yet in force", || centre.figures().detections == 5).await;
    assert_eq!(centre.figures().excepted, 0);

    centre.approve_exception(&wang, &made.id).unwrap();
    send(tcp, &["needle scanner", "needle attacker"]).await;
    until("in force", || centre.figures().detections == 7).await;
    assert_eq!(centre.figures().excepted, 1);
    let rows = centre.exceptions(&li).unwrap();
    assert_eq!((rows[0].in_force, rows[0].covered), (true, 1));

    centre.remove_exception(&wang, &made.id).unwrap();
    assert!(centre.exceptions(&li).unwrap().is_empty());
    for bad in [
        ExceptionDraft { reason: " ".into(), ..draft.clone() },
        ExceptionDraft { expires: from, ..draft.clone() },
        ExceptionDraft { rules: vec!["gone".into()], ..draft.clone() },
        ExceptionDraft { when: "s: {f|foo: 1}\ncondition: s".into(), ..draft.clone() },
    ] {
        assert!(centre.add_exception(&li, &bad).is_err(), "{bad:?}");
    }

    // A rule that is not yet in force, over the same past.
    let source = Source::new("new.yml", rule("new", "attacker"));
    let found = centre.backtest(&li, &[source], from, to).unwrap();
    assert_eq!((found.events, found.rules["new"].detections), (7, 2));
    centre.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intelligence_lists_are_matched_and_taken_up_when_they_change() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("rules")).unwrap();
    std::fs::create_dir(dir.path().join("intel")).unwrap();
    let met = "title: met\nid: met\nlevel: high\nlogsource: {category: ''}\ndetection: {s: {threat.feed.name: bad}, condition: s}\n";
    std::fs::write(dir.path().join("rules/met.yml"), met).unwrap();
    std::fs::write(dir.path().join("intel/bad.txt"), "203.0.113.7\n").unwrap();
    let (centre, tcp) = node(dir.path()).await;
    let line = |ip: &str| {
        format!(
            "<132>1 2026-03-02T01:00:00Z vpn sangfor - - - type=vpn action=login result=fail user=u srcip={ip} dstip=10.1.1.2 dstport=443"
        )
    };
    send(tcp, &[&line("203.0.113.7"), &line("203.0.113.8")]).await;
    until("the first list", || raised(&centre) == [("met".to_owned(), 1)]).await;
    std::fs::write(dir.path().join("intel/bad.txt"), "203.0.113.7\n203.0.113.8\n").unwrap();
    until("the new list", || centre.figures().indicators == 2).await;
    send(tcp, &[&line("203.0.113.8")]).await;
    until("the second address", || centre.figures().detections == 2).await;
    centre.stop().await;
}
