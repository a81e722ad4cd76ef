use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use events::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

use super::*;
use crate::demo::story::Plan;

fn told() -> (Region, Story) {
    let region = Region::new(3);
    let start = Timestamp::parse_rfc3339("2026-11-23T00:30:00Z").unwrap();
    let plan = Plan { seed: 3, minutes: 1, records_per_minute: 300, start };
    let story = Story::new(&region, &plan);
    (region, story)
}

/// What a small receiver got: how many records, and from which addresses.
#[derive(Default)]
struct Got {
    records: u64,
    from: HashSet<IpAddr>,
}

async fn udp(records: fn(&[u8]) -> u64) -> (SocketAddr, mpsc::UnboundedReceiver<(u64, IpAddr)>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (tx, rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
            let _ = tx.send((records(&buffer[..n]), from.ip()));
        }
    });
    (address, rx)
}

async fn gather(rx: &mut mpsc::UnboundedReceiver<(u64, IpAddr)>, until: u64) -> Got {
    let mut got = Got::default();
    while got.records < until {
        let next = tokio::time::timeout(Duration::from_secs(30), rx.recv()).await;
        let (records, from) = next.expect("records are missing").unwrap();
        got.records += records;
        got.from.insert(from);
    }
    got
}

/// Flows of a datagram: header count less the template.
fn flows(packet: &[u8]) -> u64 {
    let count = u64::from(u16::from_be_bytes([packet[2], packet[3]]));
    count - u64::from(packet[20] == 0 && packet[21] == 0)
}

async fn octet_counting() -> (SocketAddr, mpsc::UnboundedReceiver<(u64, IpAddr)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tx, rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, from)) = listener.accept().await {
            let tx = tx.clone();
            tokio::spawn(async move {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await.unwrap();
                let (mut rest, mut frames) = (&all[..], 0);
                while let Some(space) = rest.iter().position(|b| *b == b' ') {
                    let length: usize = str::from_utf8(&rest[..space]).unwrap().parse().unwrap();
                    assert!(rest[space + 1..].starts_with(b"<182>1 "));
                    rest = &rest[space + 1 + length..];
                    frames += 1;
                }
                assert!(rest.is_empty());
                let _ = tx.send((frames, from.ip()));
            });
        }
    });
    (address, rx)
}

/// Answers the first request of each connection with 429, all others with 200.
async fn http() -> (SocketAddr, mpsc::UnboundedReceiver<(u64, IpAddr)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tx, rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, from)) = listener.accept().await {
            let tx = tx.clone();
            tokio::spawn(async move {
                let mut busy = true;
                while let Some(lines) = one_request(&mut stream).await {
                    let status = if busy { "429 Too Many Requests" } else { "200 OK" };
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    let _ = tx.send((if busy { 0 } else { lines }, from.ip()));
                    busy = false;
                }
            });
        }
    });
    (address, rx)
}

async fn one_request(stream: &mut tokio::net::TcpStream) -> Option<u64> {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            assert!(head.starts_with("POST /ingest HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("Authorization: Bearer s3cret"), "{head}");
            let (_, length) = head.split_once("Content-Length: ").unwrap();
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if read.len() == end + 4 + length {
                let body = str::from_utf8(&read[end + 4..]).unwrap();
                assert!(body.lines().all(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()));
                return Some(body.lines().count() as u64);
            }
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
}

#[tokio::test]
async fn everything_arrives_over_real_sockets() {
    let (region, story) = told();
    let folder = tempfile::tempdir().unwrap();
    let (syslog, mut syslog_got) = udp(|_| 1).await;
    let (netflow, mut netflow_got) = udp(flows).await;
    let (tcp, mut tcp_got) = octet_counting().await;
    let (http, mut http_got) = http().await;
    let targets = Targets {
        syslog_udp5424: syslog,
        syslog_udp3164: syslog,
        syslog_tcp: tcp,
        file: folder.path().join("postgresql.log"),
        http,
        http_token: Sensitive::new("s3cret".to_owned()),
        netflow,
    };
    let (_keep, stop) = watch::channel(false);
    let mut seen = Vec::new();
    let pace = Pace::new(f64::INFINITY);
    let sent = send(&region, &story, &targets, pace, stop, &mut |p| seen.push(p)).await.unwrap();

    let totals = story.totals();
    assert!(sent.finished);
    assert_eq!(sent.totals, totals);
    assert!(sent.http_repeats > 0, "the receiver was busy once per connection");
    let got = gather(&mut syslog_got, totals.syslog_udp5424 + totals.syslog_udp3164).await;
    assert_eq!(got.records, totals.syslog_udp5424 + totals.syslog_udp3164);
    assert_eq!(gather(&mut netflow_got, totals.netflow_v9).await.records, totals.netflow_v9);
    assert_eq!(gather(&mut tcp_got, totals.syslog_tcp).await.records, totals.syslog_tcp);
    assert_eq!(gather(&mut http_got, totals.http_json).await.records, totals.http_json);
    if cfg!(target_os = "linux") {
        assert!(got.from.contains(&IpAddr::V4(Ipv4Addr::new(127, 11, 6, 1))), "{:?}", got.from);
    }
    let lines = |name: &str| {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
        text.lines().count() as u64
    };
    let (old, new) = (lines("postgresql.log.1"), lines("postgresql.log"));
    assert!(old > 0 && new > 0, "rotated half-way");
    assert_eq!(old + new, totals.file);
    for act in &story.acts {
        assert!(seen.contains(&Progress::Began(act.id)) && seen.contains(&Progress::Ended(act.id)));
    }
}

#[tokio::test]
async fn stops_when_asked() {
    let (region, story) = told();
    let folder = tempfile::tempdir().unwrap();
    let (syslog, _got) = udp(|_| 1).await;
    let targets = Targets {
        syslog_udp5424: syslog,
        syslog_udp3164: syslog,
        syslog_tcp: syslog,
        file: folder.path().join("x.log"),
        http: syslog,
        http_token: Sensitive::new(String::new()),
        netflow: syslog,
    };
    let (tell, stop) = watch::channel(false);
    tell.send(true).unwrap();
    let sent = send(&region, &story, &targets, Pace::new(1.0), stop, &mut |_| {}).await.unwrap();
    assert!(!sent.finished);
    assert_eq!(sent.totals.events(), 0);
}
