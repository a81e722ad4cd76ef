//! The inventory of a data set: each column's element, grade and the reasons for it.

use std::io::Read;

use events::Text;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::find::engine::{Finder, Hint};
use super::find::{Day, Kind};
use super::limits::IMPORTANT_SET_ROWS_MIN;
use super::scan::{Column, Scan};
use super::table::{Encoding, Tally};
use super::taxonomy::{Element, HeaderMeaning, Spi, Taxonomy};

/// How to look at a table.
#[derive(Clone, Debug)]
pub struct ClassifyOptions {
    /// The day of the scan, for ages.
    pub today: Day,
    /// Stop after this many rows; all when absent.
    pub sample_rows: Option<u64>,
    /// The delimiter, when it should not be guessed.
    pub delimiter: Option<u8>,
    /// Whether the first record names the columns, when it should not be guessed.
    pub header: Option<bool>,
    /// Which table of a file that holds several.
    pub table: Option<String>,
    /// The name of the data set in the inventory.
    pub dataset: String,
}

impl ClassifyOptions {
    /// All rows, everything guessed.
    pub fn new(today: Day, dataset: impl Into<String>) -> Self {
        let dataset = dataset.into();
        Self { today, sample_rows: None, delimiter: None, header: None, table: None, dataset }
    }
}

/// One column of the inventory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ColumnReport {
    /// Its header, or `column_N`.
    pub column: String,
    /// 0-based place.
    pub index: usize,
    /// The element's id; none when nothing is recognised.
    pub element: Option<String>,
    /// The element's title.
    pub title: Option<Text>,
    /// The element's class.
    pub class: Option<String>,
    /// Product level: 1 (lowest) to 4; 1 when nothing is recognised.
    pub grade: u8,
    /// From 0 to 1, two decimals.
    pub confidence: f64,
    /// Sensitive personal information.
    pub sensitive_pi: bool,
    /// Cells that are not empty.
    pub rows: u64,
    /// Cells with at least one finding (of a typed element), or filled cells of one without type.
    pub hits: u64,
    /// Why, in both languages.
    pub reasons: Vec<Text>,
    /// Findings by type.
    pub found: Vec<(Kind, u64)>,
    /// The element's row was not compared with the published standard.
    pub unverified: bool,
    /// Masking method by default.
    pub mask: Option<String>,
    /// Protection by default.
    pub protect: Option<super::taxonomy::Protection>,
}

impl ColumnReport {
    /// The line of `classify --json`: column, element, grade, confidence, sensitive_pi, rows,
    /// hits, reasons, and nothing else. `reasons` are in one language.
    pub fn to_json(&self, lang: events::Lang) -> serde_json::Value {
        let reasons: Vec<&str> = self.reasons.iter().map(|r| r.get(lang)).collect();
        serde_json::json!({
            "column": self.column, "element": self.element, "grade": self.grade,
            "confidence": self.confidence, "sensitive_pi": self.sensitive_pi,
            "rows": self.rows, "hits": self.hits, "reasons": reasons,
        })
    }
}

/// The inventory of a data set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inventory {
    /// Its name, as given.
    pub dataset: String,
    /// Data rows read.
    pub rows: u64,
    /// Rows with more or fewer cells than the header.
    pub ragged_rows: u64,
    /// The encoding met.
    pub encoding: Encoding,
    /// What was odd.
    pub tally: Tally,
    /// The columns, in order.
    pub columns: Vec<ColumnReport>,
    /// The highest grade of a column: the highest element wins.
    pub dataset_grade: u8,
    /// Persons whose age could be read, under 14 and from 14.
    pub ages: Ages,
    /// What a reader must know: unverified texts, the size of the set.
    pub notes: Vec<Text>,
}

/// How many ages were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ages {
    /// Rows of persons under 14.
    pub under14: u64,
    /// Rows of persons from 14.
    pub from14: u64,
}

#[derive(Clone, Default)]
struct Counts {
    filled: u64,
    cells: u64,
    whole: [u64; Kind::ALL.len()],
    any: [u64; Kind::ALL.len()],
}

