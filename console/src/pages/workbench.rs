//! The workbench (工作台): what the person on duty sees first.

use centre::alert::AlertGroup;
use centre::view::{RunRow, SchoolRow, Workbench};
use centre::{Permission, situation::Silence};
use events::Severity;
use maud::{Markup, html};

use crate::chart::{self, Bucket};
use crate::html::parts::{self, empty, figure, more, number, panel};
use crate::html::{Chrome, Section, page};

/// Minutes of one bucket of the curve.
const BUCKET_MINUTES: usize = 5;

/// What the page shows beside centre's workbench.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) work: Workbench,
    /// Name of a school by its code.
    pub(crate) names: Vec<(events::SiteId, events::Text)>,
    /// ATT&CK techniques of the open groups, most frequent first.
    pub(crate) techniques: Vec<(String, u64)>,
    /// Gravest open alert per time bucket is not known: buckets carry counts only.
    pub(crate) raised: Vec<(events::Timestamp, Severity)>,
}

/// The page.
pub(crate) fn workbench(chrome: &Chrome, bench: &Bench) -> Markup {
    let t = chrome.t();
    let w = &bench.work;
    let body = html! {
        @for alarm in &w.alarms { p.flash.bad role="alert" { (alarm.get(chrome.lang)) } }
        div #figures data-live="clock alert" { (figures(chrome, bench)) }
        div.grid.grid-main {
            div.stack {
                @if chrome.may(Permission::AlertsRead) { (queue(chrome, bench)) }
                (activity(chrome, bench))
                @if chrome.may(Permission::AlertsRead) { (techniques(chrome, bench)) }
            }
            div.stack {
                @if chrome.may(Permission::SchoolsRead) { (risk(chrome, &w.worst)) }
                @if chrome.may(Permission::SensorsRead) { (sensors(chrome, &w.silent, bench)) }
                @if chrome.may(Permission::DrillsRead) { (drill(chrome, bench)) }
                @if chrome.may(Permission::ComplianceRead) { (audit(chrome, w.last_run.as_ref())) }
            }
        }
    };
    page(chrome, Section::Workbench, t.bench.title, &body)
}

fn figures(chrome: &Chrome, bench: &Bench) -> Markup {
    let t = &chrome.t().bench;
    let w = &bench.work;
    let events: u64 = w.event_rate.iter().map(|(_, n)| n).sum();
    let alerts: u64 = w.alert_rate.iter().map(|(_, n)| n).sum();
    let open: usize = w.open.iter().map(|(_, n)| n).sum();
    let lag = w.figures.journalled.saturating_sub(w.figures.matched);
    let window = window(chrome, w.event_rate.len());
    let per_min: Vec<u64> = w.event_rate.iter().map(|(_, n)| *n).collect();
    html! {
        div.figures {
            div.figure {
                div.figure-name { (t.events_today) }
                div.figure-value { (number(events)) }
                div.figure-note { (window) " " (chart::spark(t.events_rate, &per_min)) }
            }
            @if chrome.may(Permission::AlertsRead) {
                (figure(t.queue, &number(open as u64), &format!("{} {}", t.queue_new, w.untaken)))
                (figure(t.alerts_today, &number(alerts), &window))
            }
            (figure(t.journal, &number(w.figures.journalled), &oldest(chrome, bench)))
            (figure(t.lag, &number(lag), &format!("{} {}", chrome.t().sensors.rules, w.figures.rules)))
        }
    }
}

fn window(chrome: &Chrome, minutes: usize) -> String {
    let hours = minutes / 60;
    chrome.lang.pick("近 {} 小时", "last {} hours").replace("{}", &hours.to_string())
}

fn oldest(chrome: &Chrome, bench: &Bench) -> String {
    let t = &chrome.t().sensors;
    let figures = &bench.work.figures;
    match figures.oldest {
        Some(at) => {
            let day = at.to_beijing();
            format!("{} {}", t.oldest, day.get(..10).unwrap_or(&day))
        }
        None => format!("{} {}", t.archived, number(figures.archived)),
    }
}

fn queue(chrome: &Chrome, bench: &Bench) -> Markup {
    let t = chrome.t();
    let w = &bench.work;
    let body = html! {
        div.queue-counts {
            @for (level, n) in &w.open {
                a class={ "queue-count sev-" (level.as_str()) @if *n == 0 { " zero" } }
                    href=(parts::link("/alerts", &[("level", level.as_str())])) {
                    (parts::severity(*level, chrome.lang))
                    b { (n) }
                }
            }
        }
        @if !w.mine.is_empty() {
            h3.faint.small { (t.bench.queue_mine) }
            @for group in &w.mine { (item(chrome, bench, group)) }
        }
        @if !w.urgent.is_empty() {
            h3.faint.small { (t.bench.queue_new) }
            @for group in &w.urgent { (item(chrome, bench, group)) }
        }
        @if w.mine.is_empty() && w.urgent.is_empty() { (empty(t.bench.queue_empty)) }
    };
    html! {
        div #queue data-live="alert" {
            (panel(t.bench.queue, Some(more("/alerts", t.c.view_all)), &body))
        }
    }
}

fn item(chrome: &Chrome, bench: &Bench, group: &AlertGroup) -> Markup {
    let t = chrome.t();
    let name = bench.names.iter().find(|(s, _)| *s == group.site).map(|(_, n)| n.get(chrome.lang));
    html! {
        a.queue-item href={ "/alerts/" (group.id) } data-row=(group.id) {
            (parts::severity(group.level, chrome.lang))
            span {
                div.title {
                    @if group.exercise.is_some() { (parts::exercise(t)) " " }
                    (group.title.get(chrome.lang))
                }
                div.sub {
                    (name.unwrap_or_default())
                    @for (_, value) in group.key.iter().take(2) { " · " (value) }
                    " · " (t.alerts.hits) " " (number(group.count))
                }
            }
            span.faint { (parts::time(group.last, chrome.now)) }
        }
    }
}

