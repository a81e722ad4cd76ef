//! The second factor: time-based one-time passwords (RFC 6238: HMAC-SHA-1, 30 s, six digits).

use ring::hmac;
use subtle::ConstantTimeEq;

use events::Timestamp;

/// Length of a step, in seconds.
const STEP_SECS: i64 = 30;
/// Steps before and after the present one that are accepted, for clocks that differ.
const SKEW_STEPS: i64 = 1;

/// Whether `code` is right at `now`. Returns the step that it belongs to: the caller refuses a
/// step not later than the last one used, so a code works once.
pub fn verify(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let step = now.secs().div_euclid(STEP_SECS);
    (step - SKEW_STEPS..=step + SKEW_STEPS)
        .filter(|s| *s >= 0)
        .find(|s| code_at(secret, *s as u64).as_bytes().ct_eq(code.as_bytes()).into())
}

/// The code of a step.
pub fn code_at(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 0xf);
    let word = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", word % 1_000_000)
}

/// What an authenticator app reads: the `otpauth` URI of the key-uri format.
pub fn uri(secret: &[u8], account: &str) -> String {
    let secret = data_encoding::BASE32_NOPAD.encode(secret);
    let account: String = account
        .bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => (b as char).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect();
    format!("otpauth://totp/Xuedun:{account}?secret={secret}&issuer=Xuedun")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1 rows, last six of eight digits.
    #[test]
    fn rfc_6238_vectors() {
        let secret = b"12345678901234567890";
        for (secs, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            assert_eq!(code_at(secret, secs / 30), code);
            assert!(verify(secret, code, Timestamp::from_secs(secs as i64)).is_some());
            assert!(verify(secret, code, Timestamp::from_secs(secs as i64 + 90)).is_none());
        }
        assert!(verify(secret, "28708２", Timestamp::from_secs(59)).is_none());
    }
}
