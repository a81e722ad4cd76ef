//! Reveal requests (数据还原): ask, see one's own, approve or refuse another's. Never a value that the
//! reader may not see.

use centre::Permission;
use centre::reveal::{RevealRequest, RevealScope, RevealState};
use centre::view::{Record, RevealDetail};
use maud::{Markup, html};

use super::record;
use crate::html::form::{field, post};
use crate::html::parts::{self, empty, number, panel};
use crate::html::{Chrome, Section, page};
use crate::text::Reveals;

/// What the form to ask begins with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    /// The dataset.
    pub(crate) dataset: String,
    /// The columns, one a line.
    pub(crate) columns: String,
    /// Ids of log records, one a line.
    pub(crate) records: String,
}

/// The list.
pub(crate) fn reveals(chrome: &Chrome, rows: &[RevealRequest], draft: &Draft) -> Markup {
    let t = &chrome.t().reveals;
    let waiting = rows.iter().filter(|r| r.state == RevealState::Requested).count();
    let tool = html! { span.soft { (t.waiting) " " (number(waiting as u64)) } };
    let body = html! {
        p.notice-line { (t.about) }
        (panel(t.requests, Some(tool), &list(chrome, rows)))
        @if chrome.may(Permission::RevealAsk) {
            @if draft.records.is_empty() { (panel(t.ask, None, &ask_columns(chrome, draft))) }
            (panel(t.ask_records, None, &ask_records(chrome, draft)))
        }
    };
    page(chrome, Section::Reveals, t.title, &body)
}

