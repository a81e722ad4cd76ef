//! Registers (台账) that people keep elsewhere, imported as CSV: training, assets, changes…
//! One shape for all, so that one import serves them and checks ask the same questions.

use std::collections::BTreeSet;

use events::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::fact::Fact;

/// Kinds of register, with their Chinese names.
pub const KINDS: [(&str, &str); 16] = [
    ("account", "账号申请与注销台账"),
    ("approval", "审批事项台账"),
    ("asset", "资产台账"),
    ("assessment", "测评与检查台账"),
    ("backup", "备份与恢复台账"),
    ("change", "变更台账"),
    ("configuration", "配置基线台账"),
    ("development", "软件开发安全测试台账"),
    ("incident", "安全事件台账"),
    ("inspection", "巡检与维护台账"),
    ("malware", "恶意代码防护验证台账"),
    ("performance", "运行监测台账"),
    ("remote", "远程运维台账"),
    ("training", "培训台账"),
    ("visitor", "外部人员访问台账"),
    ("vulnerability", "漏洞与风险台账"),
];

/// Rows of one register at most.
const ENTRIES_MAX: usize = 100_000;

/// One row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entry {
    /// What it is about.
    pub title: String,
    /// Its kind within the register: `server`, `leak`, `restore-test`…
    pub kind: String,
    /// Who answers for it.
    pub owner: String,
    /// Who approved it.
    pub approver: String,
    /// What came of it.
    pub result: String,
    /// Days since it happened or began.
    pub age_days: i64,
    /// Days until it is due; negative when it is late.
    pub due_in_days: Option<i64>,
    /// Whether it is finished.
    pub closed: bool,
}

/// A register.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Register {
    /// Its rows.
    pub entries: Vec<Entry>,
}

/// Why a register was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Not CSV.
    #[error("line {line}: {problem}")]
    Syntax {
        /// Line of the file.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// A column that must be there is not.
    #[error(
        "the column {column} is missing; wanted date, title, kind, owner, approver, result, due, closed"
    )]
    Column {
        /// Its name.
        column: &'static str,
    },
    /// More rows than the bound.
    #[error("more than {max} rows")]
    TooLong {
        /// The bound.
        max: usize,
    },
}

impl RegisterError {
    /// Stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "A030",
            Self::Column { .. } => "A031",
            Self::TooLong { .. } => "A032",
        }
    }
}

/// Names of columns, Chinese and English.
const COLUMNS: [(&str, &str); 8] = [
    ("date", "日期"),
    ("title", "名称"),
    ("kind", "类别"),
    ("owner", "责任人"),
    ("approver", "审批人"),
    ("result", "结果"),
    ("due", "期限"),
    ("closed", "完成日期"),
];

impl Register {
    /// Reads a CSV of UTF-8 with a head row. `date` and `title` must be there; dates are
    /// `2026-11-23`. Ages count back from `now`.
    pub fn parse(csv: &[u8], now: Timestamp) -> Result<Self, RegisterError> {
        let csv = csv.strip_prefix(b"\xef\xbb\xbf").unwrap_or(csv);
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(csv);
        let syntax = |e: csv::Error| RegisterError::Syntax {
            line: e.position().map_or(0, csv::Position::line),
            problem: e.to_string(),
        };
        let head = reader.headers().map_err(syntax)?.clone();
        let at = COLUMNS.map(|(en, zh)| head.iter().position(|h| h.trim() == en || h.trim() == zh));
        for (place, (column, _)) in at.iter().zip(COLUMNS).take(2) {
            if place.is_none() {
                return Err(RegisterError::Column { column });
            }
        }
        let mut entries = Vec::new();
        for row in reader.records() {
            let row = row.map_err(syntax)?;
            if entries.len() == ENTRIES_MAX {
                return Err(RegisterError::TooLong { max: ENTRIES_MAX });
            }
            let line = row.position().map_or(0, csv::Position::line);
            let text = |i: usize| at[i].and_then(|c| row.get(c)).unwrap_or_default().trim();
            let day = |i: usize| match text(i) {
                "" => Ok(None),
                day => days_until(day, now).map(Some).ok_or_else(|| RegisterError::Syntax {
                    line,
                    problem: format!("{day} is not a date such as 2026-11-23"),
                }),
            };
            let Some(date) = day(0)? else {
                return Err(RegisterError::Syntax { line, problem: "no date".into() });
            };
            entries.push(Entry {
                title: text(1).to_owned(),
                kind: text(2).to_owned(),
                owner: text(3).to_owned(),
                approver: text(4).to_owned(),
                result: text(5).to_owned(),
                age_days: -date,
                due_in_days: day(6)?,
                closed: day(7)?.is_some(),
            });
        }
        Ok(Self { entries })
    }

