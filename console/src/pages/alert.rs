//! One alert group: why it fired, what to do, and the means to do it, on one page.

use centre::Permission;
use centre::alert::{Act, ActKind, AlertGroup, Matched, Verdict};
use centre::sight::MARK;
use centre::view::{AlertDetail, PlaybookView, RuleView};
use maud::{Markup, html};

use super::record;
use crate::html::form::post;
use crate::html::parts::{self, empty, number, panel};
use crate::html::{Chrome, Section, page};
use crate::text::Messages;

/// The node's own records (a copy of each alert, the audit log): not what surrounds an attack.
const OWN_SENSOR: &str = "xuedun";

/// The page.
pub(crate) fn alert(chrome: &Chrome, detail: &AlertDetail) -> Markup {
    let t = chrome.t();
    let body = html! {
        (head(chrome, detail))
        div.grid.grid-main {
            div.stack {
                (why(chrome, detail))
                (raw(chrome, detail))
                (around(chrome, detail))
            }
            div.stack {
                @if detail.group.is_open() && chrome.may(Permission::AlertsWrite) {
                    (close(chrome, &detail.group))
                }
                (panel(t.alerts.facts, None, &facts(chrome, detail)))
                (playbook(chrome, detail.playbook.as_ref()))
                (past(chrome, &detail.past))
                div #history data-live="alert" {
                    (panel(t.alerts.history, None, &history(chrome, &detail.group.history)))
                }
            }
        }
    };
    page(chrome, Section::Alerts, t.alerts.title, &body)
}

/// The word of a verdict.
pub(crate) const fn verdict_label(verdict: Verdict, t: &Messages) -> &'static str {
    match verdict {
        Verdict::True => t.alerts.verdict_true,
        Verdict::Benign => t.alerts.verdict_benign,
        Verdict::FalsePositive => t.alerts.verdict_false,
        Verdict::Duplicate => t.alerts.verdict_duplicate,
    }
}

fn head(chrome: &Chrome, detail: &AlertDetail) -> Markup {
    let t = chrome.t();
    let g = &detail.group;
    let me = chrome.who.as_ref().map(|w| w.name.as_str());
    let act = |path: &str, label: &str, class: &str| {
        post(
            chrome,
            &format!("/alerts/{}/{path}", g.id),
            "",
            &html! {
                button type="submit" class=(class) { (label) }
            },
        )
    };
    html! {
        section class={ "panel alert-head edge-" (g.level.as_str()) } #alert-head data-live="alert" {
            div {
                h2 { (g.title.get(chrome.lang)) }
                div.meta {
                    (parts::severity(g.level, chrome.lang))
                    (parts::state(g.state, t))
                    @if g.exercise.is_some() { (parts::exercise(t)) }
                    @if let Some(v) = g.verdict { span.badge { (verdict_label(v, t)) } }
                    a href={ "/schools/" (g.site) } { (detail.site_name.get(chrome.lang)) }
                    span { (t.alerts.hits) " " strong { (number(g.count)) } }
                    span { (t.c.owner) " " (g.owner.as_deref().unwrap_or("—")) }
                    span { (parts::full_time(g.first)) " – " (parts::time(g.last, chrome.now)) }
                }
            }
            @if g.is_open() && chrome.may(Permission::AlertsWrite) {
                div.alert-actions {
                    @if g.owner.is_none() { (act("acknowledge", t.alerts.take, "primary")) }
                    @else if g.owner.as_deref() != me { (act("assign", t.alerts.assign_me, "")) }
                    a.button href="#close" { (t.alerts.close) }
                }
            }
        }
    }
}

fn why(chrome: &Chrome, detail: &AlertDetail) -> Markup {
    let t = chrome.t();
    let g = &detail.group;
    let body = html! {
        div.why {
            @match &detail.rule {
                Some(rule) => { (rule_text(chrome, rule)) }
                None => { p.faint { (t.alerts.rule_gone) " " code { (g.rule_id) } } }
            }
        }
        h3.small.soft { (t.alerts.matched) }
        @if g.matched.is_empty() { p.faint { (t.c.none) } } @else {
            table.fields-table {
                tbody { @for m in &g.matched { tr { td { (m.field) } td { (matched(m)) } } } }
            }
        }
        @if !g.key.is_empty() {
            p {
                span.soft { (t.alerts.key) " " }
                @for (field, value) in &g.key {
                    @if !value.is_empty() { span.chip { span.k { (field) } (value) } }
                }
            }
        }
        @if let Some(rule) = &detail.rule { (rule_source(t, rule)) }
    };
    panel(t.alerts.why, None, &body)
}

