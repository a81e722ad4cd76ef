//! One flow, whatever version brought it.

use std::fmt;
use std::net::IpAddr;

/// A flow record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// 5, 9 or 10 (IPFIX).
    pub version: u16,
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
    /// Bytes from the source.
    pub bytes: u64,
    /// Packets from the source.
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
    /// TCP flags seen.
    pub tcp_flags: Option<u16>,
    /// Interface it came in by.
    pub input: Option<u32>,
    /// Interface it went out by.
    pub output: Option<u32>,
}

impl Flow {
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
        match self.version {
            10 => f.write_str("ipfix")?,
            version => write!(f, "netflow v{version}")?,
        }
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
