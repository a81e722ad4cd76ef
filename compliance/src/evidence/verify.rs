//! Verification of a bundle by a stranger: nothing the producer wrote is believed except what a
//! key verifies, and every kind of tampering is a failed check with a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use zip::ZipArchive;

use super::bundle::{DOCUMENTS, leaf_name, proof_name};
use super::limits;
use super::merkle::{leaf_hash, verify_consistency, verify_inclusion};
use super::note::{Checkpoint, VerifyingKey};
use super::proof::{parse_consistency, parse_inclusion};
use super::seal::{canonical, leaves as leaves_of, sha256};
use crate::audit::AuditRun;

/// Where the key came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyTrust {
    /// Given by the verifier: the result stands.
    Given,
    /// Taken from the bundle: it only shows that the bundle agrees with itself.
    FromBundle,
}

/// One check with its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyCheck {
    /// Its stable name, one of [`CHECKS`].
    pub name: &'static str,
    /// Whether it held.
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

/// The outcome of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Whether every check held.
    pub ok: bool,
    /// Whose key it was.
    pub trust: KeyTrust,
    /// All checks of [`CHECKS`], in that order; one that could not be reached has failed.
    pub checks: Vec<VerifyCheck>,
}

impl VerifyReport {
    /// The checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &VerifyCheck> {
        self.checks.iter().filter(|c| !c.ok)
    }
}

/// The names of all checks, in order.
pub const CHECKS: [&str; 15] = [
    "archive",
    "file-names",
    "sha256sums",
    "key",
    "checkpoint",
    "checkpoint-prev",
    "growth",
    "consistency",
    "leaves-complete",
    "inclusion",
    "leaf-form",
    "run-complete",
    "run-json",
    "documents",
    "attachments",
];

type Files = BTreeMap<String, Vec<u8>>;
type Outcome = Result<String, String>;

/// Verifies a bundle. `trusted` is the key the verifier got by another way; without it the
/// bundle's own key is used and the report says so.
pub fn verify(path: &Path, trusted: Option<&VerifyingKey>) -> VerifyReport {
    let trust = if trusted.is_some() { KeyTrust::Given } else { KeyTrust::FromBundle };
    let mut outcomes: BTreeMap<&'static str, Outcome> = BTreeMap::new();
    match read(path) {
        Ok((files, detail)) => {
            outcomes.insert("archive", Ok(detail));
            outcomes.insert("file-names", file_names(&files));
            outcomes.insert("sha256sums", sums(&files));
            tree(&files, trusted, &mut outcomes);
        }
        Err(problem) => {
            outcomes.insert("archive", Err(problem));
        }
    }
    let checks: Vec<VerifyCheck> = CHECKS
        .into_iter()
        .map(|name| match outcomes.remove(name) {
            Some(Ok(detail)) => VerifyCheck { name, ok: true, detail },
            Some(Err(detail)) => VerifyCheck { name, ok: false, detail },
            None => VerifyCheck { name, ok: false, detail: "not reached".into() },
        })
        .collect();
    VerifyReport { ok: checks.iter().all(|c| c.ok), trust, checks }
}

/// Reads the archive within bounds. Entries beside the directory, double names, a comment or
/// bytes after the end are refused: tools could show different files for them.
fn read(path: &Path) -> Result<(Files, String), String> {
    let size = std::fs::metadata(path).map_err(|e| e.to_string())?.len();
    if size > limits::BUNDLE_BYTES_MAX {
        return Err("larger than the bound".into());
    }
    let raw = std::fs::read(path).map_err(|e| e.to_string())?;
    let entries = plain_end(&raw)?;
    let file = File::open(path).map_err(|e| e.to_string())?;
    let mut zip = ZipArchive::new(file).map_err(|e| e.to_string())?;
    if zip.len() != entries || zip.len() > limits::BUNDLE_FILES_MAX {
        return Err(format!("directory says {entries} entries, {} found", zip.len()));
    }
    let (mut files, mut total) = (Files::new(), 0);
    for i in 0..zip.len() {
        let entry = zip.by_index(i).map_err(|e| e.to_string())?;
        let name = entry.name().map_err(|e| e.to_string())?.into_owned();
        let mut bytes = Vec::new();
        let max = limits::BUNDLE_FILE_BYTES_MAX.min(limits::BUNDLE_BYTES_MAX - total);
        entry.take(max + 1).read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
        total += bytes.len() as u64;
        if bytes.len() as u64 > max {
            return Err(format!("{name}: larger than the bound"));
        }
        if files.insert(name.clone(), bytes).is_some() {
            return Err(format!("{name}: twice in the archive"));
        }
    }
    let detail = format!("{} files, sha256 {}", files.len(), sha256(&raw));
    Ok((files, detail))
}

