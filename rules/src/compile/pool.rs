//! All rules pooled.

use std::sync::Arc;

use events::FieldId;
use hashbrown::HashMap;

use super::field::FieldTable;
use super::program::{Logic, Program, Special};
use crate::rule::{Rule, RuleKind};
use crate::syntax::expr::{Expr, Field};
use crate::syntax::test::{Shape, Test};

/// Where a field of an event is looked at: which logical field, and at which place in its order
/// of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) logical: u32,
    pub(crate) rank: u32,
}

/// A detection ready to run.
pub(crate) struct Runnable {
    pub(crate) rule: u32,
    pub(crate) program: Program,
    /// Index into the distinct log sources of the rules.
    pub(crate) class: u32,
}

/// The pooled rules.
#[derive(Default)]
pub(crate) struct Compiled {
    pub(crate) tables: Vec<FieldTable>,
    /// By [`FieldId::index`].
    pub(crate) views: Vec<Box<[View]>>,
    /// The logical field of keywords, if any rule has some.
    pub(crate) keyword: Option<u32>,
    pub(crate) runnables: Vec<Runnable>,
    /// By predicate: which runnables may hold once it does.
    pub(crate) triggers: Vec<Box<[u32]>>,
    /// Runnables that no predicate needs to wake.
    pub(crate) always: Vec<u32>,
    pub(crate) specials: Vec<Special>,
    pub(crate) predicates: usize,
    /// By logical field, the classes that read it, as a bit set.
    pub(crate) readers: Vec<Vec<u64>>,
    pub(crate) classes: Vec<events::LogSource>,
}

#[derive(Default)]
struct Pool {
    logical: HashMap<Vec<FieldId>, u32>,
    /// By logical field.
    candidates: Vec<Vec<FieldId>>,
    predicates: HashMap<(u32, Vec<Test>), u32>,
    /// By predicate: its logical field, its tests.
    defs: Vec<(u32, Vec<Test>)>,
    /// By predicate: how many rules use it.
    uses: Vec<u32>,
    specials: Vec<Special>,
    readers: Vec<Vec<u64>>,
}

/// Pools and compiles every detection.
pub(crate) fn compile(rules: &[Rule]) -> Compiled {
    let mut pool = Pool::default();
    let mut classes: Vec<events::LogSource> = Vec::new();
    let mut known: HashMap<events::LogSource, u32> = HashMap::new();
    let mut logics = Vec::new();
    for (rule, at) in rules.iter().zip(0u32..) {
        let RuleKind::Detection(detected) = &rule.kind else { continue };
        let class = *known.entry(rule.logsource.clone()).or_insert_with(|| {
            classes.push(rule.logsource.clone());
            classes.len() as u32 - 1
        });
        logics.push((at, class, pool.logic(&detected.expr, class)));
    }
    let mut out = Compiled { classes, predicates: pool.defs.len(), ..Compiled::default() };
    let mut triggers: Vec<Vec<u32>> = vec![Vec::new(); pool.defs.len()];
    for (rule, class, logic) in logics {
        let index = out.runnables.len() as u32;
        match pool.needed(&logic, true) {
            Some((_, ids)) => ids.iter().for_each(|id| triggers[*id as usize].push(index)),
            None => out.always.push(index),
        }
        let logic = pool.ordered(logic);
        out.runnables.push(Runnable { rule, program: Program::new(&logic), class });
    }
    out.triggers = triggers
        .into_iter()
        .map(|mut t| {
            t.sort_unstable();
            t.dedup();
            t.into()
        })
        .collect();
    pool.tables(&mut out);
    out
}

impl Pool {
    fn logical(&mut self, field: &Field, class: u32) -> u32 {
        // A field with no candidate can only be a keyword or one that no event can carry; the
        // latter must not look at every field.
        let key = if field.is_keyword() { Vec::new() } else { field.candidates.clone() };
        let next = self.candidates.len() as u32;
        let at = *self.logical.entry(key.clone()).or_insert(next);
        if at == next {
            self.candidates.push(key);
            self.readers.push(Vec::new());
        }
        let bits = &mut self.readers[at as usize];
        let word = class as usize / 64;
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << (class % 64);
        at
    }

    fn predicate(&mut self, logical: u32, tests: Vec<Test>) -> u32 {
        let key = (logical, tests);
        if let Some(&id) = self.predicates.get(&key) {
            self.uses[id as usize] += 1;
            return id;
        }
        let id = self.defs.len() as u32;
        self.defs.push(key.clone());
        self.uses.push(1);
        self.predicates.insert(key, id);
        id
    }

    fn logic(&mut self, expr: &Expr, class: u32) -> Logic {
        match expr {
            Expr::All(parts) => Logic::All(parts.iter().map(|p| self.logic(p, class)).collect()),
            Expr::Not(inner) => Logic::Not(Box::new(self.logic(inner, class))),
            Expr::Any(parts) => self.alternatives(parts, class),
            Expr::Atom(atom) => match &atom.test {
                Test::FieldRef { other, shape, cased } => {
                    let special = Special {
                        field: atom.field.clone(),
                        other: other.clone(),
                        shape: *shape,
                        cased: *cased,
                    };
                    self.specials.push(special);
                    Logic::Special(self.specials.len() as u32 - 1)
                }
                _ if !atom.field.is_keyword() && atom.field.candidates.is_empty() => {
                    Logic::Any(Vec::new())
                }
                test => {
                    let logical = self.logical(&atom.field, class);
                    Logic::Predicate(self.predicate(logical, vec![test.clone()]))
                }
            },
        }
    }

