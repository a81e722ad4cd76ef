//! The four attacks. Each is written at a place in the story that scales with its length, but
//! keeps its own pace inside the windows of the rules it must raise.

use std::net::Ipv4Addr;

use events::Text;

use super::day::DATABASE_SCHOOL;
use super::format::{self, Process, Request};
use super::{Act, ActId, Channel, Flow, Stage};
use crate::demo::rng::Rng;

/// Accounts tried by the spraying, each once.
pub(super) const SPRAYED_USERS: usize = 42;
/// Flows of the mining beacon.
pub(super) const BEACON_FLOWS: u64 = 48;

/// The school whose VPN is sprayed: a senior high school of the second district.
const SPRAYED_SCHOOL: usize = 13;
/// The school whose site gets a web shell: a junior high school of the first district.
const SHELL_SCHOOL: usize = 3;
/// The school where a machine mines: a vocational school of the third district.
const MINING_SCHOOL: usize = 23;

/// Attackers come from the third documentation block.
const SPRAYER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 66);
const INTRUDER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 147);
const POOL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 201);
const POOL_PORT: u16 = 14_444;
/// Longest span of one attack, so that it stays within a five-minute window.
const SPAN_MS_MAX: u64 = 150_000;

/// Writes the attacks; the acts come in the order in which they begin.
pub(super) fn write(stage: &mut Stage<'_>, rng: &Rng) -> Vec<Act> {
    vec![
        spraying(stage, &mut rng.fork(11)),
        mining(stage, &mut rng.fork(12)),
        web_shell(stage),
        export(stage),
    ]
}

/// A span that begins at a part of the story (thousandths) and lasts at most another part.
fn span(stage: &Stage<'_>, from: u64, to: u64) -> (u64, u64) {
    let starts = stage.length_ms * from / 1000;
    (starts, starts + (stage.length_ms * (to - from) / 1000).min(SPAN_MS_MAX))
}

fn act(stage: &Stage<'_>, id: ActId, school: usize, at: (u64, u64), title: Text) -> Act {
    Act {
        id,
        title,
        site: stage.region.school(school).code,
        starts_ms: at.0,
        ends_ms: at.1,
        records: 0,
        expects: Vec::new(),
        query: String::new(),
    }
}

/// One outside address tries one password on many accounts of a VPN, until one opens.
fn spraying(stage: &mut Stage<'_>, rng: &mut Rng) -> Act {
    let at = span(stage, 150, 350);
    let school = stage.region.school(SPRAYED_SCHOOL);
    let gap = (at.1 - at.0) / (SPRAYED_USERS as u64 + 2);
    let mut lines = Vec::new();
    for (n, user) in school.staff.iter().take(SPRAYED_USERS).enumerate() {
        let when = at.0 + gap * n as u64 + rng.below(gap / 2);
        lines.push((when, format::vpn(stage.time(when), school, user, SPRAYER, false)));
    }
    // The one whose password was the sprayed one was not among the failures.
    let opened = school.staff.get(SPRAYED_USERS).map_or("teacher", String::as_str);
    lines.push((at.1, format::vpn(stage.time(at.1), school, opened, SPRAYER, true)));
    for (when, line) in lines {
        stage.line(ActId::Spraying, when, SPRAYED_SCHOOL, Channel::SyslogUdp3164, line);
    }
    let title = Text::new(
        "针对学校 VPN 的口令喷洒：42 个账号各试一次，最后一个登录成功",
        "Password spraying against a school's VPN: 42 accounts tried once each, then one opens",
    );
    Act {
        expects: vec!["vpn-password-spraying", "vpn-success-after-spraying"],
        query: format!("source.ip:{SPRAYER}"),
        ..act(stage, ActId::Spraying, SPRAYED_SCHOOL, at, title)
    }
}

/// A machine of a school asks for a pool's name and then reports to it at an even pace.
fn mining(stage: &mut Stage<'_>, rng: &mut Rng) -> Act {
    let starts = stage.length_ms * 300 / 1000;
    let at = (starts, starts + (stage.length_ms * 600 / 1000).min(3 * SPAN_MS_MAX));
    let school = stage.region.school(MINING_SCHOOL);
    let miner = school.address(77);
    let asked = format::dns(stage.time(at.0), school, "pool.supportxmr.com", miner);
    stage.line(ActId::Mining, at.0, MINING_SCHOOL, Channel::SyslogUdp3164, asked);
    for n in 1..=BEACON_FLOWS {
        let when = at.0 + (at.1 - at.0) * n / BEACON_FLOWS;
        let flow = Flow {
            source: miner,
            destination: POOL,
            source_port: 51_877,
            destination_port: POOL_PORT,
            protocol: 6,
            bytes: rng.between(380, 460) as u32,
            packets: 4,
            duration_ms: 900,
        };
        stage.flow(ActId::Mining, when, MINING_SCHOOL, flow);
    }
    let title = Text::new(
        "机房一台电脑按固定节奏连接矿池",
        "A machine in a computer room reports to a mining pool at an even pace",
    );
    Act {
        expects: vec!["dns-mining-pool", "netflow-mining-beacon"],
        query: format!("destination.ip:{POOL}"),
        ..act(stage, ActId::Mining, MINING_SCHOOL, at, title)
    }
}

