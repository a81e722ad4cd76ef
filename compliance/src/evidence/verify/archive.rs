//! The file itself: a plain zip, whole, with the names of a bundle and the sums it lists.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};
use std::path::Path;

use zip::ZipArchive;

use super::{Files, Outcome, text};
use crate::evidence::bundle::DOCUMENTS;
use crate::evidence::limits;
use crate::evidence::seal::sha256;

/// Why nothing could be read.
pub(super) enum Unread {
    /// The end is missing.
    HalfWritten(String),
    /// Anything else.
    Other(String),
}

/// Reads the archive within bounds. Entries beside the directory, double names, a comment or
/// bytes after the end are refused: tools could show different files for them.
pub(super) fn read(path: &Path) -> Result<(Files, String), Unread> {
    let size = std::fs::metadata(path).map_err(|e| Unread::Other(e.to_string()))?.len();
    if size > limits::BUNDLE_BYTES_MAX {
        return Err(Unread::Other("larger than the bound".into()));
    }
    let raw = std::fs::read(path).map_err(|e| Unread::Other(e.to_string()))?;
    if cut_off(&raw) {
        let detail = format!("{} bytes, and the end is missing", raw.len());
        return Err(Unread::HalfWritten(detail));
    }
    let files = unpack(&raw).map_err(Unread::Other)?;
    let detail = format!("{} files, sha256 {}", files.len(), sha256(&raw));
    Ok((files, detail))
}

/// Whether the file begins as a bundle and has no end: what a crash or a broken transfer leaves.
fn cut_off(raw: &[u8]) -> bool {
    let begun = b"PK\x03\x04".iter().zip(raw).all(|(a, b)| a == b);
    // An end record and the longest comment it may have.
    let tail = &raw[raw.len().saturating_sub(22 + 0xffff)..];
    let ended =
        tail.windows(4).rposition(|w| w == b"PK\x05\x06").is_some_and(|at| tail.len() - at >= 22);
    (begun || raw.iter().all(|b| *b == 0)) && !ended
}

fn unpack(raw: &[u8]) -> Result<Files, String> {
    let entries = plain_end(raw)?;
    let mut zip = ZipArchive::new(Cursor::new(raw)).map_err(|e| e.to_string())?;
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
    Ok(files)
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
pub(super) fn file_names(files: &Files) -> Outcome {
    const FIXED: [&str; 7] = [
        "checkpoint",
        "checkpoint.prev",
        "consistency",
        "SHA256SUMS",
        "SHA256SUMS.sig",
        "keys/log.vkey",
        "keys/policy",
    ];
    const OPTIONAL: [&str; 3] = ["checkpoint.tsr", "keys/sm2.vkey", "keys/tsa.pem"];
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
            || OPTIONAL.contains(&name.as_str())
            || DOCUMENTS.contains(&name.as_str())
            || plain("leaves/", ".json")
            || plain("proofs/", ".tlog-proof")
            || plain("handover/", ".json")
            || plain("handover/", ".tlog-proof")
            || plain("since/", ".checkpoint")
            || plain("since/", ".consistency")
            || plain("attachments/", "");
        if !known {
            return Err(format!("{name} does not belong into a bundle"));
        }
    }
    Ok(format!("{} names", files.len()))
}

pub(super) fn sums(files: &Files) -> Outcome {
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
    match files.keys().find(|n| !n.starts_with("SHA256SUMS") && !listed.contains(n.as_str())) {
        Some(name) => Err(format!("{name} is not listed")),
        None => Ok(format!("{} files", listed.len())),
    }
}
