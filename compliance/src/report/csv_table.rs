//! Items as CSV: one line per item, UTF-8 with a mark so that spreadsheet programs read it.

use events::Lang;

use super::remark;
use crate::audit::catalogue::Catalogue;
use crate::audit::run::AuditRun;

/// The items with verdict, checks and what was seen. Cells that a spreadsheet would take for
/// a formula are quoted with an apostrophe.
pub fn csv(run: &AuditRun, catalogue: &Catalogue, lang: Lang) -> String {
    let mut out = String::from("\u{feff}");
    row(
        &mut out,
        &match lang {
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
        }
        .map(str::to_owned),
    );
    for result in &run.items {
        let Some(item) = catalogue.item(&result.item) else { continue };
        let category = catalogue.category_of(item).map_or("", |c| c.title.get(lang));
        let ids = result.checks.iter().chain(&result.supporting);
        let observed: Vec<String> = ids
            .filter_map(|id| run.result(id))
            .map(|r| format!("[{} {}] {}", r.check, r.verdict.label(lang), r.observed))
            .collect();
        row(
            &mut out,
            &[
                item.id.clone(),
                item.unit.clone(),
                category.to_owned(),
                item.title.get(lang).to_owned(),
                run.target.clone(),
                result.verdict.label(lang).to_owned(),
                result.checks.join(" "),
                result.supporting.join(" "),
                observed.join("\n"),
                remark::of_item(result, lang),
            ],
        );
    }
    out
}

fn row(out: &mut String, cells: &[String; 10]) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
        out.push('"');
        if formula {
            out.push('\'');
        }
        out.push_str(&cell.replace('"', "\"\""));
        out.push('"');
    }
    out.push_str("\r\n");
}
