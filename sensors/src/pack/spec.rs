//! A pack as it is written: the TOML of `packs/*.toml`.

use std::collections::BTreeMap;

use events::{LogSource, Text};
use serde::Deserialize;

/// One pack file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackSpec {
    pub(crate) name: String,
    pub(crate) title: Text,
    /// What a user of the pack must know.
    #[serde(default)]
    pub(crate) note: Option<Text>,
    /// `false`: the format is assumed from descriptions, not seen from a real device.
    #[serde(default = "yes")]
    pub(crate) verified: bool,
    #[serde(default)]
    pub(crate) logsource: LogSource,
    /// Higher is tried first when the sensor names no pack.
    #[serde(default)]
    pub(crate) priority: i32,
    #[serde(default, rename = "match")]
    pub(crate) matches: MatchSpec,
    pub(crate) decode: Vec<Stage>,
    /// The field that may hold another program's whole record, which is then decoded too.
    #[serde(default)]
    pub(crate) inner: Option<String>,
    /// What the first line of a record matches, where a file's records are of several lines.
    #[serde(default)]
    pub(crate) start: Option<String>,
    /// Where times are found: each entry names fields joined by a blank; the first that parses wins.
    #[serde(default)]
    pub(crate) time: Vec<String>,
    /// Whether times that name no zone are UTC.
    #[serde(default)]
    pub(crate) utc: bool,
    /// Names of the columns when no header tells them.
    #[serde(default)]
    pub(crate) columns: Vec<String>,
    /// Native name → column.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, FieldSpec>,
    /// Fields set when absent.
    #[serde(default)]
    pub(crate) set: BTreeMap<String, Constant>,
    #[serde(default)]
    pub(crate) pattern: Vec<PatternSpec>,
    /// Whether a record that no pattern matches is a failure.
    #[serde(default)]
    pub(crate) pattern_required: bool,
    #[serde(default)]
    pub(crate) when: Vec<WhenSpec>,
    #[serde(default)]
    pub(crate) test: Vec<TestSpec>,
}

fn yes() -> bool {
    true
}

/// How a record without a configured pack is recognised: any of these, and `regex` if given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MatchSpec {
    /// Program names of the syslog header.
    #[serde(default)]
    pub(crate) app: Vec<String>,
    /// Texts within the first kilobyte of the message.
    #[serde(default)]
    pub(crate) contains: Vec<String>,
    /// Must match the message besides.
    #[serde(default)]
    pub(crate) regex: Option<String>,
}

/// A step of decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stage {
    /// The syslog envelope, when there is one.
    Syslog,
    /// The syslog envelope, when the record begins with a priority: for programs whose own lines
    /// begin with a time.
    SyslogPri,
    /// The syslog envelope, which must be there.
    SyslogOnly,
    /// No envelope: all is message.
    Plain,
    /// A JSON object.
    Json,
    /// `key=value` pairs.
    Kv,
    /// `key=value` pairs, if there are any.
    KvOptional,
    /// A record of the Linux audit daemon.
    Audit,
    /// `名称:值` pairs, if there are any.
    Pairs,
    Cef,
    Leef,
    AccessLog,
    /// Columns under a header.
    Columns,
    /// The Huawei/H3C message header, when there is one.
    Vrp,
}

/// A column, or a column with a table of values.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum FieldSpec {
    One(String),
    Mapped(MappedSpec),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MappedSpec {
    pub(crate) to: String,
    #[serde(default)]
    pub(crate) values: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) other: Option<String>,
    #[serde(default)]
    pub(crate) lower: bool,
    /// The value is a hardware address, written `02:5e:10:01:02:4d` whatever its own form.
    #[serde(default)]
    pub(crate) mac: bool,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Constant {
    Int(i64),
    Text(String),
}

/// A regular expression over the message; its group names are field names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatternSpec {
    /// A text that must be there: spares the expression.
    #[serde(default)]
    pub(crate) contains: String,
    pub(crate) regex: String,
    #[serde(default)]
    pub(crate) set: BTreeMap<String, Constant>,
    #[serde(default)]
    pub(crate) logsource: Option<LogSource>,
}

/// What follows from a decoded field's value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhenSpec {
    pub(crate) field: String,
    /// Values (case-insensitive); a `*` at the end stands for any rest. Empty: the field is present.
    #[serde(default)]
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) set: BTreeMap<String, Constant>,
    /// Parts given here replace those of the pack.
    #[serde(default)]
    pub(crate) logsource: LogSource,
    /// Part of the log source taken from the field's own value.
    #[serde(default)]
    pub(crate) part: Option<Part>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Part {
    Product,
    Category,
    Service,
}

/// A record and what must come of it. `@time`, `@logsource` (`product/category/service`) and
/// `@error` stand for the head fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestSpec {
    pub(crate) record: String,
    #[serde(default)]
    pub(crate) received: Option<String>,
    /// The header above the record.
    #[serde(default)]
    pub(crate) header: Option<String>,
    pub(crate) expect: BTreeMap<String, Constant>,
    /// Fields that must not be there.
    #[serde(default)]
    pub(crate) absent: Vec<String>,
}
