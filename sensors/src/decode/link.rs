//! What a captured frame begins with, down to the network layer: Ethernet (with PPPoE), PPP,
//! 802.11 with or without its radio header, and those that begin with an Ethernet type or with IP.
//!
//! Sources: the link-layer registry of tcpdump.org; RFC 1661, 1662 (PPP), 2516 (PPPoE); IEEE
//! 802.11-2020, 9.2 and 9.3.2; radiotap.org. Frames that are encrypted, that carry no data, and
//! fragments beyond the first have nothing to read.

/// What a packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet, with or without VLAN tags.
    Ethernet,
    /// Straight with IPv4 or IPv6.
    Ip,
    /// A 16-bit Ethernet type after so many bytes (Linux cooked captures, Cisco HDLC).
    EtherTypeAt(usize),
    /// A 4-byte family in the byte order of the machine, then IP (BSD loopback).
    Loopback,
    /// PPP after so many bytes, with or without its address and control bytes.
    Ppp(usize),
    /// A PPPoE header, then PPP.
    Pppoe,
    /// An 802.11 frame.
    Wlan,
    /// A radiotap header, then an 802.11 frame.
    Radiotap,
}

/// The rest of a frame, and how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner<'p> {
    /// An Ethernet frame.
    Ethernet(&'p [u8]),
    /// An IP packet.
    Ip(&'p [u8]),
    /// The payload of an Ethernet type.
    Typed(u16, &'p [u8]),
}

impl Link {
    /// By the number of a capture's link type; `None` for those that are not read.
    pub fn of(number: i32) -> Option<Self> {
        Some(match number {
            1 => Self::Ethernet,
            0 | 108 => Self::Loopback,
            12 | 14 | 101 | 228 | 229 => Self::Ip,
            113 => Self::EtherTypeAt(14),
            276 => Self::EtherTypeAt(0),
            104 => Self::EtherTypeAt(2),
            9 | 50 => Self::Ppp(0),
            204 => Self::Ppp(1),
            51 => Self::Pppoe,
            105 => Self::Wlan,
            127 => Self::Radiotap,
            _ => return None,
        })
    }

    /// Calls `each` with what a frame holds: nothing, one, or of an aggregated 802.11 frame several.
    pub fn open<'p>(self, bytes: &'p [u8], each: &mut dyn FnMut(Inner<'p>)) {
        let one = match self {
            Self::Ethernet => ethernet(bytes),
            Self::Ip => Some(Inner::Ip(bytes)),
            Self::Loopback => bytes.get(4..).map(Inner::Ip),
            Self::EtherTypeAt(at) => typed_at(bytes, at),
            Self::Ppp(at) => bytes.get(at..).and_then(ppp),
            Self::Pppoe => pppoe(bytes),
            Self::Wlan => return wlan(bytes, false, each).unwrap_or_default(),
            Self::Radiotap => return radiotap(bytes, each).unwrap_or_default(),
        };
        one.into_iter().for_each(each);
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    be16(bytes, at).map(u16::swap_bytes)
}

/// An Ethernet type and what follows; PPPoE is opened.
fn typed_at(bytes: &[u8], at: usize) -> Option<Inner<'_>> {
    let (kind, rest) = (be16(bytes, at)?, bytes.get(at + 2..)?);
    if kind == PPPOE { pppoe(rest) } else { Some(Inner::Typed(kind, rest)) }
}

const PPPOE: u16 = 0x8864;
/// Ethernet types of VLAN tags (802.1Q, 802.1ad and its older number).
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
/// VLAN tags one frame may have.
const TAGS_MAX: usize = 3;

/// The frame itself, or the PPP in its PPPoE.
fn ethernet(bytes: &[u8]) -> Option<Inner<'_>> {
    let mut at = 12;
    for _ in 0..=TAGS_MAX {
        match be16(bytes, at) {
            Some(PPPOE) => return pppoe(bytes.get(at + 2..)?),
            Some(tag) if TAGS.contains(&tag) => at += 4,
            _ => break,
        }
    }
    Some(Inner::Ethernet(bytes))
}

/// RFC 2516, 4: version and type 1, code 0 is the session.
fn pppoe(bytes: &[u8]) -> Option<Inner<'_>> {
    if bytes.get(..2)? != [0x11, 0] {
        return None;
    }
    ppp(bytes.get(6..)?)
}

