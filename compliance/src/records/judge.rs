//! What the counts of a column mean: its element and how sure that is, its grade, whether it is
//! sensitive, and why.

use events::Text;

use super::classify::{Ages, ColumnReport, Counts};
use super::find::Kind;
use super::limits::IMPORTANT_SET_ROWS_MIN;
use super::scan::Column;
use super::taxonomy::{Element, HeaderMeaning, Spi, Taxonomy};

/// Judges the columns of one table.
pub(super) struct Judge<'a> {
    pub(super) taxonomy: &'a Taxonomy,
    pub(super) ages: Ages,
}

impl Judge<'_> {
    pub(super) fn column(&self, index: usize, column: &Column, count: &Counts) -> ColumnReport {
        let mut reasons = Vec::new();
        let total = |k: Kind| at(&count.whole, k) + at(&count.any, k);
        let found: Vec<(Kind, u64)> =
            Kind::ALL.iter().map(|k| (*k, total(*k))).filter(|(_, n)| *n > 0).collect();
        let (element, confidence) = self.element(column, count, &mut reasons);
        for (kind, n) in &found {
            let (zh, en) = kind.titles();
            reasons.push(Text::new(format!("发现{zh} {n} 处"), format!("{n} of {en} found")));
        }
        let mut grade = element.map_or(1, |e| e.level);
        // What stands in a column raises it: the highest element wins.
        for (kind, n) in &found {
            let level = self.taxonomy.index_of_kind(*kind).and_then(|i| self.taxonomy.at(i));
            if let Some(level) = level.map(|e| e.level)
                && level > grade
                && (*n * 100 >= count.filled || (*n >= 10 && element.is_some()))
            {
                grade = level;
                let (zh, en) = kind.titles();
                reasons.push(Text::new(
                    format!("列中含{zh}，级别提高到 {level}"),
                    format!("holds {en}: raised to grade {level}"),
                ));
            }
        }
        let sensitive_pi = self.sensitive(element, &found, &mut reasons);
        if element.is_some_and(|e| !e.verified) {
            reasons.push(Text::new(
                "分类分级依据尚未与标准原文核对",
                "grading not yet compared with the text of the standard",
            ));
        }
        let typed = element.is_none_or(|e| !e.types.is_empty() || e.mask == "redact");
        ColumnReport {
            column: column.name.clone(),
            index,
            element: element.map(|e| e.id.clone()),
            title: element.map(|e| e.title.clone()),
            class: element.map(|e| e.class.clone()),
            grade,
            confidence: (confidence.clamp(0.0, 0.99) * 100.0).round() / 100.0,
            sensitive_pi,
            rows: count.filled,
            sealed: count.sealed,
            hits: if typed { count.cells } else { count.filled },
            reasons,
            found,
            unverified: element.is_some_and(|e| !e.verified),
            mask: element.map(|e| e.mask.clone()),
            protect: element.map(|e| e.protect),
            confirmed: None,
        }
    }

    /// The element of a column and how sure that is.
    fn element(
        &self,
        column: &Column,
        count: &Counts,
        reasons: &mut Vec<Text>,
    ) -> (Option<&Element>, f64) {
        let filled = count.filled.max(1);
        let ratio = |n: u64| (n as f64 / filled as f64).min(1.0);
        let best = Kind::ALL
            .iter()
            .copied()
            .max_by_key(|k| at(&count.whole, *k))
            .filter(|k| at(&count.whole, *k) * 2 >= count.filled && count.filled > 0);
        if let Some(HeaderMeaning::Element { index, exact }) = column.meaning
            && let Some(element) = self.taxonomy.at(index)
        {
            let name = if exact { 0.8 } else { 0.65 };
            let own: u64 =
                element.types.iter().map(|k| at(&count.whole, *k) + at(&count.any, *k)).sum();
            let contradicted =
                best.filter(|k| !element.types.is_empty() && !element.types.contains(k));
            if let Some(kind) = contradicted {
                let (zh, en) = kind.titles();
                reasons.push(Text::new(
                    format!("列名与内容不符：内容多为{zh}"),
                    format!("the header does not fit: most values are {en}"),
                ));
            } else {
                reasons.push(Text::new(
                    format!("列名对应“{}”", element.title.zh),
                    format!("the header means {}", element.title.en),
                ));
                let confidence = if element.types.is_empty() {
                    name + 0.1
                } else if own == 0 && count.filled >= 20 {
                    reasons.push(Text::new("内容未能印证列名", "no value confirms the header"));
                    name * 0.5
                } else {
                    1.0 - (1.0 - name) * (1.0 - 0.95 * ratio(own))
                };
                return (Some(element), confidence);
            }
        }
        if let Some(kind) = best {
            let index = self.taxonomy.index_of_kind(kind);
            let (zh, en) = kind.titles();
            reasons.push(Text::new(
                format!("{:.0}% 的值是{zh}", ratio(at(&count.whole, kind)) * 100.0),
                format!("{:.0}% of the values are {en}", ratio(at(&count.whole, kind)) * 100.0),
            ));
            let weight = if kind == Kind::Name { 0.85 } else { 0.95 };
            return (
                index.and_then(|i| self.taxonomy.at(i)),
                weight * ratio(at(&count.whole, kind)),
            );
        }
        let impersonal = column.meaning == Some(HeaderMeaning::NotPersonal);
        if count.cells > 0 && (!impersonal || count.cells * 20 >= count.filled) {
            reasons.push(Text::new("自由文本中含个人信息", "personal data inside free text"));
            return (self.taxonomy.element("remark"), 0.6);
        }
        reasons.push(match column.meaning {
            Some(HeaderMeaning::NotPersonal) => {
                Text::new("列名表明不是个人信息", "the header names something impersonal")
            }
            _ => Text::new("未识别出数据元素", "no element recognised"),
        });
        (None, 0.0)
    }

    fn sensitive(
        &self,
        element: Option<&Element>,
        found: &[(Kind, u64)],
        reasons: &mut Vec<Text>,
    ) -> bool {
        let rule = element.map_or(Spi::Never, |e| e.spi);
        let inside = found.iter().any(|(k, _)| {
            self.taxonomy
                .index_of_kind(*k)
                .and_then(|i| self.taxonomy.at(i))
                .is_some_and(|e| e.spi == Spi::Always)
        });
        if rule == Spi::Always || inside {
            reasons.push(Text::new("属于敏感个人信息", "sensitive personal information"));
            return true;
        }
        if rule != Spi::Under14 {
            return false;
        }
        if self.ages.under14 > 0 {
            reasons.push(Text::new(
                "含不满十四周岁未成年人，全部个人信息按敏感处理",
                "persons under 14 are in the set: all of it is sensitive",
            ));
            return true;
        }
        if self.ages.from14 == 0 {
            reasons.push(Text::new(
                "年龄未知，按不满十四周岁处理",
                "age unknown: treated as under 14",
            ));
            return true;
        }
        false
    }

    /// Elements that are sensitive beside an identity.
    pub(super) fn linked(&self, reports: &mut [ColumnReport]) {
        let identified =
            reports.iter().any(|r| matches!(r.class.as_deref(), Some("identity" | "contact")));
        for report in reports {
            let linked = report
                .element
                .as_deref()
                .and_then(|id| self.taxonomy.element(id))
                .is_some_and(|e| e.spi == Spi::Linked);
            if linked && identified {
                report.sensitive_pi = true;
                report.reasons.push(Text::new(
                    "与身份信息同表，按敏感处理",
                    "beside an identity in the same set: sensitive",
                ));
            }
        }
    }
}

