//! One logical field: given a value, which predicates hold, touching the value once.
//!
//! Equality is one hash look-up; `contains`, `startswith`, `endswith` and the literals that
//! patterns require share one Aho–Corasick automaton over the folded value; networks are a
//! look-up per prefix length; numbers a comparison each. What only a full comparison can tell
//! (wildcards, regular expressions, case) runs only when its literal was seen.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use events::Value;
use hashbrown::HashMap;

use super::required;
use crate::fold::fold_into;
use crate::syntax::test::{Number, Op, Shape, Test, mask, parse_address};

/// Patterns up to this many bytes together are made into a full automaton (fast, larger).
const DFA_BYTES_MAX: usize = 3_000;

/// Predicates, by number.
type Ids = Box<[u32]>;

/// The compiled comparisons of one logical field.
#[derive(Default)]
pub(crate) struct FieldTable {
    present: Ids,
    null: Ids,
    any: Ids,
    exact: HashMap<Box<str>, Ids>,
    exact_cased: HashMap<Box<str>, Ids>,
    automaton: Option<AhoCorasick>,
    literals: Box<[Literal]>,
    checks: Box<[Check]>,
    /// Checks that no literal stands before.
    always: Box<[u32]>,
    numbers: Box<[(Op, f64, u32)]>,
    networks: Box<[(u8, HashMap<u128, Ids>)]>,
}

/// What follows from finding a literal.
#[derive(Default, Clone)]
struct Literal {
    contains: Vec<u32>,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    checks: Vec<u32>,
}

struct Check {
    test: Test,
    predicate: u32,
}

/// Buffers for one value; reused.
#[derive(Default)]
pub(crate) struct Work {
    folded: String,
    number: String,
    /// Stamps by predicate: held for the value at hand.
    seen: Vec<u32>,
    stamp: u32,
}

impl Work {
    /// Makes room for predicates numbered below `len`, and forgets the last value.
    pub(crate) fn begin(&mut self, len: usize) {
        if self.seen.len() < len {
            self.seen.resize(len, 0);
        }
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.seen.fill(0);
            self.stamp = 1;
        }
    }

    #[inline]
    fn add(&mut self, id: u32, out: &mut Vec<u32>) {
        if let Some(slot) = self.seen.get_mut(id as usize)
            && *slot != self.stamp
        {
            *slot = self.stamp;
            out.push(id);
        }
    }

    #[inline]
    fn has(&self, id: u32) -> bool {
        self.seen.get(id as usize).is_some_and(|s| *s == self.stamp)
    }
}

impl FieldTable {
    /// Builds the table from every comparison of the field and the predicates it belongs to.
    pub(crate) fn build<'t>(tests: impl Iterator<Item = (&'t Test, u32)>) -> Self {
        let mut b = Builder::default();
        for (test, predicate) in tests {
            b.add(test, predicate);
        }
        b.finish()
    }

    /// Adds every predicate that holds for the value to `out`, each once since
    /// [`Work::begin`].
    pub(crate) fn eval(&self, value: Value<'_>, work: &mut Work, out: &mut Vec<u32>) {
        for &id in &self.present {
            work.add(id, out);
        }
        if matches!(value, Value::Null) {
            for &id in &self.null {
                work.add(id, out);
            }
            return;
        }
        for &id in &self.any {
            work.add(id, out);
        }
        let mut number = std::mem::take(&mut work.number);
        let text = text_of(value, &mut number);
        if let Some(ids) = self.exact_cased.get(text) {
            ids.iter().for_each(|id| work.add(*id, out));
        }
        if !self.exact.is_empty() || self.automaton.is_some() {
            let mut folded = std::mem::take(&mut work.folded);
            fold_into(text, &mut folded);
            if let Some(ids) = self.exact.get(folded.as_str()) {
                ids.iter().for_each(|id| work.add(*id, out));
            }
            self.scan(&folded, value, work, out);
            work.folded = folded;
        }
        for &check in &self.always {
            self.check(check, value, work, out);
        }
        if !self.numbers.is_empty()
            && let Some(have) = value.as_f64()
        {
            for &(op, bound, id) in &self.numbers {
                if op.holds(have, bound) {
                    work.add(id, out);
                }
            }
        }
        if !self.networks.is_empty()
            && let Some(bits) = parse_address(text)
        {
            for (prefix, nets) in &self.networks {
                if let Some(ids) = nets.get(&(bits & mask(*prefix))) {
                    ids.iter().for_each(|id| work.add(*id, out));
                }
            }
        }
        work.number = number;
    }

    fn scan(&self, folded: &str, value: Value<'_>, work: &mut Work, out: &mut Vec<u32>) {
        let Some(automaton) = &self.automaton else { return };
        for found in automaton.find_overlapping_iter(folded) {
            let Some(literal) = self.literals.get(found.pattern().as_usize()) else { continue };
            for &id in &literal.contains {
                work.add(id, out);
            }
            if found.start() == 0 {
                literal.prefix.iter().for_each(|id| work.add(*id, out));
            }
            if found.end() == folded.len() {
                literal.suffix.iter().for_each(|id| work.add(*id, out));
            }
            for &check in &literal.checks {
                self.check(check, value, work, out);
            }
        }
    }

    fn check(&self, check: u32, value: Value<'_>, work: &mut Work, out: &mut Vec<u32>) {
        if let Some(check) = self.checks.get(check as usize)
            && !work.has(check.predicate)
            && check.test.holds(value)
        {
            work.add(check.predicate, out);
        }
    }
}