fn list(chrome: &Chrome, rows: &[RevealRequest]) -> Markup {
    let (t, c) = (&chrome.t().reveals, &chrome.t().c);
    html! {
        @if rows.is_empty() { (empty(t.none)) } @else {
            div.table-wrap {
                table {
                    thead { tr {
                        th { (c.time) } th { (t.by) } th { (t.what) } th { (t.purpose) }
                        th { (t.grade) } th { (c.state) }
                    } }
                    tbody {
                        @for r in rows {
                            tr data-row=(r.id) {
                                td.nowrap { (parts::time(r.created, chrome.now)) }
                                td.nowrap { (r.by) }
                                td.wrap { a href={ "/reveals/" (r.id) } { (what(t, &r.scope)) } }
                                td.wrap { (r.purpose) }
                                td.tight { (grade(t, r.grade)) }
                                td.nowrap { (state(t, r.state)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What is to be opened, in a line: rows are counted, not named.
fn what(t: &Reveals, scope: &RevealScope) -> String {
    match scope {
        RevealScope::Dataset { dataset, columns, rows } => {
            let columns =
                if columns.is_empty() { t.whole_file.to_owned() } else { columns.join("、") };
            let rows = match rows.len() {
                0 => t.any_row.to_owned(),
                n => format!("{n} {}", t.rows),
            };
            format!("{dataset} · {columns} · {rows}")
        }
        RevealScope::Records { ids } => format!("{} {}", ids.len(), t.records),
    }
}

fn grade(t: &Reveals, grade: Option<u8>) -> Markup {
    html! {
        @match grade {
            Some(grade) => { span class={ "grade grade-" (grade) } { (grade) } }
            None => { span.faint { (t.grade_unknown) } }
        }
    }
}

fn state(t: &Reveals, state: RevealState) -> Markup {
    let (class, word) = match state {
        RevealState::Requested => ("badge warn", t.requested),
        RevealState::Approved => ("badge ok", t.approved),
        RevealState::Refused => ("badge bad", t.refused),
        RevealState::Used => ("badge", t.used),
        RevealState::Expired => ("badge", t.expired),
    };
    html! { span class=(class) { (word) } }
}

/// A request: what it is about, and why.
fn ask(chrome: &Chrome, about: &Markup) -> Markup {
    let t = &chrome.t().reveals;
    let purpose = html! { input name="purpose" required maxlength="2000"; };
    post(
        chrome,
        "/reveals/ask",
        "stack",
        &html! {
            (about)
            (field(t.purpose, &purpose, t.purpose_hint))
            button.primary type="submit" { (t.submit) }
        },
    )
}

fn ask_columns(chrome: &Chrome, draft: &Draft) -> Markup {
    let t = &chrome.t().reveals;
    ask(
        chrome,
        &html! {
            (field(t.dataset, &html! { input name="dataset" required value=(draft.dataset); }, t.dataset_hint))
            (field(t.columns, &html! { textarea name="columns" rows="3" { (draft.columns) } }, t.columns_hint))
            (field(t.row_keys, &html! { textarea name="rows" rows="3" {} }, t.row_keys_hint))
            (field(t.cells, &html! { input name="cells" inputmode="numeric"; }, t.cells_hint))
        },
    )
}

fn ask_records(chrome: &Chrome, draft: &Draft) -> Markup {
    let t = &chrome.t().reveals;
    let ids = html! { textarea name="records" rows="2" required { (draft.records) } };
    ask(chrome, &field(t.record_ids, &ids, t.record_ids_hint))
}

/// One request.
pub(crate) fn reveal(chrome: &Chrome, detail: &RevealDetail) -> Markup {
    let t = &chrome.t().reveals;
    let body = html! {
        (panel(t.request, Some(state(t, detail.request.state)), &facts(chrome, &detail.request)))
        @if let Some(ticket) = &detail.ticket {
            (panel(t.ticket, None, &html! {
                p { (t.ticket_how) }
                pre.raw #ticket { (ticket) }
            }))
        }
        @if !detail.records.is_empty() {
            (panel(t.masked_records, None, &html! { @for r in &detail.records { (whole(chrome, r)) } }))
        }
        @if detail.may_open {
            (panel(t.open, None, &html! {
                p { (t.open_how) }
                (post(chrome, &format!("/reveals/{}/open", detail.request.id), "", &html! {
                    button.primary type="submit" { (t.open) }
                }))
            }))
        }
        @if detail.may_decide { (panel(t.decide, None, &decide(chrome, &detail.request))) }
    };
    page(chrome, Section::Reveals, t.title, &body)
}

/// Log records in the clear.
pub(crate) fn opened(chrome: &Chrome, records: &[Record]) -> Markup {
    let t = &chrome.t().reveals;
    let body = html! {
        p.notice-line { (t.opened_note) }
        @for r in records { section.panel { div.panel-body { (whole(chrome, r)) } } }
    };
    page(chrome, Section::Reveals, t.title, &body)
}

fn whole(chrome: &Chrome, r: &Record) -> Markup {
    html! {
        p.small.soft { (parts::full_time(r.time)) " · " (r.sensor) " · " code { (r.id) } }
        (record::raw(r, &format!("raw-{}", r.id), &[]))
        details { summary { (chrome.t().search.fields) " (" (r.fields.len()) ")" } (record::fields(r, &[])) }
    }
}

fn facts(chrome: &Chrome, r: &RevealRequest) -> Markup {
    let t = &chrome.t().reveals;
    html! {
        dl.facts {
            dt { (t.what) } dd { (what(t, &r.scope)) }
            @match &r.scope {
                RevealScope::Dataset { rows, .. } if !rows.is_empty() => {
                    dt { (t.row_keys) } dd { (rows.join("、")) }
                }
                _ => {}
            }
            dt { (t.purpose) } dd { (r.purpose) }
            dt { (t.by) } dd { (r.by) " · " (parts::full_time(r.created)) }
            dt { (t.grade) } dd { (grade(t, r.grade)) }
            dt { (t.cells) } dd { (number(r.cells_max)) }
            dt { (t.expires) } dd { (parts::full_time(r.expires)) }
            @if let Some(d) = &r.decision {
                dt { (t.decision) }
                dd {
                    @match &d.by {
                        Some(by) => { (by) }
                        None => { (t.by_policy) }
                    }
                    " · " (parts::full_time(d.at))
                    @if !d.note.is_empty() { " · " (d.note) }
                }
            }
            @if let Some(at) = r.used {
                dt { (t.used) }
                dd {
                    (parts::full_time(at))
                    @if let Some(n) = r.opened { " · " (t.opened) " " (number(n)) }
                }
            }
        }
        @if r.state == RevealState::Requested && !r.needs_approval { p.faint { (t.by_policy) } }
    }
}

fn decide(chrome: &Chrome, r: &RevealRequest) -> Markup {
    let t = &chrome.t().reveals;
    html! {
        p.soft { (t.decide_how) }
        (post(chrome, &format!("/reveals/{}/approve", r.id), "inline", &html! {
            (field(t.note, &html! { input name="note" maxlength="2000"; }, ""))
            button.primary type="submit" { (t.approve) }
        }))
        (post(chrome, &format!("/reveals/{}/refuse", r.id), "inline", &html! {
            (field(t.reason, &html! { input name="note" required maxlength="2000"; }, ""))
            button.danger type="submit" { (t.refuse) }
        }))
    }
}
