//! HMAC-SHA-256 (RFC 2104) of many short values under one key.
//!
//! A value of at most 55 bytes is one block of the inner hash and one of the outer: with the key taken in
//! beforehand, two compressions and nothing else. Longer ones go through `hmac`, which tests hold this
//! against.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sha2::block_api::compress256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::records::error::Error;

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;
/// The longest value that one block holds beside its end mark and length.
const SHORT_BYTES_MAX: usize = BLOCK_BYTES - 9;
/// Where SHA-256 begins (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The key, taken in.
pub(super) struct ShortMac {
    states: States,
    /// For longer values; it wipes itself.
    long: Hmac<Sha256>,
}

/// SHA-256 after the inner and after the outer padded key.
#[derive(Zeroize, ZeroizeOnDrop)]
struct States {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl ShortMac {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self, Error> {
        let padded = |pad: u8| {
            let mut block = [pad; BLOCK_BYTES];
            block.iter_mut().zip(key).for_each(|(to, byte)| *to ^= byte);
            let mut state = INITIAL;
            compress256(&mut state, &[block]);
            block.zeroize();
            state
        };
        let long = Hmac::new_from_slice(key).map_err(|_| Error::Crypto { what: "HMAC" })?;
        Ok(Self { states: States { inner: padded(0x36), outer: padded(0x5C) }, long })
    }

    /// The tag of a value.
    pub(super) fn tag(&self, value: &[u8]) -> [u8; 32] {
        if value.len() > SHORT_BYTES_MAX {
            return self.long.clone().chain_update(value).finalize().into_bytes().into();
        }
        let inner = last(self.states.inner, value);
        last(self.states.outer, &inner)
    }
}

/// SHA-256 from a state after one block to its end, the last block being this short one.
fn last(mut state: [u32; 8], value: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK_BYTES];
    if let Some((to, end)) = block.split_at_mut_checked(value.len()) {
        to.copy_from_slice(value);
        end[0] = 0x80;
    }
    let bits = (BLOCK_BYTES + value.len()) as u64 * 8;
    block[SHORT_BYTES_MAX + 1..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &[block]);
    let mut out = [0; 32];
    for (to, word) in out.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The way for short values is HMAC, at every length.
        #[test]
        fn short_and_long_values_have_the_tag_of_hmac(
            key: [u8; 32], value in proptest::collection::vec(any::<u8>(), 0..150),
        ) {
            let hmac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            let mac = ShortMac::new(&key).unwrap();
            for end in 0..=value.len() {
                let ours = mac.tag(&value[..end]);
                let wanted = hmac.clone().chain_update(&value[..end]).finalize().into_bytes();
                let wanted: [u8; 32] = wanted.into();
                prop_assert_eq!(ours, wanted);
            }
        }
    }
}
