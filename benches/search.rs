//! Measures searching an archive of a region's size: makes one of so many days (if the folder holds
//! none yet) and asks it what analysts ask. No peer runs beside it; the goals are in seconds.
//!
//! `cargo bench -p store --bench search -- FOLDER EVENTS DAYS [QUERY [DAYS]]`
//!
//! 100 million events take about 9 GB and 10 minutes. Every figure is the best of three, the first
//! run and the peak of the process's memory beside it; files that were just written lie in the page
//! cache. The goals: a needle in a day of 100 million under 1 s, a histogram of 30 days under 3 s.

#![allow(clippy::unwrap_used, reason = "a measurement stops at the first surprise")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use events::field;
use events::{Event, EventId, FieldId, LogSource, LogSourceId, SensorId, SiteId, Timestamp, Value};
use store::search::{Answer, Query, Scope, SearchRequest};
use store::{Archive, Journal, JournalOptions, Numbered};

const START_SECS: i64 = 1_790_000_000 / 86_400 * 86_400;
const SCHOOLS: u64 = 400;

/// A small generator: the same archive every time.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Small numbers far more often than large ones.
    fn skewed(&mut self, n: u64) -> u64 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        ((n as f64).powf(unit) - 1.0) as u64
    }
}

/// The names that events share.
struct Words {
    sensors: Vec<SensorId>,
    sources: Vec<LogSourceId>,
    native: Vec<FieldId>,
}

impl Words {
    fn new() -> Self {
        let source = |(p, c, s)| LogSourceId::intern(&LogSource::new(p, c, s));
        let kinds = [
            ("huawei", "firewall", ""),
            ("nginx", "webserver", ""),
            ("dnsmasq", "dns", ""),
            ("windows", "", "security"),
            ("linux", "", "sshd"),
            ("windows", "process_creation", "sysmon"),
        ];
        let native =
            ["SourceZone", "DestinationZone", "Policy", "CloseReason", "LogonType", "Hashes"];
        Self {
            sensors: (0..SCHOOLS).map(|n| SensorId::intern(&format!("school-{n:03}"))).collect(),
            sources: kinds.map(source).to_vec(),
            native: native.iter().map(|n| FieldId::intern(n).unwrap()).collect(),
        }
    }
}

fn event(rng: &mut Rng, words: &Words, nanos: i64) -> Event {
    let school = rng.skewed(SCHOOLS);
    let mut e = Event::new();
    e.time = Timestamp::from_nanos(nanos);
    e.received = Timestamp::from_nanos(nanos + 200_000_000);
    e.id = EventId::at(e.received, u128::from(rng.next()) << 64 | u128::from(rng.next()));
    e.site = SiteId::from_u64(2_133_000_000 + school).unwrap();
    e.sensor = words.sensors[school as usize];
    let inside = format!("10.{}.{}.{}", school / 2, rng.skewed(40), 1 + rng.skewed(250));
    let far = rng.skewed(300_000);
    let outside = format!("{}.{}.{}.{}", 23 + far % 180, far / 180 % 256, far % 241, 1 + far % 253);
    let port = 1_024 + rng.below(60_000) as i64;
    let stamp = Timestamp::from_secs(e.time.secs()).to_rfc3339();
    let mut raw = String::with_capacity(320);
    let kind = match rng.below(100) {
        0..45 => 0,
        45..65 => 1,
        65..80 => 2,
        80..90 => 3,
        90..95 => 4,
        _ => 5,
    };
    e.logsource = words.sources[kind];
    // The generators write the record, then its fields: setting a record takes fields away.
    match kind {
        0 => firewall(&mut e, rng, words, (&inside, &outside, port), &stamp, &mut raw),
        1 => web(&mut e, rng, (&inside, &outside), &stamp, school, &mut raw),
        2 => dns(&mut e, rng, &inside, &stamp, &mut raw),
        3 => logon(&mut e, rng, words, &inside, &stamp, school, &mut raw),
        4 => sshd(&mut e, rng, (&outside, port), &stamp, school, &mut raw),
        _ => process(&mut e, rng, words, &stamp, school, &mut raw),
    }
    e
}

