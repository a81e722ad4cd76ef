//! Tokens: one for the sensor, and one for each school that sends to it.

use axum::http::{HeaderMap, header};
use events::{Sensitive, SiteId};
use ring::digest::{SHA256, digest};

use crate::config::SiteToken;

/// The tokens that open a sensor, by digest: comparing digests tells nothing by its timing.
pub(crate) struct Tokens(Vec<([u8; 32], Option<SiteId>)>);

impl Tokens {
    pub(crate) fn new(token: &Sensitive<String>, schools: &[SiteToken]) -> Self {
        let own = (sha256(token.reveal().as_bytes()), None);
        let theirs = schools.iter().map(|s| (sha256(s.token.reveal().as_bytes()), Some(s.site)));
        Self(std::iter::once(own).chain(theirs).collect())
    }

    /// Whether a secret opens the sensor, and the school it stands for.
    pub(crate) fn open(&self, secret: &[u8]) -> Option<Option<SiteId>> {
        let shown = sha256(secret);
        self.0.iter().find(|(digest, _)| *digest == shown).map(|(_, site)| *site)
    }
}

/// The secret of a request: `Bearer` (RFC 6750), `Splunk`, the password of `Basic`, the key of
/// `ApiKey` (Elastic).
pub(crate) fn secret(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    let is = |name| scheme.eq_ignore_ascii_case(name);
    if is("bearer") || is("splunk") {
        return Some(rest.as_bytes().to_vec());
    }
    if is("basic") || is("apikey") {
        // `user:password` and `id:key`; some clients send an ApiKey without encoding it.
        let pair = base64(rest).unwrap_or_else(|| rest.as_bytes().to_vec());
        let at = pair.iter().position(|b| *b == b':')?;
        return Some(pair[at + 1..].to_vec());
    }
    None
}

/// Standard base64 with or without padding (RFC 4648).
fn base64(text: &str) -> Option<Vec<u8>> {
    data_encoding::BASE64_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_shows_its_secret() {
        for (value, want) in [
            ("Bearer abc", Some("abc")),
            ("Splunk abc", Some("abc")),
            ("Basic dTpw", Some("p")),
            ("basic dTpwcA==", Some("pp")),
            ("ApiKey dTpwcA", Some("pp")),
            ("ApiKey id:key", Some("key")),
            ("Digest abc", None),
            ("Bearer", None),
        ] {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(secret(&headers).as_deref(), want.map(str::as_bytes), "{value}");
        }
    }

    #[test]
    fn a_token_tells_its_school() {
        let site: SiteId = "2133000001".parse().unwrap();
        let token = |t: &str| Sensitive::new(t.to_owned());
        let tokens = Tokens::new(&token("all"), &[SiteToken { site, token: token("one") }]);
        assert_eq!(tokens.open(b"all"), Some(None));
        assert_eq!(tokens.open(b"one"), Some(Some(site)));
        assert_eq!(tokens.open(b"other"), None);
    }
}
