//! Search (检索): one query bar, a time range, and what was found.

use centre::view::{Cursor, SearchForm, SearchPage, Stopped, instant};
use events::Timestamp;
use maud::{Markup, html};
use std::time::Duration;

use super::record;
use crate::chart::{self, Bucket};
use crate::html::form::tick;
use crate::html::parts::{self, empty, number};
use crate::html::{Chrome, Section, page};
use crate::text::{Messages, Search};

/// Records one page shows.
pub(crate) const ROWS: usize = 200;

/// What the URL asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) text: String,
    /// `15m`, `1h`, `6h`, `24h`, `7d`, `30d` or `custom`.
    pub(crate) range: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) exercises: bool,
    /// The page before ended there.
    pub(crate) after: Option<Cursor>,
    /// Whether anything was asked at all.
    pub(crate) asked: bool,
}

const RANGES: [(&str, u64); 6] = [
    ("15m", 900),
    ("1h", 3600),
    ("6h", 21_600),
    ("24h", 86_400),
    ("7d", 604_800),
    ("30d", 2_592_000),
];

impl Query {
    /// From the pairs of a URL's query.
    pub(crate) fn parse(get: &dyn Fn(&str) -> String, asked: bool) -> Self {
        let range = get("range");
        let known = range == "custom" || RANGES.iter().any(|(r, _)| *r == range);
        Self {
            text: get("q"),
            range: if known { range } else { "24h".to_owned() },
            from: get("from"),
            to: get("to"),
            exercises: get("exercises") == "1",
            after: get("after").parse().ok(),
            asked,
        }
    }

    /// The form for `centre`. A custom time that cannot be read leaves that end open.
    pub(crate) fn form(&self, now: Timestamp, limit: usize) -> SearchForm {
        let (from, to) = match RANGES.iter().find(|(r, _)| *r == self.range) {
            Some((_, secs)) => (Some(now.minus(Duration::from_secs(*secs))), None),
            None => (instant(&self.from), instant(&self.to)),
        };
        SearchForm {
            query: self.text.clone(),
            from,
            to,
            limit,
            exercises: self.exercises,
            after: self.after,
            ..SearchForm::default()
        }
    }

    /// The same query over a time of its own.
    pub(crate) fn between(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_rfc3339()).unwrap_or_default();
        Self { range: "custom".to_owned(), from: text(from), to: text(to), ..self.clone() }
    }

    fn export(&self, format: &str) -> String {
        self.link("/search/export", ("format", format))
    }

    /// The path of the page behind a place.
    pub(crate) fn older(&self, path: &str, place: &Cursor) -> String {
        self.link(path, ("after", &place.to_string()))
    }

    fn link(&self, path: &str, more: (&str, &str)) -> String {
        parts::link(
            path,
            &[
                ("q", &self.text),
                ("range", &self.range),
                ("from", &self.from),
                ("to", &self.to),
                ("exercises", if self.exercises { "1" } else { "" }),
                more,
            ],
        )
    }
}

/// What was found, or why not.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing was asked.
    Nothing,
    /// An answer.
    Page(Box<SearchPage>),
    /// The query cannot be read.
    Bad(BadQuery),
}

/// A query that cannot be read: where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadQuery {
    pub(crate) code: String,
    pub(crate) message: String,
    /// Bytes of the query.
    pub(crate) span: (usize, usize),
}

/// The page.
pub(crate) fn search(chrome: &Chrome, query: &Query, found: &Found) -> Markup {
    let t = chrome.t();
    let body = html! {
        section.panel {
            div.panel-body { (bar(chrome, query)) }
        }
        @match found {
            Found::Nothing => { (parts::panel(t.search.help, None, &help(t))) }
            Found::Bad(bad) => { (bad_query(t, &query.text, bad)) }
            Found::Page(answer) => { (results(chrome, query, answer)) }
        }
    };
    page(chrome, Section::Search, t.search.title, &body)
}

fn bar(chrome: &Chrome, query: &Query) -> Markup {
    let t = &chrome.t().search;
    let ranges = [
        ("15m", t.r15m),
        ("1h", t.r1h),
        ("6h", t.r6h),
        ("24h", t.r24h),
        ("7d", t.r7d),
        ("30d", t.r30d),
        ("custom", t.custom),
    ];
    html! {
        form method="get" action="/search" {
            div.search-bar {
                input type="search" name="q" value=(query.text) placeholder=(t.placeholder)
                    aria-label=(t.query) spellcheck="false" autocomplete="off" data-search
                    maxlength="4096";
                select name="range" aria-label=(t.range) data-range {
                    @for (value, label) in ranges {
                        option value=(value) selected[value == query.range] { (label) }
                    }
                }
                button.primary type="submit" { (t.run) }
            }
            div.search-more {
                span data-custom {
                    label { (t.from) " " input type="text" name="from" value=(query.from) placeholder="2026-11-23 08:00:00" size="19"; }
                    " "
                    label { (t.to) " " input type="text" name="to" value=(query.to) placeholder="2026-11-23 09:00:00" size="19"; }
                }
                (tick("exercises", t.exercises, query.exercises))
                a href=(parts::link("/hunts", &[("q", &query.text)])) {
                    (if query.asked { chrome.t().hunts.keep } else { chrome.t().hunts.title })
                }
                @if query.asked {
                    a href=(query.export("csv")) download { (t.export_csv) }
                    a href=(query.export("jsonl")) download { (t.export) }
                }
            }
        }
    }
}

