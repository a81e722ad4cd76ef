//! Decoders: pure functions from text to fields. One file per format; none reads a clock, a file
//! or a socket, and none panics on any input.
//!
//! [`Out`] is where they write: a value that is part of the record is stored as a range into it,
//! and a pack's field map adds the typed columns beside the native name.

pub mod access;
mod aside;
pub mod audit;
pub mod capture;
pub mod cef;
pub mod columns;
pub mod community;
pub mod encoding;
pub mod evtx;
pub mod flow;
pub mod journald;
pub mod kv;
pub mod leef;
pub mod link;
pub mod netflow;
pub mod otlp;
mod out;
pub mod packet;
pub mod pairs;
pub mod relp;
pub mod sflow;
pub mod syslog;
pub mod time;
pub mod vrp;

pub use aside::Aside;
pub use out::{FieldMap, Out, Target};

/// Why a record could not be decoded. The record is kept all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Neither a syslog priority nor a recognisable time stands at the start.
    #[error("no syslog header")]
    NotSyslog,
    /// `<…>` at the start is not a priority of 0 to 191.
    #[error("bad syslog priority")]
    BadPriority,
    /// An RFC 5424 header ends before its structured data.
    #[error("incomplete RFC 5424 header")]
    ShortHeader,
    /// Not a JSON object.
    #[error("not a JSON object")]
    NotJson,
    /// No `key=value` pair.
    #[error("no key=value pair")]
    NoPairs,
    /// Not a CEF header.
    #[error("not CEF")]
    NotCef,
    /// Not a LEEF header.
    #[error("not LEEF")]
    NotLeef,
    /// Not a line of the common or combined access log format.
    #[error("not an access log line")]
    NotAccessLog,
    /// None of the pack's patterns matches.
    #[error("no pattern of the pack matches")]
    NoPattern,
    /// A flow packet that is damaged or of an unknown version.
    #[error("damaged flow packet")]
    BadFlowPacket,
    /// Flow data whose template never came.
    #[error("flow data without template")]
    NoTemplate,
    /// Not an OTLP logs request.
    #[error("not an OTLP logs request")]
    NotOtlp,
    /// Not a RELP frame.
    #[error("not a RELP frame")]
    NotRelp,
    /// Not a capture of packets, or a damaged one.
    #[error("damaged packet capture")]
    BadCapture,
    /// Not a Windows event log file, or a damaged record of one.
    #[error("damaged Windows event log")]
    NotEvtx,
    /// Nothing names the columns of the line, or there are not as many.
    #[error("no header for the columns")]
    NoColumns,
    /// A compressed file that is damaged.
    #[error("damaged gzip file")]
    BadGzip,
    /// Empty record.
    #[error("empty record")]
    Empty,
    /// The sensor names a pack that does not exist.
    #[error("unknown pack")]
    UnknownPack,
}

impl Problem {
    /// The stable code, kept in `error.code`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotSyslog => "S101",
            Self::BadPriority => "S102",
            Self::ShortHeader => "S103",
            Self::NotJson => "S104",
            Self::NoPairs => "S105",
            Self::NotCef => "S106",
            Self::NotLeef => "S107",
            Self::NotAccessLog => "S108",
            Self::NoPattern => "S109",
            Self::BadFlowPacket => "S110",
            Self::NoTemplate => "S111",
            Self::Empty => "S112",
            Self::UnknownPack => "S113",
            Self::BadCapture => "S116",
            Self::NotEvtx => "S117",
            Self::NoColumns => "S118",
            Self::BadGzip => "S119",
            Self::NotRelp => "S115",
            Self::NotOtlp => "S114",
        }
    }
}
