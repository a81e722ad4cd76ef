//! Where a run's transitions are kept.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::transition::Transition;
use crate::error::Error;

/// Keeps the transitions of one run, in order.
pub trait RunJournal {
    /// Adds one; it is durable when this returns.
    ///
    /// # Errors
    /// When it is not durable; then the run does not go on from it.
    fn append(&mut self, entry: &Transition) -> Result<(), Error>;

    /// All of them, in order.
    ///
    /// # Errors
    /// When the store cannot be read or an entry in its middle is damaged.
    fn read(&self) -> Result<Vec<Transition>, Error>;
}

/// In memory: for dry runs and tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryJournal {
    entries: Vec<Transition>,
}

impl MemoryJournal {
    /// With entries already in it.
    pub fn with(entries: Vec<Transition>) -> Self {
        Self { entries }
    }

    /// What it holds.
    pub fn entries(&self) -> &[Transition] {
        &self.entries
    }
}

impl RunJournal for MemoryJournal {
    fn append(&mut self, entry: &Transition) -> Result<(), Error> {
        self.entries.push(entry.clone());
        Ok(())
    }

    fn read(&self) -> Result<Vec<Transition>, Error> {
        Ok(self.entries.clone())
    }
}

/// One file of JSON lines, synced after each. A last line cut short by a crash is dropped when the
/// file is opened; damage before it is an error.
#[derive(Debug)]
pub struct FileJournal {
    file: File,
    /// Bytes of whole lines.
    good: u64,
    entries: Vec<Transition>,
}

impl FileJournal {
    /// Opens or creates it.
    ///
    /// # Errors
    /// P101 when the file cannot be used, P102 when a line other than the last is damaged.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let io = |what| move |source| Error::Journal { what, source };
        let fresh = !path.exists();
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(io("open"))?;
        if fresh && let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            // The new name itself must survive a crash.
            File::open(folder).and_then(|f| f.sync_all()).map_err(io("sync the folder"))?;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io("read"))?;
        let (entries, good) = whole_lines(&bytes)?;
        if good < bytes.len() as u64 {
            file.set_len(good).and_then(|()| file.sync_all()).map_err(io("cut the torn tail"))?;
        }
        Ok(Self { file, good, entries })
    }
}

fn whole_lines(bytes: &[u8]) -> Result<(Vec<Transition>, u64), Error> {
    let mut entries = Vec::new();
    let mut good = 0_usize;
    while let Some(length) = bytes[good..].iter().position(|b| *b == b'\n') {
        let line = &bytes[good..good + length];
        let entry = entries.len() as u64;
        match serde_json::from_slice::<Transition>(line) {
            Ok(transition) if transition.sequence == entry => entries.push(transition),
            // A crash can leave blocks of the last line unwritten (zeros) though its end is there.
            Err(_) if good + length + 1 == bytes.len() && line.contains(&0) => break,
            Ok(_) => {
                return Err(Error::JournalDamaged { entry, reason: "its number is out of order" });
            }
            Err(_) => return Err(Error::JournalDamaged { entry, reason: "it cannot be read" }),
        }
        good += length + 1;
    }
    Ok((entries, good as u64))
}

impl RunJournal for FileJournal {
    fn append(&mut self, entry: &Transition) -> Result<(), Error> {
        let io = |what| move |source| Error::Journal { what, source };
        let mut line = serde_json::to_vec(entry)
            .map_err(|e| Error::Journal { what: "encode", source: e.into() })?;
        line.push(b'\n');
        // An earlier failed write may have left a part of a line: start at the last whole one.
        self.file.set_len(self.good).map_err(io("cut"))?;
        self.file.seek(SeekFrom::Start(self.good)).map_err(io("seek"))?;
        self.file.write_all(&line).map_err(io("write"))?;
        self.file.sync_data().map_err(io("sync"))?;
        self.good += line.len() as u64;
        self.entries.push(entry.clone());
        Ok(())
    }

    fn read(&self) -> Result<Vec<Transition>, Error> {
        Ok(self.entries.clone())
    }
}
