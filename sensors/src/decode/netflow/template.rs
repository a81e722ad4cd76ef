//! Templates, and the plans made of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::sampling::Said;
use crate::decode::flow::{Flow, Form};
use crate::limits::TEMPLATE_FIELDS_MAX;

/// What a template belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Who exports.
    pub exporter: IpAddr,
    /// 9 or 10.
    pub version: u16,
    /// Source id (v9) or observation domain (IPFIX).
    pub domain: u32,
    /// Template id, 256 or more.
    pub id: u16,
}

/// A field whose length stands before each value.
const VARIABLE: u16 = 0xffff;
/// The enterprise of fields for the reverse direction (RFC 5103).
const REVERSE: u32 = 29_305;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) id: u16,
    pub(crate) len: u16,
    pub(crate) enterprise: u32,
}

/// What a field means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    Protocol,
    Bytes,
    Packets,
    ReverseBytes,
    ReversePackets,
    TcpFlags,
    Input,
    Output,
    StartUptime,
    EndUptime,
    StartSecs,
    EndSecs,
    StartMs,
    EndMs,
    StartNtp,
    EndNtp,
    Interval,
    Looked,
    Passed,
    Sampler,
}

/// Information elements of IANA's IPFIX registry; NetFlow v9 shares the low numbers.
fn kind(field: Field) -> Option<Kind> {
    use Kind::*;
    Some(match (field.enterprise, field.id) {
        (0, 8 | 27) => Source,
        (0, 12 | 28) => Destination,
        (0, 7 | 180 | 182) => SourcePort,
        (0, 11 | 181 | 183) => DestinationPort,
        (0, 4) => Protocol,
        (0, 1 | 85 | 231) => Bytes,
        (0, 2 | 86 | 298) => Packets,
        (0, 23 | 232) | (REVERSE, 1 | 85) => ReverseBytes,
        (0, 24 | 299) | (REVERSE, 2 | 86) => ReversePackets,
        (0, 6) => TcpFlags,
        (0, 10) => Input,
        (0, 14) => Output,
        (0, 22) => StartUptime,
        (0, 21) => EndUptime,
        (0, 150) => StartSecs,
        (0, 151) => EndSecs,
        (0, 152) => StartMs,
        (0, 153) => EndMs,
        (0, 154 | 156) => StartNtp,
        (0, 155 | 157) => EndNtp,
        (0, 34 | 50) => Interval,
        (0, 305) => Looked,
        (0, 306) => Passed,
        (0, 48 | 302) => Sampler,
        _ => return None,
    })
}

/// What a packet's header says about times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) version: u16,
    pub(crate) exported_ms: i64,
    /// Milliseconds since the exporter started, as it counts them; v5 and v9.
    pub(crate) uptime_ms: Option<u32>,
}

/// A time of a flow lies no further ahead of its packet's own than half the count, in milliseconds.
const AHEAD_MS: u32 = 1 << 31;

impl Head {
    /// The time of an exporter's count of milliseconds. The count begins anew after 49.7 days: one
    /// that is far ahead of the packet's own was taken before it did.
    pub(crate) fn at(&self, count: u64) -> Option<i64> {
        let (now, then) = (self.uptime_ms?, u32::try_from(count).ok()?);
        let ahead = then.wrapping_sub(now);
        Some(if ahead < AHEAD_MS {
            self.exported_ms + i64::from(ahead)
        } else {
            self.exported_ms - i64::from(now.wrapping_sub(then))
        })
    }
}

/// A record as read: what it says of a flow, and of sampling.
pub(crate) struct Row {
    pub(crate) flow: Flow,
    pub(crate) said: Said,
}

/// A template ready to read records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    fields: Vec<Field>,
    pub(crate) options: bool,
    /// Length of a record without variable fields.
    fixed: Option<usize>,
    /// Fields that matter: meaning, offset, length. Only for templates of fixed length.
    plan: Vec<(Kind, usize, usize)>,
    /// Least bytes of a record.
    pub(crate) least: usize,
}

impl Template {
    /// `None` when the fields are too many or records would be empty.
    pub(crate) fn new(fields: Vec<Field>, options: bool) -> Option<Self> {
        if fields.is_empty() || fields.len() > TEMPLATE_FIELDS_MAX {
            return None;
        }
        let mut plan = Vec::new();
        let (mut at, mut least, mut variable) = (0usize, 0usize, false);
        for field in &fields {
            if field.len == VARIABLE {
                variable = true;
                least += 1;
                continue;
            }
            let len = usize::from(field.len);
            if let Some(kind) = kind(*field) {
                plan.push((kind, at, len));
            }
            at += len;
            least += len;
        }
        if least == 0 {
            return None;
        }
        let fixed = (!variable).then_some(at);
        if variable {
            plan.clear();
        }
        Some(Self { fields, options, fixed, plan, least })
    }

