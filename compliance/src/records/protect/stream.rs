//! Whole files sealed, of any kind and size, in bounded memory: photographs, scans, backups, dumps.
//!
//! The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015, "Online Authenticated-Encryption
//! and its Nonce-Reuse Misuse-Resistance"): pieces of 64 KiB, each sealed by AES-256-GCM or SM4-GCM
//! under a nonce of a fixed prefix, the piece's number, and a byte that is 1 for the last piece and 0
//! for the others. So pieces cannot be exchanged, repeated, left out or cut off at the end without
//! notice. Layout:
//!
//! ```text
//! "XDS1" | algorithm | key id (4) | salt (32) | piece* ; piece = sealed text | tag (16)
//! ```
//!
//! The file's key is derived from the dataset's key by the salt (HKDF-SHA-256, RFC 5869), drawn at
//! random for each file and never used by another, and the header and the dataset's name are bound to
//! every piece. The nonce's prefix can therefore be zero and the counter begin at zero: no key seals
//! two files, as long as 256 random bits do not repeat.
//!
//! An opened file appears under its name only when its last piece was found in order.

use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::rand::SecureRandom;
use serde::Serialize;

use super::cell::{Algorithm, Cipher, TAG_BYTES};
use super::guard::{self, Grant};
use super::keyring::KeyRing;
use crate::records::error::Error;
use crate::records::part::Part;

const MARK: &[u8; 4] = b"XDS1";
const HEAD_BYTES: usize = 4 + 1 + 4 + SALT_BYTES;
const SALT_BYTES: usize = 32;
/// Bytes of text in a piece.
const PIECE_BYTES: usize = 64 * 1024;

/// What was sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// Bytes of text.
    pub bytes: u64,
    /// Pieces.
    pub pieces: u64,
}

/// Whether a file begins as a sealed one does.
///
/// # Errors
/// [`Error::Read`].
pub fn is_sealed_file(path: &Path) -> Result<bool, Error> {
    let mut head = [0; 4];
    let mut file = File::open(path).map_err(Error::Read)?;
    let read = fill(&mut file, &mut head)?;
    Ok(read == head.len() && head == *MARK)
}

/// Seals a file under a dataset's key, which is made if it is new.
///
/// # Errors
/// Every failure is named; none leaves an output.
pub fn seal_file(
    input: &Path,
    output: &Path,
    ring: &mut KeyRing,
    dataset: &str,
    algorithm: Algorithm,
    random: &dyn SecureRandom,
) -> Result<StreamReport, Error> {
    let mut reader = File::open(input).map_err(Error::Read)?;
    let keys = ring.dataset_or_new(dataset, random)?;
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(MARK);
    head[4] = algorithm.code();
    head[5..9].copy_from_slice(&keys.id.to_be_bytes());
    random.fill(&mut head[9..]).map_err(|_| Error::NoRandomness)?;
    let cipher = Cipher::new(algorithm, &*keys.file_key(&head[9..])?);
    let aad = bound(&head, dataset);
    let mut out = Out::new(output)?;
    out.write(&head)?;
    let mut report = StreamReport { bytes: 0, pieces: 0 };
    // One piece ahead: the last one must know that it is.
    let mut piece = next(&mut reader, PIECE_BYTES)?;
    loop {
        let follows = next(&mut reader, PIECE_BYTES)?;
        let nonce = nonce(report.pieces, follows.is_empty())?;
        let tag = cipher.encrypt(nonce, &aad, &mut piece);
        let tag = tag.ok_or(Error::Crypto { what: "AEAD" })?;
        out.write(&piece)?;
        out.write(&tag)?;
        report.bytes += piece.len() as u64;
        report.pieces += 1;
        if follows.is_empty() {
            break;
        }
        piece = follows;
    }
    out.release()?;
    Ok(report)
}

