//! Whether the archive is still as it was written.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::archive::manifest::Manifest;
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

pub(crate) fn verify(dir: &Path, manifest: &Manifest) -> Vec<ArchiveFault> {
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
    match unlisted(dir, manifest, ".parquet") {
        Ok(names) => faults.extend(names.into_iter().map(|name| ArchiveFault::Extra { name })),
        Err(e) => {
            faults.push(ArchiveFault::Unreadable { name: String::new(), reason: e.to_string() })
        }
    }
    faults
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
