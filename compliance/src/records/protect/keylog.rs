//! The subjects' keys of one dataset: a file of sealed pages, each of a hundred keys, that only
//! grows at its end. A sealed cell names the slot its key lies in.
//!
//! What a crash leaves: pages of a run that did not finish. They are whole, torn at the end of the
//! file, or (after a loss of power) zeros. No cell under their keys was ever released, so a torn
//! end is cut by the next writer and a page of zeros holds nobody; any other page that does not
//! open is damage, and is named.
//!
//! Nothing is held in memory but one page, and no index is needed: protecting appends, revealing
//! goes from page to page as the rows do, and erasing a person reads all pages once, wipes the
//! slots that are the person's, and puts the new file in place of the old.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use ring::rand::SecureRandom;
use zeroize::{Zeroize, Zeroizing};

use super::keyring::{DatasetKey, sync_folder};
use crate::records::error::Error;
use crate::records::part::Part;

/// Bytes of a page: nonce, sealed slots, tag.
pub(super) const PAGE_BYTES: usize = 4096;
const PLAIN_BYTES: usize = PAGE_BYTES - 12 - 16;
/// A subject's name and its key.
const SLOT_BYTES: usize = 8 + 32;
/// Keys in a page.
const SLOTS: usize = PLAIN_BYTES / SLOT_BYTES;
/// Pages of a dataset. Each is sealed with a random 96-bit nonce, of which one key takes 2^32 (NIST
/// SP 800-38D, 8.3); half of them are left to the pages that erasing seals anew.
const PAGES_MAX: u64 = 1 << 31;
/// Pages held open while revealing (16 MiB).
const OPEN_PAGES_MAX: usize = 4096;

/// The slots of a page, open.
type Plain = Zeroizing<Box<[u8]>>;

/// What a subject is called: it tells nothing without the dataset's key.
pub(super) type Subject = [u8; 8];

/// A subject's key.
pub(super) type Key = Zeroizing<[u8; 32]>;

const DAMAGED: Error = Error::BadKeyStore { reason: "the subjects' keys" };

fn empty() -> Plain {
    Zeroizing::new(vec![0; PLAIN_BYTES].into_boxed_slice())
}

/// Adds keys. Dropped before [`KeyWriter::finish`], it takes back what it added.
pub(super) struct KeyWriter {
    file: File,
    path: PathBuf,
    started: u64,
    page: u64,
    plain: Plain,
    filled: usize,
    finished: bool,
}

impl KeyWriter {
    /// Opens the file for one writer alone; a page torn by a crash is dropped: no cell under its
    /// keys was ever released.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        let file = options.open(path).map_err(Error::Write)?;
        lock(&file, path)?;
        let page = file.metadata().map_err(Error::Read)?.len() / PAGE_BYTES as u64;
        let plain = empty();
        let path = path.to_owned();
        Ok(Self { file, path, started: page, page, plain, filled: 0, finished: false })
    }

    /// A fresh key for a subject, and its slot.
    pub(super) fn add(
        &mut self,
        subject: Subject,
        key: &[u8; 32],
        keys: &DatasetKey,
        random: &dyn SecureRandom,
    ) -> Result<u64, Error> {
        if self.filled == SLOTS {
            self.flush(keys, random)?;
        }
        let at = self.filled * SLOT_BYTES;
        let slot = self.plain.get_mut(at..at + SLOT_BYTES).ok_or(DAMAGED)?;
        let (name, place) = slot.split_at_mut(8);
        name.copy_from_slice(&subject);
        place.copy_from_slice(key);
        let number = self.page * SLOTS as u64 + self.filled as u64;
        self.filled += 1;
        Ok(number)
    }

    fn flush(&mut self, keys: &DatasetKey, random: &dyn SecureRandom) -> Result<(), Error> {
        if self.page >= PAGES_MAX {
            return Err(Error::KeyExhausted { key_id: keys.id, limit: PAGES_MAX });
        }
        let sealed = keys.seal_page(self.page, &self.plain, random)?;
        let place = self.page * PAGE_BYTES as u64;
        self.file.write_all_at(&sealed, place).map_err(Error::Write)?;
        self.page += 1;
        self.plain.zeroize();
        self.plain = empty();
        self.filled = 0;
        Ok(())
    }

    /// Makes all keys durable: cells under them may be released now.
    pub(super) fn finish(
        &mut self,
        keys: &DatasetKey,
        random: &dyn SecureRandom,
    ) -> Result<(), Error> {
        if self.filled > 0 {
            self.flush(keys, random)?;
        }
        self.file.set_len(self.page * PAGE_BYTES as u64).map_err(Error::Write)?;
        self.file.sync_all().map_err(Error::Write)?;
        sync_folder(&self.path)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for KeyWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Keys that stay behind open nothing.
            let _ = self.file.set_len(self.started * PAGE_BYTES as u64);
        }
    }
}

