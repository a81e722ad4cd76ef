//! Conditions that can never hold, or that hold for every event.
//!
//! Comparisons are taken as unknowns; between those of one field it is known which follows from
//! which (`f: abc` from nothing but itself, `f|contains: b` from `f: abc`). What is reported is
//! certain; what the search cannot settle within its budget is not reported.

use std::ops::ControlFlow;

use hashbrown::HashMap;

use crate::fold::fold;
use crate::syntax::expr::{Atom, Expr};
use crate::syntax::test::{Shape, Test};
use events::Value;

/// What is odd about a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Odd {
    Never,
    Always,
}

/// Assignments tried before giving up.
const BUDGET: u32 = 2_000;
/// Distinct comparisons beyond which nothing is sought.
const SEARCHED_MAX: usize = 64;

/// Whether a condition never or always holds, where that is certain.
pub(crate) fn odd(expr: &Expr) -> Option<Odd> {
    let problem = Problem::new(expr)?;
    // Does it hold where no field is? Then only what makes it false is sought, else what makes
    // it true.
    let bare = problem.eval(expr, &vec![false; problem.atoms.len()]);
    if problem.may_be(expr, !bare) {
        return None;
    }
    Some(if bare { Odd::Always } else { Odd::Never })
}

/// Distinct comparisons, and what follows from what.
struct Problem<'e> {
    atoms: Vec<&'e Atom>,
    index: HashMap<(&'e str, &'e Test), usize>,
    /// By atom, those that hold whenever it does.
    implied: Vec<Vec<usize>>,
    /// By atom, those that make it hold.
    implying: Vec<Vec<usize>>,
}

/// Truth values, as far as they are settled.
type Partial = Vec<Option<bool>>;

/// The search could not settle it.
struct Unsettled;

