//! Reading a pipeline file.

mod conditions;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use sha2::{Digest, Sha256};

use super::{Action, Pipeline, Rename, Step, value};
use crate::limits;
use crate::problem::Diags;
use crate::source::Source;
use crate::syntax::header::first_line;
use crate::syntax::written;
use crate::yaml::{Kind, Node, Scalar};

/// The pipeline of a file; what is wrong with it goes to `diags`.
pub(super) fn read(source: &Source, diags: &mut Diags<'_>) -> Option<Pipeline> {
    let (docs, error) = source.documents();
    if let Some(e) = error {
        diags.error(e.code, &e.span, &e.zh, &e.en);
        return None;
    }
    let [doc] = docs.as_slice() else {
        diags.error("R060", &(0..0), "管道文件应为一个文档", "a pipeline is one document");
        return None;
    };
    let mut at = Reader { diags, vars: Arc::default() };
    let steps = at.document(doc)?;
    let name = doc.get("name").and_then(Node::text).unwrap_or(at.diags.file_name()).to_owned();
    let priority = match doc.get("priority").map(|n| (n, n.scalar())) {
        None => 0,
        Some((_, Some(Scalar::Int(n)))) => n,
        Some((n, _)) => {
            at.bad(&n.span, "priority 必须是整数", "priority must be a whole number");
            0
        }
    };
    Some(Pipeline { name, priority, steps, digest: Sha256::digest(&source.text).into() })
}

struct Reader<'d, 't> {
    diags: &'d mut Diags<'t>,
    vars: Arc<BTreeMap<String, Vec<String>>>,
}

/// Keys of a step besides those of its action.
const STEP_KEYS: &[&str] = &[
    "id",
    "type",
    "rule_conditions",
    "rule_cond_op",
    "rule_cond_not",
    "rule_cond_expr",
    "detection_item_conditions",
    "detection_item_cond_op",
    "detection_item_cond_not",
    "detection_item_cond_expr",
    "field_name_conditions",
    "field_name_cond_op",
    "field_name_cond_not",
    "field_name_cond_expr",
];

impl Reader<'_, '_> {
    fn bad(&mut self, at: &Range<usize>, zh: &str, en: &str) {
        self.diags.error("R060", at, zh, en);
    }

    fn document(&mut self, doc: &Node) -> Option<Vec<Step>> {
        let Some(entries) = doc.map() else {
            self.bad(&doc.span, "管道必须是映射", "a pipeline must be a map");
            return None;
        };
        for (key, value) in entries {
            match key.text().unwrap_or("") {
                "name" | "priority" | "transformations" | "allowed_backends" => {}
                "vars" => self.vars = Arc::new(self.lists(value)),
                name @ ("postprocessing" | "finalizers") if !value.items().is_empty() => {
                    self.diags.error(
                        "R061",
                        &key.span,
                        &format!("{name} 只对查询语言有意义，引擎无法执行"),
                        &format!("{name} only means something to a query language"),
                    );
                }
                "postprocessing" | "finalizers" => {}
                name => {
                    self.bad(&key.span, &format!("未知的键 {name}"), &format!("unknown key {name}"))
                }
            }
        }
        let list = doc.get("transformations").map(Node::items).unwrap_or_default();
        let steps = list.iter().filter_map(|n| self.step(n)).collect();
        Some(steps)
    }

    /// A map from a text to a text or several.
    fn lists(&mut self, node: &Node) -> BTreeMap<String, Vec<String>> {
        self.pairs(node).into_iter().collect()
    }

    fn pairs(&mut self, node: &Node) -> Vec<(String, Vec<String>)> {
        let Some(entries) = node.map() else {
            self.bad(&node.span, "此处应为映射", "a map is expected here");
            return Vec::new();
        };
        let mut out = Vec::new();
        for (key, value) in entries {
            let texts = self.texts(value);
            match key.text() {
                Some(key) if !texts.is_empty() => out.push((key.to_owned(), texts)),
                _ => self.bad(&key.span, "缺少值", "a value is missing"),
            }
        }
        out
    }

    fn texts(&mut self, node: &Node) -> Vec<String> {
        let mut out = Vec::new();
        for item in node.items() {
            match item.text() {
                Some(text) => out.push(text.to_owned()),
                None => self.bad(&item.span, "此处应为文本", "a text is expected here"),
            }
        }
        out
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let kind = self.text(node, "type")?;
        let before = self.diags.errors();
        let action = self.action(&kind, node);
        let rule = self.conditions(node, "rule", Self::rule_condition);
        let item = self.conditions(node, "detection_item", Self::item_condition);
        let field = self.conditions(node, "field_name", Self::field_condition);
        let id = node.get("id").and_then(Node::text).map(str::to_owned);
        let action = action.filter(|_| self.diags.errors() == before)?;
        Some(Step { id, rule, item, field, action })
    }

