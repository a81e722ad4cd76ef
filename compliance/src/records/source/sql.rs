//! SQL dumps: INSERT … VALUES as mysqldump writes them, COPY … FROM stdin as pg_dump does. Other
//! statements are passed over; CREATE TABLE gives the names of columns that INSERT leaves out.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use hashbrown::HashMap;

use super::rows::Rows as Source;
use crate::records::error::Error;
use crate::records::limits::{CELL_BYTES_MAX, COLUMNS_MAX};
use crate::records::table::Decoded;

/// Tables with rows, and the names of their columns, in the order of the dump.
pub(super) fn tables(path: &Path) -> Result<Vec<(String, Vec<String>)>, Error> {
    let mut dump = Dump::open(path).map_err(Error::Read)?;
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    let mut cells = Vec::new();
    while let Some(width) = dump.row(None, &mut cells).map_err(Error::Read)? {
        if tables.last().is_some_and(|t| t.0 == dump.table)
            || tables.iter().any(|t| t.0 == dump.table)
        {
            continue;
        }
        let mut columns = dump.columns.clone();
        columns.extend((columns.len()..width).map(|i| format!("column_{}", i + 1)));
        tables.push((dump.table.clone(), columns));
    }
    if tables.is_empty() {
        return Err(super::broken("SQL dump", "no INSERT or COPY with rows is in it"));
    }
    Ok(tables)
}

/// The rows of one table, the columns' names first.
pub(super) struct Rows {
    dump: Dump,
    table: String,
    columns: Option<Vec<String>>,
}

impl Rows {
    pub(super) fn open(path: &Path, table: &str, columns: Vec<String>) -> Result<Self, Error> {
        let dump = Dump::open(path).map_err(Error::Read)?;
        Ok(Self { dump, table: table.to_owned(), columns: Some(columns) })
    }
}

impl Source for Rows {
    fn next(&mut self, cells: &mut Vec<String>) -> io::Result<bool> {
        if let Some(columns) = self.columns.take() {
            *cells = columns;
            return Ok(true);
        }
        Ok(self.dump.row(Some(&self.table), cells)?.is_some())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    Values,
    Copy,
}

/// A dump under reading.
struct Dump {
    bytes: io::Bytes<BufReader<Decoded<File>>>,
    peeked: Option<u8>,
    place: Place,
    table: String,
    columns: Vec<String>,
    created: HashMap<String, Vec<String>>,
    /// A backslash is itself, as standard SQL has it and pg_dump says at its head.
    standard: bool,
}

impl Dump {
    fn open(path: &Path) -> io::Result<Self> {
        let bytes = BufReader::with_capacity(1 << 16, Decoded::new(File::open(path)?)?).bytes();
        Ok(Self {
            bytes,
            peeked: None,
            place: Place::Between,
            table: String::new(),
            columns: Vec::new(),
            created: HashMap::new(),
            standard: false,
        })
    }

