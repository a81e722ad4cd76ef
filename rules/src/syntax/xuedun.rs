//! The `xuedun:` section of our own rules: both languages, advice, playbook, grouping, suppression,
//! severity and tests. Plain Sigma tools ignore it.

use std::time::Duration;

use events::{Severity, Text};

use super::correlation::parse_span;
use crate::problem::Diags;
use crate::yaml::Node;

/// What the section says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extension {
    pub(crate) title: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) advice: Option<Text>,
    pub(crate) false_positives: Option<Text>,
    pub(crate) group_by: Vec<String>,
    pub(crate) playbook: Option<String>,
    /// Correlate over all sites together instead of each school by itself.
    pub(crate) region: bool,
    /// After a detection, quiet for the same group for so long.
    pub(crate) suppress: Option<Duration>,
    /// Levels by a field's value; the first that fits counts.
    pub(crate) severity: Vec<Graded>,
    pub(crate) tests: Vec<Test>,
}

/// One entry of `severity`: the level of detections whose field has one of these values.
#[derive(Clone, Debug)]
pub(crate) struct Graded {
    pub(crate) field: String,
    pub(crate) values: Vec<String>,
    pub(crate) level: Severity,
}

/// One test inside a rule file.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) expect_match: bool,
    /// The events as written; [`crate::testing`] makes them into log records.
    pub(crate) events: Vec<Node>,
    pub(crate) at: std::ops::Range<usize>,
}

/// Reads the section; problems go to `diags`.
pub(crate) fn read(node: &Node, diags: &mut Diags<'_>) -> Extension {
    let mut out = Extension::default();
    let Some(entries) = node.map() else {
        diags.error("R050", &node.span, "xuedun 必须是映射", "xuedun must be a map");
        return out;
    };
    for (key, value) in entries {
        match key.text().unwrap_or("") {
            "title" => out.title = text(value, diags),
            "description" => out.description = text(value, diags),
            "advice" => out.advice = text(value, diags),
            "falsepositives" => out.false_positives = text(value, diags),
            "group_by" => {
                out.group_by =
                    value.items().iter().filter_map(|n| n.text().map(str::to_owned)).collect();
            }
            "playbook" => out.playbook = value.text().map(str::to_owned),
            "scope" => match value.text() {
                Some("site") => out.region = false,
                Some("region") => out.region = true,
                _ => diags.error(
                    "R050",
                    &value.span,
                    "scope 只能是 site 或 region",
                    "scope is site or region",
                ),
            },
            "suppress" => {
                out.suppress = value.text().and_then(parse_span);
                if out.suppress.is_none() {
                    diags.error(
                        "R033",
                        &value.span,
                        "suppress 应为数字加 s、m、h、d，且不超过 40 天",
                        "suppress is a number and s, m, h or d, at most 40 days",
                    );
                }
            }
            "severity" => {
                out.severity = value.items().iter().filter_map(|n| graded(n, diags)).collect();
            }
            "tests" => out.tests = value.items().iter().filter_map(|n| test(n, diags)).collect(),
            name => diags.error(
                "R050",
                &key.span,
                &format!("xuedun 段中未知的键 {name}"),
                &format!("unknown key {name} in the xuedun section"),
            ),
        }
    }
    out
}

fn graded(node: &Node, diags: &mut Diags<'_>) -> Option<Graded> {
    let known = |k: &str| ["field", "values", "level"].contains(&k);
    let clean = node.map().is_some_and(|m| m.iter().all(|(k, _)| k.text().is_some_and(known)));
    let field = node.get("field").and_then(Node::text).filter(|f| !f.is_empty());
    let values = node.get("values").map(Node::items).unwrap_or_default();
    let values: Vec<String> = values.iter().filter_map(|v| v.text().map(str::to_owned)).collect();
    let level = node.get("level").and_then(Node::text).and_then(|t| t.parse().ok());
    match (field, level) {
        (Some(field), Some(level)) if clean && !values.is_empty() => {
            Some(Graded { field: field.to_owned(), values, level })
        }
        _ => {
            diags.error(
                "R050",
                &node.span,
                "severity 的每一项需要 field、values 和 level",
                "an entry of severity has field, values and level",
            );
            None
        }
    }
}

fn text(node: &Node, diags: &mut Diags<'_>) -> Option<Text> {
    let part = |name: &str| {
        node.get(name).and_then(|n| n.text()).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
    };
    match (part("zh"), part("en")) {
        (Some(zh), Some(en)) => Some(Text { zh, en }),
        _ => {
            diags.error("R050", &node.span, "需要 zh 和 en 两种语言", "both zh and en are needed");
            None
        }
    }
}

fn test(node: &Node, diags: &mut Diags<'_>) -> Option<Test> {
    let name = node.get("name").and_then(|n| n.text()).unwrap_or("").to_owned();
    let expect_match = match node.get("expect").and_then(|n| n.text()) {
        Some("match") => true,
        Some("no_match") => false,
        _ => {
            diags.error(
                "R050",
                &node.span,
                "expect 只能是 match 或 no_match",
                "expect is match or no_match",
            );
            return None;
        }
    };
    let events: Vec<Node> = node.get("events").map(|n| n.items().to_vec()).unwrap_or_default();
    if name.is_empty() || events.is_empty() || events.iter().any(|e| e.map().is_none()) {
        diags.error(
            "R050",
            &node.span,
            "测试需要 name 和 events（映射列表）",
            "a test needs a name and events (a list of maps)",
        );
        return None;
    }
    for (key, _) in node.map().unwrap_or_default() {
        if !matches!(key.text(), Some("name" | "events" | "expect")) {
            diags.error("R050", &key.span, "测试中未知的键", "unknown key in a test");
        }
    }
    Some(Test { name, expect_match, events, at: node.span.clone() })
}
