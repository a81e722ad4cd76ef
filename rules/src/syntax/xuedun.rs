//! The `xuedun:` section of our own rules: both languages, advice, playbook, grouping and tests.
//! Plain Sigma tools ignore it.

use events::Text;

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
    pub(crate) tests: Vec<Test>,
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
