//! Gathers the comparisons of a family of fields into its table.

use hashbrown::HashMap;

use super::field::{Check, Effect, FieldTable, Ids};
use super::literals::Literals;
use super::words::Words;
use crate::syntax::test::{Number, Op, Shape, Test};

/// A table in the making.
#[derive(Default)]
pub(crate) struct Builder {
    present: Vec<u32>,
    null: Vec<u32>,
    any: Vec<u32>,
    exact: HashMap<Box<str>, Vec<u32>>,
    exact_cased: HashMap<Box<str>, Vec<u32>>,
    /// By literal, as numbered in [`Words`].
    effects: Vec<(u32, Effect)>,
    checks: Vec<Check>,
    always: Vec<u32>,
    numbers: Vec<(Op, f64, u32)>,
    networks: HashMap<u8, HashMap<u128, Vec<u32>>>,
}

impl Builder {
    /// Adds a comparison of the predicate `id`.
    pub(crate) fn add(&mut self, test: &Test, id: u32, wanted: &[u32]) {
        match test {
            Test::Present => self.present.push(id),
            Test::Null => self.null.push(id),
            Test::Any => self.any.push(id),
            Test::Text { shape: Shape::Exact, text, cased } => {
                let map = if *cased { &mut self.exact_cased } else { &mut self.exact };
                map.entry(text.as_str().into()).or_default().push(id);
            }
            // Every value begins with, ends with and holds the empty text.
            Test::Text { text, .. } if text.is_empty() => self.any.push(id),
            Test::Text { shape, cased: false, .. } => {
                self.effects.extend(wanted.iter().map(|text| (*text, Effect::Holds(*shape, id))));
            }
            Test::Text { cased: true, .. }
            | Test::Glob { .. }
            | Test::Regex(_)
            | Test::DatePart(..) => self.check(test, id, wanted),
            Test::Compare(op, Number(n)) => self.numbers.push((*op, *n, id)),
            Test::Cidr(net) => {
                self.networks.entry(net.prefix).or_default().entry(net.bits).or_default().push(id);
            }
            // Two fields: evaluated by the program.
            Test::FieldRef { .. } => {}
        }
    }

    fn check(&mut self, test: &Test, predicate: u32, wanted: &[u32]) {
        let at = self.checks.len() as u32;
        self.checks.push(Check { test: test.clone(), predicate });
        self.effects.extend(wanted.iter().map(|text| (*text, Effect::Check(at))));
        if wanted.is_empty() {
            self.always.push(at);
        }
    }

    /// The table.
    pub(crate) fn finish(mut self, words: &Words) -> FieldTable {
        self.effects.sort_unstable();
        self.effects.dedup();
        let (mut texts, mut effect_ends) = (Vec::new(), Vec::new());
        for of_literal in self.effects.chunk_by(|(a, _), (b, _)| a == b) {
            let literal = of_literal.first().and_then(|(text, _)| words.get(*text));
            texts.extend(literal);
            effect_ends.push(effect_ends.last().unwrap_or(&0) + of_literal.len() as u32);
        }
        let only_literals = self.present.is_empty()
            && self.null.is_empty()
            && self.any.is_empty()
            && self.exact.is_empty()
            && self.exact_cased.is_empty()
            && self.always.is_empty()
            && self.numbers.is_empty()
            && self.networks.is_empty();
        let words = only_literals && texts.iter().all(|literal| is_word(literal.text()));
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
            literals: Literals::new(&texts),
            effect_ends: effect_ends.into(),
            effects: self.effects.iter().map(|(_, effect)| *effect).collect(),
            checks: self.checks.into(),
            always: self.always.into(),
            numbers: self.numbers.into(),
            networks: networks.into(),
            words,
            number: 0,
        }
    }
}

/// Whether a literal is of ASCII and can lie in no number and no truth value written out.
fn is_word(literal: &str) -> bool {
    literal.is_ascii()
        && !literal.bytes().all(|b| b"0123456789+-.e".contains(&b))
        && !["true", "false", "-inf", "nan"].iter().any(|text| text.contains(literal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Value;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_word_lies_in_nothing_but_text(
            literal in "[0-9.einfatrusl+-]{1,4}",
            float in prop::num::f64::ANY,
            int in any::<i64>(),
        ) {
            let values = [Value::Float(float), Value::Int(int), Value::Bool(true), Value::Bool(false)];
            for value in values.into_iter().filter(|_| is_word(&literal)) {
                prop_assert!(!crate::fold::fold(&value.text()).contains(&literal), "{value}");
            }
        }
    }

    #[test]
    fn words_are_told_from_numbers() {
        assert!(["erase", "aaa", "admin", "trues"].iter().all(|w| is_word(w)));
        assert!(["e", "ru", "inf", "an", "1e9", "-.", "学"].iter().all(|w| !is_word(w)));
    }
}
