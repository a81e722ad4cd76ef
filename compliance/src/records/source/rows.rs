//! Rows of any source as the bytes of delimited text.

use std::io::{self, Read};

use crate::records::table::writer::RowWriter;

/// Something that gives rows one after the other.
pub(in crate::records) trait Rows {
    /// Writes the next row's cells to `cells`; `false` at the end. The first row names the columns.
    fn next(&mut self, cells: &mut Vec<String>) -> io::Result<bool>;
}

/// Reads rows as comma-separated UTF-8.
pub(in crate::records) struct CsvBytes<R> {
    rows: R,
    writer: RowWriter,
    cells: Vec<String>,
    bytes: Vec<u8>,
    at: usize,
}

/// Bytes made ready at a time.
const PIECE_BYTES: usize = 1 << 16;

impl<R: Rows> CsvBytes<R> {
    pub(in crate::records) fn new(rows: R) -> Self {
        Self { rows, writer: RowWriter::new(b','), cells: Vec::new(), bytes: Vec::new(), at: 0 }
    }
}

impl<R: Rows> Read for CsvBytes<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
            while self.bytes.len() < PIECE_BYTES {
                self.cells.clear();
                if !self.rows.next(&mut self.cells)? {
                    break;
                }
                for cell in &self.cells {
                    self.writer.cell(&mut self.bytes, cell);
                }
                let last_empty = self.cells.last().is_none_or(String::is_empty);
                self.writer.end(&mut self.bytes, self.cells.len().max(1), last_empty);
            }
        }
        let n = out.len().min(self.bytes.len() - self.at);
        if let (Some(to), Some(from)) = (out.get_mut(..n), self.bytes.get(self.at..self.at + n)) {
            to.copy_from_slice(from);
        }
        self.at += n;
        Ok(n)
    }
}
