//! Captures of packets (pcap, pcapng) to bidirectional flows.
//!
//! The source of a flow is who sent its first packet, or for TCP who did not send the SYN that
//! acknowledges. A flow is over after a silence, or when TCP ended it and the same ports begin
//! anew. Files are read by `pcap-parser`; only headers are looked at.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::net::IpAddr;

use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};

use super::Problem;
use super::flow::{Flow, Form};
use super::link::Link;
use super::packet::{self, Packet};
use crate::limits::{CAPTURE_FLOWS_MAX, CAPTURE_IDLE_MS, CAPTURE_PACKET_BYTES_MAX};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// What a capture held beside its flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Packets that belong to flows.
    pub packets: u64,
    /// Packets that are not IP, or of a link layer that is not read.
    pub others: u64,
    /// Whether the file is damaged or ends amid a packet: what came before counts.
    pub damaged: bool,
}

/// Reads a capture and calls `each` with every flow, in the order they end.
///
/// # Errors
/// [`Problem::BadCapture`] when it is no capture at all.
pub fn flows(file: impl Read + Send, each: &mut dyn FnMut(Flow)) -> Result<Summary, Problem> {
    let mut reader =
        create_reader(CAPTURE_PACKET_BYTES_MAX, file).map_err(|_| Problem::BadCapture)?;
    let mut job =
        Job { table: Table::default(), links: Vec::new(), big: None, summary: Summary::default() };
    loop {
        if job.is_short(reader.data()) {
            job.summary.damaged = true;
            break;
        }
        match reader.next() {
            Ok((offset, block)) => {
                job.block(&block, each);
                reader.consume(offset);
            }
            Err(PcapError::Eof) => break,
            Err(PcapError::Incomplete(_)) => {
                // What does not grow any more is no whole block.
                let before = reader.data().len();
                if reader.refill().is_err() || reader.data().len() == before {
                    job.summary.damaged = before > 0;
                    break;
                }
            }
            Err(_) => {
                job.summary.damaged = true;
                break;
            }
        }
    }
    job.table.finish(each);
    Ok(job.summary)
}

struct Job {
    table: Table,
    /// Link layer and clock of every interface: one for pcap, several for pcapng.
    links: Vec<Interface>,
    /// Whether lengths of a pcapng section begin with their high byte.
    big: Option<bool>,
    summary: Summary,
}

#[derive(Clone, Copy)]
struct Interface {
    link: Option<Link>,
    /// Ticks of its clock in a second.
    ticks: u64,
    offset_secs: i64,
}

impl Job {
    /// Whether the next block of a pcapng section says that it is shorter than its own frame, which
    /// the parser (pcap-parser 0.17) subtracts from.
    fn is_short(&self, next: &[u8]) -> bool {
        let (Some(big), Some(bytes)) = (self.big, next.get(4..8)) else { return false };
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let len = if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        !next.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) && len < 12
    }

    fn block(&mut self, block: &PcapBlockOwned<'_>, each: &mut dyn FnMut(Flow)) {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                let ticks =
                    if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
                self.links =
                    vec![Interface { link: Link::of(header.network.0), ticks, offset_secs: 0 }];
            }
            PcapBlockOwned::Legacy(packet) => {
                let Some(on) = self.links.first().copied() else { return };
                let fraction = u64::from(packet.ts_usec) * 1000 / on.ticks;
                let ms = i64::from(packet.ts_sec) * 1000 + fraction as i64;
                self.packet(on, packet.data, ms, each);
            }
            PcapBlockOwned::NG(Block::SectionHeader(section)) => {
                self.links.clear();
                self.big = Some(section.big_endian());
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(of)) => {
                let ticks = of.ts_resolution().unwrap_or(1_000_000).max(1);
                let offset_secs = of.if_tsoffset;
                self.links.push(Interface { link: Link::of(of.linktype.0), ticks, offset_secs });
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => {
                let Some(on) = self.links.get(packet.if_id as usize).copied() else { return };
                let stamp = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                let ms = u128::from(stamp) * 1000 / u128::from(on.ticks);
                let ms = i64::try_from(ms).unwrap_or(0);
                let ms = ms.saturating_add(on.offset_secs.saturating_mul(1000));
                let kept = packet.data.len().min(packet.caplen as usize);
                self.packet(on, &packet.data[..kept], ms, each);
            }
            PcapBlockOwned::NG(_) => {}
        }
    }

    fn packet(&mut self, on: Interface, bytes: &[u8], ms: i64, each: &mut dyn FnMut(Flow)) {
        let before = self.summary.packets;
        if let Some(link) = on.link {
            packet::each(link, bytes, &mut |packet| {
                self.summary.packets += 1;
                self.table.add(&packet, ms, each);
            });
        }
        self.summary.others += u64::from(self.summary.packets == before);
    }
}

