//! Severity, in Sigma's five levels.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::Lang;

/// How grave a detection is (Sigma `level`).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// 提示
    #[default]
    Informational,
    /// 低危
    Low,
    /// 中危
    Medium,
    /// 高危
    High,
    /// 严重
    Critical,
}

impl Severity {
    /// All, from least to most grave.
    pub const ALL: [Self; 5] =
        [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word of the Sigma specification.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The word a person reads.
    pub const fn label(self, lang: Lang) -> &'static str {
        match (lang, self) {
            (Lang::Zh, Self::Informational) => "提示",
            (Lang::Zh, Self::Low) => "低危",
            (Lang::Zh, Self::Medium) => "中危",
            (Lang::Zh, Self::High) => "高危",
            (Lang::Zh, Self::Critical) => "严重",
            (Lang::En, Self::Informational) => "Info",
            (Lang::En, Self::Low) => "Low",
            (Lang::En, Self::Medium) => "Medium",
            (Lang::En, Self::High) => "High",
            (Lang::En, Self::Critical) => "Critical",
        }
    }
}

/// A word that is not one of the five levels.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a severity: use informational, low, medium, high or critical")]
pub struct BadSeverity;

impl FromStr for Severity {
    type Err = BadSeverity;
    fn from_str(text: &str) -> Result<Self, BadSeverity> {
        Self::ALL.into_iter().find(|s| s.as_str().eq_ignore_ascii_case(text)).ok_or(BadSeverity)
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
