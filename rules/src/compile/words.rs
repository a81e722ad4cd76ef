//! The literals that comparisons ask for, each known once: worked out when rules are compiled, not
//! anew for every selection of rules.

use hashbrown::HashMap;

use super::literals::{Literal, Rarity};
use super::required;
use crate::fold::fold;
use crate::syntax::test::Test;

/// Literals by number, and which of them each comparison wants.
#[derive(Default)]
pub(crate) struct Words {
    literals: Vec<Literal>,
    /// By predicate, by test: the literals of which a value that fulfils it holds at least one.
    wanted: Vec<Box<[Box<[u32]>]>>,
}

impl Words {
    /// The literals of predicates, each of which is some tests.
    pub(crate) fn new<'t>(predicates: impl Iterator<Item = &'t [Test]>) -> Self {
        let mut rarity = Rarity::default();
        let mut texts: Vec<String> = Vec::new();
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut number = |text: String| {
            *numbers.entry(text).or_insert_with_key(|text| {
                texts.push(text.clone());
                texts.len() as u32 - 1
            })
        };
        let mut of_test = |test: &Test| {
            let required = required::of_test(test);
            match test {
                Test::Regex(_) => {}
                // Compared as a whole, and yet it tells what is common.
                Test::Text { text, .. } => rarity.add(&fold(text)),
                _ => required.iter().for_each(|text| rarity.add(text)),
            }
            required.into_iter().map(&mut number).collect()
        };
        let wanted = predicates.map(|tests| tests.iter().map(&mut of_test).collect()).collect();
        let literals = texts.iter().map(|text| rarity.literal(text)).collect();
        Self { literals, wanted }
    }

    /// A literal by its number.
    pub(crate) fn get(&self, number: u32) -> Option<&Literal> {
        self.literals.get(number as usize)
    }

    /// The literals that each test of a predicate wants.
    pub(crate) fn of(&self, predicate: u32) -> &[Box<[u32]>] {
        self.wanted.get(predicate as usize).map_or(&[], |wanted| wanted)
    }
}
