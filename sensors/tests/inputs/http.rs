//! JSON over HTTP: `/ingest` and `_bulk`.

use std::io::Write;

use events::field;
use sensors::Refused;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{MARKER, Mood, Node, of};

pub(crate) const TOKEN: &str = "0123456789abcdef";
pub(crate) const HTTP: &str = r#"
    [[sensor]]
    name = "http"
    input = { type = "http", listen = "127.0.0.1:0", token = "0123456789abcdef" }
"#;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) async fn ask(
    node: &Node,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(node.address("http")).await.unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let bytes = answer[end + 4..].to_vec();
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        bytes,
    }
}

async fn post(node: &Node, path: &str, body: &[u8]) -> Answer {
    let token = format!("Authorization: Bearer {TOKEN}");
    ask(node, "POST", path, &[&token], body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_arrays_and_gzip() {
    let node = Node::start(HTTP).await;
    let lines =
        format!("{{\"source\":{{\"ip\":\"10.0.0.1\"}}}}\n\n{{\"note\":\"{MARKER}\"}}\r\nbroken\n");
    let answer = post(&node, "/ingest", lines.as_bytes()).await;
    assert_eq!((answer.status, &answer.body["accepted"]), (200, &Value::from(3)));
    assert_eq!(answer.body["undecoded"], 1);
    let answer = post(&node, "/ingest", br#"[{"a":1}, {"a":[2,3]}]"#).await;
    assert_eq!(answer.body["accepted"], 2);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(b"{\"a\":9}\n").unwrap();
    let token = format!("Authorization: Bearer {TOKEN}");
    let headers = [token.as_str(), "Content-Encoding: gzip"];
    let answer = ask(&node, "POST", "/ingest", &headers, &gz.finish().unwrap()).await;
    assert_eq!(answer.body["accepted"], 1);
    // Answered means durable: nothing is waited for here.
    let events = node.memory.events();
    assert_eq!(events.len(), 6);
    assert_eq!(events[0].str(field::SOURCE_IP), Some("10.0.0.1"));
    assert!(events[1].exercise.is_some());
    assert_eq!(events[2].str(field::ERROR_CODE), Some("S101"));
    let counters = node.stop().await;
    assert_eq!(of(&counters, "http").parse_failed_kept, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_opens() {
    let node = Node::start(HTTP).await;
    // "u:0123456789abcdef" in base64, as rsyslog and Beats send it.
    let basic = "Authorization: Basic dTowMTIzNDU2Nzg5YWJjZGVm";
    for (header, status) in [
        ("X-Nothing: x", 401),
        ("Authorization: Bearer 0123456789abcdeX", 401),
        ("Authorization: Bearer 0123456789abcdef", 200),
        (basic, 200),
        ("Authorization: ApiKey dTowMTIzNDU2Nzg5YWJjZGVm", 200),
    ] {
        let answer = ask(&node, "POST", "/ingest", &[header], b"{}").await;
        assert_eq!(answer.status, status, "{header}");
        assert!(!answer.head.contains(TOKEN));
    }
    assert_eq!(node.memory.events().len(), 3);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_not_counted_as_received() {
    let node = Node::start(HTTP).await;
    for (refused, status) in [(Refused::Busy, 429), (Refused::Full, 503), (Refused::Closed, 503)] {
        node.memory.set(Mood::Refuses(refused));
        let answer = post(&node, "/ingest", b"{\"a\":1}\n").await;
        assert_eq!(answer.status, status);
        assert!(answer.head.contains("retry-after"), "{status}");
    }
    node.memory.set(Mood::Takes);
    assert_eq!(post(&node, "/ingest", b"{\"a\":1}\n").await.status, 200);
    let counters = node.stop().await;
    assert_eq!(of(&counters, "http").received, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_given_only_when_durable() {
    let node = Node::start(HTTP).await;
    node.memory.set(Mood::Holds);
    let address = node.address("http");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = "{\"a\":1}";
    let request = format!(
        "POST /ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    node.memory.wait_offers(1).await;
    let mut byte = [0];
    assert!(stream.try_read(&mut byte).is_err(), "no answer yet");
    node.memory.set(Mood::Takes);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_is_recognised_by_its_key() {
    let node = Node::start(HTTP).await;
    let token = format!("Authorization: Bearer {TOKEN}");
    let (one, two) = ("Idempotency-Key: one", "Idempotency-Key: two");
    node.memory.set(Mood::Refuses(Refused::Busy));
    let busy = ask(&node, "POST", "/ingest", &[&token, one], b"{}\n{}\n").await;
    assert_eq!(busy.status, 429);
    node.memory.set(Mood::Takes);
    for key in [one, one, two] {
        let answer = ask(&node, "POST", "/ingest", &[&token, key], b"{}\n{}\n").await;
        assert_eq!((answer.status, &answer.body["accepted"]), (200, &Value::from(2)));
    }
    assert_eq!(node.memory.events().len(), 4);
    let counters = node.stop().await;
    let c = of(&counters, "http");
    assert_eq!((c.received, c.duplicates, c.submitted), (6, 2, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_as_shippers_speak_it() {
    let node = Node::start(HTTP).await;
    let token = format!("Authorization: Bearer {TOKEN}");
    let version = ask(&node, "GET", "/", &[&token], b"").await;
    assert!(version.head.contains("x-elastic-product: elasticsearch"));
    assert!(version.body["version"]["number"].as_str().unwrap().starts_with("8."));
    let license = ask(&node, "GET", "/_license", &[&token], b"").await;
    assert_eq!(license.body["license"]["status"], "active");
    for path in ["/_index_template/logs", "/_ilm/policy/filebeat", "/_ingest/pipeline/x"] {
        let known = ask(&node, "HEAD", path, &[&token], b"").await;
        assert_eq!((known.status, known.bytes.len()), (200, 0), "{path}");
        let put = ask(&node, "PUT", path, &[&token], b"{}").await;
        assert_eq!(put.body["acknowledged"], true, "{path}");
    }
    for path in ["/", "/logs"] {
        assert_eq!(ask(&node, "HEAD", path, &[&token], b"").await.status, 200, "{path}");
    }
    let body = b"{\"create\":{}}\n{\"message\":\"one\"}\n\
                 {\"index\":{\"_index\":\"logs\"}}\n{\"message\":\"two\"}\n\
                 {\"delete\":{\"_id\":\"1\"}}\n\
                 {\"update\":{\"_id\":\"1\"}}\n{\"doc\":{}}\n\
                 {\"create\":{}}\nnot json\n";
    for path in ["/_bulk", "/filebeat-8/_bulk"] {
        let answer = post(&node, path, body).await;
        assert_eq!((answer.status, &answer.body["errors"]), (200, &Value::from(true)));
        let items = answer.body["items"].as_array().unwrap();
        let status = |at: usize, op: &str| items[at][op]["status"].as_u64().unwrap();
        assert_eq!((status(0, "create"), status(1, "index")), (201, 201));
        assert_eq!((status(2, "delete"), status(3, "update")), (400, 400));
        assert_eq!(status(4, "create"), 201, "kept undecoded");
    }
    let messages: Vec<_> =
        node.memory.events().iter().map(|e| e.str(field::MESSAGE).map(str::to_owned)).collect();
    let one = [Some("one".to_owned()), Some("two".to_owned()), None];
    assert_eq!(messages, [one.clone(), one].concat());
    node.memory.set(Mood::Refuses(Refused::Busy));
    let answer = post(&node, "/_bulk", b"{\"index\":{}}\n{\"a\":1}\n").await;
    assert_eq!(answer.body["items"][0]["index"]["status"], 429);
    assert_eq!(post(&node, "/_bulk", b"nonsense\n").await.status, 400);
    assert_eq!(post(&node, "/nowhere", b"").await.status, 404);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_brings_its_school() {
    let node = Node::start(
        r#"
        [[sensor]]
        name = "http"
        [sensor.input]
        type = "http"
        listen = "127.0.0.1:0"
        token = "0123456789abcdef"
        tokens = [{ site = "2133000002", token = "school-token-0002" }]
    "#,
    )
    .await;
    for (secret, site) in [(TOKEN, "bureau"), ("school-token-0002", "2133000002")] {
        let token = format!("Authorization: Bearer {secret}");
        assert_eq!(ask(&node, "POST", "/ingest", &[&token], b"{}").await.status, 200);
        let events = node.memory.events();
        assert_eq!(events.last().unwrap().site.to_string(), site);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_bound_is_refused() {
    let node = Node::start(HTTP).await;
    let body = vec![b' '; sensors::limits::BODY_BYTES_MAX + 1];
    assert_eq!(post(&node, "/ingest", &body).await.status, 413);
    assert!(node.memory.events().is_empty());
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_turned_away_is_told() {
    let node = Node::start(HTTP).await;
    let wrong = "Authorization: Bearer not-the-token-at-all";
    assert_eq!(ask(&node, "POST", "/ingest", &[wrong], b"{}").await.status, 401);
    assert_eq!(ask(&node, "POST", "/services/collector", &[wrong], b"{}").await.status, 403);
    // A load balancer asks for the collector's health without a token.
    assert_eq!(ask(&node, "GET", "/services/collector/health", &[], b"").await.status, 200);
    let counters = node.stop().await;
    let http = of(&counters, "http");
    assert_eq!((http.received, http.connections_refused), (0, 2));
    assert_eq!(http.last_refusal.as_deref(), Some("127.0.0.1: token missing or wrong (S301)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_pack_declares_is_counted_and_a_pack_suggested() {
    let node = Node::start(HTTP).await;
    let unknown = r#"{"message":"x","user":"li","src_ip":"10.0.0.9"}"#;
    let known = r#"{"log":"Nov 23 12:05:06 h sshd[8]: Failed password for root from 203.0.113.9 port 40022 ssh2"}"#;
    let vpn = "<134>Nov 23 12:05:06 gw vpnd: action=login result=fail user=li srcip=10.1.1.9";
    post(&node, "/ingest", format!("{unknown}\n{known}\n{vpn}\n{vpn}\n").as_bytes()).await;
    let counters = node.stop().await;
    let http = of(&counters, "http");
    assert_eq!((http.decoded, http.undeclared), (4, 3), "sshd's line has its pack");
    assert_eq!(http.suggested.as_deref(), Some("sangfor-vpn"));
}
