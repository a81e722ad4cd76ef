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

/// Who may send, in Splunk's order: a token in the address is looked at, and refused by its own number.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_in_the_numbers_of_splunk() {
    let node = Node::start(HTTP).await;
    let path = "/services/collector";
    let in_query = format!("{path}?token={TOKEN}");
    let right = format!("Authorization: Splunk {TOKEN}");
    for (path, header, status, code) in [
        (path, "X-None: 1", 401, 2),
        (path, "Authorization: Digest abc", 401, 3),
        (path, "Authorization: Splunk wrong-token", 403, 4),
        ("/services/collector?token=wrong-token", "X-None: 1", 403, 4),
        (&in_query, "X-None: 1", 400, 16),
        ("/services/collector/raw", "X-None: 1", 401, 2),
        ("/services/collector/ack", "X-None: 1", 401, 2),
        ("/services/collector/ack", &right, 400, 14),
        (path, &right, 200, 0),
    ] {
        let answer = ask(&node, "POST", path, &[header], b"{\"event\":1}").await;
        let said = (answer.status, answer.body["code"].as_u64());
        assert_eq!(said, (status, Some(code)), "{path} {header}");
    }
    let health = ask(&node, "GET", "/services/collector/health", &[], b"").await;
    assert_eq!((health.status, health.body["code"].as_u64()), (200, Some(17)));
    assert_eq!(node.memory.events().len(), 1);
    let counters = node.stop().await;
    assert_eq!(of(&counters, "http").connections_refused, 7);
}

/// What is wrong with a body, by Splunk's numbers; none of it is lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_told_by_its_number_and_kept() {
    let node = Node::start(HTTP).await;
    let path = "/services/collector";
    let mut kept = 0;
    for (body, code, number) in [
        ("", 5, None),
        (" \n", 5, None),
        ("no json", 6, Some(0)),
        ("[1]", 6, Some(0)),
        (r#"{"event":"a","host":7}"#, 6, Some(0)),
        (r#"{"host":"x"}"#, 12, Some(0)),
        (r#"{"event":null}"#, 12, Some(0)),
        (r#"{"event":""}"#, 13, Some(0)),
        (r#"{"event":"a","fields":"b"}"#, 15, Some(0)),
        (r#"{"event":"a","fields":{"b":{"c":1}}}"#, 15, Some(0)),
        (r#"{"event":"a","fields":{"b":[[1]]}}"#, 15, Some(0)),
    ] {
        let answer = send(&node, path, body.as_bytes()).await;
        let said = (answer.status, answer.body["code"].as_u64());
        assert_eq!(said, (400, Some(code)), "{body}");
        assert_eq!(answer.body["invalid-event-number"].as_u64(), number, "{body}");
        kept += usize::from(number.is_some());
        assert_eq!(node.memory.raws().len(), kept, "{body}");
    }
    assert_eq!(send(&node, "/services/collector/raw", b"\n").await.body["code"], 5);
    let zipped = [&format!("Authorization: Splunk {TOKEN}"), "Content-Encoding: gzip"];
    assert_eq!(ask(&node, "POST", path, &zipped, b"no gzip").await.body["code"], 6);
    // What follows the first bad event is kept with it as one undecodable record.
    let half = send(&node, path, b"{\"event\":\"good\"}{\"host\":\"x\"} rest").await;
    assert_eq!((half.status, half.body["code"].as_u64()), (400, Some(12)));
    assert_eq!(half.body["invalid-event-number"], 1);
    let raws = node.memory.raws();
    assert_eq!(raws[kept..], ["good", "{\"host\":\"x\"} rest"]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_may_be_lists_and_say_nothing_when_null() {
    let node = Node::start(HTTP).await;
    let body = br#"{"event":"a","fields":{"tag":["x","y"],"none":null,"n":1.5,"yes":true}}"#;
    assert_eq!(send(&node, "/services/collector", body).await.status, 200);
    let event = node.memory.events().remove(0);
    let of = |name: &str| {
        let id = events::FieldId::intern(name).unwrap();
        event.fields().filter(|(i, _)| *i == id).map(|(_, v)| v.text().into_owned()).collect()
    };
    let all: [Vec<String>; 4] = ["tag", "none", "n", "yes"].map(of);
    assert_eq!(
        all,
        [
            vec!["x".to_owned(), "y".to_owned()],
            vec![],
            vec!["1.5".to_owned()],
            vec!["true".to_owned()]
        ]
    );
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_is_told_as_splunk_tells_it() {
    let node = Node::start(HTTP).await;
    node.memory.set(Mood::Refuses(Refused::Busy));
    let busy = send(&node, "/services/collector", b"{\"event\":1}").await;
    assert_eq!((busy.status, busy.body["code"].as_u64()), (503, Some(9)));
    node.memory.set(Mood::Takes);
    node.stop().await;
}
