//! The flow rules over the whole path: NetFlow v5 datagrams (Cisco's format: a header of 24 bytes,
//! records of 48) over a real socket, through the flow sensor, into the rules.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use std::collections::BTreeSet;
use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::{Event, EventBatch, EventId, SiteId, Timestamp};
use rules::{CorrelationLimits, Engine, LoadOptions, RuleSet};
use sensors::{Checkpoints, Clock, Context, Intake, Packs, Refused, SensorConfig};
use tokio::sync::watch;

/// Flows that are alike: so many, so many seconds apart. `{n}` in an address is the number.
#[derive(Clone, Copy)]
struct Flows {
    at: u64,
    repeat: u64,
    every: u64,
    from: (&'static str, u16),
    to: (&'static str, u16),
    protocol: u8,
    packets: u32,
    bytes: u32,
    /// Whether each goes to the next port.
    next_port: bool,
}

const fn tcp(from: &'static str, to: (&'static str, u16), packets: u32, bytes: u32) -> Flows {
    let from = (from, 51_000);
    Flows { at: 0, repeat: 1, every: 0, from, to, protocol: 6, packets, bytes, next_port: false }
}

impl Flows {
    const fn times(self, repeat: u64, every: u64) -> Self {
        Self { repeat, every, ..self }
    }
    const fn after(self, at: u64) -> Self {
        Self { at, ..self }
    }
    const fn port(self, port: u16) -> Self {
        Self { from: (self.from.0, port), ..self }
    }
    const fn to_next_port(self) -> Self {
        Self { next_port: true, ..self }
    }
    const fn protocol(self, protocol: u8) -> Self {
        Self { protocol, ..self }
    }
}

const DAY: &str = "2026-11-23T02:00:00Z";
const NIGHT: &str = "2026-11-23T18:00:00Z";
const OUT: &str = "203.0.113.9";

/// The rule, the time, flows that must raise it, flows that must not.
#[rustfmt::skip]
const CASES: &[(&str, &str, &[Flows], &[Flows])] = &[
    ("netflow-mining-beacon", DAY, &[tcp("10.1.1.77", (OUT, 14444), 4, 400).times(24, 15)], &[tcp("10.1.1.77", (OUT, 443), 4, 400).times(24, 15)]),
    ("netflow-port-scan", DAY, &[tcp("10.1.1.77", ("10.1.1.20", 1_000), 2, 120).times(120, 1).to_next_port()], &[tcp("10.1.1.77", ("10.1.1.20", 443), 2, 120).times(120, 1)]),
    ("netflow-host-sweep", DAY, &[tcp("10.1.1.77", ("10.1.2.{n}", 445), 2, 120).times(50, 2)], &[tcp("10.1.2.{n}", ("10.1.1.20", 445), 90, 9_000).times(50, 2)]),
    ("netflow-lateral-after-sweep", DAY, &[tcp("10.1.1.77", ("10.1.2.{n}", 445), 2, 120).times(50, 2), tcp("10.1.1.77", ("10.1.2.9", 445), 400, 90_000).after(300)], &[tcp("10.1.1.77", ("10.1.2.9", 3389), 400, 90_000)]),
    ("netflow-inbound-session", DAY, &[tcp(OUT, ("10.1.1.20", 3389), 500, 90_000)], &[tcp(OUT, ("10.1.1.20", 34567), 500, 90_000).port(443)]),
    ("netflow-smb-outside", DAY, &[tcp("10.1.1.77", (OUT, 445), 20, 3_000)], &[tcp("10.1.1.77", (OUT, 445), 3, 180)]),
    ("netflow-dns-volume", DAY, &[tcp("10.1.1.77", (OUT, 53), 5_000, 1_000_000).protocol(17).times(25, 60)], &[tcp("10.1.1.77", (OUT, 53), 1, 80).protocol(17).times(200, 1)]),
    ("netflow-tor", DAY, &[tcp("10.1.1.77", (OUT, 9001), 80, 9_000)], &[tcp("10.1.1.77", ("10.1.1.20", 9001), 80, 9_000)]),
    ("netflow-ping-tunnel", DAY, &[tcp("10.1.1.77", (OUT, 0), 1_600, 2_000_000).protocol(1)], &[tcp("10.1.1.77", (OUT, 0), 20_000, 1_680_000).protocol(1)]),
    ("netflow-exfiltration-at-night", NIGHT, &[tcp("10.1.1.77", (OUT, 443), 90_000, 100_000_000).times(6, 300)], &[tcp("10.1.1.{n}", (OUT, 443), 2_000, 2_000_000).times(100, 10)]),
    ("netflow-beacon", DAY, &[tcp("10.1.1.77", (OUT, 4433), 6, 700).times(70, 30)], &[tcp("10.1.1.77", (OUT, 443), 6, 700).times(70, 30)]),
    ("netflow-outbound-flood", DAY, &[tcp("10.1.1.77", (OUT, 80), 300_000, 20_000_000).protocol(17).times(5, 10)], &[tcp("10.1.1.77", (OUT, 22), 90_000, 90_000_000).times(5, 10)]),
    ("netflow-amplification", DAY, &[tcp("10.1.1.3", (OUT, 40_000), 30_000, 40_000_000).protocol(17).port(11211).times(4, 20)], &[tcp("10.1.1.3", (OUT, 40_000), 300, 200_000).protocol(17).port(53).times(4, 20)]),
];

/// Up-time of the exporter when a datagram is sent, in milliseconds.
const UPTIME_MS: u32 = 900_000_000;

/// The datagrams of flows, and how many flows they hold.
fn datagrams(start: Timestamp, flows: &[Flows]) -> (Vec<Vec<u8>>, usize) {
    let mut records: Vec<(u64, Vec<u8>)> = Vec::new();
    for f in flows {
        for n in 1..=f.repeat {
            records.push((f.at + (n - 1) * f.every, record(f, n)));
        }
    }
    records.sort_by_key(|(at, _)| *at);
    let count = records.len();
    let packets = records.chunks(30).enumerate().map(|(sequence, chunk)| {
        let sent = chunk.last().unwrap().0;
        let mut out = Vec::new();
        out.extend(5u16.to_be_bytes());
        out.extend((chunk.len() as u16).to_be_bytes());
        out.extend(UPTIME_MS.to_be_bytes());
        out.extend(((start.secs() as u64 + sent) as u32).to_be_bytes());
        out.extend(0u32.to_be_bytes());
        out.extend((sequence as u32 * 30).to_be_bytes());
        out.extend([0u8; 4]);
        for (at, record) in chunk {
            // First and last packet of the flow, as up-time.
            let last = UPTIME_MS - ((sent - at) * 1_000) as u32;
            out.extend(&record[..24]);
            out.extend((last - 500).to_be_bytes());
            out.extend(last.to_be_bytes());
            out.extend(&record[24..]);
        }
        out
    });
    (packets.collect(), count)
}

/// A record without its times: 24 bytes before them, 16 after.
fn record(f: &Flows, n: u64) -> Vec<u8> {
    let address = |text: &str| -> [u8; 4] {
        text.replace("{n}", &n.to_string()).parse::<Ipv4Addr>().unwrap().octets()
    };
    let mut out = Vec::new();
    out.extend(address(f.from.0));
    out.extend(address(f.to.0));
    out.extend([0u8; 8]);
    out.extend(f.packets.to_be_bytes());
    out.extend(f.bytes.to_be_bytes());
    out.extend(f.from.1.to_be_bytes());
    let port = f.to.1 + if f.next_port { n as u16 } else { 0 };
    out.extend(port.to_be_bytes());
    out.extend([0, 0x1b, f.protocol, 0]);
    out.extend([0u8; 8]);
    out
}

struct Taken {
    events: Mutex<Vec<Event>>,
    count: watch::Sender<usize>,
}

struct Door(Arc<Taken>);

impl Intake for Door {
    fn submit(
        &self,
        batch: Arc<EventBatch>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>> {
        Box::pin(async move {
            let mut events = self.0.events.lock().unwrap();
            events.extend(batch.iter());
            self.0.count.send_replace(events.len());
            Ok(())
        })
    }
}

struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-24T00:00:00Z").unwrap()
    }
}