fn firewall(
    e: &mut Event,
    rng: &mut Rng,
    words: &Words,
    (inside, outside, port): (&str, &str, i64),
    stamp: &str,
    raw: &mut String,
) {
    let service = [443, 80, 53, 22, 3389, 445][rng.skewed(6) as usize];
    let (policy, deny) = (rng.skewed(60), rng.below(12) == 0);
    let (out, back) = (rng.skewed(100_000) as i64, rng.skewed(3_000_000) as i64);
    let action = if deny { "deny" } else { "permit" };
    let _ = write!(
        raw,
        "<190>{stamp} USG6000E %%01SECLOG/6/SESSION_TEARDOWN(l):IPVer=4,Protocol=tcp,SourceIP={inside},\
         DestinationIP={outside},SourcePort={port},DestinationPort={service},SourceZone=trust,\
         DestinationZone=untrust,PolicyName=policy-{policy},Action={action},SendBytes={out},RcvBytes={back}"
    );
    e.set_raw(raw.as_bytes());
    e.push(field::SOURCE_IP, Value::Str(inside));
    e.push(field::SOURCE_PORT, Value::Int(port));
    e.push(field::DESTINATION_IP, Value::Str(outside));
    e.push(field::DESTINATION_PORT, Value::Int(service));
    e.push(field::NETWORK_TRANSPORT, Value::Str("tcp"));
    e.push(field::EVENT_ACTION, Value::Str(action));
    e.push(field::SOURCE_BYTES, Value::Int(out));
    e.push(field::DESTINATION_BYTES, Value::Int(back));
    e.push(field::RULE_NAME, Value::Str(&format!("policy-{policy}")));
    e.push(words.native[0], Value::Str("trust"));
    e.push(words.native[1], Value::Str("untrust"));
}

fn web(
    e: &mut Event,
    rng: &mut Rng,
    (inside, outside): (&str, &str),
    stamp: &str,
    school: u64,
    raw: &mut String,
) {
    let path = format!("/app/{}/page{}?id={}", rng.skewed(30), rng.skewed(400), rng.skewed(90_000));
    let status = [200, 304, 302, 404, 500][rng.skewed(5) as usize];
    let agent =
        format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/{}.0", 90 + rng.skewed(40));
    let bytes = rng.skewed(200_000) as i64;
    let host = format!("www{school}.edu.example");
    let _ = write!(
        raw,
        "{outside} - - [{stamp}] \"GET {path} HTTP/1.1\" {status} {bytes} \"https://{host}/\" \"{agent}\""
    );
    e.set_raw(raw.as_bytes());
    e.push(field::SOURCE_IP, Value::Str(outside));
    e.push(field::DESTINATION_IP, Value::Str(inside));
    e.push(field::HTTP_REQUEST_METHOD, Value::Str("GET"));
    e.push(field::URL_ORIGINAL, Value::Str(&path));
    e.push(field::URL_DOMAIN, Value::Str(&host));
    e.push(field::HTTP_RESPONSE_STATUS_CODE, Value::Int(status));
    e.push(field::USER_AGENT_ORIGINAL, Value::Str(&agent));
    e.push(field::NETWORK_BYTES, Value::Int(bytes));
}

fn dns(e: &mut Event, rng: &mut Rng, inside: &str, stamp: &str, raw: &mut String) {
    let name = format!("h{}.d{}.example.cn", rng.skewed(50), rng.skewed(20_000));
    let _ = write!(raw, "<30>{stamp} dnsmasq[412]: query[A] {name} from {inside}");
    e.set_raw(raw.as_bytes());
    e.push(field::SOURCE_IP, Value::Str(inside));
    e.push(field::DNS_QUESTION_NAME, Value::Str(&name));
    e.push(field::EVENT_ACTION, Value::Str("query"));
}

fn logon(
    e: &mut Event,
    rng: &mut Rng,
    words: &Words,
    inside: &str,
    stamp: &str,
    school: u64,
    raw: &mut String,
) {
    let user = format!("t{school:03}{:03}", rng.skewed(300));
    let failed = rng.below(15) == 0;
    let code = if failed { "4625" } else { "4624" };
    let kind = [3, 2, 10, 5][rng.skewed(4) as usize];
    let host = format!("PC-{school:03}-{:03}", rng.skewed(200));
    let _ = write!(
        raw,
        "{{\"@timestamp\":\"{stamp}\",\"winlog\":{{\"event_id\":{code},\"channel\":\"Security\",\
         \"computer_name\":\"{host}\",\"event_data\":{{\"TargetUserName\":\"{user}\",\
         \"LogonType\":\"{kind}\",\"IpAddress\":\"{inside}\"}}}}}}"
    );
    e.set_raw(raw.as_bytes());
    e.push(field::EVENT_CODE, Value::Str(code));
    e.push(field::USER_NAME, Value::Str(&user));
    e.push(field::SOURCE_IP, Value::Str(inside));
    e.push(field::HOST_NAME, Value::Str(&host));
    e.push(field::EVENT_OUTCOME, Value::Str(if failed { "failure" } else { "success" }));
    e.push(words.native[4], Value::Int(kind));
}

