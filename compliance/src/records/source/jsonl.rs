//! JSON lines: one object a line. Nested objects become columns `outer.inner`; lists stay JSON.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use hashbrown::HashMap;
use serde_json::Value;

use super::rows::Rows as Source;
use crate::records::error::Error;
use crate::records::limits::{COLUMNS_MAX, RECORD_BYTES_MAX};
use crate::records::table::Decoded;

/// All keys of the file, in the order they are first met.
pub(super) fn columns(path: &Path) -> Result<Vec<String>, Error> {
    let mut lines = Lines::open(path).map_err(Error::Read)?;
    let mut places = HashMap::new();
    let mut columns = Vec::new();
    while let Some(line) = lines.next().map_err(Error::Read)? {
        let Some(value) = object(line) else { continue };
        flatten("", &value, &mut |key, _| {
            if columns.len() < COLUMNS_MAX && !places.contains_key(key) {
                places.insert(key.to_owned(), columns.len());
                columns.push(key.to_owned());
            }
        });
    }
    if columns.is_empty() {
        return Err(super::broken("JSON lines", "no object is in it"));
    }
    Ok(columns)
}

/// The rows of a file, the columns' names first.
pub(super) struct Rows {
    lines: Lines,
    columns: Vec<String>,
    places: HashMap<String, usize>,
    started: bool,
}

impl Rows {
    pub(super) fn open(path: &Path, columns: Vec<String>) -> Result<Self, Error> {
        let lines = Lines::open(path).map_err(Error::Read)?;
        let places = columns.iter().cloned().zip(0..).collect();
        Ok(Self { lines, columns, places, started: false })
    }
}

impl Source for Rows {
    fn next(&mut self, cells: &mut Vec<String>) -> io::Result<bool> {
        if !self.started {
            self.started = true;
            cells.extend(self.columns.iter().cloned());
            return Ok(true);
        }
        let Some(line) = self.lines.next()? else { return Ok(false) };
        match object(line) {
            Some(value) => {
                cells.resize(self.columns.len(), String::new());
                flatten("", &value, &mut |key, text| {
                    if let Some(cell) = self.places.get(key).and_then(|at| cells.get_mut(*at)) {
                        *cell = text;
                    }
                });
            }
            // Not an object: it stays a row and is searched.
            None => cells.push(line.to_owned()),
        }
        Ok(true)
    }
}

fn object(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok().filter(Value::is_object)
}

fn flatten(prefix: &str, value: &Value, give: &mut dyn FnMut(&str, String)) {
    let Value::Object(fields) = value else { return };
    for (key, value) in fields {
        let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(_) => flatten(&name, value, give),
            Value::String(text) => give(&name, text.clone()),
            Value::Null => give(&name, String::new()),
            other => give(&name, other.to_string()),
        }
    }
}

/// Lines of bounded length; what is longer is cut there.
struct Lines {
    reader: BufReader<Decoded<File>>,
    bytes: Vec<u8>,
    text: String,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        let reader = BufReader::with_capacity(1 << 16, Decoded::new(File::open(path)?)?);
        Ok(Self { reader, bytes: Vec::new(), text: String::new() })
    }

    /// The next line that is not blank.
    fn next(&mut self) -> io::Result<Option<&str>> {
        loop {
            self.bytes.clear();
            let limit = RECORD_BYTES_MAX as u64;
            let n = io::Read::take(&mut self.reader, limit).read_until(b'\n', &mut self.bytes)?;
            if n == 0 {
                return Ok(None);
            }
            self.text.clear();
            self.text.push_str(&String::from_utf8_lossy(&self.bytes));
            let start = self.text.find(|c: char| !c.is_whitespace() && c != '\u{FEFF}');
            if let Some(start) = start {
                return Ok(self.text.get(start..).map(str::trim_end));
            }
        }
    }
}
