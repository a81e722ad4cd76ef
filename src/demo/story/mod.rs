//! The story: every record that will be sent, when, by which channel, and to which act it belongs.
//! Pure: the same region, seed and plan give the same bytes, so what was sent can be compared
//! with what was journalled, matched and archived.
//!
//! Layout: `day` writes an ordinary school day, `attack` the four attacks, `format` the lines as
//! the devices write them.
//!
//! Story time and wall time: a record carries the time `start + at_ms`. A sender that goes faster
//! than story time must not send records from the future, which [`Plan::start`] takes care of.

mod attack;
mod day;
mod format;

use std::net::Ipv4Addr;
use std::time::Duration;

use events::{SiteId, Text, Timestamp};
use serde::Serialize;

pub use day::DATABASE_SCHOOL;

use super::region::Region;
use super::rng::Rng;

/// Shortest and longest story, in minutes of story time.
pub const MINUTES_MIN: u32 = 1;
/// Longest story, in minutes of story time: all records are held in memory.
pub const MINUTES_MAX: u32 = 120;

/// How a record travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// RFC 5424 syslog in UDP datagrams (RFC 5426).
    SyslogUdp5424,
    /// RFC 3164 syslog in UDP datagrams.
    SyslogUdp3164,
    /// RFC 5424 syslog over TCP with octet counting (RFC 6587).
    SyslogTcp,
    /// Lines appended to a file, which is rotated once on the way.
    File,
    /// JSON lines posted over HTTP.
    HttpJson,
    /// NetFlow v9 (RFC 3954) in UDP datagrams.
    NetflowV9,
}

impl Channel {
    /// All of them, in a fixed order.
    pub const ALL: [Self; 6] = [
        Self::SyslogUdp5424,
        Self::SyslogUdp3164,
        Self::SyslogTcp,
        Self::File,
        Self::HttpJson,
        Self::NetflowV9,
    ];

    /// Its name, as in JSON.
    #[cfg(test)]
    pub fn name(self) -> &'static str {
        match self {
            Self::SyslogUdp5424 => "syslog-udp5424",
            Self::SyslogUdp3164 => "syslog-udp3164",
            Self::SyslogTcp => "syslog-tcp",
            Self::File => "file",
            Self::HttpJson => "http-json",
            Self::NetflowV9 => "netflow-v9",
        }
    }
}

/// What is sent: a line without its framing, or one flow of a NetFlow packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// One line of text.
    Line(String),
    /// One flow.
    Flow(Flow),
}

impl Payload {
    /// The line, if it is one.
    pub fn line(&self) -> Option<&str> {
        match self {
            Self::Line(line) => Some(line),
            Self::Flow(_) => None,
        }
    }

    /// The flow, if it is one.
    pub fn flow(&self) -> Option<&Flow> {
        match self {
            Self::Flow(flow) => Some(flow),
            Self::Line(_) => None,
        }
    }
}

/// One unidirectional flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// IP protocol: 6 TCP, 17 UDP.
    pub protocol: u8,
    /// Bytes.
    pub bytes: u32,
    /// Packets.
    pub packets: u32,
    /// How long it lasted, in milliseconds, ending at the emission's time.
    pub duration_ms: u32,
}

/// Which part of the story a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActId {
    /// The ordinary school day.
    SchoolDay,
    /// Password spraying against a school's VPN.
    Spraying,
    /// A web shell on a school's site.
    WebShell,
    /// A mining beacon in the flows.
    Mining,
    /// A bulk export of the student database.
    Export,
}

/// One act: what happens, where, and what the node is expected to make of it.
#[derive(Clone, Debug, Serialize)]
pub struct Act {
    /// Which.
    pub id: ActId,
    /// What happens.
    pub title: Text,
    /// The school it happens to; the bureau when it happens everywhere.
    pub site: SiteId,
    /// First record, in milliseconds of story time.
    pub starts_ms: u64,
    /// Last record, in milliseconds of story time.
    pub ends_ms: u64,
    /// Records that belong to it.
    pub records: u64,
    /// Ids of the rules of which every one must have raised an alert at [`Act::site`].
    pub expects: Vec<&'static str>,
    /// What an analyst searches for to see it, in the node's query language.
    pub query: String,
}

/// One record to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emission {
    /// When, in milliseconds of story time.
    pub at_ms: u64,
    /// How.
    pub channel: Channel,
    /// Which school's device sends it: index into [`Region::schools`].
    pub school: usize,
    /// What.
    pub payload: Payload,
    /// To which act it belongs.
    pub act: ActId,
}

/// How long, how much and when.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The seed of everything drawn.
    pub seed: u64,
    /// Minutes of story time, [`MINUTES_MIN`] to [`MINUTES_MAX`] (brought into that range).
    pub minutes: u32,
    /// Records of the ordinary day in a minute of full lessons.
    pub records_per_minute: u32,
    /// The time of the first record.
    pub start: Timestamp,
}