const SCANNED: [&str; 5] =
    ["/admin/", "/ueditor/net/controller.ashx", "/upload.php", "/.git/config", "/backup.zip"];
const SHELL: &str = "/upload/2026/11/photo_0931.php";

/// Looks for an upload form, uploads a shell, runs commands with it.
fn web_shell(stage: &mut Stage<'_>) -> Act {
    let at = span(stage, 400, 600);
    let gap = (at.1 - at.0) / 20;
    let mut step = 0;
    let mut next = || {
        step += 1;
        at.0 + gap * (step - 1)
    };
    for uri in SCANNED {
        request(stage, next(), "GET", uri, 404);
    }
    request(stage, next(), "POST", "/upload.php?dir=2026/11", 200);
    request(stage, next(), "GET", SHELL, 200);
    for command in ["id", "whoami", "uname -a", "cat /etc/passwd"] {
        request(stage, next(), "POST", SHELL, 200);
        let line = format!("sh -c {command}");
        child(stage, next(), "/usr/bin/sh", &line);
        let name = command.split(' ').next().unwrap_or(command);
        child(stage, next(), &format!("/usr/bin/{name}"), command);
    }
    let title = Text::new(
        "学校网站被上传网页后门，并通过它执行命令",
        "A web shell is uploaded to a school's site and commands are run through it",
    );
    Act {
        expects: vec!["web-shell-access", "linux-web-server-child"],
        query: format!("source.ip:{INTRUDER}"),
        ..act(stage, ActId::WebShell, SHELL_SCHOOL, (at.0, next()), title)
    }
}

fn request(stage: &mut Stage<'_>, at: u64, method: &str, uri: &str, status: u16) {
    let school = stage.region.school(SHELL_SCHOOL);
    let request = Request {
        client: INTRUDER,
        method,
        uri,
        status,
        bytes: 214,
        referer: "-",
        agent: "python-requests/2.32.3",
    };
    let line = format::access(stage.time(at), school, &request);
    stage.line(ActId::WebShell, at, SHELL_SCHOOL, Channel::SyslogTcp, line);
}

fn child(stage: &mut Stage<'_>, at: u64, executable: &str, command_line: &str) {
    let school = stage.region.school(SHELL_SCHOOL);
    let process = Process {
        user: "www-data",
        executable,
        command_line,
        parent: "/usr/sbin/php-fpm8.2",
        parent_command_line: "php-fpm: pool www",
        pid: 20_000 + at % 1_000,
    };
    let line = format::process(stage.time(at), school, &process);
    stage.line(ActId::WebShell, at, SHELL_SCHOOL, Channel::HttpJson, line);
}

/// A reporting account reads the table definitions and then copies the whole student table out.
fn export(stage: &mut Stage<'_>) -> Act {
    let at = span(stage, 650, 750);
    let school = stage.region.school(DATABASE_SCHOOL);
    let from = school.address(88);
    let statements = [
        "statement: SELECT table_name FROM information_schema.tables",
        "statement: SELECT count(*) FROM student",
        "statement: COPY (SELECT * FROM student) TO STDOUT WITH CSV HEADER",
        "duration: 1873.402 ms",
    ];
    for (n, what) in statements.iter().enumerate() {
        let when = at.0 + (at.1 - at.0) * n as u64 / 4;
        let line = format::postgres(stage.time(when), "report_ro", from, 2_093, what);
        stage.line(ActId::Export, when, DATABASE_SCHOOL, Channel::File, line);
    }
    let title = Text::new(
        "统计账号把整张学生表导出",
        "A reporting account copies the whole student table out",
    );
    Act {
        expects: vec!["database-student-bulk-export"],
        query: "user.name:report_ro".to_owned(),
        ..act(stage, ActId::Export, DATABASE_SCHOOL, at, title)
    }
}
