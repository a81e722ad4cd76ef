//! One drill's board: injects with their clock points, times, coverage, playbook steps.

use std::time::Duration;

use centre::Permission;
use centre::view::{Coverage, DrillDetail, Span, StepState};
use events::Timestamp;
use maud::{Markup, html};

use crate::html::form::{field, post};
use crate::html::parts::{self, figure, panel};
use crate::html::{Chrome, Section, page};

/// The page.
pub(crate) fn drill(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    let body = html! {
        div #drill-board data-live="drill alert" {
            (head(chrome, detail))
            (figures(chrome, detail))
            (injects(chrome, detail))
            div.grid.grid-2 {
                (panel(t.steps, None, &steps(chrome, detail)))
                div.stack {
                    (panel(t.coverage, None, &techniques(chrome, detail)))
                    @if !detail.score.objectives.is_empty() {
                        (panel(t.objectives, None, &html! {
                            ol.steps {
                                @for text in &detail.score.objectives { li { (text.get(chrome.lang)) } }
                            }
                        }))
                    }
                    @if !detail.score.findings.is_empty() {
                        (panel(t.findings, None, &html! {
                            ul.timeline {
                                @for f in &detail.score.findings { li { (f.text.get(chrome.lang)) } }
                            }
                        }))
                    }
                }
            }
        }
    };
    page(chrome, Section::Drills, detail.name.get(chrome.lang), &body)
}

/// Whether the visitor leads the drill now.
fn leads(chrome: &Chrome, detail: &DrillDetail) -> bool {
    detail.running && chrome.may(Permission::DrillsRun)
}

fn head(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    let id = detail.id;
    let marked = [("exercises", "1"), ("state", "all"), ("order", "latest")];
    let end = |label: &str, completed: &str| {
        post(
            chrome,
            &format!("/drills/{id}/end"),
            "",
            &html! {
                input type="hidden" name="completed" value=(completed);
                button type="submit" { (label) }
            },
        )
    };
    html! {
        div.state-line {
            (parts::exercise(chrome.t()))
            @if detail.running { span.badge.warn { (t.running) } } @else { span.badge.ok { (t.done) } }
            strong { (detail.site_name.get(chrome.lang)) }
            span.soft { (t.started) " " (parts::full_time(detail.score.started)) " · " (detail.by) }
            a.button href={ "/drills/" (id) "/report" } { (t.report) }
            a.button href=(parts::link("/alerts", &marked)) { (t.alerts) }
            @if leads(chrome, detail) { (end(t.end_completed, "1")) (end(t.end_stopped, "")) }
        }
        @if detail.running { p.notice-line { (t.simulated) } }
    }
}

fn figures(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    let score = &detail.score;
    let mean = |s: &Span| {
        let mean = s.mean_ms.map(Duration::from_millis);
        mean.map_or_else(|| "—".to_owned(), |d| parts::span(d, chrome.lang))
    };
    let of = |n: usize| format!("{n} / {}", score.emitted);
    html! {
        div.figures {
            (figure(t.mttd, &mean(&score.mttd), t.mttd_text))
            (figure(t.mtta, &mean(&score.mtta), t.mtta_text))
            (figure(t.mttc, &mean(&score.mttc), t.mttc_text))
            (figure(t.mttr, &mean(&score.mttr), t.mttr_text))
            (figure(t.injects, &of(score.detected), t.cov_alerted))
            (figure(t.sla, &of(score.sla_met), t.sla_met))
        }
    }
}

fn injects(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    let body = html! {
        div.table-wrap {
            table.board-clock {
                thead { tr {
                    th { (t.inject) }
                    @for head in [t.t0, t.t1, t.t2, t.t3, t.t4, t.t5, t.t6] { th { (head) } }
                    th { (t.sla) }
                    @if leads(chrome, detail) { th {} }
                } }
                tbody { @for n in 0..detail.score.injects.len() { (row(chrome, detail, n)) } }
            }
        }
    };
    panel(t.injects, None, &body)
}

/// The row of the inject at a place.
fn row(chrome: &Chrome, detail: &DrillDetail, n: usize) -> Markup {
    let Some(inject) = detail.score.injects.get(n) else { return html! {} };
    let t = &chrome.t().drills;
    let c = &inject.clock;
    let points =
        [c.emitted, c.alerted, c.acknowledged, c.verdict, c.contained, c.recovered, c.reported];
    html! {
        tr {
            td {
                @match c.alert {
                    Some(alert) => { a href={ "/alerts/" (alert) } { (inject.title.get(chrome.lang)) } }
                    None => { (inject.title.get(chrome.lang)) }
                }
                " " (coverage(chrome, inject.coverage))
            }
            @for at in points { td { (point(chrome, c.emitted, at)) } }
            td {
                @match inject.sla_met {
                    Some(true) => { span.badge.ok { (t.sla_met) } }
                    Some(false) => { span.badge.bad { (t.sla_breached) } }
                    None => { span.badge.warn { (t.sla_open) } }
                }
            }
            @if leads(chrome, detail) { td { (next_act(chrome, detail, n)) } }
        }
    }
}

