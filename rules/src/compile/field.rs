//! All comparisons of a family of fields: given a value, which predicates hold, touching the
//! value once.
//!
//! Equality is one hash look-up; `contains`, `startswith`, `endswith` and the literals that
//! patterns require are found together ([`Literals`]) in the folded value; networks are a look-up
//! per prefix length; numbers a comparison each. What only a full comparison can tell (wildcards,
//! regular expressions, case) runs only when its literal was seen.

use events::{Event, Value};
use hashbrown::HashMap;

use super::literals::{Found, Literals, Whose};
use crate::bits::Bits;
use crate::fold::folds_onto_ascii;
use crate::lines::{Lines, Room};
use crate::seen::Seen;
use crate::syntax::test::{Op, Shape, Test, mask, of_family, parse_address};

/// Predicates, by number.
pub(super) type Ids = Box<[u32]>;

/// The compiled comparisons of a family.
#[derive(Default)]
pub(crate) struct FieldTable {
    /// Its number among the tables that are used together.
    pub(super) number: u32,
    pub(super) present: Ids,
    pub(super) null: Ids,
    pub(super) any: Ids,
    pub(super) exact: HashMap<Box<str>, Ids>,
    pub(super) exact_cased: HashMap<Box<str>, Ids>,
    pub(super) literals: Literals,
    /// By literal, where its effects end.
    pub(super) effect_ends: Box<[u32]>,
    pub(super) effects: Box<[Effect]>,
    pub(super) checks: Box<[Check]>,
    /// Checks that no literal stands before.
    pub(super) always: Box<[u32]>,
    pub(super) numbers: Box<[(Op, f64, u32)]>,
    pub(super) networks: Box<[(u8, HashMap<u128, Ids>)]>,
    /// Every comparison needs one of the literals, and each of these is of ASCII and can lie in
    /// no number and no truth value.
    pub(super) words: bool,
}

/// What follows from finding a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// The predicate holds if the literal lies as the shape says.
    Holds(Shape, u32),
    /// The check may hold.
    Check(u32),
}

pub(super) struct Check {
    pub(super) test: Test,
    pub(super) predicate: u32,
}

/// Takes the predicates that hold for one value, each once, if they are wanted.
pub(crate) struct Sink<'s, F> {
    pub(crate) wants: F,
    pub(crate) work: &'s mut Work,
    pub(crate) out: &'s mut Vec<u32>,
}

/// Buffers of a sink; reused.
#[derive(Default)]
pub(crate) struct Work {
    held: Bits,
    taken: Taken,
}

/// What is lent out while a value is looked at.
#[derive(Default)]
struct Taken {
    checks: Vec<u32>,
    /// Checks of the table of keywords.
    joined: Vec<u32>,
    room: Room,
}

impl Work {
    /// Room for predicates below `len`.
    pub(crate) fn with_room(len: usize) -> Self {
        Self { held: Bits::with_room(len), ..Self::default() }
    }

    /// Lends the buffers; the lists of checks are empty.
    fn take(&mut self) -> Taken {
        let mut taken = std::mem::take(&mut self.taken);
        taken.checks.clear();
        taken.joined.clear();
        taken
    }
}

impl<F: Fn(u32) -> bool> Sink<'_, F> {
    #[inline]
    fn add(&mut self, id: u32) {
        if !self.work.held.has(id) && (self.wants)(id) {
            self.work.held.set(id);
            self.out.push(id);
        }
    }

    fn all(&mut self, ids: Option<&Ids>) {
        ids.into_iter().flatten().for_each(|id| self.add(*id));
    }

    /// Forgets the value.
    pub(crate) fn end(&mut self) {
        self.work.held.clear();
    }
}

impl FieldTable {
    /// Whether [`FieldTable::may_hold`] can tell more than yes.
    pub(crate) fn screens(&self) -> bool {
        self.words && self.literals.screens()
    }

