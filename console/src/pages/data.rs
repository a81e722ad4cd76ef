//! Student data: what was found where, of what grade; never a value.

use centre::view::{ColumnReport, InventoryEntry};
use maud::{Markup, html};

use crate::html::parts::{self, empty, figure, number, panel};
use crate::html::{Chrome, Section, page};

/// The page.
pub(crate) fn data(chrome: &Chrome, entries: &[InventoryEntry]) -> Markup {
    let t = &chrome.t().data;
    let body = html! {
        p.notice-line { (t.values_never) }
        div #inventories data-live="data" {
            @if entries.is_empty() {
                section.panel { div.panel-body { (empty(t.none)) } }
            }
            @for entry in entries { (inventory(chrome, entry)) }
        }
    };
    page(chrome, Section::Data, t.title, &body)
}

fn inventory(chrome: &Chrome, entry: &InventoryEntry) -> Markup {
    let t = &chrome.t().data;
    let found = &entry.inventory;
    let sensitive = found.columns.iter().filter(|c| c.sensitive_pi).count();
    let body = html! {
        div.figures {
            (figure(t.grade, &found.dataset_grade.to_string(), ""))
            (figure(chrome.t().c.count, &number(found.rows), ""))
            (figure(t.sensitive, &sensitive.to_string(), ""))
            (figure(t.ragged, &number(found.ragged_rows), ""))
            (figure(t.at, &entry.at.to_beijing(), ""))
        }
        @for note in &found.notes { p.small.faint { (note.get(chrome.lang)) } }
        div.table-wrap {
            table {
                thead { tr {
                    th { (t.column) } th { (t.element) } th.num { (t.grade) } th { (t.sensitive) }
                    th.num { (t.confidence) } th.num { (t.hits) } th { (t.reasons) }
                } }
                tbody { @for column in &found.columns { (line(chrome, column)) } }
            }
        }
        (masking(chrome, entry))
    };
    panel(&entry.source, None, &body)
}

fn line(chrome: &Chrome, c: &ColumnReport) -> Markup {
    let t = &chrome.t().data;
    html! {
        tr {
            td { strong { (c.column) } }
            td {
                @match &c.title {
                    Some(title) => { (title.get(chrome.lang)) }
                    None => { span.faint { (t.ungraded) } }
                }
                @if c.unverified { " " (parts::unverified(chrome.t())) }
            }
            td.num { (c.grade) }
            td { @if c.sensitive_pi { span.badge.bad { (t.sensitive) } } }
            td.num { (format!("{:.2}", c.confidence)) }
            td.num { (number(c.hits)) " / " (number(c.rows)) }
            td.wrap.small {
                @for reason in &c.reasons { span.chip { (reason.get(chrome.lang)) } " " }
            }
        }
    }
}

fn masking(chrome: &Chrome, entry: &InventoryEntry) -> Markup {
    let t = &chrome.t().data;
    html! {
        h3 { (t.masking) }
        @match &entry.mask {
            None => { p.faint { (t.masking_none) } }
            Some(report) => {
                @let text = |key: &str| report.get(key).map(ToString::to_string).unwrap_or_default();
                dl {
                    @for (name, key) in [
                        (t.policy, "policy"), (t.residue, "residue"), (t.k, "k_anonymity"),
                        (t.input_hash, "input_sha256"), (t.output_hash, "output_sha256"),
                    ] {
                        @if report.get(key).is_some() {
                            dt { (name) } dd.mono.small { (text(key)) }
                        }
                    }
                }
            }
        }
    }
}
