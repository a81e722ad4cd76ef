//! One flow, whatever brought it.

use std::fmt;
use std::net::IpAddr;

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

/// A line for people: a flow has no text of its own.
impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form.name())?;
        match (self.transport(), self.protocol) {
            (Some(name), _) => write!(f, " {name}")?,
            (None, Some(number)) => write!(f, " proto {number}")?,
            (None, None) => {}
        }
        let end = |f: &mut fmt::Formatter<'_>, address: Option<IpAddr>, port: Option<u16>| match (
            address, port,
        ) {
            (Some(a), Some(p)) if a.is_ipv6() => write!(f, "[{a}]:{p}"),
            (Some(a), Some(p)) => write!(f, "{a}:{p}"),
            (Some(a), None) => write!(f, "{a}"),
            (None, _) => f.write_str("?"),
        };
        f.write_str(" ")?;
        end(f, self.source, self.source_port)?;
        f.write_str(" > ")?;
        end(f, self.destination, self.destination_port)?;
        write!(f, " bytes {} packets {}", self.bytes, self.packets)
    }
}