    /// Whether any comparison may hold for any of an event's values. `room` is a buffer.
    pub(crate) fn may_hold(&self, event: &Event, room: &mut Vec<u8>) -> bool {
        if !self.screens() {
            return true;
        }
        let shortest = self.literals.shortest();
        room.clear();
        let texts = (0..event.len()).filter_map(|at| event.text_at(at));
        texts.filter(|text| text.len() >= shortest).for_each(|text| room.extend_from_slice(text));
        room.make_ascii_lowercase();
        // Texts one after the other are a text.
        let folds = || str::from_utf8(room).is_ok_and(folds_onto_ascii);
        self.literals.may_hold(room) || (!room.is_ascii() && folds())
    }

    /// Makes tables ready that will be used together.
    pub(crate) fn together(tables: &mut [Self]) {
        for (table, number) in tables.iter_mut().zip(0..) {
            table.number = number;
        }
        Literals::together(tables.iter_mut().map(|table| &mut table.literals));
    }

    /// Prepares for keywords in the same walk; see [`FieldTable::eval`].
    pub(crate) fn join(&mut self, keywords: &FieldTable) {
        self.literals.join(&keywords.literals);
    }

    /// Gives every predicate that holds for the value to the sink: of this table, and of the one
    /// of keywords if there is one.
    pub(crate) fn eval<F: Fn(u32) -> bool>(
        &self,
        keywords: Option<&FieldTable>,
        lines: &mut Lines<'_>,
        seen: &Seen<'_>,
        sink: &mut Sink<'_, F>,
    ) {
        if let Some(keywords) = keywords.filter(|_| !self.literals.joined()) {
            keywords.eval(None, lines, seen, sink);
            return self.eval(None, lines, seen, sink);
        }
        if matches!(seen.value, Value::Null) {
            for table in [Some(self), keywords].into_iter().flatten() {
                sink.all(Some(&table.present));
                sink.all(Some(&table.null));
            }
            return;
        }
        let mut taken = sink.work.take();
        let Taken { checks, joined, room } = &mut taken;
        let whole = seen.folded.len();
        let literals = (&self.literals, keywords.map(|k| &k.literals));
        lines.find(self.number, literals, seen.folded, room, |whose, found| match whose {
            Whose::Own => self.found(found, whole, sink, checks),
            Whose::Joined => {
                if let Some(keywords) = keywords {
                    keywords.found(found, whole, sink, joined);
                }
            }
        });
        self.rest(seen, sink, checks);
        if let Some(keywords) = keywords {
            keywords.rest(seen, sink, joined);
        }
        sink.work.taken = taken;
    }

    /// What follows from a literal that was found.
    fn found<F: Fn(u32) -> bool>(
        &self,
        found: Found,
        whole: usize,
        sink: &mut Sink<'_, F>,
        checks: &mut Vec<u32>,
    ) {
        for effect in self.effects(found.text) {
            match *effect {
                Effect::Check(check) => checks.push(check),
                Effect::Holds(shape, id) => {
                    let lies = match shape {
                        Shape::Contains => true,
                        Shape::Prefix => found.start == 0,
                        Shape::Suffix => found.end == whole,
                        Shape::Exact => found.start == 0 && found.end == whole,
                    };
                    if lies {
                        sink.add(id);
                    }
                }
            }
        }
    }

    /// All that no literal decides, and the checks that the literals found call for.
    fn rest<F: Fn(u32) -> bool>(
        &self,
        seen: &Seen<'_>,
        sink: &mut Sink<'_, F>,
        checks: &mut Vec<u32>,
    ) {
        sink.all(Some(&self.present));
        sink.all(Some(&self.any));
        sink.all(self.exact_cased.get(seen.text));
        sink.all(self.exact.get(seen.folded));
        self.check(seen, sink, checks);
        if !self.numbers.is_empty()
            && let Some(have) = seen.value.as_f64()
        {
            let holding = self.numbers.iter().filter(|(op, bound, _)| op.holds(have, *bound));
            holding.for_each(|(_, _, id)| sink.add(*id));
        }
        if !self.networks.is_empty()
            && let Some(bits) = parse_address(seen.text)
        {
            let family = |(prefix, _): &&(u8, _)| of_family(*prefix, bits);
            for (prefix, nets) in self.networks.iter().filter(family) {
                sink.all(nets.get(&(bits & mask(*prefix))));
            }
        }
    }