/// Sums the minutes into buckets and puts the alert groups on them.
pub(crate) fn buckets(bench: &Bench) -> Vec<Bucket> {
    let rate = &bench.work.event_rate;
    let width = 60 * BUCKET_MINUTES as i64;
    rate.chunks(BUCKET_MINUTES)
        .filter_map(|chunk| {
            let start = chunk.first()?.0;
            let inside: Vec<Severity> = bench
                .raised
                .iter()
                .filter(|(at, _)| (0..width).contains(&(at.secs() - start.secs())))
                .map(|(_, level)| *level)
                .collect();
            Some(Bucket {
                start,
                events: chunk.iter().map(|(_, n)| n).sum(),
                alerts: inside.len() as u64,
                gravest: inside.into_iter().max(),
            })
        })
        .collect()
}

fn activity(chrome: &Chrome, bench: &Bench) -> Markup {
    let t = chrome.t();
    let body = chart::histogram(
        t,
        (t.bench.activity, t.bench.activity_desc),
        &buckets(bench),
        chart::Width::Column,
    );
    html! {
        div #activity data-live="clock alert" {
            (panel(t.bench.activity, None, &html! {
                (body)
                p.faint.small { (t.bench.activity_desc) }
            }))
        }
    }
}

fn techniques(chrome: &Chrome, bench: &Bench) -> Markup {
    let t = chrome.t();
    let bars: Vec<chart::Bar> = bench
        .techniques
        .iter()
        .take(8)
        .map(|(label, value)| chart::Bar { label: label.clone(), value: *value, class: "bar" })
        .collect();
    let body = html! {
        @if bars.is_empty() { (empty(t.bench.techniques_none)) }
        @else { (chart::bars(t, t.bench.techniques, t.bench.techniques_desc, &bars)) }
    };
    html! {
        div #techniques data-live="alert" { (panel(t.bench.techniques, None, &body)) }
    }
}

fn risk(chrome: &Chrome, worst: &[SchoolRow]) -> Markup {
    let t = chrome.t();
    let body = html! {
        @for row in worst.iter().filter(|r| !r.risk.deductions.is_empty()) {
            div.rank-row {
                span.n { (row.rank) }
                span {
                    a href={ "/schools/" (row.site) } { (row.name.get(chrome.lang)) }
                    " " span.faint.small { (row.district.get(chrome.lang)) }
                }
                (parts::index(row.risk.index, row.band, t))
            }
        }
        @if worst.iter().all(|r| r.risk.deductions.is_empty()) { (empty(t.bench.risk_none)) }
    };
    html! {
        div #risk data-live="alert sensor" {
            (panel(t.bench.risk, Some(more("/schools", t.c.view_all)), &body))
        }
    }
}

fn sensors(chrome: &Chrome, silent: &[Silence], bench: &Bench) -> Markup {
    let t = chrome.t();
    let name = |s: &Silence| {
        let found = bench.names.iter().find(|(site, _)| *site == s.site);
        found.map(|(_, n)| n.get(chrome.lang).to_owned()).unwrap_or_default()
    };
    let body = html! {
        @if silent.is_empty() {
            p.good-text { (t.bench.sensors_ok) }
        } @else {
            ul.silent-list {
                @for s in silent.iter().take(6) {
                    li {
                        span { (s.sensor) " " span.faint.small { (name(s)) } }
                        span.badge.warn {
                            (t.bench.silent) " "
                            @match s.last {
                                Some(at) => { (parts::time(at, chrome.now)) }
                                None => { (t.c.never) }
                            }
                        }
                    }
                }
            }
        }
    };
    html! {
        div #silence data-live="sensor clock" {
            (panel(t.bench.sensors, Some(more("/sensors", t.c.view_all)), &body))
        }
    }
}

fn drill(chrome: &Chrome, bench: &Bench) -> Markup {
    let t = chrome.t();
    let body = html! {
        @match bench.work.drill {
            Some(id) => {
                p {
                    (parts::exercise(t)) " " (t.drills.running) " "
                    a href={ "/drills/" (id) } { (t.bench.drill_open) }
                }
            }
            None => { p.faint { (t.bench.drill_none) } }
        }
    };
    html! {
        div #drill-state data-live="drill" {
            (panel(t.bench.drill, Some(more("/drills", t.c.view_all)), &body))
        }
    }
}

fn audit(chrome: &Chrome, run: Option<&RunRow>) -> Markup {
    let t = chrome.t();
    let body = html! {
        @match run {
            Some(run) => {
                div.score-line {
                    span.score-big {
                        @match run.strict_rate {
                            Some(rate) => { (parts::percent(rate)) }
                            None => { "—" }
                        }
                    }
                    span.soft { (t.compliance.strict) " · " (t.compliance.denominator) " " (run.denominator) }
                }
                p.faint.small {
                    (run.target) " · " (parts::time(run.finished, chrome.now)) " · "
                    (t.compliance.planned) " " (run.planned) " / " (run.executed)
                }
            }
            None => { p.faint { (t.bench.audit_none) } }
        }
    };
    html! {
        div #last-run data-live="audit" {
            (panel(t.bench.audit, Some(more("/compliance", t.c.view_all)), &body))
        }
    }
}
