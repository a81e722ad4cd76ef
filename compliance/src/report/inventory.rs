//! The inventory of personal data (数据资产与个人信息清单): what was found where, of what grade, and
//! what is to be done with it – as a page and as a workbook. Counts and grades, never a value.

use std::fmt::Write;

use events::Lang;

use super::html_page::{STYLE, esc, table};
use super::office::{OfficeError, workbook};
use crate::records::change::Change;
use crate::records::coverage::Coverage;
use crate::records::{ColumnReport, Confirmed, Inventory};

fn head(lang: Lang) -> [&'static str; 13] {
    let t = |zh, en| lang.pick(zh, en);
    [
        t("数据集", "Data set"),
        t("列", "Column"),
        t("数据元素", "Element"),
        t("类别", "Class"),
        t("级别", "Grade"),
        t("敏感个人信息", "Sensitive"),
        t("置信度", "Confidence"),
        t("非空单元格", "Filled cells"),
        t("命中", "Hits"),
        t("脱敏", "Masking"),
        t("加密保护", "Protection"),
        t("人工确认", "Confirmed"),
        t("理由", "Reasons"),
    ]
}

fn row(inventory: &Inventory, column: &ColumnReport, lang: Lang) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let reasons: Vec<&str> = column.reasons.iter().map(|r| r.get(lang)).collect();
    let unverified = if column.unverified {
        lang.pick("（依据未核实）", " (source unverified)")
    } else {
        ""
    };
    let protect = column.protect.map(|p| format!("{p:?}"));
    vec![
        inventory.dataset.clone(),
        column.column.clone(),
        or_dash(column.title.as_ref().map(|t| format!("{}{unverified}", t.get(lang)))),
        or_dash(column.class.clone()),
        column.grade.to_string(),
        if column.sensitive_pi { lang.pick("是", "yes") } else { lang.pick("否", "no") }.to_owned(),
        format!("{:.2}", column.confidence),
        column.rows.to_string(),
        column.hits.to_string(),
        or_dash(column.mask.clone()),
        or_dash(protect),
        or_dash(column.confirmed.as_ref().map(|c| confirmed(c, lang))),
        reasons.join("; "),
    ]
}

/// Who confirmed a column and when; whether that is to be reviewed.
fn confirmed(confirmed: &Confirmed, lang: Lang) -> String {
    let day = confirmed.at.to_beijing();
    let day = day.get(..10).unwrap_or_default();
    let review =
        if confirmed.review { lang.pick("（须复核）", " (to be reviewed)") } else { "" };
    format!("{} {day}{review}", confirmed.by)
}

/// The inventory as a workbook: one row a column.
pub fn inventory_xlsx(inventories: &[Inventory], lang: Lang) -> Result<Vec<u8>, OfficeError> {
    let mut rows = vec![head(lang).map(str::to_owned).to_vec()];
    let all = inventories.iter().flat_map(|i| i.columns.iter().map(move |c| (i, c)));
    rows.extend(all.map(|(inventory, column)| row(inventory, column, lang)));
    let widths = [24, 20, 22, 12, 8, 10, 9, 12, 12, 12, 12, 24, 60];
    workbook(lang.pick("个人信息清单", "Inventory"), &widths, &rows)
}

/// The inventory as a page without anything from outside; with the changes since another scan, if
/// they are given.
pub fn inventory_html(inventories: &[Inventory], changes: Option<&[Change]>, lang: Lang) -> String {
    let t = |zh, en| lang.pick(zh, en);
    let title = t("数据资产与个人信息清单", "Inventory of personal data");
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n",
        lang.tag(),
    );
    let coverage = Coverage::of(inventories);
    if let Some(share) = coverage.share() {
        let _ = writeln!(
            out,
            "<p>{}: {:.2} % ({}/{})</p>",
            t("核心数据加密率（字段级，按单元格）", "Field encryption of core data, by cells"),
            share * 100.0,
            coverage.cells_sealed,
            coverage.cells
        );
    }
    if let Some(changes) = changes {
        let _ = writeln!(out, "<h2>{}</h2>", t("与上次扫描相比", "Since the last scan"));
        let mut rows = String::new();
        for c in changes {
            let class = if c.worse { " class=\"non_conform\"" } else { "" };
            let column = c.column.as_deref().unwrap_or("-");
            let _ = write!(
                rows,
                "<tr{class}><td>{}</td><td>{}</td><td>{}</td></tr>",
                esc(&c.dataset),
                esc(column),
                esc(c.what.get(lang))
            );
        }
        if changes.is_empty() {
            let _ = writeln!(out, "<p>{}</p>", t("没有变化。", "Nothing changed."));
        } else {
            let head = [t("数据集", "Data set"), t("列", "Column"), t("变化", "Change")];
            table(&mut out, &head, &rows);
        }
    }
    for inventory in inventories {
        one(&mut out, inventory, lang);
    }
    out.push_str("</body></html>\n");
    out
}

