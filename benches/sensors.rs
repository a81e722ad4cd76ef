//! Measures decoding and receiving on this machine, with an intake that takes everything at once
//! (no journal), and rsyslogd and nfcapd with the same sender in the same run, where they are
//! installed.
//!
//! `cargo bench -p sensors --bench sensors`

#![allow(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

use std::future::Future;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use events::{Event, EventBatch, EventId, Timestamp};
use sensors::decode::netflow::Decoder;
use sensors::{Checkpoints, Clock, Context, Intake, Packs, Refused, SensorConfig};

struct Taker(Arc<AtomicU64>);

impl Intake for Taker {
    fn submit(
        &self,
        batch: Arc<EventBatch>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>> {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
}

struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        Timestamp::from_system(SystemTime::now())
    }
}

struct Forgets;

impl Checkpoints for Forgets {
    fn load(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn save(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

const RECORDS: [(&str, &str); 6] = [
    (
        "RFC 5424, generic",
        "<14>1 2026-11-23T12:05:06.123+08:00 app-1 jwxt 77 LOGIN - portal started on port 8080",
    ),
    (
        "sshd (regex)",
        "<38>Nov 23 12:05:06 srv-1 sshd[4242]: Failed password for admin from 203.0.113.7 port 51234 ssh2",
    ),
    (
        "FortiGate (k=v)",
        "<134>date=2026-11-23 time=12:05:06 devname=\"qx01-fw\" devid=\"FGDEMO0101\" logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" srcip=10.1.1.9 srcport=40123 dstip=198.51.100.7 dstport=443 proto=6 action=\"close\" policyid=12 sentbyte=900 rcvdbyte=77 service=\"HTTPS\"",
    ),
    (
        "Huawei USG (k=v)",
        "<190>2026-11-23 12:05:06 USG6000E %%01SECLOG/6/SESSION_BUILT(l):IPVer=4,Protocol=udp,SourceIP=10.1.1.9,DestinationIP=198.51.100.7,SourcePort=1024,DestinationPort=53",
    ),
    (
        "access log",
        "<182>1 2026-11-23T12:05:06+08:00 web nginx 812 - - 203.0.113.9 - - [23/Nov/2026:12:05:06 +0800] \"GET /news/1.html HTTP/1.1\" 200 5214 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
    ),
    (
        "Windows JSON",
        "{\"@timestamp\":\"2026-11-23T04:05:06Z\",\"event\":{\"code\":\"4625\",\"outcome\":\"failure\"},\"host\":{\"name\":\"qx01-dc\"},\"winlog\":{\"channel\":\"Security\",\"event_id\":4625,\"computer_name\":\"qx01-dc\",\"event_data\":{\"TargetUserName\":\"li.na\",\"LogonType\":\"3\",\"IpAddress\":\"10.1.1.9\"}}}",
    ),
];

fn main() {
    decoders();
    flows();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(receive());
    rsyslogd();
    nfcapd();
}

/// Ends the process when dropped.
struct Peer(std::process::Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn peer(program: &str, args: &[&str], out: &std::path::Path) -> Option<Peer> {
    let file = std::fs::File::create(out).unwrap();
    let spawned = std::process::Command::new(program)
        .args(args)
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn();
    if spawned.is_err() {
        println!("{program}: not installed, not measured");
    }
    spawned.ok().map(Peer)
}

/// rsyslogd writing a plain file: the same million lines over TCP.
fn rsyslogd() {
    let dir = tempfile::tempdir().unwrap();
    let (at, log) = ("127.0.0.1:24991", dir.path().join("out.log"));
    let conf = format!(
        "global(workDirectory=\"{0}\")\nmodule(load=\"imtcp\")\ninput(type=\"imtcp\" port=\"24991\" address=\"127.0.0.1\")\n\
         template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
         action(type=\"omfile\" file=\"{1}\" template=\"raw\" ioBufferSize=\"256k\" flushOnTXEnd=\"off\" flushInterval=\"1\" asyncWriting=\"on\")\n",
        dir.path().display(),
        log.display()
    );
    std::fs::write(dir.path().join("conf"), conf).unwrap();
    let (conf, pid) = (dir.path().join("conf"), dir.path().join("pid"));
    let args = ["-n", "-f", conf.to_str().unwrap(), "-i", pid.to_str().unwrap()];
    let Some(_peer) = peer("rsyslogd", &args, &dir.path().join("out")) else { return };
    while TcpStream::connect(at).is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    let n = 1_000_000;
    let start = Instant::now();
    send_tcp(at.parse().unwrap(), n);
    let bytes = (RECORDS[1].1.len() as u64 + 1) * n;
    while std::fs::metadata(&log).map_or(0, |m| m.len()) < bytes {
        if start.elapsed() > Duration::from_secs(60) {
            let have = std::fs::metadata(&log).map_or(0, |m| m.len());
            println!("rsyslogd: {have} of {bytes} bytes after a minute");
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("rsyslogd, tcp to a plain file: {}", rate(n, start.elapsed()));
}

/// nfcapd: the same flow packets at the same pace.
fn nfcapd() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("nfcapd.out");
    let args = ["-w", dir.path().to_str().unwrap(), "-b", "127.0.0.1", "-p", "24992", "-t", "3600"];
    let Some(peer) = peer("nfcapd", &args, &out) else { return };
    while !std::fs::read_to_string(&out).is_ok_and(|t| t.contains("Startup")) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let packets = 20_000;
    let took = send_udp("127.0.0.1:24992".parse().unwrap(), &flow_packet(), packets, 10_000);
    std::thread::sleep(Duration::from_secs(2));
    let _told = std::process::Command::new("kill").arg(peer.0.id().to_string()).status();
    std::thread::sleep(Duration::from_secs(1));
    let text = std::fs::read_to_string(&out).unwrap_or_default();
    let said = text.lines().find(|l| l.contains("Flows:")).unwrap_or("nothing").to_owned();
    println!("nfcapd: sent {} flows at {}: {said}", packets * 40, rate(packets * 40, took));
}

fn send_tcp(at: std::net::SocketAddr, n: u64) {
    let line = format!("{}\n", RECORDS[1].1).repeat(100);
    let mut stream = TcpStream::connect(at).unwrap();
    for _ in 0..n / 100 {
        stream.write_all(line.as_bytes()).unwrap();
    }
}

fn rate(n: u64, took: Duration) -> String {
    format!("{:>10.0}/s", n as f64 / took.as_secs_f64())
}

fn decoders() {
    let packs = Packs::embedded().unwrap();
    let received = System.now();
    for (name, record) in RECORDS {
        let (mut event, n) = (Event::new(), 300_000);
        let start = Instant::now();
        for _ in 0..n {
            packs.decode(None, record.as_bytes(), received, &mut event);
        }
        println!("decode, one core, pack found by itself: {name:<20} {}", rate(n, start.elapsed()));
    }
}

fn flow_packet() -> Vec<u8> {
    let words = |w: &[u16]| w.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let template = words(&[300, 9, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 2, 4, 22, 4, 21, 4]);
    let mut packet = words(&[9, 2, 0, 10_000, 27_395, 31_090, 0, 1, 0, 7]);
    packet.extend(words(&[0, template.len() as u16 + 4]));
    packet.extend(template);
    let record: Vec<u8> = [
        vec![10, 1, 2, 3, 198, 51, 100, 9],
        words(&[51_234, 443]),
        vec![6, 0, 0, 5, 220, 0, 0, 0, 3, 0, 0, 15, 160, 0, 0, 35, 40],
    ]
    .concat();
    packet.extend(words(&[300, record.len() as u16 * 40 + 4]));
    packet.extend(record.repeat(40));
    packet
}

fn flows() {
    let (packet, mut decoder) = (flow_packet(), Decoder::new());
    let (mut n, start) = (0, Instant::now());
    for _ in 0..100_000 {
        let exporter = std::net::Ipv4Addr::LOCALHOST.into();
        n += decoder.packet(exporter, &packet, &mut |_| None).flows.len() as u64;
    }
    println!("decode, one core: NetFlow v9 flows{:>28}", rate(n, start.elapsed()));
}

async fn receive() {
    let taken = Arc::new(AtomicU64::new(0));
    let next = AtomicU64::new(0);
    let context = Context {
        intake: Arc::new(Taker(Arc::clone(&taken))),
        clock: Arc::new(System),
        checkpoints: Arc::new(Forgets),
        ids: Arc::new(move |at| EventId::at(at, next.fetch_add(1, Ordering::Relaxed).into())),
        site_of: Arc::new(|_| None),
        exercise: Arc::new(|_| None),
    };
    let input = |name: &str, kind: &str| -> SensorConfig {
        let text =
            format!("name = \"{name}\"\ninput = {{ type = \"{kind}\", listen = \"127.0.0.1:0\" }}");
        toml::from_str(&text).unwrap()
    };
    let sensors =
        vec![input("udp", "syslog-udp"), input("tcp", "syslog-tcp"), input("flow", "netflow")];
    let running = sensors::start(sensors, Packs::embedded().unwrap(), context).await.unwrap();
    for per_second in [50_000u64, 100_000, 150_000] {
        let (before, at) = (running.counters(), running.address("udp").unwrap());
        let n = per_second * 3;
        let took = tokio::task::spawn_blocking(move || {
            send_udp(at, RECORDS[1].1.as_bytes(), n, per_second)
        });
        let took = took.await.unwrap();
        report("udp", n, took, &before, &running).await;
    }
    let (before, at) = (running.counters(), running.address("tcp").unwrap());
    let n = 1_000_000;
    let start = Instant::now();
    tokio::task::spawn_blocking(move || send_tcp(at, n)).await.unwrap();
    let last = before[1].received + n;
    while running.counters()[1].received < last {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    report("tcp", n, start.elapsed(), &before, &running).await;
    let (before, at) = (running.counters(), running.address("flow").unwrap());
    let packets = 20_000;
    let took =
        tokio::task::spawn_blocking(move || send_udp(at, &flow_packet(), packets, 10_000)).await;
    report("flow", packets * 40, took.unwrap(), &before, &running).await;
    running.stop().await;
}

/// Sends in bursts of a millisecond.
fn send_udp(at: std::net::SocketAddr, record: &[u8], n: u64, per_second: u64) -> Duration {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (start, mut sent) = (Instant::now(), 0);
    while sent < n {
        let due = (start.elapsed().as_secs_f64() * per_second as f64) as u64;
        while sent < due.min(n) {
            socket.send_to(record, at).unwrap();
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

async fn report(
    name: &str,
    sent: u64,
    took: Duration,
    before: &[sensors::SensorCounters],
    running: &sensors::Running,
) {
    // Let what is queued come through.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let find = |all: &[sensors::SensorCounters]| all.iter().find(|c| c.sensor == name).cloned();
    let (before, after) = (find(before).unwrap(), find(&running.counters()).unwrap());
    println!(
        "{name}: sent {sent} at {}, events {}, kernel dropped {}, queue dropped {}",
        rate(sent, took),
        after.submitted - before.submitted,
        after.dropped_kernel - before.dropped_kernel,
        after.dropped_queue - before.dropped_queue,
    );
}
