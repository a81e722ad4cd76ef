//! Parquet: the columns of the schema, one row group after the other. Groups inside become
//! `outer.inner`.

use std::fs::File;
use std::io;
use std::path::Path;

use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};

use super::rows::Rows as Source;
use crate::records::error::Error;
use crate::records::limits::PARQUET_DICTIONARY_BYTES_MAX;

fn open(path: &Path) -> Result<SerializedFileReader<File>, Error> {
    let file = File::open(path).map_err(Error::Read)?;
    let reader = SerializedFileReader::new(file).map_err(|e| super::broken("Parquet", e))?;
    for (group, number) in reader.metadata().row_groups().iter().zip(1..) {
        let bytes: u64 = group.columns().iter().map(dictionary_bytes).sum();
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

/// About how many bytes the dictionary of a column takes, by the file's own account: a column's
/// parts are taken to shrink alike.
fn dictionary_bytes(column: &ColumnChunkMetaData) -> u64 {
    let written = |n: i64| u64::try_from(n).unwrap_or(0);
    let Some(start) = column.dictionary_page_offset() else { return 0 };
    let dictionary = written(column.data_page_offset()).saturating_sub(written(start));
    let (small, whole) = (written(column.compressed_size()), written(column.uncompressed_size()));
    dictionary.saturating_mul(whole.max(small)) / small.max(1)
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
