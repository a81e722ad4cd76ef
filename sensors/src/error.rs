//! What can go wrong when sensors start. Damaged records are not errors: they are kept and counted.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why sensors could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Two sensors have the same name.
    #[error("two sensors are called {name:?}")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A sensor names a pack that does not exist.
    #[error("sensor {sensor:?} names the unknown pack {pack:?}")]
    UnknownPack {
        /// The sensor.
        sensor: String,
        /// The pack it names.
        pack: String,
    },
    /// An address cannot be listened on.
    #[error("sensor {sensor:?} cannot listen on {address}")]
    Listen {
        /// The sensor.
        sensor: String,
        /// The address it should listen on.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A certificate or key cannot be read.
    #[error("sensor {sensor:?} cannot read {path:?}: {reason}")]
    Certificate {
        /// The sensor.
        sensor: String,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The certificates do not make a TLS configuration.
    #[error("sensor {sensor:?} has no usable TLS configuration")]
    Tls {
        /// The sensor.
        sensor: String,
        /// What the TLS library said.
        #[source]
        source: rustls::Error,
    },
    /// A value of the configuration makes no sense.
    #[error("sensor {sensor:?}: {reason}")]
    Config {
        /// The sensor.
        sensor: String,
        /// Which value, and why.
        reason: String,
    },
    /// A receive thread could not be made.
    #[error("sensor {sensor:?} cannot start a thread")]
    Thread {
        /// The sensor.
        sensor: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DuplicateName { .. } => "S001",
            Self::UnknownPack { .. } => "S002",
            Self::Listen { .. } => "S003",
            Self::Certificate { .. } => "S004",
            Self::Tls { .. } => "S005",
            Self::Config { .. } => "S006",
            Self::Thread { .. } => "S007",
        }
    }
}
