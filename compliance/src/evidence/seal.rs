//! A run as leaves: what stands beside the log's signature, a start, every result, all item verdicts,
//! attachments, documents, an end with counts. Whoever holds the leaves between two checkpoints sees that none is missing.

use events::{RunId, Timestamp};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::assurance::{self, Assured};
use super::error::EvidenceError;
use super::limits;
use super::log::EvidenceLog;
use super::note::Checkpoint;
use crate::audit::AuditRun;

/// A file that goes into a bundle.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// A plain file name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Where a run lies in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The run.
    pub run: RunId,
    /// The signed note before it.
    pub before: String,
    /// The signed note after it.
    pub after: String,
    /// Its first leaf; also the tree's size before.
    pub first: u64,
    /// The tree's size after.
    pub size: u64,
    /// Sizes of earlier checkpoints that went out; the bundle shows that this one continues them.
    #[serde(default)]
    pub since: Vec<u64>,
    /// What witnesses and the timestamp authority gave, once they were asked.
    #[serde(default)]
    pub assured: Assured,
}

/// A document that was drawn from the run, by name in the bundle.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its path in the bundle.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Writes a run, its attachments and the digests of its documents into the log, between two
/// checkpoints of its own.
pub(super) fn seal(
    log: &mut EvidenceLog,
    run: &AuditRun,
    attachments: &[Attachment],
    documents: &[Document],
    now: Timestamp,
) -> Result<Sealed, EvidenceError> {
    let before: Checkpoint = log.checkpoint(now)?;
    let mut leaves = leaves(run, attachments, documents)?;
    leaves.insert(0, assurance::leaf(log));
    let slices: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
    let first = log.append_all(&slices)?;
    let after = log.checkpoint(now)?;
    let mut since: Vec<u64> = log.sealed()?.into_iter().filter(|s| *s < before.size).collect();
    since.drain(..since.len().saturating_sub(limits::BUNDLE_SINCE_MAX));
    Ok(Sealed {
        run: run.id,
        before: before.note,
        first,
        size: after.size,
        after: after.note,
        since,
        assured: Assured::default(),
    })
}

/// The leaves of a run, in order.
pub(super) fn leaves(
    run: &AuditRun,
    attachments: &[Attachment],
    documents: &[Document],
) -> Result<Vec<Vec<u8>>, EvidenceError> {
    let id = run.id.to_string();
    let names: Vec<&str> = run.results.iter().map(|r| r.check.as_str()).collect();
    let mut leaves = vec![json!({
        "kind": "run-start", "run": id, "site": run.site.to_string(), "target": run.target,
        "object": run.object, "standard": run.standard, "started": run.started.to_string(),
        "planned": run.planned, "checks_sha256": sha256(names.join("\n").as_bytes()),
    })];
    for (index, result) in run.results.iter().enumerate() {
        let result = value(result)?;
        leaves.push(json!({"kind": "check-result", "run": id, "index": index, "result": result}));
    }
    for (part, items) in run.items.chunks(limits::ITEMS_PER_LEAF).enumerate() {
        leaves.push(json!({"kind": "items", "run": id, "part": part, "items": value(&items)?}));
    }
    for a in attachments {
        leaves.push(json!({
            "kind": "attachment", "run": id, "name": a.name, "bytes": a.bytes.len(),
            "sha256": sha256(&a.bytes),
        }));
    }
    let digests: Map<String, Value> =
        documents.iter().map(|d| (d.name.to_owned(), sha256(&d.bytes).into())).collect();
    leaves.push(json!({
        "kind": "run-end", "run": id, "finished": run.finished.to_string(),
        "planned": run.planned, "executed": run.executed, "results": run.results.len(),
        "items": run.items.len(), "attachments": attachments.len(), "documents": digests,
        "leaves": leaves.len() + 1,
    }));
    Ok(leaves.iter().map(canonical).collect())
}

/// A value as JSON with sorted keys and no spaces: the canonical form of RFC 8785 for what
/// leaves hold (texts, whole numbers, lists, objects; no fractions).
pub fn canonical(value: &Value) -> Vec<u8> {
    sorted(value).to_string().into_bytes()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let pairs = keys.into_iter().filter_map(|k| Some((k.clone(), sorted(map.get(k)?))));
            Value::Object(pairs.collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn value<T: Serialize>(part: &T) -> Result<Value, EvidenceError> {
    serde_json::to_value(part)
        .map_err(|e| EvidenceError::Render { what: "leaf", problem: e.to_string() })
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}
