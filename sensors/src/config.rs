//! The `[[sensor]]` tables of the configuration.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::path::PathBuf;

use encoding_rs::{UTF_16BE, UTF_16LE};
use events::{Sensitive, SiteId};
use serde::{Deserialize, Deserializer};

use crate::decode::encoding;
use crate::limits;

/// One sensor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorConfig {
    /// Its name, unique in the node.
    pub name: String,
    /// The school it belongs to. Left out (`bureau`), the site is found by source address.
    #[serde(default)]
    pub site: SiteId,
    /// How records arrive.
    pub input: InputConfig,
    /// The pack that decodes them; without one it is found record by record.
    #[serde(default)]
    pub pack: Option<String>,
    /// After how many minutes without a record the sensor counts as silent. Zero: never. Of no
    /// effect on inputs that read what is put there ([`InputConfig::is_steady`]).
    #[serde(default = "silence_minutes")]
    pub silence_minutes: u32,
    /// Events a second that are taken of this sensor; beyond, senders that can wait are made to
    /// (HTTP 429, a connection not read), and datagrams are dropped and counted. Left out: all.
    #[serde(default)]
    pub events_per_second_max: Option<std::num::NonZeroU32>,
    /// Offset from UTC of times that name no zone, in minutes. Default: Beijing time.
    #[serde(default = "beijing_minutes")]
    pub zone_minutes: i32,
}

/// How records arrive.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum InputConfig {
    /// Syslog in datagrams.
    SyslogUdp {
        /// Address and port.
        listen: SocketAddr,
        /// Encoding of records that are not UTF-8.
        #[serde(default)]
        encoding: Encoding,
        /// Kernel receive buffer asked for, in bytes.
        #[serde(default = "receive_buffer")]
        receive_buffer_bytes: usize,
    },
    /// Syslog over TCP, framed by octet count or newline (RFC 6587), told apart by itself.
    SyslogTcp {
        /// Address and port.
        listen: SocketAddr,
        /// Encoding of records that are not UTF-8.
        #[serde(default)]
        encoding: Encoding,
        /// Connections served at a time.
        #[serde(default = "connections")]
        connections_max: usize,
    },
    /// Syslog over TLS (RFC 5425).
    SyslogTls {
        /// Address and port.
        listen: SocketAddr,
        /// Encoding of records that are not UTF-8.
        #[serde(default)]
        encoding: Encoding,
        /// Connections served at a time.
        #[serde(default = "connections")]
        connections_max: usize,
        /// Certificate chain of the server, PEM. This file and the three below are read again when
        /// they change.
        cert: PathBuf,
        /// Private key of the server, PEM.
        key: PathBuf,
        /// Certificates that sign clients, PEM. When given, a client must have such a certificate.
        #[serde(default)]
        client_ca: Option<PathBuf>,
        /// What those revoked (certificate revocation lists), PEM.
        #[serde(default)]
        client_crl: Option<PathBuf>,
    },
    /// Syslog over RELP (rsyslog's `omrelp`): every record is answered when it is durable.
    Relp {
        /// Address and port.
        listen: SocketAddr,
        /// Encoding of records that are not UTF-8.
        #[serde(default)]
        encoding: Encoding,
        /// Connections served at a time.
        #[serde(default = "connections")]
        connections_max: usize,
        /// Certificate chain and key of the server; plain RELP without.
        #[serde(default)]
        tls: Option<ServerTls>,
    },
    /// Files that grow, followed through rotation.
    File {
        /// Paths; `*` and `?` stand for parts of one name.
        paths: Vec<String>,
        /// Several lines that are one record; left out, as the sensor's pack says.
        #[serde(default)]
        multiline: Option<Multiline>,
        /// Encoding of the files.
        #[serde(default)]
        encoding: Encoding,
        /// Where a file that was never seen before is begun.
        #[serde(default)]
        start: Start,
    },
    /// Records over HTTP on one port: JSON lines (`/ingest`), as Elasticsearch (`/_bulk`), as a
    /// Splunk event collector (`/services/collector`), OpenTelemetry logs (`/v1/logs`).
    Http {
        /// Address and port.
        listen: SocketAddr,
        /// Bearer token that senders must show.
        #[serde(deserialize_with = "secret")]
        token: Sensitive<String>,
        /// Further tokens, each of one school: what comes with it belongs to that school.
        #[serde(default)]
        tokens: Vec<SiteToken>,
        /// Certificate chain and key of the server; plain HTTP without.
        #[serde(default)]
        tls: Option<ServerTls>,
    },
    /// systemd's journal, through `journalctl`.
    Journald {
        /// Folder of the journal's files; left out, the machine's own journal.
        #[serde(default)]
        directory: Option<PathBuf>,
        /// Units (`sshd.service`); none: all.
        #[serde(default)]
        units: Vec<String>,
    },
    /// File integrity: what is made, changed or removed below the paths.
    Integrity {
        /// Files and folders.
        paths: Vec<PathBuf>,
        /// How often every file is hashed, in minutes; changes between are notified.
        #[serde(default = "full_minutes")]
        full_minutes: u32,
    },
    /// Compressed logs that are finished; each file is read once.
    Gzip {
        /// Paths; `*` and `?` stand for parts of one name.
        paths: Vec<String>,
        /// Encoding of the lines.
        #[serde(default)]
        encoding: Encoding,
        /// For how long a file must not change before it is read.
        #[serde(default = "settle_seconds")]
        settle_seconds: u32,
    },
    /// Captures of packets (pcap, pcapng) to flows with Community ID; each file is read once.
    Capture {
        /// Paths; `*` and `?` stand for parts of one name.
        paths: Vec<String>,
        /// For how long a file must not change before it is read.
        #[serde(default = "settle_seconds")]
        settle_seconds: u32,
    },
    /// Windows event log files (EVTX); each file is read once.
    Evtx {
        /// Paths; `*` and `?` stand for parts of one name.
        paths: Vec<String>,
        /// For how long a file must not change before it is read.
        #[serde(default = "settle_seconds")]
        settle_seconds: u32,
    },
    /// sFlow version 5.
    Sflow {
        /// Address and port.
        listen: SocketAddr,
        /// Kernel receive buffer asked for, in bytes.
        #[serde(default = "receive_buffer")]
        receive_buffer_bytes: usize,
    },
    /// NetFlow v5, v9 and IPFIX.
    Netflow {
        /// Address and port.
        listen: SocketAddr,
        /// Kernel receive buffer asked for, in bytes.
        #[serde(default = "receive_buffer")]
        receive_buffer_bytes: usize,
    },
}