    /// What checks ask.
    pub fn facts(&self) -> Vec<(String, Fact)> {
        let of = |wanted: &dyn Fn(&Entry) -> bool| {
            Fact::List(self.entries.iter().filter(|e| wanted(e)).map(|e| e.title.clone()).collect())
        };
        let kinds: BTreeSet<&str> =
            self.entries.iter().map(|e| e.kind.as_str()).filter(|k| !k.is_empty()).collect();
        let newest = self.entries.iter().filter(|e| e.age_days >= 0).map(|e| e.age_days).min();
        let year = self.entries.iter().filter(|e| (0..=365).contains(&e.age_days)).count();
        vec![
            ("count".into(), Fact::Int(self.entries.len() as i64)),
            ("count_365d".into(), Fact::Int(year as i64)),
            ("newest_age_days".into(), newest.map_or(Fact::Absent, Fact::Int)),
            ("kinds".into(), Fact::List(kinds.into_iter().map(str::to_owned).collect())),
            ("without_kind".into(), of(&|e| e.kind.is_empty())),
            ("without_owner".into(), of(&|e| e.owner.is_empty())),
            ("without_approver".into(), of(&|e| e.approver.is_empty())),
            ("self_approved".into(), of(&|e| !e.owner.is_empty() && e.owner == e.approver)),
            ("without_result".into(), of(&|e| e.closed && e.result.is_empty())),
            ("open".into(), of(&|e| !e.closed)),
            ("overdue".into(), of(&|e| !e.closed && e.due_in_days.is_some_and(|d| d < 0))),
            ("future".into(), of(&|e| e.age_days < 0)),
        ]
    }
}

/// Whole days from `now` to a date in Beijing time; negative for the past.
fn days_until(day: &str, now: Timestamp) -> Option<i64> {
    let at = Timestamp::parse_rfc3339(&format!("{day}T00:00:00+08:00")).ok()?;
    let today: String = now.to_beijing().chars().take(10).collect();
    let today = Timestamp::parse_rfc3339(&format!("{today}T00:00:00+08:00")).ok()?;
    Some((at.secs() - today.secs()) / 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse_rfc3339("2026-11-23T10:00:00+08:00").unwrap()
    }

    #[test]
    fn a_register_in_chinese() {
        let csv = "\u{feff}日期,名称,类别,责任人,审批人,结果,期限,完成日期\n\
                   2026-11-20,全员培训,意识,李,王,合格,,2026-11-20\n\
                   2026-10-01,补丁,补丁,李,李,,2026-11-01,\n";
        let register = Register::parse(csv.as_bytes(), now()).unwrap();
        let facts: std::collections::BTreeMap<_, _> = register.facts().into_iter().collect();
        assert_eq!(facts["newest_age_days"], Fact::Int(3));
        assert_eq!(facts["overdue"], Fact::List(vec!["补丁".into()]));
        assert_eq!(facts["self_approved"], Fact::List(vec!["补丁".into()]));
        assert_eq!(facts["without_result"], Fact::List(vec![]));
    }

    #[test]
    fn bad_registers_say_where() {
        let code = |text: &str| Register::parse(text.as_bytes(), now()).unwrap_err().code();
        assert_eq!(code("title\nx\n"), "A031");
        let error = Register::parse(b"date,title\n2026-11-20,a\nyesterday,b\n", now()).unwrap_err();
        assert!(error.to_string().starts_with("line 3:"), "{error}");
    }
}
