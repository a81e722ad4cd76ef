//! Parquet: the columns of the schema, one row group after the other. Groups inside become
//! `outer.inner`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use parquet::data_type::ByteArray;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};

use super::rows::Rows as Source;
use crate::records::error::Error;
use crate::records::limits::PARQUET_DICTIONARY_BYTES_MAX;

fn open(path: &Path) -> Result<SerializedFileReader<File>, Error> {
    let file = File::open(path).map_err(Error::Read)?;
    let heads = file.try_clone().map_err(Error::Read)?;
    let reader = SerializedFileReader::new(file).map_err(|e| super::broken("Parquet", e))?;
    for (group, number) in reader.metadata().row_groups().iter().zip(1..) {
        let bytes: u64 = group.columns().iter().map(|c| dictionary_bytes(&heads, c)).sum();
        if bytes > PARQUET_DICTIONARY_BYTES_MAX {
            let (mib, most) = (bytes >> 20, PARQUET_DICTIONARY_BYTES_MAX >> 20);
            let message = format!(
                "the dictionaries of row group {number} take about {mib} MiB, at most {most} MiB are \
                 read; write the file with the usual limit of 1 MiB for a dictionary, or as CSV"
            );
            return Err(super::broken("Parquet", message));
        }
    }
    Ok(reader)
}

/// How many bytes the dictionary of a column takes when it is held, by the header of its page: its texts,
/// and what the reader keeps for each. Of a header that says nothing, what the column takes in the file.
fn dictionary_bytes(file: &File, column: &ColumnChunkMetaData) -> u64 {
    let written = |n: i64| u64::try_from(n).unwrap_or(0);
    // It comes first in its column, whether or not the metadata say so.
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let mut head = [0; PAGE_HEAD_BYTES];
    let page =
        file.read_at(&mut head, written(start)).ok().and_then(|n| Page::read(head.get(..n)?));
    match page {
        Some(page) if page.kind != DICTIONARY_PAGE => 0,
        Some(Page { bytes, values: Some(values), .. }) => bytes + values * VALUE_BYTES,
        _ => written(column.compressed_size()),
    }
}

/// What the reader keeps for a value of a dictionary beside its text.
const VALUE_BYTES: u64 = size_of::<ByteArray>() as u64;
/// Bytes that hold what is read of a page's header.
const PAGE_HEAD_BYTES: usize = 32;
/// A dictionary's in the first field of a page's header (`PageType` in Parquet's Thrift definition).
const DICTIONARY_PAGE: u64 = 2;

/// What is read of a page's header.
struct Page {
    kind: u64,
    /// When it is unpacked.
    bytes: u64,
    /// Of a dictionary.
    values: Option<u64>,
}

impl Page {
    /// The first fields of `PageHeader` in Thrift's compact protocol: type, size unpacked, size packed,
    /// perhaps a check sum, then (of a dictionary) a structure that begins with the number of values.
    fn read(head: &[u8]) -> Option<Self> {
        let (kind, rest) = field(head)?;
        let (bytes, rest) = field(rest)?;
        let (_, rest) = field(rest)?;
        let values = || match field(rest).map_or(rest, |(_, rest)| rest) {
            [0x3C | 0x4C, rest @ ..] => field(rest).map(|(values, _)| values),
            _ => None,
        };
        Some(Self { kind, bytes, values: values() })
    }
}

/// The value of the next field, an `i32`, and what follows it.
fn field(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let [0x15, rest @ ..] = bytes else { return None };
    let end = rest.iter().position(|byte| byte & 0x80 == 0).filter(|end| *end < 5)?;
    let (value, rest) = rest.split_at_checked(end + 1)?;
    let value = value.iter().rev().fold(0u64, |all, byte| all << 7 | u64::from(byte & 0x7F));
    // Zigzag; sizes and numbers are never negative.
    Some((value >> 1, rest))
}

/// Names of the columns.
pub(super) fn columns(path: &Path) -> Result<Vec<String>, Error> {
    let reader = open(path)?;
    let fields = reader.metadata().file_metadata().schema().get_fields();
    Ok(fields.iter().map(|f| f.name().to_owned()).collect())
}

/// The rows of a file, the columns' names first.
pub(super) struct Rows {
    rows: RowIter<'static>,
    columns: Option<Vec<String>>,
}

impl Rows {
    pub(super) fn open(path: &Path, columns: Vec<String>) -> Result<Self, Error> {
        let rows = RowIter::from_file_into(Box::new(open(path)?));
        Ok(Self { rows, columns: Some(columns) })
    }
}

impl Source for Rows {
    fn next(&mut self, cells: &mut Vec<String>) -> io::Result<bool> {
        if let Some(columns) = self.columns.take() {
            *cells = columns;
            return Ok(true);
        }
        match self.rows.next() {
            None => Ok(false),
            Some(Err(e)) => Err(io::Error::new(io::ErrorKind::InvalidData, e.to_string())),
            Some(Ok(row)) => {
                fill(&row, cells);
                Ok(true)
            }
        }
    }
}

fn fill(row: &Row, cells: &mut Vec<String>) {
    cells.extend(row.get_column_iter().map(|(_, field)| text(field)));
}

fn text(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(s) => s.clone(),
        Field::Bytes(b) => String::from_utf8_lossy(b.data()).into_owned(),
        Field::Date(days) => crate::records::find::Day::from_unix_days(i64::from(*days))
            .map_or_else(String::new, |d| format!("{:04}-{:02}-{:02}", d.year, d.month, d.day)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_a_page_tells_its_size_and_values() {
        let page = |head: &[u8]| Page::read(head).map(|p| (p.kind, p.bytes, p.values));
        // Type 2, 300 bytes, 100 packed, a dictionary of 5 values; the same with a check sum of -1.
        let plain = [0x15, 4, 0x15, 0xD8, 4, 0x15, 0xC8, 1, 0x4C, 0x15, 10, 0x15, 0, 0, 0];
        assert_eq!(page(&plain), Some((2, 300, Some(5))));
        let sum = [0x15, 4, 0x15, 0xD8, 4, 0x15, 0xC8, 1, 0x15, 1, 0x3C, 0x15, 10, 0x15, 0, 0, 0];
        assert_eq!(page(&sum), Some((2, 300, Some(5))));
        // A page of data has another structure.
        assert_eq!(page(&[0x15, 0, 0x15, 20, 0x15, 20, 0x2C, 0x15, 6]), Some((0, 10, None)));
        for cut in 0..8 {
            assert_eq!(page(&plain[..cut]), None, "{cut}");
        }
        assert_eq!(page(&[0x15, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]), None);
    }
}