/// The end record must be the last 22 bytes and begin the file with a local header.
fn plain_end(raw: &[u8]) -> Result<usize, String> {
    let end = raw.len().checked_sub(22).map(|at| &raw[at..]).ok_or("too short for a zip")?;
    if !raw.starts_with(b"PK\x03\x04") || !end.starts_with(b"PK\x05\x06") {
        return Err("not a plain zip: something before its begin or after its end".into());
    }
    Ok(usize::from(u16::from_le_bytes([end[10], end[11]])))
}

/// Only names a bundle has: nothing hides beside them and nothing leaves the folder.
fn file_names(files: &Files) -> Outcome {
    const FIXED: [&str; 5] =
        ["checkpoint", "checkpoint.prev", "consistency", "SHA256SUMS", "keys/log.vkey"];
    for name in FIXED.into_iter().chain(DOCUMENTS) {
        if !files.contains_key(name) {
            return Err(format!("{name} is missing"));
        }
    }
    for name in files.keys() {
        let plain = |prefix: &str, suffix: &str| {
            name.strip_prefix(prefix).and_then(|n| n.strip_suffix(suffix)).is_some_and(|n| {
                !n.is_empty() && !n.starts_with('.') && !n.contains(['/', '\\', ':'])
            })
        };
        let known = FIXED.contains(&name.as_str())
            || DOCUMENTS.contains(&name.as_str())
            || plain("leaves/", ".json")
            || plain("proofs/", ".tlog-proof")
            || plain("attachments/", "");
        if !known {
            return Err(format!("{name} does not belong into a bundle"));
        }
    }
    Ok(format!("{} names", files.len()))
}

fn sums(files: &Files) -> Outcome {
    let text = text(files, "SHA256SUMS")?;
    let mut listed = BTreeSet::new();
    for line in text.lines() {
        let (sum, name) = line.split_once("  ").ok_or("a line is not `sum  name`")?;
        let bytes = files.get(name).ok_or_else(|| format!("{name} is listed and missing"))?;
        if sha256(bytes) != sum {
            return Err(format!("{name} differs from its sum"));
        }
        listed.insert(name);
    }
    match files.keys().find(|n| *n != "SHA256SUMS" && !listed.contains(n.as_str())) {
        Some(name) => Err(format!("{name} is not listed")),
        None => Ok(format!("{} files", listed.len())),
    }
}

fn text<'a>(files: &'a Files, name: &str) -> Result<&'a str, String> {
    let bytes = files.get(name).ok_or_else(|| format!("{name} is missing"))?;
    std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))
}

