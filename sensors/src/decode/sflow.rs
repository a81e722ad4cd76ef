//! sFlow version 5 (sflow.org's specification): sampled packet headers to flows.
//!
//! A sample stands for as many packets as its rate says; bytes and packets are given so. Counter
//! samples are counted, not taken for flows.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Problem;
use super::flow::{Flow, Form};
use super::link::Link;
use super::packet::{self, Packet};
use crate::limits::{EXPORTERS_MAX, SAMPLES_PER_DATAGRAM_MAX};

/// The decoder's memory: sequence numbers by agent and its part.
#[derive(Debug, Default)]
pub struct Decoder {
    sequences: HashMap<(IpAddr, u32), u32>,
}

/// What a datagram held.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The agent that sampled, by the address it gives itself.
    pub agent: Option<IpAddr>,
    /// One flow per sampled packet.
    pub flows: Vec<Flow>,
    /// Samples that are no packets: counters, and what is not IP.
    pub others: u64,
    /// Whether the datagram is damaged; what came before the damage counts.
    pub problem: Option<Problem>,
    /// Datagrams missing before it.
    pub missing: u64,
}

impl Decoder {
    /// Decodes one datagram, received at `received_ms`: sFlow carries no time of its own.
    pub fn datagram(&mut self, bytes: &[u8], received_ms: i64) -> Outcome {
        let mut outcome = Outcome::default();
        if self.read(&mut Xdr(bytes), received_ms, &mut outcome).is_none() {
            outcome.problem = Some(Problem::BadFlowPacket);
        }
        outcome
    }

    fn read(&mut self, xdr: &mut Xdr<'_>, now_ms: i64, outcome: &mut Outcome) -> Option<()> {
        if xdr.number()? != 5 {
            return None;
        }
        let agent = xdr.address()?;
        let (part, sequence, _uptime) = (xdr.number()?, xdr.number()?, xdr.number()?);
        outcome.agent = Some(agent);
        outcome.missing = self.missing(agent, part, sequence);
        let samples = xdr.number()?;
        for _ in 0..samples.min(SAMPLES_PER_DATAGRAM_MAX) {
            let kind = xdr.number()?;
            let len = xdr.number()?;
            let mut body = Xdr(xdr.opaque(len)?);
            match kind {
                1 | 3 => flow_sample(&mut body, kind == 3, now_ms, outcome)?,
                _ => outcome.others += 1,
            }
        }
        (samples <= SAMPLES_PER_DATAGRAM_MAX).then_some(())
    }

    fn missing(&mut self, agent: IpAddr, part: u32, now: u32) -> u64 {
        let key = (agent, part);
        if self.sequences.len() >= EXPORTERS_MAX && !self.sequences.contains_key(&key) {
            return 0;
        }
        let before = self.sequences.insert(key, now.wrapping_add(1));
        let gap = before.map_or(0, |expected| now.wrapping_sub(expected));
        if gap < u32::MAX / 2 { u64::from(gap) } else { 0 }
    }
}

fn flow_sample(
    xdr: &mut Xdr<'_>,
    expanded: bool,
    now_ms: i64,
    outcome: &mut Outcome,
) -> Option<()> {
    let _sequence = xdr.number()?;
    let _source = xdr.number()?;
    if expanded {
        let _index = xdr.number()?;
    }
    let rate = xdr.number()?.max(1);
    let (_pool, _drops) = (xdr.number()?, xdr.number()?);
    let interface = |xdr: &mut Xdr<'_>| {
        // The format stands in the two highest bits, or in a number of its own: 0 is one interface.
        let (format, value) = if expanded {
            (xdr.number()?, xdr.number()?)
        } else {
            let both = xdr.number()?;
            (both >> 30, both & 0x3fff_ffff)
        };
        Some((format == 0).then_some(value))
    };
    let (input, output) = (interface(xdr)?, interface(xdr)?);
    let mut found = None;
    for _ in 0..xdr.number()?.min(SAMPLES_PER_DATAGRAM_MAX) {
        let kind = xdr.number()?;
        let len = xdr.number()?;
        let mut body = Xdr(xdr.opaque(len)?);
        found = found.or(match kind {
            1 => raw_header(&mut body),
            3 => ip_data(&mut body, false),
            4 => ip_data(&mut body, true),
            _ => None,
        });
    }
    let Some((packet, frame_bytes)) = found else {
        outcome.others += 1;
        return Some(());
    };
    outcome.flows.push(Flow {
        form: Form::Sflow,
        source: Some(packet.source),
        destination: Some(packet.destination),
        source_port: Some(packet.source_port),
        destination_port: Some(packet.destination_port),
        protocol: Some(packet.protocol),
        bytes: u64::from(frame_bytes) * u64::from(rate),
        packets: u64::from(rate),
        tcp_flags: packet.tcp_flags.map(u16::from),
        sampling: Some(rate),
        input,
        output,
        start_ms: Some(now_ms),
        end_ms: Some(now_ms),
        exported_ms: now_ms,
        ..Flow::default()
    });
    Some(())
}

/// The first bytes of the sampled frame, and how long the whole was.
fn raw_header(xdr: &mut Xdr<'_>) -> Option<(Packet, u32)> {
    let (protocol, frame_bytes, _stripped) = (xdr.number()?, xdr.number()?, xdr.number()?);
    let len = xdr.number()?;
    let header = xdr.opaque(len)?;
    let link = match protocol {
        1 => Link::Ethernet,
        11 | 12 => Link::Ip,
        _ => return None,
    };
    Some((packet::read(link, header)?, frame_bytes))
}

