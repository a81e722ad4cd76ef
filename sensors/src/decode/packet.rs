//! The addresses of one packet, whole or cut short: from captures, and from the headers sFlow
//! samples. Network layers are read by `etherparse`, which never trusts a length.

use std::net::IpAddr;

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};

use super::link::{Inner, Link};

/// What matters of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Source port; for ICMP its type.
    pub source_port: u16,
    /// Destination port; for ICMP the type of the answer, or the code where none is expected.
    pub destination_port: u16,
    /// Bytes of the IP packet, header included, as its header says.
    pub bytes: u32,
    /// TCP flags.
    pub tcp_flags: Option<u8>,
    /// Whether it is an IP fragment beyond the first: it has no ports.
    pub fragment: bool,
}

/// The number of SCTP.
const SCTP: u8 = 132;

/// Reads the first packet of a frame; `None` when it is not IP or too short for its IP header.
pub fn read(link: Link, bytes: &[u8]) -> Option<Packet> {
    let mut first = None;
    each(link, bytes, &mut |packet| first = first.or(Some(packet)));
    first
}

/// Calls `found` with every packet of a frame: one, none, or of an aggregated 802.11 frame several.
pub fn each(link: Link, bytes: &[u8], found: &mut dyn FnMut(Packet)) {
    link.open(bytes, &mut |inner| {
        if let Some(packet) = of(inner) {
            found(packet);
        }
    });
}

fn of(inner: Inner<'_>) -> Option<Packet> {
    let sliced = match inner {
        Inner::Ethernet(bytes) => LaxSlicedPacket::from_ethernet(bytes).ok()?,
        Inner::Ip(bytes) => LaxSlicedPacket::from_ip(bytes).ok()?,
        Inner::Typed(kind, bytes) => LaxSlicedPacket::from_ether_type(EtherType(kind), bytes),
    };
    let (source, destination, protocol, bytes, fragment): (IpAddr, IpAddr, _, _, _) =
        match sliced.net.as_ref()? {
            LaxNetSlice::Ipv4(v4) => {
                let head = v4.header();
                let ends = (head.source_addr().into(), head.destination_addr().into());
                let later = head.fragments_offset().value() > 0;
                (ends.0, ends.1, v4.payload().ip_number.0, u32::from(head.total_len()), later)
            }
            LaxNetSlice::Ipv6(v6) => {
                let head = v6.header();
                let ends = (head.source_addr().into(), head.destination_addr().into());
                let later = v6.is_payload_fragmented() && sliced.transport.is_none();
                let len = u32::from(head.payload_length()) + 40;
                (ends.0, ends.1, v6.payload().ip_number.0, len, later)
            }
            LaxNetSlice::Arp(_) => return None,
        };
    let mut tcp_flags = None;
    let (source_port, destination_port) = match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            // Byte 13 of the header (RFC 9293, 3.1).
            tcp_flags = tcp.header_slice().get(13).copied();
            (tcp.source_port(), tcp.destination_port())
        }
        Some(TransportSlice::Udp(udp)) => (udp.source_port(), udp.destination_port()),
        Some(TransportSlice::Icmpv4(icmp)) => icmp_ports(1, icmp.type_u8(), icmp.code_u8()),
        Some(TransportSlice::Icmpv6(icmp)) => icmp_ports(58, icmp.type_u8(), icmp.code_u8()),
        _ if protocol == SCTP && !fragment => sctp_ports(&sliced),
        _ => (0, 0),
    };
    Some(Packet {
        source,
        destination,
        protocol,
        source_port,
        destination_port,
        bytes,
        tcp_flags,
        fragment,
    })
}

/// The ports of SCTP: the first four bytes of its header (RFC 9260, 3.1).
fn sctp_ports(sliced: &LaxSlicedPacket<'_>) -> (u16, u16) {
    let payload = sliced.ip_payload().map_or(&[][..], |ip| ip.payload);
    match payload {
        [a, b, c, d, ..] => (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])),
        _ => (0, 0),
    }
}

/// A type and the type that answers it, so that both directions meet (Community ID, version 1).
pub(crate) fn icmp_ports(protocol: u8, kind: u8, code: u8) -> (u16, u16) {
    (kind.into(), icmp_answer(protocol, kind).map_or(u16::from(code), u16::from))
}

pub(crate) fn icmp_answer(protocol: u8, kind: u8) -> Option<u8> {
    const V4: [(u8, u8); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
    const V6: [(u8, u8); 6] =
        [(128, 129), (133, 134), (135, 136), (130, 131), (144, 145), (139, 140)];
    let pairs = if protocol == 1 { &V4[..] } else { &V6[..] };
    pairs.iter().find_map(|(a, b)| match kind {
        k if k == *a => Some(*b),
        k if k == *b => Some(*a),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, any, prop_oneof, proptest};

    /// An Ethernet frame with IPv4 and TCP, of 54 bytes.
    pub(crate) fn frame(flags: u8) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        bytes.extend([0x45, 0, 5, 220, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 1, 2, 3, 198, 51, 100, 9]);
        bytes.extend([
            0xc8, 0x22, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0,
        ]);
        bytes
    }

    #[test]
    fn a_frame_cut_after_its_headers() {
        let packet = read(Link::Ethernet, &frame(0x12)).unwrap();
        assert_eq!(packet.source.to_string(), "10.1.2.3");
        assert_eq!((packet.source_port, packet.destination_port), (51_234, 443));
        assert_eq!((packet.bytes, packet.tcp_flags, packet.protocol), (1500, Some(0x12), 6));
        let ip = &frame(2)[14..];
        assert_eq!(read(Link::Ip, ip).unwrap().tcp_flags, Some(2));
        let cooked = [&[0; 14][..], &[8, 0], ip].concat();
        assert_eq!(read(Link::EtherTypeAt(14), &cooked).unwrap().destination_port, 443);
        // Too short for its ports: the addresses still count.
        let short = read(Link::Ethernet, &frame(2)[..34]).unwrap();
        assert_eq!((short.source_port, short.bytes), (0, 1500));
        assert_eq!(read(Link::Ethernet, &frame(2)[..20]), None);
    }

    #[test]
    fn the_ports_of_sctp() {
        let mut sctp = frame(2);
        sctp[14 + 9] = SCTP;
        let packet = read(Link::Ethernet, &sctp).unwrap();
        assert_eq!(
            (packet.protocol, packet.source_port, packet.destination_port),
            (132, 51_234, 443)
        );
        let short = read(Link::Ethernet, &sctp[..36]).unwrap();
        assert_eq!((short.source_port, short.destination_port), (0, 0));
    }

    #[test]
    fn questions_and_answers_of_icmp_meet() {
        assert_eq!(icmp_ports(1, 8, 0), (8, 0));
        assert_eq!(icmp_ports(1, 0, 0), (0, 8));
        assert_eq!(icmp_ports(58, 128, 0), (128, 129));
        assert_eq!(icmp_ports(1, 3, 1), (3, 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..120),
            real in any::<bool>(),
            link in prop_oneof![
                Just(Link::Ethernet), Just(Link::Ip), Just(Link::Loopback),
                Just(Link::EtherTypeAt(14)), Just(Link::Ppp(0)), Just(Link::Wlan),
            ],
        ) {
            if real {
                bytes.splice(0..0, frame(2)[..20].to_vec());
            }
            let _ = read(link, &bytes);
        }
    }
}
