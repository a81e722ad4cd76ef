//! The words names are made of and stand beside, as data (`taxonomy/names/`), and what each
//! character can be, in one table.

use std::sync::LazyLock;

use hashbrown::{HashMap, HashSet};

/// Roles of a character.
pub(super) const SURNAME: u8 = 1;
pub(super) const RARE: u8 = 2;
pub(super) const GIVEN: u8 = 4;
pub(super) const NEVER: u8 = 8;
/// Begins a surname of two characters.
pub(super) const DOUBLE: u8 = 16;
/// Begins a word that follows names.
pub(super) const FOLLOWS: u8 = 32;
/// Ends a word that precedes names.
pub(super) const PRECEDES: u8 = 64;

/// What a word before or after a name is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Weak,
    Verb,
    Strong,
}

type ByChar = HashMap<char, Vec<(Vec<char>, Role)>>;

/// Pairs of characters as bits of a table: what is not there is told without looking it up.
struct Pairs(Vec<u64>);

/// Bits of the table: about ten for each pair.
const PAIR_BITS: u32 = 17;

impl Default for Pairs {
    fn default() -> Self {
        Self(vec![0; 1 << (PAIR_BITS - 6)])
    }
}

impl Pairs {
    fn place(a: char, b: char) -> (usize, u64) {
        let both = u32::from(a).wrapping_mul(0x9E37_79B1) ^ u32::from(b).wrapping_mul(0x85EB_CA6B);
        let bit = (both.wrapping_mul(0xC2B2_AE35) >> (32 - PAIR_BITS)) as usize;
        (bit / 64, 1 << (bit % 64))
    }

    fn add(&mut self, a: char, b: char) {
        let (word, bit) = Self::place(a, b);
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= bit;
        }
    }

    fn has(&self, a: char, b: char) -> bool {
        let (word, bit) = Self::place(a, b);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }
}

/// All of it.
pub(super) struct Lexicon {
    roles: Vec<u8>,
    doubles: HashSet<[char; 2]>,
    words: HashSet<&'static [u8]>,
    titles: HashSet<&'static [u8]>,
    /// How words and titles begin.
    begins: Pairs,
    /// By their last character.
    before: ByChar,
    /// By their first character.
    after: ByChar,
}

const SURNAMES: &str = include_str!("../../../../taxonomy/names/surnames.txt");
const GIVEN_TEXT: &str = include_str!("../../../../taxonomy/names/given.txt");
const NEVER_TEXT: &str = include_str!("../../../../taxonomy/names/never.txt");
const WORDS: &str = include_str!("../../../../taxonomy/names/words.txt");
const BEFORE: &str = include_str!("../../../../taxonomy/names/before.txt");
const AFTER: &str = include_str!("../../../../taxonomy/names/after.txt");

const HAN_FIRST: u32 = 0x4E00;
const HAN_LAST: u32 = 0x9FFF;

pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::load);

