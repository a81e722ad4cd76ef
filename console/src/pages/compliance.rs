//! Compliance (等保合规): one audit run, its scores with their denominators, and all 211 items with
//! what was observed.

use centre::Permission;
use centre::view::{CategoryRow, CheckResult, ItemRow, RunDetail, RunRow, VerdictKind};
use maud::{Markup, html};

use crate::chart::{self, Part};
use crate::html::form::post;
use crate::html::parts::{self, empty, panel};
use crate::html::{Chrome, Section, page};

/// Findings shown without unfolding.
const FINDINGS: usize = 8;
/// Runs in the list.
const RUNS: usize = 10;

/// What the page shows.
pub(crate) struct View {
    /// All runs, latest first.
    pub(crate) runs: Vec<RunRow>,
    /// The run that is open.
    pub(crate) detail: Option<RunDetail>,
    /// Checks done and planned of the audit that runs now.
    pub(crate) progress: Option<(usize, usize)>,
    /// Only items with this verdict; empty for all.
    pub(crate) verdict: String,
}

/// The page of a run.
fn path(run: &RunRow) -> String {
    format!("/compliance/runs/{}", run.id)
}

/// The page.
pub(crate) fn compliance(chrome: &Chrome, view: &View) -> Markup {
    let t = &chrome.t().compliance;
    let body = html! {
        div.state-line #audit-state data-live="audit clock" { (state(chrome, view)) }
        p.notice-line { (t.not_certified) }
        div #audit-run data-live="audit" {
            @match &view.detail {
                None => { section.panel { div.panel-body { (empty(t.none)) } } }
                Some(detail) => {
                    (scores(chrome, detail))
                    div.grid.grid-main {
                        (categories(chrome, &detail.categories))
                        (runs(chrome, view, detail))
                    }
                    @if !detail.findings.is_empty() { (findings(chrome, detail)) }
                    (items(chrome, view, detail))
                }
            }
        }
    };
    page(chrome, Section::Compliance, t.title, &body)
}

fn state(chrome: &Chrome, view: &View) -> Markup {
    let t = &chrome.t().compliance;
    html! {
        @if let Some((done, planned)) = view.progress {
            span.badge.warn { (t.running) " " (done) " / " (planned) }
        } @else if chrome.may(Permission::ComplianceRun) {
            (post(chrome, "/compliance/run", "", &html! {
                button.primary type="submit" { (t.run_now) }
            }))
        }
        @if let Some(detail) = &view.detail {
            span.soft {
                (t.target) " " strong { (detail.row.target) } " · "
                (t.finished) " " (parts::full_time(detail.row.finished)) " · "
                (t.planned) " " (detail.row.planned) " / " (detail.row.executed)
            }
        }
    }
}

fn scores(chrome: &Chrome, detail: &RunDetail) -> Markup {
    let t = &chrome.t().compliance;
    let body = html! {
        div.table-wrap {
            table {
                thead { tr {
                    th { (t.template) } th.num { (t.score) } th { (t.grade) } th.num { (t.strict) }
                    th.num { (t.with_partial) } th.num { (t.judged) } th.num { (t.denominator) }
                } }
                tbody {
                    @for (score, template) in &detail.scores {
                        tr {
                            td {
                                strong { (template.title.get(chrome.lang)) } " "
                                @if score.unverified { (parts::unverified(chrome.t())) }
                                div.sub { (template.note.get(chrome.lang)) }
                            }
                            td.num { span.score-points { (format!("{:.1}", score.points)) } }
                            td.nowrap {
                                @if let Some(g) = &score.grade { (g.get(chrome.lang)) } @else { "—" }
                            }
                            td.num { (parts::percent(score.strict_rate)) }
                            td.num { (parts::percent(score.partial_rate)) }
                            td.num { (score.judged) }
                            td.num { (score.denominator) " / " (score.total) }
                        }
                    }
                }
            }
        }
    };
    panel(t.scores, None, &body)
}

