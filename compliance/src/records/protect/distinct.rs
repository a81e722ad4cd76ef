//! Which of many things are the same, in bounded memory: fingerprints are sorted in runs on disk
//! and merged at the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::records::error::Error;

/// Fingerprints sorted at a time (8 MiB).
const RUN_ITEMS: usize = 1 << 19;
/// Bits of the row's number below its fingerprint.
const ROW_BITS: u32 = 40;
/// Bytes read at a time from each run.
const READ_BYTES: usize = 16 * 1024;

/// Fingerprints with their rows.
pub(super) struct Distinct {
    items: Vec<u128>,
    runs: Vec<File>,
    beside: PathBuf,
}

/// What the fingerprints told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) distinct: u64,
    /// The first row whose fingerprint an earlier row had.
    pub(super) repeated: Option<u64>,
}

impl Distinct {
    /// Runs go to files beside `output`, which are gone with the process.
    pub(super) fn new(output: &Path) -> Self {
        Self { items: Vec::new(), runs: Vec::new(), beside: output.to_owned() }
    }

    /// Takes a row's fingerprint; 88 bits of it count.
    pub(super) fn add(&mut self, fingerprint: u128, row: u64) -> Result<(), Error> {
        let row = u128::from(row) & ((1 << ROW_BITS) - 1);
        self.items.push(fingerprint << ROW_BITS | row);
        if self.items.len() >= RUN_ITEMS { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), Error> {
        self.items.sort_unstable();
        let mut name = self.beside.as_os_str().to_owned();
        name.push(format!(".{}.run", self.runs.len()));
        let path = PathBuf::from(name);
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(Error::Write)?;
        // Open, but without a name: nothing is left behind whatever happens.
        fs::remove_file(&path).map_err(Error::Write)?;
        let mut out = BufWriter::with_capacity(1 << 16, file);
        for item in self.items.drain(..) {
            out.write_all(&item.to_le_bytes()).map_err(Error::Write)?;
        }
        self.runs.push(out.into_inner().map_err(|e| Error::Write(e.into_error()))?);
        Ok(())
    }

    /// Merges all runs.
    pub(super) fn finish(mut self) -> Result<Told, Error> {
        self.items.sort_unstable();
        let mut told = Told::default();
        let mut last = None;
        let mut take = |item: u128| {
            let (fingerprint, row) = (item >> ROW_BITS, (item & ((1 << ROW_BITS) - 1)) as u64);
            if last == Some(fingerprint) {
                told.repeated = Some(told.repeated.map_or(row, |r| r.min(row)));
            } else {
                told.distinct += 1;
                last = Some(fingerprint);
            }
        };
        if self.runs.is_empty() {
            self.items.iter().copied().for_each(&mut take);
            return Ok(told);
        }
        let mut readers = Vec::new();
        for mut run in self.runs {
            run.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
            readers.push(BufReader::with_capacity(READ_BYTES, run));
        }
        let mut rest = self.items.into_iter();
        let mut heads = BinaryHeap::new();
        for (at, reader) in readers.iter_mut().enumerate() {
            heads.extend(next(reader)?.map(|item| Reverse((item, at))));
        }
        let memory = readers.len();
        heads.extend(rest.next().map(|item| Reverse((item, memory))));
        while let Some(Reverse((item, at))) = heads.pop() {
            take(item);
            let follows = match readers.get_mut(at) {
                Some(reader) => next(reader)?,
                None => rest.next(),
            };
            heads.extend(follows.map(|item| Reverse((item, at))));
        }
        Ok(told)
    }
}

fn next(reader: &mut impl Read) -> Result<Option<u128>, Error> {
    let mut bytes = [0; 16];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u128::from_le_bytes(bytes))),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(Error::Read(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(items: impl IntoIterator<Item = u128>) -> Told {
        let dir = tempfile::tempdir().unwrap();
        let mut distinct = Distinct::new(&dir.path().join("out"));
        for (row, item) in (0..).zip(items) {
            distinct.add(item, row).unwrap();
        }
        let told = distinct.finish().unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        told
    }

    #[test]
    fn repeats_are_found_within_and_across_runs() {
        assert_eq!(told([]), Told::default());
        assert_eq!(told([5, 6, 5, 6]), Told { distinct: 2, repeated: Some(2) });
        let many = RUN_ITEMS as u128 * 2 + 7;
        assert_eq!(
            told((0..many).map(|n| n ^ 0x5555)),
            Told { distinct: many as u64, repeated: None }
        );
        let one_again = (0..many).chain([3]);
        assert_eq!(told(one_again), Told { distinct: many as u64, repeated: Some(many as u64) });
    }
}
