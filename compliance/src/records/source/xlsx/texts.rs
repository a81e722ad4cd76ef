//! The texts that the cells of a workbook share, kept in files without a name: memory does not grow
//! with them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

use hashbrown::HashMap;

/// Bytes of a block, and how many are held of each file (4 MiB).
const BLOCK_BYTES: u64 = 64 * 1024;
const BLOCKS_MAX: usize = 64;

/// Takes texts in order.
pub(super) struct TextsWriter {
    texts: BufWriter<File>,
    ends: BufWriter<File>,
    at: u64,
}

impl TextsWriter {
    pub(super) fn new() -> io::Result<Self> {
        let file = || tempfile::tempfile().map(BufWriter::new);
        Ok(Self { texts: file()?, ends: file()?, at: 0 })
    }

    pub(super) fn push(&mut self, text: &str) -> io::Result<()> {
        self.texts.write_all(text.as_bytes())?;
        self.at += text.len() as u64;
        self.ends.write_all(&self.at.to_le_bytes())
    }

    pub(super) fn finish(self) -> io::Result<Texts> {
        let file = |out: BufWriter<File>| out.into_inner().map_err(io::IntoInnerError::into_error);
        let (texts, ends) = (file(self.texts)?, file(self.ends)?);
        Ok(Texts { texts, ends })
    }
}

/// Texts by their number.
pub(super) struct Texts {
    texts: File,
    ends: File,
}

impl Texts {
    /// Reads with blocks of its own.
    pub(super) fn reader(&self) -> io::Result<TextsReader> {
        Ok(TextsReader { texts: Paged::new(&self.texts)?, ends: Paged::new(&self.ends)? })
    }
}

pub(super) struct TextsReader {
    texts: Paged,
    ends: Paged,
}

impl TextsReader {
    /// A text; none beyond the last.
    pub(super) fn get(&mut self, number: u64) -> io::Result<Option<String>> {
        let Some(place) = number.checked_mul(8).filter(|p| *p < self.ends.len) else {
            return Ok(None);
        };
        let start = match place.checked_sub(8) {
            Some(before) => self.ends.number(before)?,
            None => 0,
        };
        let end = self.ends.number(place)?;
        let mut text = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or(0)];
        self.texts.read(start, &mut text)?;
        String::from_utf8(text).map(Some).map_err(io::Error::other)
    }
}

/// A file, a few blocks of which are held.
struct Paged {
    file: File,
    len: u64,
    blocks: HashMap<u64, Vec<u8>>,
}

impl Paged {
    fn new(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let len = file.metadata()?.len();
        Ok(Self { file, len, blocks: HashMap::new() })
    }

    fn number(&mut self, at: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn read(&mut self, at: u64, mut out: &mut [u8]) -> io::Result<()> {
        let mut at = at;
        while !out.is_empty() {
            let block = self.block(at / BLOCK_BYTES)?;
            let from = usize::try_from(at % BLOCK_BYTES).unwrap_or(0);
            let held = block.get(from..).unwrap_or_default();
            let n = held.len().min(out.len());
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (now, rest) = out.split_at_mut(n);
            now.copy_from_slice(held.get(..n).unwrap_or_default());
            (out, at) = (rest, at + n as u64);
        }
        Ok(())
    }

    fn block(&mut self, number: u64) -> io::Result<&[u8]> {
        if self.blocks.len() >= BLOCKS_MAX && !self.blocks.contains_key(&number) {
            self.blocks.clear();
        }
        match self.blocks.entry(number) {
            hashbrown::hash_map::Entry::Occupied(held) => Ok(held.into_mut()),
            hashbrown::hash_map::Entry::Vacant(place) => {
                let at = number * BLOCK_BYTES;
                let bytes = self.len.saturating_sub(at).min(BLOCK_BYTES);
                let mut block = vec![0; usize::try_from(bytes).unwrap_or(0)];
                self.file.read_exact_at(&mut block, at)?;
                Ok(place.insert(block))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_by_their_numbers_whatever_their_lengths() {
        let mut writer = TextsWriter::new().unwrap();
        let text = |i: u64| "好a".repeat(usize::try_from(i * 37 % 101 * (i % 997)).unwrap());
        for i in 0..3000 {
            writer.push(&text(i)).unwrap();
        }
        let texts = writer.finish().unwrap();
        let (mut a, mut b) = (texts.reader().unwrap(), texts.reader().unwrap());
        for i in (0..3000).rev().step_by(7) {
            assert_eq!(a.get(i).unwrap().as_deref(), Some(text(i).as_str()));
            assert_eq!(b.get(2999 - i).unwrap(), Some(text(2999 - i)));
        }
        assert_eq!(a.get(3000).unwrap(), None);
        assert_eq!(a.get(u64::MAX).unwrap(), None);
    }
}
