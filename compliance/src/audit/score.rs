//! Scores. Templates are data (`catalogue/score-templates.toml`); denominators are always shown.

use std::collections::BTreeMap;

use events::Text;
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::error::AuditError;
use super::run::AuditRun;
use super::verdict::VerdictKind;

const TEMPLATES: &str = include_str!("../../catalogue/score-templates.toml");

/// How points are worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Mean over categories of the share met, a half met counting half.
    CategoryMean,
    /// Technical and management parts of 100, each unmet item deducting its weight's share.
    Deduction,
    /// The share of items met.
    Rate,
}

/// One grade of a template: reached at `at_least` points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// The least points.
    pub at_least: f64,
    /// Whether it is out of reach with an unmet item of the high-risk guide.
    #[serde(default)]
    pub no_high_risk: bool,
    /// Its name.
    pub title: Text,
}

/// A score template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// `2019`, `2021`, `2025`.
    pub id: String,
    /// Its name.
    pub title: Text,
    /// How points are worked out.
    pub method: Method,
    /// Share of the technical part (`Deduction`).
    #[serde(default)]
    pub technical_share: Option<f64>,
    /// Whether formula, weights and thresholds were read in the official document.
    pub verified: bool,
    /// What is not certain.
    pub note: Text,
    /// Grades, best first.
    pub grades: Vec<Grade>,
}

/// The score of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The template's id.
    pub template: String,
    /// Items met ÷ denominator, 0 to 1; a half met counts nothing.
    pub strict_rate: f64,
    /// The same, a half met counting half.
    pub partial_rate: f64,
    /// Points by the template, 0 to 100.
    pub points: f64,
    /// The grade reached. Provisional while anything is not judged.
    pub grade: Option<Text>,
    /// All items.
    pub total: usize,
    /// Items that apply: all but 不适用. Pending, not run, error, stale and waived ones count in
    /// it and count as not met.
    pub denominator: usize,
    /// Items judged by a check or a person.
    pub judged: usize,
    /// Number of items by verdict; all nine are there.
    pub counts: BTreeMap<VerdictKind, usize>,
    /// Unmet items that are cases of the high-risk guide.
    pub high_risk: Vec<String>,
    /// True when the template is not verified or not every item that applies is judged.
    pub unverified: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    template: Vec<Template>,
}

/// The templates shipped with the program.
pub fn templates() -> Result<Vec<Template>, AuditError> {
    let file: File = toml::from_str(TEMPLATES).map_err(|e| AuditError::CheckSyntax {
        file: "score-templates.toml".into(),
        source: Box::new(e),
    })?;
    Ok(file.template)
}

/// Scores a run by a template of [`templates`].
pub fn score(run: &AuditRun, catalogue: &Catalogue, template: &str) -> Result<Score, AuditError> {
    let Some(template) = templates()?.into_iter().find(|t| t.id == template) else {
        return Err(AuditError::UnknownTemplate { name: template.to_owned() });
    };
    Ok(score_by(run, catalogue, &template))
}

/// Scores a run by a template of one's own.
pub fn score_by(run: &AuditRun, catalogue: &Catalogue, template: &Template) -> Score {
    let mut counts: BTreeMap<VerdictKind, usize> =
        VerdictKind::ALL.into_iter().map(|k| (k, 0)).collect();
    for item in &run.items {
        *counts.entry(item.verdict.kind()).or_default() += 1;
    }
    let of = |kind: VerdictKind| counts.get(&kind).copied().unwrap_or(0);
    let total = run.items.len();
    let denominator = total - of(VerdictKind::NotApplicable);
    let (met, half) = (of(VerdictKind::Conform), of(VerdictKind::Partial));
    let judged = met + half + of(VerdictKind::NonConform) + of(VerdictKind::NotApplicable);
    let high_risk: Vec<String> = run
        .items
        .iter()
        .filter(|i| matches!(i.verdict.kind(), VerdictKind::NonConform))
        .filter(|i| {
            let item = catalogue.item(&i.item);
            item.is_some_and(|i| i.high_risk_case.is_some() && i.high_risk_when.is_none())
        })
        .map(|i| i.item.clone())
        .collect();
    let points = round(points(run, catalogue, template));
    let grade = template
        .grades
        .iter()
        .find(|g| points >= g.at_least && (!g.no_high_risk || high_risk.is_empty()))
        .map(|g| g.title.clone());
    Score {
        template: template.id.clone(),
        strict_rate: round(ratio(met as f64, denominator)),
        partial_rate: round(ratio(met as f64 + half as f64 / 2.0, denominator)),
        points,
        grade,
        total,
        denominator,
        judged,
        unverified: !template.verified || judged < total,
        counts,
        high_risk,
    }
}

/// What an item is worth: 1, a half, nothing; `None` when it does not apply.
fn worth(kind: VerdictKind) -> Option<f64> {
    match kind {
        VerdictKind::NotApplicable => None,
        VerdictKind::Conform => Some(1.0),
        VerdictKind::Partial => Some(0.5),
        _ => Some(0.0),
    }
}

fn points(run: &AuditRun, catalogue: &Catalogue, template: &Template) -> f64 {
    // (category, technical, worth) of every item that applies.
    let rows: Vec<(&str, bool, f64)> = run
        .items
        .iter()
        .filter_map(|i| {
            let item = catalogue.item(&i.item)?;
            let technical = catalogue.category_of(item)?.is_technical();
            Some((item.category.as_str(), technical, worth(i.verdict.kind())?))
        })
        .collect();
    match template.method {
        Method::Rate => {
            100.0 * ratio(rows.iter().filter(|r| r.2 >= 1.0).count() as f64, rows.len())
        }
        Method::CategoryMean => {
            let mut by: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
            for (category, _, worth) in &rows {
                let sum = by.entry(category).or_default();
                sum.0 += worth;
                sum.1 += 1;
            }
            100.0 * ratio(by.values().map(|(sum, n)| ratio(*sum, *n)).sum(), by.len())
        }
        Method::Deduction => {
            let share = template.technical_share.unwrap_or(0.5);
            let each = ratio(100.0, rows.len());
            let part = |technical: bool, whole: f64| {
                let lost: f64 =
                    rows.iter().filter(|r| r.1 == technical).map(|r| (1.0 - r.2) * each).sum();
                (whole - lost).max(0.0)
            };
            part(true, 100.0 * share) + part(false, 100.0 * (1.0 - share))
        }
    }
}

fn ratio(part: f64, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part / whole as f64 }
}

fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