fn rule_text(chrome: &Chrome, rule: &RuleView) -> Markup {
    let t = chrome.t();
    html! {
        p { (rule.description.get(chrome.lang)) }
        @if !rule.advice.get(chrome.lang).is_empty() {
            div.advice { strong { (t.alerts.advice) } " " (rule.advice.get(chrome.lang)) }
        }
        @let wrong = rule.false_positives.get(chrome.lang);
        @if !wrong.is_empty() { p.soft.small { (t.alerts.false_positives) ": " (wrong) } }
    }
}

fn rule_source(t: &Messages, rule: &RuleView) -> Markup {
    html! {
        details {
            summary { (t.alerts.rule_source) " " span.faint { (rule.place) } }
            pre.raw #rule-source { (rule.source) }
        }
    }
}

/// The matched value, with the part that matched marked.
fn matched(m: &Matched) -> Markup {
    let cut = m.range.and_then(|(start, end)| {
        Some((m.value.get(..start)?, m.value.get(start..end)?, m.value.get(end..)?))
    });
    html! {
        @match cut {
            Some((before, hit, after)) => { (before) mark { (hit) } (after) }
            None => { mark { (m.value) } }
        }
    }
}

/// What to mark in the records: the matched values or their matched parts, and the group key.
fn needles(group: &AlertGroup) -> Vec<&str> {
    let part = |m: &Matched| m.range.map(|(s, e)| s..e);
    let matched = group
        .matched
        .iter()
        .map(|m| part(m).and_then(|r| m.value.get(r)).unwrap_or(m.value.as_str()));
    let key = group.key.iter().map(|(_, value)| value.as_str());
    matched.chain(key).collect()
}

fn raw(chrome: &Chrome, detail: &AlertDetail) -> Markup {
    let t = chrome.t();
    let needles = needles(&detail.group);
    let copy = html! { button.link type="button" data-copy="raw-first" { (t.c.copy) } };
    let body = html! {
        @match detail.records.first() {
            Some(first) => {
                @if !first.masked.is_empty() { p { (record::masked(chrome)) } }
                (record::raw(first, "raw-first", &needles))
                (record::ask(chrome, first))
                details {
                    summary { (t.search.fields) " (" (first.fields.len()) ")" }
                    (record::fields(first, &needles))
                }
            }
            None => { p.faint { (t.alerts.raw_gone) } }
        }
    };
    panel(t.alerts.raw, detail.records.first().map(|_| copy), &body)
}

