//! Captures made by hand.

use super::*;
use proptest::prelude::{any, proptest};

/// A frame with IPv4 and TCP: who sends (true: the client), flags, bytes of the IP packet.
fn frame(client: bool, flags: u8, len: u16) -> Vec<u8> {
    let (a, b) = ([10, 1, 2, 3], [198, 51, 100, 9]);
    let (p, q) = (51_234u16.to_be_bytes(), 443u16.to_be_bytes());
    let (from, to, from_port, to_port) = if client { (a, b, p, q) } else { (b, a, q, p) };
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    bytes.extend(len.to_be_bytes());
    bytes.extend([0, 1, 0x40, 0, 64, 6, 0, 0]);
    bytes.extend([from, to].concat());
    bytes.extend([from_port, to_port].concat());
    bytes.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 1, 0, 0, 0, 0, 0]);
    bytes
}

fn pcap(frames: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for n in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        bytes.extend(n.to_le_bytes());
    }
    for (secs, frame) in frames {
        for n in [*secs, 250_000, frame.len() as u32, frame.len() as u32] {
            bytes.extend(n.to_le_bytes());
        }
        bytes.extend(frame);
    }
    bytes
}

fn read(bytes: &[u8]) -> (Vec<Flow>, Result<Summary, Problem>) {
    let mut all = Vec::new();
    let summary = flows(bytes, &mut |flow| all.push(flow));
    (all, summary)
}

#[test]
fn both_directions_are_one_flow() {
    let (all, summary) = read(&pcap(&[
        (10, frame(true, SYN, 60)),
        (10, frame(false, SYN | ACK, 60)),
        (11, frame(true, ACK, 1500)),
        (12, vec![0; 60]),
    ]));
    assert_eq!(summary, Ok(Summary { packets: 3, others: 1, damaged: false }));
    assert_eq!(all.len(), 1);
    let flow = &all[0];
    assert_eq!(flow.source.unwrap().to_string(), "10.1.2.3");
    assert_eq!((flow.bytes, flow.packets), (1560, 2));
    assert_eq!((flow.reverse_bytes, flow.reverse_packets), (Some(60), Some(1)));
    assert_eq!((flow.start_ms, flow.end_ms), (Some(10_250), Some(11_250)));
    assert_eq!(flow.tcp_flags, Some(u16::from(SYN | ACK)));
    assert!(flow.community_id().is_some_and(|id| id.starts_with("1:")));
}

/// The IP packet of a frame behind the head of another link layer, as a capture of it.
fn behind(number: u32, head: &[u8]) -> Vec<u8> {
    let mut bytes = pcap(&[(10, [head, &frame(true, SYN, 60)[14..]].concat())]);
    bytes[20..24].copy_from_slice(&number.to_le_bytes());
    bytes
}

#[test]
fn link_layers_of_lines_and_radio_are_read() {
    let llc = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let wlan = [&[8, 1][..], &[0; 22], &llc].concat();
    let radiotap = [&[0, 0, 8, 0, 0, 0, 0, 0], &wlan[..]].concat();
    let cases: [(u32, &[u8]); 7] = [
        (9, &[0xff, 3, 0, 0x21]),
        (50, &[0x0f, 0, 8, 0]),
        (51, &[0x11, 0, 0, 1, 0, 62, 0, 0x21]),
        (104, &[0x0f, 0, 8, 0]),
        (204, &[0, 0xff, 3, 0, 0x21]),
        (105, &wlan),
        (127, &radiotap),
    ];
    for (number, head) in cases {
        let (all, summary) = read(&behind(number, head));
        assert_eq!(summary, Ok(Summary { packets: 1, others: 0, damaged: false }), "{number}");
        assert_eq!((all[0].destination_port, all[0].bytes), (Some(443), 60), "{number}");
    }
    // A link layer that is not read is counted.
    let (all, summary) = read(&behind(195, &[]));
    assert_eq!((all.len(), summary.unwrap().others), (0, 1));
}

#[test]
fn a_missed_beginning_is_turned_and_an_end_lets_begin_anew() {
    let (all, _) = read(&pcap(&[
        (10, frame(false, SYN | ACK, 60)),
        (11, frame(true, FIN | ACK, 52)),
        (11, frame(false, FIN | ACK, 52)),
        (12, frame(true, ACK, 52)),
        (13, frame(true, SYN, 60)),
        (400, frame(true, ACK, 52)),
    ]));
    let packets: Vec<_> = all.iter().map(|f| (f.packets, f.reverse_packets)).collect();
    assert_eq!(packets, [(2, Some(2)), (1, Some(0)), (1, Some(0))]);
    assert!(all.iter().all(|f| f.destination_port == Some(443)));
}

#[test]
fn a_capture_that_ends_amid_a_packet_keeps_what_came_before() {
    let bytes = pcap(&[(10, frame(true, SYN, 60)), (10, frame(true, SYN, 60))]);
    let (all, summary) = read(&bytes[..bytes.len() - 5]);
    assert_eq!((all.len(), summary.unwrap().damaged), (1, true));
    assert_eq!(read(b"no capture at all, but long enough").1, Err(Problem::BadCapture));
    assert_eq!(read(b"").1, Err(Problem::BadCapture));
}

proptest! {
    #[test]
    fn any_bytes_are_safe(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        at in 0usize..150,
        byte in any::<u8>(),
    ) {
        let _ = read(&bytes);
        let mut real = pcap(&[(10, frame(true, SYN, 60)), (11, frame(false, ACK, 60))]);
        real[at] = byte;
        let _ = read(&real);
        real.truncate(24);
        real.extend(bytes);
        let _ = read(&real);
    }
}
