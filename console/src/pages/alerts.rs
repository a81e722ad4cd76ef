//! The alert queue (告警组).

use centre::Permission;
use centre::alert::{AlertFilter, AlertGroup, AlertState, Order};
use centre::view::AlertPage;
use events::{Lang, Severity, SiteId, Text};
use maud::{Markup, html};

use crate::html::form::{post, select, tick};
use crate::html::parts::{self, empty, number};
use crate::html::{Chrome, Section, page};

/// What the URL asks for. Its written form is the query itself, so that a link shows the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// `open` (the default), `new`, `acknowledged`, `closed` or `all`.
    pub(crate) state: String,
    pub(crate) level: Option<Severity>,
    pub(crate) site: Option<SiteId>,
    pub(crate) rule: String,
    pub(crate) text: String,
    pub(crate) mine: bool,
    pub(crate) exercises: bool,
    pub(crate) latest: bool,
    /// Rows to pass over.
    pub(crate) skip: usize,
}

impl Query {
    /// From the pairs of a URL's query; what cannot be read is left at its default.
    pub(crate) fn parse(get: &dyn Fn(&str) -> String) -> Self {
        let state = get("state");
        let known = ["new", "acknowledged", "closed", "all"].contains(&state.as_str());
        Self {
            state: if known { state } else { "open".to_owned() },
            level: get("level").parse().ok(),
            site: get("site").parse().ok(),
            rule: get("rule"),
            text: get("q"),
            mine: get("mine") == "1",
            exercises: get("exercises") == "1",
            latest: get("order") == "latest",
            skip: get("skip").parse().unwrap_or(0),
        }
    }

    /// The filter for `centre`; the state `open` is two of its states, see [`Self::wants`].
    pub(crate) fn filter(&self, me: &str) -> AlertFilter {
        AlertFilter {
            state: match self.state.as_str() {
                "new" => Some(AlertState::New),
                "acknowledged" => Some(AlertState::Acknowledged),
                "closed" => Some(AlertState::Closed),
                _ => None,
            },
            level: self.level,
            site: self.site,
            rule_id: (!self.rule.is_empty()).then(|| self.rule.clone()),
            owner: self.mine.then(|| me.to_owned()),
            text: self.text.clone(),
            exercises: self.exercises,
            order: if self.latest { Order::Latest } else { Order::Gravest },
        }
    }

    /// Whether a group of the filter belongs to the list.
    pub(crate) fn wants(&self, group: &AlertGroup) -> bool {
        self.state != "open" || group.is_open()
    }

    /// The URL of the same list further on.
    pub(crate) fn url(&self, skip: usize) -> String {
        let flag = |on: bool| if on { "1" } else { "" };
        let site = self.site.map(|s| s.to_string()).unwrap_or_default();
        let skip = if skip == 0 { String::new() } else { skip.to_string() };
        let state = if self.state == "open" { "" } else { self.state.as_str() };
        parts::link(
            "/alerts",
            &[
                ("state", state),
                ("level", self.level.map_or("", |l| l.as_str())),
                ("site", &site),
                ("rule", &self.rule),
                ("q", &self.text),
                ("mine", flag(self.mine)),
                ("exercises", flag(self.exercises)),
                ("order", if self.latest { "latest" } else { "" }),
                ("skip", &skip),
            ],
        )
    }
}

/// What the page shows.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) query: Query,
    pub(crate) page: AlertPage,
    /// Schools in scope, for the filter and for names.
    pub(crate) names: Vec<(SiteId, Text)>,
}

/// The page.
pub(crate) fn alerts(chrome: &Chrome, view: &View) -> Markup {
    let t = chrome.t();
    let table = html! {
        (table_head(chrome, view))
        div.table-wrap {
            table {
                thead {
                    tr {
                        @if chrome.may(Permission::AlertsWrite) {
                            th { input type="checkbox" data-pick-all aria-label=(t.alerts.select_all); }
                        }
                        th { (t.c.severity) } th { (t.nav.alerts) } th { (t.c.school) }
                        th { (t.alerts.entities) } th.num { (t.alerts.hits) } th { (t.alerts.first) }
                        th { (t.alerts.last) } th { (t.c.state) } th { (t.c.owner) }
                    }
                }
                tbody { @for group in &view.page.rows { (row(chrome, view, group)) } }
            }
        }
        @if view.page.rows.is_empty() { div.panel-body { (empty(t.alerts.empty)) } }
        (pager(chrome, view))
    };
    let body = html! {
        (filters(chrome, view))
        section.panel #alerts data-live="alert" {
            @if chrome.may(Permission::AlertsWrite) {
                (post(chrome, "/alerts/acknowledge", "", &table))
            } @else { (table) }
        }
    };
    page(chrome, Section::Alerts, t.alerts.title, &body)
}

