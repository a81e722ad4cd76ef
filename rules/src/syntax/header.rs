//! The descriptive part of a rule: titles, level, tags, log source.

use std::ops::Range;

use events::{LogSource, Severity, Text};

use super::xuedun::{self, Extension};
use crate::problem::Diags;
use crate::yaml::{Kind, Node, Scalar};

/// Keys the specification gives a rule, and the two that SigmaHQ adds.
const KEYS: &[&str] = &[
    "title",
    "id",
    "related",
    "name",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "logsource",
    "detection",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "correlation",
    "generate",
    "filter",
    "regression_tests_path",
    "simulation",
    "xuedun",
];

/// What every kind of rule has.
pub(crate) struct Header {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) title: Text,
    pub(crate) description: Text,
    pub(crate) level: Severity,
    pub(crate) attack: Vec<String>,
    pub(crate) tactics: Vec<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) references: Vec<String>,
    pub(crate) false_positives: Vec<String>,
    pub(crate) extension: Extension,
    pub(crate) span: Range<usize>,
}

/// Reads the header of one document; problems go to `diags`, which then also knows the rule's id.
pub(crate) fn read(doc: &Node, diags: &mut Diags<'_>) -> Option<Header> {
    diags.rule_id = None;
    let Some(entries) = doc.map() else {
        diags.error("R008", &doc.span, "规则必须是映射", "a rule must be a map");
        return None;
    };
    let text = |name: &str| doc.get(name).and_then(|n| n.text()).map(str::to_owned);
    let id = text("id").filter(|t| !t.is_empty());
    diags.rule_id = id.clone().or_else(|| text("name"));
    for (key, _) in entries {
        match key.text() {
            Some(name) if KEYS.contains(&name) => {}
            Some("action") => diags.error(
                "R006",
                &key.span,
                "规则集合（action）已废弃，请写成多个文档",
                "collections (action) are refused: write several documents",
            ),
            Some(name) => diags.error(
                "R006",
                &key.span,
                &format!("未知的键 {name}"),
                &format!("unknown key {name}"),
            ),
            None => diags.error("R008", &key.span, "键必须是文本", "a key must be a text"),
        }
    }
    for name in ["title", "id", "name", "description", "level"] {
        if let Some(node) = doc.get(name)
            && node.text().is_none()
        {
            diags.error(
                "R008",
                &node.span,
                &format!("{name} 必须是文本"),
                &format!("{name} must be a text"),
            );
        }
    }
    let title = text("title").unwrap_or_default();
    if title.is_empty() {
        diags.error("R007", &first_line(doc), "缺少 title", "the title is missing");
    }
    let level = match doc.get("level") {
        None => Severity::Informational,
        Some(node) => node.text().and_then(|t| t.parse().ok()).unwrap_or_else(|| {
            diags.error(
                "R008",
                &node.span,
                "level 只能是五个级别之一",
                "level must be informational, low, medium, high or critical",
            );
            Severity::Informational
        }),
    };
    let tags = list(doc, "tags");
    let (attack, tactics) = attack(&tags);
    let extension = doc.get("xuedun").map(|n| xuedun::read(n, diags)).unwrap_or_default();
    let description = text("description").unwrap_or_default();
    let both =
        |own: &Option<Text>, plain: &str| own.clone().unwrap_or_else(|| Text::new(plain, plain));
    Some(Header {
        id,
        name: text("name"),
        title: both(&extension.title, &title),
        description: both(&extension.description, description.trim()),
        level,
        attack,
        tactics,
        tags,
        references: list(doc, "references"),
        false_positives: list(doc, "falsepositives"),
        extension,
        span: first_line(doc),
    })
}

/// The log source of a detection; `None` after an error.
pub(crate) fn logsource(doc: &Node, diags: &mut Diags<'_>) -> Option<LogSource> {
    let Some(node) = doc.get("logsource") else {
        diags.error("R007", &first_line(doc), "缺少 logsource", "the log source is missing");
        return None;
    };
    let Some(entries) = node.map() else {
        diags.error("R008", &node.span, "logsource 必须是映射", "the log source must be a map");
        return None;
    };
    let mut source = LogSource::default();
    let mut ok = true;
    for (key, value) in entries {
        let text = match value.scalar() {
            Some(Scalar::Null) => "",
            _ => value.text().unwrap_or(""),
        };
        match key.text() {
            Some("product") => source.product = text.to_ascii_lowercase(),
            Some("category") => source.category = text.to_ascii_lowercase(),
            Some("service") => source.service = text.to_ascii_lowercase(),
            Some("definition") => {}
            other => {
                let name = other.unwrap_or("");
                diags.error(
                    "R006",
                    &key.span,
                    &format!("logsource 中未知的键 {name}"),
                    &format!("unknown key {name} in the log source"),
                );
                ok = false;
            }
        }
    }
    ok.then_some(source)
}

/// The texts of a list under a key; a single text is a list of one.
fn list(doc: &Node, name: &str) -> Vec<String> {
    let nodes = doc.get(name).map(Node::items).unwrap_or_default();
    nodes.iter().filter_map(|n| n.text()).filter(|t| !t.is_empty()).map(str::to_owned).collect()
}

/// ATT&CK techniques ("T1110.003") and tactics ("credential-access") of Sigma tags.
fn attack(tags: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut techniques, mut tactics) = (Vec::new(), Vec::new());
    for tag in tags {
        let Some(name) = tag.strip_prefix("attack.") else { continue };
        let mut chars = name.chars();
        match (chars.next(), chars.next()) {
            (Some('t' | 'T'), Some(d)) if d.is_ascii_digit() => {
                techniques.push(name.to_ascii_uppercase())
            }
            // Groups and software: G0007, S0002.
            (Some('g' | 's' | 'G' | 'S'), Some(d)) if d.is_ascii_digit() => {}
            _ => tactics.push(name.replace('_', "-")),
        }
    }
    (techniques, tactics)
}

/// The first key of a map: where a problem of the whole document is shown.
pub(crate) fn first_line(doc: &Node) -> Range<usize> {
    match &doc.kind {
        Kind::Map(entries) => entries.first().map_or(doc.span.clone(), |(k, _)| k.span.clone()),
        _ => doc.span.start..doc.span.start,
    }
}