fn categories(chrome: &Chrome, rows: &[CategoryRow]) -> Markup {
    let t = &chrome.t().compliance;
    let kinds = VerdictKind::ALL
        .into_iter()
        .filter(|kind| rows.iter().flat_map(|r| &r.counts).any(|(k, n)| k == kind && *n > 0));
    let body = html! {
        @for row in rows { (category(chrome, row)) }
        div.legend {
            @for kind in kinds {
                span {
                    svg viewBox="0 0 10 10" aria-hidden="true" focusable="false" {
                        rect class=(colour(kind)) width="10" height="10" rx="2" {}
                    }
                    (kind.label(chrome.lang))
                }
            }
        }
        (twin(chrome, rows))
    };
    panel(t.categories, None, &body)
}

fn category(chrome: &Chrome, row: &CategoryRow) -> Markup {
    let part = |(kind, n): &(VerdictKind, usize)| Part {
        label: kind.label(chrome.lang).to_owned(),
        value: *n as u64,
        class: colour(*kind),
    };
    let parts: Vec<Part> = row.counts.iter().map(part).collect();
    let conform =
        row.counts.iter().find(|(k, _)| *k == VerdictKind::Conform).map_or(0, |(_, n)| *n);
    let title = row.title.get(chrome.lang);
    html! {
        div.category-row {
            span { span.faint.mono { (row.clause) } " " (title) }
            (chart::stacked(title, &parts))
            span.soft.right { (conform) " / " (row.items) }
        }
    }
}

fn twin(chrome: &Chrome, categories: &[CategoryRow]) -> Markup {
    let t = chrome.t();
    let lines = |c: &CategoryRow| -> Vec<Vec<String>> {
        let title = c.title.get(chrome.lang);
        let line = |(kind, n): &(VerdictKind, usize)| {
            vec![title.to_owned(), kind.label(chrome.lang).to_owned(), n.to_string()]
        };
        c.counts.iter().map(line).collect()
    };
    let rows: Vec<Vec<String>> = categories.iter().flat_map(lines).collect();
    chart::twin(t, &[t.compliance.categories, t.compliance.verdict, t.c.count], &rows)
}

const fn colour(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Conform => "c-conform",
        VerdictKind::Partial => "c-partial",
        VerdictKind::NonConform => "c-non_conform",
        VerdictKind::Error | VerdictKind::Stale => "c-high",
        VerdictKind::Waived => "c-low",
        VerdictKind::NotApplicable => "c-not_applicable",
        VerdictKind::PendingAttestation | VerdictKind::NotRun => "c-other",
    }
}

fn verdict(chrome: &Chrome, kind: VerdictKind) -> Markup {
    html! { span class={ "verdict v-" (kind.as_str()) } { (kind.label(chrome.lang)) } }
}

fn runs(chrome: &Chrome, view: &View, detail: &RunDetail) -> Markup {
    let t = &chrome.t().compliance;
    let body = html! {
        @if let Some(diff) = &detail.diff {
            p.soft {
                (t.diff) ": "
                span.good-text { (diff.better.len()) " " (t.better) } ", "
                span.bad-text { (diff.worse.len()) " " (t.worse) }
            }
        }
        ul.silent-list {
            @for run in view.runs.iter().take(RUNS) {
                li {
                    a href=(path(run)) aria-current=[(run.id == detail.row.id).then_some("true")] {
                        (parts::full_time(run.started))
                    }
                    span.soft {
                        @if let Some(rate) = run.strict_rate { (parts::percent(rate)) } @else { "—" }
                        " · " (run.judged) " / " (run.denominator)
                    }
                }
            }
        }
    };
    panel(t.runs, None, &body)
}

