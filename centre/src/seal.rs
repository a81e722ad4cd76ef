//! Sealing small secrets at rest with the node's key: AES-256-GCM (`ring`), a fresh nonce each.

use events::Sensitive;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::error::Error;

/// Opens and closes sealed values. The name of what a value belongs to is bound as associated
/// data, so that values cannot be swapped.
pub struct Seal(Option<LessSafeKey>);

impl Seal {
    /// From the node's key of 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new))
    }

    /// Seals a value under a nonce that is never used again.
    pub fn close(&self, value: &[u8], owner: &[u8], nonce: [u8; 12]) -> Result<String, Error> {
        let mut sealed = value.to_vec();
        self.key()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(owner),
                &mut sealed,
            )
            .map_err(|_| broken())?;
        let mut out = nonce.to_vec();
        out.extend_from_slice(&sealed);
        Ok(data_encoding::BASE64.encode(&out))
    }

    /// Opens a value; an error says only that it cannot be opened.
    pub fn open(&self, text: &str, owner: &[u8]) -> Result<Sensitive<Vec<u8>>, Error> {
        let bytes = data_encoding::BASE64.decode(text.as_bytes()).map_err(|_| broken())?;
        let Some((nonce, sealed)) = bytes.split_first_chunk::<12>() else { return Err(broken()) };
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .key()?
            .open_in_place(nonce, Aad::from(owner), &mut sealed)
            .map_err(|_| broken())?;
        Ok(Sensitive::new(plain.to_vec()))
    }

    fn key(&self) -> Result<&LessSafeKey, Error> {
        self.0.as_ref().ok_or_else(broken)
    }
}

fn broken() -> Error {
    Error::Part { part: "seal", message: "a sealed value cannot be opened".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_opens() {
        let seal = Seal::new(&[3; 32]);
        let text = seal.close(b"secret", b"li", [0; 12]).unwrap();
        assert_eq!(seal.open(&text, b"li").unwrap().reveal(), b"secret");
        assert!(seal.open(&text, b"wang").is_err());
        assert!(Seal::new(&[4; 32]).open(&text, b"li").is_err());
        assert!(seal.open("AAAA", b"li").is_err());
    }
}
