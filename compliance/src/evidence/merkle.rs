//! The Merkle tree of RFC 6962 over SHA-256: hashes, proofs and their verification. Pure.

use ring::digest::{Context, SHA256, digest};

use super::error::EvidenceError;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf: SHA-256 over 0x00 and its bytes.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(leaf);
    take(context.finish().as_ref())
}

/// The hash of an inner node: SHA-256 over 0x01 and both children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[1]);
    context.update(left);
    context.update(right);
    take(context.finish().as_ref())
}

/// The root of the empty tree: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    take(digest(&SHA256, b"").as_ref())
}

fn take(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(bytes);
    hash
}

/// The root over leaf hashes, all in memory.
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len() as u64) as usize);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// Where complete subtrees come from: `node(level, index)` is the root over the leaves
/// `index << level .. (index + 1) << level`.
pub trait Nodes {
    /// The hash of one complete subtree.
    fn node(&self, level: u32, index: u64) -> Result<Hash, EvidenceError>;
}

/// The largest power of two below `n`, for `n` of 2 and more.
const fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The root over leaves `low..high`, where `low` is a multiple of the largest power of two
/// within (as in every recursion of RFC 6962).
fn range<N: Nodes + ?Sized>(nodes: &N, low: u64, high: u64) -> Result<Hash, EvidenceError> {
    let n = high - low;
    if n == 0 {
        return Ok(empty_root());
    }
    if n.is_power_of_two() {
        let level = n.trailing_zeros();
        return nodes.node(level, low >> level);
    }
    let middle = low + split(n);
    Ok(node_hash(&range(nodes, low, middle)?, &range(nodes, middle, high)?))
}

/// The root of the first `size` leaves.
pub fn root<N: Nodes + ?Sized>(nodes: &N, size: u64) -> Result<Hash, EvidenceError> {
    range(nodes, 0, size)
}

/// The inclusion proof (audit path) of a leaf in the tree of the first `size` leaves.
pub fn inclusion<N: Nodes + ?Sized>(
    nodes: &N,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, EvidenceError> {
    if index >= size {
        return Err(EvidenceError::OutOfTree { index, size });
    }
    let (mut low, mut high) = (0, size);
    let mut path = Vec::new();
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range(nodes, middle, high)?);
            high = middle;
        } else {
            path.push(range(nodes, low, middle)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `old` leaves is the beginning of the tree of `new` leaves.
/// Empty when `old` is 0 or equals `new`.
pub fn consistency<N: Nodes + ?Sized>(
    nodes: &N,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, EvidenceError> {
    if old > new {
        return Err(EvidenceError::OutOfTree { index: old, size: new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut low, mut high) = (0, new);
    let mut path = Vec::new();
    // `whole`: the old tree is exactly what is left, and its root is known to the verifier.
    let mut whole = true;
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range(nodes, middle, high)?);
            high = middle;
        } else {
            path.push(range(nodes, low, middle)?);
            low = middle;
            whole = false;
        }
    }
    if !whole {
        path.push(range(nodes, low, high)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether a proof shows that `leaf` is at `index` in the tree of `size` leaves with `root`
/// (RFC 9162 section 2.1.3.2).
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for part in proof {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(part, &hash);
            if node & 1 == 0 {
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            }
        } else {
            hash = node_hash(&hash, part);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Whether a proof shows that the tree of `new` leaves grew from the tree of `old` leaves
/// (RFC 9162 section 2.1.4.2). From the empty tree only the empty root and an empty proof hold.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> bool {
    if old > new {
        return false;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let mut parts = proof.iter();
    let first = if old.is_power_of_two() { Some(old_root) } else { parts.next() };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut from_old, mut from_new) = (*first, *first);
    for part in parts {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            from_old = node_hash(part, &from_old);
            from_new = node_hash(part, &from_new);
            if node & 1 == 0 {
                while node & 1 == 0 && node != 0 {
                    node >>= 1;
                    last >>= 1;
                }
            }
        } else {
            from_new = node_hash(&from_new, part);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && from_old == *old_root && from_new == *new_root
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Mem(Vec<Hash>);

    impl Nodes for Mem {
        fn node(&self, level: u32, index: u64) -> Result<Hash, EvidenceError> {
            let (low, n) = ((index << level) as usize, 1usize << level);
            Ok(root_of(&self.0[low..low + n]))
        }
    }

    fn tree(n: u64) -> Mem {
        Mem((0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect())
    }

    #[test]
    fn known_answers() {
        let hex = |h: Hash| data_encoding::HEXLOWER.encode(&h);
        assert_eq!(
            hex(empty_root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        // SHA-256 of the single byte 0x00: the hash of an empty leaf.
        assert_eq!(
            hex(leaf_hash(b"")),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        // The tree of the Certificate Transparency tests: leaves "", 0x00, 0x10, 0x2021, …
        let leaves: Vec<Hash> = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ]
        .iter()
        .map(|h| leaf_hash(&data_encoding::HEXLOWER.decode(h.as_bytes()).unwrap()))
        .collect();
        assert_eq!(
            hex(root_of(&leaves)),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
        assert_eq!(
            hex(root_of(&leaves[..3])),
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
        );
    }

    #[test]
    fn all_small_trees() {
        for size in 0..=33u64 {
            let mem = tree(size);
            let top = root(&mem, size).unwrap();
            assert_eq!(top, root_of(&mem.0));
            for index in 0..size {
                let proof = inclusion(&mem, index, size).unwrap();
                let leaf = &mem.0[index as usize];
                assert!(verify_inclusion(leaf, index, size, &proof, &top));
                assert!(!verify_inclusion(leaf, index + 1, size, &proof, &top));
                assert!(!verify_inclusion(&leaf_hash(b"x"), index, size, &proof, &top));
            }
            for old in 0..=size {
                let before = root(&mem, old).unwrap();
                let proof = consistency(&mem, old, size).unwrap();
                assert!(verify_consistency(old, &before, size, &top, &proof), "{old} {size}");
                let mut longer = proof.clone();
                longer.push(top);
                assert!(!verify_consistency(old, &before, size, &top, &longer));
                if old < size && old > 0 {
                    assert!(!verify_consistency(old, &top, size, &top, &proof), "{old} {size}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn proofs_of_any_size(size in 1u64..3000, a in 0u64..3000, b in 0u64..3000, bit in 0usize..256) {
            let mem = tree(size);
            let top = root(&mem, size).unwrap();
            let index = a % size;
            let mut proof = inclusion(&mem, index, size).unwrap();
            prop_assert!(verify_inclusion(&mem.0[index as usize], index, size, &proof, &top));
            if !proof.is_empty() {
                let at = (b as usize) % proof.len();
                proof[at][bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!verify_inclusion(&mem.0[index as usize], index, size, &proof, &top));
            }
            let old = b % (size + 1);
            let before = root(&mem, old).unwrap();
            let mut proof = consistency(&mem, old, size).unwrap();
            prop_assert!(verify_consistency(old, &before, size, &top, &proof));
            if !proof.is_empty() {
                let at = (a as usize) % proof.len();
                proof[at][bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!verify_consistency(old, &before, size, &top, &proof));
            }
        }
    }
}