    fn effects(&self, literal: u32) -> &[Effect] {
        let at = literal as usize;
        let end = |at: usize| self.effect_ends.get(at).map_or(0, |end| *end as usize);
        let start = at.checked_sub(1).map_or(0, end);
        self.effects.get(start..end(at)).unwrap_or(&[])
    }

    /// Runs the checks that the literals found call for, and those that run always.
    fn check<F: Fn(u32) -> bool>(
        &self,
        seen: &Seen<'_>,
        sink: &mut Sink<'_, F>,
        checks: &mut Vec<u32>,
    ) {
        checks.sort_unstable();
        checks.dedup();
        for at in checks.iter().chain(&self.always) {
            if let Some(Check { test, predicate }) = self.checks.get(*at as usize)
                && !sink.work.held.has(*predicate)
                && (sink.wants)(*predicate)
                && seen.fulfils(test)
            {
                sink.add(*predicate);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::gather::Builder;
    use super::super::words::Words;
    use super::*;
    use crate::memo::{Memo, MemoLimits};
    use crate::pattern::Pattern;
    use crate::seen::Forms;
    use crate::syntax::modifier::shaped;
    use crate::syntax::test::Number;
    use proptest::prelude::*;

    fn any_test() -> impl Strategy<Value = Test> {
        let shape = prop_oneof![
            Just(Shape::Exact),
            Just(Shape::Contains),
            Just(Shape::Prefix),
            Just(Shape::Suffix)
        ];
        prop_oneof![
            8 => (shape, "[abAB*?学Я]{0,5}", any::<bool>())
                .prop_map(|(s, p, cased)| shaped(s, Pattern::parse(&p), cased)),
            1 => Just(Test::Present),
            1 => Just(Test::Null),
            1 => (-3i32..4).prop_map(|n| Test::Compare(Op::Gte, Number(f64::from(n)))),
        ]
    }

    proptest! {
        #[test]
        fn the_table_says_what_each_test_says(
            tests in prop::collection::vec(any_test(), 0..12),
            text in "[abAB学яЯ]{0,6}|-?[0-9]{1,2}",
        ) {
            let mut builder = Builder::default();
            let words = Words::new(tests.iter().map(std::slice::from_ref));
            for (test, id) in tests.iter().zip(0u32..) {
                builder.add(test, id, &words.of(id)[0]);
            }
            let mut table = [builder.finish(&words)];
            FieldTable::together(&mut table);
            let [table] = table;
            let mut memo = Memo::new(MemoLimits::default());
            let (mut forms, mut work) = (Forms::default(), Work::with_room(tests.len()));
            let number = text.parse::<i64>();
            for value in [Value::Str(&text), Value::Null, number.map_or(Value::Bool(true), Value::Int)] {
                let mut got = Vec::new();
                // Odd ones are not wanted.
                let mut sink = Sink { wants: |id| id % 2 == 0, work: &mut work, out: &mut got };
                let mut lines = Lines { memo: &mut memo, plan: 1 };
                table.eval(None, &mut lines, &forms.of(value), &mut sink);
                sink.end();
                got.sort_unstable();
                let even = tests.iter().zip(0u32..).filter(|(_, id)| id % 2 == 0);
                let want: Vec<u32> = even.filter(|(t, _)| t.holds(value)).map(|(_, i)| i).collect();
                prop_assert_eq!(got, want, "{:?} on {:?}", tests, value);
            }
        }
    }
}