/// Reads a table and says what is in it.
///
/// # Errors
/// [`Error::Read`], [`Error::Empty`].
pub fn classify(
    reader: impl Read,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<Inventory, Error> {
    let mut scan = Scan::open(reader, options, taxonomy)?;
    let mut census = Census::new(&scan.columns, taxonomy);
    let mut finder = Finder::new(options.today);
    while let Some((number, row)) = scan.next()? {
        if options.sample_rows.is_some_and(|max| number >= max) {
            break;
        }
        for (col, cell) in row.cells().enumerate() {
            if cell.trim_ascii().is_empty() {
                continue;
            }
            let Some(hint) = census.hint(col) else { break };
            finder.find_in(col, cell, hint);
            census.cell(col, &finder);
        }
        census.end_row();
    }
    Ok(census.finish(&options.dataset, scan.encoding(), scan.tally(), taxonomy))
}

/// Counts what is found cell by cell, and tells the inventory at the end.
pub(crate) struct Census {
    columns: Vec<Column>,
    counts: Vec<Counts>,
    /// Columns whose ids and birth dates are of the persons the rows are about.
    own: Vec<bool>,
    age: Option<u16>,
    ages: Ages,
    rows: u64,
}

impl Census {
    pub(crate) fn new(columns: &[Column], taxonomy: &Taxonomy) -> Self {
        Self {
            columns: columns.to_vec(),
            counts: vec![Counts::default(); columns.len()],
            own: columns.iter().map(|c| !is_of_an_adult(c, taxonomy)).collect(),
            age: None,
            ages: Ages::default(),
            rows: 0,
        }
    }

    /// What is known of a column; none beyond the header.
    pub(crate) fn hint(&self, col: usize) -> Option<Hint> {
        self.columns.get(col).map(|c| c.hint)
    }

    /// Counts a cell that is not blank, and which `finder` has just looked at.
    pub(crate) fn cell(&mut self, col: usize, finder: &Finder) {
        let Some(count) = self.counts.get_mut(col) else { return };
        count.filled += 1;
        let findings = finder.found();
        count.cells += u64::from(!findings.is_empty());
        let mut told = None;
        for found in findings {
            let place = if found.whole { &mut count.whole } else { &mut count.any };
            if let Some(n) = place.get_mut(found.kind as usize) {
                *n += 1;
            }
            if found.whole {
                told = Some(found.kind);
            }
        }
        if let Some(kind) = told
            && self.age.is_none()
            && self.own.get(col).copied().unwrap_or(false)
        {
            self.age = age_of(finder, kind);
        }
    }

    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
        match self.age.take() {
            Some(0..14) => self.ages.under14 += 1,
            Some(_) => self.ages.from14 += 1,
            None => {}
        }
    }

    pub(crate) fn finish(
        self,
        dataset: &str,
        encoding: Encoding,
        tally: Tally,
        taxonomy: &Taxonomy,
    ) -> Inventory {
        let Self { columns, counts, ages, rows, .. } = self;
        let judge = Judge { taxonomy, ages };
        let mut reports: Vec<ColumnReport> = columns
            .iter()
            .zip(&counts)
            .enumerate()
            .map(|(index, (column, count))| judge.column(index, column, count))
            .collect();
        judge.linked(&mut reports);
        let dataset_grade = reports.iter().map(|r| r.grade).max().unwrap_or(1);
        Inventory {
            dataset: dataset.to_owned(),
            rows,
            ragged_rows: tally.ragged_rows,
            encoding,
            tally,
            columns: reports,
            dataset_grade,
            ages,
            notes: notes(rows, dataset_grade, taxonomy, ages),
        }
    }
}

/// Whether a column is of a guardian or a teacher: their ages are not the pupils'.
fn is_of_an_adult(column: &Column, taxonomy: &Taxonomy) -> bool {
    match column.meaning {
        Some(HeaderMeaning::Element { index, .. }) => {
            taxonomy.at(index).is_some_and(|e| matches!(e.class.as_str(), "guardian" | "staff"))
        }
        _ => false,
    }
}

/// The age told by the cell just looked at.
fn age_of(finder: &Finder, kind: Kind) -> Option<u16> {
    let eight = match kind {
        Kind::CnId | Kind::StudentNo => finder.norm.id_birth()?,
        Kind::BirthDate => <[u8; 8]>::try_from(finder.norm.day()?.as_bytes()).ok()?,
        _ => return None,
    };
    super::find::validate::day8(&eight)?.age_on(finder.today)
}

struct Judge<'a> {
    taxonomy: &'a Taxonomy,
    ages: Ages,
}

impl Judge<'_> {
    fn column(&self, index: usize, column: &Column, count: &Counts) -> ColumnReport {
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
            hits: if typed { count.cells } else { count.filled },
            reasons,
            found,
            unverified: element.is_some_and(|e| !e.verified),
            mask: element.map(|e| e.mask.clone()),
            protect: element.map(|e| e.protect),
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
    fn linked(&self, reports: &mut [ColumnReport]) {
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

fn notes(rows: u64, grade: u8, taxonomy: &Taxonomy, ages: Ages) -> Vec<Text> {
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
