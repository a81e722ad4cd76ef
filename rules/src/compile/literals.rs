//! Finds which of many texts a value holds, and where, in one walk over its bytes.
//!
//! Every text is filed under one *gram* of its bytes, the one that looks rarest: four bytes, or
//! two for the shortest texts. The walk asks of each place in the value, in a small map that
//! stays in the cache, whether a gram begins there; only then are the texts filed under it
//! compared in full. No step of the walk waits for the one before, as in an automaton, and
//! nothing is built but the map and two lists. Two sets of texts can be joined: one walk then
//! serves both.

mod filter;

use aho_corasick::packed::Searcher;

use filter::{Filter, Gram, Pairs};

/// A text to look for, with the gram under which it is filed and where that lies in it.
#[derive(Clone, Debug)]
pub(crate) struct Literal {
    text: Box<str>,
    gram: u32,
    offset: u32,
}

impl Literal {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Texts to look for, by number.
#[derive(Default)]
pub(crate) struct Literals {
    bytes: Box<[u8]>,
    /// By number, where each text ends in `bytes`.
    ends: Box<[u32]>,
    quads: Grams,
    pairs: Grams,
    /// Whether a gram begins at a place: one of these, or of the texts joined to them.
    filter: Filter,
    joined: bool,
    /// No text holds a line break.
    one_line: bool,
    /// Texts of one byte.
    singles: Box<[(u8, u32)]>,
    /// Few texts are looked for many bytes at a time first.
    few: Option<Searcher>,
    /// Bytes of the shortest text.
    shortest: usize,
}

/// Most texts that are looked for together by the vector search, and their least length.
const FEW_MAX: usize = 64;
const FEW_BYTES_MIN: usize = 3;
/// So many texts of one byte are looked for one after the other.
const FEW_SINGLES_MAX: usize = 4;
/// Shortest value for which that pays.
const FEW_VALUE_BYTES_MIN: usize = 32;

/// Where a text was found in a value, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) text: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Whose text was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    Own,
    Joined,
}

/// Places of a value at which texts may lie: a buffer for [`Literals::find`].
#[derive(Default)]
pub(crate) struct Candidates(Vec<(usize, Gram)>);

impl Literals {
    /// Texts are numbered in the order given; they must differ and not be empty. To be made
    /// ready by [`Literals::together`].
    pub(crate) fn new(texts: &[&Literal]) -> Self {
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(texts.len());
        let (mut quads, mut pairs, mut singles) = (Vec::new(), Vec::new(), Vec::new());
        for (Literal { text, gram, offset }, number) in texts.iter().copied().zip(0u32..) {
            bytes.extend_from_slice(text.as_bytes());
            ends.push(bytes.len() as u32);
            let entry = Entry { gram: *gram, text: number, offset: *offset };
            match text.as_bytes() {
                [] => {}
                [only] => singles.push((*only, number)),
                _ if text.len() < 4 => pairs.push(entry),
                _ => quads.push(entry),
            }
        }
        let mut made = Self {
            bytes: bytes.into(),
            ends: ends.into(),
            quads: Grams::new(quads),
            pairs: Grams::new(pairs),
            singles: singles.into(),
            few: Self::few(texts),
            shortest: texts.iter().map(|literal| literal.text.len()).min().unwrap_or(0),
            one_line: !texts.iter().any(|literal| literal.text.contains('\n')),
            ..Self::default()
        };
        made.filter = Filter::new(&[&made]);
        made
    }

