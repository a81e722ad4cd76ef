//! Finds which of many texts a value holds, and where, in one walk over its bytes.
//!
//! Every text is filed under one *gram* of its bytes, the one that looks rarest: four bytes, or
//! two for the shortest texts. The walk asks of each place in the value, in a small bit map that
//! stays in the cache, whether a gram begins there; only then are the texts filed under it
//! compared in full. No step of the walk waits for the one before, as in an automaton, and
//! nothing is built but the map and two lists.

use aho_corasick::packed::Searcher;
use hashbrown::HashMap;

/// Texts to look for, by number.
#[derive(Default)]
pub(crate) struct Literals {
    bytes: Box<[u8]>,
    /// By number, where each text ends in `bytes`.
    ends: Box<[u32]>,
    quads: Grams,
    pairs: Grams,
    /// Texts of one byte.
    singles: Box<[(u8, u32)]>,
    /// Few texts are looked for many bytes at a time first.
    few: Option<Searcher>,
}

/// Most texts that are looked for together by the vector search, and their least length.
const FEW_MAX: usize = 64;
const FEW_BYTES_MIN: usize = 3;
/// Shortest value for which that pays.
const FEW_VALUE_BYTES_MIN: usize = 32;

/// Where a text was found in a value, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) text: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Literals {
    /// Texts are numbered in the order given; they must differ and not be empty.
    pub(crate) fn new(texts: &[String]) -> Self {
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(texts.len());
        let (mut quads, mut pairs, mut singles) = (Vec::new(), Vec::new(), Vec::new());
        let rarity = Rarity::of(texts);
        for (text, number) in texts.iter().map(String::as_bytes).zip(0u32..) {
            bytes.extend_from_slice(text);
            ends.push(bytes.len() as u32);
            match text {
                [] => {}
                [only] => singles.push((*only, number)),
                _ if text.len() < 4 => pairs.push(rarity.entry(text, 2, number)),
                _ => quads.push(rarity.entry(text, 4, number)),
            }
        }
        Self {
            bytes: bytes.into(),
            ends: ends.into(),
            quads: Grams::new(quads),
            pairs: Grams::pairs(pairs),
            singles: singles.into(),
            few: Self::few(texts),
        }
    }

    fn few(texts: &[String]) -> Option<Searcher> {
        let fits = (1..=FEW_MAX).contains(&texts.len())
            && texts.iter().all(|text| text.len() >= FEW_BYTES_MIN);
        fits.then(|| Searcher::new(texts)).flatten()
    }

    /// Whether a value can be asked at little cost whether it may hold any of the texts.
    pub(crate) fn screens(&self) -> bool {
        self.few.is_some()
    }

    /// Whether a value may hold any of the texts.
    #[inline]
    pub(crate) fn may_hold(&self, value: &[u8]) -> bool {
        self.few.as_ref().is_none_or(|few| few.find(value).is_some())
    }

    fn text(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[at] as usize]
    }

    /// Calls `each` for every place at which a text lies in the value; of a text of one byte the
    /// first place and the last.
    #[inline]
    pub(crate) fn find(&self, value: &[u8], mut each: impl FnMut(Found)) {
        if value.len() >= FEW_VALUE_BYTES_MIN && !self.may_hold(value) {
            return;
        }
        match (self.quads.entries.is_empty(), self.pairs.entries.is_empty()) {
            (true, true) => {}
            (false, true) => {
                for (at, gram) in value.array_windows().enumerate() {
                    let gram = u32::from_le_bytes(*gram);
                    if self.quads.may_have(gram) {
                        self.compare(&self.quads, gram, at, value, &mut each);
                    }
                }
            }
            (_, false) => self.both(value, &mut each),
        }
        if self.singles.is_empty() {
            return;
        }
        let mut present = [0u64; 4];
        value.iter().for_each(|b| present[usize::from(*b >> 6)] |= 1 << (b & 63));
        for &(byte, text) in &self.singles {
            if present[usize::from(byte >> 6)] >> (byte & 63) & 1 == 0 {
                continue;
            }
            let start = memchr::memchr(byte, value).unwrap_or(0);
            each(Found { text, start, end: start + 1 });
            if start + 1 < value.len() && value.last() == Some(&byte) {
                each(Found { text, start: value.len() - 1, end: value.len() });
            }
        }
    }

    /// One walk for grams of four bytes and of two.
    #[inline]
    fn both(&self, value: &[u8], each: &mut impl FnMut(Found)) {
        for (at, gram) in value.array_windows().enumerate() {
            let gram = u32::from_le_bytes(*gram);
            if self.quads.may_have(gram) {
                self.compare(&self.quads, gram, at, value, each);
            }
            if self.pairs.may_have_pair(gram & 0xffff) {
                self.compare(&self.pairs, gram & 0xffff, at, value, each);
            }
        }
        // The last places, where no four bytes follow.
        let rest = value.len().saturating_sub(3);
        for (at, &[one, two]) in value.array_windows().enumerate().skip(rest) {
            let gram = u32::from_le_bytes([one, two, 0, 0]);
            if self.pairs.may_have_pair(gram) {
                self.compare(&self.pairs, gram, at, value, each);
            }
        }
    }

    /// Compares the texts filed under a gram that begins at `at`.
    fn compare(
        &self,
        grams: &Grams,
        gram: u32,
        at: usize,
        value: &[u8],
        each: &mut impl FnMut(Found),
    ) {
        for entry in grams.bucket(gram) {
            if entry.gram != gram {
                continue;
            }
            let Some(start) = at.checked_sub(entry.offset as usize) else { continue };
            let text = self.text(entry.text);
            if value.get(start..start + text.len()) == Some(text) {
                each(Found { text: entry.text, start, end: start + text.len() });
            }
        }
    }
}

