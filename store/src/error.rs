//! What can go wrong in the store. Codes are stable: `T` and three digits.

use std::path::{Path, PathBuf};

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the state or the journal open.
    #[error("{path} is in use by another process")]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The engine under the state failed.
    #[error("the state engine failed")]
    Engine {
        /// What it said.
        #[source]
        source: sled::Error,
    },
    /// A record of a table is not what the table holds.
    #[error("a record of table {table} with version {version} cannot be read")]
    Record {
        /// The table.
        table: String,
        /// The version it was written with.
        version: u8,
        /// What the parser said; absent when no migration knows the version.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// A key of a table is not what the table holds.
    #[error("a key of table {table} cannot be read")]
    Key {
        /// The table.
        table: String,
    },
    /// A record could not be written as JSON.
    #[error("a record of table {table} cannot be written as JSON")]
    Encode {
        /// The table.
        table: String,
        /// What the writer said.
        #[source]
        source: serde_json::Error,
    },
    /// A record is longer than [`crate::limits::RECORD_BYTES_MAX`].
    #[error("a record of table {table} has {bytes} bytes, more than {bytes_max}")]
    RecordSize {
        /// The table.
        table: String,
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// A batch wanted a key to be absent or a transaction never found its reads unchanged.
    #[error("a change of table {table} conflicts with another")]
    Conflict {
        /// The table.
        table: String,
    },
    /// A line of an import is not one that an export writes.
    #[error("line {line} of the import is not a record: {reason}")]
    Import {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// An export or import stream failed.
    #[error("the stream of the export or import failed after {lines} lines")]
    Stream {
        /// Lines handled before.
        lines: u64,
        /// What the stream said.
        #[source]
        source: std::io::Error,
    },
    /// A part of the journal cannot be read.
    #[error("the journal is damaged: {damage}")]
    Damaged {
        /// Which part.
        damage: crate::journal::Damage,
    },
    /// The archive's manifest cannot be read: nothing is archived or removed until it is mended.
    #[error("the archive's manifest {path} is damaged or of another version")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: Option<serde_json::Error>,
    },
    /// A file of the archive could not be written or read as Parquet.
    #[error("the archive file {path} cannot be written or read")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the library said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A folder that was to hold a backup of the archive holds none.
    #[error("{path} holds no backup of the archive")]
    NoBackup {
        /// The folder.
        path: PathBuf,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "T001",
            Self::Locked { .. } => "T002",
            Self::Engine { .. } => "T003",
            Self::Record { .. } => "T004",
            Self::Key { .. } => "T005",
            Self::Encode { .. } => "T006",
            Self::RecordSize { .. } => "T007",
            Self::Conflict { .. } => "T008",
            Self::Import { .. } => "T009",
            Self::Stream { .. } => "T010",
            Self::Damaged { .. } => "T011",
            Self::Manifest { .. } => "T012",
            Self::Parquet { .. } => "T013",
            Self::NoBackup { .. } => "T014",
        }
    }

    /// An I/O error with its place: `map_err(Error::io("read", path))`.
    pub(crate) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<'a> {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

impl From<sled::Error> for Error {
    fn from(source: sled::Error) -> Self {
        Self::Engine { source }
    }
}
