//! What assessors hand in: the on-site table (现场核查表) as a workbook, the report as a document.

use events::Lang;

use super::office::{Document, OfficeError, workbook};
use super::remark;
use crate::audit::catalogue::Catalogue;
use crate::audit::check::Check;
use crate::audit::finding::findings;
use crate::audit::run::AuditRun;
use crate::audit::ticket::{Ticket, TicketState};
use crate::audit::verdict::VerdictKind;

/// 现场核查表: one row per item and check: item, object, how it was looked at, result, evidence,
/// remark.
pub fn xlsx(
    run: &AuditRun,
    catalogue: &Catalogue,
    checks: &[Check],
    lang: Lang,
) -> Result<Vec<u8>, OfficeError> {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en).to_owned();
    let mut rows = vec![vec![
        t("序号", "No."),
        t("安全类", "Category"),
        t("要求项", "Item"),
        t("测评单元", "Unit"),
        t("要求内容（归纳）", "Requirement (our wording)"),
        t("测评对象", "Object"),
        t("核查方法", "What was looked at"),
        t("结果记录", "Record"),
        t("符合情况", "Verdict"),
        t("证据 SHA-256", "Evidence SHA-256"),
        t("备注", "Remark"),
    ]];
    for result in &run.items {
        let Some(item) = catalogue.item(&result.item) else { continue };
        let category = catalogue.category_of(item).map_or("", |c| c.title.get(lang));
        let base = |number: usize| {
            vec![
                number.to_string(),
                category.to_owned(),
                item.id.clone(),
                item.unit.clone(),
                item.title.get(lang).to_owned(),
                run.target.clone(),
            ]
        };
        let verdict = result.verdict.label(lang);
        let mut remark = String::new();
        if let Some(case) = &item.high_risk_case {
            remark = format!("{} {case}", t("高风险案例", "high-risk case"));
        }
        let note = remark::of_item(result, lang);
        if !note.is_empty() {
            let sep = if remark.is_empty() { "" } else { "; " };
            remark = format!("{remark}{sep}{note}");
        }
        if result.checks.is_empty() && result.supporting.is_empty() {
            let mut row = base(rows.len());
            row.extend([String::new(), String::new(), verdict.to_owned(), String::new(), remark]);
            rows.push(row);
            continue;
        }
        for id in result.checks.iter().chain(&result.supporting) {
            let Some(seen) = run.result(id) else { continue };
            let check = checks.iter().find(|c| c.id == *id);
            let only_supports = !result.checks.contains(id);
            let note = if only_supports { t("佐证", "supporting") } else { String::new() };
            let mut row = base(rows.len());
            row.extend([
                check.map_or_else(|| id.clone(), |c| c.evidence.get(lang).to_owned()),
                seen.observed.clone(),
                seen.verdict.label(lang).to_owned(),
                seen.evidence_sha256.clone(),
                [note, remark.clone()]
                    .into_iter()
                    .filter(|s| !s.is_empty())
                    .collect::<Vec<_>>()
                    .join("; "),
            ]);
            rows.push(row);
        }
    }
    workbook(
        lang.pick("现场核查表", "On-site table"),
        &[6, 16, 12, 14, 40, 16, 30, 60, 12, 30, 20],
        &rows,
    )
}

