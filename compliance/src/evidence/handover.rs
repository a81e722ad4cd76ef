//! Key rotation: the old key hands the log over to the new one in a statement that both sign. It is
//! a leaf of the log, and every later bundle carries it, so a verifier who knows any earlier key
//! comes to the present one.

use std::collections::BTreeMap;

use events::Timestamp;
use serde_json::{Value, json};

use super::error::EvidenceError;
use super::merkle::{leaf_hash, verify_inclusion};
use super::note::{Checkpoint, Note, Signer, VerifyingKey};
use super::proof::parse_inclusion;
use super::seal::canonical;

const HEAD: &str = "xuedun/key-handover@v1";
/// The kind of the leaf.
pub(super) const KIND: &str = "key-handover";

/// From which key to which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handover {
    pub(super) from: VerifyingKey,
    pub(super) to: VerifyingKey,
}

/// The leaf: the statement, signed by both.
pub(super) fn leaf(from: &Signer, to: &Signer, now: Timestamp) -> Vec<u8> {
    let body = format!("{HEAD}\n{}\n{}\n{now}\n", from.key(), to.key());
    let note = format!("{body}\n{}{}", from.own_line(&body), to.own_line(&body));
    canonical(&json!({"kind": KIND, "note": note}))
}

/// Reads a leaf and verifies both signatures.
pub(super) fn read(leaf: &[u8]) -> Result<Handover, EvidenceError> {
    let bad = |problem| EvidenceError::BadNote { problem };
    let value: Value = serde_json::from_slice(leaf).map_err(|_| bad("not a handover"))?;
    let note = value["note"].as_str().filter(|_| value["kind"] == KIND);
    let note = Note::parse(note.ok_or(bad("not a handover"))?)?;
    let mut lines = note.body.lines();
    let (Some(HEAD), Some(from), Some(to)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(bad("not a handover"));
    };
    let found = Handover { from: from.parse()?, to: to.parse()? };
    if found.from.name() != found.to.name() || found.from == found.to {
        return Err(bad("a handover is between two keys of one log"));
    }
    note.verified(&found.from)?;
    note.verified(&found.to)?;
    Ok(found)
}

/// The keys of a log from the trusted one on, oldest first, by the handovers of a bundle. Each must be
/// in the signed tree; `files` are the names and bytes below `handover/`.
pub(super) fn follow(
    trusted: &VerifyingKey,
    files: &BTreeMap<u64, (&[u8], &str)>,
    checkpoint: &dyn Fn(&VerifyingKey) -> Option<Checkpoint>,
) -> Result<Vec<VerifyingKey>, String> {
    let read: Vec<(u64, Handover)> = files
        .iter()
        .map(|(n, (leaf, _))| read(leaf).map(|h| (*n, h)).map_err(|e| format!("{n}: {e}")))
        .collect::<Result<_, _>>()?;
    let mut keys = vec![trusted.clone()];
    let after = read.iter().skip_while(|(_, h)| h.from != *trusted);
    for (index, handover) in after {
        if keys.last() != Some(&handover.from) {
            return Err(format!("handover {index} is not by the key before it"));
        }
        keys.push(handover.to.clone());
    }
    let Some(last) = keys.last().filter(|_| !files.is_empty()) else { return Ok(keys) };
    let head = checkpoint(last).ok_or("the checkpoint is not signed by the last key")?;
    for (index, (leaf, proof)) in files {
        let (at, hashes, note) = parse_inclusion(proof).ok_or("not a tlog-proof")?;
        let proven = at == *index
            && note == head.note
            && verify_inclusion(&leaf_hash(leaf), at, head.size, &hashes, &head.root);
        if !proven {
            return Err(format!("handover {index} is not in the signed tree"));
        }
    }
    Ok(keys)
}

/// The keys before the first of `keys`, oldest first, by handovers that [`follow`] found to be signed
/// and in the tree.
pub(super) fn before(
    keys: &[VerifyingKey],
    files: &BTreeMap<u64, (&[u8], &str)>,
) -> Vec<VerifyingKey> {
    let froms = files.values().filter_map(|(leaf, _)| Some(read(leaf).ok()?.from));
    froms.take_while(|from| keys.first() != Some(from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sign_and_nothing_can_be_changed() {
        let signer = |n| Signer::from_seed("edu.example/log", &[n; 32]).unwrap();
        let (old, new) = (signer(1), signer(2));
        let leaf = leaf(&old, &new, Timestamp::from_secs(1_795_000_000));
        let found = read(&leaf).unwrap();
        assert_eq!((&found.from, &found.to), (old.key(), new.key()));
        let text = String::from_utf8(leaf).unwrap();
        let other = signer(3).key().to_string();
        assert!(read(text.replace(&new.key().to_string(), &other).as_bytes()).is_err());
        assert!(read(text.replace(&old.key().to_string(), &other).as_bytes()).is_err());
        assert!(read(text.replace("2026", "2025").as_bytes()).is_err());
        let alone = super::leaf(&new, &new, Timestamp::from_secs(1_795_000_000));
        assert!(read(&alone).is_err(), "a key cannot hand over to itself");
    }
}
