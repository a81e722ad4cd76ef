//! From a query to the draft of a Sigma rule that says the same: comparisons become selections,
//! `| count by` becomes a correlation. What Sigma cannot say is refused, never half-said, and the
//! rules crate's own checker has the last word.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use events::{Lang, Text};
use ring::digest::{SHA256, digest};
use rules::{LoadOptions, RuleSet, Source};
use serde::{Deserialize, Serialize};
use store::search::Query;
use store::search::outline::{Outline, Piped, Wanted};

use super::Hunt;
use super::selections::{Selections, scalar};

/// What every record has that is no field of a rule.
pub(super) const NOT_FIELDS: [&str; 5] = ["id", "time", "site", "sensor", "raw"];
/// The parts of Sigma's log source.
pub(super) const LOG_SOURCE: [&str; 3] = ["product", "category", "service"];

/// From how many records within which time a count is worth an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Often {
    /// At least so many.
    pub threshold: u64,
    /// Within this time, as Sigma writes it: `30s`, `5m`, `1h`, `1d`.
    pub timespan: String,
}

/// Why a query is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARule {
    /// It does not say of which log source.
    #[error("the query names no log source: product, category or service")]
    NoLogSource,
    /// Product, category or service stand where Sigma's log source cannot.
    #[error("{name} must hold for the whole rule, as one plain value")]
    LogSourcePlace {
        /// Which.
        name: String,
    },
    /// It compares what is no field.
    #[error("Sigma has no word for {name}")]
    NoField {
        /// What.
        name: String,
    },
    /// It would fire on every record.
    #[error("the query asks for everything")]
    Everything,
    /// A pipe that Sigma does not have.
    #[error("Sigma has no histogram")]
    Pipe,
    /// A count without a threshold and a time.
    #[error("a count needs a threshold and a time span such as 5m")]
    HowOften,
    /// The checker of rules does not take what was drafted.
    #[error("the draft does not pass the check of rules: {reason}")]
    Refused {
        /// What it says.
        reason: String,
    },
}

impl NotARule {
    /// The stable code: `H` and three digits.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoLogSource => "H001",
            Self::LogSourcePlace { .. } => "H002",
            Self::NoField { .. } => "H003",
            Self::Everything => "H004",
            Self::Pipe => "H005",
            Self::HowOften => "H006",
            Self::Refused { .. } => "H007",
        }
    }

    /// What is told beside the code's title: the name in question.
    pub fn detail(&self) -> Text {
        match self {
            Self::LogSourcePlace { name } | Self::NoField { name } => {
                Text::new(name.clone(), name.clone())
            }
            Self::Refused { reason } => Text::new(reason.clone(), reason.clone()),
            _ => Text::new("", ""),
        }
    }

    /// What a person reads.
    pub const fn title(&self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::NoLogSource => ("查询语句未指明日志源", "The query names no log source"),
            Self::LogSourcePlace { .. } => (
                "日志源只能用一个确定的值限定整条规则",
                "A log source must hold for the whole rule",
            ),
            Self::NoField { .. } => ("规则中没有这个字段", "A rule has no such field"),
            Self::Everything => ("查询语句没有条件", "The query has no condition"),
            Self::Pipe => ("规则不能表达这个统计", "A rule cannot say this pipe"),
            Self::HowOften => {
                ("统计类查询须给出阈值和时间窗口", "A count needs a threshold and a time span")
            }
            Self::Refused { .. } => ("生成的规则未通过检查", "The draft does not pass the check"),
        };
        lang.pick(zh, en)
    }
}

/// Drafts a rule from a hunt, as a file for the folder of rules.
pub fn draft(hunt: &Hunt, query: &Query, often: Option<&Often>) -> Result<String, NotARule> {
    let (outline, piped) = query.outline();
    let mut source = BTreeMap::new();
    let rest = without_log_source(outline, &mut source)?;
    let mut selections = Selections::default();
    let condition = selections.condition(&rest)?;
    if source.is_empty() {
        return Err(NotARule::NoLogSource);
    }
    let counted = match &piped {
        Piped::Records | Piped::Table(_) => None,
        Piped::Count(by) => Some((by, often.ok_or(NotARule::HowOften)?)),
        Piped::Histogram => return Err(NotARule::Pipe),
    };
    let shown = if let Piped::Table(names) = &piped { &names[..] } else { &[] };
    for name in shown.iter().chain(counted.iter().flat_map(|(by, _)| by.iter())) {
        if is_no_field(name) {
            return Err(NotARule::NoField { name: name.clone() });
        }
    }
    let id = id_of(&hunt.name);
    let mut text = head(hunt, &id, counted.is_some());
    text.push_str("logsource:\n");
    for (part, value) in &source {
        let _ = writeln!(text, "  {part}: {}", scalar(value));
    }
    let _ = write!(text, "detection:\n{}  condition: {condition}\n", selections.text);
    if !shown.is_empty() {
        let _ = writeln!(text, "fields: [{}]", list(shown));
    }
    text.push_str(&tail(hunt, if counted.is_some() { "informational" } else { "medium" }));
    if let Some((by, often)) = counted {
        text.push_str(&correlation(hunt, &id, by, often));
    }
    check(text)
}