fn around(chrome: &Chrome, detail: &AlertDetail) -> Markup {
    let t = chrome.t();
    let needles = needles(&detail.group);
    let own: Vec<_> = detail.records.iter().map(|r| r.id).collect();
    let entity = detail.group.entities.first().map(|e| format!("\"{}\"", e.key));
    let entity = entity.filter(|e| !e.contains(MARK));
    let more = chrome.may(Permission::Search).then(|| {
        let span = std::time::Duration::from_secs(300);
        let href = parts::link(
            "/search",
            &[
                ("q", &entity.unwrap_or_default()),
                ("range", "custom"),
                ("from", &detail.group.first.minus(span).to_beijing()),
                ("to", &detail.group.last.plus(span).to_beijing()),
            ],
        );
        parts::more(&href, t.alerts.around_more)
    });
    let body = html! {
        @if detail.around.is_empty() { (empty(t.alerts.around_none)) } @else {
            div.table-wrap.scroll {
                table.around {
                    tbody {
                        @for r in detail.around.iter().filter(|r| r.sensor != OWN_SENSOR) {
                            tr class=[own.contains(&r.id).then_some("self")] {
                                td.tight.hit-time { (parts::time(r.time, chrome.now)) }
                                td.tight { (r.sensor) }
                                td.raw-cell {
                                    span.clip {
                                        (crate::html::mark::marked(&record::clipped(&r.raw), &needles))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    panel(t.alerts.around, more, &body)
}

fn close(chrome: &Chrome, group: &AlertGroup) -> Markup {
    let t = chrome.t();
    let form = post(
        chrome,
        &format!("/alerts/{}/close", group.id),
        "",
        &html! {
            fieldset.verdicts {
                legend.field-label { (t.alerts.verdict) }
                @for verdict in Verdict::ALL {
                    label {
                        input type="radio" name="verdict" value=(verdict.as_str()) required;
                        (verdict_label(verdict, t))
                    }
                }
            }
            label.field {
                span.field-label { (t.c.reason) }
                textarea name="reason" rows="3" required maxlength="2000" {}
                span.hint { (t.alerts.reason_hint) }
            }
            button.primary type="submit" { (t.alerts.close) }
        },
    );
    html! { div #close { (panel(t.alerts.close, None, &form)) } }
}

fn facts(chrome: &Chrome, detail: &AlertDetail) -> Markup {
    let t = chrome.t();
    let g = &detail.group;
    html! {
        dl.facts {
            dt { (t.alerts.rule) } dd { a href=(parts::link("/alerts", &[("rule", &g.rule_id), ("state", "all")])) { (g.rule_id) } }
            @if !g.attack.is_empty() {
                dt { (t.alerts.technique) }
                dd { @for a in &g.attack { span.chip { (a) } } }
            }
            @if !g.entities.is_empty() {
                dt { (t.alerts.entities) }
                dd { @for e in &g.entities { (entity(chrome, e)) } }
            }
            dt { (t.alerts.received) } dd { (parts::full_time(g.received)) }
            dt { (t.alerts.raised) } dd { (parts::full_time(g.raised)) }
        }
    }
}

fn entity(chrome: &Chrome, entity: &events::Entity) -> Markup {
    let query = format!("\"{}\"", entity.key.replace(['"', '\\'], "?"));
    html! {
        // A mask finds nothing.
        @if chrome.may(Permission::Search) && !entity.key.contains(MARK) {
            a.chip href=(parts::link("/search", &[("q", &query), ("range", "24h")])) {
                span.k { (entity.kind.title(chrome.lang)) } (entity.key)
            }
        } @else {
            span.chip { span.k { (entity.kind.title(chrome.lang)) } (entity.key) }
        }
    }
}

fn playbook(chrome: &Chrome, playbook: Option<&PlaybookView>) -> Markup {
    let t = chrome.t();
    let body = html! {
        @match playbook {
            Some(p) => {
                p { strong { (p.name.get(chrome.lang)) } }
                @if !p.description.get(chrome.lang).is_empty() {
                    p.soft.small { (p.description.get(chrome.lang)) }
                }
                ol.steps {
                    @for (name, text) in &p.steps {
                        li {
                            b { (name.get(chrome.lang)) }
                            @if !text.get(chrome.lang).is_empty() { p { (text.get(chrome.lang)) } }
                        }
                    }
                }
            }
            None => { p.faint { (t.alerts.playbook_none) } }
        }
    };
    panel(t.alerts.playbook, None, &body)
}

fn past(chrome: &Chrome, past: &[AlertGroup]) -> Markup {
    let t = chrome.t();
    let body = html! {
        @if past.is_empty() { p.faint { (t.alerts.past_none) } } @else {
            ul.timeline {
                @for g in past {
                    li {
                        a href={ "/alerts/" (g.id) } {
                            @if let Some(v) = g.verdict { (verdict_label(v, t)) }
                        }
                        " " span.faint { (parts::time(g.last, chrome.now)) }
                        @if let Some(last) = g.history.last().filter(|a| !a.note.is_empty()) {
                            div.note { (last.note) " — " (last.by) }
                        }
                    }
                }
            }
        }
    };
    panel(t.alerts.past, None, &body)
}

fn history(chrome: &Chrome, acts: &[Act]) -> Markup {
    let t = chrome.t();
    html! {
        ul.timeline {
            @for act in acts.iter().rev() {
                li {
                    @if act.by == "xuedun" { (t.alerts.system) } @else { strong { (act.by) } }
                    " "
                    @match &act.what {
                        ActKind::Raised => { (t.alerts.act_raised) }
                        ActKind::Acknowledged => { (t.alerts.act_ack) }
                        ActKind::Assigned { to } => { (t.alerts.act_assigned) " " (to) }
                        ActKind::Closed { verdict } => {
                            (t.alerts.act_closed) " " (verdict_label(*verdict, t))
                        }
                    }
                    " " span.faint { (parts::time(act.at, chrome.now)) }
                    @if !act.note.is_empty() { div.note { (act.note) } }
                }
            }
        }
    }
}
