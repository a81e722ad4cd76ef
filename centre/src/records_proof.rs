//! What was done with student records, as leaves of the evidence log: masked, protected, revealed,
//! erased, root key changed. Counts, hashes and purposes; never a value, and of a person who was
//! erased only the keyed name that lets the erasure be repeated.

use compliance::records::MaskReport;
use compliance::records::protect::{
    Erased, LookupReport, ProtectReport, RevealReport, StreamReport,
};
use events::Timestamp;
use serde_json::{Value, json};

const ERASED: &str = "records.erased";

/// An act upon student records. `source` is the file's or table's name.
#[derive(Clone, Copy, Debug)]
pub enum RecordsAct<'a> {
    /// A masked copy was released.
    Masked {
        /// What was masked.
        source: &'a str,
        /// What came of it.
        report: &'a MaskReport,
    },
    /// Columns were sealed.
    Protected {
        /// What was protected.
        source: &'a str,
        /// The dataset.
        dataset: &'a str,
        /// What came of it.
        report: &'a ProtectReport,
    },
    /// Columns were opened.
    Revealed {
        /// What was revealed.
        source: &'a str,
        /// The dataset.
        dataset: &'a str,
        /// What came of it, with the purpose.
        report: &'a RevealReport,
    },
    /// A protected file was searched for a value.
    LookedUp {
        /// What was searched.
        source: &'a str,
        /// The dataset.
        dataset: &'a str,
        /// What came of it: the rows found are counted, not named.
        report: &'a LookupReport,
    },
    /// A whole file was sealed, or opened for a purpose.
    File {
        /// The file.
        source: &'a str,
        /// The dataset.
        dataset: &'a str,
        /// Why it was opened; none when it was sealed.
        purpose: Option<&'a str>,
        /// What came of it.
        report: &'a StreamReport,
    },
    /// A person's keys were destroyed.
    Erased(&'a Erased),
    /// The root key was changed; this many dataset keys were wrapped anew.
    Rewrapped {
        /// Dataset keys.
        datasets: usize,
    },
}

impl RecordsAct<'_> {
    /// The leaf.
    pub(crate) fn leaf(&self, now: Timestamp) -> Value {
        match self {
            Self::Masked { source, report } => json!({
                "kind": "records.masked", "at": now, "source": source, "policy": report.policy,
                "confirmed": report.confirmed,
                "policy_sha256": report.policy_sha256, "rows": report.rows,
                "columns": report.columns.len(), "changed": report.changed,
                "residue": report.residue, "k_anonymity": report.k_anonymity,
                "rows_below_k": report.rows_below_k,
                "classes": report.risk.as_ref().map(|r| r.classes),
                "smallest_class": report.risk.as_ref().map(|r| r.smallest),
                "canaries": report.canaries, "dates_moved": report.dates_moved, "input_sha256": report.input_sha256,
                "output_sha256": report.output_sha256,
            }),
            Self::Protected { source, dataset, report } => json!({
                "kind": "records.protected", "at": now, "source": source, "dataset": dataset,
                "confirmed": report.confirmed,
                "rows": report.rows, "cells": report.cells, "subjects": report.subjects,
                "columns": report.columns.len(),
            }),
            Self::Revealed { source, dataset, report } => json!({
                "kind": "records.revealed", "at": now, "source": source, "dataset": dataset,
                "purpose": report.purpose, "rows": report.rows, "cells": report.cells,
                "left": report.left, "erased": report.erased,
            }),
            Self::LookedUp { source, dataset, report } => json!({
                "kind": "records.looked_up", "at": now, "source": source, "dataset": dataset,
                "column": report.column, "purpose": report.purpose, "rows": report.rows,
                "opened": report.opened, "found": report.hits.len() as u64 + report.more,
            }),
            Self::File { source, dataset, purpose, report } => json!({
                "kind": if purpose.is_some() { "records.opened" } else { "records.sealed" },
                "at": now, "source": source, "dataset": dataset, "purpose": purpose,
                "bytes": report.bytes, "pieces": report.pieces,
            }),
            Self::Erased(erased) => json!({
                "kind": ERASED, "at": now, "dataset": erased.dataset,
                "subject": erased.subject, "keys": erased.keys,
            }),
            Self::Rewrapped { datasets } => json!({
                "kind": "records.rewrapped", "at": now, "datasets": datasets,
            }),
        }
    }
}

/// Dataset and subject of a leaf that records an erasure.
pub(crate) fn erasure(leaf: &[u8]) -> Option<(String, String)> {
    let leaf: Value = serde_json::from_slice(leaf).ok()?;
    let text = |key: &str| leaf[key].as_str().map(str::to_owned);
    if leaf["kind"] != ERASED {
        return None;
    }
    Some((text("dataset")?, text("subject")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erasures_come_back_from_the_log_once_and_nothing_else_does() {
        let dir = tempfile::tempdir().unwrap();
        let (config, world) = (Default::default(), crate::world::World::real());
        // What is remembered of the log lies beside its folder: that too must be this test's own.
        let folder = dir.path().join("evidence");
        std::fs::create_dir(&folder).unwrap();
        let evidence = crate::evidence::Evidence::open(&folder, &config, &world).unwrap();
        let now = Timestamp::from_secs(1_800_000_000);
        let erased =
            |subject: &str| Erased { dataset: "学籍".into(), subject: subject.into(), keys: 1 };
        evidence.record(&RecordsAct::Rewrapped { datasets: 2 }, now).unwrap();
        for subject in ["00000000000000ff", "0000000000000001", "00000000000000ff"] {
            evidence.record(&RecordsAct::Erased(&erased(subject)), now).unwrap();
        }
        let again: Vec<String> = evidence.erasures().unwrap().into_iter().map(|e| e.1).collect();
        assert_eq!(again, ["0000000000000001", "00000000000000ff"]);
    }
}
