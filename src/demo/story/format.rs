//! The lines as the devices write them. Times are Beijing time, as in every school.

use std::net::Ipv4Addr;

use events::Timestamp;
use events::time::BEIJING_OFFSET_SECS;
use serde_json::json;

use crate::demo::region::School;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Facility and severity as a syslog priority.
#[derive(Clone, Copy)]
pub(super) enum Pri {
    /// authpriv.info
    Auth = 86,
    /// authpriv.warning
    AuthWarning = 84,
    /// local6.info
    Access = 182,
    /// local0.info
    Device = 134,
    /// local0.warning
    DeviceWarning = 132,
    /// daemon.info
    Daemon = 30,
}

/// `2026-11-23 12:05:06` split into year, month name, day, and time of day.
fn parts(time: Timestamp) -> (String, &'static str, String, String) {
    let text = time.to_beijing();
    let month: usize = text.get(5..7).and_then(|m| m.parse().ok()).unwrap_or(1);
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    let name = MONTHS.get(month.saturating_sub(1)).copied().unwrap_or("Jan");
    (part(0..4), name, part(8..10), text.get(11..).unwrap_or_default().to_owned())
}

/// RFC 5424 with no structured data.
pub(super) fn rfc5424(
    pri: Pri,
    time: Timestamp,
    host: &str,
    app: &str,
    pid: u64,
    msg: &str,
) -> String {
    let at = time.to_rfc3339_at(BEIJING_OFFSET_SECS);
    format!("<{}>1 {at} {host} {app} {pid} - - {msg}", pri as u8)
}

/// RFC 3164: no year, no zone, the day padded with a space.
pub(super) fn rfc3164(pri: Pri, time: Timestamp, host: &str, tag: &str, msg: &str) -> String {
    let (_, month, day, clock) = parts(time);
    let day = day.strip_prefix('0').map_or(day.clone(), |d| format!(" {d}"));
    format!("<{}>{month} {day} {clock} {host} {tag}: {msg}", pri as u8)
}

/// One request as nginx logs it in its combined format.
pub(super) struct Request<'a> {
    pub(super) client: Ipv4Addr,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) referer: &'a str,
    pub(super) agent: &'a str,
}

/// The combined access log, in syslog over TCP.
pub(super) fn access(time: Timestamp, school: &School, r: &Request<'_>) -> String {
    let (year, month, day, clock) = parts(time);
    let msg = format!(
        "{} - - [{day}/{month}/{year}:{clock} +0800] \"{} {} HTTP/1.1\" {} {} \"{}\" \"{}\"",
        r.client, r.method, r.uri, r.status, r.bytes, r.referer, r.agent
    );
    rfc5424(Pri::Access, time, &school.host("web"), "nginx", 812, &msg)
}

/// A logon at the VPN gateway.
pub(super) fn vpn(
    time: Timestamp,
    school: &School,
    user: &str,
    from: Ipv4Addr,
    ok: bool,
) -> String {
    let (result, pri) = if ok { ("success", Pri::Device) } else { ("fail", Pri::DeviceWarning) };
    let msg = format!(
        "type=vpn action=login result={result} user={user} srcip={from} dstip={} dstport=443",
        school.vpn()
    );
    rfc3164(pri, time, &school.host("vpn"), "sangfor", &msg)
}

/// A logon by ssh.
pub(super) fn sshd(
    time: Timestamp,
    school: &School,
    user: &str,
    from: Ipv4Addr,
    pid: u64,
) -> String {
    let msg = format!(
        "Accepted publickey for {user} from {from} port {} ssh2: ED25519 SHA256:q1w2e3",
        40_000 + pid % 20_000
    );
    rfc5424(Pri::Auth, time, &school.host("web"), "sshd", pid, &msg)
}

/// A mistyped password at ssh.
pub(super) fn sshd_failed(
    time: Timestamp,
    school: &School,
    user: &str,
    from: Ipv4Addr,
    pid: u64,
) -> String {
    let port = 40_000 + pid % 20_000;
    let msg = format!("Failed password for {user} from {from} port {port} ssh2");
    rfc5424(Pri::AuthWarning, time, &school.host("web"), "sshd", pid, &msg)
}

/// A command by sudo.
pub(super) fn sudo(
    time: Timestamp,
    school: &School,
    user: &str,
    pid: u64,
    command: &str,
) -> String {
    let msg = format!("{user} : TTY=pts/0 ; PWD=/home/{user} ; USER=root ; COMMAND={command}");
    rfc5424(Pri::Auth, time, &school.host("web"), "sudo", pid, &msg)
}