fn findings(chrome: &Chrome, detail: &RunDetail) -> Markup {
    let t = &chrome.t().compliance;
    let table = |skip: usize, take: usize| {
        html! {
            div.table-wrap {
                table {
                    tbody {
                        @for f in detail.findings.iter().skip(skip).take(take) {
                            tr data-row="" {
                                td.tight { (parts::severity(f.severity, chrome.lang)) }
                                td { (f.title.get(chrome.lang)) div.sub.mono { (f.item) } }
                                td.wide {
                                    (f.remedy.get(chrome.lang))
                                    details {
                                        summary.small { (t.observed) }
                                        div.evidence { (f.observed) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    let more = detail.findings.len().saturating_sub(FINDINGS);
    let body = html! {
        (table(0, FINDINGS))
        @if more > 0 {
            details.more-rows {
                summary { (chrome.t().c.view_all) " (+" (more) ")" }
                (table(FINDINGS, usize::MAX))
            }
        }
    };
    let title = format!("{} · {}", t.findings, detail.findings.len());
    let tool = html! { span.faint.small { (t.not_certified_report) } };
    panel(&title, Some(tool), &body)
}

fn items(chrome: &Chrome, view: &View, detail: &RunDetail) -> Markup {
    let t = &chrome.t().compliance;
    let path = path(&detail.row);
    let rows = &detail.items;
    let shown: Vec<&ItemRow> = rows
        .iter()
        .filter(|r| view.verdict.is_empty() || r.verdict.kind().as_str() == view.verdict)
        .collect();
    let tool = html! {
        nav aria-label=(t.filter) {
            a.chip href=(path) aria-current=[view.verdict.is_empty().then_some("true")] {
                (chrome.t().c.all) " " (rows.len())
            }
            @for kind in VerdictKind::ALL {
                @let n = rows.iter().filter(|r| r.verdict.kind() == kind).count();
                @if n > 0 {
                    a.chip href=(parts::link(&path, &[("verdict", kind.as_str())]))
                        aria-current=[(kind.as_str() == view.verdict).then_some("true")] {
                        (verdict(chrome, kind)) " " (n)
                    }
                }
            }
        }
    };
    let body = html! {
        div.table-wrap {
            table {
                thead { tr { th { (t.item) } th {} th { (t.verdict) } th { (t.observed) } } }
                tbody { @for row in shown { (item(chrome, detail, row)) } }
            }
        }
    };
    panel(t.items, Some(tool), &body)
}

fn item(chrome: &Chrome, detail: &RunDetail, row: &ItemRow) -> Markup {
    let t = &chrome.t().compliance;
    html! {
        tr data-row=(row.item.id) {
            td.tight.mono { (row.item.id) }
            td {
                (row.item.title.get(chrome.lang))
                @if row.item.high_risk_case.is_some() { " " span.badge.bad { (t.high_risk) } }
                @if !row.item.verified { " " (parts::unverified(chrome.t())) }
            }
            td.tight { (verdict(chrome, row.verdict.kind())) }
            td.wide {
                @if row.results.is_empty() { span.faint.small { (t.no_check) } }
                @for result in &row.results { (check(chrome, detail, result)) }
            }
        }
    }
}

fn check(chrome: &Chrome, detail: &RunDetail, result: &CheckResult) -> Markup {
    let t = &chrome.t().compliance;
    let finding = detail.findings.iter().find(|f| f.check == result.check);
    html! {
        details {
            summary {
                (verdict(chrome, result.verdict.kind())) " "
                @match finding {
                    Some(f) => { (f.title.get(chrome.lang)) }
                    None => { span.mono.small { (result.check) } }
                }
            }
            dl.facts {
                dt { (t.observed) } dd.evidence { (result.observed) }
                dt { (t.expected) } dd.evidence { (result.expected) }
                @if let Some(f) = finding { dt { (t.remedy) } dd { (f.remedy.get(chrome.lang)) } }
                dt { "SHA-256" } dd.hash { (result.evidence_sha256) }
            }
        }
    }
}
