//! One form for what lists and logs write in many.

use std::fmt;

use crate::syntax::test::{Net, mask};

/// What an indicator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntelKind {
    /// An IP address or a network.
    Address,
    /// A domain name; it stands for all below it too.
    Domain,
    /// A URL.
    Url,
    /// A file's MD5, SHA-1, SHA-256 or SHA-512.
    Hash,
}

/// Longest domain, in bytes (RFC 1035).
const DOMAIN_BYTES_MAX: usize = 253;
/// Longest URL kept, in bytes.
const URL_BYTES_MAX: usize = 2_048;

/// An indicator in its one form: a tag, then its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key(Vec<u8>);

impl Key {
    /// What the table stores and compares.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn tagged(tag: u8, bytes: &[u8]) -> Self {
        let mut all = Vec::with_capacity(bytes.len() + 1);
        all.push(tag);
        all.extend_from_slice(bytes);
        Self(all)
    }

    /// The first `prefix` bits of an address.
    pub(super) fn network(bits: u128, prefix: u8) -> Self {
        let mut key = Self::tagged(b'n', &(bits & mask(prefix)).to_be_bytes());
        key.0.push(prefix);
        key
    }

    /// `10.0.0.0/8`, `10.1.2.3`, `10.1.2.3:443`, `[fe80::1]`.
    pub(super) fn address(text: &str) -> Option<(Self, u8)> {
        let text = text.trim().trim_matches(['[', ']']);
        let net = Net::parse(text).or_else(|| match text.rsplit_once(':') {
            Some((v4, port)) if v4.contains('.') && port.parse::<u16>().is_ok() => Net::parse(v4),
            _ => None,
        })?;
        Some((Self::network(net.bits, net.prefix), net.prefix))
    }

    /// A domain name: lower case, without the dot at the end and `*.` at the start.
    pub(super) fn domain(text: &str) -> Option<Self> {
        let name = text.trim().trim_end_matches('.');
        let name = name.strip_prefix("*.").unwrap_or(name);
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let good = name.len() <= DOMAIN_BYTES_MAX
            && name.contains('.')
            && name.chars().all(fits)
            && name.split('.').all(|label| !label.is_empty())
            && name.rsplit('.').next().is_some_and(|top| !top.bytes().all(|b| b.is_ascii_digit()));
        good.then(|| Self::known_domain(&name.to_lowercase()))
    }

    /// A domain name already in its form.
    pub(super) fn known_domain(name: &str) -> Self {
        Self::tagged(b'd', name.as_bytes())
    }

    /// A URL: scheme and host in lower case, without user, default port and fragment.
    pub(super) fn url(text: &str) -> Option<Self> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "hxxp" => "http".to_owned(),
            "hxxps" => "https".to_owned(),
            other => other.to_owned(),
        };
        if !scheme.bytes().all(|b| b.is_ascii_alphanumeric()) || rest.is_empty() {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let default = match scheme.as_str() {
            "http" => ":80",
            "https" => ":443",
            _ => "",
        };
        let host = host.strip_suffix(default).unwrap_or(host).to_lowercase();
        let path = path.split_once('#').map_or(path, |(path, _)| path);
        let path = if path.is_empty() { "/" } else { path };
        let url = format!("{scheme}://{host}{path}");
        (!host.is_empty() && url.len() <= URL_BYTES_MAX).then(|| Self::tagged(b'u', url.as_bytes()))
    }

    /// Hexadecimal digits of a known length, in either case.
    pub(super) fn hash(text: &str) -> Option<Self> {
        let text = text.trim();
        if !matches!(text.len(), 32 | 40 | 64 | 128) || !text.is_ascii() {
            return None;
        }
        let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
        let bytes: Option<Vec<u8>> =
            text.as_bytes().chunks(2).map(|p| Some(digit(p[0])? << 4 | digit(p[1])?)).collect();
        Some(Self::tagged(b'h', &bytes?))
    }

    /// Whatever a line of a plain list is.
    pub(super) fn any(text: &str) -> Option<(Self, IntelKind)> {
        let refanged;
        let text = if text.contains("[.]") {
            refanged = text.replace("[.]", ".");
            refanged.as_str()
        } else {
            text
        };
        Self::address(text)
            .map(|(key, _)| (key, IntelKind::Address))
            .or_else(|| Self::hash(text).map(|k| (k, IntelKind::Hash)))
            .or_else(|| Self::url(text).map(|k| (k, IntelKind::Url)))
            .or_else(|| Self::domain(text).map(|k| (k, IntelKind::Domain)))
    }

    /// The prefix length, if it is an address or a network.
    pub(super) fn prefix(&self) -> Option<u8> {
        self.0.last().copied().filter(|_| self.0.first() == Some(&b'n'))
    }

    /// ECS's word for it.
    pub(super) fn kind(&self) -> &'static str {
        match (self.0.first(), self.prefix()) {
            (Some(b'n'), Some(96..)) if self.is_v4() => "ipv4-addr",
            (Some(b'n'), _) => "ipv6-addr",
            (Some(b'd'), _) => "domain-name",
            (Some(b'u'), _) => "url",
            _ => "file",
        }
    }

    fn is_v4(&self) -> bool {
        self.0.get(1..13).is_some_and(|b| b[..10].iter().all(|b| *b == 0) && b[10..] == [255, 255])
    }

    /// The text of a domain or URL.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(self.0.get(1..).unwrap_or_default()).unwrap_or("")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.first() {
            Some(b'd' | b'u') => f.write_str(self.text()),
            Some(b'n') => {
                let bits: [u8; 16] =
                    self.0.get(1..17).and_then(|b| b.try_into().ok()).unwrap_or_default();
                let prefix = self.prefix().unwrap_or(128);
                let v6 = std::net::Ipv6Addr::from(bits);
                match (v6.to_ipv4_mapped(), prefix) {
                    (Some(v4), 128) => write!(f, "{v4}"),
                    (Some(v4), 96..) => write!(f, "{v4}/{}", prefix - 96),
                    (_, 128) => write!(f, "{v6}"),
                    (_, prefix) => write!(f, "{v6}/{prefix}"),
                }
            }
            _ => self.0.iter().skip(1).try_for_each(|b| write!(f, "{b:02x}")),
        }
    }
}
