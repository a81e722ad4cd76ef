//! Log records as rows and as a whole, shared by the alert page and search.

use centre::Permission;
use centre::view::{Record, shown};
use maud::{Markup, html};

use crate::html::{Chrome, mark, parts};

/// Characters of the raw record shown in a row.
const ROW_CHARS: usize = 400;

/// The raw record, cut for a row.
pub(crate) fn clipped(raw: &str) -> String {
    let mut out: String = raw.chars().take(ROW_CHARS).collect();
    if out.len() < raw.len() {
        out.push('…');
    }
    out
}

/// The raw record with what matched marked.
pub(crate) fn raw(record: &Record, id: &str, needles: &[&str]) -> Markup {
    html! { pre.raw id=(id) { (mark::marked(&record.raw, needles)) } }
}

/// The fields as a table; a value that matched is marked.
pub(crate) fn fields(record: &Record, needles: &[&str]) -> Markup {
    html! {
        table.fields-table {
            tbody {
                @for (name, value) in &record.fields {
                    tr { td { (name) } td { (mark::marked(&shown(value), needles)) } }
                }
            }
        }
    }
}

/// What says that personal data is masked in a record.
pub(crate) fn masked(chrome: &Chrome) -> Markup {
    html! { span.badge.warn { (chrome.t().reveals.masked) } }
}

/// How to see what is masked in a record.
pub(crate) fn ask(chrome: &Chrome, record: &Record) -> Markup {
    html! {
        @if !record.masked.is_empty() && chrome.may(Permission::RevealAsk) {
            p.small {
                a href=(parts::link("/reveals", &[("records", &record.id.to_string())])) {
                    (chrome.t().reveals.masked_ask)
                }
            }
        }
    }
}

/// A record in a list: one line that unfolds.
pub(crate) fn row(chrome: &Chrome, record: &Record, needles: &[&str]) -> Markup {
    let t = chrome.t();
    html! {
        tr.hit data-row=(record.id) {
            td.tight.hit-time { (parts::time(record.time, chrome.now)) }
            td.tight { (record.sensor) div.sub { (record.logsource) } }
            td.wrap {
                details {
                    summary {
                        @if record.exercise { (parts::exercise(t)) " " }
                        @if !record.masked.is_empty() { (masked(chrome)) " " }
                        @if record.undecoded { span.badge.warn { (t.sensors.undecoded) } " " }
                        span.clip { (mark::marked(&clipped(&record.raw), needles)) }
                    }
                    (fields(record, needles))
                    (ask(chrome, record))
                    @if record.raw.chars().count() > ROW_CHARS {
                        (raw(record, &format!("raw-{}", record.id), needles))
                    }
                }
            }
        }
    }
}
