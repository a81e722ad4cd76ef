//! Threat-intelligence lists: addresses and networks, domains, URLs and file hashes that are known
//! to be bad.
//!
//! `read/` has one file per format (STIX 2.1, MISP, plain lists), `key` brings what lists and logs
//! write to one form, `table` holds a million of them in a few dozen bytes each, `load` reads a
//! folder. [`Intel::enrich`] looks at the fields that `data/intel.yml` names and gives an event
//! that meets an indicator ECS's `threat.*` fields; rules match those like any others, in the same
//! pass, alone or together with more.

mod key;
mod load;
mod read;
mod table;

use std::sync::LazyLock;

use events::{Event, FieldId, Timestamp, Value};
use serde::Serialize;

use crate::yaml;
pub use key::IntelKind;
use key::Key;
use table::Table;

/// Every code of [`IntelProblem`] with its title (zh, en).
pub const CODES: &[(&str, &str, &str)] = &[
    ("I001", "情报清单无法读取", "list that cannot be read"),
    ("I002", "情报条目不合法", "indicator that is none"),
    ("I003", "情报模式不能由单个值判定", "pattern that no single value decides"),
    ("I004", "情报清单超过上限", "bound of threat intelligence"),
];

/// Which fields to look at.
const FIELDS: &str = include_str!("../../data/intel.yml");

/// Indicators met by one event that are told.
const TOLD_MAX: usize = 8;
/// Labels of a domain that are looked up with all behind them.
const LABELS_MAX: usize = 32;

/// All lists of a folder. Immutable and shared; see [`Intel::load`].
#[derive(Debug, Default)]
pub struct Intel {
    table: Table,
    /// By field id.
    roles: Vec<Option<IntelKind>>,
    stats: IntelStats,
}

/// What is wrong with a list. The rest of it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntelProblem {
    /// Stable code, see [`CODES`].
    pub code: &'static str,
    /// The file.
    pub file: String,
    /// The line of a plain list, else the number of the indicator; from 1, 0 for the whole file.
    pub place: u64,
    /// What is wrong (zh, en).
    pub message: events::Text,
}

/// What was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IntelStats {
    /// Lists.
    pub lists: usize,
    /// Distinct addresses.
    pub addresses: u64,
    /// Distinct networks.
    pub networks: u64,
    /// Distinct domains.
    pub domains: u64,
    /// Distinct URLs.
    pub urls: u64,
    /// Distinct file hashes.
    pub hashes: u64,
    /// Indicators named by several lists, told once.
    pub repeated: u64,
    /// Indicators left out: revoked, not for detection, or a pattern that is not matched.
    pub left_out: u64,
    /// Bytes the table takes.
    pub bytes: usize,
}

impl IntelStats {
    /// All indicators.
    pub fn total(&self) -> u64 {
        self.addresses + self.networks + self.domains + self.urls + self.hashes
    }
}

/// An indicator that a value meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met<'i> {
    /// ECS's word: `ipv4-addr`, `domain-name`, `url`, `file`…
    pub kind: &'static str,
    /// The indicator, in its one form.
    pub indicator: String,
    /// The list it stands in.
    pub list: &'i str,
}

static ROLES: LazyLock<Vec<(String, IntelKind)>> = LazyLock::new(|| {
    let (docs, _) = yaml::parse(FIELDS);
    let mut out = Vec::new();
    for (name, kind) in [
        ("address", IntelKind::Address),
        ("domain", IntelKind::Domain),
        ("url", IntelKind::Url),
        ("hash", IntelKind::Hash),
    ] {
        let fields = docs.first().and_then(|d| d.get(name)).map(|n| n.items()).unwrap_or_default();
        out.extend(fields.iter().filter_map(|f| Some((f.text()?.to_owned(), kind))));
    }
    out
});

/// The fields an event gets that meets an indicator: its type, itself, its list, and where it stood.
pub const ADDED: [&str; 4] = [
    "threat.indicator.type",
    "threat.indicator.name",
    "threat.feed.name",
    "threat.enrichments.matched.field",
];

impl Intel {
    /// Whether there is no indicator.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// What was loaded.
    pub fn stats(&self) -> &IntelStats {
        &self.stats
    }

    /// Looks a value up. `now` decides what has expired.
    pub fn find(&self, kind: IntelKind, text: &str, now: Timestamp) -> Option<Met<'_>> {
        match kind {
            IntelKind::Address => self.address(text, now),
            IntelKind::Domain => self.domain(text, now),
            IntelKind::Url => self.one(&Key::url(text)?, now),
            IntelKind::Hash => text
                .split(',')
                .map(|part| part.split_once('=').map_or(part, |(_, hash)| hash))
                .find_map(|hash| self.one(&Key::hash(hash)?, now)),
        }
    }

    fn one(&self, key: &Key, now: Timestamp) -> Option<Met<'_>> {
        let list = self.table.get(key.bytes(), now)?;
        Some(Met { kind: key.kind(), indicator: key.to_string(), list })
    }

    fn address(&self, text: &str, now: Timestamp) -> Option<Met<'_>> {
        let bits = crate::syntax::test::parse_address(text)?;
        // The narrowest network first.
        self.table.prefixes().find_map(|prefix| self.one(&Key::network(bits, prefix), now))
    }

    /// The domain itself, then every domain it lies in.
    fn domain(&self, text: &str, now: Timestamp) -> Option<Met<'_>> {
        let key = Key::domain(text)?;
        let mut name = key.text();
        for _ in 0..LABELS_MAX {
            if let Some(met) = self.one(&Key::known_domain(name), now) {
                return Some(met);
            }
            name = name.split_once('.')?.1;
        }
        None
    }

    /// The event with what it meets, as ECS's `threat.*` fields; `None` when it meets nothing.
    pub fn enrich(&self, event: &Event) -> Option<Event> {
        if self.is_empty() {
            return None;
        }
        let mut told: Vec<(FieldId, Met<'_>)> = Vec::new();
        for (id, value) in event.fields() {
            let Some(Some(kind)) = self.roles.get(id.index()) else { continue };
            let Value::Str(text) = value else { continue };
            if let Some(met) = self.find(*kind, text, event.time)
                && told.len() < TOLD_MAX
                && told.iter().all(|(_, m)| *m != met)
            {
                told.push((id, met));
            }
        }
        if told.is_empty() {
            return None;
        }
        let mut event = event.clone();
        for (id, met) in told {
            let values = [met.kind, &met.indicator, met.list, id.name()];
            for (name, value) in ADDED.into_iter().zip(values) {
                event.push_named(name, Value::Str(value));
            }
        }
        Some(event)
    }

    fn with_roles(table: Table, stats: IntelStats) -> Self {
        let mut roles = Vec::new();
        for (name, kind) in ROLES.iter() {
            if let Some(id) = FieldId::intern(name) {
                roles.resize(roles.len().max(id.index() + 1), None);
                roles[id.index()] = Some(*kind);
            }
        }
        Self { table, roles, stats }
    }
}

#[cfg(test)]
mod tests;
