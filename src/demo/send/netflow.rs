//! Encodes flows as NetFlow v9 (RFC 3954): a template, then data records. Pure.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use events::Timestamp;

use crate::demo::region::School;
use crate::demo::story::Flow;

/// Template id of our records.
pub const TEMPLATE: u16 = 300;
/// Flows of one datagram at most: stays below an Ethernet frame.
pub const FLOWS_PER_PACKET_MAX: usize = 24;
/// A template is sent again after this many datagrams (RFC 3954 section 9 asks for refreshes).
const TEMPLATE_EVERY: u32 = 20;

/// Field type and length in bytes, in the order of the record (RFC 3954 section 8).
const FIELDS: [(u16, u16); 12] = [
    (8, 4),  // IPV4_SRC_ADDR
    (12, 4), // IPV4_DST_ADDR
    (7, 2),  // L4_SRC_PORT
    (11, 2), // L4_DST_PORT
    (4, 1),  // PROTOCOL
    (6, 1),  // TCP_FLAGS
    (1, 4),  // IN_BYTES
    (2, 4),  // IN_PKTS
    (22, 4), // FIRST_SWITCHED
    (21, 4), // LAST_SWITCHED
    (10, 2), // INPUT_SNMP
    (14, 2), // OUTPUT_SNMP
];
/// How long the exporters have been up when the story begins, in milliseconds: flows that began
/// before the story still have a positive up-time.
const UPTIME_MS: u64 = 3_600_000;

/// The state of each school's exporter: datagrams sent so far.
pub struct Exporters {
    start: Timestamp,
    sequence: HashMap<Ipv4Addr, u32>,
}

impl Exporters {
    /// Exporters that begin at the story's start.
    pub fn new(start: Timestamp) -> Self {
        Self { start, sequence: HashMap::new() }
    }

    /// The datagrams for flows of one school, each with the story time at which it ended.
    pub fn packets<'a>(
        &mut self,
        school: &School,
        flows: impl Iterator<Item = (u64, &'a Flow)>,
    ) -> Vec<Vec<u8>> {
        let start = self.start;
        let flows: Vec<(u64, &Flow)> = flows.collect();
        let [_, x, y] = school.block;
        let source_id = u32::from(x) << 8 | u32::from(y);
        let sequence = self.sequence.entry(school.sender).or_default();
        let chunks = flows.chunks(FLOWS_PER_PACKET_MAX);
        let packets = chunks.map(|flows| {
            let packet = encode(start, source_id, *sequence, flows);
            *sequence += 1;
            packet
        });
        packets.collect()
    }
}

/// One datagram; with the template when it is the exporter's turn.
fn encode(start: Timestamp, source_id: u32, sequence: u32, flows: &[(u64, &Flow)]) -> Vec<u8> {
    let template = sequence.is_multiple_of(TEMPLATE_EVERY);
    let at = flows.iter().map(|(at, _)| *at).max().unwrap_or(0);
    let now = start.millis() + at as i64;
    let mut out = Vec::with_capacity(1400);
    put16(&mut out, 9);
    put16(&mut out, flows.len() as u16 + u16::from(template));
    // Up-time and seconds describe the same instant, so that the receiver's
    // `seconds − up-time + last` gives the flow's time; the seconds are cut, so is the up-time.
    let uptime = (UPTIME_MS + at).saturating_sub(now.rem_euclid(1000) as u64);
    put32(&mut out, uptime as u32);
    put32(&mut out, now.div_euclid(1000) as u32);
    put32(&mut out, sequence);
    put32(&mut out, source_id);
    if template {
        put16(&mut out, 0);
        put16(&mut out, 8 + 4 * FIELDS.len() as u16);
        put16(&mut out, TEMPLATE);
        put16(&mut out, FIELDS.len() as u16);
        for (kind, length) in FIELDS {
            put16(&mut out, kind);
            put16(&mut out, length);
        }
    }
    let record: u16 = FIELDS.iter().map(|(_, length)| length).sum();
    let body = 4 + record * flows.len() as u16;
    let padding = (4 - body % 4) % 4;
    put16(&mut out, TEMPLATE);
    put16(&mut out, body + padding);
    for (at, flow) in flows {
        data(&mut out, *at, flow);
    }
    out.resize(out.len() + usize::from(padding), 0);
    out
}

fn data(out: &mut Vec<u8>, at: u64, flow: &Flow) {
    let last = UPTIME_MS + at;
    out.extend(flow.source.octets());
    out.extend(flow.destination.octets());
    put16(out, flow.source_port);
    put16(out, flow.destination_port);
    out.push(flow.protocol);
    out.push(if flow.protocol == 6 { 0x1b } else { 0 });
    put32(out, flow.bytes);
    put32(out, flow.packets);
    put32(out, last.saturating_sub(u64::from(flow.duration_ms)) as u32);
    put32(out, last as u32);
    put16(out, 1);
    put16(out, 2);
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_be_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::region::Region;

    fn flow(n: u8) -> Flow {
        Flow {
            source: Ipv4Addr::new(10, 1, 2, n),
            destination: Ipv4Addr::new(203, 0, 113, 1),
            source_port: 50_000,
            destination_port: 14_444,
            protocol: 6,
            bytes: 400,
            packets: 4,
            duration_ms: 900,
        }
    }

    fn be16(bytes: &[u8], at: usize) -> u16 {
        u16::from_be_bytes([bytes[at], bytes[at + 1]])
    }

    fn be32(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    #[test]
    fn the_first_datagram_brings_the_template() {
        let start = Timestamp::from_millis(1_900_000_000_250);
        let region = Region::new(1);
        let flows: Vec<Flow> = (0..50).map(flow).collect();
        let mut exporters = Exporters::new(start);
        let packets = exporters.packets(region.school(0), flows.iter().map(|f| (2_000, f)));
        assert_eq!(packets.len(), 3, "24 + 24 + 2 flows");
        assert!(packets.iter().all(|p| p.len() <= 1_400));
        let first = &packets[0];
        assert_eq!((be16(first, 0), be16(first, 2)), (9, 25));
        assert_eq!(be32(first, 8), 1_900_000_002, "seconds of the record's own time");
        assert_eq!((be16(first, 20), be16(first, 24)), (0, TEMPLATE));
        assert_eq!((be16(&packets[1], 2), be16(&packets[1], 20)), (24, TEMPLATE));
        assert_eq!((be32(&packets[1], 12), be32(&packets[2], 12)), (1, 2), "sequence");
    }

    #[test]
    fn lengths_add_up_and_times_come_back() {
        let start = Timestamp::from_millis(1_900_000_000_250);
        let flow = flow(9);
        let packet = encode(start, 1, 1, &[(5_125, &flow)]);
        let length = usize::from(be16(&packet, 22));
        assert_eq!(packet.len(), 20 + length);
        assert_eq!(length % 4, 0);
        let (uptime, secs) = (i64::from(be32(&packet, 4)), i64::from(be32(&packet, 8)));
        let last = i64::from(be32(&packet, 24 + 8 + 4 + 2 + 8 + 4));
        assert_eq!(secs * 1000 - uptime + last, start.millis() + 5_125);
    }
}
