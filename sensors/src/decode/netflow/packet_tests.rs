//! Packets as exporters send them, and damaged ones.

use super::*;
use proptest::prelude::*;

const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn words(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = words(&[id, body.len() as u16 + 4]);
    bytes.extend(body);
    bytes
}

fn v9(sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = words(&[9, sets.len() as u16]);
    for n in [10_000u32, 1_795_406_706, sequence, 7] {
        bytes.extend(n.to_be_bytes());
    }
    bytes.extend(sets.concat());
    bytes
}

fn ipfix(sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let mut bytes = words(&[10, body.len() as u16 + 16]);
    for n in [1_795_406_706, sequence, 7] {
        bytes.extend(n.to_be_bytes());
    }
    bytes.extend(body);
    bytes
}

/// Addresses, ports, protocol, bytes, packets, first and last.
fn template(id: u16) -> Vec<u8> {
    words(&[id, 9, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 2, 4, 22, 4, 21, 4])
}

fn record() -> Vec<u8> {
    let mut bytes = vec![10, 1, 2, 3, 198, 51, 100, 9];
    bytes.extend(words(&[51_234, 3333]));
    bytes.push(6);
    for n in [1500u32, 3, 4_000, 9_000] {
        bytes.extend(n.to_be_bytes());
    }
    bytes
}

#[test]
fn a_count_that_began_anew_is_no_time_of_the_future() {
    let at = |uptime_ms, count| {
        Head { version: 5, exported_ms: 1_000_000_000, uptime_ms: Some(uptime_ms) }.at(count)
    };
    assert_eq!(at(10_000, 4_000), Some(999_994_000));
    // Counted just before the count began anew, exported after.
    assert_eq!(at(5_000, u64::from(u32::MAX) - 999), Some(999_994_000));
    // The exporter's clocks may differ a little, across that point too.
    assert_eq!(at(10_000, 10_007), Some(1_000_000_007));
    assert_eq!(at(u32::MAX, 6), Some(1_000_000_007));
    assert_eq!(at(10_000, u64::MAX), None);
}

fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Outcome {
    decoder.packet(EXPORTER, bytes, &mut |_| None)
}

fn assert_is_the_flow(flow: &Flow) {
    assert_eq!(flow.source.unwrap().to_string(), "10.1.2.3");
    assert_eq!(flow.destination.unwrap().to_string(), "198.51.100.9");
    assert_eq!((flow.source_port, flow.destination_port), (Some(51_234), Some(3333)));
    assert_eq!((flow.transport(), flow.bytes, flow.packets), (Some("tcp"), 1500, 3));
}

#[test]
fn version9_template_and_data() {
    let mut decoder = Decoder::new();
    let mut two = record();
    two.extend(record());
    two.extend([0, 0]); // padding
    let packet = v9(1, &[set(0, &template(300)), set(300, &two)]);
    let outcome = decode(&mut decoder, &packet);
    assert_eq!(outcome.flows.len(), 2);
    assert_is_the_flow(&outcome.flows[0]);
    assert_eq!(outcome.flows[0].end_ms, Some(1_795_406_705_000));
    assert!(outcome.problems.is_empty());
    let shown = outcome.flows[0].to_string();
    assert_eq!(shown, "netflow v9 tcp 10.1.2.3:51234 > 198.51.100.9:3333 bytes 1500 packets 3");
}

#[test]
fn data_before_its_template_waits() {
    let mut decoder = Decoder::new();
    let early = decode(&mut decoder, &v9(1, &[set(300, &record())]));
    assert!(early.flows.is_empty() && early.problems.is_empty());
    assert_eq!(decoder.waiting(), 1);
    // Another exporter's template of the same id is not it.
    let other = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    decoder.packet(other, &v9(1, &[set(0, &template(300))]), &mut |_| None);
    assert_eq!(decoder.waiting(), 1);
    let late = decode(&mut decoder, &v9(2, &[set(0, &template(300))]));
    assert_is_the_flow(&late.flows[0]);
    assert_eq!(decoder.waiting(), 0);
}

#[test]
fn what_waits_is_bounded_and_counted() {
    let mut decoder = Decoder::new();
    let mut given_up = 0;
    for n in 0..PENDING_SETS_MAX as u32 + 10 {
        given_up += decode(&mut decoder, &v9(n, &[set(300, &record())])).given_up;
    }
    assert_eq!(given_up, 10);
    assert_eq!(decoder.waiting(), PENDING_SETS_MAX);
    assert_eq!(decoder.give_up(), PENDING_SETS_MAX as u64);
}

