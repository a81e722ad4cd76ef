//! Sealing the cells of one row together.
//!
//! A row's cells lie under one key, and each is short: sealed one by one, most of the time goes to
//! waiting for the block cipher, which is fast only over many blocks at once. So the blocks that all
//! cells of a row will ask for are worked out first, in one go ([`Ahead`]), and the cells' text is
//! written as base64 in one go. What seals is `aes-gcm`, as it is: a block it asks for that was not
//! worked out, or stands elsewhere, is worked out then.

use std::cell::Cell;

use aes::Aes256Enc;
use aes_gcm::AesGcm;
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::array::typenum::{U8, U12, U16};
use base64::Engine as _;
use base64::engine::general_purpose::NO_PAD;
use sm4::Sm4;
use sm4::cipher::inout::InOut;
use sm4::cipher::{
    Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser,
    KeyInit, ParBlocks, ParBlocksSizeUser,
};
use zeroize::Zeroize as _;

use super::cell::{Algorithm, HEAD_BYTES, Header, MARK, SIX_BYTES_MAX, TAG_BYTES, bind, half};
use crate::records::error::Error;

type Block = Array<u8, U16>;

#[cfg(target_arch = "x86_64")]
type Base64 = base64::engine::Simd;
#[cfg(not(target_arch = "x86_64"))]
type Base64 = base64::engine::GeneralPurpose;

fn base64() -> Base64 {
    #[cfg(target_arch = "x86_64")]
    return Base64::url_safe(NO_PAD);
    #[cfg(not(target_arch = "x86_64"))]
    return Base64::new(&base64::alphabet::URL_SAFE, NO_PAD);
}

/// Blocks of a cell's text worked out ahead; the rest of a longer one is no better for it.
const AHEAD_BLOCKS: usize = 8;

const fn failed() -> Error {
    Error::Crypto { what: "AEAD" }
}

/// One cell of the row under way: where its bytes lie, its text among them, and its column.
struct Piece {
    start: usize,
    end: usize,
    column: usize,
    count: u64,
}

/// Seals rows; its buffers are reused.
pub(super) struct RowSealer {
    /// Each column's name as cells are bound to it.
    columns: Vec<Vec<u8>>,
    /// Header without count.
    head: [u8; 12],
    /// It, dataset and row; a column is put behind them.
    aad: Vec<u8>,
    pieces: Vec<Piece>,
    /// Header, text and tag of each cell, each filled up to three bytes.
    bytes: Vec<u8>,
    encoded: Vec<u8>,
    asked: Vec<Block>,
    made: Vec<Block>,
    base64: Base64,
    count: u64,
}

