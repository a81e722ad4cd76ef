//! Sensors (采集): what each received, kept and lost.

use centre::sensor_health::cause_name;
use centre::view::{Figures, SensorRow};
use maud::{Markup, html};

use crate::html::parts::{self, empty, figure, number, panel};
use crate::html::{Chrome, Section, page};

/// The page.
pub(crate) fn sensors(chrome: &Chrome, rows: &[SensorRow], figures: &Figures) -> Markup {
    let t = chrome.t();
    let s = &t.sensors;
    let body = html! {
        div #node-figures data-live="clock" {
            div.figures {
                (figure(s.journal, &number(figures.journalled), ""))
                (figure(s.matched, &number(figures.matched), ""))
                (figure(s.archived, &number(figures.archived), &bytes(figures.archive_bytes)))
                (figure(s.rules, &number(figures.rules as u64), ""))
            }
        }
        section.panel #sensors data-live="clock sensor" {
            @if rows.is_empty() { div.panel-body { (empty(s.empty)) } } @else {
                (table(chrome, rows))
            }
        }
        p.notice-line { (s.reconcile) " " (parts::more("/sensors/coverage", t.coverage.open)) }
        (panel(s.samples, None, &samples(chrome, rows)))
    };
    page(chrome, Section::Sensors, s.title, &body)
}

/// Bytes as a person reads them.
fn bytes(n: u64) -> String {
    match n {
        0..1_048_576 => format!("{:.1} KiB", n as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", n as f64 / 1_073_741_824.0),
    }
}

/// Whether a sensor speaks.
pub(crate) fn health(chrome: &Chrome, row: &SensorRow) -> Markup {
    let t = &chrome.t().sensors;
    html! {
        @if row.silent { span.badge.bad { (t.silent) } }
        @else if row.lost_lately > 0 { span.badge.bad { (t.losing) } }
        @else if row.is_skewed() { span.badge.warn { (t.skewed) } }
        @else if row.trouble.is_some() { span.badge.warn { (t.outdated) } }
        @else if row.last.is_none() { span.badge.warn { (t.waiting) } }
        @else { span.badge.ok { (t.ok) } }
    }
}

fn table(chrome: &Chrome, rows: &[SensorRow]) -> Markup {
    let t = chrome.t();
    let s = &t.sensors;
    html! {
        div.table-wrap {
            table {
                thead {
                    tr {
                        th { (s.sensor) } th { (t.c.school) } th { (s.input) } th { (t.c.state) }
                        th.num { (s.received) } th.num { (s.decoded) } th.num { (s.undecoded) }
                        th { (s.dropped) } th.num { (s.skew) }
                        th.num title=(s.behind_title) { (s.behind) } th { (s.last) }
                    }
                }
                tbody { @for row in rows { (line(chrome, row)) } }
            }
        }
    }
}

fn line(chrome: &Chrome, row: &SensorRow) -> Markup {
    let t = chrome.t();
    html! {
        tr data-row=(row.name) {
            td { strong { (row.name) } }
            td { (row.site_name.get(chrome.lang)) }
            td { (row.input) div.sub.mono { (row.place) } }
            td.tight { (health(chrome, row)) }
            td.num { (number(row.received)) }
            td.num { (number(row.decoded)) }
            td.num { (number(row.undecoded)) }
            td {
                @if row.lost() == 0 { span.faint.nowrap { (t.sensors.dropped_none) } } @else {
                    @for (cause, n) in row.losses() {
                        span.badge.bad { (cause_name(cause).get(chrome.lang)) " " (number(n)) } " "
                    }
                }
            }
            td.num {
                @if row.is_skewed() { strong.bad-text { (row.skew_ms) " ms" } }
                @else { (row.skew_ms) " ms" }
            }
            td.num {
                (number(row.behind_ms)) " ms"
                @if row.waits_ms > 0 {
                    div.sub { (t.sensors.waits) " " (number(row.waits_ms)) " ms" }
                }
            }
            td.tight {
                @match row.last {
                    Some(at) => { (parts::time(at, chrome.now)) }
                    None => { span.faint { (t.c.never) } }
                }
            }
        }
    }
}

fn samples(chrome: &Chrome, rows: &[SensorRow]) -> Markup {
    let t = &chrome.t().sensors;
    html! {
        @if rows.iter().all(|r| r.samples.is_empty()) { p.faint { (t.samples_none) } } @else {
            p.faint.small { (t.samples_why) }
        }
        @let told = |r: &&SensorRow| {
            !r.samples.is_empty() || r.undeclared > 0 || r.turned_away > 0
        };
        @for row in rows.iter().filter(told) {
            h3.small { (row.name) }
            @if row.undeclared > 0 {
                p.small {
                    (t.undeclared) " " (number(row.undeclared))
                    @if let Some(pack) = &row.suggested {
                        " · " (t.suggested) " " code { (pack) }
                    }
                }
            }
            @if row.turned_away > 0 {
                p.small {
                    (t.turned_away) " " (number(row.turned_away))
                    @if let Some(last) = &row.last_refusal {
                        " · " (t.last_refusal) " " span.mono { (last) }
                    }
                }
            }
            @for sample in &row.samples { pre.raw { (super::record::clipped(sample)) } }
        }
    }
}
