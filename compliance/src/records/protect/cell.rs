//! One sealed cell: `xd1:` and base64url of version, algorithm, key id, subject, nonce, sealed
//! text with its tag. The associated data binds it to dataset, row and column.

use aes_gcm::aead::array::typenum::U12;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, AesGcm};
use ring::rand::SecureRandom;
use sm4::Sm4;

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
    fn bytes(&self, header: &Header) -> Vec<u8> {
        let mut out = vec![VERSION, header.algorithm.code()];
        out.extend_from_slice(&header.key_id.to_be_bytes());
        out.extend_from_slice(&header.subject);
        for text in [self.dataset, self.row, self.column] {
            out.extend_from_slice(&(text.len() as u64).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out
    }
}

/// Whether a cell looks sealed.
pub fn is_sealed(cell: &str) -> bool {
    cell.starts_with(MARK)
}

/// Seals a text.
pub(super) fn seal(
    key: &[u8; 32],
    header: &Header,
    place: &Place<'_>,
    text: &str,
    random: &dyn SecureRandom,
) -> Result<String, Error> {
    let mut nonce = [0; 12];
    random.fill(&mut nonce).map_err(|_| Error::NoRandomness)?;
    let aad = place.bytes(header);
    let payload = Payload { msg: text.as_bytes(), aad: &aad };
    let sealed = match header.algorithm {
        Algorithm::Aes256Gcm => Aes256Gcm::new(key.into()).encrypt(&nonce.into(), payload),
        Algorithm::Sm4Gcm => Sm4Gcm::new(&half(key).into()).encrypt(&nonce.into(), payload),
    };
    let sealed = sealed.map_err(|_| Error::Crypto { what: "AEAD" })?;
    let mut bytes = vec![VERSION, header.algorithm.code()];
    bytes.extend_from_slice(&header.key_id.to_be_bytes());
    bytes.extend_from_slice(&header.subject);
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&sealed);
    Ok(format!("{MARK}{}", data_encoding::BASE64URL_NOPAD.encode(&bytes)))
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
    let aad = place.bytes(header);
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
