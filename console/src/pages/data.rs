//! Student data (数据安全): what was found where, of what grade, and what a masked copy was; never a
//! value.

use centre::view::{ColumnReport, InventoryEntry};
use maud::{Markup, html};
use serde_json::Value;

use crate::chart::{self, Bar};
use crate::html::parts::{self, empty, number, panel};
use crate::html::{Chrome, Section, page};
use crate::text::Messages;

/// The page.
pub(crate) fn data(chrome: &Chrome, entries: &[InventoryEntry]) -> Markup {
    let t = &chrome.t().data;
    let body = html! {
        p.notice-line { (t.values_never) }
        div #inventories data-live="data" {
            @if entries.is_empty() { section.panel { div.panel-body { (empty(t.none)) } } }
            @for entry in entries { (inventory(chrome, entry)) }
        }
    };
    page(chrome, Section::Data, t.title, &body)
}

fn inventory(chrome: &Chrome, entry: &InventoryEntry) -> Markup {
    let t = &chrome.t().data;
    let found = &entry.inventory;
    let sensitive = found.columns.iter().filter(|c| c.sensitive_pi).count();
    let tool = html! {
        span.soft { (t.dataset_grade) " " (grade(found.dataset_grade)) }
    };
    let body = html! {
        div.grid.grid-3 {
            div {
                dl.facts {
                    dt { (t.rows) } dd { strong { (number(found.rows)) } }
                    dt { (t.under14) } dd { (number(found.ages.under14)) }
                    dt { (t.sensitive) } dd { (sensitive) " / " (found.columns.len()) " " (t.columns) }
                    dt { (t.ragged) } dd { (number(found.ragged_rows)) }
                    dt { (t.at) } dd { (parts::full_time(entry.at)) }
                }
            }
            (grades(chrome.t(), entry))
            (masking(chrome.t(), entry.mask.as_ref()))
        }
        @for note in &found.notes { p.small.faint { (note.get(chrome.lang)) } }
        div.table-wrap {
            table {
                thead { tr {
                    th { (t.column) } th { (t.element) } th { (t.grade) } th { (t.sensitive) }
                    th.num { (t.confidence) } th.num { (t.hits) } th { (t.reasons) }
                } }
                tbody { @for column in &found.columns { (line(chrome, column)) } }
            }
        }
    };
    panel(&entry.source, Some(tool), &body)
}

/// A grade as a coloured number.
fn grade(grade: u8) -> Markup {
    html! { span class={ "grade grade-" (grade) } { (grade) } }
}

fn grades(t: &Messages, entry: &InventoryEntry) -> Markup {
    const GRADES: [(u8, &str); 4] =
        [(4, "c-critical"), (3, "c-high"), (2, "c-medium"), (1, "c-conform")];
    let bars: Vec<Bar> = GRADES
        .into_iter()
        .map(|(g, class)| Bar {
            label: format!("{} {g}", t.data.grade),
            value: entry.inventory.columns.iter().filter(|c| c.grade == g).count() as u64,
            class,
        })
        .collect();
    html! { div { (chart::bars(t, t.data.grades, t.data.grades, &bars)) } }
}

fn line(chrome: &Chrome, c: &ColumnReport) -> Markup {
    let t = &chrome.t().data;
    html! {
        tr data-row="" {
            td.nowrap { strong { (c.column) } }
            td.nowrap {
                @match &c.title {
                    Some(title) => { (title.get(chrome.lang)) }
                    None => { span.faint { (t.ungraded) } }
                }
                @if c.unverified { " " (parts::unverified(chrome.t())) }
            }
            td.tight { (grade(c.grade)) }
            td.tight { @if c.sensitive_pi { span.badge.bad { (t.sensitive_yes) } } @else { span.faint { "—" } } }
            td.num { @if c.title.is_some() { (format!("{:.2}", c.confidence)) } }
            td.num.nowrap { (number(c.hits)) " / " (number(c.rows)) }
            td.wrap.small.soft {
                @for (n, reason) in c.reasons.iter().enumerate() {
                    @if n > 0 { " · " } (reason.get(chrome.lang))
                }
            }
        }
    }
}

/// The report of a masked copy. It comes as JSON from the masking job; what is shown are its
/// figures and hashes.
fn masking(t: &Messages, report: Option<&Value>) -> Markup {
    let d = &t.data;
    let text = |name: &str| match report.and_then(|r| r.get(name)) {
        Some(Value::String(s)) => s.clone(),
        Some(Value::Number(n)) => n.to_string(),
        _ => "—".to_owned(),
    };
    html! {
        div {
            h3.small.soft { (d.masking) }
            @match report {
                None => { p.faint { (d.masking_none) } }
                Some(report) => {
                    dl.facts {
                        dt { (d.policy) } dd { (text("policy")) }
                        dt { (d.residue) }
                        dd {
                            @if report.get("residue").and_then(Value::as_u64) == Some(0) {
                                span.badge.ok { (d.residue_zero) }
                            } @else { span.badge.bad { (text("residue")) } }
                        }
                        dt { (d.k) } dd { "k = " (text("k_anonymity")) }
                        dt { (d.input_hash) } dd.hash { (text("input_sha256")) }
                        dt { (d.output_hash) } dd.hash { (text("output_sha256")) }
                    }
                }
            }
        }
    }
}
