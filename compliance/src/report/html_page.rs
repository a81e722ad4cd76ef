//! The report of a run as one HTML page without scripts and without anything from outside.

use events::{Lang, Text};
use std::fmt::Write;

use super::remark;
use crate::audit::catalogue::Catalogue;
use crate::audit::check::Check;
use crate::audit::error::AuditError;
use crate::audit::finding::{Finding, findings};
use crate::audit::run::AuditRun;
use crate::audit::score::{Score, score, templates};
use crate::audit::verdict::VerdictKind;

pub(super) const STYLE: &str = "body{font:15px/1.6 system-ui,'Noto Sans CJK SC','Microsoft YaHei',sans-serif;\
max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}h1{font-size:1.5rem}h2{font-size:1.15rem;\
margin-top:2rem;border-bottom:1px solid #d0d7de}table{border-collapse:collapse;width:100%}th,td{border:1px \
solid #d0d7de;padding:.3rem .5rem;text-align:left;vertical-align:top}th{background:#f3f5f8}td.n{text-align:right}\
pre{white-space:pre-wrap;word-break:break-word;margin:0;font:12px/1.5 ui-monospace,monospace}\
.conform{background:#e6f6ea}.partial{background:#fff6d8}.non_conform{background:#fde8e8}.error,.stale,.not_run{background:#efe7fb}\
.waived{background:#e8eefc}.note{color:#57606a}code{font-family:ui-monospace,monospace}";

/// The report in one language. Fails only when the shipped score templates do not load.
pub fn html(
    run: &AuditRun,
    catalogue: &Catalogue,
    checks: &[Check],
    lang: Lang,
) -> Result<String, AuditError> {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let mut out = String::new();
    let title = format!("{} · {}", t("等级保护三级稽核报告", "Level-3 audit report"), run.target);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{}</h1>\n",
        lang.tag(),
        esc(&title),
        esc(&title)
    );
    facts(&mut out, run, lang);
    let scores: Vec<(Text, Text, Score)> = templates()?
        .into_iter()
        .map(|tpl| score(run, catalogue, &tpl.id).map(|s| (tpl.title, tpl.note, s)))
        .collect::<Result<_, _>>()?;
    summary(&mut out, &scores, lang);
    categories(&mut out, run, catalogue, lang);
    problems(&mut out, &findings(run, checks, catalogue), lang);
    items(&mut out, run, catalogue, lang);
    results(&mut out, run, checks, lang);
    out.push_str("</body></html>\n");
    Ok(out)
}

/// Text with its markup escaped.
pub(super) fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// A table with a head.
pub(super) fn table(out: &mut String, head: &[&str], rows: &str) {
    out.push_str("<table><thead><tr>");
    for cell in head {
        let _ = write!(out, "<th scope=\"col\">{}</th>", esc(cell));
    }
    let _ = write!(out, "</tr></thead><tbody>\n{rows}</tbody></table>\n");
}

