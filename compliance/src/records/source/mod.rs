//! Tables of any file a school keeps: delimited text, JSON lines, workbooks, Parquet, SQL dumps.
//!
//! Whatever the file is, a table of it is given as delimited text ([`rows::CsvBytes`]), so that
//! finding, masking and protecting know one form only. A file is recognised by its head, and by
//! its name only where the head says nothing.
//!
//! Invariants: rows are streamed (one row group of Parquet is held in memory, nothing else grows with
//! the file); a row that cannot be read stays a row, with its
//! text in the first cell, so that it is searched too.

mod jsonl;
mod parquet;
pub(super) mod rows;
mod sql;
mod xlsx;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::Error;
use super::limits::HEAD_BYTES_MAX;
use rows::CsvBytes;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV, TSV and the like.
    Delimited,
    /// One JSON object a line.
    JsonLines,
    /// XLSX.
    Workbook,
    /// Apache Parquet.
    Parquet,
    /// INSERT and COPY statements, as mysqldump and pg_dump write them.
    Sql,
    /// A table of a live database.
    Database,
}

/// Where a table comes from that is in no file.
pub trait Origin: Send + Sync {
    /// The table as comma-separated text with a header, from its start.
    ///
    /// # Errors
    /// Those of the origin.
    fn open(&self) -> Result<Box<dyn Read>, Error>;
}

/// One table of a file: a sheet, a table of a dump, or all of it.
#[derive(Clone)]
pub struct Source {
    from: From,
    format: Format,
    /// Its name inside the file; empty when the file is one table.
    pub name: String,
    /// Names of its columns, where the format itself says them.
    columns: Option<Vec<String>>,
}

#[derive(Clone)]
enum From {
    File(PathBuf),
    Book(PathBuf, Arc<xlsx::Book>),
    Origin(Arc<dyn Origin>),
}

impl Source {
    /// A table that is in no file.
    pub fn of(name: String, columns: Vec<String>, origin: Arc<dyn Origin>) -> Self {
        let (from, columns) = (From::Origin(origin), Some(columns));
        Self { from, format: Format::Database, name, columns }
    }

    /// The tables of a file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Source`].
    pub fn tables(path: &Path) -> Result<Vec<Self>, Error> {
        let format = recognise(path)?;
        let table = |name: String, columns| Self {
            from: From::File(path.to_owned()),
            format,
            name,
            columns,
        };
        Ok(match format {
            Format::Delimited | Format::Database => vec![table(String::new(), None)],
            Format::JsonLines => vec![table(String::new(), Some(jsonl::columns(path)?))],
            Format::Parquet => vec![table(String::new(), Some(parquet::columns(path)?))],
            Format::Workbook => {
                let book = Arc::new(xlsx::Book::open(path)?);
                let from = || From::Book(path.to_owned(), book.clone());
                let sheet = |name| Self { from: from(), format, name, columns: None };
                xlsx::sheets(&book)?.into_iter().map(sheet).collect()
            }
            Format::Sql => sql::tables(path)?.into_iter().map(|(n, c)| table(n, Some(c))).collect(),
        })
    }

    /// The only table of a file, or the one of this name.
    ///
    /// # Errors
    /// [`Error::NoTable`] when there are several and none is named, or none has the name.
    pub fn one(path: &Path, name: Option<&str>) -> Result<Self, Error> {
        let mut tables = Self::tables(path)?;
        if let Some(name) = name {
            tables.retain(|t| t.name == name);
        }
        let found = tables.len();
        match tables.pop() {
            Some(table) if found == 1 => Ok(table),
            _ => Err(Error::NoTable { found }),
        }
    }

    /// What the file is.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// What parts its cells, where that is not guessed.
    pub const fn delimiter(&self) -> Option<u8> {
        match self.format {
            Format::Delimited => None,
            _ => Some(b','),
        }
    }

    /// Whether the first record names the columns, where the format says so.
    pub const fn has_header(&self) -> Option<bool> {
        if self.columns.is_some() { Some(true) } else { None }
    }

    /// The table as delimited text, from its start.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Source`].
    pub fn open(&self) -> Result<Box<dyn Read>, Error> {
        let path = match &self.from {
            From::File(path) => path,
            From::Book(_, book) => {
                return Ok(Box::new(CsvBytes::new(xlsx::Rows::open(book, &self.name)?)));
            }
            From::Origin(origin) => return origin.open(),
        };
        let columns = self.columns.clone().unwrap_or_default();
        Ok(match self.format {
            // It is read in large pieces, as it is decoded.
            Format::Delimited | Format::Workbook | Format::Database => {
                Box::new(File::open(path).map_err(Error::Read)?)
            }
            Format::JsonLines => Box::new(CsvBytes::new(jsonl::Rows::open(path, columns)?)),
            Format::Parquet => Box::new(CsvBytes::new(parquet::Rows::open(path, columns)?)),
            Format::Sql => Box::new(CsvBytes::new(sql::Rows::open(path, &self.name, columns)?)),
        })
    }

    /// The bytes whose SHA-256 stands for this source: the file itself, or the table as it is read.
    pub(super) fn bytes(&self) -> Result<Box<dyn Read>, Error> {
        match &self.from {
            From::File(path) | From::Book(path, _) => {
                Ok(Box::new(File::open(path).map_err(Error::Read)?))
            }
            From::Origin(origin) => origin.open(),
        }
    }
}

fn recognise(path: &Path) -> Result<Format, Error> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(Error::Read)?;
    file.take(HEAD_BYTES_MAX as u64).read_to_end(&mut head).map_err(Error::Read)?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    Ok(by_head(&head, &extension.to_ascii_lowercase()))
}

fn by_head(head: &[u8], extension: &str) -> Format {
    if head.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    if head.starts_with(b"PK\x03\x04") {
        return Format::Workbook;
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    if text.starts_with(b"{")
        && (extension.starts_with("json") || extension == "ndjson" || line.ends_with(b"}"))
    {
        return Format::JsonLines;
    }
    let upper = text.get(..text.len().min(4096)).unwrap_or_default().to_ascii_uppercase();
    let says = |word: &[u8]| memchr::memmem::find(&upper, word).is_some();
    let dump = says(b"INSERT INTO ")
        || says(b"CREATE TABLE ")
        || says(b"\nCOPY ")
        || upper.starts_with(b"COPY ");
    if extension == "sql"
        || (dump
            && (upper.starts_with(b"--")
                || upper.starts_with(b"/*")
                || upper.starts_with(b"INSERT INTO ")
                || upper.starts_with(b"CREATE TABLE ")))
    {
        return Format::Sql;
    }
    Format::Delimited
}

/// What a file of a format says against being read.
fn broken(what: &'static str, message: impl std::fmt::Display) -> Error {
    Error::Source { what, message: message.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_their_heads() {
        assert_eq!(by_head(b"PAR1..", "csv"), Format::Parquet);
        assert_eq!(by_head(b"PK\x03\x04..", ""), Format::Workbook);
        assert_eq!(by_head(b"\xEF\xBB\xBF{\"a\":1}\n", "txt"), Format::JsonLines);
        assert_eq!(by_head(b"-- MySQL dump 10\nCREATE TABLE `a` (\n", ""), Format::Sql);
        assert_eq!(by_head("姓名,备注\n张三,INSERT INTO x\n".as_bytes(), "csv"), Format::Delimited);
        assert_eq!(by_head(b"", ""), Format::Delimited);
    }
}
