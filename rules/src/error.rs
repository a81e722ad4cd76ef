//! What can go wrong outside of rule content (content errors are [`crate::Problem`]s).

use std::path::PathBuf;

/// An error of the rules crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule file or folder could not be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What was to be read.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A test case is larger than its bound.
    #[error("{} is {bytes} bytes, more than {max} allowed", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: u64,
        /// The bound in bytes.
        max: usize,
    },
    /// A test case is not UTF-8.
    #[error("{} is not UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A test case that cannot be run.
    #[error("{}: {what}", path.display())]
    Case {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// A snapshot of correlation state cannot be read.
    #[error("correlation snapshot cannot be read")]
    Snapshot {
        /// What the reader found.
        #[source]
        source: events::codec::CodecError,
    },
    /// A snapshot is of a version this program does not know.
    #[error("correlation snapshot has version {found}, known is {known}")]
    SnapshotVersion {
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "R090",
            Self::TooLarge { .. } => "R091",
            Self::NotUtf8 { .. } => "R092",
            Self::Snapshot { .. } => "R093",
            Self::SnapshotVersion { .. } => "R094",
            Self::Case { .. } => "R095",
        }
    }
}
