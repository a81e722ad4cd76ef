//! Correlation rules as written.

use std::time::Duration;

use super::condition::{self, Cond};
use super::header::first_line;
use super::test::Op;
use crate::limits;
use crate::problem::Diags;
use crate::rule::{CorrelationKind, Threshold};
use crate::yaml::{Node, Scalar};

/// A correlation before its references are resolved.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) kind: CorrelationKind,
    /// Rules by id or name, with their place.
    pub(crate) rules: Vec<Node>,
    pub(crate) group_by: Vec<String>,
    pub(crate) timespan: Duration,
    pub(crate) thresholds: Vec<Threshold>,
    /// A condition over the rules, with its place.
    pub(crate) among: Option<(Cond, Node)>,
    pub(crate) fields: Vec<String>,
    pub(crate) percentile: Option<f64>,
    /// alias → (rule → field), with the place of the rule's name.
    pub(crate) aliases: Vec<(String, Vec<(Node, String)>)>,
    pub(crate) generate: bool,
}

/// Reads the `correlation` map; `None` after an error.
pub(crate) fn read(node: &Node, diags: &mut Diags<'_>) -> Option<Draft> {
    let before = diags.errors();
    let Some(entries) = node.map() else {
        diags.error("R008", &node.span, "correlation 必须是映射", "correlation must be a map");
        return None;
    };
    for (key, _) in entries {
        let name = key.text().unwrap_or("");
        if !["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"]
            .contains(&name)
        {
            diags.error(
                "R006",
                &key.span,
                &format!("correlation 中未知的键 {name}"),
                &format!("unknown key {name} in the correlation"),
            );
        }
    }
    let kind = kind(node, diags)?;
    let timespan = timespan(node, diags);
    let rules: Vec<Node> = node.get("rules").map(|n| n.items().to_vec()).unwrap_or_default();
    if rules.is_empty() || rules.iter().any(|r| r.text().is_none_or(str::is_empty)) {
        diags.error(
            "R007",
            &first_line(node),
            "关联规则缺少 rules",
            "the correlation names no rules",
        );
        return None;
    }
    if let Some(twice) =
        rules.iter().enumerate().find(|(n, r)| rules[..*n].iter().any(|o| o.text() == r.text()))
    {
        diags.error("R032", &twice.1.span, "规则重复列出", "the rule is listed twice");
    }
    if rules.len() > limits::CORRELATED_RULES_MAX {
        diags.error(
            "R002",
            &first_line(node),
            "引用的规则过多",
            "the correlation names too many rules",
        );
        return None;
    }
    let group_by = node.get("group-by").map(Node::items).unwrap_or_default();
    let group_by = group_by.iter().filter_map(|n| n.text().map(str::to_owned)).collect();
    let (condition, among) = match node.get("condition") {
        Some(at) if kind == CorrelationKind::Temporal && at.text().is_some() => {
            (Some((Vec::new(), Vec::new(), None)), among(at, diags))
        }
        _ => (condition(node, kind, diags), None),
    };
    let generate = match node.get("generate").map(|n| (n, n.scalar())) {
        None => false,
        Some((_, Some(Scalar::Bool(b)))) => b,
        Some((n, _)) => {
            diags.error(
                "R008",
                &n.span,
                "generate 只接受 true 或 false",
                "generate takes true or false",
            );
            false
        }
    };
    let aliases = aliases(node, diags);
    let (timespan, (thresholds, fields, percentile)) = (timespan?, condition?);
    (diags.errors() == before).then_some(Draft {
        kind,
        rules,
        group_by,
        timespan,
        thresholds,
        among,
        fields,
        percentile,
        aliases,
        generate,
    })
}

fn kind(node: &Node, diags: &mut Diags<'_>) -> Option<CorrelationKind> {
    let Some(at) = node.get("type") else {
        diags.error("R007", &first_line(node), "缺少 type", "the type is missing");
        return None;
    };
    Some(match at.text().unwrap_or("") {
        "event_count" => CorrelationKind::EventCount,
        "value_count" => CorrelationKind::ValueCount,
        "temporal" => CorrelationKind::Temporal,
        "temporal_ordered" => CorrelationKind::TemporalOrdered,
        "value_sum" => CorrelationKind::ValueSum,
        "value_avg" => CorrelationKind::ValueAvg,
        "value_percentile" => CorrelationKind::ValuePercentile,
        "value_median" => CorrelationKind::ValueMedian,
        other => {
            diags.error(
                "R032",
                &at.span,
                &format!("未知的关联类型 {other}"),
                &format!("unknown correlation type {other}"),
            );
            return None;
        }
    })
}

fn timespan(node: &Node, diags: &mut Diags<'_>) -> Option<Duration> {
    let Some(at) = node.get("timespan") else {
        diags.error("R007", &first_line(node), "缺少 timespan", "the timespan is missing");
        return None;
    };
    let span = at.text().and_then(parse_span);
    if span.is_none() {
        diags.error(
            "R033",
            &at.span,
            "时间跨度应为数字加 s、m、h、d，且不超过 40 天",
            "a timespan is a number and s, m, h or d, at most 40 days",
        );
    }
    span
}

/// `30s`, `5m`, `2h`, `1d`, `1w`; within [`limits::TIMESPAN_SECS_MAX`] and not zero.
pub(crate) fn parse_span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return None,
    };
    let secs = number.trim().parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=limits::TIMESPAN_SECS_MAX).contains(&secs).then(|| Duration::from_secs(secs))
}

