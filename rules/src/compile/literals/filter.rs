//! Asks of every place in a value whether a gram begins there, without comparing a text.

use super::{Literals, hash};

/// Bytes of a gram, the first lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gram {
    Quad(u32),
    Pair(u32),
}

/// Which grams may begin a text.
#[derive(Default)]
pub(super) struct Filter {
    /// By hash of four bytes: 0 where no gram has it, else a second hash of the one that does.
    /// A byte each, so that the walk needs one load and one comparison; one of [`SIZES`], or
    /// empty.
    quads: Box<[u8]>,
    /// By two bytes: a bit where they are a gram.
    pairs: Option<Box<Pairs>>,
}

const PAIR_WORDS: usize = (1 << 16) / 32;
/// The sizes there are, so that the walk knows its own and checks no bounds.
const SIZES: [usize; 3] = [1 << 10, 1 << 13, 1 << 17];
/// Bytes wanted for each gram; of places that begin none, so many over one are asked in vain.
const BYTES_PER_GRAM: usize = 8;

impl Filter {
    /// For the grams of all of these.
    pub(super) fn new(of: &[&Literals]) -> Self {
        let quads = || of.iter().flat_map(|l| &l.quads.entries);
        let count = quads().count();
        let mut filter = Self::default();
        if count > 0 {
            let wanted = count * BYTES_PER_GRAM;
            let size = SIZES.into_iter().find(|s| *s >= wanted).unwrap_or(SIZES[2]);
            filter.quads = vec![0; size].into();
            for entry in quads() {
                let place = &mut filter.quads[slot(entry.gram, size)];
                *place = if *place == 0 { tag(entry.gram) } else { SEVERAL };
            }
        }
        for entry in of.iter().flat_map(|l| &l.pairs.entries) {
            let pairs = filter.pairs.get_or_insert_with(|| Box::new([0; PAIR_WORDS]));
            pairs[entry.gram as usize / 32 % PAIR_WORDS] |= 1 << (entry.gram % 32);
        }
        filter
    }

    /// Calls `found` for every place at which a gram may begin.
    #[inline]
    pub(super) fn walk(&self, value: &[u8], mut found: impl FnMut(usize, Gram)) {
        let quads = &*self.quads;
        if let Some(quads) = quads.as_array::<{ SIZES[0] }>() {
            walk(quads, self.pairs.as_deref(), value, &mut found);
        } else if let Some(quads) = quads.as_array::<{ SIZES[1] }>() {
            walk(quads, self.pairs.as_deref(), value, &mut found);
        } else if let Some(quads) = quads.as_array::<{ SIZES[2] }>() {
            walk(quads, self.pairs.as_deref(), value, &mut found);
        } else if let Some(pairs) = &self.pairs {
            walk_pairs(pairs, value, 0, &mut found);
        }
    }
}

type Pairs = [u32; PAIR_WORDS];

fn walk<const SIZE: usize>(
    quads: &[u8; SIZE],
    pairs: Option<&Pairs>,
    value: &[u8],
    found: &mut impl FnMut(usize, Gram),
) {
    let Some(pairs) = pairs else {
        for (at, gram) in value.array_windows().enumerate() {
            let gram = u32::from_le_bytes(*gram);
            if may_begin(quads, gram) {
                found(at, Gram::Quad(gram));
            }
        }
        return;
    };
    for (at, gram) in value.array_windows().enumerate() {
        let gram = u32::from_le_bytes(*gram);
        if may_begin(quads, gram) {
            found(at, Gram::Quad(gram));
        }
        if begins(pairs, gram as u16) {
            found(at, Gram::Pair(gram & 0xffff));
        }
    }
    // The last places, where no four bytes follow.
    walk_pairs(pairs, value, value.len().saturating_sub(3), found);
}

fn walk_pairs(pairs: &Pairs, value: &[u8], from: usize, found: &mut impl FnMut(usize, Gram)) {
    for (at, pair) in value.array_windows().enumerate().skip(from) {
        let gram = u16::from_le_bytes(*pair);
        if begins(pairs, gram) {
            found(at, Gram::Pair(u32::from(gram)));
        }
    }
}

#[inline]
fn may_begin<const SIZE: usize>(quads: &[u8; SIZE], gram: u32) -> bool {
    let known = quads[slot(gram, SIZE)];
    known != 0 && (known == tag(gram) || known == SEVERAL)
}

#[inline]
fn begins(pairs: &Pairs, gram: u16) -> bool {
    pairs[usize::from(gram) / 32] >> (gram % 32) & 1 == 1
}

/// Stands for grams that share a hash.
const SEVERAL: u8 = 1;

/// A second hash, neither 0 nor [`SEVERAL`].
#[inline]
fn tag(gram: u32) -> u8 {
    (gram.wrapping_mul(0x85eb_ca6b) >> 24) as u8 | 2
}

/// The place of a gram's hash in a map of a size.
#[inline]
fn slot(gram: u32, size: usize) -> usize {
    (hash(gram) >> (32 - size.trailing_zeros())) as usize
}
