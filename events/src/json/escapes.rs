//! Texts with escapes. What is special in a block is found for all of it at once, so that no
//! escape waits for the one before.

use super::scan::{BLOCK, plain_end, specials};

/// Bytes looked at together.
const BLOCKS: usize = 64;
/// The same, and what is read and put past them.
const ROOM: usize = BLOCKS + BLOCK;

/// The text that begins at `start`, without its escapes, and where its quote lies. `None` if it
/// is not well formed. `room` is a buffer.
pub(super) fn resolve<'r>(
    bytes: &[u8],
    start: usize,
    room: &'r mut Vec<u8>,
) -> Option<(&'r str, usize)> {
    // What an escape stands for is shorter than it is.
    if room.len() < bytes.len() + BLOCKS {
        room.resize(bytes.len() + BLOCKS, 0);
    }
    let mut text = Text { bytes, at: start, room, len: 0 };
    while !text.block()? {}
    let Text { at, len, .. } = text;
    Some((simdutf8::basic::from_utf8(room.get(..len)?).ok()?, at))
}

/// A text half read.
struct Text<'b, 'r> {
    bytes: &'b [u8],
    /// Where to read on.
    at: usize,
    room: &'r mut [u8],
    /// How much of the room is written.
    len: usize,
}

impl Text<'_, '_> {
    /// Reads on for a block, or up to the quote: then `true`.
    fn block(&mut self) -> Option<bool> {
        let from = self.bytes.get(self.at..)?;
        let to = self.room.get_mut(self.len..)?;
        let (Some(from), Some(to)) = (from.first_chunk(), to.first_chunk_mut()) else {
            self.plain(plain_end(from, 0))?;
            return self.special();
        };
        let (read, put, stop) = block(from, to)?;
        self.at += read;
        self.len += put;
        match stop {
            Stop::End => Some(false),
            Stop::Special => self.special(),
        }
    }

    /// Copies what holds nothing special, near the record's end.
    fn plain(&mut self, len: usize) -> Option<()> {
        let from = self.bytes.get(self.at..)?.get(..len)?;
        self.room.get_mut(self.len..)?.get_mut(..len)?.copy_from_slice(from);
        self.at += len;
        self.len += len;
        Some(())
    }

    /// Reads what is special: an escape, or the quote, and then `true`.
    #[inline]
    fn special(&mut self) -> Option<bool> {
        // A record does not end in a text, so that a byte follows its quote.
        let rest = self.bytes.get(self.at..)?;
        let [mark, escape] = *rest.first_chunk()?;
        if mark == b'"' {
            return Some(true);
        }
        let stands_for = STANDS_FOR[usize::from(escape)];
        if mark != b'\\' {
            return None;
        } else if stands_for != 0 {
            *self.room.get_mut(self.len)? = stands_for;
            self.at += 2;
            self.len += 1;
        } else if escape == b'u' {
            let (c, read) = unicode(rest, 2)?;
            self.len += c.encode_utf8(self.room.get_mut(self.len..)?.first_chunk_mut::<4>()?).len();
            self.at += read;
        } else {
            return None;
        }
        Some(false)
    }
}

/// Where a block ends.
enum Stop {
    /// With its bytes.
    End,
    /// Before a quote, or an escape of several characters.
    Special,
}

/// Reads a block: how many bytes of it were read, how many were put. Windows of fixed sizes, with room past
/// the block to read and put sixteen bytes at once.
#[inline]
fn block(from: &[u8; ROOM], to: &mut [u8; ROOM]) -> Option<(usize, usize, Stop)> {
    let (parts, _) = from.as_chunks::<BLOCK>();
    let parts = parts[..BLOCKS / BLOCK].iter().rev();
    let mut left = parts.fold(0u64, |mask, part| mask << BLOCK | u64::from(specials(part)));
    let (mut read, mut put) = (0, 0);
    while left != 0 {
        let place = left.trailing_zeros() as usize;
        copy(from, read, to, put, place - read)?;
        put += place - read;
        let stands_for = STANDS_FOR[usize::from(from[place + 1])];
        if from[place] != b'\\' || stands_for == 0 {
            return Some((place, put, Stop::Special));
        }
        *to.get_mut(put)? = stands_for;
        (read, put) = (place + 2, put + 1);
        // The character behind a backslash was read with it.
        left &= !(3 << place);
    }
    let rest = BLOCKS.saturating_sub(read);
    copy(from, read, to, put, rest)?;
    Some((read + rest, put + rest, Stop::End))
}

/// Copies `len` bytes, and what lies behind them up to the next sixteen: it is written over.
#[inline]
fn copy(from: &[u8; ROOM], read: usize, to: &mut [u8; ROOM], put: usize, len: usize) -> Option<()> {
    let mut done = 0;
    while done < len {
        *to.get_mut(put + done..)?.first_chunk_mut::<BLOCK>()? =
            *from.get(read + done..)?.first_chunk::<BLOCK>()?;
        done += BLOCK;
    }
    Some(())
}

/// What an escape of one character stands for; 0 for what is none.
const STANDS_FOR: [u8; 256] = {
    let mut table = [0; 256];
    let pairs = *b"\"\"\\\\//n\nr\rt\tb\x08f\x0c";
    let mut at = 0;
    while at < pairs.len() {
        table[pairs[at] as usize] = pairs[at + 1];
        at += 2;
    }
    table
};

/// The character of an escape whose digits begin at `at`; where to go on.
fn unicode(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let high = hex(bytes, at)?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, at + 4));
    }
    // The first half of a pair; a half alone is an error.
    if high >= 0xdc00 || bytes.get(at + 4) != Some(&b'\\') || bytes.get(at + 5) != Some(&b'u') {
        return None;
    }
    let low = hex(bytes, at + 6)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)?, at + 10))
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .iter()
        .try_fold(0, |number, byte| Some(number << 4 | char::from(*byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_and_no_other_is_resolved() {
        let read = |text: &str| {
            let mut room = Vec::new();
            resolve(text.as_bytes(), 0, &mut room).map(|(t, end)| (t.to_owned(), end))
        };
        let all = r#"\"\\\/\n\r\t\b\f\u0041\ud83d\ude00" "#;
        assert_eq!(read(all), Some(("\"\\/\n\r\t\u{8}\u{c}A\u{1f600}".into(), all.len() - 2)));
        for bad in [r#"\x" "#, r#"\u12" "#, r#"\ud83d" "#, "\u{1}\" ", r#"no end"#, r#"\"#, "a\""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
