//! Schools by risk: a ranking and a cartogram.

use centre::view::SchoolRow;
use maud::{Markup, html};

use crate::chart::{self, Tile};
use crate::html::parts::{self, empty, panel};
use crate::html::{Chrome, Section, page};

/// The page.
pub(crate) fn schools(chrome: &Chrome, rows: &[SchoolRow]) -> Markup {
    let t = chrome.t();
    let body = html! {
        p.notice-line { (t.schools.index_how) }
        div #schools data-live="alert sensor" {
            @if rows.is_empty() {
                section.panel { div.panel-body { (empty(t.schools.empty)) } }
            } @else {
                (cartogram(chrome, rows))
                (ranking(chrome, rows))
            }
        }
    };
    page(chrome, Section::Schools, t.schools.title, &body)
}

/// Districts in the order of their first school's code.
fn districts<'a>(chrome: &Chrome, rows: &'a [SchoolRow]) -> Vec<(&'a str, Vec<&'a SchoolRow>)> {
    let mut by_code: Vec<&SchoolRow> = rows.iter().collect();
    by_code.sort_by_key(|r| r.site);
    let mut out: Vec<(&str, Vec<&SchoolRow>)> = Vec::new();
    for row in by_code {
        let name = row.district.get(chrome.lang);
        match out.iter_mut().find(|(n, _)| *n == name) {
            Some((_, list)) => list.push(row),
            None => out.push((name, vec![row])),
        }
    }
    out
}

fn cartogram(chrome: &Chrome, rows: &[SchoolRow]) -> Markup {
    let t = chrome.t();
    let tile = |row: &&SchoolRow| Tile {
        code: row.site.to_string(),
        name: row.name.get(chrome.lang).to_owned(),
        index: row.risk.index,
        band: row.band,
    };
    html! {
        div.grid.grid-3 {
            @for (name, list) in districts(chrome, rows) {
                @let sum: u32 = list.iter().map(|r| r.risk.index).sum();
                @let average = f64::from(sum) / list.len().max(1) as f64;
                @let tool = html! { span.faint { (t.schools.average) " " (format!("{average:.0}")) } };
                @let tiles: Vec<Tile> = list.iter().map(tile).collect();
                (panel(name, Some(tool), &chart::tiles(t, name, &tiles)))
            }
        }
    }
}

fn ranking(chrome: &Chrome, rows: &[SchoolRow]) -> Markup {
    let t = chrome.t();
    html! {
        section.panel {
            div.table-wrap {
                table {
                    thead {
                        tr {
                            th { (t.schools.rank) } th { (t.c.school) } th { (t.c.district) }
                            th { (t.schools.code) } th { (t.schools.index) }
                            th { (t.schools.deductions) } th.num { (t.alerts.state_open) }
                        }
                    }
                    tbody {
                        @for row in rows {
                            tr data-row=(row.site) data-href={ "/schools/" (row.site) } {
                                td.tight { (row.rank) }
                                td { a href={ "/schools/" (row.site) } { (row.name.get(chrome.lang)) } }
                                td { (row.district.get(chrome.lang)) }
                                td.tight.mono { (row.site) }
                                td.tight { (parts::index(row.risk.index, row.band, t)) }
                                td.wrap {
                                    @for d in row.risk.deductions.iter().filter(|d| d.points > 0).take(3) {
                                        span.chip { span.points { "−" (d.points) } " " (d.reason.get(chrome.lang)) }
                                    }
                                    @if row.risk.deductions.len() > 3 {
                                        span.faint.small { "+" (row.risk.deductions.len() - 3) }
                                    }
                                }
                                td.num { (row.open) }
                            }
                        }
                    }
                }
            }
        }
    }
}