/// A text filed under a gram that it holds at `offset`.
#[derive(Clone, Copy, Debug)]
struct Entry {
    gram: u32,
    text: u32,
    offset: u32,
}

/// Texts filed under grams.
#[derive(Default)]
struct Grams {
    /// By hash: whether any gram has it.
    filter: Box<[u64]>,
    /// For grams of two bytes, by the gram itself.
    exact: Option<Box<[u64; 1024]>>,
    /// By the hash's leading bits: where the entries begin; one more for the end.
    starts: Box<[u32]>,
    entries: Box<[Entry]>,
    /// Shifts that leave the bits needed of a hash.
    filter_shift: u32,
    bucket_shift: u32,
}

/// Bits in the filter for each entry, and its bounds (as powers of two).
const FILTER_BITS_PER_ENTRY: usize = 16;
const FILTER_BITS: std::ops::RangeInclusive<u32> = 6..=18;

impl Grams {
    /// Entries for grams of two bytes.
    fn pairs(entries: Vec<Entry>) -> Self {
        let mut exact = Box::new([0; 1024]);
        for entry in &entries {
            exact[entry.gram as usize / 64 % 1024] |= 1 << (entry.gram % 64);
        }
        Self { exact: Some(exact), ..Self::new(entries) }
    }

    fn new(mut entries: Vec<Entry>) -> Self {
        if entries.is_empty() {
            return Self::default();
        }
        let power = |n: usize| n.next_power_of_two().trailing_zeros();
        let filter_bits = power(entries.len() * FILTER_BITS_PER_ENTRY)
            .clamp(*FILTER_BITS.start(), *FILTER_BITS.end());
        let bucket_bits = power(entries.len()).clamp(1, 20);
        let (filter_shift, bucket_shift) = (32 - filter_bits, 32 - bucket_bits);
        let mut filter = vec![0u64; (1 << filter_bits) / 64];
        let mut starts = vec![0u32; (1 << bucket_bits) + 1];
        entries.sort_by_key(|e| hash(e.gram));
        for entry in &entries {
            let bit = hash(entry.gram) >> filter_shift;
            filter[bit as usize / 64] |= 1 << (bit % 64);
            starts[(hash(entry.gram) >> bucket_shift) as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Self {
            filter: filter.into(),
            exact: None,
            starts: starts.into(),
            entries: entries.into(),
            filter_shift,
            bucket_shift,
        }
    }

    #[inline]
    fn may_have(&self, gram: u32) -> bool {
        let bit = hash(gram) >> self.filter_shift;
        self.filter.get(bit as usize / 64).is_some_and(|w| w >> (bit % 64) & 1 == 1)
    }

    #[inline]
    fn may_have_pair(&self, gram: u32) -> bool {
        self.exact.as_ref().is_some_and(|e| e[gram as usize / 64 % 1024] >> (gram % 64) & 1 == 1)
    }

    #[inline]
    fn bucket(&self, gram: u32) -> &[Entry] {
        let at = (hash(gram) >> self.bucket_shift) as usize;
        let range = self.starts.get(at).zip(self.starts.get(at + 1));
        range.and_then(|(from, to)| self.entries.get(*from as usize..*to as usize)).unwrap_or(&[])
    }
}

/// Multiplicative hashing: the leading bits depend on all of the gram.
#[inline]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1)
}

/// How often grams occur in the texts themselves: what many rules name is common in events too.
struct Rarity {
    counts: HashMap<u32, u32>,
}

impl Rarity {
    fn of(texts: &[String]) -> Self {
        let mut counts = HashMap::new();
        for text in texts.iter().map(String::as_bytes) {
            let size = if text.len() < 4 { 2 } else { 4 };
            text.windows(size).for_each(|w| *counts.entry(gram(w)).or_default() += 1);
        }
        Self { counts }
    }

