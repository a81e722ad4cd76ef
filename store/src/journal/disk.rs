//! What the writer asks of the disk, so that tests can give it a full or failing one.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// A place for segments.
pub(crate) trait Disk: Send + Sync {
    /// Opens a segment for appending, made if absent.
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;
    /// Bytes that may still be written beside `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// A segment being written.
pub(crate) trait LogFile: Send {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Puts what was appended on the disk.
    fn sync(&mut self) -> io::Result<()>;
    fn truncate(&mut self, bytes: u64) -> io::Result<()>;
}

/// The real disk.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        if let Some(dir) = path.parent() {
            // The name itself must survive a power cut.
            File::open(dir)?.sync_all()?;
        }
        Ok(Box::new(file))
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let stat = nix::sys::statvfs::statvfs(dir).map_err(io::Error::from)?;
        Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
    }
}

impl LogFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)?;
        self.sync_data()
    }
}
