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
use super::table::Decoded;
use rows::CsvBytes;

/// Where a table comes from that is in no file.
pub trait Origin: Send + Sync {
    /// The table as comma-separated text with a header, from its start.
    ///
    /// # Errors
    /// Those of the origin.
    fn open(&self) -> Result<Box<dyn Read>, Error>;
}

/// One table of a file: a sheet, a table of a dump, or all of it; or one that is in no file.
#[derive(Clone)]
pub struct Source {
    place: Place,
    /// Its name inside the file; empty when the file is one table.
    pub name: String,
}

/// Where a table is, and what it takes to read it. Where the format says the columns' names, they are
/// given out as the first record.
#[derive(Clone)]
enum Place {
    Delimited(PathBuf),
    JsonLines(PathBuf, Vec<String>),
    Parquet(PathBuf, Vec<String>),
    Sql(PathBuf, Vec<String>),
    Sheet(PathBuf, Arc<xlsx::Book>),
    Origin(Arc<dyn Origin>),
}

impl Source {
    /// A table that is in no file.
    pub fn of(name: String, origin: Arc<dyn Origin>) -> Self {
        Self { place: Place::Origin(origin), name }
    }

    /// The tables of a file.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Source`].
    pub fn tables(path: &Path) -> Result<Vec<Self>, Error> {
        let path = path.to_owned();
        let whole = |place| vec![Self { place, name: String::new() }];
        Ok(match recognise(&path)? {
            Format::Delimited => whole(Place::Delimited(path)),
            Format::JsonLines => {
                let columns = jsonl::columns(&path)?;
                whole(Place::JsonLines(path, columns))
            }
            Format::Parquet => {
                let columns = parquet::columns(&path)?;
                whole(Place::Parquet(path, columns))
            }
            Format::Workbook => {
                let book = Arc::new(xlsx::Book::open(&path)?);
                let place = || Place::Sheet(path.clone(), book.clone());
                let sheet = |name| Self { place: place(), name };
                xlsx::sheets(&book)?.into_iter().map(sheet).collect()
            }
            Format::Sql => {
                let place = |columns| Place::Sql(path.clone(), columns);
                let table = |(name, columns)| Self { place: place(columns), name };
                sql::tables(&path)?.into_iter().map(table).collect()
            }
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

    /// What parts its cells, where that is not guessed.
    pub const fn delimiter(&self) -> Option<u8> {
        match self.place {
            Place::Delimited(_) => None,
            _ => Some(b','),
        }
    }

    /// Whether the first record names the columns, where the format says so.
    pub const fn has_header(&self) -> Option<bool> {
        match self.place {
            Place::Delimited(_) | Place::Sheet(..) => None,
            _ => Some(true),
        }
    }

    /// The table as delimited text, from its start.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Source`].
    pub fn open(&self) -> Result<Box<dyn Read>, Error> {
        let bytes: Box<dyn Read> = match &self.place {
            // It is read in large pieces, as it is decoded.
            Place::Delimited(path) => Box::new(File::open(path).map_err(Error::Read)?),
            Place::JsonLines(path, columns) => {
                Box::new(CsvBytes::new(jsonl::Rows::open(path, columns.clone())?))
            }
            Place::Parquet(path, columns) => {
                Box::new(CsvBytes::new(parquet::Rows::open(path, columns.clone())?))
            }
            Place::Sql(path, columns) => {
                Box::new(CsvBytes::new(sql::Rows::open(path, &self.name, columns.clone())?))
            }
            Place::Sheet(_, book) => Box::new(CsvBytes::new(xlsx::Rows::open(book, &self.name)?)),
            Place::Origin(origin) => return origin.open(),
        };
        Ok(bytes)
    }

    /// The bytes whose SHA-256 stands for this source: the file itself, or the table as it is read.
    pub(super) fn bytes(&self) -> Result<Box<dyn Read>, Error> {
        match &self.place {
            Place::Delimited(path)
            | Place::JsonLines(path, _)
            | Place::Parquet(path, _)
            | Place::Sql(path, _)
            | Place::Sheet(path, _) => Ok(Box::new(File::open(path).map_err(Error::Read)?)),
            Place::Origin(origin) => origin.open(),
        }
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
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
}

fn recognise(path: &Path) -> Result<Format, Error> {
    let mut head = Vec::new();
    let file = File::open(path).map_err(Error::Read)?;
    file.take(HEAD_BYTES_MAX as u64).read_to_end(&mut head).map_err(Error::Read)?;
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if matches!(head[..], [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
        // As a shell of Windows writes what a program gives it.
        let mut text = Vec::new();
        Decoded::new(&head[..]).and_then(|mut d| d.read_to_end(&mut text)).map_err(Error::Read)?;
        head = text;
    }
    by_head(&head, &extension.to_ascii_lowercase())
}

fn by_head(head: &[u8], extension: &str) -> Result<Format, Error> {
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    if head.starts_with(b"PK\x03\x04") {
        return Ok(Format::Workbook);
    }
    // A workbook of before 2007, or one under a password: a file with a file system in it.
    if head.starts_with(b"\xD0\xCF\x11\xE0") {
        return Err(broken("workbook", "of the old form (.xls), or under a password"));
    }
    // Read as text, what such a name stands for would seem to hold nobody.
    match extension {
        "xlsx" | "xlsm" => return Err(broken("workbook", "it is named one, and is none")),
        "parquet" => return Err(broken("Parquet", "it is named so, and is none")),
        _ => {}
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let line = text.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    if text.starts_with(b"{")
        && (extension.starts_with("json") || extension == "ndjson" || line.ends_with(b"}"))
    {
        return Ok(Format::JsonLines);
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
        return Ok(Format::Sql);
    }
    Ok(Format::Delimited)
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
        let format = |head: &[u8], extension| by_head(head, extension).unwrap();
        assert_eq!(format(b"PAR1..", "csv"), Format::Parquet);
        assert_eq!(format(b"PK\x03\x04..", ""), Format::Workbook);
        assert_eq!(format(b"\xEF\xBB\xBF{\"a\":1}\n", "txt"), Format::JsonLines);
        assert_eq!(format(b"-- MySQL dump 10\nCREATE TABLE `a` (\n", ""), Format::Sql);
        let words = "姓名,备注\n张三,INSERT INTO x\n".as_bytes();
        assert_eq!(
            (format(words, "csv"), format(words, "xls")),
            (Format::Delimited, Format::Delimited)
        );
        assert_eq!(format(b"", ""), Format::Delimited);
    }

    #[test]
    fn what_is_not_what_its_name_says_is_refused() {
        let words = "姓名,备注\n张三,无\n".as_bytes();
        for (head, extension) in [
            (words, "xlsx"),
            (words, "parquet"),
            (b"", "xlsm"),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "xls"),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "xlsx"),
        ] {
            let refused = by_head(head, extension);
            assert!(matches!(refused, Err(Error::Source { .. })), "{extension}: {refused:?}");
        }
    }
}