    /// Alternatives on one field become one predicate.
    fn alternatives(&mut self, parts: &[Expr], class: u32) -> Logic {
        let mut groups: Vec<(Arc<Field>, Vec<Test>)> = Vec::new();
        let mut rest = Vec::new();
        for part in parts {
            match part {
                Expr::Atom(atom) if !matches!(atom.test, Test::FieldRef { .. }) => {
                    match groups.iter_mut().find(|(f, _)| *f == atom.field) {
                        Some((_, tests)) => tests.push(atom.test.clone()),
                        None => groups.push((atom.field.clone(), vec![atom.test.clone()])),
                    }
                }
                other => rest.push(self.logic(other, class)),
            }
        }
        let mut out = Vec::new();
        for (field, mut tests) in groups {
            if !field.is_keyword() && field.candidates.is_empty() {
                continue;
            }
            // One order for equal sets, so that they are pooled.
            tests.sort_by_cached_key(|t| format!("{t:?}"));
            tests.dedup();
            let logical = self.logical(&field, class);
            out.push(Logic::Predicate(self.predicate(logical, tests)));
        }
        out.extend(rest);
        match out.pop() {
            Some(only) if out.is_empty() => only,
            Some(last) => {
                out.push(last);
                Logic::Any(out)
            }
            None => Logic::Any(out),
        }
    }

    /// Predicates of which at least one holds whenever the logic has the given outcome, with a
    /// guess how often they hold; the rarest choice. `None` if there is no such set.
    fn needed(&self, logic: &Logic, outcome: bool) -> Option<(f64, Vec<u32>)> {
        match (logic, outcome) {
            (Logic::Predicate(id), true) => Some((self.weight(*id), vec![*id])),
            (Logic::Predicate(_), false) | (Logic::Special(_), _) => None,
            (Logic::Not(inner), outcome) => self.needed(inner, !outcome),
            (Logic::All(parts), true) | (Logic::Any(parts), false) => parts
                .iter()
                .filter_map(|p| self.needed(p, outcome))
                .min_by(|a, b| a.0.total_cmp(&b.0)),
            (Logic::Any(parts), true) | (Logic::All(parts), false) => {
                let mut sum = 0.0;
                let mut all = Vec::new();
                for part in parts {
                    let (weight, ids) = self.needed(part, outcome)?;
                    sum += weight;
                    all.extend(ids);
                }
                Some((sum, all))
            }
        }
    }

    /// A guess how often a predicate holds: what many rules ask for is common in events too.
    fn weight(&self, id: u32) -> f64 {
        let (_, tests) = &self.defs[id as usize];
        let sum: f64 = tests.iter().map(weight).sum();
        sum * f64::from(self.uses[id as usize]).sqrt()
    }

    /// Puts the rarest part of every conjunction first, so that most runs end at once.
    fn ordered(&self, logic: Logic) -> Logic {
        match logic {
            Logic::All(parts) => {
                let mut parts: Vec<Logic> = parts.into_iter().map(|p| self.ordered(p)).collect();
                parts.sort_by(|a, b| self.likelihood(a).total_cmp(&self.likelihood(b)));
                Logic::All(parts)
            }
            Logic::Any(parts) => Logic::Any(parts.into_iter().map(|p| self.ordered(p)).collect()),
            Logic::Not(inner) => Logic::Not(Box::new(self.ordered(*inner))),
            leaf => leaf,
        }
    }

    fn likelihood(&self, logic: &Logic) -> f64 {
        match logic {
            Logic::Predicate(id) => self.weight(*id),
            Logic::Special(_) => 1_000.0,
            Logic::Not(_) => 500.0,
            Logic::All(parts) => parts.iter().map(|p| self.likelihood(p)).fold(1_000.0, f64::min),
            Logic::Any(parts) => parts.iter().map(|p| self.likelihood(p)).sum(),
        }
    }

    fn tables(self, out: &mut Compiled) {
        let mut by_logical: Vec<Vec<(usize, u32)>> = vec![Vec::new(); self.candidates.len()];
        for (at, (logical, _)) in self.defs.iter().enumerate() {
            by_logical[*logical as usize].push((at, at as u32));
        }
        let mut views: Vec<Vec<View>> = Vec::new();
        for (logical, candidates) in self.candidates.iter().enumerate() {
            let tests = by_logical[logical]
                .iter()
                .flat_map(|(at, id)| self.defs[*at].1.iter().map(move |t| (t, *id)));
            out.tables.push(FieldTable::build(tests));
            if candidates.is_empty() {
                out.keyword = Some(logical as u32);
            }
            for (rank, id) in candidates.iter().enumerate() {
                if views.len() <= id.index() {
                    views.resize(id.index() + 1, Vec::new());
                }
                views[id.index()].push(View { logical: logical as u32, rank: rank as u32 });
            }
        }
        out.views = views.into_iter().map(Into::into).collect();
        out.specials = self.specials;
        out.readers = self.readers;
    }
}

/// A guess how often a test holds, in no unit.
fn weight(test: &Test) -> f64 {
    let by_length = |len: usize| 60.0 / (len.min(30) as f64 + 1.0).powi(2);
    match test {
        Test::Present | Test::Any => 300.0,
        Test::Null => 40.0,
        // Event ids, ports and the like take few values.
        Test::Text { shape: Shape::Exact, text, .. } if text.len() <= 6 => 8.0,
        Test::Text { shape: Shape::Exact, .. } => 2.0,
        Test::Text { text, .. } => by_length(text.len()).max(0.3),
        Test::Glob { .. } => 3.0,
        Test::Regex(_) => 4.0,
        Test::Cidr(_) => 20.0,
        Test::Compare(..) | Test::DatePart(..) => 60.0,
        Test::FieldRef { .. } => 300.0,
    }
}
