//! One school: its risk index, with every missing point explained.

use centre::Permission;
use centre::situation::{Cause, Deduction};
use centre::view::{SchoolDetail, SensorRow};
use maud::{Markup, html};

use crate::chart;
use crate::html::parts::{self, empty, number, panel};
use crate::html::{Chrome, Section, page};

/// Alert groups the page shows.
const ALERTS: usize = 20;

/// The page.
pub(crate) fn school(chrome: &Chrome, detail: &SchoolDetail) -> Markup {
    let t = chrome.t();
    let body = html! {
        (head(chrome, detail))
        div.grid.grid-main {
            div.stack {
                div #deductions data-live="alert sensor" {
                    (panel(t.schools.deductions, None, &deductions(chrome, detail)))
                }
                @if chrome.may(Permission::AlertsRead) { (alerts(chrome, detail)) }
            }
            div.stack {
                @if chrome.may(Permission::SensorsRead) { (sensors(chrome, &detail.sensors)) }
            }
        }
    };
    page(chrome, Section::Schools, detail.row.name.get(chrome.lang), &body)
}

fn head(chrome: &Chrome, detail: &SchoolDetail) -> Markup {
    let t = chrome.t();
    let row = &detail.row;
    html! {
        section.panel #school-head data-live="alert sensor" {
            div.panel-body.school-head {
                (chart::gauge(t, row.risk.index, row.band))
                div {
                    dl.facts {
                        dt { (t.schools.code) } dd.mono { (row.site) }
                        @if let Some(division) = &row.division {
                            dt { (t.schools.division) }
                            dd {
                                (division.name.get(chrome.lang)) " "
                                @if let Some(year) = division.until {
                                    "(" (t.schools.division_until) " " (year) ") "
                                }
                                @if !division.verified { (parts::unverified(t)) }
                            }
                        }
                        dt { (t.c.district) } dd { (row.district.get(chrome.lang)) }
                        dt { (t.schools.rank) } dd { (row.rank) }
                        dt { (t.alerts.state_open) } dd { (row.open) }
                        @if !detail.networks.is_empty() {
                            dt { (t.schools.networks) }
                            dd { @for n in &detail.networks { span.chip { (n) } } }
                        }
                    }
                    @if chrome.may(Permission::Search) {
                        p {
                            a.button href=(parts::link("/search", &[("q", &format!("site:{}", row.site))])) {
                                (t.schools.events)
                            }
                        }
                    }
                }
            }
        }
    }
}

fn deductions(chrome: &Chrome, detail: &SchoolDetail) -> Markup {
    let t = chrome.t();
    let all = &detail.row.risk.deductions;
    html! {
        p.faint.small { (t.schools.index_how) }
        @if all.is_empty() { p.good-text { (t.schools.full) } } @else {
            div.table-wrap {
                table {
                    thead {
                        tr {
                            th.num { (t.schools.points) } th { (t.schools.cause) }
                            th.num { (t.schools.capped) } th {}
                        }
                    }
                    tbody {
                        @for d in all { (line(chrome, d)) }
                        tr.sum-row {
                            td.num { "−" (all.iter().map(|d| d.points).sum::<u32>()) }
                            td { (t.schools.sum) " → " (detail.row.risk.index) }
                            td {} td {}
                        }
                    }
                }
            }
        }
    }
}

fn line(chrome: &Chrome, d: &Deduction) -> Markup {
    let t = chrome.t();
    html! {
        tr data-row="" {
            td.num.points { "−" (d.points) }
            td { (d.reason.get(chrome.lang)) }
            td.num.faint { @if d.capped > 0 { (d.capped) } }
            td.tight {
                @match &d.cause {
                    Cause::Alert { id } if chrome.may(Permission::AlertsRead) => {
                        a href={ "/alerts/" (id) } { (t.schools.open) }
                    }
                    Cause::Sensor { .. } if chrome.may(Permission::SensorsRead) => {
                        a href="/sensors" { (t.schools.open) }
                    }
                    _ => {}
                }
            }
        }
    }
}

fn alerts(chrome: &Chrome, detail: &SchoolDetail) -> Markup {
    let t = chrome.t();
    let site = detail.row.site.to_string();
    let more =
        parts::more(&parts::link("/alerts", &[("site", &site), ("state", "all")]), t.c.view_all);
    let body = html! {
        @if detail.alerts.is_empty() { (empty(t.alerts.empty)) } @else {
            div.table-wrap {
                table {
                    tbody {
                        @for g in detail.alerts.iter().take(ALERTS) {
                            tr data-row=(g.id) data-href={ "/alerts/" (g.id) } {
                                td.tight { (parts::severity(g.level, chrome.lang)) }
                                td { a href={ "/alerts/" (g.id) } { (g.title.get(chrome.lang)) } }
                                td.num { (number(g.count)) }
                                td.tight { (parts::time(g.last, chrome.now)) }
                                td.tight { (parts::state(g.state, t)) }
                            }
                        }
                    }
                }
            }
        }
    };
    html! { div #school-alerts data-live="alert" { (panel(t.schools.alerts, Some(more), &body)) } }
}

fn sensors(chrome: &Chrome, rows: &[SensorRow]) -> Markup {
    let t = chrome.t();
    let body = html! {
        @if rows.is_empty() { (empty(t.sensors.empty)) } @else {
            ul.silent-list {
                @for s in rows {
                    li {
                        span { (s.name) " " span.faint.small { (s.input) } }
                        (super::sensors::health(chrome, s))
                    }
                }
            }
        }
    };
    panel(t.sensors.title, None, &body)
}
