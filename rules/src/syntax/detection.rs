//! From a detection as written to one boolean tree.

use std::ops::Range;

use events::LogSource;

use super::condition::{self, Cond};
use super::expr::Expr;
use super::modifier::{Modifiers, Values};
use super::written::{Group, Item, Written};
use crate::fields::Resolver;
use crate::limits;
use crate::pattern::Pattern;
use crate::problem::Diags;
use crate::yaml::Node;

/// What building an expression needs.
pub(crate) struct Reader<'r, 'd, 't> {
    pub(crate) source: &'r LogSource,
    pub(crate) resolver: &'r mut Resolver,
    pub(crate) values: Values<'r>,
    pub(crate) diags: &'d mut Diags<'t>,
    /// Comparisons made so far.
    pub(crate) made: usize,
}

/// One detection item, built.
struct Built<'w> {
    name: &'w str,
    /// `Some(None)` when a pipeline dropped all of it, `None` after an error.
    expr: Option<Option<Expr>>,
    used: bool,
}

impl Reader<'_, '_, '_> {
    /// The expression of a detection; `None` after an error.
    pub(crate) fn detection(&mut self, written: &Written) -> Option<Expr> {
        self.values.regexes.next_rule();
        let mut items: Vec<Built<'_>> = written
            .items
            .iter()
            .map(|(name, _, group)| Built { name, expr: self.group(group), used: false })
            .collect();
        let mut parts = Vec::new();
        let mut budget = Some(limits::TESTS_PER_RULE_MAX);
        let mut failed = items.iter().any(|i| i.expr.is_none());
        for node in &written.conditions {
            let text = node.text().unwrap_or("");
            match condition::parse(text) {
                Ok(cond) => match self.build(&cond, node, &mut items, &mut budget) {
                    Some(Some(expr)) => parts.push(expr),
                    Some(None) => failed |= self.nothing_left(&node.span),
                    None => failed = true,
                },
                Err(e) => {
                    self.diags.error(e.code, &condition::within(node, &e.at), &e.zh, &e.en);
                    failed = true;
                }
            }
        }
        let mut all = vec![Expr::any(parts)];
        for (group, negated) in &written.demanded {
            match self.group(group) {
                Some(Some(expr)) => all.push(if *negated { expr.negate() } else { expr }),
                Some(None) => {}
                None => failed = true,
            }
        }
        if failed {
            return None;
        }
        for (built, (_, span, _)) in items.iter().zip(&written.items) {
            if !built.used {
                self.diags.warning(
                    "R022",
                    span,
                    &format!("检测项 {} 未被条件使用", built.name),
                    &format!("the condition never uses {}", built.name),
                );
            }
        }
        Some(Expr::all(all))
    }

    fn nothing_left(&mut self, at: &Range<usize>) -> bool {
        self.diags.error(
            "R063",
            at,
            "处理管道删去了规则的全部检测项",
            "the pipelines leave nothing of this rule",
        );
        true
    }

    /// `Some(None)` when nothing is left of the condition.
    fn build(
        &mut self,
        cond: &Cond,
        at: &Node,
        items: &mut [Built<'_>],
        budget: &mut Option<usize>,
    ) -> Option<Option<Expr>> {
        match cond {
            Cond::Item(name, place) => match items.iter().position(|i| i.name == name) {
                Some(index) => self.take(&mut items[index], at, budget),
                None => {
                    self.unknown(at, place, name);
                    None
                }
            },
            Cond::Of { all, pattern, at: place } => {
                let glob = pattern.as_deref().map(Pattern::parse);
                let hidden = pattern.as_deref().is_some_and(|p| p.starts_with('_'));
                let mut parts = Vec::new();
                let mut some = false;
                for item in items.iter_mut() {
                    // Names that begin with `_` are meant by none but patterns that do, too.
                    let apart = item.name.starts_with('_') && !hidden;
                    let chosen = !apart && glob.as_ref().is_none_or(|g| g.fits(item.name));
                    if chosen {
                        some = true;
                        parts.extend(self.take(item, at, budget)?);
                    }
                }
                if !some {
                    self.unknown(at, place, pattern.as_deref().unwrap_or("them"));
                    return None;
                }
                Some(joined(*all, parts))
            }
            Cond::Not(inner) => Some(self.build(inner, at, items, budget)?.map(Expr::negate)),
            Cond::All(parts) | Cond::Any(parts) => {
                let mut built = Vec::new();
                let mut failed = false;
                for part in parts {
                    match self.build(part, at, items, budget) {
                        Some(expr) => built.extend(expr),
                        None => failed = true,
                    }
                }
                (!failed).then(|| joined(matches!(cond, Cond::All(_)), built))
            }
        }
    }

    fn take(
        &mut self,
        item: &mut Built<'_>,
        at: &Node,
        budget: &mut Option<usize>,
    ) -> Option<Option<Expr>> {
        item.used = true;
        let Some(expr) = item.expr.as_ref()? else { return Some(None) };
        // Said once: nothing is left of the budget then.
        let have = (*budget)?;
        *budget = have.checked_sub(expr.tests().max(1));
        if budget.is_none() {
            self.too_many(&at.span);
            return None;
        }
        Some(Some(expr.clone()))
    }

    fn unknown(&mut self, at: &Node, place: &Range<usize>, name: &str) {
        self.diags.error(
            "R021",
            &condition::within(at, place),
            &format!("条件引用的检测项 {name} 不存在"),
            &format!("the condition names {name}, which does not exist"),
        );
    }

    /// `Some(None)` when the group is gone, `None` after an error.
    fn group(&mut self, group: &Group) -> Option<Option<Expr>> {
        if group.is_gone() {
            return Some(None);
        }
        match group {
            Group::Item(item) => self.item(item).map(Some),
            Group::All(parts) | Group::Any(parts) => {
                let built: Vec<Option<Option<Expr>>> =
                    parts.iter().map(|p| self.group(p)).collect();
                let built = built.into_iter().collect::<Option<Vec<_>>>()?;
                let built = built.into_iter().flatten().collect();
                Some(joined(matches!(group, Group::All(_)), built))
            }
        }
    }

    fn item(&mut self, item: &Item) -> Option<Expr> {
        let names: Vec<&str> = item.modifiers.iter().map(String::as_str).collect();
        let m = Modifiers::parse(&names, &item.key, self.diags)?;
        let mut parts = Vec::with_capacity(item.values.len());
        let mut failed = false;
        for node in &item.values {
            // A list stands for alternatives that a pipeline made of one value.
            let made: Vec<Option<Expr>> =
                node.items().iter().map(|n| self.counted(&m, item, n)).collect();
            match made.into_iter().collect::<Option<Vec<_>>>() {
                Some(made) => parts.push(Expr::any(made)),
                None => failed = true,
            }
        }
        if failed {
            return None;
        }
        let expr = if m.all { Expr::all(parts) } else { Expr::any(parts) };
        Some(if m.neq { expr.negate() } else { expr })
    }

    /// A value's comparisons, unless the rule has too many; that is said once.
    fn counted(&mut self, m: &Modifiers, item: &Item, node: &Node) -> Option<Expr> {
        if self.made > limits::TESTS_PER_RULE_MAX {
            return None;
        }
        let expr = self.value(m, item, node)?;
        self.made += expr.tests();
        if self.made > limits::TESTS_PER_RULE_MAX {
            self.too_many(&node.span);
            return None;
        }
        Some(expr)
    }

    fn too_many(&mut self, at: &Range<usize>) {
        self.diags.error("R002", at, "规则展开后的比较过多", "the rule makes too many comparisons");
    }

    fn value(&mut self, m: &Modifiers, item: &Item, node: &Node) -> Option<Expr> {
        let field = if item.field.is_empty() {
            self.resolver.keyword()
        } else {
            self.resolver.field(self.source, &item.field)
        };
        let (source, resolver) = (self.source, &mut *self.resolver);
        let mut other = |name: &str| resolver.field(source, name);
        m.value(&field, node, &mut other, &mut self.values, self.diags)
    }
}

/// All or any of these; `None` without any.
fn joined(all: bool, parts: Vec<Expr>) -> Option<Expr> {
    match (parts.is_empty(), all) {
        (true, _) => None,
        (false, true) => Some(Expr::all(parts)),
        (false, false) => Some(Expr::any(parts)),
    }
}