/// Takes the file for one process alone; fails when erasing put another in its place meanwhile.
fn lock(file: &File, path: &Path) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Error::KeysInUse),
        Err(TryLockError::Error(e)) => return Err(Error::Write(e)),
    }
    let held = file.metadata().map_err(Error::Read)?;
    let named = fs::metadata(path).map_err(Error::Read)?;
    if (held.dev(), held.ino()) == (named.dev(), named.ino()) {
        Ok(())
    } else {
        Err(Error::KeysInUse)
    }
}

/// Opens a page; one of zeros is a page without keys.
fn open_page(keys: &DatasetKey, page: u64, sealed: &[u8]) -> Result<Plain, Error> {
    match keys.open_page(page, sealed) {
        Some(plain) => Ok(plain),
        None if sealed.iter().all(|b| *b == 0) => Ok(empty()),
        None => Err(DAMAGED),
    }
}

/// Reads keys by their slots.
pub(super) struct KeyReader {
    file: Option<File>,
    pages: HashMap<u64, Plain>,
}

impl KeyReader {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = match File::open(path) {
            Ok(file) => Some(file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::Read(e)),
        };
        Ok(Self { file, pages: HashMap::new() })
    }

    /// The key in a slot; none when it was destroyed or never made.
    pub(super) fn key(&mut self, slot: u64, keys: &DatasetKey) -> Result<Option<Key>, Error> {
        let (page, at) = (slot / SLOTS as u64, (slot % SLOTS as u64) as usize * SLOT_BYTES);
        let Some(file) = &self.file else { return Ok(None) };
        if !self.pages.contains_key(&page) {
            let mut sealed = vec![0; PAGE_BYTES];
            match file.read_exact_at(&mut sealed, page.saturating_mul(PAGE_BYTES as u64)) {
                Ok(()) => {}
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(e) => return Err(Error::Read(e)),
            }
            if self.pages.len() >= OPEN_PAGES_MAX {
                self.pages.clear();
            }
            self.pages.insert(page, open_page(keys, page, &sealed)?);
        }
        let slot = self.pages.get(&page).and_then(|p| p.get(at..at + SLOT_BYTES));
        let key = slot.and_then(|s| s.get(8..)).and_then(|k| <[u8; 32]>::try_from(k).ok());
        Ok(key.filter(|k| k.iter().any(|b| *b != 0)).map(Zeroizing::new))
    }
}

/// Destroys every key of a subject: how many there were. The file with them is overwritten before
/// it goes, as far as the file system writes in place.
pub(super) fn erase(
    path: &Path,
    subject: Subject,
    keys: &DatasetKey,
    random: &dyn SecureRandom,
) -> Result<u64, Error> {
    let mut old = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(e) => return Err(Error::Read(e)),
    };
    lock(&old, path)?;
    let part = Part::of(path);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut out = BufWriter::new(options.open(part.path()).map_err(Error::Write)?);
    let pages = old.metadata().map_err(Error::Read)?.len() / PAGE_BYTES as u64;
    let mut reader = BufReader::with_capacity(1 << 18, &mut old);
    let mut sealed = vec![0; PAGE_BYTES];
    let mut gone = 0;
    for page in 0..pages {
        reader.read_exact(&mut sealed).map_err(Error::Read)?;
        let mut plain = open_page(keys, page, &sealed)?;
        let theirs = wipe(&mut plain, subject);
        if theirs > 0 {
            gone += theirs;
            out.write_all(&keys.seal_page(page, &plain, random)?).map_err(Error::Write)?;
        } else {
            out.write_all(&sealed).map_err(Error::Write)?;
        }
    }
    if gone == 0 {
        return Ok(0);
    }
    out.flush().and_then(|()| out.get_ref().sync_all()).map_err(Error::Write)?;
    part.release()?;
    sync_folder(path)?;
    overwrite(&mut old, pages).map_err(Error::Write)?;
    Ok(gone)
}

/// Clears the slots of a subject in a page.
fn wipe(plain: &mut Plain, subject: Subject) -> u64 {
    let mut gone = 0;
    for slot in plain.chunks_exact_mut(SLOT_BYTES) {
        let (name, key) = slot.split_at_mut(8);
        if *name == subject && key.iter().any(|b| *b != 0) {
            key.zeroize();
            gone += 1;
        }
    }
    gone
}

fn overwrite(file: &mut File, pages: u64) -> std::io::Result<()> {
    let nothing = vec![0; PAGE_BYTES];
    file.seek(SeekFrom::Start(0))?;
    for _ in 0..pages {
        file.write_all(&nothing)?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests;
