//! Community ID, version 1 (Corelight's specification): the same text for both directions of a
//! flow, so that records of different tools meet.

use std::net::IpAddr;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::packet::icmp_answer;

/// The Community ID of a flow with seed 0; `None` when its addresses are of different kinds. For
/// ICMP the ports are type and answering type, or type and code.
pub fn id(
    source: IpAddr,
    source_port: u16,
    destination: IpAddr,
    destination_port: u16,
    protocol: u8,
) -> Option<String> {
    let (source, destination) = (source.to_canonical(), destination.to_canonical());
    if source.is_ipv4() != destination.is_ipv4() {
        return None;
    }
    let (mut from, mut to) = ((source, source_port), (destination, destination_port));
    // A message of ICMP that nothing answers has one direction.
    let one_way = matches!(protocol, 1 | 58)
        && u8::try_from(source_port).ok().and_then(|kind| icmp_answer(protocol, kind)).is_none();
    if !one_way && from > to {
        std::mem::swap(&mut from, &mut to);
    }
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(&[0, 0]);
    for (address, _) in [&from, &to] {
        match address {
            IpAddr::V4(v4) => digest.update(&v4.octets()),
            IpAddr::V6(v6) => digest.update(&v6.octets()),
        }
    }
    digest.update(&[protocol, 0]);
    if matches!(protocol, 1 | 6 | 17 | 58 | 132) {
        digest.update(&from.1.to_be_bytes());
        digest.update(&to.1.to_be_bytes());
    }
    Some(format!("1:{}", data_encoding::BASE64.encode(digest.finish().as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the specification's own baselines, computed again with its reference
    /// implementation (`communityid` of PyPI).
    #[test]
    fn as_the_reference_computes_it() {
        for (source, source_port, destination, destination_port, protocol, want) in [
            ("128.232.110.120", 34855, "66.35.250.204", 80, 6, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            ("192.168.1.52", 54585, "8.8.8.8", 53, 17, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            ("192.168.0.89", 8, "192.168.0.1", 0, 1, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        ] {
            let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
            let one = id(source, source_port, destination, destination_port, protocol);
            let other = id(destination, destination_port, source, source_port, protocol);
            assert_eq!((one.as_deref(), other.as_deref()), (Some(want), Some(want)));
        }
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert_ne!(id(a, 3, b, 1, 1), id(b, 3, a, 1, 1), "unreachable has one direction");
    }
}
