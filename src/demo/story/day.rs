//! An ordinary school day in fast motion: arrival, lessons, lunch, lessons, going home. It must
//! raise nothing: the attacks are to stand out, and a false alert here is a defect of a rule.

use std::net::Ipv4Addr;

use events::{SiteId, Text};

use super::format::{self, Process, Request};
use super::{Act, ActId, Channel, Flow, Stage};
use crate::demo::rng::Rng;

/// Part of the day: where it ends, in thousandths of the story, and how much happens in it, in
/// hundredths of a full lesson.
const PHASES: [(u64, u64); 5] = [(150, 130), (400, 100), (500, 60), (800, 100), (1000, 50)];

/// How often each kind of record occurs, in thousandths.
const MIX: [(u64, Kind); 11] = [
    (400, Kind::Web),
    (210, Kind::Flow),
    (130, Kind::Dns),
    (90, Kind::Firewall),
    (70, Kind::Windows),
    (25, Kind::Ssh),
    (10, Kind::Sudo),
    (15, Kind::Vpn),
    (20, Kind::Dhcp),
    (20, Kind::Database),
    (10, Kind::Process),
];

#[derive(Clone, Copy)]
enum Kind {
    Web,
    Flow,
    Dns,
    Firewall,
    Windows,
    Ssh,
    Sudo,
    Vpn,
    Dhcp,
    Database,
    Process,
}

const PAGES: [&str; 12] = [
    "/",
    "/index.html",
    "/news/list?page=2",
    "/news/2026/1123.html",
    "/notice/",
    "/static/app.css",
    "/static/app.js",
    "/static/logo.png",
    "/api/timetable?class=0703",
    "/api/homework?class=0703&week=12",
    "/campus/map.html",
    "/login",
];
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.60",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
];
const SITES: [&str; 8] = [
    "www.example.com",
    "mail.example.net",
    "cdn.textbook.example",
    "video.lesson.example",
    "update.office.example",
    "ntp.shifan.example",
    "portal.shifan.example",
    "img.news.example",
];
const COMMANDS: [&str; 4] = [
    "/usr/bin/systemctl reload nginx",
    "/usr/bin/apt-get update",
    "/usr/bin/journalctl -u nginx",
    "/usr/bin/tail -n 50 /var/log/nginx/error.log",
];
const STATEMENTS: [&str; 4] = [
    "SELECT name, class FROM student WHERE class = $1 ORDER BY seat",
    "UPDATE attendance SET state = 1 WHERE student_id = $1 AND day = $2",
    "SELECT score FROM exam_score WHERE student_id = $1",
    "INSERT INTO visit_log (who, at) VALUES ($1, now())",
];

/// The school whose database log is tailed: the one that will be robbed.
pub const DATABASE_SCHOOL: usize = 6;

/// The act of the day.
pub(super) fn act(length_ms: u64) -> Act {
    Act {
        id: ActId::SchoolDay,
        title: Text::new(
            "寻常的一天：24 所学校的日常流量",
            "An ordinary day: traffic of 24 schools",
        ),
        site: SiteId::BUREAU,
        starts_ms: 0,
        ends_ms: length_ms,
        records: 0,
        expects: Vec::new(),
        query: "*".to_owned(),
    }
}

/// Writes the day. The number of records depends on the length and the rate alone.
pub(super) fn write(stage: &mut Stage<'_>, per_minute: u32, rng: &mut Rng) {
    const SLOT_MS: u64 = 100;
    const FULL: u64 = 60_000 * 100;
    let mut owed = 0;
    for slot in 0..stage.length_ms / SLOT_MS {
        let at = slot * SLOT_MS;
        // Hundredths of a lesson's rate, kept as an exact fraction from slot to slot.
        owed += u64::from(per_minute) * SLOT_MS * intensity(at * 1000 / stage.length_ms);
        while owed >= FULL {
            owed -= FULL;
            let at = at + rng.below(SLOT_MS);
            one(stage, at, rng);
        }
    }
}

fn intensity(permille: u64) -> u64 {
    PHASES.iter().find(|(end, _)| permille < *end).map_or(50, |(_, i)| *i)
}

fn one(stage: &mut Stage<'_>, at: u64, rng: &mut Rng) {
    let school = rng.below(stage.region.schools.len() as u64) as usize;
    let mut roll = rng.below(1000);
    let kind = MIX.iter().find_map(|(share, kind)| {
        if roll < *share {
            return Some(*kind);
        }
        roll -= share;
        None
    });
    match kind.unwrap_or(Kind::Web) {
        Kind::Flow => flow(stage, at, school, rng),
        Kind::Web => web(stage, at, school, rng),
        Kind::Database => database(stage, at, rng),
        other => host(stage, other, at, school, rng),
    }
}