/// TLS of a server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// Certificate chain of the server, PEM. This file and those below are read again when they change.
    pub cert: PathBuf,
    /// Private key of the server, PEM.
    pub key: PathBuf,
    /// Certificates that sign clients, PEM. When given, a client must have such a certificate.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// What those revoked (certificate revocation lists), PEM.
    #[serde(default)]
    pub client_crl: Option<PathBuf>,
}

/// A school's own token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteToken {
    /// The school.
    pub site: SiteId,
    /// Its token.
    #[serde(deserialize_with = "secret")]
    pub token: Sensitive<String>,
}

/// Several lines that are one record.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multiline {
    /// A regular expression that matches the first line of a record.
    pub start: String,
}

/// Files that are finished when they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WholeFile {
    Capture,
    Evtx,
    Gzip,
}

/// Encoding of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8; other bytes are kept, marked and shown as U+FFFD.
    #[default]
    Utf8,
    /// GB18030, which holds GBK and GB2312. Text that is UTF-8 is read as such.
    Gb18030,
    /// UTF-16, low byte first.
    Utf16le,
    /// UTF-16, high byte first.
    Utf16be,
}

impl Encoding {
    /// Its name as a configuration writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Gb18030 => "gb18030",
            Self::Utf16le => "utf16le",
            Self::Utf16be => "utf16be",
        }
    }

    /// The text of a record where it is not UTF-8 already.
    pub(crate) fn text(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        let coding = match self {
            Self::Utf8 => return None,
            Self::Gb18030 => return encoding::gb18030(bytes),
            Self::Utf16le => UTF_16LE,
            Self::Utf16be => UTF_16BE,
        };
        Some(coding.decode_without_bom_handling(bytes).0)
    }
}

