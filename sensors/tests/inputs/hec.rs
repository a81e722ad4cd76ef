//! Splunk's HTTP event collector.

use events::field;
use sensors::Refused;

use crate::http::{Answer, HTTP, TOKEN, ask};
use crate::support::{Mood, Node, of};

async fn send(node: &Node, path: &str, body: &[u8]) -> Answer {
    let token = format!("Authorization: Splunk {TOKEN}");
    ask(node, "POST", path, &[&token], body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_what_stands_around_them() {
    let node = Node::start(HTTP).await;
    let body = br#"{"time":1795406706.5,"host":"web-1","source":"/var/log/auth.log","sourcetype":"linux_secure",
        "event":"Nov 23 12:05:06 web-1 sshd[9]: Failed password for root from 203.0.113.9 port 4022 ssh2"}
        {"time":"1795406707","host":"app-1","event":{"user":{"name":"li.na"},"msg":"hi"},"fields":{"site":"a","n":7}}{"event":"plain words"}"#;
    for path in ["/services/collector", "/services/collector/event"] {
        let answer = send(&node, path, body).await;
        assert_eq!((answer.status, answer.body["code"].as_u64()), (200, Some(0)));
    }
    let events = node.memory.events();
    assert_eq!(events.len(), 6);
    assert_eq!(events[0].str(field::SOURCE_IP), Some("203.0.113.9"));
    assert_eq!(events[0].logsource.get().service, "sshd");
    assert_eq!(events[1].str(field::USER_NAME), Some("li.na"));
    assert_eq!(events[1].str(field::HOST_NAME), Some("app-1"));
    assert_eq!(events[1].time.to_rfc3339(), "2026-11-23T04:05:07Z");
    assert_eq!(events[1].raw(), br#"{"user":{"name":"li.na"},"msg":"hi"}"#);
    assert_eq!(events[2].str(field::MESSAGE), Some("plain words"));
    let counters = node.stop().await;
    assert_eq!(of(&counters, "http").parse_failed_kept, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_lines_take_their_host_from_the_query() {
    let node = Node::start(HTTP).await;
    let answer =
        send(&node, "/services/collector/raw?host=fw-1&sourcetype=x", b"one\r\n\ntwo").await;
    assert_eq!(answer.body["text"], "Success");
    assert_eq!(node.memory.raws(), ["one", "two"]);
    assert_eq!(node.memory.events()[1].str(field::HOST_NAME), Some("fw-1"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_in_the_words_of_splunk() {
    let node = Node::start(HTTP).await;
    let path = "/services/collector";
    let body = b"{\"event\":1}";
    let bad = ["Authorization: Splunk wrong-token"];
    assert_eq!(ask(&node, "POST", path, &[], body).await.body["code"], 2);
    assert_eq!(ask(&node, "POST", path, &bad, body).await.status, 403);
    assert_eq!(send(&node, path, b"").await.body["code"], 5);
    assert_eq!(send(&node, "/services/collector/ack", b"{}").await.body["code"], 14);
    node.memory.set(Mood::Refuses(Refused::Busy));
    let busy = send(&node, path, body).await;
    assert_eq!((busy.status, busy.body["code"].as_u64()), (503, Some(9)));
    node.memory.set(Mood::Takes);
    // What follows the first bad event is kept as one undecodable record.
    let half = send(&node, path, b"{\"event\":\"good\"}{\"host\":\"x\"} rest").await;
    assert_eq!((half.status, half.body["invalid-event-number"].as_u64()), (400, Some(1)));
    let raws = node.memory.raws();
    assert_eq!(raws.len(), 2);
    assert_eq!(raws[0], "good");
    assert!(raws[1].contains("rest"), "{raws:?}");
    node.stop().await;
}