fn at(counts: &[u64; Kind::ALL.len()], kind: Kind) -> u64 {
    counts.get(kind as usize).copied().unwrap_or(0)
}

pub(super) fn notes(rows: u64, grade: u8, taxonomy: &Taxonomy, ages: Ages) -> Vec<Text> {
    let mut notes = Vec::new();
    if !taxonomy.verified {
        notes.push(Text::new(
            format!(
                "分类分级表 {} 为产品建议，尚未与 {} 原文核对",
                taxonomy.version, taxonomy.standard
            ),
            format!(
                "taxonomy {} is a proposal, not yet compared with the texts of {}",
                taxonomy.version, taxonomy.standard
            ),
        ));
    }
    if ages.under14 > 0 {
        notes.push(Text::new(
            format!("不满十四周岁 {} 行，已满 {} 行", ages.under14, ages.from14),
            format!("{} rows of persons under 14, {} from 14", ages.under14, ages.from14),
        ));
    }
    if grade >= 3 && rows >= IMPORTANT_SET_ROWS_MIN {
        notes.push(Text::new(
            format!("{rows} 行、级别 {grade}：应作为重要数据候选报主管部门认定"),
            format!("{rows} rows of grade {grade}: a candidate for 重要数据, for the authority to decide"),
        ));
    }
    notes
}
