//! Long values line by line. A script block or the context of a PowerShell command differs from
//! the one before in a line or two: what literals lie in the others is known from that one, or
//! else from the memo.

use events::Value;

use crate::compile::literals::{Candidates, Found, Literals, Whose};
use crate::memo::{About, Memo};

/// Shortest value looked at line by line, in bytes.
const LONG_BYTES_MIN: usize = 256;
/// Most places of one line that are remembered.
const PLACES_MAX: usize = 1 << 12;
/// Longest value kept until the next one comes, in bytes, and most places in it.
const KEPT_BYTES_MAX: usize = 64 << 10;
const KEPT_PLACES_MAX: usize = 1 << 12;
/// Most values kept, each of another table or plan.
const KEPT_MAX: usize = 32;
/// Bytes of two values compared together.
const BLOCK: usize = 128;

/// Marks what the memo knows of lines, not of the values of a field; fields have lower numbers.
const LINES: u32 = 1 << 30;

/// Where lines are remembered, and for which plan.
pub(crate) struct Lines<'m> {
    pub(crate) memo: &'m mut Memo,
    pub(crate) plan: u32,
}

/// Buffers; reused.
#[derive(Default)]
pub(crate) struct Room {
    candidates: Candidates,
    /// The last long value of each table.
    kept: Vec<(About, Taken)>,
    /// Which of the kept ones makes room next.
    oldest: usize,
    /// The value at hand.
    next: Taken,
}

/// A long value taken apart.
#[derive(Default)]
struct Taken {
    text: String,
    /// By line: its length in bytes, and how many places were found in it.
    lines: Vec<(usize, usize)>,
    /// The places in the order of lines.
    places: Vec<Place>,
}

/// A literal found in a line.
#[derive(Clone, Copy)]
struct Place {
    /// Its number, and in the lowest bit whose it is.
    text: u32,
    /// Where it begins within its line.
    start: u32,
}

impl Room {
    /// The last long value about this, or an empty one in its place.
    fn kept(&mut self, about: About) -> &mut Taken {
        let at = self.kept.iter().position(|(of, _)| *of == about).unwrap_or_else(|| {
            if self.kept.len() < KEPT_MAX {
                self.kept.push((about, Taken::default()));
                return self.kept.len() - 1;
            }
            self.oldest = (self.oldest + 1) % KEPT_MAX;
            self.kept[self.oldest] = (about, Taken::default());
            self.oldest
        });
        &mut self.kept[at].1
    }
}

impl Taken {
    fn clear(&mut self) {
        self.text.clear();
        self.lines.clear();
        self.places.clear();
    }

    fn is_kept(&self) -> bool {
        self.text.len() <= KEPT_BYTES_MAX && self.places.len() <= KEPT_PLACES_MAX
    }

    /// Its lines as they begin: where each begins in the text and among the places.
    fn starts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.lines.iter().scan((0, 0), |at, (bytes, places)| {
            let here = *at;
            *at = (at.0 + bytes, at.1 + places);
            Some(here)
        })
    }

    /// How many of its lines a text begins with; whole lines of that text too.
    fn shared(&self, text: &str) -> usize {
        let blocks = text.as_bytes().chunks(BLOCK).zip(self.text.as_bytes().chunks(BLOCK));
        let same = BLOCK * blocks.take_while(|(a, b)| a == b).count();
        // The last line may go on in the other.
        let ended = self.lines.len().saturating_sub(1);
        let ends = self.starts().skip(1).map(|(end, _)| end).take(ended);
        ends.take_while(|end| *end <= same).count()
    }

    /// Adds a line of the text at hand with the places found in it.
    fn add(&mut self, line: &str, places: impl Iterator<Item = Place>) {
        let before = self.places.len();
        self.text.push_str(line);
        self.places.extend(places);
        self.lines.push((line.len(), self.places.len() - before));
    }
}

