//! All rules pooled.

use std::sync::Arc;

use events::FieldId;
use hashbrown::HashMap;

use super::program::{Logic, Program, Special};
use super::tables::TableCache;
use super::words::Words;
use crate::bits::Bits;
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

/// Most needed sets kept per rule: the rarest by guess.
const NEEDS_MAX: usize = 8;

/// A detection ready to run.
pub(crate) struct Runnable {
    pub(crate) rule: u32,
    pub(crate) program: Program,
    /// Index into the distinct log sources of the rules.
    pub(crate) class: u32,
    /// Sets of predicates of each of which at least one holds whenever the rule does; none if
    /// the rule can hold with no predicate.
    pub(crate) needs: Box<[Box<[u32]>]>,
}

/// The pooled rules.
#[derive(Default)]
pub(crate) struct Compiled {
    /// By predicate: the alternatives of which one must hold.
    pub(crate) tests: Vec<Box<[Test]>>,
    /// The literals they want.
    pub(crate) words: Words,
    /// The tables made of them so far.
    pub(crate) made: TableCache,
    /// By logical field, its family.
    pub(crate) families: Vec<u32>,
    /// By predicate, its logical field.
    pub(crate) logical: Vec<u32>,
    /// By [`FieldId::index`].
    pub(crate) views: Vec<Box<[View]>>,
    /// The logical field of keywords, if any rule has some.
    pub(crate) keyword: Option<u32>,
    pub(crate) runnables: Vec<Runnable>,
    pub(crate) specials: Vec<Special>,
    pub(crate) predicates: usize,
    /// By predicate: a guess how often it holds, in no unit.
    pub(crate) weights: Vec<f32>,
    /// By logical field, the classes that read it.
    pub(crate) readers: Vec<Bits>,
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
    /// By logical field: the classes that read it.
    readers: Vec<Vec<u32>>,
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
    out.weights = (0..pool.defs.len() as u32).map(|id| pool.weight(id) as f32).collect();
    for (rule, class, logic) in logics {
        let mut needs = pool.needs(&logic, true);
        needs.sort_by(|a, b| a.0.total_cmp(&b.0));
        needs.truncate(NEEDS_MAX);
        let needs = needs.into_iter().map(|(_, ids)| ids.into()).collect();
        let program = Program::new(&pool.ordered(logic));
        out.runnables.push(Runnable { rule, program, class, needs });
    }
    pool.tables(&mut out);
    out
}

impl Compiled {
    /// Whether a predicate is of keywords.
    #[inline]
    pub(crate) fn is_keyword(&self, predicate: u32) -> bool {
        self.keyword.is_some() && self.keyword == self.logical.get(predicate as usize).copied()
    }
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
        let readers = &mut self.readers[at as usize];
        if !readers.contains(&class) {
            readers.push(class);
        }
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

    /// Sets of predicates of each of which at least one holds whenever the logic has the given
    /// outcome, with a guess how often that is.
    fn needs(&self, logic: &Logic, outcome: bool) -> Vec<(f64, Vec<u32>)> {
        match (logic, outcome) {
            (Logic::Predicate(id), true) => vec![(self.weight(*id), vec![*id])],
            (Logic::Predicate(_), false) | (Logic::Special(_), _) => Vec::new(),
            (Logic::Not(inner), outcome) => self.needs(inner, !outcome),
            (Logic::All(parts), true) | (Logic::Any(parts), false) => {
                parts.iter().flat_map(|p| self.needs(p, outcome)).collect()
            }
            (Logic::Any(parts), true) | (Logic::All(parts), false) => {
                self.either(parts, outcome).into_iter().collect()
            }
        }
    }

    /// Of every part its rarest set, together.
    fn either(&self, parts: &[Logic], outcome: bool) -> Option<(f64, Vec<u32>)> {
        let mut sum = 0.0;
        let mut all = Vec::new();
        for part in parts {
            let needs = self.needs(part, outcome).into_iter();
            let (weight, ids) = needs.min_by(|a, b| a.0.total_cmp(&b.0))?;
            sum += weight;
            all.extend(ids);
        }
        Some((sum, all))
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
        let mut views: Vec<Vec<View>> = Vec::new();
        let mut families = Families::new(self.candidates.len());
        for (candidates, logical) in self.candidates.iter().zip(0u32..) {
            if candidates.is_empty() {
                out.keyword = Some(logical);
            }
            for (id, rank) in candidates.iter().zip(0u32..) {
                if views.len() <= id.index() {
                    views.resize(id.index() + 1, Vec::new());
                }
                let views = &mut views[id.index()];
                if let Some(other) = views.first() {
                    families.join(other.logical, logical);
                }
                views.push(View { logical, rank });
            }
        }
        out.families = families.numbered();
        out.words = Words::new(self.defs.iter().map(|(_, tests)| tests.as_slice()));
        let defs = self.defs.into_iter().map(|(logical, tests)| (logical, tests.into()));
        (out.logical, out.tests) = defs.unzip();
        out.views = views.into_iter().map(Into::into).collect();
        out.specials = self.specials;
        let bits = |classes: &Vec<u32>| {
            let mut bits = Bits::with_room(out.classes.len());
            classes.iter().for_each(|class| bits.set(*class));
            bits
        };
        out.readers = self.readers.iter().map(bits).collect();
    }
}

/// Logical fields that share a candidate, directly or through others: one table serves them all,
/// so that a value is looked at once.
struct Families(Vec<u32>);

impl Families {
    fn new(len: usize) -> Self {
        Self((0..len as u32).collect())
    }

    fn first(&mut self, mut at: u32) -> u32 {
        while self.0[at as usize] != at {
            let above = self.0[self.0[at as usize] as usize];
            self.0[at as usize] = above;
            at = above;
        }
        at
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.first(one), self.first(other));
        self.0[one.max(other) as usize] = one.min(other);
    }

    /// By logical field, the number of its family.
    fn numbered(mut self) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(self.0.len());
        let mut next = 0;
        for at in 0..self.0.len() as u32 {
            // The first of a family has its lowest number, so it is met first.
            let first = self.first(at);
            if first == at {
                numbers.push(next);
                next += 1;
            } else {
                numbers.push(numbers[first as usize]);
            }
        }
        numbers
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
