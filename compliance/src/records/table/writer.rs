//! Writing cells back as delimited UTF-8.

use wide::u8x16;

/// Builds records in a byte buffer the caller drains.
pub(crate) struct RowWriter {
    delimiter: u8,
    /// The bytes for which a cell is quoted.
    special: [bool; 256],
    first: bool,
}

impl RowWriter {
    pub(crate) fn new(delimiter: u8) -> Self {
        let mut special = [false; 256];
        for byte in [b'"', b'\n', b'\r', delimiter] {
            special[usize::from(byte)] = true;
        }
        Self { delimiter, special, first: true }
    }

    /// Appends a cell, quoted when it must be.
    pub(crate) fn cell(&mut self, out: &mut Vec<u8>, cell: &str) {
        if !self.first {
            out.push(self.delimiter);
        }
        self.first = false;
        let bytes = cell.as_bytes();
        if !self.is_special(bytes) {
            out.extend_from_slice(bytes);
            return;
        }
        out.push(b'"');
        for &b in bytes {
            if b == b'"' {
                out.push(b'"');
            }
            out.push(b);
        }
        out.push(b'"');
    }

    /// Whether a cell is quoted.
    fn is_special(&self, cell: &[u8]) -> bool {
        if cell.len() < 16 {
            return cell.iter().fold(false, |any, byte| any | self.special[usize::from(*byte)]);
        }
        // The last block reaches back over what the others left.
        let blocks = cell.as_chunks::<16>().0.iter().chain(cell.last_chunk());
        let marks = [b'"', b'\n', b'\r', self.delimiter].map(u8x16::splat);
        let among = |all: u8x16, block: &[u8; 16]| {
            let block = u8x16::new(*block);
            marks.iter().fold(all, |all, mark| all | block.simd_eq(*mark))
        };
        blocks.fold(u8x16::ZERO, among).any()
    }

    /// Begins a cell that the caller appends itself: it must need no quotes.
    pub(crate) fn plain(&mut self, out: &mut Vec<u8>) {
        if !self.first {
            out.push(self.delimiter);
        }
        self.first = false;
    }

    /// Ends the record of `cells` cells.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>, cells: usize, last_empty: bool) {
        // A record of one empty cell would read back as a blank line, that is as no record.
        if cells == 1 && last_empty {
            out.extend_from_slice(b"\"\"");
        }
        out.push(b'\n');
        self.first = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever its length, a cell is quoted for each byte that asks for it, wherever that stands.
        #[test]
        fn what_must_be_quoted_is(cell in "[a-z学]{0,40}", mark in "[\"\n\r;|,]?", at in 0usize..41) {
            let writer = RowWriter::new(b';');
            let at = cell.char_indices().map(|(at, _)| at).nth(at).unwrap_or(cell.len());
            let cell = format!("{}{mark}{}", &cell[..at], &cell[at..]);
            prop_assert_eq!(writer.is_special(cell.as_bytes()), cell.contains(['"', '\n', '\r', ';']));
        }
    }
}