fn sshd(
    e: &mut Event,
    rng: &mut Rng,
    (outside, port): (&str, i64),
    stamp: &str,
    school: u64,
    raw: &mut String,
) {
    // The needle: one name, about once in ten million records.
    let user = match rng.below(500_000) {
        7 => "zhuzhanmei".to_owned(),
        _ => ["root", "admin", "test", "oracle", "ubuntu"][rng.skewed(5) as usize].to_owned(),
    };
    let host = format!("srv-{school:03}-{}", rng.skewed(6));
    let _ = write!(
        raw,
        "<38>{stamp} {host} sshd[{}]: Failed password for {user} from {outside} port {port} ssh2",
        rng.below(30_000)
    );
    e.set_raw(raw.as_bytes());
    e.push(field::EVENT_OUTCOME, Value::Str("failure"));
    e.push(field::USER_NAME, Value::Str(&user));
    e.push(field::SOURCE_IP, Value::Str(outside));
    e.push(field::SOURCE_PORT, Value::Int(port));
    e.push(field::HOST_NAME, Value::Str(&host));
    e.push(field::PROCESS_NAME, Value::Str("sshd"));
}

fn process(
    e: &mut Event,
    rng: &mut Rng,
    words: &Words,
    stamp: &str,
    school: u64,
    raw: &mut String,
) {
    let image = format!("C:\\Windows\\System32\\tool{}.exe", rng.skewed(300));
    let line = format!("{image} -k {} /v:{}", rng.skewed(100), rng.skewed(5_000));
    let host = format!("PC-{school:03}-{:03}", rng.skewed(200));
    let hashes = format!("SHA256={:032x}{:032x}", rng.skewed(300) * 77_777, rng.skewed(300) * 99);
    let pid = rng.below(60_000) as i64;
    let _ = write!(
        raw,
        "{{\"@timestamp\":\"{stamp}\",\"winlog\":{{\"event_id\":1,\"computer_name\":\"{host}\",\
         \"event_data\":{{\"Image\":{image:?},\"CommandLine\":{line:?},\"ProcessId\":{pid},\
         \"Hashes\":\"{hashes}\"}}}}}}"
    );
    e.set_raw(raw.as_bytes());
    e.push(field::EVENT_CODE, Value::Str("1"));
    e.push(field::HOST_NAME, Value::Str(&host));
    e.push(field::PROCESS_EXECUTABLE, Value::Str(&image));
    e.push(field::PROCESS_COMMAND_LINE, Value::Str(&line));
    e.push(field::PROCESS_PID, Value::Int(pid));
    e.push(words.native[5], Value::Str(&hashes));
}

/// Fills an empty archive with `total` events, one seal an hour.
fn fill(archive: &Archive, total: u64, days: u64) {
    let words = Words::new();
    let began = Instant::now();
    let (mut seq, hours) = (0, days * 24);
    for hour in 0..hours {
        let mut rng = Rng(hour);
        let end = total * (hour + 1) / hours;
        let (count, start) = (end - seq, START_SECS + hour as i64 * 3_600);
        let step = 3_600_000_000_000 / count.max(1) as i64;
        let base = start * 1_000_000_000;
        let events =
            (0..count).map(|n| (seq + n + 1, event(&mut rng, &words, base + n as i64 * step)));
        archive.seal(&Numbered::runs(events), end).unwrap();
        seq = end;
        if hour % 24 == 23 {
            let secs = began.elapsed().as_secs_f64();
            println!("  day {:2}: {seq} events, {:.0} events/s", hour / 24 + 1, seq as f64 / secs);
        }
    }
}

