//! Proof texts: C2SP tlog-proof v1 for inclusion, and a plain text of ours for consistency.

use data_encoding::BASE64;

use super::merkle::Hash;
use super::note::Checkpoint;

const HEAD: &str = "c2sp.org/tlog-proof@v1";
const CONSISTENCY: &str = "xuedun/tlog-consistency@v1";

/// An inclusion proof with the checkpoint it is against.
pub(super) fn inclusion_text(index: u64, proof: &[Hash], checkpoint: &Checkpoint) -> String {
    let mut text = format!("{HEAD}\nindex {index}\n");
    for hash in proof {
        text.push_str(&BASE64.encode(hash));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&checkpoint.note);
    text
}

/// Index, hashes and checkpoint note of an inclusion proof. An `extra` line is passed over.
pub(super) fn parse_inclusion(text: &str) -> Option<(u64, Vec<Hash>, &str)> {
    let (head, note) = text.split_once("\n\n")?;
    let mut lines = head.lines();
    if lines.next()? != HEAD {
        return None;
    }
    let mut line = lines.next()?;
    if line.starts_with("extra ") {
        line = lines.next()?;
    }
    let index = number(line.strip_prefix("index ")?)?;
    let hashes = lines.map(hash).collect::<Option<_>>()?;
    Some((index, hashes, note))
}

/// A consistency proof.
pub(super) fn consistency_text(old: u64, new: u64, proof: &[Hash]) -> String {
    let mut text = format!("{CONSISTENCY}\nold {old}\nnew {new}\n");
    for hash in proof {
        text.push_str(&BASE64.encode(hash));
        text.push('\n');
    }
    text
}

/// Old size, new size and hashes of a consistency proof.
pub(super) fn parse_consistency(text: &str) -> Option<(u64, u64, Vec<Hash>)> {
    let mut lines = text.lines();
    if lines.next()? != CONSISTENCY {
        return None;
    }
    let old = number(lines.next()?.strip_prefix("old ")?)?;
    let new = number(lines.next()?.strip_prefix("new ")?)?;
    Some((old, new, lines.map(hash).collect::<Option<_>>()?))
}

fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

fn hash(line: &str) -> Option<Hash> {
    BASE64.decode(line.as_bytes()).ok()?.try_into().ok()
}
