//! One sealed cell: `xd1:` and base64url of version, algorithm, key id, subject, nonce, sealed
//! text with its tag. The associated data binds it to dataset, row and column.

use aes_gcm::aead::array::typenum::U12;
use aes_gcm::aead::{Aead, AeadInOut, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, AesGcm};
use ring::rand::SecureRandom;
use sm4::Sm4;
use zeroize::{Zeroize, Zeroizing};

use crate::records::error::Error;

/// SM4-GCM by the same generic construction as AES-GCM (RFC 8998, section 2.1).
type Sm4Gcm = AesGcm<Sm4, U12>;

const MARK: &str = "xd1:";
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 1 + 4 + 8 + 12;
const TAG_BYTES: usize = 16;

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
    const fn code(self) -> u8 {
        match self {
            Self::Aes256Gcm => 1,
            Self::Sm4Gcm => 2,
        }
    }

    const fn of(code: u8) -> Option<Self> {
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

/// The header of a sealed cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: u32,
    pub(super) subject: [u8; 8],
}

impl Place<'_> {
    /// Associated data: lengths before the texts, so that nothing can be shifted between them.
    fn write(&self, header: &Header, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&[VERSION, header.algorithm.code()]);
        out.extend_from_slice(&header.key_id.to_be_bytes());
        out.extend_from_slice(&header.subject);
        for text in [self.dataset, self.row, self.column] {
            out.extend_from_slice(&(text.len() as u64).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Whether a cell looks sealed.
pub fn is_sealed(cell: &str) -> bool {
    cell.starts_with(MARK)
}

/// Fresh randomness, fetched from the system in pages: one call for each nonce costs more than
/// sealing a cell.
pub(super) struct Pool<'a> {
    random: &'a dyn SecureRandom,
    page: Zeroizing<[u8; 4096]>,
    at: usize,
}

impl<'a> Pool<'a> {
    pub(super) fn new(random: &'a dyn SecureRandom) -> Self {
        Self { random, page: Zeroizing::new([0; 4096]), at: 4096 }
    }

    /// Bytes that are given out once.
    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        if self.at + N > self.page.len() {
            self.random.fill(&mut *self.page).map_err(|_| Error::NoRandomness)?;
            self.at = 0;
        }
        let mut out = [0; N];
        let given = self.page.get_mut(self.at..self.at + N).ok_or(Error::NoRandomness)?;
        out.copy_from_slice(given);
        given.zeroize();
        self.at += N;
        Ok(out)
    }
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

    fn encrypt(&self, nonce: [u8; 12], aad: &[u8], text: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        let tag = match self {
            Self::Aes(cipher) => cipher.encrypt_inout_detached(&nonce.into(), aad, text.into()),
            Self::Sm4(cipher) => cipher.encrypt_inout_detached(&nonce.into(), aad, text.into()),
        };
        tag.ok().map(Into::into)
    }
}

/// Seals cells; its buffers are reused.
#[derive(Default)]
pub(super) struct Sealer {
    aad: Vec<u8>,
    bytes: Vec<u8>,
}

impl Sealer {
    /// Puts the sealed cell in place of its text.
    pub(super) fn seal(
        &mut self,
        cipher: &Cipher,
        header: &Header,
        place: &Place<'_>,
        text: &mut String,
        pool: &mut Pool<'_>,
    ) -> Result<(), Error> {
        place.write(header, &mut self.aad);
        let nonce = pool.take::<12>()?;
        self.bytes.clear();
        self.bytes.extend_from_slice(&[VERSION, header.algorithm.code()]);
        self.bytes.extend_from_slice(&header.key_id.to_be_bytes());
        self.bytes.extend_from_slice(&header.subject);
        self.bytes.extend_from_slice(&nonce);
        self.bytes.extend_from_slice(text.as_bytes());
        let plain = self.bytes.get_mut(HEAD_BYTES..).unwrap_or_default();
        let tag = cipher.encrypt(nonce, &self.aad, plain).ok_or(Error::Crypto { what: "AEAD" })?;
        self.bytes.extend_from_slice(&tag);
        text.clear();
        text.push_str(MARK);
        data_encoding::BASE64URL_NOPAD.encode_append(&self.bytes, text);
        Ok(())
    }
}

/// Takes a sealed cell apart; `None` if it is not one.
pub(super) fn parse(cell: &str) -> Option<(Header, Vec<u8>)> {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(cell.strip_prefix(MARK)?.as_bytes()).ok()?;
    if bytes.len() < HEAD_BYTES + TAG_BYTES || bytes[0] != VERSION {
        return None;
    }
    let algorithm = Algorithm::of(bytes[1])?;
    let key_id = u32::from_be_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]);
    let mut subject = [0; 8];
    subject.copy_from_slice(&bytes[6..14]);
    Some((Header { algorithm, key_id, subject }, bytes))
}

/// Opens a cell that [`parse`] took apart; `None` if it does not belong here.
pub(super) fn open(
    key: &[u8; 32],
    header: &Header,
    place: &Place<'_>,
    bytes: &[u8],
) -> Option<String> {
    let nonce: [u8; 12] = bytes.get(14..26)?.try_into().ok()?;
    let mut aad = Vec::new();
    place.write(header, &mut aad);
    let payload = Payload { msg: bytes.get(26..)?, aad: &aad };
    let plain = match header.algorithm {
        Algorithm::Aes256Gcm => Aes256Gcm::new(key.into()).decrypt(&nonce.into(), payload),
        Algorithm::Sm4Gcm => Sm4Gcm::new(&half(key).into()).decrypt(&nonce.into(), payload),
    };
    String::from_utf8(plain.ok()?).ok()
}

/// SM4 takes 128 bits: the first half of the subject's random key.
fn half(key: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&key[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::aead::consts::U16;
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
