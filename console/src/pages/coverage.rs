//! Which rules each source can feed (规则可评估性).

use centre::coverage::{Feeding, Lack, RuleName, SourceCoverage, SourceRow};
use maud::{Markup, html};

use crate::html::parts::{self, empty, figure, number, panel};
use crate::html::{Chrome, Section, page};

/// Rules listed for one source.
const LISTED_MAX: usize = 200;

/// The page.
pub(crate) fn coverage(chrome: &Chrome, found: &SourceCoverage) -> Markup {
    let t = &chrome.t().coverage;
    let body = html! {
        div.figures {
            (figure(t.rules, &number(found.rules as u64), ""))
            (figure(t.unfed, &number(found.unfed.len() as u64), ""))
            (figure(t.elsewhere, &number(found.elsewhere.len() as u64), ""))
        }
        p.notice-line { (t.why) }
        section.panel { (table(chrome, &found.sources)) }
        (panel(t.unfed, None, &names(chrome, &found.unfed)))
        (panel(t.elsewhere, None, &names(chrome, &found.elsewhere)))
    };
    page(chrome, Section::Sensors, t.title, &body)
}

fn table(chrome: &Chrome, rows: &[SourceRow]) -> Markup {
    let t = &chrome.t().coverage;
    html! {
        div.table-wrap {
            table {
                thead {
                    tr {
                        th { (t.source) } th.num { (t.whole) } th.num { (t.partly) }
                        th.num { (t.not_seen) } th.num { (t.cannot) } th { (t.lacking) }
                    }
                }
                tbody { @for row in rows { (line(chrome, row)) } }
            }
        }
    }
}

fn line(chrome: &Chrome, row: &SourceRow) -> Markup {
    let count = |n: usize| number(n as u64);
    let lacking: Vec<&Lack> = row.lacking.iter().filter(|l| l.feeding > Feeding::Partly).collect();
    html! {
        tr data-row=(row.source) {
            td { strong { (row.source) } div.sub { (row.title.get(chrome.lang)) } }
            td.num { (count(row.whole)) }
            td.num { (count(row.partly)) }
            td.num { (count(row.not_seen)) }
            td.num { @if row.cannot > 0 { strong.bad-text { (count(row.cannot)) } } @else { "0" } }
            td {
                @if !lacking.is_empty() {
                    details {
                        summary { (count(lacking.len())) }
                        @for lack in lacking.iter().take(LISTED_MAX) { (lack_line(chrome, lack)) }
                    }
                }
            }
        }
    }
}

fn lack_line(chrome: &Chrome, lack: &Lack) -> Markup {
    let t = &chrome.t().coverage;
    html! {
        div.small {
            @if lack.feeding == Feeding::Cannot { span.badge.bad { (t.cannot) } }
            @else { span.badge.warn { (t.not_seen) } }
            " " (lack.rule.title.get(chrome.lang)) " "
            span.faint { (t.missing) " " (lack.missing.join(", ")) }
        }
    }
}

fn names(chrome: &Chrome, rules: &[RuleName]) -> Markup {
    html! {
        @if rules.is_empty() { (empty(chrome.t().coverage.none)) } @else {
            ul.silent-list {
                @for rule in rules.iter().take(LISTED_MAX) {
                    li { span { (rule.title.get(chrome.lang)) } (parts::severity(rule.level, chrome.lang)) }
                }
            }
        }
    }
}
