//! One flow, whatever brought it.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::ops::Range;

use itoa::Buffer;

use super::community;
use super::packet::icmp_ports;

/// What brings flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// NetFlow version 5.
    #[default]
    V5,
    /// NetFlow version 9.
    V9,
    /// IPFIX.
    Ipfix,
    /// sFlow version 5.
    Sflow,
    /// A capture of packets.
    Capture,
}

impl Form {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V5 => "netflow v5",
            Self::V9 => "netflow v9",
            Self::Ipfix => "ipfix",
            Self::Sflow => "sflow",
            Self::Capture => "capture",
        }
    }
}

/// A flow record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// What brought it.
    pub form: Form,
    /// Source address.
    pub source: Option<IpAddr>,
    /// Destination address.
    pub destination: Option<IpAddr>,
    /// Source port.
    pub source_port: Option<u16>,
    /// Destination port.
    pub destination_port: Option<u16>,
    /// IP protocol number.
    pub protocol: Option<u8>,
    /// Bytes from the source, multiplied by the sampling rate where one is known.
    pub bytes: u64,
    /// Packets from the source, multiplied alike.
    pub packets: u64,
    /// Bytes from the destination, where the exporter joins both directions.
    pub reverse_bytes: Option<u64>,
    /// Packets from the destination.
    pub reverse_packets: Option<u64>,
    /// First packet, milliseconds since 1970.
    pub start_ms: Option<i64>,
    /// Last packet, milliseconds since 1970.
    pub end_ms: Option<i64>,
    /// When the packet was exported, milliseconds since 1970.
    pub exported_ms: i64,
    /// One in so many packets was looked at, where packets are sampled.
    pub sampling: Option<u32>,
    /// TCP flags seen.
    pub tcp_flags: Option<u16>,
    /// Interface it came in by.
    pub input: Option<u32>,
    /// Interface it went out by.
    pub output: Option<u32>,
}

impl Flow {
    /// Counts for the packets that were not looked at: one in `rate` was.
    pub(crate) fn scale(&mut self, rate: u32) {
        if rate > 1 && self.sampling.is_none() {
            self.sampling = Some(rate);
            let times = |n: u64| n.saturating_mul(u64::from(rate));
            (self.bytes, self.packets) = (times(self.bytes), times(self.packets));
            self.reverse_bytes = self.reverse_bytes.map(times);
            self.reverse_packets = self.reverse_packets.map(times);
        }
    }

    /// Its Community ID, when both addresses are known.
    pub fn community_id(&self) -> Option<String> {
        let port = |p: Option<u16>| p.unwrap_or(0);
        let (source_port, destination_port) = match self.protocol? {
            // NetFlow puts type and code of ICMP into the destination port.
            p @ (1 | 58) if !matches!(self.form, Form::Sflow | Form::Capture) => {
                let [kind, code] = port(self.destination_port).to_be_bytes();
                icmp_ports(p, kind, code)
            }
            _ => (port(self.source_port), port(self.destination_port)),
        };
        let (source, destination) = (self.source?, self.destination?);
        community::id(source, source_port, destination, destination_port, self.protocol?)
    }

    /// The protocol's name as ECS writes it, where it has one.
    pub fn transport(&self) -> Option<&'static str> {
        Some(match self.protocol? {
            1 => "icmp",
            2 => "igmp",
            6 => "tcp",
            17 => "udp",
            47 => "gre",
            50 => "esp",
            58 => "ipv6-icmp",
            89 => "ospf",
            132 => "sctp",
            _ => return None,
        })
    }
}

/// Where what a field says stands in the line of a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) transport: Option<Range<usize>>,
    pub(crate) source: Option<Range<usize>>,
    pub(crate) destination: Option<Range<usize>>,
}

impl Flow {
    /// Appends a line for people: a flow has no text of its own.
    pub(crate) fn line(&self, to: &mut String) -> Places {
        to.push_str(self.form.name());
        let mut places = Places::default();
        if let Some(number) = self.protocol {
            to.push_str(if self.transport().is_some() { " " } else { " proto " });
            let start = to.len();
            match self.transport() {
                Some(name) => to.push_str(name),
                None => to.push_str(Buffer::new().format(number)),
            }
            places.transport = Some(start..to.len());
        }
        to.push(' ');
        places.source = end(to, self.source, self.source_port);
        to.push_str(" > ");
        places.destination = end(to, self.destination, self.destination_port);
        to.push_str(" bytes ");
        to.push_str(Buffer::new().format(self.bytes));
        to.push_str(" packets ");
        to.push_str(Buffer::new().format(self.packets));
        places
    }
}

/// One end of a flow; where its address stands.
fn end(to: &mut String, address: Option<IpAddr>, port: Option<u16>) -> Option<Range<usize>> {
    let Some(address) = address.map(|address| address.to_canonical()) else {
        to.push('?');
        return None;
    };
    let bracketed = address.is_ipv6() && port.is_some();
    if bracketed {
        to.push('[');
    }
    let start = to.len();
    match address {
        IpAddr::V4(v4) => {
            for (at, octet) in v4.octets().into_iter().enumerate() {
                if at > 0 {
                    to.push('.');
                }
                to.push_str(Buffer::new().format(octet));
            }
        }
        // Writing to memory cannot fail.
        IpAddr::V6(v6) => drop(write!(to, "{v6}")),
    }
    let place = start..to.len();
    if bracketed {
        to.push(']');
    }
    if let Some(port) = port {
        to.push(':');
        to.push_str(Buffer::new().format(port));
    }
    Some(place)
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = String::new();
        self.line(&mut line);
        f.write_str(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_its_ends_stand() {
        let flow = |source: &str, protocol, source_port| Flow {
            form: Form::V9,
            source: source.parse().ok(),
            destination: "2001:db8::9".parse().ok(),
            source_port,
            destination_port: Some(443),
            protocol,
            bytes: u64::MAX,
            packets: 0,
            ..Flow::default()
        };
        for (flow, line, parts) in [
            (
                flow("10.1.0.255", Some(6), Some(1024)),
                "netflow v9 tcp 10.1.0.255:1024 > [2001:db8::9]:443 bytes 18446744073709551615 packets 0",
                ["tcp", "10.1.0.255"],
            ),
            (
                flow("::ffff:10.0.0.1", Some(99), None),
                "netflow v9 proto 99 10.0.0.1 > [2001:db8::9]:443 bytes 18446744073709551615 packets 0",
                ["99", "10.0.0.1"],
            ),
            (
                flow("", None, Some(1)),
                "netflow v9 ? > [2001:db8::9]:443 bytes 18446744073709551615 packets 0",
                ["", ""],
            ),
        ] {
            let mut text = String::new();
            let places = flow.line(&mut text);
            assert_eq!(text, line);
            assert_eq!(flow.to_string(), line);
            let part = |place: Option<Range<usize>>| &text[place.unwrap_or_default()];
            assert_eq!([part(places.transport), part(places.source)], parts);
            assert_eq!(part(places.destination), "2001:db8::9");
        }
    }
}
