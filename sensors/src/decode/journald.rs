//! Entries of systemd's journal in `journalctl -o json`: a record and what stands beside it.

use std::borrow::Cow;

use events::{Timestamp, Value as FieldValue};
use serde_json::{Map, Value};

use super::{Aside, Problem};

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry(Map<String, Value>);

/// Reads a line of `journalctl -o json`.
///
/// # Errors
/// [`Problem::NotJson`].
pub fn read(line: &[u8]) -> Result<Entry, Problem> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(entry)) => Ok(Entry(entry)),
        _ => Err(Problem::NotJson),
    }
}

const LEVELS: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"];

impl Entry {
    /// Where the journal goes on after this entry.
    pub fn cursor(&self) -> Option<&str> {
        self.text("__CURSOR")
    }

    /// The message. One that is not UTF-8 is a list of bytes.
    pub fn message(&self) -> Cow<'_, [u8]> {
        match self.0.get("MESSAGE") {
            Some(Value::String(text)) => Cow::Borrowed(text.as_bytes()),
            Some(Value::Array(bytes)) => {
                let byte = |v: &Value| v.as_u64().and_then(|n| u8::try_from(n).ok());
                Cow::Owned(bytes.iter().filter_map(byte).collect())
            }
            _ => Cow::Borrowed(b""),
        }
    }

    /// What stands beside the message.
    pub fn aside(&self) -> Aside<'_> {
        let micros = self
            .text("_SOURCE_REALTIME_TIMESTAMP")
            .or_else(|| self.text("__REALTIME_TIMESTAMP"))
            .and_then(|t| t.parse::<i64>().ok());
        let time = micros.and_then(|m| m.checked_mul(1000)).map(Timestamp::from_nanos);
        let mut aside = Aside { time, ..Aside::default() };
        for (name, field) in [
            ("_HOSTNAME", "host.name"),
            ("SYSLOG_IDENTIFIER", "process.name"),
            ("_EXE", "process.executable"),
            ("_CMDLINE", "process.command_line"),
            ("_SYSTEMD_UNIT", "systemd.unit"),
            ("_TRANSPORT", "systemd.transport"),
        ] {
            if let Some(value) = self.text(name) {
                aside.add(field, FieldValue::Str(value));
            }
        }
        let number = |name| self.text(name).and_then(|n| n.parse::<i64>().ok());
        if let Some(id) = number("_PID") {
            aside.add("process.pid", FieldValue::Int(id));
        }
        if let Some(id) = number("_UID") {
            aside.add("systemd.uid", FieldValue::Int(id));
        }
        let level = number("PRIORITY").and_then(|n| LEVELS.get(usize::try_from(n).ok()?));
        if let Some(level) = level {
            aside.add("log.level", FieldValue::Str(level));
        }
        aside
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    #[test]
    fn an_entry_and_what_stands_beside_it() {
        let entry = read(
            br#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1795406706000001","PRIORITY":"4",
                "_HOSTNAME":"web-1","SYSLOG_IDENTIFIER":"sshd","_PID":"812","MESSAGE":"hello"}"#,
        )
        .unwrap();
        assert_eq!((entry.cursor(), entry.message().as_ref()), (Some("s=1;i=2"), &b"hello"[..]));
        let aside = entry.aside();
        assert_eq!(
            (aside.app(), aside.time.unwrap().nanos()),
            (Some("sshd"), 1_795_406_706_000_001_000)
        );
        let shown: Vec<_> =
            aside.fields.iter().map(|(id, v)| format!("{}={v}", id.name())).collect();
        assert!(shown.contains(&"log.level=warning".to_owned()), "{shown:?}");
        assert!(shown.contains(&"process.pid=812".to_owned()), "{shown:?}");
        let bytes = read(br#"{"MESSAGE":[104,105,255]}"#).unwrap();
        assert_eq!(bytes.message().as_ref(), b"hi\xff");
        assert_eq!(read(b"[1]"), Err(Problem::NotJson));
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..100), number in any::<i64>()) {
            let _ = read(&bytes);
            let text = format!("{{\"__REALTIME_TIMESTAMP\":\"{number}\",\"PRIORITY\":\"{number}\",\"_PID\":\"x\"}}");
            let _ = read(text.as_bytes()).unwrap().aside();
        }
    }
}
