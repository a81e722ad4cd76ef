//! A set of small numbers that is emptied and walked in the time its members take, not its range.

/// Numbers below a bound, as bits; a summary says which words hold any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    summary: Vec<u64>,
}

impl Bits {
    /// Room for numbers below `len`.
    pub(crate) fn with_room(len: usize) -> Self {
        let words = len.div_ceil(64);
        Self { words: vec![0; words], summary: vec![0; words.div_ceil(64)] }
    }

    /// Adds a number; one past the bound is ignored.
    #[inline]
    pub(crate) fn set(&mut self, at: u32) {
        let word = at as usize / 64;
        if let (Some(bits), Some(summary)) =
            (self.words.get_mut(word), self.summary.get_mut(word / 64))
        {
            *bits |= 1 << (at % 64);
            *summary |= 1 << (word % 64);
        }
    }

    /// Whether it holds a number.
    #[inline]
    pub(crate) fn has(&self, at: u32) -> bool {
        self.words.get(at as usize / 64).is_some_and(|w| w >> (at % 64) & 1 == 1)
    }

    /// Empties it.
    #[inline]
    pub(crate) fn clear(&mut self) {
        for (at, summary) in self.summary.iter_mut().enumerate() {
            let mut left = std::mem::take(summary);
            while left != 0 {
                if let Some(word) = self.words.get_mut(at * 64 + left.trailing_zeros() as usize) {
                    *word = 0;
                }
                left &= left - 1;
            }
        }
    }

    /// Its members, ascending.
    #[inline]
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = ones(&self.summary);
        words.flat_map(|at| {
            let word = self.words.get(at as usize).copied().unwrap_or(0);
            Ones(word).map(move |bit| at * 64 + bit)
        })
    }

    /// Whether the two have a member in common.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }
}

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

fn ones(words: &[u64]) -> impl Iterator<Item = u32> + '_ {
    words.iter().zip(0u32..).flat_map(|(word, at)| Ones(*word).map(move |bit| at * 64 + bit))
}

/// The places of the bits set in a word.
struct Ones(u64);

impl Iterator for Ones {
    type Item = u32;
    #[inline]
    fn next(&mut self) -> Option<u32> {
        let at = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (at < 64).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_set(numbers in prop::collection::vec(0u32..10_000, 0..50), then in 0u32..10_000) {
            let mut bits = Bits::with_room(9_000);
            let mut want = BTreeSet::new();
            for n in &numbers {
                bits.set(*n);
                if *n < 9_024 {
                    want.insert(*n);
                }
            }
            prop_assert!(bits.iter().eq(want.iter().copied()));
            prop_assert_eq!(bits.has(then), want.contains(&then));
            bits.clear();
            prop_assert_eq!(bits.iter().count(), 0);
            prop_assert_eq!(&bits, &Bits::with_room(9_000));
        }
    }
}