/// Opens a sealed file, for a purpose.
///
/// # Errors
/// [`Error::NoPurpose`]; [`Error::NeedsApproval`] and [`Error::NotGranted`] of a guarded key store;
/// [`Error::NotSealed`] when it is no sealed file; [`Error::TamperedPiece`] when
/// a piece was altered, moved or cut off. None leaves an output.
pub fn open_file(
    input: &Path,
    output: &Path,
    ring: &mut KeyRing,
    dataset: &str,
    purpose: &str,
    grant: Option<&Grant>,
) -> Result<StreamReport, Error> {
    if purpose.trim().is_empty() {
        return Err(Error::NoPurpose);
    }
    guard::allow(ring, dataset, grant)?;
    if grant.is_some_and(|grant| !grant.columns.is_empty()) {
        return Err(Error::NotGranted { what: dataset.to_owned() });
    }
    let file = File::open(input).map_err(Error::Read)?;
    let mut reader = BufReader::with_capacity(PIECE_BYTES + TAG_BYTES, file);
    let mut head = [0; HEAD_BYTES];
    if fill(&mut reader, &mut head)? < HEAD_BYTES || head[..4] != *MARK {
        return Err(Error::NotSealed);
    }
    let algorithm = Algorithm::of(head[4]).ok_or(Error::NotSealed)?;
    let keys = ring.dataset(dataset)?;
    if head[5..9] != keys.id.to_be_bytes() {
        return Err(Error::TamperedPiece { piece: 0 });
    }
    let cipher = Cipher::new(algorithm, &*keys.file_key(&head[9..])?);
    let aad = bound(&head, dataset);
    let mut out = Out::new(output)?;
    let mut report = StreamReport { bytes: 0, pieces: 0 };
    let mut piece = next(&mut reader, PIECE_BYTES + TAG_BYTES)?;
    loop {
        let follows = next(&mut reader, PIECE_BYTES + TAG_BYTES)?;
        let tampered = || Error::TamperedPiece { piece: report.pieces };
        let (text, tag) = piece.split_last_chunk_mut::<TAG_BYTES>().ok_or_else(tampered)?;
        let nonce = nonce(report.pieces, follows.is_empty())?;
        cipher.decrypt(nonce, &aad, text, *tag).ok_or_else(tampered)?;
        out.write(text)?;
        report.bytes += text.len() as u64;
        report.pieces += 1;
        if follows.is_empty() {
            break;
        }
        piece = follows;
    }
    out.release()?;
    Ok(report)
}

/// Prefix of seven zeros, the piece's number, whether it is the last.
fn nonce(piece: u64, last: bool) -> Result<[u8; 12], Error> {
    let limit = (1 << 32) * PIECE_BYTES as u64;
    let number = u32::try_from(piece).map_err(|_| Error::FileTooLarge { limit })?;
    let mut nonce = [0; 12];
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    Ok(nonce)
}

/// What every piece is bound to.
fn bound(head: &[u8; HEAD_BYTES], dataset: &str) -> Vec<u8> {
    [head.as_slice(), dataset.as_bytes()].concat()
}

/// The next bytes, as many as there are up to `most`.
fn next(reader: &mut impl Read, most: usize) -> Result<Vec<u8>, Error> {
    let mut piece = vec![0; most];
    let read = fill(reader, &mut piece)?;
    piece.truncate(read);
    Ok(piece)
}

/// Reads until the buffer is full or the input ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Error> {
    let mut at = 0;
    while let Some(rest) = buffer.get_mut(at..).filter(|r| !r.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(n) => at += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::Read(e)),
        }
    }
    Ok(at)
}

/// The output, for its owner alone.
struct Out {
    file: File,
    part: Part,
}

