//! Cutting UTF-8 into records and cells, with bounds.

use std::io::Read;

use csv_core::ReadFieldResult;
use serde::{Deserialize, Serialize};
use wide::u8x16;

use super::encoding::{Encoding, Utf8Reader};
use crate::records::error::Error;
use crate::records::limits::{CELL_BYTES_MAX, COLUMNS_MAX, RECORD_BYTES_MAX};

/// What was odd in a table; nothing of it stops a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Rows with more or fewer cells than the header.
    pub ragged_rows: u64,
    /// Cells cut at the bound.
    pub oversized_cells: u64,
    /// Cells holding NUL characters.
    pub nul_cells: u64,
    /// Reads that met bytes which are not of the encoding.
    pub malformed: u64,
}

/// One record: its text in one piece, its cells parted by one byte, and where each ends.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    text: &'a str,
    ends: &'a [usize],
    /// The first cell that was cut, if any.
    pub(crate) oversized: Option<usize>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(text: &'a str, ends: &'a [usize]) -> Self {
        Self { text, ends, oversized: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell at `col`; an absent one is empty.
    pub(crate) fn cell(&self, col: usize) -> &'a str {
        let Some(&end) = self.ends.get(col) else { return "" };
        let start = col.checked_sub(1).and_then(|c| self.ends.get(c)).map_or(0, |end| end + 1);
        self.text.get(start..end).unwrap_or_default()
    }

    pub(crate) fn cells(self) -> impl Iterator<Item = &'a str> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let cell = self.text.get(start..end).unwrap_or_default();
            start = end + 1;
            cell
        })
    }

    /// The row without the cells from `width` on.
    pub(crate) fn first(self, width: usize) -> Self {
        Self { ends: self.ends.get(..width).unwrap_or(self.ends), ..self }
    }

    /// Refuses a row of which something was cut, where that would lose data.
    pub(crate) fn whole(&self, row: u64) -> Result<(), Error> {
        self.oversized
            .map_or(Ok(()), |col| Err(Error::Oversized { row, col, limit: CELL_BYTES_MAX }))
    }

    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn ends(&self) -> &'a [usize] {
        self.ends
    }
}

/// Bytes of text held ready. A line that fits is cut where it stands; a longer one, or one with a
/// quote in it, goes through the parser.
const INPUT_BYTES: usize = 256 * 1024;

/// Reads records of delimited text of any supported encoding.
pub(crate) struct TableReader<R> {
    source: Utf8Reader<R>,
    parser: csv_core::Reader,
    delimiter: u8,
    input: String,
    at: usize,
    ended: bool,
    /// The record that went through the parser.
    data: Vec<u8>,
    data_len: usize,
    ends: Vec<usize>,
    oversized: Option<usize>,
    pub(crate) tally: Tally,
}

/// Where the record just read stands.
enum Place {
    /// In the input, as it was written.
    Line(usize, usize),
    /// In `data`, unquoted.
    Parsed,
}

impl<R: Read> TableReader<R> {
    /// Recognises encoding and delimiter; `delimiter` overrides the latter.
    pub(crate) fn new(reader: R, delimiter: Option<u8>) -> Result<Self, Error> {
        Self::over(Utf8Reader::new(reader).map_err(Error::Read)?, delimiter)
    }

    /// The same of UTF-8 of this program's own.
    pub(crate) fn utf8(reader: R, delimiter: u8) -> Result<Self, Error> {
        Self::over(Utf8Reader::utf8(reader).map_err(Error::Read)?, Some(delimiter))
    }

    fn over(mut source: Utf8Reader<R>, delimiter: Option<u8>) -> Result<Self, Error> {
        let mut input = String::with_capacity(INPUT_BYTES);
        let mut ended = false;
        // A quarter of the buffer is enough to guess from.
        while input.len() < INPUT_BYTES / 4 {
            ended = source.fill(&mut input).map_err(Error::Read)? == 0;
            if ended {
                break;
            }
        }
        let delimiter = delimiter.unwrap_or_else(|| guess_delimiter(input.as_bytes()));
        let parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Ok(Self {
            source,
            parser,
            delimiter,
            input,
            at: 0,
            ended,
            data: vec![0; 4096],
            data_len: 0,
            ends: Vec::new(),
            oversized: None,
            tally: Tally::default(),
        })
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.source.encoding()
    }