impl RowSealer {
    pub(super) fn new<'a>(columns: impl Iterator<Item = &'a str>) -> Self {
        let bound = |name: &str| {
            let mut out = Vec::new();
            bind(name, &mut out);
            out
        };
        Self {
            columns: columns.map(bound).collect(),
            head: [0; 12],
            aad: Vec::new(),
            pieces: Vec::new(),
            bytes: Vec::new(),
            encoded: Vec::new(),
            asked: Vec::new(),
            made: Vec::new(),
            base64: base64(),
            count: 0,
        }
    }

    /// A row without a cell to seal.
    pub(super) fn nothing(&mut self) {
        self.pieces.clear();
    }

    /// Begins a row: what all its cells are bound to.
    pub(super) fn begin(&mut self, header: &Header, dataset: &str, row: &str) -> Result<(), Error> {
        self.head = *header.bytes(0)?.first_chunk().ok_or_else(failed)?;
        self.aad.clear();
        self.aad.extend_from_slice(&self.head);
        bind(dataset, &mut self.aad);
        bind(row, &mut self.aad);
        self.pieces.clear();
        self.bytes.clear();
        self.asked.clear();
        // The hash's key is the first block a cipher in GCM is asked for.
        self.asked.push(Block::from([0; 16]));
        Ok(())
    }

    /// Adds a cell to the row.
    pub(super) fn add(&mut self, header: &Header, column: usize, text: &str) -> Result<(), Error> {
        let count = self.count;
        if count > SIX_BYTES_MAX {
            return Err(Error::KeyExhausted { key_id: header.key_id, limit: SIX_BYTES_MAX });
        }
        self.count += 1;
        let blocks = text.len().div_ceil(16).min(AHEAD_BLOCKS) as u128;
        // Nonce and counter, as GCM counts them: one for the tag, then the text.
        let first = u128::from(count) << 32 | 1;
        self.asked.extend((0..=blocks).map(|n| Block::from((first + n).to_be_bytes())));
        let start = self.bytes.len();
        let [_, _, counted @ ..] = count.to_be_bytes();
        self.bytes.extend_from_slice(&self.head);
        self.bytes.extend_from_slice(&counted);
        self.bytes.extend_from_slice(text.as_bytes());
        let end = self.bytes.len();
        // Room for the tag, and up to where base64 begins a character anew.
        self.bytes.extend_from_slice(&[0; TAG_BYTES + 2]);
        self.bytes.truncate((end + TAG_BYTES).next_multiple_of(3));
        self.pieces.push(Piece { start, end, column, count });
        Ok(())
    }

    /// Seals the cells added since the row began, under a key of its own.
    pub(super) fn seal(&mut self, algorithm: Algorithm, key: &[u8; 32]) -> Result<(), Error> {
        match algorithm {
            Algorithm::Aes256Gcm => self.seal_by(Aes256Enc::new(key.into()))?,
            Algorithm::Sm4Gcm => self.seal_by(Sm4::new(&half(key).into()))?,
        }
        let len = self.bytes.len() / 3 * 4;
        if self.encoded.len() < len {
            self.encoded.resize(len, 0);
        }
        let n = self.base64.encode_slice(&self.bytes, &mut self.encoded);
        n.map(|_| ()).map_err(|_| Error::Crypto { what: "base64" })
    }

    fn seal_by<C: BlockCipherEncrypt<BlockSize = U16>>(&mut self, cipher: C) -> Result<(), Error> {
        self.made.resize(self.asked.len(), Block::default());
        cipher.encrypt_blocks_b2b(&self.asked, &mut self.made).map_err(|_| failed())?;
        let ahead = Ahead { cipher, asked: &self.asked, made: &self.made, next: Cell::new(0) };
        let gcm = AesGcm::<_, U12>::from(&ahead);
        let row_bytes = self.aad.len();
        for piece in &self.pieces {
            let column = self.columns.get(piece.column).map_or(&[][..], Vec::as_slice);
            self.aad.truncate(row_bytes);
            self.aad.extend_from_slice(column);
            let bytes = self.bytes.get_mut(piece.start..).ok_or_else(failed)?;
            let rest = bytes.get_mut(HEAD_BYTES..).ok_or_else(failed)?;
            let len = piece.end - piece.start - HEAD_BYTES;
            let (text, rest) = rest.split_at_mut_checked(len).ok_or_else(failed)?;
            let tag = rest.first_chunk_mut::<TAG_BYTES>().ok_or_else(failed)?;
            let [_, _, _, _, nonce @ ..] = u128::from(piece.count).to_be_bytes();
            let made = gcm.encrypt_inout_detached(&nonce.into(), &self.aad, text.into());
            *tag = made.map_err(|_| failed())?.into();
        }
        Ok(())
    }

    /// The sealed cells of the row, in the order they were added, each to be written as it is.
    pub(super) fn sealed(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.pieces.iter().map(|piece| {
            let from = piece.start / 3 * 4;
            let len = ((piece.end + TAG_BYTES - piece.start) * 4).div_ceil(3);
            (MARK, self.encoded.get(from..from + len).unwrap_or_default())
        })
    }
}

impl Drop for RowSealer {
    /// What was sealed, and the blocks it was sealed with, tell the text.
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.made.iter_mut().for_each(|block| block.as_mut_slice().zeroize());
    }
}

/// A block cipher with blocks worked out ahead, in the order they will be asked for.
struct Ahead<'a, C> {
    cipher: C,
    asked: &'a [Block],
    made: &'a [Block],
    next: Cell<usize>,
}

impl<C> Ahead<'_, C> {
    /// The block made of this one, if it is the next.
    fn known(&self, block: &Block) -> Option<&Block> {
        let at = self.next.get();
        let made = self.asked.get(at).filter(|a| is_same(a, block)).and(self.made.get(at));
        self.next.set(at + usize::from(made.is_some()));
        made
    }
}

/// Whether two counter blocks are one. In the pieces they are written in: reading one whole that was
/// just written in pieces makes the processor wait.
fn is_same(a: &Block, b: &Block) -> bool {
    let nonce = |b: &Block| u64::from_ne_bytes([b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11]]);
    let first = |b: &Block| u64::from(u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    let counter = |b: &Block| u64::from(u32::from_ne_bytes([b[12], b[13], b[14], b[15]]));
    (nonce(a) ^ nonce(b)) | (first(a) ^ first(b)) | (counter(a) ^ counter(b)) == 0
}

impl<C> BlockSizeUser for Ahead<'_, C> {
    type BlockSize = U16;
}

