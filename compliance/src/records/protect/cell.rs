//! One sealed cell: `xd1:` and base64url of version, algorithm, key id, slot, count, sealed text
//! with its tag. The associated data binds it to dataset, row and column.
//!
//! The nonce is the count of the run that made the cell. It never repeats under a key (NIST
//! SP 800-38D, 8.2.1), because a key and its count live and die together:
//! - one run has one count for all its keys; it only grows, and ends the run before six bytes are
//!   used up;
//! - a key is drawn fresh in the run that seals with it and handed out once; what lies in the key
//!   store is read to open cells, never to seal more. No count is stored, so none can fall back.
//! - a run that is killed takes its keys with it: they were given to nobody, and the next run draws
//!   its own, even for the same subjects, rows and slots;
//! - a key store brought back from a backup may give a slot a second time, under another key: the
//!   older cells of that slot no longer open (they are refused as not authentic), but nothing was
//!   sealed twice under one key and nonce.
//!
//! What is left is the source of randomness: a machine copied while a run is under way (a snapshot
//! started twice) seals with the same keys twice, and no counter could help there.

use aes_gcm::aead::array::typenum::U12;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, AesGcm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sm4::Sm4;

use crate::records::error::Error;

/// SM4-GCM by the same generic construction as AES-GCM (RFC 8998, section 2.1).
type Sm4Gcm = AesGcm<Sm4, U12>;

pub(super) const MARK: &str = "xd1:";
const VERSION: u8 = 2;
/// Version, algorithm, key id, slot, count: a multiple of three, so that the text after it begins
/// on a character of its own.
pub(super) const HEAD_BYTES: usize = 1 + 1 + 4 + 6 + 6;
pub(super) const TAG_BYTES: usize = 16;
/// Slots and counts take six bytes.
pub(super) const SIX_BYTES_MAX: u64 = (1 << 48) - 1;

/// How cells are sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// AES-256-GCM (NIST SP 800-38D).
    #[default]
    Aes256Gcm,
    /// SM4-GCM (GB/T 32907, RFC 8998). Software: not a certified module.
    Sm4Gcm,
}

impl Algorithm {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::Sm4Gcm => 2,
        }
    }

    pub(super) const fn of(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Aes256Gcm),
            2 => Some(Self::Sm4Gcm),
            _ => None,
        }
    }
}

/// What a cell is bound to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) dataset: &'a str,
    pub(super) row: &'a str,
    pub(super) column: &'a str,
}

/// The header of a sealed cell, but for its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: u32,
    pub(super) slot: u64,
}

impl Header {
    /// The header's bytes with a count.
    pub(super) fn bytes(&self, count: u64) -> Result<[u8; HEAD_BYTES], Error> {
        if self.slot > SIX_BYTES_MAX || count > SIX_BYTES_MAX {
            return Err(Error::KeyExhausted { key_id: self.key_id, limit: SIX_BYTES_MAX });
        }
        let [_, _, slot @ ..] = self.slot.to_be_bytes();
        let [_, _, count @ ..] = count.to_be_bytes();
        let mut out = [0; HEAD_BYTES];
        out[0] = VERSION;
        out[1] = self.algorithm.code();
        out[2..6].copy_from_slice(&self.key_id.to_be_bytes());
        out[6..12].copy_from_slice(&slot);
        out[12..].copy_from_slice(&count);
        Ok(out)
    }
}

/// The nonce of a count.
pub(super) fn nonce(head: &[u8; HEAD_BYTES]) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[6..].copy_from_slice(&head[12..]);
    nonce
}

/// Appends a text behind its length, so that nothing can be shifted between neighbours.
pub(super) fn bind(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u64).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Whether a cell looks sealed.
pub fn is_sealed(cell: &str) -> bool {
    cell.starts_with(MARK)
}

/// Whether a cell is sealed, header and all; the text inside may still be altered.
pub fn is_whole(cell: &str) -> bool {
    is_sealed(cell) && parse(cell).is_some()
}

/// A subject's cipher, set up once for all cells of a row.
pub(super) enum Cipher {
    Aes(Box<Aes256Gcm>),
    Sm4(Box<Sm4Gcm>),
}

impl Cipher {
    pub(super) fn new(algorithm: Algorithm, key: &[u8; 32]) -> Self {
        match algorithm {
            Algorithm::Aes256Gcm => Self::Aes(Box::new(Aes256Gcm::new(key.into()))),
            Algorithm::Sm4Gcm => Self::Sm4(Box::new(Sm4Gcm::new(&half(key).into()))),
        }
    }

