//! Compliance: one audit run with its scores, categories, findings and all 211 items.

use centre::view::{CategoryRow, ItemRow, RunDetail, RunRow, VerdictKind};
use events::RunId;
use maud::{Markup, html};

use crate::chart::{self, Part};
use crate::html::parts::{self, empty, figure, panel};
use crate::html::{Chrome, Section, form, page};

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

/// The page.
pub(crate) fn compliance(chrome: &Chrome, view: &View) -> Markup {
    let t = &chrome.t().compliance;
    let body = html! {
        p.notice-line { (t.not_certified) }
        div #audit data-live="audit" {
            @if let Some((done, planned)) = view.progress {
                p.notice-line { (t.running) " " (done) "/" (planned) }
            } @else if chrome.may(centre::Permission::ComplianceRun) {
                (form::post(chrome, "/compliance/run", "inline", &html! {
                    button.primary type="submit" { (t.run_now) }
                }))
            }
        }
        @match &view.detail {
            None => { section.panel { div.panel-body { (empty(t.none)) } } }
            Some(detail) => {
                (summary(chrome, detail))
                (scores(chrome, detail))
                (categories(chrome, &detail.categories))
                (findings(chrome, detail))
                (items(chrome, detail.row.id, &detail.items, &view.verdict))
            }
        }
        (panel(t.runs, None, &runs(chrome, &view.runs)))
    };
    page(chrome, Section::Compliance, t.title, &body)
}