fn help(t: &Messages) -> Markup {
    let s = &t.search;
    let lines = [
        ("event.outcome:failure", s.help_field),
        ("user.name:admin*", s.help_wild),
        ("source.ip:203.0.113.0/24", s.help_cidr),
        ("(user.name:root OR user.name:admin) NOT event.outcome:success", s.help_bool),
        ("event.outcome:failure | count by source.ip | top 10", s.help_count),
        ("destination.port:>1024 | table source.ip, destination.ip", s.help_table),
        ("time:>=2026-11-28T08:30 | histogram 5m", s.help_time),
    ];
    html! {
        p { (s.start) }
        dl.facts {
            @for (example, what) in lines {
                dt { (what) }
                dd { a href=(parts::link("/search", &[("q", example)])) { code { (example) } } }
            }
        }
    }
}

/// The query with a caret below the place that cannot be read.
fn bad_query(t: &Messages, text: &str, bad: &BadQuery) -> Markup {
    let start = bad.span.0.min(text.len());
    let before = text.get(..start).unwrap_or(text);
    let inside = text.get(start..bad.span.1.clamp(start, text.len())).unwrap_or_default();
    let pad: String = before.chars().map(|c| if c.is_ascii() { ' ' } else { '\u{3000}' }).collect();
    let carets = "^".repeat(inside.chars().count().max(1));
    html! {
        section.panel role="alert" {
            div.panel-body {
                p { strong.bad-text { (t.search.error) } " " span.problem-code { (bad.code) } }
                pre.caret { (text) "\n" (pad) b { (carets) } " " (bad.message) }
            }
        }
        (parts::panel(t.search.help, None, &help(t)))
    }
}

fn results(chrome: &Chrome, query: &Query, found: &SearchPage) -> Markup {
    let t = chrome.t();
    let s = &t.search;
    let took = parts::span(Duration::from_millis(found.took_ms), chrome.lang);
    html! {
        p.notice-line {
            @if !found.counted { (s.at_least) " " }
            strong { (number(found.matched)) } " " (s.matched) " · "
            (s.scanned) " " (number(found.scanned)) " · " (s.took) " " (took) " · "
            (parts::full_time(found.from)) " – " (parts::full_time(found.to.min(chrome.now)))
        }
        @if found.masked > 0 {
            p.notice-line { (number(found.masked)) " " (t.reveals.masked_rows) }
        }
        @for why in missing(s, found) { p.flash.bad role="status" { (why) } }
        @if let (Some(place), true) = (&found.next, found.records.is_empty()) {
            p { a href=(query.older("/search", place)) { (s.go_on) } }
        }
        @if !found.histogram.is_empty() {
            @let words = (s.histogram, s.histogram_desc);
            (parts::panel(s.histogram, None, &chart::histogram(t, words, &buckets(found), chart::Width::Page)))
        }
        @if let Some((columns, rows)) = &found.table {
            (table(t, columns, rows))
        } @else if found.records.is_empty() {
            section.panel { div.panel-body { (empty(s.empty)) } }
        } @else {
            (records(chrome, query, found))
        }
    }
}

/// Why an answer is without some records; nothing for a whole one.
fn missing(s: &Search, found: &SearchPage) -> Vec<String> {
    let stopped = found.stopped.map(|why| match why {
        Stopped::Deadline => s.partial.to_owned(),
        Stopped::Cancelled => s.cancelled.to_owned(),
    });
    let files = (!found.unreadable.is_empty())
        .then(|| format!("{} {}", s.unreadable, found.unreadable.join(", ")));
    stopped.into_iter().chain(files).collect()
}

fn buckets(found: &SearchPage) -> Vec<Bucket> {
    let bucket = |(start, events): &(Timestamp, u64)| Bucket {
        start: *start,
        events: *events,
        alerts: 0,
        gravest: None,
    };
    found.histogram.iter().map(bucket).collect()
}

fn table(t: &Messages, columns: &[String], rows: &[Vec<String>]) -> Markup {
    html! {
        section.panel {
            div.table-wrap {
                table {
                    thead { tr { @for c in columns { th { (c) } } } }
                    tbody {
                        @for row in rows {
                            tr data-row="" { @for cell in row { td.wrap { (cell) } } }
                        }
                    }
                }
            }
            @if rows.is_empty() { div.panel-body { (empty(t.search.empty)) } }
        }
    }
}