impl<C> ParBlocksSizeUser for Ahead<'_, C> {
    type ParBlocksSize = U8;
}

impl<C: BlockCipherEncrypt<BlockSize = U16>> BlockCipherEncrypt for Ahead<'_, C> {
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = U16>) {
        f.call(self);
    }
}

impl<C: BlockCipherEncrypt<BlockSize = U16>> BlockCipherEncBackend for Ahead<'_, C> {
    #[inline]
    fn encrypt_block(&self, mut block: InOut<'_, '_, Block>) {
        match self.known(block.get_in()) {
            Some(made) => *block.get_out() = *made,
            None => self.cipher.encrypt_block_inout(block),
        }
    }

    #[inline]
    fn encrypt_par_blocks(&self, mut blocks: InOut<'_, '_, ParBlocks<Self>>) {
        if self.asked.get(self.next.get()) == blocks.get_in().first() {
            (0..AHEAD_BLOCKS)
                .for_each(|at| BlockCipherEncBackend::encrypt_block(self, blocks.get(at)));
        } else {
            self.cipher.encrypt_blocks_inout(blocks.into_buf());
        }
    }
}

#[cfg(test)]
mod tests {
    use aes_gcm::aead::{Aead, Payload};
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use proptest::prelude::*;

    use super::super::cell::nonce;
    use super::*;

    proptest! {
        /// Cells sealed together are those that `aes-gcm` and SM4 by the same construction seal one
        /// by one, whatever their lengths.
        #[test]
        fn together_is_as_one_by_one(
            texts in prop::collection::vec("[a-z学]{0,300}", 1..12),
            key in any::<[u8; 32]>(),
            sm4 in any::<bool>(),
            rows in 1usize..3,
        ) {
            let algorithm = if sm4 { Algorithm::Sm4Gcm } else { Algorithm::Aes256Gcm };
            let header = Header { algorithm, key_id: 7, slot: 9 };
            let names: Vec<String> = (0..texts.len()).map(|n| format!("列{n}")).collect();
            let mut sealer = RowSealer::new(names.iter().map(String::as_str));
            let mut count = 0;
            for row in 0..rows {
                let row = format!("r{row}");
                sealer.begin(&header, "集", &row).unwrap();
                for (at, text) in texts.iter().enumerate() {
                    sealer.add(&header, at, text).unwrap();
                }
                sealer.seal(algorithm, &key).unwrap();
                let sealed: Vec<_> = sealer.sealed().collect();
                prop_assert_eq!(sealed.len(), texts.len());
                for ((name, text), (mark, sealed)) in names.iter().zip(&texts).zip(sealed) {
                    let head = header.bytes(count).unwrap();
                    count += 1;
                    let mut aad = head[..12].to_vec();
                    bind("集", &mut aad);
                    bind(&row, &mut aad);
                    bind(name, &mut aad);
                    let payload = Payload { msg: text.as_bytes(), aad: &aad };
                    let nonce = nonce(&head).into();
                    let wanted = if sm4 {
                        AesGcm::<Sm4, U12>::new(&half(&key).into()).encrypt(&nonce, payload)
                    } else {
                        aes_gcm::Aes256Gcm::new(&key.into()).encrypt(&nonce, payload)
                    };
                    let wanted = [&head[..], &wanted.unwrap()].concat();
                    prop_assert_eq!(mark, MARK);
                    prop_assert_eq!(URL_SAFE_NO_PAD.decode(sealed).unwrap(), wanted);
                }
            }
        }
    }

    #[test]
    fn a_block_out_of_turn_is_worked_out_then() {
        let cipher = Aes256Enc::new(&[3; 32].into());
        let block = |n: u8| Block::from([n; 16]);
        let (asked, wrong) = ([block(1), block(2)], [block(0), block(0)]);
        let ahead = Ahead { cipher: &cipher, asked: &asked, made: &wrong, next: Cell::new(0) };
        let mut got = block(2);
        BlockCipherEncBackend::encrypt_block(&ahead, (&mut got).into());
        let mut wanted = block(2);
        cipher.encrypt_block(&mut wanted);
        assert_eq!(got, wanted, "the second was asked for first");
        let mut got = block(1);
        BlockCipherEncBackend::encrypt_block(&ahead, (&mut got).into());
        assert_eq!((got, ahead.next.get()), (block(0), 1));
        for at in 0..16 {
            let mut other = block(5);
            other[at] = 6;
            assert!(is_same(&block(5), &block(5)) && !is_same(&block(5), &other), "{at}");
        }
    }
}
