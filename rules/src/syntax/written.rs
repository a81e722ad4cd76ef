//! A detection as written: items in groups and the conditions over them, before pipelines change
//! it and before it becomes an expression. Places are those of the rule's own text.

use std::ops::Range;

use crate::limits;
use crate::problem::Diags;
use crate::yaml::{Kind, Node, Scalar};

/// The `detection` of a rule, or the same part of a filter.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// Where the whole stands.
    pub(crate) span: Range<usize>,
    /// Detection items by name.
    pub(crate) items: Vec<(String, Range<usize>, Group)>,
    /// Conditions; any of them suffices.
    pub(crate) conditions: Vec<Node>,
    /// What pipelines demand besides; negated where `true`.
    pub(crate) demanded: Vec<(Group, bool)>,
}

/// One detection item or several.
#[derive(Clone, Debug)]
pub(crate) enum Group {
    Item(Item),
    /// All must hold. Without parts it is gone: a pipeline dropped them.
    All(Vec<Group>),
    /// Any must hold. Without parts it is gone.
    Any(Vec<Group>),
}

/// `field|modifier: values`.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// Empty for keywords.
    pub(crate) field: String,
    pub(crate) modifiers: Vec<String>,
    /// Place of the key.
    pub(crate) key: Range<usize>,
    /// Scalars; a list, made by a pipeline, stands for its members as alternatives.
    pub(crate) values: Vec<Node>,
    /// Ids of the pipeline steps that changed it.
    pub(crate) applied: Vec<String>,
    /// Whether a pipeline has given it its name.
    pub(crate) renamed: bool,
}

impl Group {
    /// Calls `f` on every item.
    pub(crate) fn each(&self, f: &mut dyn FnMut(&Item)) {
        match self {
            Self::Item(item) => f(item),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|p| p.each(f)),
        }
    }

    /// Whether nothing is left of it.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Item(_) => false,
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_gone),
        }
    }
}

impl Written {
    /// Calls `f` on every item.
    pub(crate) fn each(&self, f: &mut dyn FnMut(&Item)) {
        self.items.iter().for_each(|(_, _, group)| group.each(f));
        self.demanded.iter().for_each(|(group, _)| group.each(f));
    }

    /// Every group, to be changed.
    pub(crate) fn groups_mut(&mut self) -> impl Iterator<Item = &mut Group> {
        let items = self.items.iter_mut().map(|(_, _, group)| group);
        items.chain(self.demanded.iter_mut().map(|(group, _)| group))
    }
}

/// Reads a `detection` map (or the same keys of a filter, `skip` naming the others). `None` when
/// an error was reported.
pub(crate) fn read(node: &Node, skip: &[&str], diags: &mut Diags<'_>) -> Option<Written> {
    let before = diags.errors();
    let Some(entries) = node.map() else {
        diags.error("R008", &node.span, "detection 必须是映射", "detection must be a map");
        return None;
    };
    let mut out = Written {
        span: node.span.clone(),
        items: Vec::new(),
        conditions: Vec::new(),
        demanded: Vec::new(),
    };
    for (key, value) in entries {
        match key.text() {
            Some("condition") => out.conditions.extend(value.items().iter().cloned()),
            Some("timeframe") => diags.error(
                "R023",
                &key.span,
                "timeframe 已废弃，请改用关联规则",
                "timeframe is refused: write a correlation rule",
            ),
            Some(name) if skip.contains(&name) => {}
            Some(name) => {
                if let Some(group) = group(value, diags) {
                    out.items.push((name.to_owned(), key.span.clone(), group));
                }
            }
            None => diags.error(
                "R008",
                &key.span,
                "检测项名称必须是文本",
                "a detection item's name must be a text",
            ),
        }
    }
    if out.conditions.is_empty() {
        diags.error("R007", &node.span, "缺少 condition", "the condition is missing");
    }
    for condition in out.conditions.iter().filter(|c| c.text().is_none()) {
        diags.error(
            "R008",
            &condition.span,
            "condition 必须是文本",
            "the condition must be a text",
        );
    }
    (diags.errors() == before).then_some(out)
}

/// One detection item: a map, a list of maps, or keywords.
pub(crate) fn group(node: &Node, diags: &mut Diags<'_>) -> Option<Group> {
    match &node.kind {
        Kind::Map(entries) => map(entries, node, diags),
        Kind::Seq(list) if list.is_empty() => empty(node, diags),
        Kind::Seq(list) => {
            let parts: Vec<Option<Group>> = list.iter().map(|n| alternative(n, diags)).collect();
            parts.into_iter().collect::<Option<Vec<_>>>().map(Group::Any)
        }
        Kind::Scalar { .. } => alternative(node, diags),
    }
}

fn alternative(node: &Node, diags: &mut Diags<'_>) -> Option<Group> {
    match &node.kind {
        Kind::Map(entries) => map(entries, node, diags),
        Kind::Seq(_) => {
            diags.error("R008", &node.span, "列表中不能再有列表", "a list inside a list");
            None
        }
        Kind::Scalar { .. } => item("", Vec::new(), node, std::slice::from_ref(node), diags),
    }
}

fn empty(node: &Node, diags: &mut Diags<'_>) -> Option<Group> {
    diags.error("R008", &node.span, "检测项为空", "the detection item is empty");
    None
}

fn map(entries: &[(Node, Node)], node: &Node, diags: &mut Diags<'_>) -> Option<Group> {
    if entries.is_empty() {
        return empty(node, diags);
    }
    let mut parts = Vec::new();
    for (key, value) in entries {
        let Some(text) = key.text() else {
            diags.error("R008", &key.span, "字段名必须是文本", "a field name must be a text");
            continue;
        };
        let mut names = text.split('|');
        let field = names.next().unwrap_or("");
        let modifiers = names.map(str::to_owned).collect();
        parts.extend(item(field, modifiers, key, value.items(), diags));
    }
    (parts.len() == entries.len()).then_some(Group::All(parts))
}

fn item(
    field: &str,
    modifiers: Vec<String>,
    key: &Node,
    values: &[Node],
    diags: &mut Diags<'_>,
) -> Option<Group> {
    if values.is_empty() {
        diags.error("R008", &key.span, "值列表为空", "the list of values is empty");
        return None;
    }
    if values.len() > limits::TESTS_PER_RULE_MAX {
        diags.error("R002", &key.span, "值过多", "too many values");
        return None;
    }
    let before = diags.errors();
    for node in values {
        match node.scalar() {
            None => {
                diags.error("R008", &node.span, "此处应为单个值", "a single value is expected here")
            }
            Some(Scalar::Null) if field.is_empty() => {
                diags.error("R012", &node.span, "关键词不能为空", "a keyword cannot be null");
            }
            Some(_) => {}
        }
    }
    (diags.errors() == before).then(|| {
        Group::Item(Item {
            field: field.to_owned(),
            modifiers,
            key: key.span.clone(),
            values: values.to_vec(),
            applied: Vec::new(),
            renamed: false,
        })
    })
}