fn records(chrome: &Chrome, query: &Query, found: &SearchPage) -> Markup {
    let t = chrome.t();
    let words = words(&query.text);
    let needles: Vec<&str> = words.iter().map(String::as_str).collect();
    html! {
        section.panel {
            div.table-wrap {
                table {
                    thead { tr { th { (t.c.time) } th { (t.search.source) } th { (t.search.record) } } }
                    tbody {
                        @for r in found.records.iter().take(ROWS) { (record::row(chrome, r, &needles)) }
                    }
                }
            }
            @let shown = found.records.len().min(ROWS) as u64;
            @if let Some(place) = &found.next {
                div.pager { (t.search.cut) " " a href=(query.older("/search", place)) { (t.search.older) } }
            } @else if found.matched > shown || !found.counted { div.pager { (t.search.cut) } }
        }
    }
}

/// What to mark in the answers: the values and phrases of the query, without its operators.
fn words(query: &str) -> Vec<String> {
    let before_pipe = query.split('|').next().unwrap_or_default();
    before_pipe
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"'))
        .filter(|w| !matches!(*w, "AND" | "OR" | "NOT" | ""))
        .map(|w| w.split_once(':').map_or(w, |(_, value)| value))
        .map(|w| w.trim_matches(['*', '>', '<', '=']).to_owned())
        .filter(|w| w.len() > 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Lang;

    fn page() -> SearchPage {
        let at = Timestamp::from_secs(0);
        SearchPage {
            records: vec![],
            table: None,
            matched: 1_200,
            counted: true,
            scanned: 5_000,
            partial: false,
            stopped: None,
            unreadable: vec![],
            masked: 0,
            took_ms: 3,
            histogram: vec![],
            from: at,
            to: at,
            next: None,
        }
    }

    fn shown(found: &SearchPage, lang: Lang) -> String {
        let chrome = Chrome::for_test(lang);
        results(&chrome, &Query::default(), found).into_string()
    }

    #[test]
    fn a_page_that_ends_leads_on() {
        let place = Cursor { time: Timestamp::from_secs(5), seq: 9, taken: 200 };
        let stopped = SearchPage {
            stopped: Some(Stopped::Deadline),
            partial: true,
            next: Some(place),
            ..page()
        };
        let text = shown(&stopped, Lang::Zh);
        assert!(text.contains("继续检索") && text.contains("after=5000000000.9.200"), "{text}");
        assert!(!shown(&page(), Lang::Zh).contains("after="));
    }

    #[test]
    fn a_count_that_is_not_whole_says_at_least() {
        let whole = page();
        let more = SearchPage { counted: false, ..page() };
        for (lang, words) in
            [(Lang::Zh, "至少 <strong>1,200"), (Lang::En, "at least <strong>1,200")]
        {
            assert!(!shown(&whole, lang).contains(words));
            assert!(shown(&more, lang).contains(words), "{}", shown(&more, lang));
        }
    }

    #[test]
    fn a_partial_answer_says_what_is_missing() {
        let (zh, en) = (Lang::Zh, Lang::En);
        assert!(!shown(&page(), zh).contains("结果不完整"));
        let late = SearchPage { stopped: Some(Stopped::Deadline), partial: true, ..page() };
        assert!(shown(&late, zh).contains("到达时限"));
        assert!(shown(&late, en).contains("the deadline came first"));
        let gone = vec!["2026-11-27/a.parquet".to_owned()];
        let gone = SearchPage { unreadable: gone, partial: true, ..page() };
        for (lang, words) in [(zh, "无法读取"), (en, "could not be read")] {
            let text = shown(&gone, lang);
            assert!(text.contains(words) && text.contains("a.parquet"), "{text}");
        }
    }

    #[test]
    fn words_of_a_query() {
        let got = words("user.name:admin* AND (\"登录失败\" OR 10.0.0.1) | count by x");
        assert_eq!(got, ["admin", "登录失败", "10.0.0.1"]);
    }

    #[test]
    fn a_range_becomes_times() {
        let now = Timestamp::from_secs(1_000_000);
        let get = |pairs: &[(&str, &str)]| {
            let pairs: Vec<(String, String)> =
                pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            let find = move |n: &str| {
                pairs.iter().find(|(a, _)| a == n).map(|(_, b)| b.clone()).unwrap_or_default()
            };
            Query::parse(&find, true)
        };
        let hour = get(&[("range", "1h")]).form(now, 5);
        assert_eq!(hour.from, Some(Timestamp::from_secs(1_000_000 - 3600)));
        let custom = get(&[("range", "custom"), ("from", "1970-01-01 08:00:10"), ("to", "?")]);
        let form = custom.form(now, 5);
        assert_eq!((form.from, form.to), (Some(Timestamp::from_secs(10)), None));
    }
}
