//! The key of a policy and what is derived from it.

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::records::error::Error;

/// The secret behind pseudonyms, shifts and format-preserving encryption: 32 bytes. Whoever holds
/// it can try values; it is kept apart from the masked data.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PolicyKey([u8; 32]);

impl std::fmt::Debug for PolicyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PolicyKey(***)")
    }
}

impl PolicyKey {
    /// From 32 bytes of randomness.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::BadKey`].
    pub fn from_hex(text: &str) -> Result<Self, Error> {
        let mut decoded = data_encoding::HEXLOWER_PERMISSIVE
            .decode(text.trim().as_bytes())
            .map_err(|_| Error::BadKey { reason: "not hexadecimal" })?;
        let bytes = <[u8; 32]>::try_from(decoded.as_slice());
        decoded.zeroize();
        bytes.map(Self).map_err(|_| Error::BadKey { reason: "not 32 bytes" })
    }

    /// A key for one use under one policy (HKDF-SHA-256, RFC 5869).
    pub(crate) fn derive(&self, policy: &str, label: &str) -> Result<[u8; 32], Error> {
        struct Len;
        impl ring::hkdf::KeyType for Len {
            fn len(&self) -> usize {
                32
            }
        }
        let salt = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, b"xuedun mask 1");
        let pseudorandom = salt.extract(&self.0);
        let info = [policy.as_bytes(), &[0], label.as_bytes()];
        let mut out = [0; 32];
        pseudorandom
            .expand(&info, Len)
            .and_then(|okm| okm.fill(&mut out))
            .map_err(|_| Error::Crypto { what: "HKDF" })?;
        Ok(out)
    }

    /// A derived key that is wiped when it goes.
    pub(crate) fn secret(&self, policy: &str, label: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
        self.derive(policy, label).map(Zeroizing::new)
    }

    /// HMAC-SHA-256 under a key for one use, for many short values.
    pub(crate) fn mac(&self, policy: &str, label: &str) -> Result<Hmac<Sha256>, Error> {
        let key = self.secret(policy, label)?;
        Hmac::new_from_slice(&*key).map_err(|_| Error::Crypto { what: "HMAC" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hkdf_rfc5869_case_1() {
        struct Len;
        impl ring::hkdf::KeyType for Len {
            fn len(&self) -> usize {
                42
            }
        }
        let salt: Vec<u8> = (0..=12).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let prk = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, &salt).extract(&[0x0b; 22]);
        let mut okm = [0; 42];
        prk.expand(&[&info], Len).unwrap().fill(&mut okm).unwrap();
        assert_eq!(
            data_encoding::HEXLOWER.encode(&okm),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        );
    }

    #[test]
    fn keys_differ_by_policy_and_use() {
        let key = PolicyKey::new([7; 32]);
        let a = key.derive("a", "x").unwrap();
        assert_ne!(a, key.derive("b", "x").unwrap());
        assert_ne!(a, key.derive("a", "y").unwrap());
        assert!(matches!(PolicyKey::from_hex("00"), Err(Error::BadKey { .. })));
        assert_eq!(format!("{key:?}"), "PolicyKey(***)");
    }
}