    pub(crate) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The next record, or `None` at the end.
    pub(crate) fn read(&mut self) -> Result<Option<Row<'_>>, Error> {
        self.ends.clear();
        self.oversized = None;
        let place = match self.line()? {
            Some((start, end)) => Place::Line(start, end),
            None if self.parse()? => Place::Parsed,
            None => return Ok(None),
        };
        self.tally.malformed = self.source.malformed();
        let text = match place {
            Place::Line(start, end) => self.input.get(start..end).unwrap_or_default(),
            // The source gives valid UTF-8 and cells are cut only at ASCII or whole characters.
            Place::Parsed => std::str::from_utf8(&self.data[..self.data_len]).map_err(|e| {
                Error::Read(std::io::Error::new(std::io::ErrorKind::InvalidData, e))
            })?,
        };
        if memchr::memchr(0, text.as_bytes()).is_some() {
            self.tally.nul_cells += 1;
        }
        Ok(Some(Row { text, ends: &self.ends, oversized: self.oversized }))
    }

    /// The next line when it is a record as it stands: whole in the buffer, nothing quoted, no
    /// lone carriage return, not too many cells.
    fn line(&mut self) -> Result<Option<(usize, usize)>, Error> {
        loop {
            let rest = self.input.as_bytes().get(self.at..).unwrap_or_default();
            self.ends.clear();
            match cut(rest, self.delimiter, &mut self.ends) {
                Cut::Line { cells_end, next } if cells_end > 0 => {
                    if self.ends.len() > COLUMNS_MAX {
                        self.ends.clear();
                        return Ok(None);
                    }
                    let start = self.at;
                    self.at += next;
                    return Ok(Some((start, start + cells_end)));
                }
                Cut::Line { next, .. } => self.at += next,
                // Only a line that would fill the buffer is left to the parser before the end.
                Cut::Open if !self.ended && rest.len() <= INPUT_BYTES / 2 => self.refill()?,
                Cut::Open | Cut::Odd => {
                    self.ends.clear();
                    return Ok(None);
                }
            }
        }
    }

    /// Drops what was read and decodes more behind the rest.
    fn refill(&mut self) -> Result<(), Error> {
        self.input.drain(..self.at);
        self.at = 0;
        self.ended = self.source.fill(&mut self.input).map_err(Error::Read)? == 0;
        Ok(())
    }

    /// The next record by the parser, into `data`; `false` at the end.
    fn parse(&mut self) -> Result<bool, Error> {
        self.data_len = 0;
        let mut cell_start = 0;
        let mut skipping = false;
        let mut scratch = [0u8; 1024];
        loop {
            if self.at == self.input.len() && !self.ended {
                self.refill()?;
            }
            let input = self.input.as_bytes().get(self.at..).unwrap_or_default();
            let (result, read, written) = if skipping {
                let (result, read, _) = self.parser.read_field(input, &mut scratch);
                (result, read, 0)
            } else {
                self.parser.read_field(input, &mut self.data[self.data_len..])
            };
            self.at += read;
            self.data_len += written;
            match result {
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => {
                    let cell = self.data_len - cell_start;
                    if skipping {
                    } else if cell >= CELL_BYTES_MAX || self.data_len >= RECORD_BYTES_MAX {
                        skipping = true;
                        self.oversized.get_or_insert(self.ends.len());
                        self.tally.oversized_cells += 1;
                        self.data_len = whole_chars(&self.data, cell_start, self.data_len);
                    } else {
                        let len = (self.data.len() * 2).min(RECORD_BYTES_MAX);
                        self.data.resize(len, 0);
                    }
                }
                ReadFieldResult::Field { record_end } => {
                    if self.ends.len() < COLUMNS_MAX {
                        self.ends.push(self.data_len);
                        self.part();
                    } else {
                        self.data_len = cell_start;
                        self.oversized.get_or_insert(COLUMNS_MAX);
                    }
                    cell_start = self.data_len;
                    if record_end {
                        return Ok(true);
                    }
                    skipping = self.data_len >= RECORD_BYTES_MAX;
                    if skipping {
                        self.oversized.get_or_insert(self.ends.len());
                    }
                }
                ReadFieldResult::End => return Ok(false),
            }
        }
    }

    /// Parts the cell just ended from the next one.
    fn part(&mut self) {
        if self.data_len == self.data.len() {
            self.data.push(0);
        }
        if let Some(place) = self.data.get_mut(self.data_len) {
            *place = b',';
            self.data_len += 1;
        }
    }
}

