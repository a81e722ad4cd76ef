//! Reading the conditions of a step.

use events::LogSource;

use super::Reader;
use crate::pipeline::condition::{
    Conditions, FieldCondition, ItemCondition, Logic, Relation, RuleCondition,
};
use crate::pipeline::value::Seen;
use crate::syntax::condition::{self, Cond};
use crate::syntax::header::first_line;
use crate::yaml::{Kind, Node};

impl Reader<'_, '_> {
    pub(super) fn conditions<T>(
        &mut self,
        step: &Node,
        name: &str,
        read: fn(&mut Self, &str, &Node) -> Option<T>,
    ) -> Conditions<T> {
        let mut list: Vec<(String, T)> = Vec::new();
        let at = step.get(&format!("{name}_conditions"));
        let mut one = |own: &mut Self, id: String, node: &Node| {
            if let Some(kind) = own.text(node, "type")
                && let Some(condition) = read(own, &kind, node)
            {
                list.push((id, condition));
            }
        };
        match at.map(|n| &n.kind) {
            None => {}
            Some(Kind::Map(entries)) => entries
                .iter()
                .for_each(|(key, node)| one(self, key.text().unwrap_or("").to_owned(), node)),
            Some(Kind::Seq(items)) => {
                items.iter().enumerate().for_each(|(n, node)| one(self, n.to_string(), node));
            }
            Some(Kind::Scalar { .. }) => {
                let span = at.map_or(0..0, |n| n.span.clone());
                self.bad(&span, "条件应为列表或映射", "conditions are a list or a map");
            }
        }
        let logic = match step.get(&format!("{name}_cond_expr")) {
            Some(expr) => self.expression(expr, &list),
            None if self.word(step, &format!("{name}_cond_op"), &["and", "or"]) == "or" => {
                Logic::Any
            }
            None => Logic::All,
        };
        Conditions { list, logic, negated: self.flag(step, &format!("{name}_cond_not")) }
    }

    fn expression<T>(&mut self, node: &Node, list: &[(String, T)]) -> Logic {
        match condition::parse(node.text().unwrap_or("")) {
            Ok(cond) => {
                if !names(&cond, &|name| list.iter().any(|(n, _)| n == name)) {
                    self.bad(
                        &node.span,
                        "表达式引用了未知的条件",
                        "the expression names no condition",
                    );
                }
                Logic::Expr(cond)
            }
            Err(e) => {
                self.diags.error(e.code, &node.span, &e.zh, &e.en);
                Logic::All
            }
        }
    }

    fn relation(&mut self, node: &Node, lists: bool) -> Relation {
        let words = ["eq", "ne", "gte", "gt", "lte", "lt", "in", "not_in"];
        match self.word(node, "op", &words[..if lists { 8 } else { 6 }]) {
            "ne" => Relation::Ne,
            "gte" => Relation::Gte,
            "gt" => Relation::Gt,
            "lte" => Relation::Lte,
            "lt" => Relation::Lt,
            "in" => Relation::In,
            "not_in" => Relation::NotIn,
            _ => Relation::Eq,
        }
    }

    pub(super) fn rule_condition(&mut self, kind: &str, node: &Node) -> Option<RuleCondition> {
        let part =
            |name: &str| node.get(name).and_then(Node::text).unwrap_or("").to_ascii_lowercase();
        Some(match kind {
            "logsource" => RuleCondition::LogSource(LogSource::new(
                &part("product"),
                &part("category"),
                &part("service"),
            )),
            "contains_field" => RuleCondition::ContainsField(self.text(node, "field")?),
            "contains_detection_item" => RuleCondition::ContainsItem {
                field: self.text(node, "field")?,
                value: self.value(node)?,
            },
            "processing_item_applied" => {
                RuleCondition::Applied(self.text(node, "processing_item_id")?)
            }
            "processing_state" => RuleCondition::State {
                key: self.text(node, "key")?,
                value: self.text(node, "val")?,
                relation: self.relation(node, false),
            },
            "is_sigma_rule" => RuleCondition::IsDetection,
            "is_sigma_correlation_rule" => RuleCondition::IsCorrelation,
            "rule_attribute" => RuleCondition::Attribute {
                name: self.text(node, "attribute")?,
                value: self.text(node, "value")?,
                relation: self.relation(node, true),
            },
            "tag" => RuleCondition::Tag(self.text(node, "tag")?),
            other => return self.unknown(node, other),
        })
    }

    /// The value that a condition compares with, of its own type.
    fn value(&mut self, node: &Node) -> Option<Seen> {
        self.text(node, "value")?;
        node.get("value").and_then(Seen::own)
    }

    fn unknown<T>(&mut self, node: &Node, kind: &str) -> Option<T> {
        let at = node.get("type").map_or(first_line(node), |n| n.span.clone());
        self.bad(&at, &format!("未知的条件 {kind}"), &format!("unknown condition {kind}"));
        None
    }

    pub(super) fn item_condition(&mut self, kind: &str, node: &Node) -> Option<ItemCondition> {
        let all = |own: &mut Self| own.word(node, "cond", &["any", "all"]) == "all";
        Some(match kind {
            "match_string" => {
                let source = self.text(node, "pattern")?;
                ItemCondition::MatchString {
                    all: all(self),
                    // Python's `match`: at the start.
                    pattern: self.regex(node.get("pattern")?, &format!("^(?:{source})"))?,
                    negated: self.flag(node, "negate"),
                }
            }
            "match_value" => ItemCondition::MatchValue { all: all(self), value: self.value(node)? },
            "contains_wildcard" => ItemCondition::Wildcard { all: all(self) },
            "is_null" => ItemCondition::Null { all: all(self) },
            "processing_item_applied" => {
                ItemCondition::Applied(self.text(node, "processing_item_id")?)
            }
            "processing_state" => ItemCondition::State {
                key: self.text(node, "key")?,
                value: self.text(node, "val")?,
                relation: self.relation(node, false),
            },
            other => return self.unknown(node, other),
        })
    }

    pub(super) fn field_condition(&mut self, kind: &str, node: &Node) -> Option<FieldCondition> {
        Some(match kind {
            "include_fields" | "exclude_fields" => {
                let fields = node.get("fields").map(|n| self.texts(n)).unwrap_or_default();
                let by_regex = match node.get("mode") {
                    None => false,
                    Some(_) => self.word(node, "mode", &["plain", "re"]) == "re",
                };
                let patterns = if by_regex {
                    let made = fields.iter().map(|f| self.regex(node, &format!("^(?:{f})")));
                    made.collect::<Option<Vec<_>>>()?
                } else {
                    Vec::new()
                };
                let names = if by_regex { Vec::new() } else { fields };
                FieldCondition::Include { names, patterns, negated: kind == "exclude_fields" }
            }
            "processing_item_applied" => {
                FieldCondition::Applied(self.text(node, "processing_item_id")?)
            }
            "processing_state" => FieldCondition::State {
                key: self.text(node, "key")?,
                value: self.text(node, "val")?,
                relation: self.relation(node, false),
            },
            other => return self.unknown(node, other),
        })
    }
}

/// Whether every name in the expression is known.
fn names(cond: &Cond, known: &dyn Fn(&str) -> bool) -> bool {
    match cond {
        Cond::All(parts) | Cond::Any(parts) => parts.iter().all(|p| names(p, known)),
        Cond::Not(inner) => names(inner, known),
        Cond::Item(name, _) => known(name),
        Cond::Of { .. } => false,
    }
}