/// A query as dnsmasq logs it.
pub(super) fn dns(time: Timestamp, school: &School, name: &str, from: Ipv4Addr) -> String {
    let msg = format!("query[A] {name} from {from}");
    rfc3164(Pri::Daemon, time, &school.host("dns"), "dnsmasq[402]", &msg)
}

/// A lease as dnsmasq logs it.
pub(super) fn dhcp(time: Timestamp, school: &School, last: u8) -> String {
    let address = school.address(last);
    let [_, x, y] = school.block;
    let msg = format!("DHCPACK(br0) {address} 02:5e:10:{x:02x}:{y:02x}:{last:02x} pc-{last}");
    rfc3164(Pri::Daemon, time, &school.host("dns"), "dnsmasq-dhcp[402]", &msg)
}

/// A permitted session at the firewall, in the key=value form of FortiGate devices.
pub(super) fn firewall(
    time: Timestamp,
    school: &School,
    from: Ipv4Addr,
    to: Ipv4Addr,
    port: u16,
    bytes: (u64, u64),
) -> String {
    let stamp = time.to_beijing();
    let (date, clock) = stamp.split_once(' ').unwrap_or((&stamp, ""));
    format!(
        "<{}>date={date} time={clock} devname=\"{}\" devid=\"FGDEMO{:02}{:02}\" tz=\"+0800\" \
         logid=\"0000000013\" type=\"traffic\" subtype=\"forward\" level=\"notice\" vd=\"root\" \
         srcip={from} srcport={} dstip={to} dstport={port} proto=6 action=\"close\" policyid=12 \
         sentbyte={} rcvdbyte={} service=\"HTTPS\"",
        Pri::Device as u8,
        school.host("fw"),
        school.block[1],
        school.block[2],
        40_000 + (bytes.0 % 20_000),
        bytes.0,
        bytes.1
    )
}

/// A Windows security record in the shape of Winlogbeat.
pub(super) fn windows(
    time: Timestamp,
    school: &School,
    code: u32,
    user: &str,
    from: Ipv4Addr,
) -> String {
    let outcome = if code == 4625 { "failure" } else { "success" };
    json!({
        "@timestamp": time.to_rfc3339(),
        "event": {"code": code.to_string(), "provider": "Microsoft-Windows-Security-Auditing",
                  "outcome": outcome},
        "host": {"name": school.host("dc")},
        "log": {"level": "information"},
        "winlog": {
            "channel": "Security", "event_id": code, "computer_name": school.host("dc"),
            "provider_name": "Microsoft-Windows-Security-Auditing",
            "event_data": {
                "TargetUserName": user, "TargetDomainName": school.slug.to_uppercase(),
                "LogonType": "3", "IpAddress": from.to_string(), "IpPort": "0",
                "WorkstationName": format!("PC-{}", from.octets()[3])
            }
        }
    })
    .to_string()
}

/// A started process.
pub(super) struct Process<'a> {
    pub(super) user: &'a str,
    pub(super) executable: &'a str,
    pub(super) command_line: &'a str,
    pub(super) parent: &'a str,
    pub(super) parent_command_line: &'a str,
    pub(super) pid: u64,
}

/// A started process as an agent on Linux reports it.
pub(super) fn process(time: Timestamp, school: &School, p: &Process<'_>) -> String {
    let name = p.executable.rsplit('/').next().unwrap_or_default();
    json!({
        "@timestamp": time.to_rfc3339(),
        "event": {"action": "process_started", "category": "process", "kind": "event"},
        "host": {"name": school.host("web"), "os": {"type": "linux"}},
        "user": {"name": p.user},
        "process": {
            "name": name, "pid": p.pid, "executable": p.executable,
            "command_line": p.command_line,
            "parent": {"executable": p.parent, "command_line": p.parent_command_line}
        }
    })
    .to_string()
}

/// A statement as PostgreSQL logs it with `log_line_prefix = '%m [%p] %u@%d %h '`.
pub(super) fn postgres(
    time: Timestamp,
    user: &str,
    from: Ipv4Addr,
    pid: u64,
    what: &str,
) -> String {
    let (stamp, millis) = (time.to_beijing(), time.millis().rem_euclid(1000));
    format!("{stamp}.{millis:03} CST [{pid}] {user}@xueji {from} LOG:  {what}")
}