/// What one walk over the bytes of a line told.
enum Cut {
    /// A line as it stands: where its cells end, and where the next one begins.
    Line { cells_end: usize, next: usize },
    /// No end of line.
    Open,
    /// Quotes, or a carriage return by itself.
    Odd,
}

/// Cuts the first line into cells, sixteen bytes at a time.
fn cut(bytes: &[u8], delimiter: u8, ends: &mut Vec<usize>) -> Cut {
    let delimiters = u8x16::splat(delimiter);
    let (feeds, returns, quotes) = (u8x16::splat(b'\n'), u8x16::splat(b'\r'), u8x16::splat(b'"'));
    let mut from = 0;
    while from < bytes.len() {
        let left = bytes.get(from..).unwrap_or_default();
        let block = match left.first_chunk::<16>() {
            Some(block) => *block,
            None => {
                let mut block = [0; 16];
                block.iter_mut().zip(left).for_each(|(to, byte)| *to = *byte);
                block
            }
        };
        let block = u8x16::new(block);
        let marks = block.simd_eq(delimiters)
            | block.simd_eq(feeds)
            | block.simd_eq(returns)
            | block.simd_eq(quotes);
        let mut marks = marks.to_bitmask();
        while marks != 0 {
            let at = from + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            match bytes.get(at) {
                Some(b'\n') => {
                    ends.push(at);
                    return Cut::Line { cells_end: at, next: at + 1 };
                }
                Some(b'\r') => match bytes.get(at + 1) {
                    Some(b'\n') => {
                        ends.push(at);
                        return Cut::Line { cells_end: at, next: at + 2 };
                    }
                    Some(_) => return Cut::Odd,
                    None => return Cut::Open,
                },
                Some(b'"') => return Cut::Odd,
                _ => ends.push(at),
            }
        }
        from += 16;
    }
    Cut::Open
}

/// The longest prefix of the cell that ends with a whole character.
fn whole_chars(data: &[u8], start: usize, end: usize) -> usize {
    match data.get(start..end).map(std::str::from_utf8) {
        Some(Err(e)) => start + e.valid_up_to(),
        _ => end,
    }
}

