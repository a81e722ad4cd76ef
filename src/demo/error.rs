//! What can go wrong while the demonstration speaks to its sensors.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why sending stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be opened or written.
    #[error("cannot send to {target}")]
    Socket {
        /// Where to.
        target: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The log file could not be written or rotated.
    #[error("cannot write the log file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The HTTP sensor answered something else than success.
    #[error("the http sensor at {target} answered {status}")]
    Http {
        /// Where to.
        target: SocketAddr,
        /// The status code.
        status: u16,
    },
    /// The HTTP sensor's answer is not HTTP/1.1, or longer than the bound.
    #[error("the answer of {target} is not http: {reason}")]
    NotHttp {
        /// Where to.
        target: SocketAddr,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Socket { .. } => "D001",
            Self::File { .. } => "D002",
            Self::Http { .. } => "D003",
            Self::NotHttp { .. } => "D004",
        }
    }
}