/// The draft if the checker of rules takes it.
fn check(text: String) -> Result<String, NotARule> {
    let source = Source::new("hunt.yml", text);
    let options = LoadOptions { lint: true, ..LoadOptions::default() };
    let loaded = RuleSet::load(std::slice::from_ref(&source), &options);
    let fault = loaded.problems.iter().find(|p| p.is_error());
    match fault {
        Some(p) => {
            let reason = format!("[{}] {}:{} {}", p.code, p.line, p.column, p.message.en);
            Err(NotARule::Refused { reason })
        }
        None if loaded.set.rules().is_empty() => {
            Err(NotARule::Refused { reason: "no rule".to_owned() })
        }
        None => Ok(source.text),
    }
}

/// A stable id: drafted again, it is the same rule.
fn id_of(name: &str) -> String {
    let digest = digest(&SHA256, name.as_bytes());
    let short = digest.as_ref().get(..6).unwrap_or_default();
    format!("hunt-{}", data_encoding::HEXLOWER.encode(short))
}

fn head(hunt: &Hunt, id: &str, counted: bool) -> String {
    let mut text = format!("title: {}\nid: {id}\n", scalar(&hunt.name));
    if counted {
        let _ = writeln!(text, "name: {}", id.replace('-', "_"));
    }
    let _ = write!(
        text,
        "status: experimental\ndescription: {}\nauthor: {}\ndate: {}\n",
        scalar(&hunt.query),
        scalar(&hunt.owner),
        day(hunt),
    );
    text
}

fn day(hunt: &Hunt) -> String {
    hunt.changed.to_rfc3339().chars().take(10).collect()
}

fn tail(hunt: &Hunt, level: &str) -> String {
    let name = scalar(&hunt.name);
    let query = scalar(&hunt.query);
    format!(
        "falsepositives:\n  - Unknown\nlevel: {level}\nxuedun:\n  title: {{ zh: {name}, en: {name} \
         }}\n  description: {{ zh: {query}, en: {query} }}\n  playbook: generic-triage\n"
    )
}

fn correlation(hunt: &Hunt, id: &str, by: &[String], often: &Often) -> String {
    let group_by =
        if by.is_empty() { String::new() } else { format!("  group-by: [{}]\n", list(by)) };
    let title = scalar(&format!("{} ≥ {} / {}", hunt.name, often.threshold, often.timespan));
    format!(
        "---\ntitle: {title}\nid: {id}-count\nstatus: experimental\ndescription: {}\nauthor: {}\n\
         date: {}\ncorrelation:\n  type: event_count\n  rules: [{}]\n{group_by}  timespan: {}\n  \
         condition:\n    gte: {}\n{}",
        scalar(&hunt.query),
        scalar(&hunt.owner),
        day(hunt),
        id.replace('-', "_"),
        often.timespan,
        often.threshold,
        tail(hunt, "medium"),
    )
}

fn list(names: &[String]) -> String {
    names.iter().map(|n| scalar(n)).collect::<Vec<_>>().join(", ")
}

fn is_no_field(name: &str) -> bool {
    NOT_FIELDS.contains(&name) || LOG_SOURCE.contains(&name)
}

/// Takes the log source out of an expression's outermost conditions.
fn without_log_source(
    outline: Outline,
    source: &mut BTreeMap<String, String>,
) -> Result<Outline, NotARule> {
    let parts = match outline {
        Outline::And(parts) => parts,
        one => vec![one],
    };
    let mut rest = Vec::new();
    for part in parts {
        match part {
            Outline::And(_) => rest.push(without_log_source(part, source)?),
            Outline::Is { name, wanted: Wanted::Like(value) }
                if LOG_SOURCE.contains(&name.as_str()) && !value.contains(['*', '?', '\\']) =>
            {
                if source.get(&name).is_some_and(|old| *old != value) {
                    return Err(NotARule::LogSourcePlace { name });
                }
                source.insert(name, value);
            }
            other => rest.push(other),
        }
    }
    Ok(if rest.len() == 1 { rest.swap_remove(0) } else { Outline::And(rest) })
}

#[cfg(test)]
#[path = "promote_tests.rs"]
mod tests;