/// The value as text, numbers written into the buffer.
fn text_of<'a>(value: Value<'a>, buffer: &'a mut String) -> &'a str {
    use std::fmt::Write;
    match value {
        Value::Str(s) => s,
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Null => "",
        Value::Int(_) | Value::Float(_) => {
            buffer.clear();
            // Writing to a string cannot fail.
            let _ = write!(buffer, "{value}");
            buffer
        }
    }
}

#[derive(Default)]
struct Builder {
    present: Vec<u32>,
    null: Vec<u32>,
    any: Vec<u32>,
    exact: HashMap<Box<str>, Vec<u32>>,
    exact_cased: HashMap<Box<str>, Vec<u32>>,
    literals: HashMap<String, usize>,
    effects: Vec<Literal>,
    checks: Vec<Check>,
    always: Vec<u32>,
    numbers: Vec<(Op, f64, u32)>,
    networks: HashMap<u8, HashMap<u128, Vec<u32>>>,
}

impl Builder {
    fn add(&mut self, test: &Test, id: u32) {
        match test {
            Test::Present => self.present.push(id),
            Test::Null => self.null.push(id),
            Test::Any => self.any.push(id),
            Test::Text { shape: Shape::Exact, text, cased } => {
                let map = if *cased { &mut self.exact_cased } else { &mut self.exact };
                map.entry(text.as_str().into()).or_default().push(id);
            }
            Test::Text { shape, text, cased: false } => {
                let literal = self.literal(text);
                match shape {
                    Shape::Prefix => literal.prefix.push(id),
                    Shape::Suffix => literal.suffix.push(id),
                    Shape::Contains | Shape::Exact => literal.contains.push(id),
                }
            }
            Test::Text { text, cased: true, .. } => {
                let folded = crate::fold::fold(text);
                self.check(test, id, Some(vec![folded]));
            }
            Test::Glob { pattern, .. } => {
                let required = required::of_pattern(pattern);
                self.check(test, id, required);
            }
            Test::Regex(re) => {
                let required = required::of_regex(&re.source);
                self.check(test, id, required);
            }
            Test::DatePart(..) => self.check(test, id, None),
            Test::Compare(op, Number(n)) => self.numbers.push((*op, *n, id)),
            Test::Cidr(net) => {
                self.networks.entry(net.prefix).or_default().entry(net.bits).or_default().push(id);
            }
            // Two fields: evaluated by the program.
            Test::FieldRef { .. } => {}
        }
    }

    fn literal(&mut self, text: &str) -> &mut Literal {
        let next = self.effects.len();
        let at = *self.literals.entry(text.to_owned()).or_insert(next);
        if at == next {
            self.effects.push(Literal::default());
        }
        &mut self.effects[at]
    }

    fn check(&mut self, test: &Test, predicate: u32, required: Option<Vec<String>>) {
        let at = self.checks.len() as u32;
        self.checks.push(Check { test: test.clone(), predicate });
        match required {
            Some(set) if !set.iter().any(String::is_empty) => {
                for text in set {
                    self.literal(&text).checks.push(at);
                }
            }
            _ => self.always.push(at),
        }
    }

    fn finish(self) -> FieldTable {
        let mut patterns: Vec<(&String, usize)> =
            self.literals.iter().map(|(t, at)| (t, *at)).collect();
        patterns.sort_by_key(|(_, at)| *at);
        let bytes: usize = patterns.iter().map(|(t, _)| t.len()).sum();
        let kind = if bytes <= DFA_BYTES_MAX {
            AhoCorasickKind::DFA
        } else {
            AhoCorasickKind::ContiguousNFA
        };
        let build = |kind| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(kind))
                .build(patterns.iter().map(|(t, _)| t.as_str()))
                .ok()
        };
        let automaton = if patterns.is_empty() {
            None
        } else {
            build(kind).or_else(|| build(AhoCorasickKind::NoncontiguousNFA))
        };
        let boxed = |map: HashMap<Box<str>, Vec<u32>>| {
            map.into_iter().map(|(k, v)| (k, v.into())).collect()
        };
        let mut networks: Vec<(u8, HashMap<u128, Ids>)> = self
            .networks
            .into_iter()
            .map(|(prefix, nets)| (prefix, nets.into_iter().map(|(k, v)| (k, v.into())).collect()))
            .collect();
        networks.sort_by_key(|(prefix, _)| *prefix);
        FieldTable {
            present: self.present.into(),
            null: self.null.into(),
            any: self.any.into(),
            exact: boxed(self.exact),
            exact_cased: boxed(self.exact_cased),
            automaton,
            literals: self.effects.into(),
            checks: self.checks.into(),
            always: self.always.into(),
            numbers: self.numbers.into(),
            networks: networks.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;
    use crate::syntax::modifier::shaped;
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
            let table = FieldTable::build(tests.iter().zip(0u32..));
            let number = text.parse::<i64>();
            for value in [Value::Str(&text), Value::Null, number.map_or(Value::Bool(true), Value::Int)] {
                let mut work = Work::default();
                work.begin(tests.len());
                let mut got = Vec::new();
                table.eval(value, &mut work, &mut got);
                got.sort_unstable();
                let want: Vec<u32> =
                    tests.iter().zip(0u32..).filter(|(t, _)| t.holds(value)).map(|(_, i)| i).collect();
                prop_assert_eq!(got, want, "{:?} on {:?}", tests, value);
            }
        }
    }
}
