//! Long values line by line. A script block or the context of a PowerShell command differs from
//! the one before in a line or two; what literals lie in the others is remembered.

use events::Value;

use crate::compile::literals::{Candidates, Found, Literals, Whose};
use crate::memo::{About, Memo};

/// Shortest value looked at line by line, in bytes.
const LONG_BYTES_MIN: usize = 256;
/// Most places of one line that are remembered.
const PLACES_MAX: usize = 1 << 12;

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
    /// By place found in the line: the literal and whose it is, where it begins.
    texts: Vec<u32>,
    starts: Vec<u32>,
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
        let mut before = 0;
        for line in text.split_inclusive('\n') {
            let mut tell = |text: u32, start: u32| {
                let (whose, number) = (text & 1, text >> 1);
                let (whose, of) = match joined {
                    Some(joined) if whose == 1 => (Whose::Joined, joined),
                    _ => (Whose::Own, literals),
                };
                let start = before + start as usize;
                let end = start + of.text(number).len();
                each(whose, Found { text: number, start, end });
            };
            let key = self.memo.key(about, Value::Str(line));
            if let Some(answer) = key.as_ref().and_then(|key| self.memo.get(key)) {
                answer.predicates().zip(answer.wakes()).for_each(|(text, at)| tell(text, at));
            } else {
                let Room { candidates, texts, starts } = room;
                texts.clear();
                starts.clear();
                literals.find(joined, line.as_bytes(), candidates, |whose, found| {
                    texts.push(found.text << 1 | u32::from(whose == Whose::Joined));
                    starts.push(found.start as u32);
                });
                if let Some(key) = key.filter(|_| texts.len() <= PLACES_MAX) {
                    self.memo.put(&key, texts, starts);
                }
                texts.iter().zip(starts).for_each(|(text, at)| tell(*text, *at));
            }
            before += line.len();
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
