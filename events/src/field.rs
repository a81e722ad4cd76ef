//! Field names, interned: an event carries ids, not text.
//!
//! About thirty names are *typed columns* under dotted ECS names (Elastic Common Schema 8.x);
//! every other name is kept as the source wrote it ("native").

use std::fmt;

use crate::intern::{Interner, LocalCache};
use crate::limits;

/// An interned field name. Comparing two is comparing two integers. Valid in this process only:
/// written forms carry the name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(u32);

macro_rules! columns {
    ($($(#[$doc:meta])* $konst:ident = $name:literal : $kind:ident;)*) => {
        /// The names that exist from the start, in id order.
        const FIXED: &[&str] = &[$($name),*];
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Index { $($konst),* }
        $( $(#[$doc])* pub const $konst: FieldId = FieldId(Index::$konst as u32); )*
        /// The typed columns of the archive: name and type, in column order.
        pub const COLUMNS: &[Column] = &[$(Column { id: $konst, name: $name, kind: ColumnKind::$kind }),*];
    };
}

/// How a column is stored and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// Text of an address: bloom-filtered and searchable by CIDR.
    Address,
    /// 64-bit signed integer.
    Integer,
}

/// One typed column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its interned name.
    pub id: FieldId,
    /// Its dotted ECS name.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnKind,
}

columns! {
    /// Holder of fields whose name could not be interned; the value is `name=value`.
    OVERFLOW = "xuedun.overflow": Text;
    /// The human-readable message of the record.
    MESSAGE = "message": Text;
    /// What happened, in the source's own word (`logon`, `deny`).
    EVENT_ACTION = "event.action": Text;
    /// `success`, `failure` or `unknown`.
    EVENT_OUTCOME = "event.outcome": Text;
    /// The source's own code of the record (Windows event id).
    EVENT_CODE = "event.code": Text;
    /// `event`, or `pipeline_error` for a record that could not be decoded.
    EVENT_KIND = "event.kind": Text;
    /// Where the packet or request came from.
    SOURCE_IP = "source.ip": Address;
    /// Port of the source.
    SOURCE_PORT = "source.port": Integer;
    /// Bytes sent by the source.
    SOURCE_BYTES = "source.bytes": Integer;
    /// Where the packet or request went to.
    DESTINATION_IP = "destination.ip": Address;
    /// Port of the destination.
    DESTINATION_PORT = "destination.port": Integer;
    /// Bytes sent by the destination.
    DESTINATION_BYTES = "destination.bytes": Integer;
    /// Transport protocol (`tcp`, `udp`).
    NETWORK_TRANSPORT = "network.transport": Text;
    /// Bytes in both directions.
    NETWORK_BYTES = "network.bytes": Integer;
    /// Packets in both directions.
    NETWORK_PACKETS = "network.packets": Integer;
    /// The host the record is about.
    HOST_NAME = "host.name": Text;
    /// The account that acted.
    USER_NAME = "user.name": Text;
    /// The account that was acted upon.
    USER_TARGET_NAME = "user.target.name": Text;
    /// Name of the process.
    PROCESS_NAME = "process.name": Text;
    /// Process id.
    PROCESS_PID = "process.pid": Integer;
    /// Path of the executable.
    PROCESS_EXECUTABLE = "process.executable": Text;
    /// Command line of the process.
    PROCESS_COMMAND_LINE = "process.command_line": Text;
    /// Executable of the parent process.
    PROCESS_PARENT_EXECUTABLE = "process.parent.executable": Text;
    /// Command line of the parent process.
    PROCESS_PARENT_COMMAND_LINE = "process.parent.command_line": Text;
    /// Path of a file.
    FILE_PATH = "file.path": Text;
    /// HTTP method.
    HTTP_REQUEST_METHOD = "http.request.method": Text;
    /// HTTP status code.
    HTTP_RESPONSE_STATUS_CODE = "http.response.status_code": Integer;
    /// Path and query of the request.
    URL_ORIGINAL = "url.original": Text;
    /// Host part of the request.
    URL_DOMAIN = "url.domain": Text;
    /// The `User-Agent` header.
    USER_AGENT_ORIGINAL = "user_agent.original": Text;
    /// The name that was looked up.
    DNS_QUESTION_NAME = "dns.question.name": Text;
    /// Rule or policy of the device that wrote the record.
    RULE_NAME = "rule.name": Text;
    /// Syslog severity or log level, as text.
    LOG_LEVEL = "log.level": Text;
    /// Why a record could not be decoded: the stable code.
    ERROR_CODE = "error.code": Text;
}

static NAMES: Interner =
    Interner::new(limits::FIELD_NAMES_MAX, limits::FIELD_NAME_BYTES_MAX, FIXED);

thread_local! {
    static LOCAL: LocalCache = LocalCache::new();
}

impl FieldId {
    /// The id of `name`, made if new. `None` when the table is full
    /// ([`limits::FIELD_NAMES_MAX`]) or the name too long ([`limits::FIELD_NAME_BYTES_MAX`]):
    /// the caller then keeps the field under [`OVERFLOW`].
    pub fn intern(name: &str) -> Option<Self> {
        LOCAL.with(|local| local.intern(&NAMES, name)).map(Self)
    }

    /// The id of `name` if any event or rule has used it yet.
    pub fn find(name: &str) -> Option<Self> {
        NAMES.find(name).map(Self)
    }

    /// The name.
    pub fn name(self) -> &'static str {
        NAMES.name(self.0)
    }

    /// The id as a dense index, for tables by field.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The typed column of this name, if it is one.
    pub fn column(self) -> Option<&'static Column> {
        COLUMNS.get(self.0 as usize)
    }

    /// How many names this process has interned: a health figure.
    pub fn known() -> usize {
        NAMES.len()
    }
}

impl fmt::Debug for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_fixed_ids_and_others_follow() {
        assert_eq!(FieldId::intern("source.ip"), Some(SOURCE_IP));
        assert_eq!(SOURCE_IP.column().map(|c| c.kind), Some(ColumnKind::Address));
        let native = FieldId::intern("TargetUserName").unwrap();
        assert!(native.column().is_none());
        assert_eq!(native.name(), "TargetUserName");
        assert_eq!(FieldId::find("TargetUserName"), Some(native));
    }
}