    /// Files a text under its rarest gram.
    fn entry(&self, text: &[u8], size: usize, number: u32) -> Entry {
        let cost = |window: &[u8]| {
            let common: u32 = window.iter().map(|b| commonness(*b)).sum();
            self.counts.get(&gram(window)).copied().unwrap_or(0) * 8 + common
        };
        let windows = text.windows(size).zip(0u32..);
        let best = windows.min_by_key(|(w, _)| cost(w));
        let (window, offset) = best.unwrap_or((text, 0));
        Entry { gram: gram(window), text: number, offset }
    }
}

fn gram(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |gram, byte| gram << 8 | u32::from(*byte))
}

/// How common a byte is in folded texts of events, roughly.
fn commonness(byte: u8) -> u32 {
    match byte {
        b'e' | b's' | b't' | b'i' | b'o' | b'n' | b'r' | b'a' | b'\\' | b'.' | b'0' => 4,
        b'a'..=b'z' | b'0'..=b'9' | b' ' | b'/' | b'-' | b':' => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_occurrence_is_found_once(
            texts in prop::collection::btree_set("[ab学]{1,7}", 0..40),
            value in "[ab学]{0,30}",
        ) {
            let texts: Vec<String> = texts.into_iter().collect();
            let mut got = Vec::new();
            Literals::new(&texts).find(value.as_bytes(), |f| got.push((f.text, f.start, f.end)));
            got.sort_unstable();
            let mut want = Vec::new();
            for (text, number) in texts.iter().zip(0u32..) {
                for start in 0..value.len() {
                    if value.as_bytes()[start..].starts_with(text.as_bytes()) {
                        want.push((number, start, start + text.len()));
                    }
                }
            }
            // Of one byte only the first and the last place are told.
            want.retain(|&(number, start, _)| {
                let text = &texts[number as usize];
                text.len() > 1
                    || value.find(text.as_str()) == Some(start)
                    || start + 1 == value.len()
            });
            want.sort_unstable();
            prop_assert_eq!(got, want);
        }
    }

    #[test]
    fn a_text_is_filed_under_what_sets_it_apart() {
        let texts: Vec<String> =
            ["\\cmd.exe", "\\wmic.exe", "\\net.exe"].iter().map(|t| (*t).to_owned()).collect();
        let rarity = Rarity::of(&texts);
        let grams: Vec<u32> = texts.iter().map(|t| rarity.entry(t.as_bytes(), 4, 0).gram).collect();
        assert!(grams.iter().all(|g| *g != gram(b".exe")));
    }
}