    fn take(&mut self) -> io::Result<Option<u8>> {
        match self.peeked.take() {
            Some(b) => Ok(Some(b)),
            None => self.bytes.next().transpose(),
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.peeked.is_none() {
            self.peeked = self.bytes.next().transpose()?;
        }
        Ok(self.peeked)
    }

    /// The next row of a table (of any when none is named); its number of cells.
    fn row(&mut self, table: Option<&str>, cells: &mut Vec<String>) -> io::Result<Option<usize>> {
        loop {
            cells.clear();
            let found = match self.place {
                Place::Between => {
                    if !self.statement()? {
                        return Ok(None);
                    }
                    continue;
                }
                Place::Values => self.tuple(cells)?,
                Place::Copy => self.copied(cells)?,
            };
            if !found {
                self.place = Place::Between;
            } else if table.is_none_or(|t| t == self.table) {
                return Ok(Some(cells.len()));
            }
        }
    }

    /// Reads to the start of the next rows; `false` at the end of the dump.
    fn statement(&mut self) -> io::Result<bool> {
        let mut words = Words::default();
        loop {
            let Some(b) = self.take()? else { return Ok(false) };
            match b {
                b'-' if self.peek()? == Some(b'-') => self.skip_line()?,
                b'/' if self.peek()? == Some(b'*') => self.skip_comment()?,
                b'\'' => {
                    let mut text = Vec::new();
                    self.quoted(b'\'', !self.standard, &mut text)?;
                }
                b'"' | b'`' => {
                    let mut text = Vec::new();
                    self.quoted(b, false, &mut text)?;
                    words.name(&text);
                }
                b';' => {
                    words.end();
                    if words.is_copy() {
                        self.skip_line()?;
                        self.begin(&words);
                        self.place = Place::Copy;
                        return Ok(true);
                    }
                    if words.sets("standard_conforming_strings") {
                        self.standard = words.words.last().is_some_and(|w| w == "on");
                    }
                    if words.first_is("CREATE") {
                        self.created.insert(words.table(), words.columns());
                    }
                    words = Words::default();
                }
                other => {
                    words.byte(other);
                    if words.at_values() {
                        // The parenthesis of the first row is read again.
                        self.peeked = Some(other).filter(|b| *b == b'(').or(self.peeked);
                        self.begin(&words);
                        self.place = Place::Values;
                        return Ok(true);
                    }
                }
            }
        }
    }

    fn begin(&mut self, words: &Words) {
        self.table = words.table();
        self.columns = words.columns();
        if self.columns.is_empty() {
            self.columns = self.created.get(&self.table).cloned().unwrap_or_default();
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        while self.take()?.is_some_and(|b| b != b'\n') {}
        Ok(())
    }

    fn skip_comment(&mut self) -> io::Result<()> {
        let mut star = false;
        self.take()?;
        while let Some(b) = self.take()? {
            if star && b == b'/' {
                break;
            }
            star = b == b'*';
        }
        Ok(())
    }

    /// Reads to the closing quote: doubled, or after a backslash where that escapes, it is part of the
    /// text.
    fn quoted(&mut self, quote: u8, escapes: bool, text: &mut Vec<u8>) -> io::Result<()> {
        while let Some(b) = self.take()? {
            let kept = match b {
                b'\\' if escapes => match self.take()? {
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(b'r') => b'\r',
                    Some(b'0') => 0,
                    Some(other) => other,
                    None => break,
                },
                _ if b == quote => {
                    if self.peek()? != Some(quote) {
                        break;
                    }
                    self.take()?;
                    quote
                }
                other => other,
            };
            keep(text, kept);
        }
        Ok(())
    }

    /// One `(a, 'b', NULL)`; `false` when the statement ends.
    fn tuple(&mut self, cells: &mut Vec<String>) -> io::Result<bool> {
        loop {
            match self.take()? {
                None | Some(b';') => return Ok(false),
                Some(b'(') => break,
                Some(_) => {}
            }
        }
        let (mut text, mut was_quoted, mut depth) = (Vec::new(), false, 0u32);
        while let Some(b) = self.take()? {
            match b {
                b'\'' => {
                    // A prefix such as N or _binary is no part of the text.
                    let escapes = !self.standard || text.trim_ascii().eq_ignore_ascii_case(b"e");
                    text.clear();
                    was_quoted = true;
                    self.quoted(b'\'', escapes, &mut text)?;
                }
                b'(' => depth += 1,
                b')' if depth > 0 => depth -= 1,
                b',' | b')' if depth == 0 => {
                    push(cells, &mut text, was_quoted);
                    was_quoted = false;
                    if b == b')' {
                        return Ok(true);
                    }
                }
                _ if was_quoted => {}
                other => keep(&mut text, other),
            }
        }
        Ok(false)
    }

    /// One line of COPY; `false` at its `\.`.
    fn copied(&mut self, cells: &mut Vec<String>) -> io::Result<bool> {
        let mut text = Vec::new();
        let mut any = false;
        while let Some(b) = self.take()? {
            any = true;
            match b {
                b'\n' => {
                    push(cells, &mut text, true);
                    return Ok(true);
                }
                b'\t' => push(cells, &mut text, true),
                b'\\' => match self.take()? {
                    Some(b'.') if cells.is_empty() && text.is_empty() => {
                        self.skip_line()?;
                        return Ok(false);
                    }
                    Some(b'N') => {}
                    Some(b'n') => text.push(b'\n'),
                    Some(b't') => text.push(b'\t'),
                    Some(b'r') => text.push(b'\r'),
                    Some(other) => text.push(other),
                    None => {}
                },
                other => keep(&mut text, other),
            }
        }
        if any {
            push(cells, &mut text, true);
        }
        Ok(any)
    }
}

/// Keeps one byte more than a cell may have, so that who reads on sees that it is too large.
fn keep(text: &mut Vec<u8>, byte: u8) {
    if text.len() <= CELL_BYTES_MAX {
        text.push(byte);
    }
}

fn push(cells: &mut Vec<String>, text: &mut Vec<u8>, quoted: bool) {
    let bare = String::from_utf8_lossy(text);
    let bare = if quoted { bare.as_ref() } else { bare.trim() };
    let null = !quoted && bare.eq_ignore_ascii_case("null");
    if cells.len() < COLUMNS_MAX {
        cells.push(if null { String::new() } else { bare.to_owned() });
    }
    text.clear();
}

/// The words of a statement, and the first ones inside its outer parenthesis.
#[derive(Default)]
struct Words {
    word: Vec<u8>,
    words: Vec<String>,
    depth: u32,
    /// Names at the start of each item inside the parenthesis.
    items: Vec<String>,
    fresh: bool,
    dotted: bool,
}

impl Words {
    fn name(&mut self, text: &[u8]) {
        self.end();
        self.keep(&String::from_utf8_lossy(text));
    }

    fn byte(&mut self, b: u8) {
        if b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80 {
            if self.word.len() < 256 {
                self.word.push(b);
            }
            return;
        }
        self.end();
        match b {
            b'(' => {
                self.depth += 1;
                self.fresh = self.depth == 1;
            }
            b')' => self.depth = self.depth.saturating_sub(1),
            b',' if self.depth == 1 => self.fresh = true,
            b'.' => self.dotted = true,
            _ => {}
        }
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            let word = String::from_utf8_lossy(&self.word).into_owned();
            self.word.clear();
            self.keep(&word);
        }
    }

    fn keep(&mut self, word: &str) {
        if self.depth == 0 && self.words.len() < 16 {
            if self.dotted {
                self.words.pop();
            }
            self.words.push(word.to_owned());
        } else if self.depth == 1 && self.fresh && self.items.len() < COLUMNS_MAX {
            self.items.push(word.to_owned());
            self.fresh = false;
        }
        self.dotted = false;
    }

    fn first_is(&self, word: &str) -> bool {
        self.words.first().is_some_and(|w| w.eq_ignore_ascii_case(word))
    }

    /// Whether it is SET of this.
    fn sets(&self, what: &str) -> bool {
        self.first_is("SET") && self.words.get(1).is_some_and(|w| w.eq_ignore_ascii_case(what))
    }

    fn at_values(&self) -> bool {
        let last = self.words.last().is_some_and(|w| w.eq_ignore_ascii_case("VALUES"));
        last && self.word.is_empty() && (self.first_is("INSERT") || self.first_is("REPLACE"))
    }

    fn is_copy(&self) -> bool {
        self.first_is("COPY") && self.words.iter().any(|w| w.eq_ignore_ascii_case("STDIN"))
    }

    /// The table: the first word that is no key word.
    fn table(&self) -> String {
        const KEYS: &[&str] = &[
            "INSERT",
            "REPLACE",
            "INTO",
            "IGNORE",
            "COPY",
            "CREATE",
            "TABLE",
            "IF",
            "NOT",
            "EXISTS",
            "TEMPORARY",
            "UNLOGGED",
            "ONLY",
        ];
        let own = |w: &&String| !KEYS.iter().any(|k| w.eq_ignore_ascii_case(k));
        self.words.iter().find(own).cloned().unwrap_or_default()
    }

    fn columns(&self) -> Vec<String> {
        const KEYS: &[&str] = &[
            "PRIMARY",
            "KEY",
            "UNIQUE",
            "CONSTRAINT",
            "FOREIGN",
            "INDEX",
            "CHECK",
            "FULLTEXT",
            "EXCLUDE",
        ];
        let own = |w: &&String| !KEYS.iter().any(|k| w.eq_ignore_ascii_case(k));
        self.items.iter().filter(own).cloned().collect()
    }
}