impl Plan {
    /// The start of a story of `minutes` told from `now` on at `speed` times story time, so that
    /// no record is ever dated after the moment it is sent: the last one is dated when it is sent,
    /// the earlier ones lie before. At speed 1 this is `now`. A speed that is not a number above
    /// 0 counts as 1; slower than 1 starts at `now`.
    pub fn start(now: Timestamp, minutes: u32, speed: f64) -> Timestamp {
        let speed = if speed.is_finite() { speed.max(1.0) } else { 1.0 };
        let told = Duration::from_secs(u64::from(minutes.clamp(MINUTES_MIN, MINUTES_MAX)) * 60);
        now.minus(told.saturating_sub(told.div_f64(speed)))
    }
}

/// The whole story, in the order of time.
#[derive(Clone, Debug)]
pub struct Story {
    /// The time of the first record.
    pub start: Timestamp,
    /// Length in milliseconds of story time.
    pub length_ms: u64,
    /// The records, by `at_ms`.
    pub emissions: Vec<Emission>,
    /// The acts: the school day, then the attacks in the order they begin.
    pub acts: Vec<Act>,
}

/// How many records the story has, by channel: what the node must have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Syslog RFC 5424 over UDP.
    pub syslog_udp5424: u64,
    /// Syslog RFC 3164 over UDP.
    pub syslog_udp3164: u64,
    /// Syslog over TCP.
    pub syslog_tcp: u64,
    /// Lines of the file.
    pub file: u64,
    /// JSON lines over HTTP.
    pub http_json: u64,
    /// Flows (not packets).
    pub netflow_v9: u64,
}

impl Totals {
    /// The count of one channel.
    pub fn of(&self, channel: Channel) -> u64 {
        match channel {
            Channel::SyslogUdp5424 => self.syslog_udp5424,
            Channel::SyslogUdp3164 => self.syslog_udp3164,
            Channel::SyslogTcp => self.syslog_tcp,
            Channel::File => self.file,
            Channel::HttpJson => self.http_json,
            Channel::NetflowV9 => self.netflow_v9,
        }
    }

    /// Counts one channel up.
    pub fn add(&mut self, channel: Channel, count: u64) {
        let place = match channel {
            Channel::SyslogUdp5424 => &mut self.syslog_udp5424,
            Channel::SyslogUdp3164 => &mut self.syslog_udp3164,
            Channel::SyslogTcp => &mut self.syslog_tcp,
            Channel::File => &mut self.file,
            Channel::HttpJson => &mut self.http_json,
            Channel::NetflowV9 => &mut self.netflow_v9,
        };
        *place += count;
    }

    /// All records: the number of events the node must hold.
    pub fn events(&self) -> u64 {
        Channel::ALL.iter().map(|c| self.of(*c)).sum()
    }
}

impl Story {
    /// Writes the story of a region.
    pub fn new(region: &Region, plan: &Plan) -> Self {
        let minutes = plan.minutes.clamp(MINUTES_MIN, MINUTES_MAX);
        let length_ms = u64::from(minutes) * 60_000;
        let rng = Rng::new(plan.seed);
        let mut stage = Stage { region, start: plan.start, length_ms, emissions: Vec::new() };
        day::write(&mut stage, plan.records_per_minute, &mut rng.fork(1));
        let mut acts = vec![day::act(length_ms)];
        acts.extend(attack::write(&mut stage, &rng));
        let mut emissions = stage.emissions;
        emissions.sort_by_key(|e| e.at_ms);
        for act in &mut acts {
            act.records = emissions.iter().filter(|e| e.act == act.id).count() as u64;
        }
        Self { start: plan.start, length_ms, emissions, acts }
    }

    /// How many records it has.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for emission in &self.emissions {
            totals.add(emission.channel, 1);
        }
        totals
    }
}

/// What the writers of the story share.
struct Stage<'a> {
    region: &'a Region,
    start: Timestamp,
    length_ms: u64,
    emissions: Vec<Emission>,
}

impl Stage<'_> {
    fn time(&self, at_ms: u64) -> Timestamp {
        self.start.plus(Duration::from_millis(at_ms))
    }

    fn line(&mut self, act: ActId, at_ms: u64, school: usize, channel: Channel, line: String) {
        self.emissions.push(Emission { at_ms, channel, school, payload: Payload::Line(line), act });
    }

    fn flow(&mut self, act: ActId, at_ms: u64, school: usize, flow: Flow) {
        let (channel, payload) = (Channel::NetflowV9, Payload::Flow(flow));
        self.emissions.push(Emission { at_ms, channel, school, payload, act });
    }
}

#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod tests;
