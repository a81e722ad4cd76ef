//! A first message of TLS, and what comes back: which version and suite a server takes up. For the
//! versions and suites that no decent library speaks any more, which is why they must be asked for.
//! Pure; the bytes travel in [`super::endpoint`].

/// A version of the protocol as it stands in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Its name in facts.
    pub(super) name: &'static str,
    number: u16,
}

/// Versions asked for by hand. TLS 1.3 is asked for by a whole handshake.
pub(super) const VERSIONS: [Version; 4] = [
    Version { name: "SSLv3", number: 0x0300 },
    Version { name: "TLSv1.0", number: 0x0301 },
    Version { name: "TLSv1.1", number: 0x0302 },
    Version { name: "TLSv1.2", number: 0x0303 },
];

/// Suites that servers of any age have, strong and weak (IANA registry of TLS cipher suites; the
/// two of RFC 8998's neighbour GB/T 38636 at the end).
pub(super) const ANY_SUITE: &[u16] = &[
    0xc02f, 0xc030, 0xc02b, 0xc02c, 0xcca8, 0xcca9, 0x009e, 0x009f, 0x009c, 0x009d, 0xc027, 0xc028,
    0xc023, 0xc024, 0xc013, 0xc014, 0xc009, 0xc00a, 0x0067, 0x006b, 0x003c, 0x003d, 0x0033, 0x0039,
    0x002f, 0x0035, 0x000a, 0xc012, 0xc008, 0x0016, 0x0005, 0x0004, 0xc011, 0xc007, 0xe013, 0xe053,
];

/// Suites that must not be taken up when they are all that is offered.
pub(super) const WEAK_SUITES: [(&str, &[u16]); 5] = [
    ("RC4", &[0x0004, 0x0005, 0xc011, 0xc007]),
    ("3DES", &[0x000a, 0xc012, 0xc008, 0x0016, 0x0013]),
    ("NULL", &[0x0001, 0x0002, 0x003b, 0xc010, 0xc006]),
    ("EXPORT", &[0x0003, 0x0006, 0x0008, 0x0014, 0x0011]),
    ("anonymous", &[0x0034, 0x003a, 0x0018, 0x001b, 0x006c, 0xc018, 0xc019]),
];

/// What a server said to a first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It takes up this version with a suite.
    Took(u16),
    /// It refuses, or wants another version.
    Refused,
    /// It does not speak TLS.
    Other,
}

/// The record of a ClientHello (RFC 5246 section 7.4.1.2, RFC 6066 for the name).
pub(super) fn client_hello(version: Version, suites: &[u16], name: &str) -> Vec<u8> {
    let mut body = version.number.to_be_bytes().to_vec();
    // Nothing is kept secret by this handshake: it ends before a key is made.
    body.extend((0u8..32).map(|n| n.wrapping_mul(37) ^ 0x5a));
    body.push(0);
    let suites: Vec<u8> = suites.iter().chain(&[0x00ff]).flat_map(|s| s.to_be_bytes()).collect();
    body.extend(long(&suites));
    body.extend([1, 0]);
    if version.number > 0x0300 {
        body.extend(long(&extensions(name)));
    }
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1, length[1], length[2], length[3]][..], &body].concat();
    let record = if version.number > 0x0301 { 0x0301 } else { version.number };
    [&[22][..], &record.to_be_bytes(), &long(&message)].concat()
}

fn extensions(name: &str) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |kind: u16, content: Vec<u8>| {
        all.extend(kind.to_be_bytes());
        all.extend(long(&content));
    };
    // An address is not a name (RFC 6066 section 3).
    if !name.is_empty() && name.parse::<std::net::IpAddr>().is_err() {
        add(0, long(&[&[0][..], &long(name.as_bytes())].concat()));
    }
    // Curves P-256, P-384, P-521, X25519, curveSM2; uncompressed points.
    add(10, long(&[0, 23, 0, 24, 0, 25, 0, 29, 0, 41]));
    add(11, vec![1, 0]);
    let algorithms = [0x0403u16, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601];
    let older = [0x0203u16, 0x0201, 0x0708];
    add(
        13,
        long(&algorithms.iter().chain(&older).flat_map(|a| a.to_be_bytes()).collect::<Vec<_>>()),
    );
    all
}

/// Content behind its length in two bytes.
fn long(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

/// Bytes of the beginning of an answer that are enough to tell.
pub(super) const ANSWER_BYTES: usize = 5 + 4 + 2 + 32 + 1 + 32 + 2;

/// What the beginning of an answer says to a hello of a version. An end without a word is a
/// refusal too.
pub(super) fn said(answer: &[u8], version: Version) -> Said {
    match answer {
        [] | [21, ..] => Said::Refused,
        [22, 3, _, _, _, 2, _, _, _, major, minor, rest @ ..] => {
            if u16::from_be_bytes([*major, *minor]) != version.number {
                return Said::Refused;
            }
            let suite = rest
                .get(32)
                .and_then(|session| rest.get(33 + usize::from(*session)..)?.first_chunk::<2>());
            suite.map_or(Said::Other, |suite| Said::Took(u16::from_be_bytes(*suite)))
        }
        _ => Said::Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hello_is_one_record() {
        for version in VERSIONS {
            let hello = client_hello(version, ANY_SUITE, "school.edu.cn");
            assert_eq!(hello[0], 22);
            let length = usize::from(u16::from_be_bytes([hello[3], hello[4]]));
            assert_eq!(hello.len(), 5 + length);
            assert_eq!(hello[5], 1);
            let inner = u32::from_be_bytes([0, hello[6], hello[7], hello[8]]) as usize;
            assert_eq!(length, 4 + inner);
            let has_name = hello.windows(13).any(|w| w == b"school.edu.cn");
            assert_eq!(has_name, version.name != "SSLv3");
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let tls10 = VERSIONS[1];
        let mut took = vec![22, 3, 1, 0, 80, 2, 0, 0, 76, 3, 1];
        took.extend([7; 32]);
        took.extend([0, 0x00, 0x2f]);
        assert_eq!(said(&took, tls10), Said::Took(0x002f));
        assert_eq!(said(&took, VERSIONS[2]), Said::Refused, "another version is a refusal");
        assert_eq!(said(&[21, 3, 1, 0, 2, 2, 70], tls10), Said::Refused);
        assert_eq!(said(&[], tls10), Said::Refused);
        assert_eq!(said(b"HTTP/1.1 400 Bad", tls10), Said::Other);
    }

    proptest! {
        #[test]
        fn any_answer_is_told(answer in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = said(&answer, VERSIONS[3]);
        }
    }
}