impl<'e> Problem<'e> {
    /// `None` where there are too many comparisons.
    fn new(expr: &'e Expr) -> Option<Self> {
        let mut out = Self {
            atoms: Vec::new(),
            index: HashMap::new(),
            implied: Vec::new(),
            implying: Vec::new(),
        };
        out.collect(expr);
        let n = out.atoms.len();
        if n > SEARCHED_MAX {
            return None;
        }
        (out.implied, out.implying) = (vec![Vec::new(); n], vec![Vec::new(); n]);
        let mut by_field: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, atom) in out.atoms.iter().enumerate() {
            by_field.entry(atom.field.name.as_str()).or_default().push(at);
        }
        for group in by_field.values() {
            for &a in group {
                for &b in group {
                    if a != b && implies(&out.atoms[a].test, &out.atoms[b].test) {
                        out.implied[a].push(b);
                        out.implying[b].push(a);
                    }
                }
            }
        }
        Some(out)
    }

    fn collect(&mut self, expr: &'e Expr) {
        match expr {
            Expr::All(parts) | Expr::Any(parts) => parts.iter().for_each(|p| self.collect(p)),
            Expr::Not(inner) => self.collect(inner),
            Expr::Atom(atom) => {
                let at = self.atoms.len();
                let key = (atom.field.name.as_str(), &atom.test);
                if *self.index.entry(key).or_insert(at) == at {
                    self.atoms.push(atom);
                }
            }
        }
    }

    fn of(&self, atom: &Atom) -> usize {
        self.index.get(&(atom.field.name.as_str(), &atom.test)).copied().unwrap_or(0)
    }

    fn eval(&self, expr: &Expr, truth: &[bool]) -> bool {
        match expr {
            Expr::All(parts) => parts.iter().all(|p| self.eval(p, truth)),
            Expr::Any(parts) => parts.iter().any(|p| self.eval(p, truth)),
            Expr::Not(inner) => !self.eval(inner, truth),
            Expr::Atom(atom) => truth[self.of(atom)],
        }
    }

    /// The value of an expression as far as it is settled, and an atom it hangs on.
    fn partial(&self, expr: &Expr, truth: &Partial) -> (Option<bool>, Option<usize>) {
        match expr {
            Expr::Atom(atom) => {
                let at = self.of(atom);
                (truth[at], truth[at].is_none().then_some(at))
            }
            Expr::Not(inner) => {
                let (value, hangs) = self.partial(inner, truth);
                (value.map(|v| !v), hangs)
            }
            Expr::All(parts) | Expr::Any(parts) => {
                // What settles the whole: a false part of all, a true part of any.
                let settles = matches!(expr, Expr::Any(_));
                let mut hangs = None;
                let found = parts.iter().try_for_each(|part| {
                    match self.partial(part, truth) {
                        (Some(v), _) if v == settles => return ControlFlow::Break(()),
                        (Some(_), _) => {}
                        (None, on) => hangs = hangs.or(on),
                    }
                    ControlFlow::Continue(())
                });
                match (found, hangs) {
                    (ControlFlow::Break(()), _) => (Some(settles), None),
                    (_, None) => (Some(!settles), None),
                    (_, on) => (None, on),
                }
            }
        }
    }

    /// Whether some event may give the expression the value; `false` only when that is certain.
    fn may_be(&self, expr: &Expr, wanted: bool) -> bool {
        let mut budget = BUDGET;
        let mut truth = vec![None; self.atoms.len()];
        self.deeper(expr, wanted, &mut truth, &mut budget).unwrap_or(true)
    }

    fn deeper(
        &self,
        expr: &Expr,
        wanted: bool,
        truth: &mut Partial,
        budget: &mut u32,
    ) -> Result<bool, Unsettled> {
        *budget = budget.checked_sub(1).ok_or(Unsettled)?;
        let on = match self.partial(expr, truth) {
            (Some(value), _) => return Ok(value == wanted),
            (None, None) => return Err(Unsettled),
            (None, Some(on)) => on,
        };
        for value in [true, false] {
            let mut next = truth.clone();
            if self.assign(on, value, &mut next) && self.deeper(expr, wanted, &mut next, budget)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Settles a comparison and what follows; `false` when that contradicts.
    fn assign(&self, at: usize, value: bool, truth: &mut Partial) -> bool {
        let follow = if value { &self.implied[at] } else { &self.implying[at] };
        truth[at] = Some(value);
        for &other in follow {
            match truth[other] {
                Some(have) if have != value => return false,
                _ => truth[other] = Some(value),
            }
        }
        true
    }
}

/// Whether every value that satisfies one test satisfies the other.
fn implies(a: &Test, b: &Test) -> bool {
    match (a, b) {
        (_, Test::Present) => true,
        (Test::Null | Test::Present, _) => false,
        (Test::FieldRef { .. } | Test::Any, Test::Any) => true,
        (Test::FieldRef { .. } | Test::Any, _) => false,
        (_, Test::Any) => true,
        (
            Test::Text { shape: sa, text: ta, cased: ca },
            Test::Text { shape: sb, text: tb, cased: cb },
        ) => {
            if *cb && !*ca {
                return false;
            }
            let have = if *ca && !*cb { fold(ta) } else { ta.clone() };
            match (sa, sb) {
                (Shape::Exact, Shape::Exact) => have == *tb,
                (Shape::Exact | Shape::Prefix, Shape::Prefix) => have.starts_with(tb),
                (Shape::Exact | Shape::Suffix, Shape::Suffix) => have.ends_with(tb),
                (_, Shape::Contains) => have.contains(tb),
                _ => false,
            }
        }
        (Test::Text { shape: Shape::Exact, text, .. }, Test::Glob { cased: false, .. }) => {
            b.holds(Value::Str(text))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadOptions, RuleKind, RuleSet, Source};

    fn of(items: &str, condition: &str) -> Option<Odd> {
        let text = format!(
            "title: t\nid: t\nlogsource: {{product: x}}\ndetection:\n{items}  condition: {condition}\n"
        );
        let source = Source::new("t", text);
        let loaded = RuleSet::load(&[source], &LoadOptions::default());
        let RuleKind::Detection(d) = &loaded.set.rules()[0].kind else { panic!() };
        odd(&d.expr)
    }

    #[test]
    fn what_never_or_always_holds_is_found() {
        let ab = "  a: {f: abc}\n  b: {f|contains: b}\n";
        assert_eq!(of(ab, "a and not a"), Some(Odd::Never));
        assert_eq!(of(ab, "a and not b"), Some(Odd::Never));
        assert_eq!(of(ab, "b and not a"), None);
        assert_eq!(of(ab, "a or not a"), Some(Odd::Always));
        assert_eq!(of(ab, "b or not a"), Some(Odd::Always));
        assert_eq!(of(ab, "not a"), None);
        assert_eq!(of("  a: {f: null}\n  b: {f: x}\n", "not a and not b"), None);
        assert_eq!(of("  a: {f|exists: false}\n  b: {f: x}\n", "a and b"), Some(Odd::Never));
        // Both a value and its absence in other words.
        assert_eq!(of("  a: {f: '*'}\n  b: {f|startswith: x}\n", "b and not a"), Some(Odd::Never));
        assert_eq!(of("  a: {f: x, g: y}\n", "a"), None);
    }
}