impl Out {
    fn new(output: &Path) -> Result<Self, Error> {
        let part = Part::of(output);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(part.path()).map_err(Error::Write)?;
        Ok(Self { file, part })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::Write)
    }

    fn release(self) -> Result<(), Error> {
        self.file.sync_all().map_err(Error::Write)?;
        self.part.release()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;

    use super::*;
    use crate::records::protect::Root;

    fn ring(dir: &Path) -> KeyRing {
        let root = Root::key([9; 32]);
        KeyRing::open(&dir.join("keys"), &root, &SystemRandom::new()).unwrap()
    }

    fn seal(dir: &Path, text: &[u8], algorithm: Algorithm) -> Vec<u8> {
        fs::write(dir.join("in"), text).unwrap();
        let (from, to) = (dir.join("in"), dir.join("sealed"));
        let report = seal_file(&from, &to, &mut ring(dir), "照片", algorithm, &SystemRandom::new());
        assert_eq!(report.unwrap().bytes, text.len() as u64);
        fs::read(to).unwrap()
    }

    fn open(dir: &Path, sealed: &[u8], dataset: &str) -> Result<Vec<u8>, Error> {
        fs::write(dir.join("sealed"), sealed).unwrap();
        let done =
            open_file(&dir.join("sealed"), &dir.join("out"), &mut ring(dir), dataset, "核对", None);
        let out = fs::read(dir.join("out")).ok();
        assert_eq!(done.is_ok(), out.is_some(), "an output when it went well, and only then");
        assert!(!dir.join("out.part").exists());
        let _ = fs::remove_file(dir.join("out"));
        done.map(|_| out.unwrap())
    }

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|n| (n % 251) as u8).collect()
    }

    #[test]
    fn files_of_every_length_around_a_piece_come_back() {
        let dir = tempfile::tempdir().unwrap();
        for algorithm in [Algorithm::Aes256Gcm, Algorithm::Sm4Gcm] {
            for len in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
                let plain = text(len);
                let sealed = seal(dir.path(), &plain, algorithm);
                assert!(is_sealed_file(&dir.path().join("sealed")).unwrap());
                assert_eq!(open(dir.path(), &sealed, "照片").unwrap(), plain, "{len}");
            }
        }
    }

    #[test]
    fn pieces_exchanged_repeated_left_out_or_cut_off_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = seal(dir.path(), &text(3 * PIECE_BYTES + 5), Algorithm::Aes256Gcm);
        let (head, body) = sealed.split_at(HEAD_BYTES);
        let pieces: Vec<&[u8]> = body.chunks(PIECE_BYTES + TAG_BYTES).collect();
        assert_eq!(pieces.len(), 4);
        for order in [
            &[1, 0, 2, 3][..],
            &[0, 1, 2],
            &[0, 1, 3],
            &[0, 1, 1, 2, 3],
            &[3],
            &[0, 1, 2, 3, 3],
            &[],
        ] {
            let mut other = head.to_vec();
            order.iter().for_each(|i| other.extend_from_slice(pieces[*i]));
            let done = open(dir.path(), &other, "照片");
            assert!(matches!(done, Err(Error::TamperedPiece { .. })), "{order:?}: {done:?}");
        }
        let other = seal(dir.path(), &text(3 * PIECE_BYTES + 5), Algorithm::Aes256Gcm);
        let mixed = [head, &other[HEAD_BYTES..]].concat();
        assert!(matches!(open(dir.path(), &mixed, "照片"), Err(Error::TamperedPiece { piece: 0 })));
    }

    #[test]
    fn what_is_no_sealed_file_and_what_is_another_datasets_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let sealed = seal(dir.path(), b"abc", Algorithm::Aes256Gcm);
        assert!(matches!(open(dir.path(), b"", "照片"), Err(Error::NotSealed)));
        assert!(matches!(open(dir.path(), &sealed[..40], "照片"), Err(Error::NotSealed)));
        assert!(matches!(
            open(dir.path(), b"%PDF-1.7 ................................", "照片"),
            Err(Error::NotSealed)
        ));
        assert!(matches!(open(dir.path(), &sealed, "无"), Err(Error::NoDatasetKey { .. })));
        ring(dir.path()).dataset_or_new("成绩", &SystemRandom::new()).unwrap();
        assert!(matches!(open(dir.path(), &sealed, "成绩"), Err(Error::TamperedPiece { .. })));
        let done = open_file(
            &dir.path().join("sealed"),
            &dir.path().join("out"),
            &mut ring(dir.path()),
            "照片",
            " ",
            None,
        );
        assert!(matches!(done, Err(Error::NoPurpose)));
    }

    #[test]
    fn nonces_never_repeat_and_run_out_by_name() {
        let mut seen = std::collections::BTreeSet::new();
        for piece in 0..500 {
            assert!(
                seen.insert(nonce(piece, false).unwrap())
                    && seen.insert(nonce(piece, true).unwrap())
            );
        }
        assert!(nonce(u64::from(u32::MAX), true).is_ok() && nonce(1 << 32, false).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_bit_changed_anywhere_or_a_cut_anywhere_is_noticed(
            len in 0usize..PIECE_BYTES + 2000, at: prop::sample::Index, bit in 0u8..8, cut: prop::sample::Index,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let sealed = seal(dir.path(), &text(len), Algorithm::Aes256Gcm);
            let mut changed = sealed.clone();
            changed[at.index(sealed.len())] ^= 1 << bit;
            prop_assert!(open(dir.path(), &changed, "照片").is_err());
            prop_assert!(open(dir.path(), &sealed[..cut.index(sealed.len())], "照片").is_err());
            prop_assert!(open(dir.path(), &[sealed.as_slice(), b"x"].concat(), "照片").is_err());
        }
    }
}
