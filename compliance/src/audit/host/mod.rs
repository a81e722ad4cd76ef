//! Where probes look. A [`Host`] is read-only by its shape: files, names, metadata and the
//! commands of [`allow`]. Each answer tells "not there" from "not allowed to see".

pub mod allow;
mod certificate;
mod child;
mod database;
mod endpoint;
mod export;
mod hello;
mod local;
mod recorded;
mod remote;
mod remote_command;
mod session;
mod sftp;
mod ssh;
mod tls;
mod witness;

pub use allow::Command;
use child::Child;
pub use database::{DatabaseHost, Engine};
pub use endpoint::{TlsHost, system_authorities};
pub(in crate::audit) use export::exported;
pub use local::LocalHost;
pub use recorded::RecordedHost;
pub use remote::RemoteHost;
pub use ssh::SshAddress;
pub use tls::TlsSeen;
pub(crate) use witness::Witness;

use events::Timestamp;

use super::own::OwnRecords;

/// Kind of a file-system entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link (only from [`Host::link_metadata`]).
    Link,
    /// A device, socket or pipe.
    Other,
}

/// Metadata of a file-system entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its kind.
    pub kind: Kind,
    /// Permission bits, `0o7777` at most.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Last change of content, seconds since the epoch.
    pub mtime_secs: i64,
    /// The file system it is on.
    pub device: u64,
}

/// Why a host did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is no such thing. The only answer that is evidence of absence.
    #[error("{what}: 不存在 / not found")]
    NotFound {
        /// Path or command.
        what: String,
    },
    /// It is there, and we may not look.
    #[error("{what}: 没有权限 / permission denied")]
    Denied {
        /// Path or command.
        what: String,
    },
    /// Larger than the named bound.
    #[error("{what}: 超过 {max} 字节 / larger than {max} bytes")]
    TooLarge {
        /// Path or command.
        what: String,
        /// The bound.
        max: usize,
    },
    /// Took longer than the named bound.
    #[error("{what}: {ms} 毫秒内没有应答 / no answer within {ms} ms")]
    TimedOut {
        /// Path or command.
        what: String,
        /// The bound.
        ms: u64,
    },
    /// The target cannot answer this question at all (an image has no processes).
    #[error("{what}: 此对象无法回答 / not available on this target")]
    Unavailable {
        /// Path or command.
        what: String,
    },
    /// The target did not answer at all.
    #[error("{what}: 无法连接 / unreachable: {reason}")]
    Unreachable {
        /// The target.
        what: String,
        /// What the network said.
        reason: String,
    },
    /// The target's host key is not among the known ones: it may be anyone.
    #[error("{what}: 主机密钥不在已知列表中 / host key is not known")]
    HostKeyUnknown {
        /// The target.
        what: String,
    },
    /// The target shows another host key than the known one: it may be an impostor.
    #[error("{what}: 主机密钥与已知的不符 / host key differs from the known one")]
    HostKeyChanged {
        /// The target.
        what: String,
    },
    /// The target refused our key or account.
    #[error("{what}: 拒绝登录 / login refused")]
    Refused {
        /// The target.
        what: String,
    },
    /// Anything else.
    #[error("{what}: {reason}")]
    Failed {
        /// Path or command.
        what: String,
        /// What the system said.
        reason: String,
    },
}

impl HostError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "A101",
            Self::Denied { .. } => "A102",
            Self::TooLarge { .. } => "A103",
            Self::TimedOut { .. } => "A104",
            Self::Unavailable { .. } => "A105",
            Self::Failed { .. } => "A106",
            Self::Unreachable { .. } => "A107",
            Self::HostKeyUnknown { .. } => "A108",
            Self::HostKeyChanged { .. } => "A109",
            Self::Refused { .. } => "A110",
        }
    }

    /// Whether the target as a whole does not answer, so that nothing else need be asked.
    pub const fn is_whole_target(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::HostKeyUnknown { .. }
                | Self::HostKeyChanged { .. }
                | Self::Refused { .. }
        )
    }

    /// Whether this says that the thing does not exist.
    pub const fn is_absence(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

/// A target that can be looked at and not changed.
pub trait Host {
    /// Opens what must be open before the first question. An error here is every check's.
    fn reach(&self) -> Result<(), HostError> {
        Ok(())
    }
    /// What the target's own clock shows; unavailable where it has none but ours.
    fn clock(&self) -> Result<Timestamp, HostError> {
        Err(HostError::Unavailable { what: "clock".into() })
    }
    /// A regular file's bytes, at most [`super::limits::FILE_BYTES_MAX`].
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        Err(HostError::Unavailable { what: path.to_owned() })
    }
    /// The names in a directory, sorted.
    fn list_dir(&self, path: &str) -> Result<Vec<String>, HostError> {
        Err(HostError::Unavailable { what: path.to_owned() })
    }
    /// Metadata, links followed.
    fn metadata(&self, path: &str) -> Result<Meta, HostError> {
        Err(HostError::Unavailable { what: path.to_owned() })
    }
    /// Metadata of the entry itself, links not followed.
    fn link_metadata(&self, path: &str) -> Result<Meta, HostError> {
        Err(HostError::Unavailable { what: path.to_owned() })
    }
    /// The standard output of an allow-listed read-only command that ended with success.
    fn run(&self, command: Command) -> Result<Vec<u8>, HostError> {
        Err(HostError::Unavailable { what: command.line.to_owned() })
    }
    /// The rows a database answers to a read-only question of a check file.
    fn query(&self, name: &str, _sql: &str) -> Result<Vec<Vec<String>>, HostError> {
        Err(HostError::Unavailable { what: name.to_owned() })
    }
    /// What a TLS endpoint shows; `now` is what its certificate's days count from.
    fn tls(&self, _now: Timestamp) -> Result<TlsSeen, HostError> {
        Err(HostError::Unavailable { what: "TLS endpoint".into() })
    }
    /// The records of this program.
    fn own(&self) -> Result<&OwnRecords, HostError> {
        Err(HostError::Unavailable { what: "records of this program".into() })
    }
    /// Milliseconds on a clock that only goes forward; 0 always on a recording.
    fn elapsed_ms(&self) -> u64;
}