    /// Reads one record at the start of `bytes`, and the bytes it took; `None` when the record does
    /// not fit.
    pub(crate) fn read(&self, bytes: &[u8], head: Head) -> Option<(Row, usize)> {
        let form = if head.version == 9 { Form::V9 } else { Form::Ipfix };
        let flow = Flow { form, exported_ms: head.exported_ms, ..Flow::default() };
        let mut row = Row { flow, said: Said::default() };
        if let Some(len) = self.fixed {
            let record = bytes.get(..len)?;
            for (kind, at, len) in &self.plan {
                put(&mut row, *kind, &record[*at..*at + *len], head);
            }
            return Some((row, len));
        }
        let mut at = 0;
        for field in &self.fields {
            let len = if field.len == VARIABLE {
                let (len, header) = variable(bytes.get(at..)?)?;
                at += header;
                len
            } else {
                usize::from(field.len)
            };
            let value = bytes.get(at..at + len)?;
            if let Some(kind) = kind(*field) {
                put(&mut row, kind, value, head);
            }
            at += len;
        }
        Some((row, at))
    }

    /// Its form for a checkpoint: 8 bytes per field after one for the kind.
    pub(crate) fn save(&self) -> Vec<u8> {
        let mut bytes = vec![u8::from(self.options)];
        for field in &self.fields {
            bytes.extend(field.id.to_be_bytes());
            bytes.extend(field.len.to_be_bytes());
            bytes.extend(field.enterprise.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn load(bytes: &[u8]) -> Option<Self> {
        let (options, rest) = bytes.split_first()?;
        if rest.len() % 8 != 0 {
            return None;
        }
        let fields = rest.chunks_exact(8).map(|c| Field {
            id: u16::from_be_bytes([c[0], c[1]]),
            len: u16::from_be_bytes([c[2], c[3]]),
            enterprise: u32::from_be_bytes([c[4], c[5], c[6], c[7]]),
        });
        Self::new(fields.collect(), *options != 0)
    }
}

/// The length of a variable field, and the bytes of that length itself (RFC 7011, 7).
fn variable(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.first()? {
        255 => Some((usize::from(u16::from_be_bytes([*bytes.get(1)?, *bytes.get(2)?])), 3)),
        short => Some((usize::from(short), 1)),
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|b| Ipv4Addr::from(b).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|b| Ipv6Addr::from(b).into()),
        _ => None,
    }
}

/// A field may come twice (an exporter that sends both 4 and 6 sends zeros for the other): the
/// first that says something counts.
fn put_address(slot: &mut Option<IpAddr>, value: &[u8]) {
    if slot.is_none_or(|old| old.is_unspecified())
        && let Some(new) = address(value)
    {
        *slot = Some(new);
    }
}

fn put(row: &mut Row, kind: Kind, value: &[u8], head: Head) {
    let (flow, said) = (&mut row.flow, &mut row.said);
    match kind {
        Kind::Source => return put_address(&mut flow.source, value),
        Kind::Destination => return put_address(&mut flow.destination, value),
        _ => {}
    }
    let Some(n) = number(value) else { return };
    let signed = i64::try_from(n).unwrap_or(i64::MAX);
    match kind {
        Kind::Source | Kind::Destination => {}
        Kind::SourcePort => put_port(&mut flow.source_port, n),
        Kind::DestinationPort => put_port(&mut flow.destination_port, n),
        Kind::Protocol => flow.protocol = u8::try_from(n).ok(),
        Kind::Bytes => flow.bytes = flow.bytes.max(n),
        Kind::Packets => flow.packets = flow.packets.max(n),
        Kind::ReverseBytes => flow.reverse_bytes = Some(n),
        Kind::ReversePackets => flow.reverse_packets = Some(n),
        Kind::TcpFlags => flow.tcp_flags = u16::try_from(n).ok(),
        Kind::Input => flow.input = u32::try_from(n).ok(),
        Kind::Output => flow.output = u32::try_from(n).ok(),
        Kind::StartUptime => flow.start_ms = head.at(n),
        Kind::EndUptime => flow.end_ms = head.at(n),
        Kind::StartSecs => flow.start_ms = Some(signed.saturating_mul(1000)),
        Kind::EndSecs => flow.end_ms = Some(signed.saturating_mul(1000)),
        Kind::StartMs => flow.start_ms = Some(signed),
        Kind::EndMs => flow.end_ms = Some(signed),
        Kind::StartNtp => flow.start_ms = Some(ntp(n)),
        Kind::EndNtp => flow.end_ms = Some(ntp(n)),
        Kind::Interval => said.interval = u32::try_from(n).ok(),
        Kind::Looked => said.looked = u32::try_from(n).ok(),
        Kind::Passed => said.passed = u32::try_from(n).ok(),
        Kind::Sampler => said.sampler = Some(n),
    }
}

fn put_port(slot: &mut Option<u16>, n: u64) {
    if slot.is_none_or(|old| old == 0) {
        *slot = u16::try_from(n).ok();
    }
}

/// Seconds since 1900 and a binary fraction.
fn ntp(n: u64) -> i64 {
    let secs = (n >> 32) as i64 - 2_208_988_800;
    let ms = ((n & 0xffff_ffff) * 1000) >> 32;
    secs * 1000 + ms as i64
}