/// The words of a section; the text before the first section is the section "".
fn section(text: &'static str, name: &str) -> impl Iterator<Item = &'static str> {
    let mut open = name.is_empty();
    let wanted = format!("[{name}]");
    text.lines()
        .filter(move |line| {
            if line.starts_with('[') {
                open = *line == wanted;
                return false;
            }
            open && !line.starts_with('#')
        })
        .flat_map(str::split_whitespace)
}

impl Lexicon {
    fn load() -> Self {
        let mut lexicon = Self {
            roles: vec![0; (HAN_LAST - HAN_FIRST + 1) as usize],
            doubles: HashSet::new(),
            words: section(WORDS, "").map(str::as_bytes).collect(),
            titles: section(AFTER, "title")
                .chain(section(BEFORE, "label"))
                .map(str::as_bytes)
                .collect(),
            begins: Pairs::default(),
            before: HashMap::new(),
            after: HashMap::new(),
        };
        for word in lexicon.words.iter().chain(&lexicon.titles) {
            let mut chars = std::str::from_utf8(word).unwrap_or_default().chars();
            if let (Some(a), Some(b)) = (chars.next(), chars.next()) {
                lexicon.begins.add(a, b);
            }
        }
        let singles = [
            (section(SURNAMES, "usual").collect::<Vec<_>>(), SURNAME),
            (section(SURNAMES, "rare").collect(), RARE),
            (section(GIVEN_TEXT, "").collect(), GIVEN),
            (section(NEVER_TEXT, "").collect(), NEVER),
        ];
        for (lines, role) in singles {
            for c in lines.iter().flat_map(|line| line.chars()) {
                lexicon.mark(c, role);
            }
        }
        for word in section(SURNAMES, "double") {
            let mut chars = word.chars();
            if let (Some(a), Some(b)) = (chars.next(), chars.next()) {
                lexicon.mark(a, DOUBLE);
                lexicon.doubles.insert([a, b]);
            }
        }
        for (name, role) in [("label", Role::Strong), ("weak", Role::Weak)] {
            for word in section(BEFORE, name) {
                let chars: Vec<char> = word.chars().collect();
                let Some(last) = chars.last().copied() else { continue };
                lexicon.mark(last, PRECEDES);
                lexicon.before.entry(last).or_default().push((chars, role));
            }
        }
        for (name, role) in [("title", Role::Strong), ("verb", Role::Verb), ("weak", Role::Weak)] {
            for word in section(AFTER, name) {
                let chars: Vec<char> = word.chars().collect();
                let Some(first) = chars.first().copied() else { continue };
                lexicon.mark(first, FOLLOWS);
                lexicon.after.entry(first).or_default().push((chars, role));
            }
        }
        lexicon
    }

    fn mark(&mut self, c: char, role: u8) {
        if let Some(at) = u32::from(c).checked_sub(HAN_FIRST)
            && let Some(roles) = self.roles.get_mut(at as usize)
        {
            *roles |= role;
        }
    }

    /// The roles of a character; 0 outside the Han block.
    pub(super) fn roles(&self, c: char) -> u8 {
        let at = u32::from(c).wrapping_sub(HAN_FIRST);
        self.roles.get(at as usize).copied().unwrap_or(0)
    }

    pub(super) fn is_double(&self, a: char, b: char) -> bool {
        self.roles(a) & DOUBLE != 0 && self.doubles.contains(&[a, b])
    }

    /// Whether the characters are one of these: 次仁 is a name, whatever 次 is by itself.
    pub(super) fn is_pair(&self, chars: &[char]) -> bool {
        matches!(chars, [a, b] if self.is_double(*a, *b))
    }

    /// Whether the characters are an everyday word.
    pub(super) fn is_word(&self, chars: &[char]) -> bool {
        self.may_be_one(chars) && in_set(&self.words, chars)
    }

    /// Whether the characters are a title or a relation.
    pub(super) fn is_title(&self, chars: &[char]) -> bool {
        self.may_be_one(chars) && in_set(&self.titles, chars)
    }

    /// Whether a word or title begins like this; nearly no name does.
    fn may_be_one(&self, chars: &[char]) -> bool {
        match chars {
            [a, b, ..] => self.begins.has(*a, *b),
            _ => true,
        }
    }

    /// The best word that ends before `end`; `char_at` gives characters.
    pub(super) fn before(
        &self,
        end: usize,
        char_at: impl Fn(usize) -> char,
    ) -> Option<(Role, usize)> {
        let last = char_at(end.checked_sub(1)?);
        if u32::from(last) >= 0x80 && self.roles(last) & PRECEDES == 0 {
            return None;
        }
        let fits = |word: &[char]| {
            word.len() <= end
                && word.iter().enumerate().all(|(i, c)| char_at(end - word.len() + i) == *c)
        };
        best(self.before.get(&last)?, fits)
    }

    /// The best word that starts at `at`.
    pub(super) fn after(
        &self,
        at: usize,
        char_at: impl Fn(usize) -> char,
    ) -> Option<(Role, usize)> {
        let first = char_at(at);
        if u32::from(first) >= 0x4E00 && self.roles(first) & FOLLOWS == 0 {
            return None;
        }
        best(self.after.get(&first)?, |word| {
            word.iter().enumerate().all(|(i, c)| char_at(at + i) == *c)
        })
    }
}

fn best(words: &[(Vec<char>, Role)], fits: impl Fn(&[char]) -> bool) -> Option<(Role, usize)> {
    words.iter().filter(|(word, _)| fits(word)).map(|(word, role)| (*role, word.len())).max()
}

fn in_set(set: &HashSet<&'static [u8]>, chars: &[char]) -> bool {
    let mut buffer = [0u8; 24];
    let mut len = 0;
    for c in chars {
        let Some(place) = buffer.get_mut(len..len + c.len_utf8()) else { return false };
        len += c.encode_utf8(place).len();
    }
    buffer.get(..len).is_some_and(|word| set.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_title_is_found_and_few_pairs_are_taken_for_one() {
        let l = &*LEXICON;
        let of = |word: &&[u8]| std::str::from_utf8(word).unwrap().chars().collect::<Vec<_>>();
        assert!(l.words.iter().map(of).all(|w| l.is_word(&w)));
        assert!(l.titles.iter().map(of).all(|w| l.is_title(&w)));
        let taken = l.begins.0.iter().map(|bits| bits.count_ones()).sum::<u32>();
        assert!(taken < (1 << PAIR_BITS) / 4, "{taken}");
    }

    #[test]
    fn the_data_loads() {
        let l = &*LEXICON;
        assert!(
            l.roles('王') & SURNAME != 0 && l.roles('佘') & RARE != 0 && l.roles('芳') & GIVEN != 0
        );
        assert!(l.is_double('欧', '阳') && !l.is_double('欧', '洲'));
        assert!(l.is_word(&['高', '考']) && !l.is_word(&['高', '芳']) && l.is_title(&['老', '师']));
        let text: Vec<char> = "家长王芳来校".chars().collect();
        let at = |i: usize| text.get(i).copied().unwrap_or('\0');
        assert_eq!(l.before(2, at), Some((Role::Strong, 2)));
        assert_eq!(l.after(4, at).map(|w| w.0), Some(Role::Verb));
    }
}
