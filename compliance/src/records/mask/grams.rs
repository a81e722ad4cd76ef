//! A quick "certainly not in there": the three-byte windows of a text as places of a small table.
//!
//! A row of output is held against every value of its input. Nearly always none is there, and that
//! is told from one window at the end of the value; only what may be there is searched for.

/// Places of the table: a byte each, the number of the text that was there last, written without being
/// read.
const PLACES_BITS: u32 = 11;

/// The windows of a text.
pub(super) struct Grams {
    there: Box<[u8; 1 << PLACES_BITS]>,
    text: u8,
}

impl Default for Grams {
    fn default() -> Self {
        Self { there: Box::new([0; 1 << PLACES_BITS]), text: 0 }
    }
}

impl Grams {
    /// Takes another text.
    pub(super) fn load(&mut self, text: &[u8]) {
        self.text = self.text.wrapping_add(1);
        if self.text == 0 {
            self.there.fill(0);
            self.text = 1;
        }
        for w in text.array_windows() {
            self.there[place(*w)] = self.text;
        }
    }

    /// Whether the value may be in the text; `false` is certain.
    pub(super) fn may_hold(&self, value: &str) -> bool {
        // The end tells values apart: kinds share their beginnings.
        value.as_bytes().array_windows().rev().all(|w| self.there[place(*w)] == self.text)
    }
}

fn place([a, b, c]: [u8; 3]) -> usize {
    (u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9E37_79B1) >> (32 - PLACES_BITS)) as usize
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
        // What was there in the 256th text before is there no more.
        for _ in 0..256 {
            grams.load(b"x");
            assert!(!grams.may_hold("abcdefgh"));
        }
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
