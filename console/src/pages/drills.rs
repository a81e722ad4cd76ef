//! Drills: start one, see those that were held.

use centre::view::DrillRow;
use events::{SiteId, Text};
use maud::{Markup, html};

use crate::html::parts::{self, empty, panel};
use crate::html::{Chrome, Section, form, page};

/// What the page shows.
pub(crate) struct View {
    /// Drills, latest first.
    pub(crate) rows: Vec<DrillRow>,
    /// Drills that can be started.
    pub(crate) plans: Vec<(String, Text)>,
    /// The schools one may play at.
    pub(crate) names: Vec<(SiteId, Text)>,
}

/// The page.
pub(crate) fn drills(chrome: &Chrome, view: &View) -> Markup {
    let t = &chrome.t().drills;
    let body = html! {
        p.notice-line { (t.simulated) }
        @if chrome.may(centre::Permission::DrillsRun) { (panel(t.start, None, &starter(chrome, view))) }
        section.panel #drills data-live="drill" {
            @if view.rows.is_empty() { div.panel-body { (empty(t.none)) } } @else { (table(chrome, view)) }
        }
    };
    page(chrome, Section::Drills, t.title, &body)
}

fn starter(chrome: &Chrome, view: &View) -> Markup {
    let t = &chrome.t().drills;
    let lang = chrome.lang;
    let plans: Vec<(String, String)> =
        view.plans.iter().map(|(slug, name)| (slug.clone(), name.get(lang).to_owned())).collect();
    let sites: Vec<(String, String)> = view
        .names
        .iter()
        .filter(|(site, _)| !site.is_bureau())
        .map(|(site, name)| (site.to_string(), name.get(lang).to_owned()))
        .collect();
    form::post(
        chrome,
        "/drills/start",
        "state-line",
        &html! {
            (form::select("drill", t.choose, &plans, ""))
            (form::select("site", t.site, &sites, ""))
            button.primary type="submit" { (t.start) }
        },
    )
}

fn table(chrome: &Chrome, view: &View) -> Markup {
    let t = &chrome.t().drills;
    html! {
        div.table-wrap {
            table {
                thead { tr {
                    th { (t.title) } th { (t.site) } th { (t.state) } th { (t.started) }
                    th.num { (t.injects) } th.num { (t.cov_alerted) } th.num { (t.sla_met) }
                } }
                tbody {
                    @for row in &view.rows {
                        tr data-row=(row.id) data-href={ "/drills/" (row.id) } {
                            td { a href={ "/drills/" (row.id) } { (row.name.get(chrome.lang)) } }
                            td { (row.site_name.get(chrome.lang)) }
                            td.tight {
                                @if row.running { span.badge.warn { (t.running) } }
                                @else { span.badge.ok { (t.done) } }
                            }
                            td.tight { (parts::time(row.score.started, chrome.now)) }
                            td.num { (row.score.emitted) }
                            td.num { (row.score.detected) }
                            td.num { (row.score.sla_met) " / " (row.score.emitted) }
                        }
                    }
                }
            }
        }
    }
}
