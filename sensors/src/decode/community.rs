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

    /// More of the reference implementation (version 1.5 of PyPI): source, source's port or ICMP type,
    /// destination, its port or ICMP code, protocol.
    #[rustfmt::skip]
    const REFERENCE: &[(&str, u16, &str, u16, u8, &str)] = &[
        ("10.0.0.9", 40000, "10.0.0.1", 443, 6, "1:vj3B4EpWWVosQUTvsBWOXIobBeY="),
        ("10.0.0.1", 443, "10.0.0.9", 40000, 6, "1:vj3B4EpWWVosQUTvsBWOXIobBeY="),
        ("10.0.0.1", 5, "10.0.0.1", 9, 6, "1:n8YIsyd6FjUbQ7cJZcY75bi6O98="),
        ("10.0.0.1", 9, "10.0.0.1", 5, 6, "1:n8YIsyd6FjUbQ7cJZcY75bi6O98="),
        ("192.168.170.8", 7, "192.168.170.56", 80, 132, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
        ("192.168.170.56", 80, "192.168.170.8", 7, 132, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
        ("2001:db8::9", 546, "2001:db8::1", 547, 17, "1:vhuLXI4XR7jw/IU6rRvzPMU/xMA="),
        ("fe80::1", 5353, "ff02::fb", 5353, 17, "1:vmVnlzQ4g6ZsPY2VX/lJfRJMmHo="),
        ("2001:db8::1", 80, "2001:db8::9", 9, 132, "1:2J99R81+fG1c/kHsnxtgaF0JYjU="),
        ("192.168.0.89", 8, "192.168.0.1", 0, 1, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        ("192.168.0.89", 0, "192.168.0.1", 0, 1, "1:Xd3I0IiB3MnC0cDe3fbqH8+dDGI="),
        ("192.168.0.89", 3, "192.168.0.1", 1, 1, "1:LXCfhMUFbYXe+CEMrQuZCbiLY3o="),
        ("192.168.0.89", 3, "192.168.0.1", 3, 1, "1:dPRpNwuTNOTQEtM23HPAdlCnrwc="),
        ("192.168.0.89", 13, "192.168.0.1", 0, 1, "1:oeo0XqAz7cn/+sOcFFOn55Omz0U="),
        ("192.168.0.89", 14, "192.168.0.1", 0, 1, "1:uiloJmzo9VB4N869eqNADHXuQJM="),
        ("192.168.0.89", 15, "192.168.0.1", 0, 1, "1:fOg3Bo3uOxI7xD431D+RTtZCCjw="),
        ("192.168.0.89", 16, "192.168.0.1", 0, 1, "1:6ZCKi6lsG2Rw85OQJ+W89GVQOrE="),
        ("192.168.0.89", 17, "192.168.0.1", 0, 1, "1:l6FQTO9IDRsq7cW/KitEu2ab7NM="),
        ("192.168.0.89", 18, "192.168.0.1", 0, 1, "1:6dTj0ptxvEN9+cuc4SfVqQjtlW8="),
        ("192.168.0.89", 10, "192.168.0.1", 0, 1, "1:ZCE6FYKtYq6/Z5/7VYclhgEesAg="),
        ("192.168.0.89", 9, "192.168.0.1", 0, 1, "1:0hTYL8ekh0YMbFphUlZIMctBe1g="),
        ("192.168.0.89", 11, "192.168.0.1", 0, 1, "1:WWhK5yv9t1/eWrodrgw+6KseRoA="),
        ("192.168.0.89", 5, "192.168.0.1", 1, 1, "1:bgekcoPzxdl++b8eoKZ3uwfuh38="),
        ("192.168.0.89", 12, "192.168.0.1", 0, 1, "1:km/5gph/tV0v92ErQwydpnEIM+Y="),
        ("192.168.0.1", 0, "192.168.0.89", 0, 1, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        ("192.168.0.1", 8, "192.168.0.89", 0, 1, "1:Xd3I0IiB3MnC0cDe3fbqH8+dDGI="),
        ("192.168.0.1", 3, "192.168.0.89", 3, 1, "1:ZouhgnVac3AK62b9tKlLG4N+dVQ="),
        ("192.168.0.1", 11, "192.168.0.89", 0, 1, "1:5ppgsucJbrpJCp1T8kvBKS94Ib0="),
        ("192.168.0.1", 10, "192.168.0.89", 0, 1, "1:0hTYL8ekh0YMbFphUlZIMctBe1g="),
        ("fe80::200:86ff:fe05:80da", 128, "fe80::260:97ff:fe07:69ea", 0, 58, "1:QrVnZEjGihSsEkRF1XxqheQ1Za8="),
        ("fe80::200:86ff:fe05:80da", 129, "fe80::260:97ff:fe07:69ea", 0, 58, "1:0v7671U6aMFvKQtpE4ZMYXnSVjQ="),
        ("fe80::200:86ff:fe05:80da", 133, "fe80::260:97ff:fe07:69ea", 0, 58, "1:MxMeSyWe6OTpBt36dIzrtH7OcS8="),
        ("fe80::200:86ff:fe05:80da", 134, "fe80::260:97ff:fe07:69ea", 0, 58, "1:QpYRAQH404PdAphcvVTflGzHNos="),
        ("fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 0, 58, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
        ("fe80::200:86ff:fe05:80da", 136, "fe80::260:97ff:fe07:69ea", 0, 58, "1:zavyT/cezQr1fmImYCwYnMXbgck="),
        ("fe80::200:86ff:fe05:80da", 130, "fe80::260:97ff:fe07:69ea", 0, 58, "1:AqqGbwQfzV0erxPUVV+XZ02Zm5M="),
        ("fe80::200:86ff:fe05:80da", 131, "fe80::260:97ff:fe07:69ea", 0, 58, "1:EWeX0N02fv6kiZ4mtVIrNsLkom4="),
        ("fe80::200:86ff:fe05:80da", 139, "fe80::260:97ff:fe07:69ea", 0, 58, "1:5M4clpPt0fX67/4bIqQT4gA26Dw="),
        ("fe80::200:86ff:fe05:80da", 140, "fe80::260:97ff:fe07:69ea", 0, 58, "1:cOJwEcSbkW1UEpyFTXIP4GMDabo="),
        ("fe80::200:86ff:fe05:80da", 144, "fe80::260:97ff:fe07:69ea", 0, 58, "1:m49RyQ8yIT9LBEoGoI5SnZktCdQ="),
        ("fe80::200:86ff:fe05:80da", 145, "fe80::260:97ff:fe07:69ea", 0, 58, "1:XQq303/ZTbnZhBfoQdmuW8MWAfU="),
        ("fe80::200:86ff:fe05:80da", 1, "fe80::260:97ff:fe07:69ea", 4, 58, "1:JFKLai0Yy5jldt/ku5XTzXROz0Q="),
        ("fe80::200:86ff:fe05:80da", 2, "fe80::260:97ff:fe07:69ea", 0, 58, "1:PWuP7KbeJtskIEV6s6B0CBVg+GI="),
        ("fe80::200:86ff:fe05:80da", 143, "fe80::260:97ff:fe07:69ea", 0, 58, "1:u29u/40f5pp+Flrmr8QOASz7JG4="),
        ("fe80::200:86ff:fe05:80da", 137, "fe80::260:97ff:fe07:69ea", 0, 58, "1:KAwF9EkljGcWl9SKSjiiJXYlGE4="),
        ("10.0.0.9", 0, "10.0.0.1", 0, 47, "1:SapCeQDx496z5gW0IxiML5v2lEE="),
        ("10.0.0.9", 0, "10.0.0.1", 0, 50, "1:mKX0upfPo00jIItl9Znl9KNoR5s="),
        ("10.0.0.9", 0, "10.0.0.1", 0, 89, "1:V8ZIakGmtKpIcRuL264rqpmUELk="),
        ("10.0.0.9", 0, "10.0.0.1", 0, 2, "1:ZaOXgl4q5y/ZIe0RxdzcABWr8EU="),
    ];

    #[test]
    fn every_protocol_as_the_reference_computes_it() {
        for &(source, first, destination, second, protocol, want) in REFERENCE {
            // As `packet` and `netflow` hand it over: a message that another answers with its answer.
            let answer = u8::try_from(first).ok().and_then(|kind| icmp_answer(protocol, kind));
            let second = answer.map_or(second, u16::from);
            let found =
                id(source.parse().unwrap(), first, destination.parse().unwrap(), second, protocol);
            assert_eq!(
                found.as_deref(),
                Some(want),
                "{source} {first} {destination} {second} {protocol}"
            );
        }
    }
}