fn summary(chrome: &Chrome, detail: &RunDetail) -> Markup {
    let t = &chrome.t().compliance;
    let row = &detail.row;
    let judged = format!("{} / {}", row.judged, row.denominator);
    let rate = row.strict_rate.map_or_else(|| "—".to_owned(), |r| format!("{r:.1}%"));
    html! {
        div.figures {
            (figure(t.strict, &rate, &format!("{} {}", t.denominator, row.denominator)))
            (figure(t.items, &judged, ""))
            (figure(t.planned, &format!("{} / {}", row.planned, row.executed), &row.target))
            (figure(t.finished, &row.finished.to_beijing(), ""))
        }
        @if let Some(diff) = &detail.diff {
            p.notice-line {
                (t.diff) ": " (diff.better.len()) " " (t.better) ", " (diff.worse.len()) " " (t.worse)
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
                    th { (t.template) } th.num { (t.strict) } th.num { (t.with_partial) }
                    th.num { (t.denominator) } th.num { (t.score) } th { (t.verdict) }
                } }
                tbody {
                    @for (score, template) in &detail.scores {
                        tr {
                            td {
                                (template.title.get(chrome.lang)) " "
                                @if score.unverified { (parts::unverified(chrome.t())) }
                                div.sub { (template.note.get(chrome.lang)) }
                            }
                            td.num { (format!("{:.1}%", score.strict_rate)) }
                            td.num { (format!("{:.1}%", score.partial_rate)) }
                            td.num { (score.denominator) }
                            td.num { (format!("{:.1}", score.points)) }
                            td { @if let Some(g) = &score.grade { (g.get(chrome.lang)) } @else { "—" } }
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
    let body = html! {
        div.table-wrap {
            table {
                tbody {
                    @for row in rows {
                        tr {
                            td.tight.mono { (row.clause) }
                            td { (row.title.get(chrome.lang)) }
                            td.num { (row.items) }
                            td { (chart::stacked(row.title.get(chrome.lang), &parts_of(chrome, row))) }
                            td.wrap.small {
                                @for (kind, n) in &row.counts { (verdict(chrome, *kind)) " " (n) " " }
                            }
                        }
                    }
                }
            }
        }
    };
    panel(t.categories, None, &body)
}

fn parts_of(chrome: &Chrome, row: &CategoryRow) -> Vec<Part> {
    let part = |(kind, n): &(VerdictKind, usize)| Part {
        label: kind.label(chrome.lang).to_owned(),
        value: *n as u64,
        class: colour(*kind),
    };
    row.counts.iter().map(part).collect()
}

const fn colour(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Conform => "c-good",
        VerdictKind::Partial | VerdictKind::Stale => "c-watch",
        VerdictKind::NonConform | VerdictKind::Error => "c-danger",
        VerdictKind::Waived => "c-poor",
        VerdictKind::NotApplicable | VerdictKind::PendingAttestation | VerdictKind::NotRun => {
            "c-none"
        }
    }
}

fn verdict(chrome: &Chrome, kind: VerdictKind) -> Markup {
    let class = match kind {
        VerdictKind::Conform => "ok",
        VerdictKind::NonConform | VerdictKind::Error => "bad",
        VerdictKind::Partial | VerdictKind::Waived | VerdictKind::Stale => "warn",
        VerdictKind::NotApplicable | VerdictKind::PendingAttestation | VerdictKind::NotRun => {
            "quiet"
        }
    };
    html! { span class={ "badge " (class) } { (kind.label(chrome.lang)) } }
}

fn findings(chrome: &Chrome, detail: &RunDetail) -> Markup {
    let t = &chrome.t().compliance;
    let body = html! {
        div.table-wrap {
            table {
                thead { tr {
                    th { (t.item) } th { (t.check) } th { (t.observed) } th { (t.remedy) }
                } }
                tbody {
                    @for f in &detail.findings {
                        tr {
                            td.tight.mono { (f.item) }
                            td {
                                (parts::severity(f.severity, chrome.lang)) " "
                                (f.title.get(chrome.lang))
                            }
                            td.wrap.small.mono { (f.observed) }
                            td.wrap.small { (f.remedy.get(chrome.lang)) }
                        }
                    }
                }
            }
        }
        p.faint.small { (t.not_certified_report) }
    };
    let title = format!("{} · {}", t.non_conform, detail.findings.len());
    panel(&title, None, &body)
}

fn items(chrome: &Chrome, run: RunId, rows: &[ItemRow], only: &str) -> Markup {
    let t = &chrome.t().compliance;
    let path = format!("/compliance/{run}");
    let shown = rows.iter().filter(|r| only.is_empty() || r.verdict.kind().as_str() == only);
    let body = html! {
        p.small {
            (t.filter) ": "
            a href=(path) { (chrome.t().c.all) } " "
            @for kind in VerdictKind::ALL {
                @let n = rows.iter().filter(|r| r.verdict.kind() == kind).count();
                @if n > 0 {
                    a.chip href=(parts::link(&path, &[("verdict", kind.as_str())])) {
                        (kind.label(chrome.lang)) " " (n)
                    } " "
                }
            }
        }
        div.table-wrap {
            table {
                thead { tr { th { (t.item) } th { (t.verdict) } th { (t.observed) } } }
                tbody {
                    @for row in shown {
                        tr {
                            td.wrap {
                                span.mono { (row.item.id) } " " (row.item.title.get(chrome.lang))
                                div.sub.mono { (row.item.unit) }
                            }
                            td.tight { (verdict(chrome, row.verdict.kind())) }
                            td.wrap.small {
                                @if row.results.is_empty() { span.faint { (t.no_check) } }
                                @for r in &row.results {
                                    div {
                                        (verdict(chrome, r.verdict.kind())) " " span.mono { (r.check) } ": "
                                        (r.observed)
                                        div.sub { (t.expected) ": " (r.expected) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    panel(t.items, None, &body)
}

fn runs(chrome: &Chrome, rows: &[RunRow]) -> Markup {
    let t = &chrome.t().compliance;
    html! {
        @if rows.is_empty() { (empty(t.none)) } @else {
            div.table-wrap {
                table {
                    thead { tr {
                        th { (t.started) } th { (t.target) } th.num { (t.planned) } th.num { (t.strict) }
                    } }
                    tbody {
                        @for row in rows {
                            tr data-row=(row.id) data-href={ "/compliance/" (row.id) } {
                                td {
                                    a href={ "/compliance/" (row.id) } {
                                        (parts::full_time(row.started))
                                    }
                                }
                                td { (row.target) }
                                td.num { (row.planned) " / " (row.executed) }
                                td.num {
                                    @match row.strict_rate { Some(r) => { (format!("{r:.1}%")) } None => { "—" } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