/// Everything below the signature. Each step needs those before it.
fn tree(
    files: &Files,
    trusted: Option<&VerifyingKey>,
    outcomes: &mut BTreeMap<&'static str, Outcome>,
) {
    let own = text(files, "keys/log.vkey")
        .and_then(|t| t.parse::<VerifyingKey>().map_err(|e| format!("keys/log.vkey: {e}")));
    let key = match (trusted, own) {
        (Some(trusted), Ok(own)) if *trusted == own => Ok(trusted.clone()),
        (Some(_), Ok(own)) => Err(format!("the bundle names another key: {own}")),
        (None, Ok(own)) => Ok(own),
        (_, Err(problem)) => Err(problem),
    };
    outcomes.insert("key", key.as_ref().map(ToString::to_string).map_err(Clone::clone));
    // With a key from outside the rest is judged by it, whatever the bundle says.
    let Some(key) = trusted.cloned().or(key.ok()) else { return };
    let open = |name: &'static str| {
        text(files, name).and_then(|note| Checkpoint::open(note, &key).map_err(|e| e.to_string()))
    };
    let (after, before) = (open("checkpoint"), open("checkpoint.prev"));
    let shown = |c: &Result<Checkpoint, String>| {
        c.as_ref().map(|c| format!("{} leaves", c.size)).map_err(Clone::clone)
    };
    outcomes.insert("checkpoint", shown(&after));
    outcomes.insert("checkpoint-prev", shown(&before));
    let Ok(after) = after else { return };
    let leaves: BTreeMap<u64, &Vec<u8>> = files
        .iter()
        .filter_map(|(name, bytes)| {
            let number = name.strip_prefix("leaves/")?.strip_suffix(".json")?.parse().ok()?;
            Some((number, bytes))
        })
        .filter(|(number, _)| files.contains_key(&leaf_name(*number)))
        .collect();
    if let Ok(before) = before {
        outcomes.insert("growth", growth(&before, &after));
        outcomes.insert("consistency", consistency(files, &before, &after));
        outcomes.insert("leaves-complete", complete(files, &leaves, &before, &after));
    }
    outcomes.insert("inclusion", inclusion(files, &leaves, &after));
    run(files, &leaves, outcomes);
}

fn growth(before: &Checkpoint, after: &Checkpoint) -> Outcome {
    if before.size >= after.size {
        return Err(format!("{} leaves before, {} after", before.size, after.size));
    }
    Ok(format!("{} → {}", before.size, after.size))
}

fn consistency(files: &Files, before: &Checkpoint, after: &Checkpoint) -> Outcome {
    let parsed = parse_consistency(text(files, "consistency")?).ok_or("not a consistency proof")?;
    let (old, new, proof) = parsed;
    if (old, new) != (before.size, after.size) {
        return Err(format!("proof is of {old} → {new}"));
    }
    if verify_consistency(old, &before.root, new, &after.root, &proof) {
        Ok(format!("{} hashes", proof.len()))
    } else {
        Err("the tree before is not the beginning of the tree after".into())
    }
}

fn complete(
    files: &Files,
    leaves: &BTreeMap<u64, &Vec<u8>>,
    before: &Checkpoint,
    after: &Checkpoint,
) -> Outcome {
    let named = files.keys().filter(|n| n.starts_with("leaves/")).count();
    let proofs = files.keys().filter(|n| n.starts_with("proofs/")).count();
    let missing = (before.size..after.size).find(|i| !leaves.contains_key(i));
    let stray = leaves.keys().find(|i| !(before.size..after.size).contains(i));
    match (missing, stray) {
        (Some(index), _) => Err(format!("leaf {index} is missing")),
        (_, Some(index)) => Err(format!("leaf {index} is not between the checkpoints")),
        _ if named != leaves.len() || proofs != leaves.len() => {
            Err(format!("{} leaves, {named} leaf files, {proofs} proofs", leaves.len()))
        }
        _ => Ok(format!("{} leaves", leaves.len())),
    }
}

fn inclusion(files: &Files, leaves: &BTreeMap<u64, &Vec<u8>>, after: &Checkpoint) -> Outcome {
    for (number, bytes) in leaves {
        let proof = text(files, &proof_name(*number))?;
        let (index, hashes, note) =
            parse_inclusion(proof).ok_or_else(|| format!("proof {number} is not a tlog-proof"))?;
        if index != *number || note != after.note {
            return Err(format!("proof {number} is of another leaf or checkpoint"));
        }
        if !verify_inclusion(&leaf_hash(bytes), index, after.size, &hashes, &after.root) {
            return Err(format!("leaf {number} is not in the signed tree"));
        }
    }
    Ok(format!("{} proofs", leaves.len()))
}