#[test]
fn templates_survive_a_restart() {
    let first = decode(&mut Decoder::new(), &v9(1, &[set(0, &template(300))]));
    let (key, saved) = first.templates[0].clone();
    let mut asked = 0;
    let mut decoder = Decoder::new();
    for n in 0..3 {
        let outcome = decoder.packet(EXPORTER, &v9(n, &[set(300, &record())]), &mut |k| {
            asked += 1;
            (*k == key).then(|| saved.clone())
        });
        assert_is_the_flow(&outcome.flows[0]);
    }
    assert_eq!(asked, 1);
}

#[test]
fn options_are_not_flows() {
    let mut decoder = Decoder::new();
    // Scope: interface (4 bytes); option: sampling interval (4 bytes).
    let options = words(&[400, 4, 4, 2, 4, 34, 4, 0]);
    let packet = v9(1, &[set(1, &options), set(400, &[0, 0, 0, 1, 0, 0, 0, 100])]);
    let outcome = decode(&mut decoder, &packet);
    assert_eq!((outcome.flows.len(), outcome.options), (0, 1));
    assert!(outcome.problems.is_empty());
}

#[test]
fn variable_lengths_and_enterprises() {
    let mut decoder = Decoder::new();
    // Source, destination, a variable text, reverse bytes (RFC 5103), bytes.
    let template = words(&[500, 5, 8, 4, 12, 4, 96, 0xffff, 0x8001, 4, 0, 29_305, 1, 4]);
    let mut data = vec![10, 0, 0, 1, 10, 0, 0, 2, 5];
    data.extend(b"https");
    data.extend([0, 0, 0, 9, 0, 0, 0, 8]);
    data.extend([10, 0, 0, 3, 10, 0, 0, 4, 255, 0, 1, b'x', 0, 0, 0, 7, 0, 0, 0, 6]);
    let outcome = decode(&mut decoder, &ipfix(0, &[set(2, &template), set(500, &data)]));
    assert!(outcome.problems.is_empty(), "{:?}", outcome.problems);
    let bytes: Vec<_> = outcome.flows.iter().map(|f| (f.bytes, f.reverse_bytes)).collect();
    assert_eq!(bytes, [(8, Some(9)), (6, Some(7))]);
    // H3C sends variable lengths in version 9 too.
    let template = words(&[501, 3, 8, 4, 96, 0xffff, 12, 4]);
    let data = [10, 0, 0, 1, 2, b'a', b'b', 10, 0, 0, 2];
    let outcome = decode(&mut decoder, &v9(1, &[set(0, &template), set(501, &data)]));
    assert_eq!(outcome.flows[0].destination.unwrap().to_string(), "10.0.0.2");
}

#[test]
fn version5() {
    let mut packet = words(&[5, 1]);
    for n in [10_000u32, 1_795_406_706, 0, 1] {
        packet.extend(n.to_be_bytes());
    }
    packet.extend([0; 4]);
    packet.extend([10, 1, 2, 3, 198, 51, 100, 9, 0, 0, 0, 0, 0, 1, 0, 2]);
    for n in [3u32, 1500, 4_000, 9_000] {
        packet.extend(n.to_be_bytes());
    }
    packet.extend(words(&[51_234, 3333]));
    packet.extend([0, 0x1b, 6, 0]);
    packet.extend([0; 8]);
    let outcome = decode(&mut Decoder::new(), &packet);
    assert!(outcome.problems.is_empty());
    assert_is_the_flow(&outcome.flows[0]);
    let short = decode(&mut Decoder::new(), &packet[..50]);
    assert_eq!(short.problems, [Problem::BadFlowPacket]);
}

#[test]
fn damage_is_counted_and_the_rest_kept() {
    let mut decoder = Decoder::new();
    // A template that says nine fields and holds two; a good template and its data follow.
    let broken = set(0, &words(&[300, 9, 8, 4, 12, 4]));
    let packet = v9(1, &[broken, set(0, &template(301)), set(301, &record())]);
    let outcome = decode(&mut decoder, &packet);
    assert_eq!(outcome.problems, [Problem::BadFlowPacket]);
    assert_is_the_flow(&outcome.flows[0]);
    // Cut in the middle of the second record: the first counts.
    let mut two = record();
    two.extend(record());
    let packet = v9(2, &[set(301, &two)]);
    let outcome = decode(&mut decoder, &packet[..packet.len() - 5]);
    assert_eq!((outcome.flows.len(), outcome.problems.len()), (1, 1));
    // Filled with zeros.
    let mut packet = v9(3, &[set(301, &record())]);
    packet.extend([0; 64]);
    let outcome = decode(&mut decoder, &packet);
    assert_eq!((outcome.flows.len(), outcome.problems.len()), (1, 0));
}