/// RFC 1661, 2 and 1662, 3.1: address and control may be left out, and the protocol be one byte.
/// Where a Cisco HDLC address stands instead, an Ethernet type follows.
fn ppp(bytes: &[u8]) -> Option<Inner<'_>> {
    let bytes = match bytes {
        [0xff, 3, rest @ ..] => rest,
        [0x0f | 0x8f, _, ..] => return typed_at(bytes, 2),
        _ => bytes,
    };
    let first = u16::from(*bytes.first()?);
    let (protocol, rest) =
        if first & 1 == 1 { (first, bytes.get(1..)?) } else { (be16(bytes, 0)?, bytes.get(2..)?) };
    matches!(protocol, 0x21 | 0x57).then_some(Inner::Ip(rest))
}

/// The header says its length and, after the time of the lowest layer, flags of the frame.
fn radiotap<'p>(bytes: &'p [u8], each: &mut dyn FnMut(Inner<'p>)) -> Option<()> {
    const TSFT: u32 = 1;
    const FLAGS: u32 = 2;
    const MORE: u32 = 1 << 31;
    /// The body begins at a multiple of four bytes.
    const PADDED: u8 = 0x20;
    let present = |at: usize| -> Option<u32> {
        Some(u32::from(le16(bytes, at)?) | u32::from(le16(bytes, at + 2)?) << 16)
    };
    if *bytes.first()? != 0 {
        return None;
    }
    let len = usize::from(le16(bytes, 2)?);
    let head = bytes.get(..len)?;
    let (first, mut at) = (present(4)?, 4);
    while present(at)? & MORE != 0 && at + 8 <= len {
        at += 4;
    }
    at += 4;
    if first & TSFT != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    // A header too short for its flags has none.
    let flags = if first & FLAGS != 0 { head.get(at).copied().unwrap_or(0) } else { 0 };
    wlan(&bytes[len..], flags & PADDED != 0, each)
}

/// A data frame in the clear; `padded` when its body begins at a multiple of four bytes.
fn wlan<'p>(bytes: &'p [u8], padded: bool, each: &mut dyn FnMut(Inner<'p>)) -> Option<()> {
    const DATA: u8 = 0x08;
    const NO_DATA: u8 = 0x40;
    const QOS: u8 = 0x80;
    const ENCRYPTED: u8 = 0x40;
    const ORDER: u8 = 0x80;
    const AGGREGATED: u8 = 0x80;
    let (control, flags) = (*bytes.first()?, *bytes.get(1)?);
    let fragment = *bytes.get(22)? & 15;
    // Version 0, type data.
    if control & 0x0f != DATA || control & NO_DATA != 0 || flags & ENCRYPTED != 0 || fragment != 0 {
        return None;
    }
    let mut len = if flags & 3 == 3 { 30 } else { 24 };
    let mut aggregated = false;
    if control & QOS != 0 {
        aggregated = *bytes.get(len)? & AGGREGATED != 0;
        len += 2 + if flags & ORDER == 0 { 0 } else { 4 };
    }
    if padded {
        len = len.next_multiple_of(4);
    }
    let mut body = bytes.get(len..)?;
    if !aggregated {
        each(snap(body)?);
        return Some(());
    }
    // Subframes of two addresses, a length and a body, each but the last padded to four bytes.
    while let Some(length) = be16(body, 12).map(usize::from) {
        let end = (14 + length).min(body.len());
        if let Some(inner) = snap(&body[14.min(end)..end]) {
            each(inner);
        }
        body = body.get(end.next_multiple_of(4)..)?;
    }
    Some(())
}

