//! Small parts: numbers, times, badges, panels.

use std::fmt::Write as _;
use std::time::Duration;

use centre::alert::AlertState;
use centre::situation::Band;
use events::{Lang, Severity, Timestamp};
use maud::{Markup, html};

use crate::text::Messages;

/// A whole number with thin groups of three: `1,234,567`.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A share from 0 to 1 as a percentage with one digit; `—` when there is nothing to share.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1}%", share * 100.0) } else { "—".to_owned() }
}

/// A span as a person reads it: `3.2 s`, `4 分 05 秒`.
pub(crate) fn span(d: Duration, lang: Lang) -> String {
    let secs = d.as_secs();
    match (secs, lang) {
        (0, Lang::Zh) => format!("{} 毫秒", d.as_millis()),
        (0, Lang::En) => format!("{} ms", d.as_millis()),
        (1..=59, Lang::Zh) => format!("{:.1} 秒", d.as_secs_f64()),
        (1..=59, Lang::En) => format!("{:.1} s", d.as_secs_f64()),
        (60..=3599, Lang::Zh) => format!("{} 分 {:02} 秒", secs / 60, secs % 60),
        (60..=3599, Lang::En) => format!("{} min {:02} s", secs / 60, secs % 60),
        (_, Lang::Zh) => format!("{} 小时 {:02} 分", secs / 3600, secs % 3600 / 60),
        (_, Lang::En) => format!("{} h {:02} min", secs / 3600, secs % 3600 / 60),
    }
}

/// A time: hours and minutes on the day of `now`, with the date on other days.
pub(crate) fn time(at: Timestamp, now: Timestamp) -> Markup {
    let (full, today) = (at.to_beijing(), now.to_beijing());
    let same_day = full.get(..10) == today.get(..10);
    let same_year = full.get(..4) == today.get(..4);
    let short = match (same_day, same_year) {
        (true, _) => full.get(11..),
        (_, true) => full.get(5..16),
        _ => full.get(..16),
    };
    html! { time datetime=(at.to_rfc3339()) title=(full) { (short.unwrap_or(&full)) } }
}

/// A time with its date and seconds.
pub(crate) fn full_time(at: Timestamp) -> Markup {
    html! { time datetime=(at.to_rfc3339()) { (at.to_beijing()) } }
}

/// Percent-encodes for a query (RFC 3986 unreserved characters stay).
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'/') {
            out.push(char::from(b));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

/// A link with a query made of pairs; empty values are left out.
pub(crate) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    let mut sign = '?';
    for (name, value) in query.iter().filter(|(_, v)| !v.is_empty()) {
        out.push(sign);
        out.push_str(name);
        out.push('=');
        out.push_str(&encode(value));
        sign = '&';
    }
    out
}

/// A severity: shape, colour and word.
pub(crate) fn severity(level: Severity, lang: Lang) -> Markup {
    html! {
        span class={ "sev sev-" (level.as_str()) } {
            (shape(level)) (level.label(lang))
        }
    }
}

/// The shape of a severity, for those who do not see its colour.
pub(crate) fn shape(level: Severity) -> Markup {
    html! {
        svg.shape viewBox="0 0 12 12" aria-hidden="true" focusable="false" {
            @match level {
                Severity::Critical => { path d="M6 0l6 6-6 6-6-6z" {} }
                Severity::High => { path d="M6 .5l6 11H0z" {} }
                Severity::Medium => { path d="M1 1h10v10H1z" {} }
                Severity::Low => { path d="M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1z" {} }
                Severity::Informational => { path d="M1 4.5h10v3H1z" {} }
            }
        }
    }
}

/// The word of a state.
pub(crate) const fn state_label(state: AlertState, t: &Messages) -> &'static str {
    match state {
        AlertState::New => t.alerts.state_new,
        AlertState::Acknowledged => t.alerts.state_ack,
        AlertState::Closed => t.alerts.state_closed,
    }
}

/// A state as a badge.
pub(crate) fn state(state: AlertState, t: &Messages) -> Markup {
    let class = match state {
        AlertState::New => "new",
        AlertState::Acknowledged => "ack",
        AlertState::Closed => "closed",
    };
    html! { span class={ "badge state-" (class) } { (state_label(state, t)) } }
}

/// The word of a band.
pub(crate) const fn band_label(band: Band, t: &Messages) -> &'static str {
    match band {
        Band::Good => t.schools.band_good,
        Band::Watch => t.schools.band_watch,
        Band::Poor => t.schools.band_poor,
        Band::Danger => t.schools.band_danger,
    }
}

/// The class of a band.
pub(crate) const fn band_class(band: Band) -> &'static str {
    match band {
        Band::Good => "band-good",
        Band::Watch => "band-watch",
        Band::Poor => "band-poor",
        Band::Danger => "band-danger",
    }
}

/// A risk index with its band.
pub(crate) fn index(value: u32, band: Band, t: &Messages) -> Markup {
    html! {
        span class={ "index " (band_class(band)) } {
            strong { (value) } span.index-band { (band_label(band, t)) }
        }
    }
}

/// The mark of an exercise.
pub(crate) fn exercise(t: &Messages) -> Markup {
    html! { span.badge.exercise { (t.c.exercise) } }
}

/// The mark of what rests on an unverified text.
pub(crate) fn unverified(t: &Messages) -> Markup {
    html! { span.badge.unverified title=(t.c.unverified_why) { (t.c.unverified) } }
}

/// A panel with a heading and, at its right, a link or a tool.
pub(crate) fn panel(title: &str, tool: Option<Markup>, body: &Markup) -> Markup {
    html! {
        section.panel {
            header.panel-head { h2 { (title) } @if let Some(tool) = tool { (tool) } }
            div.panel-body { (body) }
        }
    }
}

/// A link at a panel's right.
pub(crate) fn more(href: &str, text: &str) -> Markup {
    html! { a.more href=(href) { (text) } }
}

/// A figure with its name, and what it means below.
pub(crate) fn figure(name: &str, value: &str, note: &str) -> Markup {
    html! {
        div.figure {
            div.figure-name { (name) }
            div.figure-value { (value) }
            @if !note.is_empty() { div.figure-note { (note) } }
        }
    }
}

/// What is shown where a list is empty.
pub(crate) fn empty(text: &str) -> Markup {
    html! { p.empty { (text) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(percent(0.0246), "2.5%");
        assert_eq!(percent(f64::NAN), "—");
        assert_eq!(span(Duration::from_millis(250), Lang::En), "250 ms");
        assert_eq!(span(Duration::from_secs(245), Lang::Zh), "4 分 05 秒");
        assert_eq!(span(Duration::from_secs(7260), Lang::En), "2 h 01 min");
    }

    #[test]
    fn times_show_the_day_only_when_it_differs() {
        let now = Timestamp::parse_rfc3339("2026-11-23T12:00:00+08:00").unwrap();
        let text = |t: &str| time(Timestamp::parse_rfc3339(t).unwrap(), now).into_string();
        assert!(text("2026-11-23T00:00:05+08:00").contains(">00:00:05<"));
        assert!(text("2026-11-22T23:59:59+08:00").contains(">11-22 23:59<"));
        assert!(text("2025-11-22T23:59:59+08:00").contains(">2025-11-22 23:59<"));
    }

    #[test]
    fn queries_are_encoded() {
        let made = link("/search", &[("q", "a b&c=学"), ("empty", "")]);
        assert_eq!(made, "/search?q=a%20b%26c%3D%E5%AD%A6");
    }
}
