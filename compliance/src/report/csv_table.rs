//! Items as CSV: one line per item, UTF-8 with a mark so that spreadsheet programs read it.

use events::Lang;

use super::remark;
use crate::audit::catalogue::Catalogue;
use crate::audit::run::AuditRun;

/// The items with verdict, checks and what was seen.
pub fn csv(run: &AuditRun, catalogue: &Catalogue, lang: Lang) -> String {
    let head = match lang {
        Lang::Zh => [
            "要求项",
            "测评单元",
            "安全类",
            "内容(本平台归纳)",
            "测评对象",
            "结果",
            "检查项",
            "佐证检查项",
            "证据记录",
            "备注",
        ],
        Lang::En => [
            "Item",
            "Unit",
            "Category",
            "Content (our wording)",
            "Object",
            "Verdict",
            "Checks",
            "Supporting checks",
            "Observed",
            "Remark",
        ],
    };
    let mut out = String::from("\u{feff}");
    out.push_str(&csv_line(head.into_iter()));
    for result in &run.items {
        let Some(item) = catalogue.item(&result.item) else { continue };
        let category = catalogue.category_of(item).map_or("", |c| c.title.get(lang));
        let ids = result.checks.iter().chain(&result.supporting);
        let observed: Vec<String> = ids
            .filter_map(|id| run.result(id))
            .map(|r| format!("[{} {}] {}", r.check, r.verdict.label(lang), r.observed))
            .collect();
        let cells = [
            item.id.as_str(),
            &item.unit,
            category,
            item.title.get(lang),
            &run.target,
            result.verdict.label(lang),
            &result.checks.join(" "),
            &result.supporting.join(" "),
            &observed.join("\n"),
            &remark::of_item(result, lang),
        ];
        out.push_str(&csv_line(cells.into_iter()));
    }
    out
}

/// Cells as a line of CSV (RFC 4180), all quoted. A cell that a spreadsheet would take for a formula
/// begins with an apostrophe: what an attacker wrote into a log must not run on the desk of who
/// reads it (OWASP, CSV injection).
pub fn csv_line<'c>(cells: impl Iterator<Item = &'c str>) -> String {
    let mut line = String::new();
    for cell in cells {
        if !line.is_empty() {
            line.push(',');
        }
        line.push('"');
        if cell.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
            || cell.starts_with(['\t', '\r', '\n'])
        {
            line.push('\'');
        }
        line.push_str(&cell.replace('"', "\"\""));
        line.push('"');
    }
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1"] {
            let line = csv_line([bad].into_iter());
            assert!(line.starts_with("\"'"), "{line:?}");
        }
        assert_eq!(csv_line(["a", "say \"x\", y"].into_iter()), "\"a\",\"say \"\"x\"\", y\"\r\n");
        assert_eq!(csv_line(["", ""].into_iter()), "\"\",\"\"\r\n");
    }
}