    pub(super) fn encrypt(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        text: &mut [u8],
    ) -> Option<[u8; TAG_BYTES]> {
        let tag = match self {
            Self::Aes(cipher) => cipher.encrypt_inout_detached(&nonce.into(), aad, text.into()),
            Self::Sm4(cipher) => cipher.encrypt_inout_detached(&nonce.into(), aad, text.into()),
        };
        tag.ok().map(Into::into)
    }

    pub(super) fn decrypt(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: [u8; TAG_BYTES],
    ) -> Option<()> {
        let (nonce, tag) = (nonce.into(), tag.into());
        match self {
            Self::Aes(cipher) => cipher.decrypt_inout_detached(&nonce, aad, text.into(), &tag),
            Self::Sm4(cipher) => cipher.decrypt_inout_detached(&nonce, aad, text.into(), &tag),
        }
        .ok()
    }
}

/// Opens cells; its buffer is reused.
#[derive(Default)]
pub(super) struct Opener {
    aad: Vec<u8>,
}

impl Opener {
    /// Opens a cell that [`parse`] took apart; `None` if it does not belong here.
    pub(super) fn open(
        &mut self,
        cipher: &Cipher,
        sealed: &Sealed,
        place: &Place<'_>,
    ) -> Option<String> {
        let head = sealed.bytes.first_chunk::<HEAD_BYTES>()?;
        self.aad.clear();
        self.aad.extend_from_slice(head.get(..12)?);
        for text in [place.dataset, place.row, place.column] {
            bind(text, &mut self.aad);
        }
        let body = sealed.bytes.get(HEAD_BYTES..)?;
        let (text, tag) = body.split_last_chunk::<TAG_BYTES>()?;
        let mut plain = text.to_vec();
        cipher.decrypt(nonce(head), &self.aad, &mut plain, *tag)?;
        String::from_utf8(plain).ok()
    }
}

/// A sealed cell taken apart.
pub(super) struct Sealed {
    pub(super) header: Header,
    bytes: Vec<u8>,
}

/// Takes a sealed cell apart; `None` if it is not one.
pub(super) fn parse(cell: &str) -> Option<Sealed> {
    // A column of fixed width fills up with blanks.
    let bytes = URL_SAFE_NO_PAD.decode(cell.trim_end_matches(' ').strip_prefix(MARK)?).ok()?;
    if bytes.len() < HEAD_BYTES + TAG_BYTES || bytes[0] != VERSION {
        return None;
    }
    let algorithm = Algorithm::of(bytes[1])?;
    let key_id = u32::from_be_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]);
    let slot = bytes[6..12].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    Some(Sealed { header: Header { algorithm, key_id, slot }, bytes })
}

/// SM4 takes 128 bits: the first half of the subject's random key.
pub(super) fn half(key: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&key[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::aead::consts::U16;
    use aes_gcm::aead::{Aead, Payload};
    use sm4::cipher::{Array, BlockCipherEncrypt};

    /// GB/T 32907-2016, appendix A.1.
    #[test]
    fn sm4_block_vector() {
        let key: [u8; 16] = 0x0123456789abcdeffedcba9876543210u128.to_be_bytes();
        let mut block: Array<u8, U16> = key.into();
        <Sm4 as sm4::cipher::KeyInit>::new(&key.into()).encrypt_block(&mut block);
        assert_eq!(u128::from_be_bytes(block.into()), 0x681edf34d206965e86b3e94f536e4246);
    }

    /// RFC 8998, appendix A.1 (SM4-GCM).
    #[test]
    fn sm4_gcm_vector() {
        let hex = |t: &str| data_encoding::HEXLOWER_PERMISSIVE.decode(t.as_bytes()).unwrap();
        let key: [u8; 16] = hex("0123456789ABCDEFFEDCBA9876543210").try_into().unwrap();
        let nonce: [u8; 12] = hex("00001234567800000000ABCD").try_into().unwrap();
        let plain = hex(
            "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDDEEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA",
        );
        let aad = hex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2");
        let sealed = Sm4Gcm::new(&key.into())
            .encrypt(&nonce.into(), Payload { msg: &plain, aad: &aad })
            .unwrap();
        let wanted = hex(
            "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D83DE3541E4C2B58177E065A9BF7B62EC",
        );
        assert_eq!(sealed, wanted);
    }
}