type Condition = (Vec<Threshold>, Vec<String>, Option<f64>);

fn condition(node: &Node, kind: CorrelationKind, diags: &mut Diags<'_>) -> Option<Condition> {
    let Some(at) = node.get("condition") else {
        if kind.is_temporal() {
            return Some((Vec::new(), Vec::new(), None));
        }
        diags.error("R007", &first_line(node), "缺少 condition", "the condition is missing");
        return None;
    };
    let Some(entries) = at.map() else {
        let (zh, en) = match at.text().is_some() {
            true => (
                "只有 temporal 的条件可以是规则名表达式，其他类型须为映射（gte、lt……）",
                "only temporal takes an expression over rules; of other types the condition is a map (gte, lt…)",
            ),
            false => (
                "关联条件必须是映射（gte、lt……）",
                "the correlation's condition must be a map (gte, lt…)",
            ),
        };
        diags.error("R032", &at.span, zh, en);
        return None;
    };
    let (mut thresholds, mut fields, mut percentile) = (Vec::new(), Vec::new(), None);
    for (key, value) in entries {
        let op = match key.text().unwrap_or("") {
            "gt" => Op::Gt,
            "gte" => Op::Gte,
            "lt" => Op::Lt,
            "lte" => Op::Lte,
            "eq" => Op::Eq,
            "neq" => Op::Neq,
            "field" => {
                fields = value.items().iter().filter_map(|n| n.text().map(str::to_owned)).collect();
                continue;
            }
            "percentile" if kind == CorrelationKind::ValuePercentile => {
                percentile = numeric(value).filter(|p| (0.0..=100.0).contains(p));
                if percentile.is_none() {
                    diags.error(
                        "R032",
                        &value.span,
                        "百分位应在 0 到 100 之间",
                        "a percentile lies between 0 and 100",
                    );
                }
                continue;
            }
            other => {
                diags.error(
                    "R006",
                    &key.span,
                    &format!("条件中未知的键 {other}"),
                    &format!("unknown key {other} in the condition"),
                );
                return None;
            }
        };
        let Some(number) = numeric(value) else {
            diags.error("R032", &value.span, "阈值必须是数字", "the threshold must be a number");
            return None;
        };
        if kind.counts() && !(0.0..=limits::THRESHOLD_MAX as f64).contains(&number) {
            let max = limits::THRESHOLD_MAX;
            diags.error(
                "R032",
                &value.span,
                &format!("阈值应在 0 到 {max} 之间"),
                &format!("a threshold lies between 0 and {max}"),
            );
            return None;
        }
        thresholds.push(Threshold { op, number });
    }
    if thresholds.is_empty() && !kind.is_temporal() {
        diags.error("R032", &at.span, "条件没有阈值", "the condition has no threshold");
        return None;
    }
    if kind.needs_field() == fields.is_empty() {
        let (zh, en) = if fields.is_empty() {
            ("此类关联需要 field", "this type needs a field")
        } else {
            ("此类关联不用 field", "this type takes no field")
        };
        diags.error("R032", &at.span, zh, en);
        return None;
    }
    if fields.len() > 1 && kind != CorrelationKind::ValueCount {
        diags.error("R032", &at.span, "此类关联只用一个 field", "this type takes one field");
        return None;
    }
    if kind == CorrelationKind::ValuePercentile && percentile.is_none() {
        percentile = Some(95.0);
        diags.warning(
            "R032",
            &at.span,
            "未写 percentile，按 95 计算",
            "no percentile is given; 95 is used",
        );
    }
    Some((thresholds, fields, percentile))
}

/// A condition over the rules.
fn among(at: &Node, diags: &mut Diags<'_>) -> Option<(Cond, Node)> {
    match condition::parse(at.text().unwrap_or("")) {
        Ok(cond) => Some((cond, at.clone())),
        Err(e) => {
            diags.error(e.code, &condition::within(at, &e.at), &e.zh, &e.en);
            None
        }
    }
}

fn numeric(node: &Node) -> Option<f64> {
    match node.scalar()? {
        Scalar::Int(i) => Some(i as f64),
        Scalar::Float(f) => Some(f),
        _ => None,
    }
}

fn aliases(node: &Node, diags: &mut Diags<'_>) -> Vec<(String, Vec<(Node, String)>)> {
    let mut out = Vec::new();
    let Some(at) = node.get("aliases") else { return out };
    let Some(entries) = at.map() else {
        diags.error("R008", &at.span, "aliases 必须是映射", "aliases must be a map");
        return out;
    };
    for (name, rules) in entries {
        let (Some(name), Some(rules)) = (name.text(), rules.map()) else {
            diags.error(
                "R008",
                &rules.span,
                "别名必须是规则到字段的映射",
                "an alias maps rules to fields",
            );
            continue;
        };
        let fields = rules
            .iter()
            .filter_map(|(rule, field)| Some((rule.clone(), field.text()?.to_owned())))
            .collect();
        out.push((name.to_owned(), fields));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_bounded() {
        assert_eq!(parse_span("5m"), Some(Duration::from_secs(300)));
        assert_eq!(parse_span("1d"), Some(Duration::from_secs(86_400)));
        for bad in ["", "m", "5", "0s", "-1s", "41d", "99999999999999999999s", "5学"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }
}
