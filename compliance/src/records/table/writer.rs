//! Writing cells back as delimited UTF-8.

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
        let special = |special, &byte: &u8| special | self.special[usize::from(byte)];
        if !bytes.iter().fold(false, special) {
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
