//! Writing cells back as delimited UTF-8.

/// Cells of at most so many bytes are looked through faster without a call.
const SHORT_BYTES: usize = 64;

/// Builds records in a byte buffer the caller drains.
pub(crate) struct RowWriter {
    delimiter: u8,
    first: bool,
}

impl RowWriter {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, first: true }
    }

    /// Appends a cell, quoted when it must be.
    pub(crate) fn cell(&mut self, out: &mut Vec<u8>, cell: &str) {
        if !self.first {
            out.push(self.delimiter);
        }
        self.first = false;
        let bytes = cell.as_bytes();
        let delimiter = self.delimiter;
        let special = if bytes.len() <= SHORT_BYTES {
            bytes.iter().fold(false, |special, &b| {
                special | (b == b'"') | (b == b'\n') | (b == b'\r') | (b == delimiter)
            })
        } else {
            memchr::memchr3(b'"', b'\n', b'\r', bytes).is_some()
                || memchr::memchr(delimiter, bytes).is_some()
        };
        if !special {
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
