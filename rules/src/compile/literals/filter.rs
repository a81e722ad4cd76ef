//! Asks of every place in a value whether a gram begins there, without comparing a text.

use std::sync::Arc;

use super::{Literals, hash};

/// Bytes of a gram, the first lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gram {
    Quad(u32),
    Pair(u32),
}

/// Which two bytes are grams: bits of the tables that have them. One map serves all tables that
/// are used together, so that it stays in the cache.
pub(super) struct Pairs(Box<[u8; 1 << 16]>);

impl Pairs {
    /// For tables that are used together.
    pub(super) fn new<'l>(all: impl Iterator<Item = &'l mut Literals>) -> Arc<Self> {
        let mut bits = Box::new([0u8; 1 << 16]);
        for (number, literals) in all.enumerate().filter(|(_, l)| !l.pairs.entries.is_empty()) {
            literals.filter.bit = 1 << (number % 8);
            for entry in &literals.pairs.entries {
                bits[usize::from(entry.gram as u16)] |= literals.filter.bit;
            }
        }
        Arc::new(Self(bits))
    }
}

/// Which grams may begin a text.
#[derive(Default)]
pub(super) struct Filter {
    /// By hash of four bytes: 0 where no gram has it, else a second hash of the one that does.
    /// A byte each, so that the walk needs one load and one comparison; one of [`SIZES`], or
    /// empty.
    quads: Box<[u8]>,
    /// The bits of its grams of two bytes, and where they are set.
    bit: u8,
    pairs: Option<Arc<Pairs>>,
}

/// The sizes there are, so that the walk knows its own and checks no bounds.
const SIZES: [usize; 3] = [1 << 10, 1 << 13, 1 << 17];
/// Bytes wanted for each gram; of places that begin none, so many over one are asked in vain.
const BYTES_PER_GRAM: usize = 8;

impl Filter {
    /// For the grams of all of these, which are used together.
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
        filter.bit = of.iter().fold(0, |bits, l| bits | l.filter.bit);
        filter.pairs = of.iter().find_map(|l| l.filter.pairs.clone());
        filter
    }

    /// Uses a map made with these texts among others, if there is a need.
    pub(super) fn share(&mut self, pairs: &Arc<Pairs>) {
        self.pairs = (self.bit != 0).then(|| Arc::clone(pairs));
    }

    /// Lists every place at which a gram may begin.
    #[inline]
    pub(super) fn walk(&self, value: &[u8], found: &mut Vec<(usize, Gram)>) {
        let quads = &*self.quads;
        let pairs = self.pairs.as_ref().map(|pairs| &*pairs.0);
        if let Some(quads) = quads.as_array::<{ SIZES[0] }>() {
            walk(quads, pairs, self.bit, value, found);
        } else if let Some(quads) = quads.as_array::<{ SIZES[1] }>() {
            walk(quads, pairs, self.bit, value, found);
        } else if let Some(quads) = quads.as_array::<{ SIZES[2] }>() {
            walk(quads, pairs, self.bit, value, found);
        } else if let Some(pairs) = pairs {
            walk_pairs(pairs, self.bit, value, 0, found);
        }
    }
}

#[inline(never)]
fn walk<const SIZE: usize>(
    quads: &[u8; SIZE],
    pairs: Option<&[u8; 1 << 16]>,
    bits: u8,
    value: &[u8],
    found: &mut Vec<(usize, Gram)>,
) {
    let Some(pairs) = pairs else {
        for (at, gram) in value.array_windows().enumerate() {
            let gram = u32::from_le_bytes(*gram);
            let known = quads[slot(gram, SIZE)];
            if known != 0 && (known == tag(gram) || known == SEVERAL) {
                found.push((at, Gram::Quad(gram)));
            }
        }
        return;
    };
    for (at, gram) in value.array_windows().enumerate() {
        let gram = u32::from_le_bytes(*gram);
        let known = quads[slot(gram, SIZE)];
        if known != 0 && (known == tag(gram) || known == SEVERAL) {
            found.push((at, Gram::Quad(gram)));
        }
        if pairs[usize::from(gram as u16)] & bits != 0 {
            found.push((at, Gram::Pair(gram & 0xffff)));
        }
    }
    // The last places, where no four bytes follow.
    walk_pairs(pairs, bits, value, value.len().saturating_sub(3), found);
}

fn walk_pairs(
    pairs: &[u8; 1 << 16],
    bits: u8,
    value: &[u8],
    from: usize,
    found: &mut Vec<(usize, Gram)>,
) {
    for (at, pair) in value.array_windows().enumerate().skip(from) {
        let gram = u16::from_le_bytes(*pair);
        if pairs[usize::from(gram)] & bits != 0 {
            found.push((at, Gram::Pair(u32::from(gram))));
        }
    }
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
