//! What of a long scan is done: one JSON line for each finished table, on disk before the next table
//! begins. A scan that was cut short goes on with the tables that have no line.
//!
//! The file holds inventories: names, counts and grades, never a value.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::records::classify::Inventory;
use crate::records::error::Error;

/// What a file of progress is about; a scan of anything else does not go on from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The database's address.
    pub database: String,
    /// Rows looked at in each table; all when absent.
    pub sample: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    table: String,
    inventory: Inventory,
}

/// The finished tables of a scan.
pub struct Progress {
    file: File,
    done: Vec<Line>,
}

impl Progress {
    /// Opens or begins a file. A last line that was not written whole is dropped.
    ///
    /// # Errors
    /// [`Error::OtherScan`] when it is about something else; [`Error::Read`], [`Error::Write`].
    pub fn open(path: &Path, about: &About) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(Error::Write)?;
        let (mut done, mut whole, mut first) = (Vec::new(), 0u64, true);
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        loop {
            line.clear();
            let read = reader.read_line(&mut line).map_err(Error::Read)?;
            if read == 0 || !line.ends_with('\n') {
                break;
            }
            if first {
                let held: About = serde_json::from_str(&line).map_err(|_| Error::OtherScan)?;
                if held != *about {
                    return Err(Error::OtherScan);
                }
                first = false;
            } else {
                let Ok(one) = serde_json::from_str::<Line>(&line) else { break };
                done.push(one);
            }
            whole += read as u64;
        }
        file.set_len(whole).map_err(Error::Write)?;
        file.seek(SeekFrom::Start(whole)).map_err(Error::Write)?;
        let mut progress = Self { file, done };
        if first {
            progress.put(about)?;
        }
        Ok(progress)
    }

    /// The inventory of a finished table.
    pub fn of(&self, table: &str) -> Option<&Inventory> {
        self.done.iter().find(|l| l.table == table).map(|l| &l.inventory)
    }

    /// Keeps a finished table; it is on disk when this returns.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn keep(&mut self, table: &str, inventory: &Inventory) -> Result<(), Error> {
        let line = Line { table: table.to_owned(), inventory: inventory.clone() };
        self.put(&line)?;
        self.done.push(line);
        Ok(())
    }

    fn put(&mut self, what: &impl Serialize) -> Result<(), Error> {
        let mut line = serde_json::to_vec(what).map_err(|e| Error::Write(e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(Error::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{ClassifyOptions, Day, Taxonomy, classify};

    fn inventory(rows: &str) -> Inventory {
        let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t");
        classify(rows.as_bytes(), &options, &Taxonomy::embedded().unwrap()).unwrap()
    }

    #[test]
    fn a_scan_goes_on_after_its_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scan.jsonl");
        let about = About { database: "mysql://a@h:1/d".into(), sample: Some(10) };
        let mut progress = Progress::open(&path, &about).unwrap();
        progress.keep("s.a", &inventory("手机号\n13800138000\n")).unwrap();
        progress.keep("s.b", &inventory("x\n1\n2\n")).unwrap();
        drop(progress);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("13800138000"));
        std::fs::write(&path, text.strip_suffix("}\n").unwrap()).unwrap();

        let mut progress = Progress::open(&path, &about).unwrap();
        assert_eq!(progress.of("s.a").map(|i| i.rows), Some(1));
        assert!(progress.of("s.b").is_none(), "torn: done again");
        progress.keep("s.b", &inventory("x\n1\n2\n")).unwrap();
        assert_eq!(Progress::open(&path, &about).unwrap().of("s.b").map(|i| i.rows), Some(2));

        let other = About { sample: None, ..about };
        assert!(matches!(Progress::open(&path, &other), Err(Error::OtherScan)));
        std::fs::write(&path, "姓名,手机号\n").unwrap();
        assert!(matches!(Progress::open(&path, &other), Err(Error::OtherScan)));
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "姓名,手机号\n",
            "not ours, not touched"
        );
    }
}
