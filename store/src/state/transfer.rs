//! State as JSON lines: a copy that outlives the engine.
//!
//! One line per record: `{"table":"alerts","key":"<hex>","version":1,"record":{…}}`.

use std::io::{BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::limits;
use crate::state::State;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    table: std::borrow::Cow<'a, str>,
    key: String,
    version: u8,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// The tree sled makes by itself; we never use it.
const ENGINE_TREE: &[u8] = b"__sled__default";

impl State {
    /// Writes every record of every table as a JSON line; returns how many. Records changed
    /// meanwhile appear as before or as after.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64, Error> {
        let mut lines = 0;
        let mut names = self.db.tree_names();
        names.sort();
        for name in names {
            if name == ENGINE_TREE {
                continue;
            }
            let table = String::from_utf8_lossy(&name).into_owned();
            for pair in self.db.open_tree(&name)?.iter() {
                let (key, value) = pair?;
                let bad = |version, source| Error::Record { table: table.clone(), version, source };
                let (&version, json) = value.split_first().ok_or_else(|| bad(0, None))?;
                let record = serde_json::from_slice(json).map_err(|e| bad(version, Some(e)))?;
                let line = Line { table: (&table).into(), key: crate::hex(&key), version, record };
                let mut text = serde_json::to_vec(&line)
                    .map_err(|source| Error::Encode { table: table.clone(), source })?;
                text.push(b'\n');
                out.write_all(&text).map_err(|source| Error::Stream { lines, source })?;
                lines += 1;
            }
        }
        out.flush().map_err(|source| Error::Stream { lines, source })?;
        Ok(lines)
    }

    /// Reads what [`State::export`] wrote over what is there, then flushes; returns how many
    /// records. A bad line ends the import with its number; the lines before it stay.
    pub fn import(&self, input: &mut dyn BufRead) -> Result<u64, Error> {
        let mut lines = 0;
        let mut text = Vec::new();
        loop {
            text.clear();
            let bound = limits::IMPORT_LINE_BYTES_MAX as u64 + 1;
            let read = input.take(bound).read_until(b'\n', &mut text);
            if read.map_err(|source| Error::Stream { lines, source })? == 0 {
                break;
            }
            let bad = |reason| Error::Import { line: lines + 1, reason };
            if text.len() > limits::IMPORT_LINE_BYTES_MAX {
                return Err(bad("it is too long"));
            }
            let line: Line<'_> =
                serde_json::from_slice(&text).map_err(|_| bad("it is not such a JSON object"))?;
            let key = unhex(&line.key).ok_or_else(|| bad("its key is not hexadecimal"))?;
            if line.table.is_empty() || line.table.as_bytes() == ENGINE_TREE {
                return Err(bad("its table has no usable name"));
            }
            let mut value = vec![line.version];
            value.extend_from_slice(line.record.get().as_bytes());
            self.db.open_tree(line.table.as_bytes())?.insert(key, value)?;
            lines += 1;
        }
        self.flush()?;
        Ok(lines)
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}
