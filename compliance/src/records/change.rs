//! What changed between two scans: tables and columns that came or went, elements and grades that
//! are others now, sensitive data that appeared.

use std::collections::BTreeMap;

use events::Text;
use serde::Serialize;

use super::classify::{ColumnReport, Inventory};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The data set.
    pub dataset: String,
    /// The column; none when it is the data set itself.
    pub column: Option<String>,
    /// Whether it calls for a look: sensitive data or a higher grade where there was none.
    pub worse: bool,
    /// What changed.
    pub what: Text,
}

/// The changes from one scan to the next, by data set and column as they stand in the new one;
/// what is gone comes last.
pub fn changes(before: &[Inventory], after: &[Inventory]) -> Vec<Change> {
    let old: BTreeMap<&str, &Inventory> = before.iter().map(|i| (i.dataset.as_str(), i)).collect();
    let new: BTreeMap<&str, &Inventory> = after.iter().map(|i| (i.dataset.as_str(), i)).collect();
    let mut out = Vec::new();
    for now in after {
        let mut tell = |column: Option<&str>, worse, zh: String, en: String| {
            let (dataset, column) = (now.dataset.clone(), column.map(str::to_owned));
            out.push(Change { dataset, column, worse, what: Text::new(zh, en) });
        };
        let Some(was) = old.get(now.dataset.as_str()) else {
            let (grade, rows) = (now.dataset_grade, now.rows);
            tell(
                None,
                grade > 1,
                format!("新增数据集：级别 {grade}，{rows} 行"),
                format!("new data set: grade {grade}, {rows} rows"),
            );
            continue;
        };
        if was.dataset_grade != now.dataset_grade {
            let (a, b) = (was.dataset_grade, now.dataset_grade);
            tell(None, b > a, format!("级别由 {a} 变为 {b}"), format!("grade {a} is now {b}"));
        }
        let columns = by_name(was);
        for column in &now.columns {
            let name = Some(column.column.as_str());
            match columns.get(column.column.as_str()) {
                None => tell(
                    name,
                    column.sensitive_pi || column.grade > 1,
                    format!("新增列：{}，级别 {}", named(column).zh, column.grade),
                    format!("new column: {}, grade {}", named(column).en, column.grade),
                ),
                Some(old) => compare(old, column, &mut |worse, zh, en| tell(name, worse, zh, en)),
            }
        }
        let held = by_name(now);
        for column in was.columns.iter().filter(|c| !held.contains_key(c.column.as_str())) {
            let what = ("该列已不存在".to_owned(), "the column is gone".to_owned());
            tell(Some(&column.column), false, what.0, what.1);
        }
    }
    for was in before.iter().filter(|i| !new.contains_key(i.dataset.as_str())) {
        let what = Text::new("该数据集未再出现", "the data set is not there any more");
        out.push(Change { dataset: was.dataset.clone(), column: None, worse: false, what });
    }
    out
}

fn by_name(inventory: &Inventory) -> BTreeMap<&str, &ColumnReport> {
    inventory.columns.iter().map(|c| (c.column.as_str(), c)).collect()
}

fn named(column: &ColumnReport) -> Text {
    column.title.clone().unwrap_or_else(|| Text::new("未识别", "not recognised"))
}

fn compare(old: &ColumnReport, new: &ColumnReport, tell: &mut dyn FnMut(bool, String, String)) {
    if old.element != new.element {
        let (a, b) = (named(old), named(new));
        tell(
            new.grade > old.grade,
            format!("由“{}”变为“{}”", a.zh, b.zh),
            format!("{} is now {}", a.en, b.en),
        );
    }
    if old.grade != new.grade {
        let (a, b) = (old.grade, new.grade);
        tell(b > a, format!("级别由 {a} 变为 {b}"), format!("grade {a} is now {b}"));
    }
    if !old.sensitive_pi && new.sensitive_pi {
        tell(
            true,
            "成为敏感个人信息".to_owned(),
            "is sensitive personal information now".to_owned(),
        );
    }
    if let Some(now) = new.confirmed.as_ref().filter(|c| old.confirmed.as_ref() != Some(*c)) {
        let is_new = old.confirmed.as_ref().is_none_or(|c| c.at != now.at);
        if is_new {
            let (zh, en) = (format!("{} 人工确认", now.by), format!("confirmed by {}", now.by));
            tell(false, zh, en);
        }
        if now.review && (is_new || old.confirmed.as_ref().is_some_and(|c| !c.review)) {
            let (zh, en) = ("人工确认须复核", "the confirmation is to be reviewed");
            tell(true, zh.to_owned(), en.to_owned());
        }
    } else if old.confirmed.is_some() && new.confirmed.is_none() {
        let (zh, en) = ("未再采用人工确认", "the confirmation was not taken into account");
        tell(true, zh.to_owned(), en.to_owned());
    }
    if old.hits == 0 && new.hits > 0 && old.rows > 0 && old.element == new.element {
        let n = new.hits;
        tell(true, format!("首次发现 {n} 处"), format!("{n} found where there was none"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::{ClassifyOptions, Day, Taxonomy, classify};

    fn inventory(dataset: &str, rows: &str) -> Inventory {
        let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), dataset);
        classify(rows.as_bytes(), &options, &Taxonomy::embedded().unwrap()).unwrap()
    }

    fn told(
        before: &[Inventory],
        after: &[Inventory],
    ) -> Vec<(String, Option<String>, bool, String)> {
        let changes = changes(before, after).into_iter();
        changes.map(|c| (c.dataset, c.column, c.worse, c.what.en)).collect()
    }

    #[test]
    fn what_came_and_went_and_what_is_worse() {
        let a = inventory("a", "班级,备注\n七（1）班,无\n");
        let b = inventory("b", "x\n1\n");
        assert!(changes(&[a.clone(), b.clone()], &[a.clone(), b.clone()]).is_empty());
        let worse = inventory("a", "班级,身份证件号\n七（1）班,110105194912310038\n");
        let told = told(&[a, b], &[worse, inventory("c", "手机号\n13800138000\n")]);
        let has = |dataset: &str, column: Option<&str>, worse: bool, words: &str| {
            told.iter().any(|(d, c, w, t)| {
                d == dataset && c.as_deref() == column && *w == worse && t.contains(words)
            })
        };
        assert!(
            has("a", None, true, "grade 3 is now 4") || has("a", None, true, "is now 4"),
            "{told:?}"
        );
        assert!(
            has("a", Some("身份证件号"), true, "new column: identity document number"),
            "{told:?}"
        );
        assert!(
            has("a", Some("备注"), false, "gone") && has("b", None, false, "not there"),
            "{told:?}"
        );
        assert!(has("c", None, true, "new data set"), "{told:?}");
    }

    #[test]
    fn a_column_that_changes_its_meaning_or_fills_with_persons() {
        let before = inventory("a", "备注\n无\n请假\n");
        let after = inventory("a", "备注\n无\n家长电话13800138000\n");
        let told = told(&[before], &[after]);
        assert!(told.iter().any(|t| t.2 && t.3.contains("found where there was none")), "{told:?}");
    }
}