/// An address of a parent or of a server outside: the documentation blocks 192.0.2.0/24 and
/// 198.51.100.0/24. The third block is kept for the attackers.
fn outside(rng: &mut Rng) -> Ipv4Addr {
    let last = rng.between(1, 250) as u8;
    if rng.chance(500) { Ipv4Addr::new(192, 0, 2, last) } else { Ipv4Addr::new(198, 51, 100, last) }
}

fn web(stage: &mut Stage<'_>, at: u64, index: usize, rng: &mut Rng) {
    let school = stage.region.school(index);
    let inside = school.address(rng.between(100, 199) as u8);
    let uri = rng.pick(&PAGES);
    let login = uri == "/login" && rng.chance(400);
    let request = Request {
        client: if rng.chance(600) { inside } else { outside(rng) },
        method: if login { "POST" } else { "GET" },
        uri,
        status: if login { 302 } else { rng.pick(&[200, 200, 200, 200, 200, 304, 304, 404]) },
        bytes: rng.between(180, 48_000),
        referer: "-",
        agent: rng.pick(&AGENTS),
    };
    let line = format::access(stage.time(at), school, &request);
    stage.line(ActId::SchoolDay, at, index, Channel::SyslogTcp, line);
}

fn flow(stage: &mut Stage<'_>, at: u64, index: usize, rng: &mut Rng) {
    let school = stage.region.school(index);
    let inside = school.address(rng.between(100, 199) as u8);
    let dns = rng.chance(250);
    let packets = if dns { 1 } else { rng.between(4, 400) };
    let flow = Flow {
        source: inside,
        destination: if dns { school.address(3) } else { outside(rng) },
        source_port: rng.between(20_000, 60_000) as u16,
        destination_port: if dns { 53 } else { rng.pick(&[443, 443, 443, 80]) },
        protocol: if dns { 17 } else { 6 },
        bytes: (packets * rng.between(60, 900)) as u32,
        packets: packets as u32,
        duration_ms: rng.below(8_000) as u32,
    };
    stage.flow(ActId::SchoolDay, at, index, flow);
}

fn database(stage: &mut Stage<'_>, at: u64, rng: &mut Rng) {
    let school = stage.region.school(DATABASE_SCHOOL);
    let what = format!("statement: {}", rng.pick(&STATEMENTS));
    let pid = 2_000 + rng.below(40);
    let line = format::postgres(stage.time(at), "xueji_app", school.address(21), pid, &what);
    stage.line(ActId::SchoolDay, at, DATABASE_SCHOOL, Channel::File, line);
}

fn host(stage: &mut Stage<'_>, kind: Kind, at: u64, index: usize, rng: &mut Rng) {
    let (time, school) = (stage.time(at), stage.region.school(index));
    let inside = school.address(rng.between(100, 199) as u8);
    let staff = school.staff.get(rng.below(20) as usize).map_or("teacher", String::as_str);
    let pid = rng.between(1_000, 30_000);
    let (channel, line) = match kind {
        Kind::Dns => {
            let name = rng.pick(&SITES);
            (Channel::SyslogUdp3164, format::dns(time, school, name, inside))
        }
        Kind::Dhcp => {
            let last = rng.between(100, 199) as u8;
            (Channel::SyslogUdp3164, format::dhcp(time, school, last))
        }
        Kind::Firewall => {
            let bytes = (rng.between(600, 90_000), rng.between(900, 900_000));
            let to = outside(rng);
            (Channel::SyslogUdp3164, format::firewall(time, school, inside, to, 443, bytes))
        }
        Kind::Vpn => (Channel::SyslogUdp3164, format::vpn(time, school, staff, outside(rng), true)),
        Kind::Windows => {
            let code = rng.pick(&[4624, 4624, 4624, 4634]);
            (Channel::HttpJson, format::windows(time, school, code, staff, inside))
        }
        Kind::Ssh if rng.chance(60) => (
            Channel::SyslogUdp5424,
            format::sshd_failed(time, school, "ops", school.address(50), pid),
        ),
        Kind::Sudo => {
            let command = rng.pick(&COMMANDS);
            (Channel::SyslogUdp5424, format::sudo(time, school, "ops", pid, command))
        }
        Kind::Process => (Channel::HttpJson, format::process(time, school, &housekeeping(pid))),
        _ => (Channel::SyslogUdp5424, format::sshd(time, school, "ops", school.address(50), pid)),
    };
    stage.line(ActId::SchoolDay, at, index, channel, line);
}

fn housekeeping(pid: u64) -> Process<'static> {
    Process {
        user: "root",
        executable: "/usr/sbin/logrotate",
        command_line: "/usr/sbin/logrotate /etc/logrotate.conf",
        parent: "/usr/lib/systemd/systemd",
        parent_command_line: "/usr/lib/systemd/systemd --system",
        pid,
    }
}