impl Lines<'_> {
    /// [`Literals::find`] in a text, for the table of a number and perhaps those joined to it.
    pub(crate) fn find(
        &mut self,
        table: u32,
        (literals, joined): (&Literals, Option<&Literals>),
        text: &str,
        room: &mut Room,
        mut each: impl FnMut(Whose, Found),
    ) {
        if text.len() < LONG_BYTES_MIN || !literals.by_line(joined) {
            return literals.find(joined, text.as_bytes(), &mut room.candidates, each);
        }
        let about =
            About { plan: self.plan, field: LINES | table, views: u64::from(joined.is_some()) };
        let mut next = std::mem::take(&mut room.next);
        let last = std::mem::take(room.kept(about));
        self.take_apart(about, (literals, joined), text, &last, &mut next, &mut room.candidates);
        for ((before, from), (_, count)) in next.starts().zip(&next.lines) {
            for place in next.places.get(from..from + count).unwrap_or_default() {
                let (whose, of) = match joined {
                    Some(joined) if place.text & 1 == 1 => (Whose::Joined, joined),
                    _ => (Whose::Own, literals),
                };
                let (text, start) = (place.text >> 1, before + place.start as usize);
                each(whose, Found { text, start, end: start + of.text(text).len() });
            }
        }
        let (kept, spare) = if next.is_kept() { (next, last) } else { (last, next) };
        *room.kept(about) = kept;
        room.next = spare;
    }

    /// Takes a text apart, with the help of the last one.
    fn take_apart(
        &mut self,
        about: About,
        (literals, joined): (&Literals, Option<&Literals>),
        text: &str,
        last: &Taken,
        next: &mut Taken,
        candidates: &mut Candidates,
    ) {
        next.clear();
        let shared = last.shared(text);
        let (at, places) = last.starts().nth(shared).unwrap_or_default();
        next.text.push_str(text.get(..at).unwrap_or_default());
        next.lines.extend_from_slice(last.lines.get(..shared).unwrap_or_default());
        next.places.extend_from_slice(last.places.get(..places).unwrap_or_default());
        // Beyond them, lines are compared with those that had the same number.
        let mut others = last.starts().zip(&last.lines).skip(shared);
        for line in text.get(at..).unwrap_or_default().split_inclusive('\n') {
            let other = others.next().filter(|((start, _), (len, _))| {
                last.text.as_bytes().get(*start..start + len) == Some(line.as_bytes())
            });
            if let Some(((_, from), (_, count))) = other {
                let known = last.places.get(from..from + count).unwrap_or_default();
                next.add(line, known.iter().copied());
                continue;
            }
            let key = self.memo.key(about, Value::Str(line));
            if let Some(answer) = key.as_ref().and_then(|key| self.memo.get(key)) {
                let known = answer.predicates().zip(answer.wakes());
                next.add(line, known.map(|(text, start)| Place { text, start }));
                continue;
            }
            let from = next.places.len();
            next.add(line, std::iter::empty());
            literals.find(joined, line.as_bytes(), candidates, |whose, found| {
                let text = found.text << 1 | u32::from(whose == Whose::Joined);
                next.places.push(Place { text, start: found.start as u32 });
            });
            let found = next.places.get(from..).unwrap_or_default();
            if let Some((_, count)) = next.lines.last_mut() {
                *count = found.len();
            }
            if let Some(key) = key.filter(|_| found.len() <= PLACES_MAX) {
                let texts = found.iter().map(|place| place.text);
                self.memo.put(&key, texts, found.iter().map(|place| place.start));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::literals::Rarity;
    use crate::memo::MemoLimits;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_tell_what_the_whole_tells(
            own in prop::collection::btree_set("[ab]{1,4}", 1..70),
            theirs in prop::collection::btree_set("[ab]{1,4}", 0..70),
            values in prop::collection::vec(prop::collection::vec("[ab]{0,9}\n?", 30..60), 1..4),
        ) {
            let rarity = Rarity::default();
            let literals = |set: std::collections::BTreeSet<String>| {
                let known: Vec<_> = set.iter().map(|text| rarity.literal(text)).collect();
                Literals::new(&known.iter().collect::<Vec<_>>())
            };
            let mut all = [literals(own), literals(theirs)];
            Literals::together(all.iter_mut());
            let [mut own, theirs] = all;
            own.join(&theirs);
            let joined = own.joined().then_some(&theirs);
            let mut memo = Memo::new(MemoLimits { values_max: 64, ..MemoLimits::default() });
            let (mut room, mut candidates) = (Room::default(), Candidates::default());
            for value in values {
                // Long enough to be taken apart.
                let text = value.concat().repeat(9) + &" ".repeat(LONG_BYTES_MIN);
                let (mut want, mut got) = (Vec::new(), Vec::new());
                own.find(joined, text.as_bytes(), &mut candidates, |w, f| {
                    want.push((w == Whose::Own, f.text, f.start, f.end));
                });
                let mut lines = Lines { memo: &mut memo, plan: 1 };
                lines.find(0, (&own, joined), &text, &mut room, |w, f| {
                    got.push((w == Whose::Own, f.text, f.start, f.end));
                });
                // Of one byte the first and last place of every line are told, not of the whole.
                let short = |found: &(bool, u32, usize, usize)| found.3 - found.2 == 1;
                prop_assert!(want.iter().filter(|f| short(f)).all(|f| got.contains(f)));
                want.retain(|f| !short(f));
                got.retain(|f| !short(f));
                want.sort_unstable();
                got.sort_unstable();
                prop_assert_eq!(got, want);
            }
        }
    }
}
