//! The log over time: earlier bundles of it, and a checkpoint the verifier has seen.

use std::collections::HashMap;

use super::tree::Tree;
use super::{Files, Found, Outcome, Trust, VerifyOutcome, text};
use crate::evidence::bundle::proof_name;
use crate::evidence::error::EvidenceError;
use crate::evidence::merkle::{self, Hash, Nodes, leaf_hash, node_hash, verify_consistency};
use crate::evidence::note::{Checkpoint, VerifyingKey};
use crate::evidence::proof::{parse_consistency, parse_inclusion};

/// The earlier checkpoints that the bundle itself carries.
pub(super) fn history(files: &Files, keys: &[VerifyingKey], tree: &Tree<'_>, found: &mut Found) {
    let names: Vec<&str> = files
        .keys()
        .filter_map(|n| n.strip_prefix("since/"))
        .filter_map(|n| n.split('.').next())
        .collect();
    if names.is_empty() {
        found.not_asked("history", "the first bundle of the log");
        return;
    }
    let each = names.iter().try_for_each(|name| earlier(files, keys, tree, name));
    found.put("history", each.map(|()| format!("{} checkpoints", names.len().div_ceil(2))));
}

fn earlier(
    files: &Files,
    keys: &[VerifyingKey],
    tree: &Tree<'_>,
    name: &str,
) -> Result<(), String> {
    let note = text(files, &format!("since/{name}.checkpoint"))?;
    let proof = text(files, &format!("since/{name}.consistency"))?;
    let old = Checkpoint::open_by_any(note, keys.iter().rev())
        .map_err(|e| format!("since/{name}.checkpoint: {e}"))?;
    continues(&old, &tree.after, proof).map(|_| ()).map_err(|e| format!("{name}: {e}"))
}

/// Whether a proof shows that `old` is the beginning of `new`.
fn continues(old: &Checkpoint, new: &Checkpoint, proof: &str) -> Outcome {
    let (from, to, hashes) = parse_consistency(proof).ok_or("not a consistency proof")?;
    if (from, to) != (old.size, new.size) {
        return Err(format!("the proof is of {from} → {to}"));
    }
    if verify_consistency(from, &old.root, to, &new.root, &hashes) {
        Ok(format!("{from} → {to}"))
    } else {
        Err(format!("the first {from} leaves are others"))
    }
}

/// The checkpoint the verifier has seen, against that of the bundle.
pub(super) fn seen(
    files: &Files,
    keys: &[VerifyingKey],
    tree: &Tree<'_>,
    trust: &Trust,
    found: &mut Found,
) {
    let Some(note) = &trust.seen else {
        found.not_asked("seen", "no checkpoint seen before was given");
        return;
    };
    let old = match Checkpoint::open_by_any(note, keys.iter().rev()) {
        Ok(old) => old,
        Err(e) => return found.put("seen", Err(format!("the checkpoint seen before: {e}"))),
    };
    let new = &tree.after;
    let given = trust.proof.as_deref();
    let forked = |size: u64| format!("the first {size} leaves are not those seen before");
    if old.size > new.size {
        return match given.map(|proof| continues(new, &old, proof)) {
            Some(Ok(detail)) => found.put("seen", Ok(format!("an older bundle: {detail}"))),
            Some(Err(problem)) => found.fail("seen", VerifyOutcome::Forked, problem),
            None => {
                let (have, had) = (new.size, old.size);
                let detail = format!(
                    "{have} leaves, {had} were seen before: an older bundle, or rolled back"
                );
                found.fail("seen", VerifyOutcome::RolledBack, detail);
            }
        };
    }
    let own = text(files, &format!("since/{:012}.consistency", old.size)).ok();
    let shown = match root_within(files, tree, old.size) {
        Some(root) if root == old.root => Ok(format!("{} → {}", old.size, new.size)),
        Some(_) => return found.fail("seen", VerifyOutcome::Forked, forked(old.size)),
        None => match given.or(own) {
            Some(proof) => continues(&old, new, proof),
            None => {
                let detail = format!("the bundle has no proof from {} on: ask for one", old.size);
                return found.fail("seen", VerifyOutcome::Unshown, detail);
            }
        },
    };
    match shown {
        Ok(detail) => found.put("seen", Ok(detail)),
        Err(problem) => found.fail("seen", VerifyOutcome::Forked, problem),
    }
}

/// The root at a size between the bundle's two checkpoints, from its leaves: the proof of the first
/// of them holds the tree before it.
fn root_within(files: &Files, tree: &Tree<'_>, size: u64) -> Option<Hash> {
    let before = tree.before.as_ref().filter(|_| tree.sound)?;
    if size == before.size {
        return Some(before.root);
    }
    if size == tree.after.size {
        return Some(tree.after.root);
    }
    if size < before.size {
        return None;
    }
    let (first, path, _) = parse_inclusion(text(files, &proof_name(before.size)).ok()?)?;
    let known = left_of(first, tree.after.size, &path)?;
    merkle::root(&Within { known, tree }, size).ok()
}

/// The complete subtrees to the left of a leaf, by level and index.
fn left_of(index: u64, size: u64, path: &[Hash]) -> Option<HashMap<(u32, u64), Hash>> {
    let (mut low, mut high) = (0, size);
    let mut known = HashMap::new();
    for hash in path.iter().rev() {
        let half = (high - low).checked_sub(1)?.checked_ilog2()?;
        let middle = low + (1 << half);
        if index < middle {
            high = middle;
        } else {
            known.insert((half, low >> half), *hash);
            low = middle;
        }
    }
    Some(known)
}

struct Within<'a> {
    known: HashMap<(u32, u64), Hash>,
    tree: &'a Tree<'a>,
}

impl Nodes for Within<'_> {
    fn node(&self, level: u32, index: u64) -> Result<Hash, EvidenceError> {
        if let Some(hash) = self.known.get(&(level, index)) {
            return Ok(*hash);
        }
        match level.checked_sub(1) {
            Some(below) => {
                Ok(node_hash(&self.node(below, 2 * index)?, &self.node(below, 2 * index + 1)?))
            }
            None => match self.tree.leaves.get(&index) {
                Some(leaf) => Ok(leaf_hash(leaf)),
                None => Err(EvidenceError::OutOfTree { index, size: self.tree.after.size }),
            },
        }
    }
}
