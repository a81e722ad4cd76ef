//! OpenTelemetry logs over HTTP.

use events::field;
use sensors::Refused;

use crate::http::{HTTP, TOKEN, ask};
use crate::support::{Mood, Node, of};

/// One record in OTLP's protobuf, written by hand from the published field numbers.
fn request(body: &str, host: &str) -> Vec<u8> {
    fn part(number: u8, inner: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, inner.len() as u8];
        bytes.extend(inner);
        bytes
    }
    let text = |t: &str| part(1, t.as_bytes());
    let pair = [text("host.name"), part(2, &text(host))].concat();
    let resource = part(1, &pair);
    let mut record = vec![1 << 3 | 1];
    record.extend(1_795_406_706_000_000_000u64.to_le_bytes());
    record.extend([2 << 3, 17]);
    record.extend(part(5, &text(body)));
    let scope = part(2, &record);
    part(1, &[part(1, &resource), part(2, &scope)].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn protobuf_and_json() {
    let node = Node::start(HTTP).await;
    let token = format!("Authorization: Bearer {TOKEN}");
    let kind = "Content-Type: application/x-protobuf";
    let line = "sshd[9]: x";
    let answer = ask(&node, "POST", "/v1/logs", &[&token, kind], &request(line, "app-1")).await;
    assert_eq!((answer.status, answer.bytes.len()), (200, 0));
    assert!(answer.head.contains("content-type: application/x-protobuf"));
    let json =
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795406706000000000",
        "body":{"stringValue":"Failed password for root from 203.0.113.9 port 4022 ssh2"},
        "attributes":[{"key":"process.name","value":{"stringValue":"sshd"}}]}]}]}]}"#;
    let kind = "Content-Type: application/json";
    let answer = ask(&node, "POST", "/v1/logs", &[&token, kind], json).await;
    assert_eq!((answer.status, answer.bytes.as_slice()), (200, &b"{}"[..]));
    let events = node.memory.events();
    assert_eq!(events[0].str(field::HOST_NAME), Some("app-1"));
    assert_eq!(events[0].str(field::LOG_LEVEL), Some("error"));
    assert_eq!(events[0].time.to_rfc3339(), "2026-11-23T04:05:06Z");
    assert_eq!(events[0].raw_text(), line);
    // The program's name is enough to find its pack.
    assert_eq!(events[1].str(field::SOURCE_IP), Some("203.0.113.9"));
    assert_eq!(events[1].logsource.get().service, "sshd");
    let counters = node.stop().await;
    assert_eq!(of(&counters, "http").decoded, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_in_the_form_of_the_request() {
    let node = Node::start(HTTP).await;
    let token = format!("Authorization: Bearer {TOKEN}");
    let kind = "Content-Type: application/x-protobuf";
    let bad = ask(&node, "POST", "/v1/logs", &[&token, kind], b"\xff\xff").await;
    assert_eq!(bad.status, 400);
    // google.rpc.Status: field 2 is the message.
    assert_eq!(bad.bytes[0], 2 << 3 | 2);
    for (refused, status) in [(Refused::Busy, 429), (Refused::Full, 503), (Refused::Closed, 503)] {
        node.memory.set(Mood::Refuses(refused));
        let answer = ask(&node, "POST", "/v1/logs", &[&token, kind], &request("x", "h")).await;
        assert_eq!(answer.status, status);
    }
    node.memory.set(Mood::Takes);
    node.stop().await;
}