/// Addresses already taken apart by the agent.
fn ip_data(xdr: &mut Xdr<'_>, v6: bool) -> Option<(Packet, u32)> {
    let (bytes, protocol) = (xdr.number()?, u8::try_from(xdr.number()?).ok()?);
    let (source, destination) = if v6 { (xdr.v6()?, xdr.v6()?) } else { (xdr.v4()?, xdr.v4()?) };
    let port = |n: u32| u16::try_from(n).ok();
    let (source_port, destination_port) = (port(xdr.number()?)?, port(xdr.number()?)?);
    let tcp_flags = u8::try_from(xdr.number()?).ok().filter(|_| protocol == 6);
    let packet = Packet {
        source,
        destination,
        protocol,
        source_port,
        destination_port,
        bytes,
        tcp_flags,
        fragment: false,
    };
    Some((packet, bytes))
}

/// XDR (RFC 4506), as much as sFlow uses.
struct Xdr<'a>(&'a [u8]);

impl<'a> Xdr<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// Bytes padded to a multiple of four.
    fn opaque(&mut self, len: u32) -> Option<&'a [u8]> {
        let len = usize::try_from(len).ok()?;
        let bytes = self.take(len)?;
        // The padding may be missing at the very end.
        let pad = (4 - len % 4) % 4;
        self.take(pad.min(self.0.len()))?;
        Some(bytes)
    }

    fn v4(&mut self) -> Option<IpAddr> {
        self.take(4)?.try_into().ok().map(|b: [u8; 4]| Ipv4Addr::from(b).into())
    }

    fn v6(&mut self) -> Option<IpAddr> {
        self.take(16)?.try_into().ok().map(|b: [u8; 16]| Ipv6Addr::from(b).into())
    }

    fn address(&mut self) -> Option<IpAddr> {
        match self.number()? {
            1 => self.v4(),
            2 => self.v6(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_be_bytes()).collect()
    }

    fn part(kind: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = words(&[kind, body.len() as u32]);
        bytes.extend(body);
        bytes
    }

    fn datagram(sequence: u32, samples: &[Vec<u8>]) -> Vec<u8> {
        let head = words(&[5, 1, 0x0a01_0101, 0, sequence, 1000, samples.len() as u32]);
        [head, samples.concat()].concat()
    }

    /// A sampled frame of 1,514 bytes at a rate of 1 in 512, cut after its headers.
    fn sample(expanded: bool) -> Vec<u8> {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 9, 8, 0];
        frame.extend([0x45, 0, 5, 220, 0, 1, 0x40, 0, 64, 17, 0, 0, 10, 1, 2, 3, 198, 51, 100, 9]);
        frame.extend([0, 53, 0xc8, 0x22, 5, 200, 0, 0, 1, 2, 3]);
        let mut raw = words(&[1, 1514, 4, frame.len() as u32]);
        raw.extend(&frame);
        raw.resize(raw.len().next_multiple_of(4), 0);
        let switch = part(1001, &words(&[9, 0, 9, 0]));
        let head = if expanded {
            words(&[1, 0, 7, 512, 512, 0, 0, 3, 0, 0x7000_0001, 2])
        } else {
            words(&[1, 7, 512, 512, 0, 3, 0x8000_0002, 2])
        };
        part(if expanded { 3 } else { 1 }, &[head, switch, part(1, &raw)].concat())
    }

    #[test]
    fn both_forms_of_a_sample_and_counters() {
        let counters = part(2, &words(&[1, 7, 0]));
        let bytes = datagram(1, &[counters, sample(false), sample(true)]);
        let outcome = Decoder::default().datagram(&bytes, 1000);
        assert_eq!((outcome.flows.len(), outcome.others, outcome.problem), (2, 1, None));
        assert_eq!(outcome.agent.unwrap().to_string(), "10.1.1.1");
        let flow = &outcome.flows[0];
        assert_eq!(flow.source.unwrap().to_string(), "10.1.2.3");
        assert_eq!((flow.source_port, flow.destination_port), (Some(53), Some(51_234)));
        assert_eq!((flow.bytes, flow.packets, flow.sampling), (1514 * 512, 512, Some(512)));
        // Several outputs are not one interface.
        assert_eq!((flow.input, flow.output), (Some(3), None));
        assert_eq!(outcome.flows[1].output, Some(0x7000_0001));
        assert!(flow.to_string().starts_with("sflow udp 10.1.2.3:53 > 198.51.100.9:51234"));
    }

    #[test]
    fn addresses_taken_apart_by_the_agent() {
        let v4 = part(3, &words(&[1500, 6, 0x0a01_0203, 0xc633_6409, 4022, 22, 0x12, 0]));
        let head = words(&[1, 7, 10, 10, 0, 1, 2, 1]);
        let outcome =
            Decoder::default().datagram(&datagram(1, &[part(1, &[head, v4].concat())]), 0);
        assert_eq!((outcome.flows[0].destination_port, outcome.flows[0].bytes), (Some(22), 15_000));
    }

    #[test]
    fn what_came_before_the_damage_counts() {
        let mut decoder = Decoder::default();
        let mut bytes = datagram(1, &[sample(false), sample(false)]);
        bytes.truncate(bytes.len() - 30);
        let outcome = decoder.datagram(&bytes, 0);
        assert_eq!((outcome.flows.len(), outcome.problem), (1, Some(Problem::BadFlowPacket)));
        assert_eq!(decoder.datagram(&datagram(5, &[]), 0).missing, 3);
        assert_eq!(decoder.datagram(&datagram(2, &[]), 0).missing, 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..150, byte in any::<u8>()) {
            let mut decoder = Decoder::default();
            decoder.datagram(&bytes, 0);
            let mut real = datagram(1, &[sample(true), sample(false)]);
            real[at] = byte;
            decoder.datagram(&real, 0);
        }
    }
}