/// The delimiter that cuts the first lines most evenly; a comma when none does.
fn guess_delimiter(head: &[u8]) -> u8 {
    let mut best = (0u64, b',');
    for candidate in [b',', b'\t', b';', b'|'] {
        let mut counts = Vec::new();
        let (mut quoted, mut count) = (false, 0u64);
        for &byte in head {
            match byte {
                b'"' => quoted = !quoted,
                b'\n' if !quoted => {
                    counts.push(count);
                    count = 0;
                    if counts.len() == 20 {
                        break;
                    }
                }
                b if b == candidate && !quoted => count += 1,
                _ => {}
            }
        }
        if counts.is_empty() {
            counts.push(count);
        }
        let first = counts.first().copied().unwrap_or(0);
        if first == 0 {
            continue;
        }
        let agreeing = counts.iter().filter(|&&c| c == first).count() as u64;
        // Agreement between lines weighs more than many delimiters in one of them.
        let score = agreeing * 1000 / counts.len() as u64 * 10 + first.min(100);
        if score > best.0 {
            best = (score, candidate);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(bytes: &[u8]) -> (Vec<Vec<String>>, Tally) {
        let mut reader = TableReader::new(bytes, None).unwrap();
        let mut out = Vec::new();
        while let Some(row) = reader.read().unwrap() {
            out.push(row.cells().map(str::to_owned).collect());
        }
        (out, reader.tally)
    }

    #[test]
    fn guesses_delimiters() {
        for d in [",", "\t", ";"] {
            let text = format!("a{d}b{d}c\n1{d}2{d}3\n");
            assert_eq!(rows(text.as_bytes()).0[1], ["1", "2", "3"]);
        }
        assert_eq!(rows("备注;电话\n\"a,b\";1\n".as_bytes()).0[1], ["a,b", "1"]);
    }

    #[test]
    fn keeps_ragged_rows_and_quotes() {
        let (rows, _) = rows(b"a,b\n1\n1,2,3\n\"x\"\"y\n z\",2\n");
        assert_eq!(rows[1], ["1"]);
        assert_eq!(rows[2], ["1", "2", "3"]);
        assert_eq!(rows[3], ["x\"y\n z", "2"]);
    }

    #[test]
    fn cuts_a_huge_cell_and_goes_on() {
        let huge = "好".repeat(CELL_BYTES_MAX);
        let text = format!("a,b\n{huge},2\n3,4\n");
        let mut reader = TableReader::new(text.as_bytes(), None).unwrap();
        reader.read().unwrap();
        let row = reader.read().unwrap().unwrap();
        assert_eq!((row.oversized, row.len(), row.cell(1)), (Some(0), 2, "2"));
        assert!(row.cell(0).len() <= 2 * CELL_BYTES_MAX);
        let row = reader.read().unwrap().unwrap();
        assert_eq!((row.cell(0), row.cell(1)), ("3", "4"));
        assert_eq!(reader.tally.oversized_cells, 1);
    }

    proptest! {
        /// A line cut where it stands and one that went through the parser hold the same cells.
        #[test]
        fn both_ways_of_cutting_agree(
            text in "([a甲1 ]{0,3}[,\\n\"]|\\r\\n|\\r){0,40}",
        ) {
            let wanted: Vec<Vec<String>> = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(text.as_bytes())
                .records()
                .map(|r| r.unwrap().iter().map(str::to_owned).collect())
                .collect();
            let mut reader = TableReader::new(text.as_bytes(), Some(b',')).unwrap();
            let mut got: Vec<Vec<String>> = Vec::new();
            while let Some(row) = reader.read().unwrap() {
                got.push(row.cells().map(str::to_owned).collect());
                let by_place: Vec<&str> = (0..row.len()).map(|i| row.cell(i)).collect();
                prop_assert_eq!(&by_place, got.last().unwrap());
            }
            prop_assert_eq!(got, wanted);
        }
    }

    #[test]
    fn lines_longer_than_the_buffer_and_across_its_end_stay_whole() {
        let long = "好".repeat(INPUT_BYTES / 2);
        let mut text = format!("a,b\n{long},2\n");
        for i in 0..INPUT_BYTES / 8 {
            text.push_str(&format!("行{i},{i}\n"));
        }
        let (rows, tally) = rows(text.as_bytes());
        assert_eq!(rows[1], [long.as_str(), "2"]);
        assert_eq!(rows.len(), 2 + INPUT_BYTES / 8);
        for (i, row) in rows.iter().skip(2).enumerate() {
            assert_eq!(row, &[format!("行{i}"), i.to_string()]);
        }
        assert_eq!(tally, Tally::default());
    }

    #[test]
    fn empty_input_has_no_record() {
        assert!(rows(b"").0.is_empty());
    }
}
