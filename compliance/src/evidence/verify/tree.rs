//! Keys, checkpoints, leaves and their proofs.

use std::collections::BTreeMap;

use super::{Files, Found, Leaves, Outcome, Trust, text};
use crate::evidence::bundle::{leaf_name, proof_name};
use crate::evidence::handover;
use crate::evidence::merkle::{leaf_hash, verify_consistency, verify_inclusion};
use crate::evidence::note::{Checkpoint, VerifyingKey};
use crate::evidence::proof::{parse_consistency, parse_inclusion};
use crate::evidence::sshsig;

/// What the later checks stand on.
pub(super) struct Tree<'a> {
    pub(super) before: Option<Checkpoint>,
    pub(super) after: Checkpoint,
    pub(super) leaves: Leaves<'a>,
    /// Whether leaves and proofs are all there and right.
    pub(super) sound: bool,
}

/// The keys of the log.
pub(super) struct Keys {
    /// From the one that is trusted to the present one.
    pub(super) trusted: Vec<VerifyingKey>,
    /// All of them, those before the trusted one too, oldest first: what it vouches for says so.
    pub(super) all: Vec<VerifyingKey>,
}

/// The keys of the log, by what is trusted and the handovers of the bundle.
pub(super) fn keys(files: &Files, trust: &Trust, found: &mut Found) -> Option<Keys> {
    let own = text(files, "keys/log.vkey")
        .and_then(|t| t.parse::<VerifyingKey>().map_err(|e| format!("keys/log.vkey: {e}")));
    let mut given: Vec<&VerifyingKey> = trust.key.iter().collect();
    given.extend(trust.policy.iter().flat_map(|p| &p.logs));
    let handovers = match handovers(files) {
        Ok(handovers) => handovers,
        Err(problem) => {
            found.put("key-handover", Err(problem));
            return None;
        }
    };
    let open = |key: &VerifyingKey| Checkpoint::open(text(files, "checkpoint").ok()?, key).ok();
    let roots: Vec<VerifyingKey> = if given.is_empty() {
        own.iter().cloned().collect()
    } else {
        given.into_iter().cloned().collect()
    };
    let chains = roots.iter().map(|root| handover::follow(root, &handovers, &open));
    let mut chains: Vec<Result<Vec<VerifyingKey>, String>> = chains.collect();
    let right = |c: &Result<Vec<VerifyingKey>, String>| {
        c.as_ref().is_ok_and(|keys| keys.last() == own.as_ref().ok())
    };
    let at = chains.iter().position(right).unwrap_or(0);
    let keys = if chains.is_empty() { None } else { Some(chains.swap_remove(at)) };
    found.put(
        "key",
        match (&keys, &own) {
            (_, Err(problem)) => Err(problem.clone()),
            (Some(Ok(keys)), Ok(own)) if keys.last() == Some(own) => Ok(own.to_string()),
            (_, Ok(own)) => Err(format!("the bundle names another key: {own}")),
        },
    );
    let mut all = Vec::new();
    let trusted = match keys {
        Some(Ok(keys)) => {
            all = handover::before(&keys, &handovers);
            match keys.len() - 1 {
                0 if handovers.is_empty() => {
                    found.not_asked("key-handover", "the key never changed")
                }
                n => found.put("key-handover", Ok(format!("{n} of {}", handovers.len()))),
            }
            keys
        }
        // Without the chain the rest is judged by what is trusted itself.
        Some(Err(problem)) => {
            found.put("key-handover", Err(problem));
            roots
        }
        None => return None,
    };
    if let Some(key) = trusted.last() {
        found.put("sums-signature", sums_signature(files, key));
    }
    all.extend(trusted.iter().cloned());
    Some(Keys { trusted, all })
}

fn sums_signature(files: &Files, key: &VerifyingKey) -> Outcome {
    let sums = text(files, "SHA256SUMS")?;
    let signature = text(files, "SHA256SUMS.sig")?;
    sshsig::verify(key, sums.as_bytes(), signature)?;
    Ok(format!("ssh-ed25519, {}", sshsig::NAMESPACE))
}

/// Leaves and proofs below `handover/`.
fn handovers(files: &Files) -> Result<BTreeMap<u64, (&[u8], &str)>, String> {
    let mut out = BTreeMap::new();
    let names = files.keys().filter_map(|n| n.strip_prefix("handover/"));
    for name in names {
        let stem = name.split('.').next().unwrap_or_default();
        let number: u64 = stem.parse().map_err(|_| format!("handover/{name} has no number"))?;
        let leaf = format!("handover/{number:012}.json");
        let bytes = files.get(&leaf).ok_or_else(|| format!("{leaf} is missing"))?;
        let proof = text(files, &format!("handover/{number:012}.tlog-proof"))?;
        out.insert(number, (bytes.as_slice(), proof));
    }
    Ok(out)
}

/// Checkpoints, leaves and proofs. `None` when the checkpoint is not signed.
pub(super) fn judge<'a>(
    files: &'a Files,
    keys: &[VerifyingKey],
    found: &mut Found,
) -> Option<Tree<'a>> {
    let open = |name: &'static str| {
        let note = text(files, name)?;
        // The newest key first: what it did not sign, those before it may have.
        Checkpoint::open_by_any(note, keys.iter().rev()).map_err(|e| e.to_string())
    };
    let (after, before) = (open("checkpoint"), open("checkpoint.prev"));
    let shown = |c: &Result<Checkpoint, String>| {
        c.as_ref().map(|c| format!("{} leaves", c.size)).map_err(Clone::clone)
    };
    found.put("checkpoint", shown(&after));
    found.put("checkpoint-prev", shown(&before));
    let after = after.ok()?;
    found.checkpoint = Some(after.note.clone());
    let leaves: Leaves<'_> = files
        .iter()
        .filter_map(|(name, bytes)| {
            let number = name.strip_prefix("leaves/")?.strip_suffix(".json")?.parse().ok()?;
            Some((number, bytes))
        })
        .filter(|(number, _)| files.contains_key(&leaf_name(*number)))
        .collect();
    let mut sound = false;
    if let Ok(before) = &before {
        let grown = growth(before, &after);
        let consistent = consistency(files, before, &after);
        let whole = complete(files, &leaves, before, &after);
        sound = grown.is_ok() && consistent.is_ok() && whole.is_ok();
        found.put("growth", grown);
        found.put("consistency", consistent);
        found.put("leaves-complete", whole);
    }
    let included = inclusion(files, &leaves, &after);
    sound &= included.is_ok();
    found.put("inclusion", included);
    Some(Tree { before: before.ok(), after, leaves, sound })
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
    leaves: &Leaves<'_>,
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

fn inclusion(files: &Files, leaves: &Leaves<'_>, after: &Checkpoint) -> Outcome {
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