fn facts(out: &mut String, run: &AuditRun, lang: Lang) {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let mut rows = String::new();
    let checks = format!("{} / {}", run.executed, run.planned);
    let site = if run.site.is_bureau() {
        t("教育局", "Bureau").to_owned()
    } else {
        run.site.to_string()
    };
    for (name, value) in [
        (t("稽核编号", "Run"), run.id.to_string()),
        (t("标准", "Standard"), run.standard.clone()),
        (t("单位", "Site"), site),
        (t("对象", "Target"), format!("{} ({})", run.target, run.object)),
        (t("开始", "Started"), run.started.to_beijing()),
        (t("结束", "Finished"), run.finished.to_beijing()),
        (t("检查项 已执行/计划", "Checks run / planned"), checks),
    ] {
        let _ =
            writeln!(rows, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", esc(name), esc(&value));
    }
    let _ = write!(out, "<table><tbody>\n{rows}</tbody></table>\n");
    let note = t(
        "时间为北京时间。要求项文字为本平台归纳，以正式发布的标准为准；检查阈值多为测评实践而非标准原文。本报告不代替等级测评。",
        "Times are Beijing time. Items are in our own words; the published standard prevails. Most thresholds are practice, not the standard. This report does not replace an assessment.",
    );
    let _ = writeln!(out, "<p class=\"note\">{}</p>", esc(note));
    let troubles = remark::troubles(run, lang);
    if !troubles.is_empty() {
        let _ =
            writeln!(out, "<h2>{}</h2><ul>", esc(t("未能查看的部分", "What could not be seen")));
        for line in troubles {
            let _ = writeln!(out, "<li>{}</li>", esc(&line));
        }
        out.push_str("</ul>\n");
    }
}

fn summary(out: &mut String, scores: &[(Text, Text, Score)], lang: Lang) {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let Some((_, _, first)) = scores.first() else { return };
    let _ = writeln!(out, "<h2>{}</h2>", esc(t("结果汇总", "Summary")));
    let mut rows = String::new();
    for kind in VerdictKind::ALL {
        let n = first.counts.get(&kind).copied().unwrap_or(0);
        let _ = writeln!(
            rows,
            "<tr class=\"{}\"><td>{}</td><td class=\"n\">{n}</td></tr>",
            kind.as_str(),
            esc(kind.label(lang))
        );
    }
    table(out, &[t("结论", "Verdict"), t("要求项数", "Items")], &rows);
    let mut rows = String::new();
    for (title, note, s) in scores {
        let grade = s.grade.as_ref().map_or("—", |g| g.get(lang));
        let mark =
            if s.unverified { t("未核实/暂定", "unverified or provisional") } else { "" };
        let _ = writeln!(
            rows,
            "<tr><td>{}<br><span class=\"note\">{}</span></td><td class=\"n\">{:.2}</td><td>{}</td>\
             <td class=\"n\">{:.2}%</td><td class=\"n\">{:.2}%</td><td class=\"n\">{} / {}</td><td>{}</td></tr>",
            esc(title.get(lang)),
            esc(note.get(lang)),
            s.points,
            esc(grade),
            s.strict_rate * 100.0,
            s.partial_rate * 100.0,
            s.denominator,
            s.total,
            esc(mark)
        );
    }
    let head = [
        t("评分模板", "Template"),
        t("得分", "Points"),
        t("等次", "Grade"),
        t("符合率(严格)", "Rate (strict)"),
        t("符合率(部分计半)", "Rate (half for partial)"),
        t("分母/总数", "Denominator / total"),
        t("标注", "Mark"),
    ];
    table(out, &head, &rows);
}

fn categories(out: &mut String, run: &AuditRun, catalogue: &Catalogue, lang: Lang) {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let _ = writeln!(out, "<h2>{}</h2>", esc(t("各安全类结果", "Results by category")));
    let mut rows = String::new();
    for category in catalogue.categories_of(run) {
        let _ = write!(
            rows,
            "<tr><td>{} {}</td>",
            esc(&category.clause),
            esc(category.title.get(lang))
        );
        for kind in VerdictKind::ALL {
            let n = run
                .items
                .iter()
                .filter(|i| i.verdict.kind() == kind)
                .filter(|i| catalogue.item(&i.item).is_some_and(|i| i.category == category.clause))
                .count();
            let _ = write!(rows, "<td class=\"n\">{n}</td>");
        }
        rows.push_str("</tr>\n");
    }
    let head: Vec<&str> = std::iter::once(t("安全类", "Category"))
        .chain(VerdictKind::ALL.iter().map(|k| k.label(lang)))
        .collect();
    table(out, &head, &rows);
}

fn problems(out: &mut String, findings: &[Finding], lang: Lang) {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let _ = writeln!(
        out,
        "<h2>{} ({})</h2>",
        esc(t("不符合项与整改建议", "Findings and remedies")),
        findings.len()
    );
    let mut rows = String::new();
    for f in findings {
        let risk = if f.high_risk { t(" · 高风险案例", " · high-risk case") } else { "" };
        let due = f.due.map_or(String::new(), |d| d.to_beijing().chars().take(10).collect());
        let _ = writeln!(
            rows,
            "<tr><td>{}{}</td><td>{}<br><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            esc(f.severity.label(lang)),
            esc(risk),
            esc(f.title.get(lang)),
            esc(&f.check),
            esc(&f.items.join(" ")),
            esc(f.verdict.label(lang)),
            esc(f.remedy.get(lang)),
            esc(&due)
        );
    }
    let head = [
        t("程度", "Severity"),
        t("问题", "Problem"),
        t("要求项", "Items"),
        t("结论", "Verdict"),
        t("整改建议", "Remedy"),
        t("建议期限", "Suggested date"),
    ];
    table(out, &head, &rows);
}

fn items(out: &mut String, run: &AuditRun, catalogue: &Catalogue, lang: Lang) {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let _ = writeln!(out, "<h2>{}</h2>", esc(t("全部要求项", "All items")));
    let mut rows = String::new();
    for result in &run.items {
        let Some(item) = catalogue.item(&result.item) else { continue };
        let supporting = if result.supporting.is_empty() {
            String::new()
        } else {
            format!(" ({}: {})", t("佐证", "supporting"), result.supporting.join(" "))
        };
        let note = remark::of_item(result, lang);
        let _ = writeln!(
            rows,
            "<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}{}</td><td>{}</td></tr>",
            result.verdict.kind().as_str(),
            esc(&item.id),
            esc(&item.unit),
            esc(item.title.get(lang)),
            esc(result.verdict.label(lang)),
            esc(&result.checks.join(" ")),
            esc(&supporting),
            esc(&note)
        );
    }
    let head = [
        t("要求项", "Item"),
        t("测评单元", "Unit"),
        t("内容(归纳)", "Content (our wording)"),
        t("结论", "Verdict"),
        t("检查项", "Checks"),
        t("备注", "Remark"),
    ];
    table(out, &head, &rows);
}

fn results(out: &mut String, run: &AuditRun, checks: &[Check], lang: Lang) {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let _ = writeln!(out, "<h2>{}</h2>", esc(t("检查记录与证据", "Check records and evidence")));
    let mut rows = String::new();
    for r in &run.results {
        let check = checks.iter().find(|c| c.id == r.check);
        let title = check.map_or(r.check.as_str(), |c| c.title.get(lang));
        let _ = writeln!(
            rows,
            "<tr class=\"{}\"><td>{}<br><code>{}</code></td><td>{}</td><td><pre>{}</pre></td><td><pre>{}</pre></td>\
             <td><pre>{}</pre></td></tr>",
            r.verdict.kind().as_str(),
            esc(title),
            esc(&r.check),
            esc(r.verdict.label(lang)),
            esc(&r.observed),
            esc(&r.sources.join("\n")),
            esc(&r.evidence_sha256)
        );
    }
    let head = [
        t("检查项", "Check"),
        t("结论", "Verdict"),
        t("所见", "Observed"),
        t("来源", "Sources"),
        t("证据 SHA-256", "Evidence SHA-256"),
    ];
    table(out, &head, &rows);
}
