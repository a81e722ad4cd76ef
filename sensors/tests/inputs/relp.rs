//! RELP: answered only when durable.

use std::time::Duration;

use sensors::Refused;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Mood, Node, PATIENCE, of};

const RELP: &str = r#"
    [[sensor]]
    name = "relp"
    input = { type = "relp", listen = "127.0.0.1:0" }
"#;

async fn open(node: &Node) -> TcpStream {
    let mut stream = TcpStream::connect(node.address("relp")).await.unwrap();
    let offers = "relp_version=0\nrelp_software=test\ncommands=syslog";
    let open = format!("1 open {} {offers}\n", offers.len());
    stream.write_all(open.as_bytes()).await.unwrap();
    assert!(until(&mut stream, "commands=syslog\n").await.contains("200 OK"));
    stream
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let read = async {
        let mut buffer = [0; 1024];
        while !text.ends_with(end) {
            let n = stream.read(&mut buffer).await.unwrap();
            assert!(n > 0, "closed after {text:?}");
            text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_answered_when_durable_and_not_before() {
    let node = Node::start(RELP).await;
    let mut stream = open(&node).await;
    stream.write_all(b"2 syslog 4 <1>a\n3 syslog 4 <1>b\n").await.unwrap();
    let answers = until(&mut stream, "3 rsp 6 200 OK\n").await;
    assert_eq!(answers, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n");
    assert_eq!(node.memory.events().len(), 2);
    // Refused: nothing is answered, and the sender goes on holding the record.
    node.memory.set(Mood::Refuses(Refused::Full));
    stream.write_all(b"4 syslog 4 <1>c\n").await.unwrap();
    node.memory.wait_offers(5).await;
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut byte)).await;
    assert!(early.is_err(), "answered before it was taken");
    node.memory.set(Mood::Takes);
    assert_eq!(until(&mut stream, "OK\n").await, "4 rsp 6 200 OK\n");
    stream.write_all(b"5 close 0\n").await.unwrap();
    assert!(until(&mut stream, "OK\n").await.starts_with("5 rsp"));
    let counters = node.stop().await;
    assert_eq!(of(&counters, "relp").submitted, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_opened_or_is_not_relp_is_turned_away() {
    let node = Node::start(RELP).await;
    let mut stream = TcpStream::connect(node.address("relp")).await.unwrap();
    stream.write_all(b"1 syslog 4 <1>a\n").await.unwrap();
    assert!(until(&mut stream, "supported\n").await.contains("500"));
    let mut stream = TcpStream::connect(node.address("relp")).await.unwrap();
    stream.write_all(b"<13>plain syslog\n").await.unwrap();
    let mut rest = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert!(node.memory.events().is_empty());
    let counters = node.stop().await;
    assert_eq!(of(&counters, "relp").connections_refused, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_stops_says_so() {
    let node = Node::start(RELP).await;
    let mut stream = open(&node).await;
    let counters = node.stop().await;
    assert_eq!(of(&counters, "relp").received, 0);
    assert_eq!(until(&mut stream, "\n").await, "0 serverclose 0\n");
}
