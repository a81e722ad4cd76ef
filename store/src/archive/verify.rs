//! Whether the archive is still as it was written.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use events::Timestamp;

use crate::archive::manifest::{Manifest, SealedFile};
use crate::error::Error;

/// Where files that no manifest names are moved.
pub(crate) const UNLISTED: &str = "unlisted";

/// A difference between the archive and its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveFault {
    /// A file's bytes are not those that were sealed.
    Changed {
        /// Its path below the archive's folder.
        name: String,
        /// SHA-256 as sealed.
        expected: String,
        /// SHA-256 of what is there.
        actual: String,
    },
    /// A file is gone.
    Missing {
        /// Its path below the archive's folder.
        name: String,
    },
    /// A file is there that was never sealed.
    Extra {
        /// Its path below the archive's folder.
        name: String,
    },
    /// A file or folder cannot be read.
    Unreadable {
        /// Its path below the archive's folder.
        name: String,
        /// What the system said.
        reason: String,
    },
}

impl fmt::Display for ArchiveFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { name, expected, actual } => {
                write!(f, "{name}: changed: sha256 is {actual}, was sealed as {expected}")
            }
            Self::Missing { name } => write!(f, "{name}: missing"),
            Self::Extra { name } => write!(f, "{name}: not in the manifest"),
            Self::Unreadable { name, reason } => write!(f, "{name}: cannot be read: {reason}"),
        }
    }
}

/// What was read and found whole, and when it is to be read again: a file that was not touched
/// since need not be read at every look. Each file is read again within
/// [`READ_AGAIN_DAYS`] days, on days spread by its digest.
#[derive(Debug, Default)]
pub struct VerifyMemory {
    whole: HashMap<String, Seen>,
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// As sealed.
    sha256: String,
    /// Device, inode, bytes and time of the last change of anything about the file.
    stamp: (u64, u64, u64, i64, i64),
    read_again: Timestamp,
}

/// Days after which a file was read again for certain.
pub const READ_AGAIN_DAYS: u64 = 7;
const DAY_SECS: u64 = 86_400;

impl VerifyMemory {
    fn knows(&self, path: &Path, file: &SealedFile, now: Timestamp) -> bool {
        self.whole.get(&file.name).is_some_and(|seen| {
            seen.sha256 == file.sha256 && seen.read_again > now && Some(seen.stamp) == stamp(path)
        })
    }

    /// As if the file had been read just now.
    #[cfg(test)]
    pub(super) fn pretend_whole(&mut self, path: &Path, file: &SealedFile, now: Timestamp) {
        self.note(path, file, now);
    }

    fn note(&mut self, path: &Path, file: &SealedFile, now: Timestamp) {
        let Some(stamp) = stamp(path) else { return };
        let spread = file.sha256.get(..4).and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let spread = spread.unwrap_or(0) * (READ_AGAIN_DAYS - 1) * DAY_SECS / 0xffff;
        let read_again = now.plus(Duration::from_secs(DAY_SECS + spread));
        let seen = Seen { sha256: file.sha256.clone(), stamp, read_again };
        self.whole.insert(file.name.clone(), seen);
    }
}

fn stamp(path: &Path) -> Option<(u64, u64, u64, i64, i64)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.dev(), meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec()))
}

/// As [`verify`], leaving out what the memory knows to be whole and untouched.
pub(crate) fn verify_touched(
    dir: &Path,
    manifest: &Manifest,
    memory: &mut VerifyMemory,
    now: Timestamp,
) -> Vec<ArchiveFault> {
    let mut rest = manifest.clone();
    rest.files.retain(|file| !memory.knows(&dir.join(&file.name), file, now));
    // Stamps are taken before reading: what is touched meanwhile is read again next time.
    let mut read = VerifyMemory::default();
    for file in &rest.files {
        read.note(&dir.join(&file.name), file, now);
    }
    let mut faults = compare(dir, &rest);
    let listed: HashSet<&str> = manifest.files.iter().map(|f| f.name.as_str()).collect();
    memory.whole.retain(|name, _| listed.contains(name.as_str()));
    for fault in &faults {
        let (ArchiveFault::Changed { name, .. }
        | ArchiveFault::Missing { name }
        | ArchiveFault::Unreadable { name, .. }
        | ArchiveFault::Extra { name }) = fault;
        read.whole.remove(name);
        memory.whole.remove(name);
    }
    memory.whole.extend(read.whole);
    faults.extend(extra(dir, manifest));
    faults
}

pub(crate) fn verify(dir: &Path, manifest: &Manifest) -> Vec<ArchiveFault> {
    let mut faults = compare(dir, manifest);
    faults.extend(extra(dir, manifest));
    faults
}

/// Reads every file of a manifest.
fn compare(dir: &Path, manifest: &Manifest) -> Vec<ArchiveFault> {
    let mut faults = Vec::new();
    for file in &manifest.files {
        let name = file.name.clone();
        match digest(&dir.join(&name)) {
            Ok((_, actual)) if actual == file.sha256 => {}
            Ok((_, actual)) => {
                faults.push(ArchiveFault::Changed { name, expected: file.sha256.clone(), actual });
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                faults.push(ArchiveFault::Missing { name });
            }
            Err(e) => faults.push(ArchiveFault::Unreadable { name, reason: e.to_string() }),
        }
    }
    faults
}

/// Files that are there and not in the manifest.
fn extra(dir: &Path, manifest: &Manifest) -> Vec<ArchiveFault> {
    match unlisted(dir, manifest, ".parquet") {
        Ok(names) => names.into_iter().map(|name| ArchiveFault::Extra { name }).collect(),
        Err(e) => {
            vec![ArchiveFault::Unreadable { name: String::new(), reason: e.to_string() }]
        }
    }
}

/// Files of an ending in the day folders that the manifest does not name, sorted.
pub(crate) fn unlisted(
    dir: &Path,
    manifest: &Manifest,
    ending: &str,
) -> Result<Vec<String>, Error> {
    // What a merge replaced lies there until no search can be reading it.
    let dropped = manifest.dropped.iter().map(String::as_str);
    let listed: HashSet<&str> =
        manifest.files.iter().map(|f| f.name.as_str()).chain(dropped).collect();
    let mut found = Vec::new();
    for day in std::fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let day = day.map_err(Error::io("list", dir))?;
        let is_folder = day.file_type().map_err(Error::io("list", dir))?.is_dir();
        if !is_folder || day.file_name() == UNLISTED {
            continue;
        }
        let path = day.path();
        for file in std::fs::read_dir(&path).map_err(Error::io("list", &path))? {
            let file = file.map_err(Error::io("list", &path))?.file_name();
            let name = format!("{}/{}", day.file_name().to_string_lossy(), file.to_string_lossy());
            if name.ends_with(ending) && !listed.contains(name.as_str()) {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A file's length and SHA-256.
pub(crate) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, crate::hex(context.finish().as_ref())));
        }
        bytes += read as u64;
        context.update(&buffer[..read]);
    }
}
