//! Protection against forged requests: a token in every form, derived from the session, and the
//! `Origin` of every request that changes something.

use data_encoding::HEXLOWER;
use ring::hmac;

/// Makes and checks tokens. The key lives as long as the process.
pub(crate) struct Csrf(hmac::Key);

impl Csrf {
    /// With a key of 32 random bytes.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The token of a session (or of a visitor's cookie).
    pub(crate) fn token(&self, binding: &[u8]) -> String {
        HEXLOWER.encode(hmac::sign(&self.0, &message(binding)).as_ref())
    }

    /// Whether a token belongs to a session; takes the same time for every wrong token.
    pub(crate) fn holds(&self, binding: &[u8], token: &str) -> bool {
        let Ok(tag) = HEXLOWER.decode(token.as_bytes()) else { return false };
        hmac::verify(&self.0, &message(binding), &tag).is_ok()
    }
}

fn message(binding: &[u8]) -> Vec<u8> {
    [b"xuedun csrf v1\0", binding].concat()
}

/// Whether a changing request may come from where it says. A browser sends `Origin` with every
/// POST; it must be this host. Where it is absent (no browser), `Sec-Fetch-Site` must be absent
/// too or say the same.
pub(crate) fn origin_ok(
    origin: Option<&str>,
    fetch_site: Option<&str>,
    host: Option<&str>,
) -> bool {
    match (origin, fetch_site) {
        (Some(origin), _) => {
            let authority = origin.split_once("://").map(|(_, rest)| rest);
            authority.is_some() && authority == host
        }
        (None, site) => site.is_none_or(|s| s == "same-origin"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_session() {
        let csrf = Csrf::new(&[7; 32]);
        let token = csrf.token(b"one");
        assert!(csrf.holds(b"one", &token));
        assert!(!csrf.holds(b"two", &token));
        assert!(!csrf.holds(b"one", ""));
        assert!(!csrf.holds(b"one", &token[..62]));
        assert!(!Csrf::new(&[8; 32]).holds(b"one", &token));
    }

    #[test]
    fn other_origins_are_refused() {
        let host = Some("127.0.0.1:8443");
        assert!(origin_ok(Some("https://127.0.0.1:8443"), None, host));
        assert!(!origin_ok(Some("https://evil.example"), None, host));
        assert!(!origin_ok(Some("https://127.0.0.1:8443.evil.example"), None, host));
        assert!(!origin_ok(Some("null"), None, host));
        assert!(!origin_ok(None, Some("cross-site"), host));
        assert!(origin_ok(None, None, host));
        assert!(!origin_ok(Some("https://x"), None, None));
    }
}