fn one(out: &mut String, inventory: &Inventory, lang: Lang) {
    let t = |zh, en| lang.pick(zh, en);
    let _ = write!(
        out,
        "<h2>{}</h2>\n<p>{} {}; {} {}; {} {}</p>\n",
        esc(&inventory.dataset),
        t("级别", "grade"),
        inventory.dataset_grade,
        t("行", "rows"),
        inventory.rows,
        t("未满 14 周岁", "under 14"),
        inventory.ages.under14
    );
    for note in &inventory.notes {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", esc(note.get(lang)));
    }
    let mut rows = String::new();
    for column in &inventory.columns {
        let class = if column.sensitive_pi { " class=\"partial\"" } else { "" };
        let _ = write!(rows, "<tr{class}>");
        for cell in row(inventory, column, lang).iter().skip(1) {
            let _ = write!(rows, "<td>{}</td>", esc(cell));
        }
        rows.push_str("</tr>");
    }
    let head = head(lang);
    table(out, head.get(1..).unwrap_or_default(), &rows);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::change::changes;
    use crate::records::{ClassifyOptions, Day, Taxonomy, classify};

    fn inventory(rows: &str) -> Inventory {
        let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "a<b>.csv");
        classify(rows.as_bytes(), &options, &Taxonomy::embedded().unwrap()).unwrap()
    }

    #[test]
    fn pages_say_who_confirmed_what_and_what_is_to_be_reviewed() {
        let mut now = inventory("姓名\n张三丰\n");
        now.columns[0].confirmed = Some(Confirmed {
            by: "王老师".to_owned(),
            at: events::Timestamp::from_secs(1_800_000_000),
            why: "核对过".to_owned(),
            found: None,
            found_grade: 1,
            review: true,
        });
        let page = inventory_html(&[now], None, Lang::Zh);
        assert!(page.contains("王老师 2027-01-15（须复核）"), "{page}");
    }

    #[test]
    fn pages_and_workbooks_say_what_was_found_and_no_value() {
        let now = [inventory("姓名,手机号\n张三丰,13800138000\n")];
        let changes = changes(&[inventory("姓名\n张三丰\n")], &now);
        for (lang, words) in
            [(Lang::Zh, ["手机", "新增列"]), (Lang::En, ["telephone", "new column"])]
        {
            let page = inventory_html(&now, Some(&changes), lang);
            assert!(words.iter().all(|w| page.contains(w)), "{page}");
            assert!(page.contains("a&lt;b&gt;.csv") && !page.contains("a<b>"));
            assert!(!page.contains("张三丰") && !page.contains("13800138000"));
            let book = inventory_xlsx(&now, lang).unwrap();
            assert_eq!(book, inventory_xlsx(&now, lang).unwrap(), "the same bytes");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("i.xlsx");
        std::fs::write(&path, inventory_xlsx(&now, Lang::Zh).unwrap()).unwrap();
        // A reader that is not ours.
        let mut book = calamine::open_workbook_auto(&path).unwrap();
        let sheet = calamine::Reader::worksheet_range(&mut book, "个人信息清单").unwrap();
        assert_eq!(sheet.height(), 3);
        assert_eq!(sheet.get_value((2, 1)).unwrap().to_string(), "手机号");
    }
}
