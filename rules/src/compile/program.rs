//! A rule as jumps over predicates: every step asks one predicate and goes on to the next step,
//! to yes or to no. No stack, no allocation, each predicate asked at most once on a path.

use std::sync::Arc;

use crate::syntax::expr::Field;
use crate::syntax::test::Shape;

/// What a rule comes down to once comparisons are predicates.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Logic {
    All(Vec<Logic>),
    Any(Vec<Logic>),
    Not(Box<Logic>),
    Predicate(u32),
    /// A comparison of two fields, by index into the rule set's table.
    Special(u32),
}

/// A comparison of two fields of one event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Special {
    pub(crate) field: Arc<Field>,
    pub(crate) other: Arc<Field>,
    pub(crate) shape: Shape,
    pub(crate) cased: bool,
}

const YES: u32 = u32::MAX;
const NO: u32 = u32::MAX - 1;
const SPECIAL: u32 = 1 << 31;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    what: u32,
    yes: u32,
    no: u32,
}

/// A compiled rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    steps: Box<[Step]>,
    start: u32,
}

impl Program {
    pub(crate) fn new(logic: &Logic) -> Self {
        let mut steps = Vec::new();
        let start = emit(logic, YES, NO, &mut steps);
        Self { steps: steps.into(), start }
    }

    /// Every predicate it may ask.
    pub(crate) fn predicates(&self) -> impl Iterator<Item = u32> + '_ {
        self.steps.iter().map(|s| s.what).filter(|what| what & SPECIAL == 0)
    }

    /// Runs it: `predicate` and `special` say what holds.
    #[inline]
    pub(crate) fn run(
        &self,
        mut predicate: impl FnMut(u32) -> bool,
        mut special: impl FnMut(u32) -> bool,
    ) -> bool {
        let mut at = self.start;
        loop {
            // YES and NO lie past the end.
            let Some(step) = self.steps.get(at as usize) else { return at == YES };
            let holds = if step.what & SPECIAL == 0 {
                predicate(step.what)
            } else {
                special(step.what & !SPECIAL)
            };
            at = if holds { step.yes } else { step.no };
        }
    }
}

/// Emits steps back to front and returns where they begin.
fn emit(logic: &Logic, yes: u32, no: u32, steps: &mut Vec<Step>) -> u32 {
    match logic {
        Logic::All(parts) => parts.iter().rev().fold(yes, |next, p| emit(p, next, no, steps)),
        Logic::Any(parts) => parts.iter().rev().fold(no, |next, p| emit(p, yes, next, steps)),
        Logic::Not(inner) => emit(inner, no, yes, steps),
        Logic::Predicate(id) => push(Step { what: *id, yes, no }, steps),
        Logic::Special(id) => push(Step { what: *id | SPECIAL, yes, no }, steps),
    }
}

fn push(step: Step, steps: &mut Vec<Step>) -> u32 {
    steps.push(step);
    steps.len() as u32 - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn logic() -> impl Strategy<Value = Logic> {
        let leaf = (0u32..6).prop_map(Logic::Predicate);
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Logic::All),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Logic::Any),
                inner.prop_map(|l| Logic::Not(Box::new(l))),
            ]
        })
    }

    fn naive(logic: &Logic, set: u32) -> bool {
        match logic {
            Logic::All(p) => p.iter().all(|l| naive(l, set)),
            Logic::Any(p) => p.iter().any(|l| naive(l, set)),
            Logic::Not(l) => !naive(l, set),
            Logic::Predicate(id) | Logic::Special(id) => set >> id & 1 == 1,
        }
    }

    proptest! {
        #[test]
        fn a_program_means_its_logic(l in logic()) {
            let program = Program::new(&l);
            for set in 0..64 {
                prop_assert_eq!(program.run(|id| set >> id & 1 == 1, |_| false), naive(&l, set));
            }
        }
    }
}