    fn text(&mut self, node: &Node, name: &str) -> Option<String> {
        let text = node.get(name).and_then(Node::text).map(str::to_owned);
        if text.is_none() {
            self.bad(&first_line(node), &format!("缺少 {name}"), &format!("{name} is missing"));
        }
        text
    }

    fn flag(&mut self, node: &Node, name: &str) -> bool {
        match node.get(name).map(|n| (n, n.scalar())) {
            None => false,
            Some((_, Some(Scalar::Bool(b)))) => b,
            Some((n, _)) => {
                self.bad(&n.span, "此处应为 true 或 false", "true or false is expected here");
                false
            }
        }
    }

    fn word<'w>(&mut self, node: &Node, name: &str, words: &[&'w str]) -> &'w str {
        let Some(at) = node.get(name) else { return words.first().copied().unwrap_or("") };
        let text = at.text().unwrap_or("");
        words.iter().find(|w| **w == text).copied().unwrap_or_else(|| {
            let list = words.join(", ");
            self.bad(&at.span, &format!("{name} 只能是 {list}"), &format!("{name} is {list}"));
            ""
        })
    }

    fn regex(&mut self, node: &Node, source: &str) -> Option<Regex> {
        let built = RegexBuilder::new(source)
            .size_limit(limits::REGEX_BYTES_MAX)
            .nest_limit(limits::REGEX_DEPTH_MAX)
            .build();
        if built.is_err() {
            self.diags.error(
                "R013",
                &node.span,
                "正则表达式不可用",
                "the regular expression cannot be used",
            );
        }
        built.ok()
    }

    fn keys(&mut self, node: &Node, own: &[&str]) {
        for (key, _) in node.map().unwrap_or_default() {
            let name = key.text().unwrap_or("");
            if !STEP_KEYS.contains(&name) && !own.contains(&name) {
                self.bad(&key.span, &format!("未知的键 {name}"), &format!("unknown key {name}"));
            }
        }
    }

    fn action(&mut self, kind: &str, node: &Node) -> Option<Action> {
        let part = |name: &str| {
            node.get(name).filter(|n| n.scalar() != Some(Scalar::Null)).and_then(Node::text)
        };
        let own: &[&str] = match kind {
            "field_name_mapping" | "field_name_prefix_mapping" | "map_string" => &["mapping"],
            "field_name_prefix" => &["prefix"],
            "field_name_suffix" => &["suffix"],
            "hashes_fields" => &["valid_hash_algos", "field_prefix", "drop_algo_prefix"],
            "wildcard_placeholders" | "value_placeholders" => &["include", "exclude"],
            "add_condition" => &["conditions", "name", "template", "negated"],
            "change_logsource" => &["product", "category", "service"],
            "replace_string" => &["regex", "replacement", "skip_special", "interpret_special"],
            "set_state" => &["key", "val"],
            "set_custom_attribute" => &["attribute", "value"],
            "regex" | "case" => &["method"],
            "set_value" => &["value", "force_type"],
            "convert_type" => &["target_type"],
            "rule_failure" | "detection_item_failure" => &["message"],
            "nest" => &["items"],
            "add_field" | "remove_field" => &["field"],
            "set_field" => &["fields"],
            "drop_detection_item" | "strict_field_mapping_failure" => &[],
            other => {
                self.no_such_step(node, other);
                return None;
            }
        };
        self.keys(node, own);
        Some(match kind {
            "field_name_mapping" => Action::Rename(Rename::Exact(self.mapping(node)?)),
            "field_name_prefix_mapping" => Action::Rename(Rename::Prefix(self.mapping(node)?)),
            "field_name_prefix" => Action::Rename(Rename::AddPrefix(self.text(node, "prefix")?)),
            "field_name_suffix" => Action::Rename(Rename::AddSuffix(self.text(node, "suffix")?)),
            "map_string" => Action::Map(self.mapping(node)?),
            "drop_detection_item" => Action::Drop,
            "hashes_fields" => Action::Hashes {
                algorithms: node
                    .get("valid_hash_algos")
                    .map(|n| self.texts(n))
                    .unwrap_or_default()
                    .iter()
                    .map(|t| t.to_ascii_uppercase())
                    .collect(),
                prefix: part("field_prefix").unwrap_or("").to_owned(),
                drop_name: self.flag(node, "drop_algo_prefix"),
            },
            "wildcard_placeholders" | "value_placeholders" => {
                let only = node.get("include").map(|n| self.texts(n));
                let except = node.get("exclude").map(|n| self.texts(n));
                if only.is_some() && except.is_some() {
                    let at = first_line(node);
                    self.bad(&at, "include 与 exclude 只能用一个", "include or exclude, not both");
                }
                let lists = (kind == "value_placeholders").then(|| Arc::clone(&self.vars));
                Action::Placeholders { only, except, lists }
            }
            "add_condition" => self.demand(node)?,
            "change_logsource" => Action::LogSource {
                product: part("product").unwrap_or("").to_ascii_lowercase(),
                category: part("category").unwrap_or("").to_ascii_lowercase(),
                service: part("service").unwrap_or("").to_ascii_lowercase(),
            },
            "replace_string" => {
                let source = self.text(node, "regex")?;
                let by = self.text(node, "replacement")?;
                Action::Replace {
                    regex: self.regex(node.get("regex")?, &source)?,
                    replacement: value::replacement(&by),
                    skip_special: self.flag(node, "skip_special"),
                    interpret_special: self.flag(node, "interpret_special"),
                }
            }
            "set_state" => {
                Action::State { key: self.text(node, "key")?, value: self.text(node, "val")? }
            }
            "set_custom_attribute" => Action::Attribute {
                key: self.text(node, "attribute")?,
                value: self.text(node, "value")?,
            },
            "regex" => {
                let words = ["ignore_case_brackets", "ignore_case_flag", "plain"];
                Action::Regex { ignore_case: self.word(node, "method", &words) != "plain" }
            }
            "case" => {
                Action::Case { upper: self.word(node, "method", &["lower", "upper"]) == "upper" }
            }
            "set_value" => self.set(node)?,
            "convert_type" => {
                self.text(node, "target_type")?;
                Action::Convert { number: self.word(node, "target_type", &["str", "num"]) == "num" }
            }
            "rule_failure" => Action::RefuseRule(self.text(node, "message")?),
            "detection_item_failure" => Action::RefuseItem(self.text(node, "message")?),
            "strict_field_mapping_failure" => Action::RefuseUnmapped,
            "nest" => {
                let items = node.get("items").map(Node::items).unwrap_or_default();
                Action::Nest(items.iter().filter_map(|n| self.step(n)).collect())
            }
            "add_field" | "remove_field" | "set_field" => Action::Display,
            _ => return None,
        })
    }

    fn no_such_step(&mut self, node: &Node, kind: &str) {
        let at = node.get("type").map_or(first_line(node), |n| n.span.clone());
        let queries = ["query_expression_placeholders", "field_name_transform"];
        // What reads files, asks servers or runs programs while rules load.
        let reaching = ["file_placeholders", "http_placeholders", "command_placeholders"];
        if queries.contains(&kind) || reaching.contains(&kind) {
            self.diags.error(
                "R061",
                &at,
                &format!("引擎无法执行 {kind}"),
                &format!("an engine cannot honour {kind}"),
            );
        } else {
            self.bad(
                &at,
                &format!("未知的处理步骤 {kind}"),
                &format!("unknown transformation {kind}"),
            );
        }
    }

    fn mapping(&mut self, node: &Node) -> Option<Vec<(String, Vec<String>)>> {
        let Some(mapping) = node.get("mapping") else {
            self.bad(&first_line(node), "缺少 mapping", "mapping is missing");
            return None;
        };
        Some(self.pairs(mapping))
    }

    fn demand(&mut self, node: &Node) -> Option<Action> {
        let Some(conditions) = node.get("conditions") else {
            self.bad(&first_line(node), "缺少 conditions", "conditions is missing");
            return None;
        };
        written::group(conditions, self.diags)?;
        Some(Action::Demand {
            conditions: conditions.clone(),
            template: self.flag(node, "template"),
            negated: self.flag(node, "negated"),
        })
    }

    fn set(&mut self, node: &Node) -> Option<Action> {
        let Some(value) = node.get("value").filter(|n| n.scalar().is_some()) else {
            self.bad(&first_line(node), "缺少 value", "value is missing");
            return None;
        };
        let mut value = value.clone();
        if let (Some(force), Kind::Scalar { plain, text }) =
            (node.get("force_type"), &mut value.kind)
        {
            match force.text() {
                Some("str") => *plain = false,
                Some("num") if text.parse::<f64>().is_ok() => *plain = true,
                _ => self.bad(
                    &force.span,
                    "force_type 与值不符",
                    "force_type does not fit the value",
                ),
            }
        }
        Some(Action::Set(value))
    }
}