/// Where a file that was never seen before is begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// At its first line.
    #[default]
    Beginning,
    /// At its end, for files that exist when the sensor starts; later ones from their first line.
    End,
}

fn silence_minutes() -> u32 {
    60
}

fn beijing_minutes() -> i32 {
    events::time::BEIJING_OFFSET_SECS / 60
}

fn full_minutes() -> u32 {
    limits::INTEGRITY_FULL_MINUTES
}

fn settle_seconds() -> u32 {
    limits::SETTLE_SECONDS
}

fn receive_buffer() -> usize {
    limits::RECEIVE_BUFFER_BYTES
}

fn connections() -> usize {
    limits::CONNECTIONS_MAX
}

fn secret<'de, D: Deserializer<'de>>(d: D) -> Result<Sensitive<String>, D::Error> {
    let token = String::deserialize(d)?;
    if token.len() < 16 {
        return Err(serde::de::Error::custom("a token has at least 16 characters"));
    }
    Ok(Sensitive::new(token))
}

impl InputConfig {
    /// Whether records are to be expected all the time, so that silence means something: not of
    /// files that are put there to be read once, nor of changes to watched files.
    pub const fn is_steady(&self) -> bool {
        !matches!(
            self,
            Self::Integrity { .. } | Self::Gzip { .. } | Self::Capture { .. } | Self::Evtx { .. }
        )
    }

    /// The word for the kind of input, as in `type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::SyslogUdp { .. } => "syslog-udp",
            Self::SyslogTcp { .. } => "syslog-tcp",
            Self::SyslogTls { .. } => "syslog-tls",
            Self::Relp { .. } => "relp",
            Self::File { .. } => "file",
            Self::Http { .. } => "http",
            Self::Journald { .. } => "journald",
            Self::Integrity { .. } => "integrity",
            Self::Gzip { .. } => "gzip",
            Self::Netflow { .. } => "netflow",
            Self::Sflow { .. } => "sflow",
            Self::Capture { .. } => "capture",
            Self::Evtx { .. } => "evtx",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct All {
        sensor: Vec<SensorConfig>,
    }

    #[test]
    fn every_kind_reads() {
        let text = r#"
            [[sensor]]
            name = "udp"
            input = { type = "syslog-udp", listen = "127.0.0.1:5514", encoding = "gb18030" }
            [[sensor]]
            name = "tls"
            site = "2133000001"
            pack = "linux-sshd"
            input = { type = "syslog-tls", listen = "[::1]:6514", cert = "a.pem", key = "b.pem" }
            [[sensor]]
            name = "files"
            [sensor.input]
            type = "file"
            paths = ["/var/log/*.log"]
            multiline = { start = "^\\d{4}" }
            [[sensor]]
            name = "http"
            input = { type = "http", listen = "127.0.0.1:8080", token = "0123456789abcdef" }
            [[sensor]]
            name = "flows"
            silence_minutes = 5
            input = { type = "netflow", listen = "127.0.0.1:2055" }
        "#;
        let all: All = toml::from_str(text).unwrap();
        let kinds: Vec<_> = all.sensor.iter().map(|s| s.input.kind()).collect();
        assert_eq!(kinds, ["syslog-udp", "syslog-tls", "file", "http", "netflow"]);
        assert!(!format!("{:?}", all.sensor[3]).contains("0123456789abcdef"));
    }

    #[test]
    fn unknown_keys_and_short_tokens_are_refused() {
        for input in [
            r#"{ type = "syslog-udp", listen = "127.0.0.1:1", surprise = 1 }"#,
            r#"{ type = "http", listen = "127.0.0.1:1", token = "short" }"#,
            r#"{ type = "carrier-pigeon" }"#,
        ] {
            let text = format!("[[sensor]]\nname = \"x\"\ninput = {input}\n");
            assert!(toml::from_str::<All>(&text).is_err(), "{input}");
        }
    }
}
