//! Detection items and the condition over them, as one boolean tree.

use std::ops::Range;

use events::LogSource;

use super::condition::{self, Cond};
use super::expr::Expr;
use super::modifier::{Modifiers, Values};
use crate::fields::Resolver;
use crate::limits;
use crate::pattern::Pattern;
use crate::problem::Diags;
use crate::yaml::{Kind, Node, Scalar};

/// What reading a detection needs.
pub(crate) struct Reader<'r, 'd, 't> {
    pub(crate) source: &'r LogSource,
    pub(crate) resolver: &'r mut Resolver,
    pub(crate) values: Values<'r>,
    pub(crate) diags: &'d mut Diags<'t>,
}

impl Reader<'_, '_, '_> {
    /// Reads a `detection` map (or the same keys of a filter, `skip` naming the others). `None`
    /// when an error was reported.
    pub(crate) fn detection(&mut self, node: &Node, skip: &[&str]) -> Option<Expr> {
        let Some(entries) = node.map() else {
            self.diags.error("R008", &node.span, "detection 必须是映射", "detection must be a map");
            return None;
        };
        let mut items: Vec<(&str, Range<usize>, Option<Expr>)> = Vec::new();
        let mut conditions: Vec<&Node> = Vec::new();
        for (key, value) in entries {
            match key.text() {
                Some("condition") => conditions.extend(value.items()),
                Some("timeframe") => self.diags.error(
                    "R023",
                    &key.span,
                    "timeframe 已废弃，请改用关联规则",
                    "timeframe is refused: write a correlation rule",
                ),
                Some(name) if skip.contains(&name) => {}
                Some(name) => items.push((name, key.span.clone(), self.item_group(value))),
                None => self.diags.error(
                    "R008",
                    &key.span,
                    "检测项名称必须是文本",
                    "a detection item's name must be a text",
                ),
            }
        }
        if conditions.is_empty() {
            self.diags.error("R007", &node.span, "缺少 condition", "the condition is missing");
            return None;
        }
        let mut used = vec![false; items.len()];
        let mut parts = Vec::new();
        let mut budget = limits::TESTS_PER_RULE_MAX;
        let mut failed = items.iter().any(|(_, _, e)| e.is_none());
        for node in conditions {
            let Some(text) = node.text() else {
                self.diags.error(
                    "R008",
                    &node.span,
                    "condition 必须是文本",
                    "the condition must be a text",
                );
                return None;
            };
            match condition::parse(text) {
                Ok(cond) => match self.build(&cond, node, &items, &mut used, &mut budget) {
                    Some(expr) => parts.push(expr),
                    None => failed = true,
                },
                Err(e) => {
                    self.diags.error(e.code, &within(node, &e.at), &e.zh, &e.en);
                    failed = true;
                }
            }
        }
        if failed {
            return None;
        }
        for ((name, span, _), used) in items.iter().zip(&used) {
            if !used {
                self.diags.warning(
                    "R022",
                    span,
                    &format!("检测项 {name} 未被条件使用"),
                    &format!("the condition never uses {name}"),
                );
            }
        }
        Some(Expr::any(parts))
    }

    fn build(
        &mut self,
        cond: &Cond,
        at: &Node,
        items: &[(&str, Range<usize>, Option<Expr>)],
        used: &mut [bool],
        budget: &mut usize,
    ) -> Option<Expr> {
        let mut take = |index: usize, diags: &mut Diags<'_>| -> Option<Expr> {
            used[index] = true;
            let expr = items[index].2.as_ref()?;
            match budget.checked_sub(expr.tests().max(1)) {
                Some(left) => *budget = left,
                None => {
                    diags.error(
                        "R002",
                        &at.span,
                        "规则展开后的比较过多",
                        "the rule makes too many comparisons",
                    );
                    return None;
                }
            }
            Some(expr.clone())
        };
        match cond {
            Cond::Item(name, place) => match items.iter().position(|(n, _, _)| n == name) {
                Some(index) => take(index, self.diags),
                None => {
                    self.unknown(at, place, name);
                    None
                }
            },
            Cond::Of { all, pattern, at: place } => {
                let glob = pattern.as_deref().map(Pattern::parse);
                let chosen: Vec<usize> = (0..items.len())
                    .filter(|i| match &glob {
                        Some(glob) => glob.fits(items[*i].0),
                        None => !items[*i].0.starts_with('_'),
                    })
                    .collect();
                if chosen.is_empty() {
                    self.unknown(at, place, pattern.as_deref().unwrap_or("them"));
                    return None;
                }
                let parts: Option<Vec<Expr>> =
                    chosen.into_iter().map(|i| take(i, self.diags)).collect();
                Some(if *all { Expr::all(parts?) } else { Expr::any(parts?) })
            }
            Cond::Not(inner) => Some(self.build(inner, at, items, used, budget)?.negate()),
            Cond::All(parts) | Cond::Any(parts) => {
                let built: Option<Vec<Expr>> =
                    parts.iter().map(|p| self.build(p, at, items, used, budget)).collect();
                Some(if matches!(cond, Cond::All(_)) {
                    Expr::all(built?)
                } else {
                    Expr::any(built?)
                })
            }
        }
    }

    fn unknown(&mut self, at: &Node, place: &Range<usize>, name: &str) {
        self.diags.error(
            "R021",
            &within(at, place),
            &format!("条件引用的检测项 {name} 不存在"),
            &format!("the condition names {name}, which does not exist"),
        );
    }

    /// One detection item: a map, a list of maps, or keywords.
    fn item_group(&mut self, node: &Node) -> Option<Expr> {
        match &node.kind {
            Kind::Map(entries) => self.map(entries, node),
            Kind::Seq(list) if list.is_empty() => self.empty(node),
            Kind::Seq(list) => {
                let parts: Vec<Option<Expr>> = list.iter().map(|n| self.alternative(n)).collect();
                parts.into_iter().collect::<Option<Vec<_>>>().map(Expr::any)
            }
            Kind::Scalar { .. } => self.alternative(node),
        }
    }

    fn alternative(&mut self, node: &Node) -> Option<Expr> {
        match &node.kind {
            Kind::Map(entries) => self.map(entries, node),
            Kind::Seq(_) => {
                self.diags.error("R008", &node.span, "列表中不能再有列表", "a list inside a list");
                None
            }
            Kind::Scalar { .. } => self.keyword(node, &[], std::slice::from_ref(node)),
        }
    }

    fn empty(&mut self, node: &Node) -> Option<Expr> {
        self.diags.error("R008", &node.span, "检测项为空", "the detection item is empty");
        None
    }

    fn map(&mut self, entries: &[(Node, Node)], node: &Node) -> Option<Expr> {
        if entries.is_empty() {
            return self.empty(node);
        }
        let parts: Vec<Option<Expr>> = entries.iter().map(|(k, v)| self.entry(k, v)).collect();
        parts.into_iter().collect::<Option<Vec<_>>>().map(Expr::all)
    }

    fn entry(&mut self, key: &Node, value: &Node) -> Option<Expr> {
        let Some(text) = key.text() else {
            self.diags.error("R008", &key.span, "字段名必须是文本", "a field name must be a text");
            return None;
        };
        let mut names = text.split('|');
        let field = names.next().unwrap_or("");
        let names: Vec<&str> = names.collect();
        if field.is_empty() {
            return self.keyword(key, &names, value.items());
        }
        let modifiers = Modifiers::parse(&names, &key.span, self.diags)?;
        self.values(field, &modifiers, key, value.items())
    }

    fn keyword(&mut self, key: &Node, names: &[&str], list: &[Node]) -> Option<Expr> {
        let modifiers = Modifiers::parse(names, &key.span, self.diags)?;
        self.values("", &modifiers, key, list)
    }

    fn values(&mut self, name: &str, m: &Modifiers, key: &Node, list: &[Node]) -> Option<Expr> {
        if list.is_empty() {
            self.diags.error("R008", &key.span, "值列表为空", "the list of values is empty");
            return None;
        }
        if list.len() > limits::TESTS_PER_RULE_MAX {
            self.diags.error("R002", &key.span, "值过多", "too many values");
            return None;
        }
        let field = if name.is_empty() {
            self.resolver.keyword()
        } else {
            self.resolver.field(self.source, name)
        };
        let mut parts = Vec::with_capacity(list.len());
        let mut failed = false;
        for node in list {
            if name.is_empty() && node.scalar() == Some(Scalar::Null) {
                self.diags.error("R012", &node.span, "关键词不能为空", "a keyword cannot be null");
                failed = true;
                continue;
            }
            let (source, resolver) = (self.source, &mut *self.resolver);
            let mut other = |name: &str| resolver.field(source, name);
            match m.value(&field, node, &mut other, &mut self.values, self.diags) {
                Some(expr) => parts.push(expr),
                None => failed = true,
            }
        }
        if failed {
            return None;
        }
        let expr = if m.all { Expr::all(parts) } else { Expr::any(parts) };
        Some(if m.neq { expr.negate() } else { expr })
    }
}

/// The place of a part of a scalar, as exact as the notation allows: quoted and block scalars
/// are marked as a whole.
fn within(node: &Node, part: &Range<usize>) -> Range<usize> {
    match &node.kind {
        Kind::Scalar { plain: true, text } if node.span.len() == text.len() => {
            node.span.start + part.start..node.span.start + part.end
        }
        _ => node.span.clone(),
    }
}