    /// Makes ready to find: those that will be used together.
    pub(crate) fn together<'l>(all: impl Iterator<Item = &'l mut Self>) {
        let mut all: Vec<&mut Self> = all.collect();
        let pairs = Pairs::new(all.iter_mut().map(|l| &mut **l));
        all.into_iter().for_each(|l| l.filter.share(&pairs));
    }

    /// Prepares for one walk with others. Nothing is joined to texts so few that other means
    /// find them sooner.
    pub(crate) fn join(&mut self, other: &Self) {
        if self.few.is_none() && other.few.is_none() && !self.ends.is_empty() {
            self.filter = Filter::new(&[self, other]);
            self.joined = true;
        }
    }

    /// Whether others were joined to these.
    pub(crate) fn joined(&self) -> bool {
        self.joined
    }

    /// The search for few texts: of each the four bytes that look rarest.
    fn few(texts: &[&Literal]) -> Option<Searcher> {
        let fits = (1..=FEW_MAX).contains(&texts.len())
            && texts.iter().all(|literal| literal.text.len() >= FEW_BYTES_MIN);
        let part = |literal: &&Literal| {
            let text = literal.text.as_bytes();
            let start = if text.len() < 4 { 0 } else { literal.offset as usize };
            text[start..].iter().take(4).copied().collect::<Vec<u8>>()
        };
        fits.then(|| Searcher::new(texts.iter().map(part))).flatten()
    }

    /// Whether a value can be asked at little cost whether it may hold any of the texts.
    pub(crate) fn screens(&self) -> bool {
        self.few.is_some()
    }

    /// Bytes of the shortest text: no shorter value holds any.
    pub(crate) fn shortest(&self) -> usize {
        self.shortest
    }

    /// Whether a value may hold any of the texts.
    #[inline]
    pub(crate) fn may_hold(&self, value: &[u8]) -> bool {
        self.few.as_ref().is_none_or(|few| few.find(value).is_some())
    }

    /// A text by its number.
    pub(crate) fn text(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[start..self.ends[at] as usize]
    }

    /// Calls `each` for every place at which a text lies in the value; of a text of one byte the
    /// first place and the last. Those joined to them are found in the same walk.
    #[inline]
    pub(crate) fn find(
        &self,
        joined: Option<&Self>,
        value: &[u8],
        room: &mut Candidates,
        mut each: impl FnMut(Whose, Found),
    ) {
        if value.len() >= FEW_VALUE_BYTES_MIN && !self.may_hold(value) {
            return;
        }
        room.0.clear();
        self.filter.walk(value, &mut room.0);
        for (at, gram) in &room.0 {
            self.compare(*at, *gram, value, &mut |found| each(Whose::Own, found));
            if let Some(joined) = joined {
                joined.compare(*at, *gram, value, &mut |found| each(Whose::Joined, found));
            }
        }
        self.single(value, &mut |found| each(Whose::Own, found));
        if let Some(joined) = joined {
            joined.single(value, &mut |found| each(Whose::Joined, found));
        }
    }

    /// Whether a long value is worth looking at line by line: no text spans lines, and no faster
    /// means than the walk is at hand.
    pub(crate) fn by_line(&self, joined: Option<&Self>) -> bool {
        self.few.is_none() && self.one_line && joined.is_none_or(|j| j.one_line)
    }

    /// Finds the texts of one byte.
    fn single(&self, value: &[u8], each: &mut impl FnMut(Found)) {
        // Of many bytes it is first found out which occur at all.
        let mut present = [u64::MAX; 4];
        if self.singles.len() > FEW_SINGLES_MAX {
            present = [0; 4];
            value.iter().for_each(|b| present[usize::from(*b >> 6)] |= 1 << (b & 63));
        }
        for &(byte, text) in &self.singles {
            if present[usize::from(byte >> 6)] >> (byte & 63) & 1 == 0 {
                continue;
            }
            let Some(start) = memchr::memchr(byte, value) else { continue };
            each(Found { text, start, end: start + 1 });
            if start + 1 < value.len() && value.last() == Some(&byte) {
                each(Found { text, start: value.len() - 1, end: value.len() });
            }
        }
    }

    /// Compares the texts filed under a gram that begins at `at`.
    #[inline(never)]
    fn compare(&self, at: usize, gram: Gram, value: &[u8], each: &mut impl FnMut(Found)) {
        let (grams, gram) = match gram {
            Gram::Quad(gram) => (&self.quads, gram),
            Gram::Pair(gram) => (&self.pairs, gram),
        };
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
    /// By the hash's leading bits: where the entries begin; one more for the end.
    starts: Box<[u32]>,
    entries: Box<[Entry]>,
    /// Shift that leaves the bits needed of a hash.
    shift: u32,
}

