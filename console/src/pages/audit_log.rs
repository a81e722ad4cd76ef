//! The audit log (审计日志), for the audit administrator alone.

use centre::audit_log::AuditEntry;
use maud::{Markup, html};

use crate::html::parts::{self, empty, number};
use crate::html::{Chrome, Section, page};

/// Whether the chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chain {
    /// All entries follow from one another.
    Whole(u64),
    /// The first entry that does not.
    Broken(u64),
}

/// The page.
pub(crate) fn audit_log(chrome: &Chrome, rows: &[AuditEntry], chain: Chain) -> Markup {
    let t = chrome.t();
    let a = &t.audit;
    let body = html! {
        p.notice-line { (a.text) }
        p.state-line {
            @match chain {
                Chain::Whole(n) => { span.badge.ok { (a.chain_ok) } span.faint { (number(n)) " " (t.c.rows) } }
                Chain::Broken(at) => { span.badge.bad { (a.chain_broken) " " (at) } }
            }
        }
        section.panel {
            @if rows.is_empty() { div.panel-body { (empty(a.empty)) } } @else {
                div.table-wrap {
                    table {
                        thead {
                            tr {
                                th.num { (a.seq) } th { (t.c.time) } th { (a.by) } th { (a.role) }
                                th { (a.action) } th { (a.target) } th { (a.outcome) } th { (a.hash) }
                            }
                        }
                        tbody { @for entry in rows { (line(chrome, entry)) } }
                    }
                }
                @if let Some(last) = rows.last().filter(|e| e.seq > 1) {
                    div.pager {
                        a.button href=(parts::link("/audit-log", &[("before", &last.seq.to_string())])) {
                            (t.c.next)
                        }
                    }
                }
            }
        }
    };
    page(chrome, Section::AuditLog, a.title, &body)
}

fn line(chrome: &Chrome, e: &AuditEntry) -> Markup {
    let a = &chrome.t().audit;
    let short = e.hash.get(..12).unwrap_or(&e.hash);
    html! {
        tr data-row=(e.seq) {
            td.num { (e.seq) }
            td.tight { (parts::full_time(e.at)) }
            td { (e.by) }
            td { (e.role) }
            td.mono { (e.action) }
            td.wrap.mono { (e.target) }
            td.tight {
                @if e.outcome == "success" { span.badge.ok { (a.success) } }
                @else { span.badge.bad { (a.failure) } }
            }
            td.tight { span.hash title=(e.hash) { (short) } }
        }
    }
}
