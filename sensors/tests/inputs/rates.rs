//! A sensor's own limit, and what a flood does to the others.

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

use crate::http::{TOKEN, ask};
use crate::support::{Mood, Node, of};

#[tokio::test(flavor = "multi_thread")]
async fn beyond_its_limit_a_sensor_is_refused_or_dropped_and_counted() {
    let node = Node::start(
        r#"
        [[sensor]]
        name = "http"
        events_per_second_max = 1
        input = { type = "http", listen = "127.0.0.1:0", token = "0123456789abcdef" }
        [[sensor]]
        name = "udp"
        events_per_second_max = 1
        input = { type = "syslog-udp", listen = "127.0.0.1:0" }
    "#,
    )
    .await;
    let token = format!("Authorization: Bearer {TOKEN}");
    // A batch may overdraw; what follows waits until it is paid back: a thousand seconds.
    let many = "{}\n".repeat(1000);
    let first = ask(&node, "POST", "/ingest", &[&token], many.as_bytes()).await;
    let second = ask(&node, "POST", "/ingest", &[&token], b"{}").await;
    assert_eq!((first.status, second.status), (200, 429));
    let bulk = ask(&node, "POST", "/_bulk", &[&token], b"{\"index\":{}}\n{}\n").await;
    assert_eq!(bulk.body["items"][0]["index"]["status"], 429);
    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..200 {
        from.send_to(format!("<13>n{n}").as_bytes(), node.address("udp")).await.unwrap();
    }
    node.memory.wait(1001).await;
    let counters = node.stop().await;
    let udp = of(&counters, "udp");
    assert_eq!(udp.received, 200, "{udp:?}");
    assert!(udp.dropped_rate > 0 && udp.decoded > 0, "{udp:?}");
}

/// Many connections of one sensor hold batches that the intake does not take yet; another sensor's
/// single record is not behind all of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_does_not_starve_the_others() {
    let node = Node::start(
        r#"
        [[sensor]]
        name = "flood"
        input = { type = "syslog-tcp", listen = "127.0.0.1:0" }
        [[sensor]]
        name = "calm"
        input = { type = "syslog-tcp", listen = "127.0.0.1:0" }
    "#,
    )
    .await;
    node.memory.set(Mood::Holds);
    let line = "<13>Nov 23 12:05:06 h app: flood\n".repeat(4_000);
    let mut all = Vec::new();
    for _ in 0..60 {
        let mut stream = TcpStream::connect(node.address("flood")).await.unwrap();
        stream.write_all(line.as_bytes()).await.unwrap();
        all.push(stream);
    }
    // So many are on their way that the rest waits for its turn.
    node.memory.wait_offers(sensors::limits::IN_FLIGHT_EVENTS_MAX / 4_000).await;
    let mut calm = TcpStream::connect(node.address("calm")).await.unwrap();
    calm.write_all(b"<13>Nov 23 12:05:06 h app: calm\n").await.unwrap();
    let waits = std::time::Duration::from_millis(300);
    tokio::time::sleep(waits).await;
    node.memory.set(Mood::Takes);
    let events = node.memory.wait(60 * 4_000 + 1).await;
    let at = events.iter().position(|e| e.sensor.name() == "calm").unwrap();
    assert!(at < 180_000, "the calm sensor's record is number {at} of {}", events.len());
    drop((all, calm));
    node.stop().await;
}
