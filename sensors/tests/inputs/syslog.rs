//! Syslog over UDP and TCP.

use events::event::Marks;
use events::field;
use sensors::Refused;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::support::{MARKER, Mood, Node, SCHOOL, of};

const UDP: &str = r#"
    [[sensor]]
    name = "udp"
    input = { type = "syslog-udp", listen = "127.0.0.1:0" }
"#;
const TCP: &str = r#"
    [[sensor]]
    name = "tcp"
    input = { type = "syslog-tcp", listen = "127.0.0.1:0" }
"#;

fn line(n: usize) -> String {
    format!(
        "<38>Nov 23 12:05:06 srv sshd[9]: Failed password for u{n} from 203.0.113.7 port 22 ssh2"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_good_and_bad_are_all_kept() {
    let node = Node::start(UDP).await;
    let to = node.address("udp");
    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..300 {
        from.send_to(line(n).as_bytes(), to).await.unwrap();
    }
    from.send_to(b"<999>malformed 13800138000", to).await.unwrap();
    from.send_to(b"<13>Nov 23 12:05:06 h app: \xff\xfe bytes", to).await.unwrap();
    let school = UdpSocket::bind("127.0.0.9:0").await.unwrap();
    school.send_to(format!("<13>Nov 23 12:05:06 h app: {MARKER}").as_bytes(), to).await.unwrap();
    let events = node.memory.wait(303).await;
    let users = events.iter().filter(|e| e.str(field::USER_NAME).is_some()).count();
    assert_eq!(users, 300);
    let bad = events.iter().find(|e| e.marks.has(Marks::UNDECODED)).unwrap();
    assert_eq!(bad.str(field::ERROR_CODE), Some("S102"));
    assert_eq!(bad.raw(), b"<999>malformed 13800138000");
    let bytes = events.iter().find(|e| e.marks.has(Marks::NOT_UTF8)).unwrap();
    assert!(bytes.raw().ends_with(b"\xff\xfe bytes"));
    let marked: Vec<_> = events.iter().filter(|e| e.exercise.is_some()).collect();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0].site.to_string(), SCHOOL);
    assert_eq!(events.iter().filter(|e| e.site.is_bureau()).count(), 302);
    let counters = node.stop().await;
    let c = of(&counters, "udp");
    assert_eq!((c.received, c.decoded, c.parse_failed_kept), (303, 302, 1));
    assert_eq!(c.samples_failed, ["S102 <###>malformed ###########"]);
    assert_eq!(c.skew_ms, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_before_the_stop_is_taken() {
    let node = Node::start(UDP).await;
    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 0..500 {
        // On loopback a datagram is in the receiver's buffer when `send` returns.
        from.send_to(line(n).as_bytes(), node.address("udp")).await.unwrap();
    }
    let counters = node.stop().await;
    assert_eq!(of(&counters, "udp").submitted, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_datagram_is_accounted_for_when_the_queue_is_full() {
    let node = Node::start(UDP).await;
    node.memory.set(Mood::Holds);
    let to = node.address("udp");
    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let big = format!("<13>Nov 23 12:05:06 h app: {}", "x".repeat(60_000));
    let sent = 2_000;
    for _ in 0..sent {
        from.send_to(big.as_bytes(), to).await.unwrap();
    }
    node.memory.set(Mood::Takes);
    // The kernel tells of its drops with the next datagram that it has room for: send until one
    // of these is through.
    let last = b"<13>Nov 23 12:05:06 h last: one";
    let mut extra = 0;
    while !node.memory.raws().iter().any(|raw| raw.contains("last: one")) {
        from.send_to(last, to).await.unwrap();
        extra += 1;
        tokio::task::yield_now().await;
        assert!(extra < 1_000_000);
    }
    let counters = node.stop().await;
    let c = of(&counters, "udp");
    assert!(c.dropped_queue + c.dropped_kernel > 0, "{c:?}");
    assert_eq!(c.received, sent + extra, "{c:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_framings_and_a_line_of_two_megabytes() {
    let node = Node::start(TCP).await;
    let mut stream = TcpStream::connect(node.address("tcp")).await.unwrap();
    let counted = line(1);
    let mut bytes = format!("{} {counted}", counted.len()).into_bytes();
    bytes.extend(format!("{}\n", line(2)).bytes());
    bytes.extend(format!("<13>Nov 23 12:05:06 h app: {}\n", "y".repeat(2 << 20)).bytes());
    bytes.extend(format!("{}\n", line(3)).bytes());
    bytes.extend(b"garbage without header\n");
    let tail = line(4); // no newline: the connection ends it
    bytes.extend(tail.bytes());
    stream.write_all(&bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let events = node.memory.wait(6).await;
    let users: Vec<_> = events.iter().filter_map(|e| e.str(field::USER_NAME)).collect();
    assert_eq!(users, ["u1", "u2", "u3", "u4"]);
    let cut: Vec<_> = events.iter().filter(|e| e.marks.has(Marks::CUT)).collect();
    assert_eq!(cut.len(), 1);
    assert_eq!(cut[0].raw().len(), sensors::limits::RECORD_BYTES_MAX);
    let counters = node.stop().await;
    let c = of(&counters, "tcp");
    assert_eq!((c.received, c.parse_failed_kept, c.cut), (6, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_intake_holds_the_stream_and_loses_nothing() {
    let node = Node::start(TCP).await;
    node.memory.set(Mood::Refuses(Refused::Busy));
    let mut stream = TcpStream::connect(node.address("tcp")).await.unwrap();
    for n in 0..100 {
        stream.write_all(format!("{}\n", line(n)).as_bytes()).await.unwrap();
    }
    node.memory.wait_offers(3).await;
    assert!(node.memory.events().is_empty());
    node.memory.set(Mood::Takes);
    let events = node.memory.wait(100).await;
    let users: Vec<_> = events.iter().filter_map(|e| e.str(field::USER_NAME)).collect();
    let want: Vec<_> = (0..100).map(|n| format!("u{n}")).collect();
    assert_eq!(users, want, "in order, each once");
    let counters = node.stop().await;
    assert_eq!(of(&counters, "tcp").refused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_intake_is_counted() {
    let node = Node::start(TCP).await;
    node.memory.set(Mood::Refuses(Refused::Closed));
    let mut stream = TcpStream::connect(node.address("tcp")).await.unwrap();
    stream.write_all(format!("{}\n", line(1)).as_bytes()).await.unwrap();
    node.memory.wait_offers(1).await;
    let counters = node.stop().await;
    assert_eq!((of(&counters, "tcp").refused, of(&counters, "tcp").submitted), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn gb18030_is_read_and_the_bytes_kept() {
    let toml = UDP.replace("127.0.0.1:0\"", "127.0.0.1:0\", encoding = \"gb18030\"");
    let node = Node::start(&toml).await;
    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (bytes, _, _) = encoding_rs::GB18030.encode("<13>Nov 23 12:05:06 h app: 登录失败");
    from.send_to(&bytes, node.address("udp")).await.unwrap();
    let utf8 = "<13>Nov 23 12:05:06 h app: 登录成功";
    from.send_to(utf8.as_bytes(), node.address("udp")).await.unwrap();
    let events = node.memory.wait(2).await;
    assert_eq!(events[0].str(field::MESSAGE), Some("登录失败"));
    assert_eq!(events[0].raw(), &*bytes);
    assert_eq!(events[1].str(field::MESSAGE), Some("登录成功"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_an_error_and_nothing_runs() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let toml = TCP.replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    let memory = crate::support::Memory::new();
    let context = crate::support::context(&memory, Default::default());
    let configs = crate::support::configs(&toml);
    let error = sensors::start(configs, crate::support::packs(), context).await.err().unwrap();
    assert_eq!(error.code(), "S003");
    let twice = crate::support::configs(&format!("{UDP}{UDP}"));
    let context = crate::support::context(&memory, Default::default());
    let error = sensors::start(twice, crate::support::packs(), context).await.err().unwrap();
    assert_eq!(error.code(), "S001");
}