impl Grams {
    fn new(unsorted: Vec<Entry>) -> Self {
        let Some(any) = unsorted.first() else {
            return Self::default();
        };
        let bits = unsorted.len().next_power_of_two().trailing_zeros().clamp(1, 20);
        let shift = 32 - bits;
        let mut starts = vec![0u32; (1 << bits) + 1];
        // Sorted by counting: `starts` tells where each bucket ends, then where it begins.
        let bucket = |entry: &Entry| (hash(entry.gram) >> shift) as usize;
        unsorted.iter().for_each(|entry| starts[bucket(entry)] += 1);
        let mut end = 0;
        for start in &mut starts {
            end += *start;
            *start = end;
        }
        let mut entries = vec![*any; unsorted.len()];
        for entry in unsorted.iter().rev() {
            let start = &mut starts[bucket(entry)];
            *start -= 1;
            entries[*start as usize] = *entry;
        }
        Self { starts: starts.into(), entries: entries.into(), shift }
    }

    #[inline]
    fn bucket(&self, gram: u32) -> &[Entry] {
        let at = (hash(gram) >> self.shift) as usize;
        let range = self.starts.get(at).zip(self.starts.get(at + 1));
        range.and_then(|(from, to)| self.entries.get(*from as usize..*to as usize)).unwrap_or(&[])
    }
}

/// Multiplicative hashing: the leading bits depend on all of the gram.
#[inline]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9e37_79b1)
}

/// How often grams occur in the texts of all rules: what many name is common in events too.
pub(crate) struct Rarity {
    /// By hash, so that some grams pass for commoner than they are.
    counts: Box<[u16; 1 << 16]>,
}

impl Default for Rarity {
    fn default() -> Self {
        Self { counts: Box::new([0; 1 << 16]) }
    }
}

impl Rarity {
    /// Counts a text's grams.
    pub(crate) fn add(&mut self, text: &str) {
        for window in text.as_bytes().windows(gram_size(text.len())) {
            let count = &mut self.counts[place(gram(window))];
            *count = count.saturating_add(1);
        }
    }

    /// A text to look for by its rarest gram.
    pub(crate) fn literal(&self, text: &str) -> Literal {
        let cost = |window: &[u8]| {
            let common: u32 = window.iter().map(|b| commonness(*b)).sum();
            u32::from(self.counts[place(gram(window))]) * 8 + common
        };
        let windows = text.as_bytes().windows(gram_size(text.len())).zip(0u32..);
        let best = windows.min_by_key(|(w, _)| cost(w));
        let (window, offset) = best.unwrap_or((text.as_bytes(), 0));
        Literal { text: text.into(), gram: gram(window), offset }
    }
}

/// Bytes of the gram of a text of so many bytes.
fn gram_size(text: usize) -> usize {
    if text < 4 { 2 } else { 4 }
}

fn place(gram: u32) -> usize {
    (hash(gram) >> 16) as usize
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
            // Others used together with them change nothing.
            let mut rarity = Rarity::default();
            texts.iter().skip(1).for_each(|text| rarity.add(text));
            let known: Vec<Literal> = texts.iter().map(|text| rarity.literal(text)).collect();
            let known: Vec<&Literal> = known.iter().collect();
            let half = &known[..known.len() / 2];
            let mut all = [Literals::new(half), Literals::new(&known)];
            Literals::together(all.iter_mut());
            let (mut got, mut room) = (Vec::new(), Candidates::default());
            all[1].find(None, value.as_bytes(), &mut room, |_, f| got.push((f.text, f.start, f.end)));
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
        let texts = ["\\cmd.exe", "\\wmic.exe", "\\net.exe"];
        let mut rarity = Rarity::default();
        texts.iter().for_each(|text| rarity.add(text));
        let grams = texts.map(|text| rarity.literal(text).gram);
        assert!(grams.iter().all(|g| *g != gram(b".exe")));
    }
}