#[test]
fn gaps_are_counted_by_each_version_s_own_unit() {
    let mut decoder = Decoder::new();
    let missing = |decoder: &mut Decoder, n| decode(decoder, &v9(n, &[])).missing;
    assert_eq!(missing(&mut decoder, 5), 0);
    assert_eq!(missing(&mut decoder, 6), 0);
    assert_eq!(missing(&mut decoder, 9), 2);
    assert_eq!(missing(&mut decoder, 1), 0, "the exporter restarted");
}

proptest! {
    #[test]
    fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 5u16..11) {
        let mut decoder = Decoder::new();
        decode(&mut decoder, &bytes);
        let mut with_version = version.to_be_bytes().to_vec();
        with_version.extend(&bytes);
        decode(&mut decoder, &with_version);
    }

    #[test]
    fn any_damage_is_safe(at in 0usize..150, value in any::<u8>(), end in 0usize..150) {
        let mut data = record();
        data.extend(record());
        let mut packet = v9(1, &[set(0, &template(300)), set(300, &data)]);
        let len = packet.len();
        packet[at % len] = value;
        packet.truncate(len - end % len);
        let mut decoder = Decoder::new();
        prop_assert!(decode(&mut decoder, &packet).flows.len() < 200);
    }
}

/// H3C's NetStream sends fields of variable length (65,535) in version 9, too.
#[test]
fn version9_with_variable_fields() {
    let template = words(&[301, 5, 8, 4, 12, 4, 82, 0xffff, 1, 4, 2, 4]);
    let mut data = vec![10, 1, 2, 3, 198, 51, 100, 9, 4];
    data.extend(b"GE01");
    for n in [1500u32, 3] {
        data.extend(n.to_be_bytes());
    }
    let packet = v9(1, &[set(0, &template), set(301, &data)]);
    let outcome = decode(&mut Decoder::new(), &packet);
    assert_eq!((outcome.flows.len(), outcome.problems.len()), (1, 0));
    assert_eq!((outcome.flows[0].bytes, outcome.flows[0].packets), (1500, 3));
}

#[test]
fn a_packet_filled_with_zeros() {
    let mut packet = v9(1, &[set(0, &template(300)), set(300, &record())]);
    packet.resize(1400, 0);
    let outcome = decode(&mut Decoder::new(), &packet);
    assert_eq!((outcome.flows.len(), outcome.problems.len()), (1, 0));
}

/// An id that is used again for other fields: the latest template counts.
#[test]
fn a_template_id_used_again() {
    let mut decoder = Decoder::new();
    decode(&mut decoder, &v9(1, &[set(0, &words(&[300, 1, 1, 4])), set(300, &[0, 0, 0, 9])]));
    let outcome = decode(&mut decoder, &v9(2, &[set(0, &template(300)), set(300, &record())]));
    assert_eq!(outcome.templates.len(), 1);
    assert_is_the_flow(&outcome.flows[0]);
}

#[test]
fn sampling_told_by_options_of_a_sampler() {
    let mut decoder = Decoder::new();
    // Scope: the system; then sampler id (48) and interval (34).
    let options = words(&[400, 4, 8, 1, 4, 48, 1, 34, 4]);
    let said = [[0, 0, 0, 1, 7].as_slice(), &100u32.to_be_bytes()].concat();
    let outcome = decode(&mut decoder, &v9(1, &[set(1, &options), set(400, &said)]));
    assert_eq!((outcome.options, outcome.flows.len()), (1, 0));
    let flows = words(&[300, 4, 8, 4, 48, 1, 1, 4, 2, 4]);
    let row = |sampler: u8| {
        let mut bytes = vec![10, 1, 2, 3, sampler];
        bytes.extend([1500u32, 3].iter().flat_map(|n| n.to_be_bytes()));
        bytes
    };
    let packet = v9(2, &[set(0, &flows), set(300, &[row(7), row(0), row(8)].concat())]);
    let outcome = decode(&mut decoder, &packet);
    let counted: Vec<_> = outcome.flows.iter().map(|f| (f.bytes, f.packets, f.sampling)).collect();
    // Sampler 0 means unsampled; sampler 8 was never told of.
    assert_eq!(counted, [(150_000, 300, Some(100)), (1500, 3, None), (1500, 3, None)]);
}

#[test]
fn sampling_of_version5_stands_in_its_header() {
    let mut packet = words(&[5, 1]);
    for n in [10_000u32, 1_795_406_706, 0, 1] {
        packet.extend(n.to_be_bytes());
    }
    packet.extend([0, 0]);
    packet.extend(words(&[0x4000 | 50]));
    let mut row = vec![0; 48];
    row[16..20].copy_from_slice(&3u32.to_be_bytes());
    row[20..24].copy_from_slice(&1500u32.to_be_bytes());
    packet.extend(row);
    let outcome = decode(&mut Decoder::new(), &packet);
    assert_eq!((outcome.flows[0].bytes, outcome.flows[0].sampling), (75_000, Some(50)));
}