/// What the leaves say about the run, against the files beside them.
fn run(
    files: &Files,
    leaves: &BTreeMap<u64, &Vec<u8>>,
    outcomes: &mut BTreeMap<&'static str, Outcome>,
) {
    let mut values = Vec::new();
    for (number, bytes) in leaves {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(value) if canonical(&value) == **bytes => values.push(value),
            Ok(_) => {
                let problem = format!("leaf {number} is not in canonical form");
                outcomes.insert("leaf-form", Err(problem));
                return;
            }
            Err(e) => {
                outcomes.insert("leaf-form", Err(format!("leaf {number}: {e}")));
                return;
            }
        }
    }
    outcomes.insert("leaf-form", Ok(format!("{} leaves", values.len())));
    let kind = |k: &str| values.iter().filter(|v| v["kind"] == k).collect::<Vec<_>>();
    outcomes.insert("run-complete", run_complete(&kind));
    outcomes.insert("run-json", run_json(files, &values));
    let ends = kind("run-end");
    outcomes.insert("documents", documents(files, ends.first().copied()));
    outcomes.insert("attachments", attachments(files, &kind("attachment")));
}

fn run_complete<'a>(kind: &dyn Fn(&str) -> Vec<&'a Value>) -> Outcome {
    let (starts, ends) = (kind("run-start"), kind("run-end"));
    let ([start], [end]) = (starts.as_slice(), ends.as_slice()) else {
        return Err(format!("{} starts and {} ends of a run", starts.len(), ends.len()));
    };
    let results = kind("check-result");
    let number = |v: &Value, key: &str| v[key].as_u64().unwrap_or(u64::MAX);
    if number(start, "planned") != results.len() as u64
        || number(end, "results") != results.len() as u64
        || number(end, "planned") != number(start, "planned")
    {
        return Err(format!("{} results, {} planned", results.len(), start["planned"]));
    }
    for (index, result) in results.iter().enumerate() {
        if number(result, "index") != index as u64 || result["run"] != start["run"] {
            return Err(format!("result {index} is out of order or of another run"));
        }
    }
    let items: usize =
        kind("items").iter().filter_map(|v| v["items"].as_array()).map(Vec::len).sum();
    if number(end, "items") != items as u64 || start["run"] != end["run"] {
        return Err(format!("{items} items, {} at the end", end["items"]));
    }
    Ok(format!("{} results, {items} items", results.len()))
}

/// The run's own file must give exactly the leaves that were signed.
fn run_json(files: &Files, values: &[Value]) -> Outcome {
    let run: AuditRun =
        serde_json::from_str(text(files, "run.json")?).map_err(|e| e.to_string())?;
    let again = leaves_of(&run, &[], &[]).map_err(|e| e.to_string())?;
    let signed: BTreeSet<Vec<u8>> = values.iter().map(canonical).collect();
    for leaf in again.iter().take(again.len().saturating_sub(1)) {
        if !signed.contains(leaf) {
            return Err("run.json is not the run that was signed".into());
        }
    }
    Ok(run.id.to_string())
}

fn documents(files: &Files, end: Option<&Value>) -> Outcome {
    let signed = end.and_then(|e| e["documents"].as_object()).ok_or("no digests were signed")?;
    for name in DOCUMENTS {
        let sum = signed.get(name).and_then(Value::as_str);
        let found = files.get(name).map(|bytes| sha256(bytes));
        if found.is_none() || sum != found.as_deref() {
            return Err(format!("{name} is not the one that was signed"));
        }
    }
    Ok(format!("{} documents", signed.len()))
}

fn attachments(files: &Files, signed: &[&Value]) -> Outcome {
    let mut named = BTreeSet::new();
    for leaf in signed {
        let name = format!("attachments/{}", leaf["name"].as_str().unwrap_or_default());
        let found = files.get(&name).ok_or_else(|| format!("{name} is missing"))?;
        if leaf["sha256"].as_str() != Some(&sha256(found)) {
            return Err(format!("{name} is not the one that was signed"));
        }
        named.insert(name);
    }
    let stray = files.keys().find(|n| n.starts_with("attachments/") && !named.contains(*n));
    match stray {
        Some(name) => Err(format!("{name} was never signed")),
        None => Ok(format!("{} attachments", named.len())),
    }
}