fn filters(chrome: &Chrome, view: &View) -> Markup {
    let t = chrome.t();
    let q = &view.query;
    let states: Vec<(String, String)> = [
        ("open", t.alerts.state_open),
        ("new", t.alerts.state_new),
        ("acknowledged", t.alerts.state_ack),
        ("closed", t.alerts.state_closed),
        ("all", t.c.all),
    ]
    .map(|(v, l)| (v.to_owned(), l.to_owned()))
    .to_vec();
    let mut levels = vec![(String::new(), t.c.all.to_owned())];
    levels.extend(
        Severity::ALL
            .into_iter()
            .rev()
            .map(|l| (l.as_str().to_owned(), l.label(chrome.lang).to_owned())),
    );
    let mut sites = vec![(String::new(), t.c.all.to_owned())];
    sites.extend(view.names.iter().map(|(s, n)| (s.to_string(), n.get(chrome.lang).to_owned())));
    let orders = [("", t.alerts.order_gravest), ("latest", t.alerts.order_latest)]
        .map(|(v, l)| (v.to_owned(), l.to_owned()));
    let site = q.site.map(|s| s.to_string()).unwrap_or_default();
    html! {
        form.filters method="get" action="/alerts" {
            @if !q.rule.is_empty() { input type="hidden" name="rule" value=(q.rule); }
            (select("state", t.c.state, &states, &q.state))
            (select("level", t.alerts.level_min, &levels, q.level.map_or("", |l| l.as_str())))
            (select("site", t.c.school, &sites, &site))
            label.grow {
                input type="search" name="q" value=(q.text) placeholder=(t.alerts.text)
                    aria-label=(t.alerts.text) data-search;
            }
            (tick("mine", t.alerts.mine, q.mine))
            (tick("exercises", t.alerts.exercises, q.exercises))
            (select("order", t.alerts.order, &orders, if q.latest { "latest" } else { "" }))
            button type="submit" { (t.c.apply) }
            a href="/alerts" { (t.c.reset) }
        }
    }
}

fn table_head(chrome: &Chrome, view: &View) -> Markup {
    let t = chrome.t();
    html! {
        div.bulk {
            span {
                (number(view.page.total as u64)) " " (t.alerts.title)
                @for (level, n) in view.page.by_level.iter().rev().filter(|(_, n)| *n > 0) {
                    " · " (parts::severity(*level, chrome.lang)) " " (n)
                }
            }
            @if chrome.may(Permission::AlertsWrite) {
                button type="submit" data-needs-pick { (t.alerts.bulk_ack) " " span data-pick-count {} }
            }
        }
    }
}

fn row(chrome: &Chrome, view: &View, group: &AlertGroup) -> Markup {
    let t = chrome.t();
    let name = view.names.iter().find(|(s, _)| *s == group.site).map(|(_, n)| n.get(chrome.lang));
    let href = format!("/alerts/{}", group.id);
    html! {
        tr data-row=(group.id) data-href=(href) {
            @if chrome.may(Permission::AlertsWrite) {
                td.tight {
                    @if group.state == AlertState::New {
                        input type="checkbox" name="id" value=(group.id) data-pick
                            aria-label=(t.alerts.select);
                    }
                }
            }
            td.tight { (parts::severity(group.level, chrome.lang)) }
            td {
                a href=(href) { (group.title.get(chrome.lang)) }
                @if group.exercise.is_some() { " " (parts::exercise(t)) }
                div.sub { (group.rule_id) }
            }
            td {
                @match name {
                    Some(name) => { (name) }
                    None => { (group.site) }
                }
            }
            td.wrap { (entities(group, chrome.lang)) }
            td.num { (number(group.count)) }
            td.tight { (parts::time(group.first, chrome.now)) }
            td.tight { (parts::time(group.last, chrome.now)) }
            td.tight { (parts::state(group.state, t)) }
            td.tight {
                @match &group.owner { Some(o) => { (o) } None => { span.faint { "—" } } }
            }
        }
    }
}

fn entities(group: &AlertGroup, lang: Lang) -> Markup {
    const SHOWN: usize = 3;
    html! {
        @for entity in group.entities.iter().take(SHOWN) {
            span.chip { span.k { (entity.kind.title(lang)) } (entity.key) }
        }
        @if group.entities.len() > SHOWN { span.faint.small { "+" (group.entities.len() - SHOWN) } }
    }
}

fn pager(chrome: &Chrome, view: &View) -> Markup {
    let t = chrome.t();
    let next = view.query.skip + view.page.rows.len();
    html! {
        @if view.query.skip > 0 || next < view.page.total {
            div.pager {
                span { (view.query.skip + 1) "–" (next) " / " (view.page.total) }
                @if view.query.skip > 0 { a.button href=(view.query.url(0)) { (t.c.first_page) } }
                @if next < view.page.total { a.button href=(view.query.url(next)) { (t.c.next) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_the_state() {
        let pairs = [("state", "closed"), ("level", "high"), ("q", "a b&c"), ("mine", "1")];
        let get = |name: &str| {
            pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()).unwrap_or_default()
        };
        let query = Query::parse(&get);
        assert_eq!(query.url(0), "/alerts?state=closed&level=high&q=a%20b%26c&mine=1");
        assert_eq!(query.filter("li").owner.as_deref(), Some("li"));
        let default = Query::parse(&|_| String::new());
        assert_eq!(default.url(0), "/alerts");
        assert_eq!(default.state, "open");
    }
}
