//! A quick "certainly not in there": the three-byte windows of a text as bits of a small table.
//!
//! A row of output is held against every value of its input. Nearly always none is there, and that
//! is told from one window at the end of the value; only what may be there is searched for.

/// Bits of the table.
const BITS: usize = 1 << 12;

/// The windows of a text.
pub(super) struct Grams {
    bits: Box<[u64; BITS / 64]>,
}

impl Default for Grams {
    fn default() -> Self {
        Self { bits: Box::new([0; BITS / 64]) }
    }
}

impl Grams {
    /// Takes another text.
    pub(super) fn load(&mut self, text: &[u8]) {
        self.bits.fill(0);
        let mut window = 0u32;
        for (at, byte) in text.iter().enumerate() {
            window = (window << 8 | u32::from(*byte)) & 0xFF_FFFF;
            if at >= 2 {
                let (word, bit) = place(window);
                if let Some(bits) = self.bits.get_mut(word) {
                    *bits |= bit;
                }
            }
        }
    }

    /// Whether the value may be in the text; `false` is certain.
    pub(super) fn may_hold(&self, value: &str) -> bool {
        // The end tells values apart: kinds share their beginnings.
        value.as_bytes().windows(3).rev().all(|w| {
            let window = w.iter().fold(0u32, |n, b| n << 8 | u32::from(*b));
            let (word, bit) = place(window);
            self.bits.get(word).is_some_and(|bits| bits & bit != 0)
        })
    }
}

fn place(window: u32) -> (usize, u64) {
    let hash = (window.wrapping_mul(0x9E37_79B1) >> 20) as usize;
    (hash / 64, 1 << (hash % 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tells_what_is_not_there() {
        let mut grams = Grams::default();
        grams.load("张*\u{1f}138******00\u{1f}#abcdefgh".as_bytes());
        assert!(!grams.may_hold("张三丰") && !grams.may_hold("13800138000"));
        assert!(grams.may_hold("abcdefgh") && grams.may_hold("a"));
        grams.load(b"x");
        assert!(!grams.may_hold("abcdefgh"));
    }

    proptest! {
        #[test]
        fn what_is_there_is_never_denied(text in "\\PC{0,40}", from in 0usize..40, len in 0usize..12) {
            let part: String = text.chars().skip(from).take(len).collect();
            let mut grams = Grams::default();
            grams.load(text.as_bytes());
            prop_assert!(grams.may_hold(&part));
        }
    }
}