type End = (IpAddr, u16);

/// Flows that are open.
#[derive(Default)]
struct Table {
    open: HashMap<(End, End, u8), Open>,
    /// The same by when they began, so that the oldest is found.
    order: BTreeMap<u64, (End, End, u8)>,
    next: u64,
}

struct Open {
    /// The source.
    from: End,
    flow: Flow,
    number: u64,
    last_ms: i64,
    /// Whether source and destination have sent FIN, or either RST.
    fins: (bool, bool),
    reset: bool,
}

impl Table {
    fn add(&mut self, packet: &Packet, ms: i64, each: &mut dyn FnMut(Flow)) {
        let from = (packet.source, packet.source_port);
        let to = (packet.destination, packet.destination_port);
        let key = (from.min(to), from.max(to), packet.protocol);
        if self.open.get(&key).is_some_and(|open| open.is_over(packet, ms)) {
            self.end(&key, each);
        }
        if !self.open.contains_key(&key) {
            if self.open.len() >= CAPTURE_FLOWS_MAX
                && let Some(oldest) = self.order.first_key_value().map(|(_, key)| *key)
            {
                self.end(&oldest, each);
            }
            self.order.insert(self.next, key);
            self.open.insert(key, Open::new(packet, ms, self.next));
            self.next += 1;
        }
        if let Some(open) = self.open.get_mut(&key) {
            open.count(packet, ms);
        }
    }

    fn end(&mut self, key: &(End, End, u8), each: &mut dyn FnMut(Flow)) {
        if let Some(open) = self.open.remove(key) {
            self.order.remove(&open.number);
            each(open.flow);
        }
    }

    fn finish(&mut self, each: &mut dyn FnMut(Flow)) {
        for key in std::mem::take(&mut self.order).into_values() {
            if let Some(open) = self.open.remove(&key) {
                each(open.flow);
            }
        }
    }
}

impl Open {
    fn new(packet: &Packet, ms: i64, number: u64) -> Self {
        let mut ends =
            [(packet.source, packet.source_port), (packet.destination, packet.destination_port)];
        // The beginning was missed: the one who acknowledges a SYN was asked.
        if packet.tcp_flags.is_some_and(|f| f & (SYN | ACK) == SYN | ACK) {
            ends.swap(0, 1);
        }
        let flow = Flow {
            form: Form::Capture,
            source: Some(ends[0].0),
            source_port: Some(ends[0].1),
            destination: Some(ends[1].0),
            destination_port: Some(ends[1].1),
            protocol: Some(packet.protocol),
            reverse_bytes: Some(0),
            reverse_packets: Some(0),
            start_ms: Some(ms),
            ..Flow::default()
        };
        Self { from: ends[0], flow, number, last_ms: ms, fins: (false, false), reset: false }
    }

    /// Whether a packet begins another flow between the same ends.
    fn is_over(&self, packet: &Packet, ms: i64) -> bool {
        let (tcp, other) = CAPTURE_IDLE_MS;
        let silence = ms.saturating_sub(self.last_ms);
        match packet.tcp_flags {
            None => silence > if packet.protocol == 6 { tcp } else { other },
            Some(flags) => {
                let ended = self.reset || self.fins == (true, true);
                silence > tcp || ended && flags & (SYN | ACK) == SYN
            }
        }
    }

    fn count(&mut self, packet: &Packet, ms: i64) {
        let forward = (packet.source, packet.source_port) == self.from;
        let flow = &mut self.flow;
        let bytes = u64::from(packet.bytes);
        if forward {
            flow.bytes += bytes;
            flow.packets += 1;
        } else {
            flow.reverse_bytes = flow.reverse_bytes.map(|n| n + bytes);
            flow.reverse_packets = flow.reverse_packets.map(|n| n + 1);
        }
        if let Some(flags) = packet.tcp_flags {
            flow.tcp_flags = Some(flow.tcp_flags.unwrap_or(0) | u16::from(flags));
            self.reset |= flags & RST != 0;
            if flags & FIN != 0 {
                if forward { self.fins.0 = true } else { self.fins.1 = true }
            }
        }
        self.last_ms = self.last_ms.max(ms);
        flow.start_ms = flow.start_ms.map(|start| start.min(ms));
        flow.end_ms = Some(self.last_ms);
        flow.exported_ms = self.last_ms;
    }
}

#[cfg(test)]
#[path = "capture_tests.rs"]
mod tests;