fn ask(journal: &Journal, archive: &Archive, query: &str, days: u64, sites: &Scope) -> Outcome {
    let end = archive.files().iter().map(|f| f.time_max.secs() + 1).max().unwrap_or(START_SECS);
    let request = SearchRequest {
        query: Query::parse(query).unwrap(),
        from: Timestamp::from_secs(end - days as i64 * 86_400),
        to: Timestamp::from_secs(end),
        scope: sites.clone(),
        limit: 100,
        after: None,
        deadline: Some(Instant::now() + Duration::from_secs(600)),
        slice: None,
        include_exercise: false,
    };
    let began = Instant::now();
    let found = store::search::search(journal, archive, &request, &AtomicBool::new(false)).unwrap();
    let rows = match &found.answer {
        Answer::Events(events) => events.len(),
        Answer::Table { rows, .. } => rows.len(),
    };
    Outcome { took: began.elapsed(), matched: found.matched, scanned: found.scanned, rows }
}

struct Outcome {
    took: Duration,
    matched: u64,
    scanned: u64,
    rows: usize,
}

/// Queries and over how many of the archive's last days, at most.
const QUESTIONS: [(&str, u64); 22] = [
    ("user.name:zhuzhanmei", 30),
    ("user.name:zhuzhanmei", 1),
    ("user.name:nobody-at-all", 1),
    ("source.ip:198.51.100.77", 1),
    ("* | histogram 5m", 1),
    ("event.outcome:failure | histogram 5m", 1),
    ("* | count by site | top 20", 1),
    ("event.outcome:failure | count by user.name | top 20", 1),
    ("user.name:nobody-at-all", 30),
    ("source.ip:198.51.100.77", 30),
    ("source.ip:198.51.100.0/24", 30),
    ("user.name:zhuzhanmei OR source.ip:198.51.100.77", 30),
    ("\"whoami /priv\"", 1),
    ("event.outcome:failure", 30),
    ("*", 30),
    ("* | histogram 1d", 30),
    ("* | histogram 1h", 30),
    ("event.outcome:failure | histogram 1h", 30),
    ("* | count by site | top 20", 30),
    ("destination.port:3389 event.action:deny | count by source.ip | top 20", 1),
    ("* | count by source.ip | top 25", 1),
    ("* | count", 30),
];

/// The most memory that the process held so far; of the asking alone when it did not fill.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kb.unwrap_or(0) / 1024
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let Some(folder) = args.first() else {
        println!("usage: cargo bench -p store --bench search -- FOLDER EVENTS DAYS [QUERY [DAYS]]");
        return;
    };
    let total: u64 = args.get(1).map_or(2_000_000, |n| n.parse().unwrap());
    let span: u64 = args.get(2).map_or(30, |n| n.parse().unwrap());
    let dir = Path::new(folder);
    let archive = Archive::open(&dir.join("archive")).unwrap();
    let (journal, _) = Journal::open(&dir.join("journal"), JournalOptions::default()).unwrap();
    if archive.rows() == 0 {
        fill(&archive, total, span);
    }
    let (rows, bytes) = (archive.rows(), archive.bytes());
    let files = archive.files().len();
    println!("{rows} events in {files} files, {:.1} bytes an event", bytes as f64 / rows as f64);
    let own: Vec<(&str, u64)> = match (args.get(3), args.get(4)) {
        (Some(query), days) => vec![(query, days.map_or(span, |d| d.parse().unwrap()))],
        _ => QUESTIONS.into_iter().filter(|(_, days)| span > 1 || *days == 1).collect(),
    };
    println!(
        "{:>9} {:>9} {:>11} {:>11} {:>6} {:>7}  days query",
        "first ms", "best ms", "matched", "looked at", "rows", "peak MB"
    );
    let all = Scope::All;
    for (query, days) in own {
        let first = ask(&journal, &archive, query, days, &all);
        let again = if first.took.as_secs() < 20 { 2 } else { 0 };
        let best = (0..again).map(|_| ask(&journal, &archive, query, days, &all).took);
        let best = best.min().unwrap_or(first.took).min(first.took);
        println!(
            "{:9.1} {:9.1} {:11} {:11} {:6} {:7}  {days:4} {query}",
            first.took.as_secs_f64() * 1e3,
            best.as_secs_f64() * 1e3,
            first.matched,
            first.scanned,
            first.rows,
            peak_mb()
        );
    }
}