/// A clock point: when, and how long after the inject.
fn point(chrome: &Chrome, start: Option<Timestamp>, at: Option<Timestamp>) -> Markup {
    html! {
        @match (start, at) {
            (_, None) => { span.waiting { "·" } }
            (Some(start), Some(at)) if at > start => {
                span.reached { (parts::time(at, chrome.now)) }
                div.sub { "+" (parts::span(at.since(start), chrome.lang)) }
            }
            (_, Some(at)) => { span.reached { (parts::time(at, chrome.now)) } }
        }
    }
}

/// The next thing a person may note about an inject that was noticed.
fn next_act(chrome: &Chrome, detail: &DrillDetail, n: usize) -> Markup {
    let Some(inject) = detail.score.injects.get(n) else { return html! {} };
    let t = &chrome.t().drills;
    let c = &inject.clock;
    let next = [
        (c.contained, "contained", t.mark_contained),
        (c.recovered, "recovered", t.mark_recovered),
        (c.reported, "reported", t.mark_reported),
    ];
    let next = next.into_iter().find(|(at, ..)| at.is_none()).filter(|_| c.alerted.is_some());
    html! {
        @if let Some((_, act, label)) = next {
            (post(chrome, &format!("/drills/{}/act", detail.id), "", &html! {
                input type="hidden" name="inject" value=(inject.id);
                input type="hidden" name="act" value=(act);
                button type="submit" { (label) }
            }))
        }
    }
}

fn coverage(chrome: &Chrome, coverage: Coverage) -> Markup {
    let class = match coverage {
        Coverage::None => "bad",
        Coverage::Logged => "warn",
        Coverage::Alerted => "ok",
    };
    html! { span class={ "badge " (class) } { (coverage.label(chrome.lang)) } }
}

fn techniques(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    html! {
        ul.silent-list {
            @for technique in &detail.score.techniques {
                li {
                    span.mono { (technique.technique) }
                    span {
                        (coverage(chrome, technique.coverage)) " "
                        span.faint { (technique.alerted) " / " (technique.injects) }
                    }
                }
            }
        }
    }
}

fn steps(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    html! {
        ol.steps {
            @for (n, step) in detail.playbook.steps.iter().enumerate() {
                @if step.kind == "action" { li { (one_step(chrome, detail, n)) (answer(chrome, detail, &step.step)) } }
            }
        }
    }
}

/// The step at a place.
fn one_step(chrome: &Chrome, detail: &DrillDetail, n: usize) -> Markup {
    let Some(step) = detail.playbook.steps.get(n) else { return html! {} };
    let class = match step.state {
        StepState::Succeeded => "ok",
        StepState::Failed | StepState::Unknown => "bad",
        StepState::Waiting | StepState::Running | StepState::Delayed => "warn",
        StepState::Pending | StepState::Cancelled | StepState::Skipped => "",
    };
    html! {
        b { (step.name.get(chrome.lang)) } " "
        span class={ "badge " (class) } { (step.state.label(chrome.lang)) }
        @if let Some(at) = step.ended.or(step.started) {
            " " span.faint.small { (parts::time(at, chrome.now)) }
        }
        @if !step.by.is_empty() { " " span.faint.small { (step.by.join(", ")) } }
        @for note in &step.notes { p { (note) } }
    }
}

/// What a waiting step asks, and the form that answers it.
fn answer(chrome: &Chrome, detail: &DrillDetail, step: &str) -> Markup {
    let waiting = detail.playbook.waiting.iter().find(|w| w.step == step);
    let Some(waiting) = waiting else { return html! {} };
    let t = &chrome.t().drills;
    let lang = chrome.lang;
    html! {
        p { (waiting.text.get(lang)) }
        @if leads(chrome, detail) {
            (post(chrome, &format!("/drills/{}/answer", detail.id), "", &html! {
                input type="hidden" name="step" value=(waiting.step);
                @for output in &waiting.outputs {
                    (field(output, &html! {
                        input type="text" name={ "out." (output) } value="true";
                    }, ""))
                }
                div.answer {
                    input type="text" name="note" placeholder=(t.note) aria-label=(t.note) maxlength="1000";
                    button.primary type="submit" name="success" value="1" { (t.answer_done) }
                    button type="submit" name="success" value="0" { (t.answer_failed) }
                }
            }))
        }
    }
}