/// The report: cover, scope, method, results per category, problems with risk and advice,
/// remediation, appendix of evidence digests. Without tickets it is drawn from the run alone and
/// says nothing of their state.
pub fn docx(
    run: &AuditRun,
    catalogue: &Catalogue,
    checks: &[Check],
    tickets: Option<&[Ticket]>,
    lang: Lang,
) -> Result<Vec<u8>, OfficeError> {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let mut doc = Document::default();
    doc.title(t("网络安全等级保护三级稽核报告", "Level-3 audit report"));
    for (name, value) in [
        (t("对象", "Target"), run.target.clone()),
        (t("依据", "Standard"), run.standard.clone()),
        (t("稽核编号", "Run"), run.id.to_string()),
        (
            t("时间", "Time"),
            format!("{} — {}", run.started.to_beijing(), run.finished.to_beijing()),
        ),
    ] {
        doc.paragraph(&format!("{name}：{value}"));
    }
    doc.page_break();
    doc.heading(t("一、范围", "1. Scope"));
    doc.paragraph(&format!(
        "{} {}; {} {}; {} {}",
        t("要求项", "items"),
        run.items.len(),
        t("计划检查项", "checks planned"),
        run.planned,
        t("已执行", "executed"),
        run.executed
    ));
    for line in remark::troubles(run, lang) {
        doc.paragraph(&line);
    }
    doc.heading(t("二、方法", "2. Method"));
    doc.paragraph(t(
        "检查项只读取配置、运行状态与平台记录，不改动被查对象；未能查看的记为“出错”，无检查项的记为“待举证”，均不计为符合。要求项文字为本平台归纳，以正式发布的标准为准；检查阈值多为测评实践而非标准原文。本报告不代替等级测评。",
        "Checks read configuration, running state and the platform's records and change nothing. What could not be seen is an error, what no check judges is pending attestation; neither counts as met. Items are in our own words; the published standard prevails. Most thresholds are practice. This report does not replace an assessment.",
    ));
    doc.heading(t("三、各安全类结果", "3. Results by category"));
    let head: Vec<&str> = std::iter::once(t("安全类", "Category"))
        .chain(VerdictKind::ALL.iter().map(|k| k.label(lang)))
        .collect();
    let rows: Vec<Vec<String>> = catalogue
        .categories_of(run)
        .map(|category| {
            let count = |kind: VerdictKind| {
                let of = run.items.iter().filter(|i| i.verdict.kind() == kind);
                of.filter(|i| {
                    catalogue.item(&i.item).is_some_and(|i| i.category == category.clause)
                })
                .count()
            };
            let mut row = vec![format!("{} {}", category.clause, category.title.get(lang))];
            row.extend(VerdictKind::ALL.iter().map(|k| count(*k).to_string()));
            row
        })
        .collect();
    doc.table(&head, &rows);
    problems(&mut doc, run, catalogue, checks, tickets, lang);
    doc.heading(t("附录：证据摘要", "Appendix: evidence digests"));
    let rows: Vec<Vec<String>> = run
        .results
        .iter()
        .map(|r| vec![r.check.clone(), r.verdict.label(lang).to_owned(), r.evidence_sha256.clone()])
        .collect();
    doc.table(&[t("检查项", "Check"), t("结论", "Verdict"), "SHA-256"], &rows);
    doc.finish()
}

fn problems(
    doc: &mut Document,
    run: &AuditRun,
    catalogue: &Catalogue,
    checks: &[Check],
    tickets: Option<&[Ticket]>,
    lang: Lang,
) {
    let t = |zh: &'static str, en: &'static str| lang.pick(zh, en);
    let day = |at: events::Timestamp| at.to_beijing().chars().take(10).collect::<String>();
    let found = findings(run, checks, catalogue);
    doc.heading(t("四、问题、风险与建议", "4. Problems, risk and advice"));
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|f| {
            let mark =
                if f.high_risk { t("（高风险案例）", " (high-risk case)") } else { "" };
            vec![
                f.items.join(" "),
                f.title.get(lang).to_owned(),
                format!("{}{mark}", f.severity.label(lang)),
                f.observed.clone(),
                f.remedy.get(lang).to_owned(),
                remark::of_finding(run, &f.items, lang).join("\n"),
            ]
        })
        .collect();
    doc.table(
        &[
            t("要求项", "Items"),
            t("问题", "Problem"),
            t("风险", "Risk"),
            t("所见", "Observed"),
            t("整改建议", "Advice"),
            t("补偿措施", "Compensating measure"),
        ],
        &rows,
    );
    doc.heading(t("五、整改", "5. Remediation"));
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|f| {
            let ticket = tickets.unwrap_or_default().iter().find(|t| t.finding == f.id);
            let state = match ticket.map(|t| t.state) {
                None if tickets.is_none() => t("见整改单", "see the tickets"),
                None => t("未建整改单", "no ticket"),
                Some(TicketState::Open) => t("待整改", "open"),
                Some(TicketState::Retest) => t("待复测", "to be retested"),
                Some(TicketState::Closed) => t("已销号", "closed"),
            };
            let due = ticket.map(|t| t.due).or(f.due).map_or_else(String::new, day);
            let owner = ticket.map_or_else(String::new, |t| t.owner.clone());
            vec![f.title.get(lang).to_owned(), owner, due, state.to_owned()]
        })
        .collect();
    doc.table(
        &[t("问题", "Problem"), t("责任人", "Owner"), t("期限", "Due"), t("状态", "State")],
        &rows,
    );
}