/// 802.2 with SNAP (RFC 1042), or the tunnel of bridges.
fn snap(body: &[u8]) -> Option<Inner<'_>> {
    let head = body.get(..6)?;
    (head == [0xaa, 0xaa, 3, 0, 0, 0] || head == [0xaa, 0xaa, 3, 0, 0, 0xf8])
        .then(|| typed_at(body, 6))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    fn opened(link: Link, bytes: &[u8]) -> Vec<Inner<'_>> {
        let mut all = Vec::new();
        link.open(bytes, &mut |inner| all.push(inner));
        all
    }

    #[test]
    fn ppp_with_and_without_its_parts() {
        let ip: &[u8] = &[0x45, 9];
        for head in [&[0xff, 3, 0, 0x21][..], &[0xff, 3, 0x21], &[0, 0x21], &[0x21], &[0x57]] {
            assert_eq!(opened(Link::Ppp(0), &[head, ip].concat()), [Inner::Ip(ip)], "{head:?}");
        }
        let hdlc = [&[0x0f, 0, 8, 0], ip].concat();
        assert_eq!(opened(Link::Ppp(0), &hdlc), [Inner::Typed(0x800, ip)]);
        assert_eq!(opened(Link::Ppp(1), &[&[1, 0xff, 3, 0, 0x21], ip].concat()), [Inner::Ip(ip)]);
        let lcp = [0xff, 3, 0xc0, 0x21, 1, 1];
        assert_eq!(opened(Link::Ppp(0), &lcp), []);
    }

    #[test]
    fn a_session_within_ethernet_and_its_tags() {
        let ip: &[u8] = &[0x45, 9];
        let session = [&[0x11, 0, 0, 7, 0, 4, 0, 0x21], ip].concat();
        let untagged = [&[0; 12][..], &[0x88, 0x64], &session].concat();
        let tagged = [&[0; 12][..], &[0x81, 0, 0, 5, 0x88, 0x64], &session].concat();
        assert_eq!(opened(Link::Ethernet, &untagged), [Inner::Ip(ip)]);
        assert_eq!(opened(Link::Ethernet, &tagged), [Inner::Ip(ip)]);
        assert_eq!(opened(Link::Pppoe, &session), [Inner::Ip(ip)]);
        // Discovery has no packet.
        assert_eq!(opened(Link::Pppoe, &[0x11, 9, 0, 0, 0, 0, 0, 0x21, 0x45]), []);
        let plain = [0; 20];
        assert_eq!(opened(Link::Ethernet, &plain), [Inner::Ethernet(&plain)]);
    }

    const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

    /// A data frame: the first two bytes, and what stands between the fixed header and the body.
    fn data(control: [u8; 2], more: &[u8], body: &[u8]) -> Vec<u8> {
        [&control[..], &[0; 22], more, body].concat()
    }

    #[test]
    fn data_frames_in_the_clear() {
        let ip: &[u8] = &[0x45, 9];
        let body = [&SNAP[..], ip].concat();
        let typed = [Inner::Typed(0x800, ip)];
        assert_eq!(opened(Link::Wlan, &data([0x08, 1], &[], &body)), typed);
        assert_eq!(opened(Link::Wlan, &data([0x88, 2], &[0, 0], &body)), typed, "QoS");
        assert_eq!(opened(Link::Wlan, &data([0x88, 0x83], &[0; 12], &body)), typed, "four, HT");
        for control in [[0x48, 1], [0x08, 0x41], [0x80, 0], [0xb4, 0]] {
            assert_eq!(opened(Link::Wlan, &data(control, &[], &body)), [], "{control:?}");
        }
        let mut second = data([0x08, 1], &[], &body);
        second[22] = 1;
        assert_eq!(opened(Link::Wlan, &second), [], "a fragment beyond the first");
    }

    #[test]
    fn an_aggregate_holds_several() {
        let one = [&[0; 12][..], &[0, 9], &SNAP, &[1], &[0]].concat();
        let two = [&[0; 12][..], &[0, 10], &SNAP, &[2, 3]].concat();
        let frame = data([0x88, 1], &[0x80, 0], &[one, two].concat());
        let want = [Inner::Typed(0x800, &[1][..]), Inner::Typed(0x800, &[2, 3])];
        assert_eq!(opened(Link::Wlan, &frame), want);
    }

    #[test]
    fn a_radio_header_says_its_length_and_whether_the_body_is_padded() {
        let ip: &[u8] = &[0x45, 9];
        let body = [&SNAP[..], ip].concat();
        let typed = [Inner::Typed(0x800, ip)];
        let short = [&[0, 0, 8, 0, 0, 0, 0, 0], &data([0x08, 1], &[], &body)[..]].concat();
        assert_eq!(opened(Link::Radiotap, &short), typed);
        // Two words of what is present, the time, and the flag of padding.
        let mut head = vec![0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];
        head.extend([0; 8]);
        head.push(0x20);
        let long = [&head[..], &data([0x88, 1], &[0, 0, 0, 0], &body)].concat();
        assert_eq!(opened(Link::Radiotap, &long), typed);
        let cut = [&[0, 0, 8, 0, 2, 0, 0, 0], &data([0x08, 1], &[], &body)[..]].concat();
        assert_eq!(opened(Link::Radiotap, &cut), typed, "no room for the flags it names");
        assert_eq!(opened(Link::Radiotap, &[0, 0, 99, 0, 0, 0, 0, 0]), []);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(number in 0i32..300, bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(link) = Link::of(number) {
                let mut count = 0;
                link.open(&bytes, &mut |_| count += 1);
                assert!(count <= 1 + bytes.len() / 14);
            }
        }
    }
}