struct Nothing;

impl Checkpoints for Nothing {
    fn load(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn save(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

fn context(taken: &Arc<Taken>) -> Context {
    let next = AtomicU64::new(0);
    Context {
        intake: Arc::new(Door(Arc::clone(taken))),
        clock: Arc::new(Later),
        checkpoints: Arc::new(Nothing),
        ids: Arc::new(move |at| EventId::at(at, u128::from(next.fetch_add(1, Ordering::Relaxed)))),
        site_of: Arc::new(|_| Some(SiteId::BUREAU)),
        exercise: Arc::new(|_| None),
    }
}

fn fired(set: &Arc<RuleSet>, mut events: Vec<Event>) -> BTreeSet<String> {
    events.sort_by_key(|e| (e.time, e.id));
    let mut engine = Engine::new(Arc::clone(set), CorrelationLimits::default());
    let mut out = Vec::new();
    events.iter().for_each(|event| engine.feed(event, &mut out));
    engine.advance(Timestamp::MAX, &mut out);
    out.into_iter().map(|d| d.rule_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_go_through_the_sensor_and_the_rules() {
    #[derive(serde::Deserialize)]
    struct All {
        sensor: Vec<SensorConfig>,
    }
    let config =
        "[[sensor]]\nname = \"flows\"\ninput = { type = \"netflow\", listen = \"127.0.0.1:0\" }";
    let config: All = toml::from_str(config).unwrap();
    let taken = Arc::new(Taken { events: Mutex::default(), count: watch::Sender::new(0) });
    let running = sensors::start(config.sensor, Packs::embedded().unwrap(), context(&taken));
    let running = running.await.unwrap();
    let to = running.address("flows").unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let loaded = RuleSet::load(&rules::library(), &LoadOptions::default());
    assert!(loaded.problems.is_empty());
    let set = Arc::new(loaded.set);
    let mut failed = Vec::new();
    for (rule, start, loud, quiet) in CASES {
        for (flows, expected) in [(loud, true), (quiet, false)] {
            let start = Timestamp::parse_rfc3339(start).unwrap();
            let (packets, count) = datagrams(start, flows);
            taken.events.lock().unwrap().clear();
            for packet in packets {
                socket.send_to(&packet, to).await.unwrap();
            }
            let mut have = taken.count.subscribe();
            let all = have.wait_for(|n| *n >= count);
            let came = tokio::time::timeout(Duration::from_secs(60), all).await.is_ok();
            assert!(came, "{rule}: {count} flows awaited");
            let events = std::mem::take(&mut *taken.events.lock().unwrap());
            taken.count.send_replace(0);
            let first = events.first().map(|e| e.raw_text().to_owned()).unwrap_or_default();
            if fired(&set, events).contains(*rule) != expected {
                failed.push(format!("{rule}: expected {expected} on {first}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    running.stop().await;
}
