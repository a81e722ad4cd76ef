//! One drill's board: injects with their clock points, times, coverage, playbook steps.

use std::time::Duration;

use centre::view::{Coverage, DrillDetail, Span, StepState};
use events::Timestamp;
use maud::{Markup, html};

use crate::html::parts::{self, empty, figure, panel};
use crate::html::{Chrome, Section, form, page};

/// The page.
pub(crate) fn drill(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    let id = detail.id;
    let body = html! {
        p.notice-line { (t.simulated) }
        div #drill-board data-live="drill alert" {
            (figures(chrome, detail))
            (injects(chrome, detail))
            (steps(chrome, detail))
            (findings(chrome, detail))
        }
        p {
            a.button href={ "/drills/" (id) "/report" } { (t.report) } " "
            a.button href="/alerts?exercises=1" { (t.alerts) } " "
            @if detail.running && chrome.may(centre::Permission::DrillsRun) {
                (form::post(chrome, &format!("/drills/{id}/end"), "inline", &html! {
                    input type="hidden" name="completed" value="1";
                    button type="submit" { (t.done) }
                }))
            }
        }
    };
    page(chrome, Section::Drills, detail.name.get(chrome.lang), &body)
}

fn figures(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    let score = &detail.score;
    let mean = |s: &Span| {
        let mean = s.mean_ms.map(Duration::from_millis);
        mean.map_or_else(|| "—".to_owned(), |d| parts::span(d, chrome.lang))
    };
    let state = if detail.running { t.running } else { t.done };
    html! {
        div.figures {
            (figure(t.state, state, detail.site_name.get(chrome.lang)))
            (figure(t.mttd, &mean(&score.mttd), t.mttd_text))
            (figure(t.mtta, &mean(&score.mtta), t.mtta_text))
            (figure(t.mttc, &mean(&score.mttc), t.mttc_text))
            (figure(t.mttr, &mean(&score.mttr), t.mttr_text))
            (figure(t.sla, &format!("{} / {}", score.sla_met, score.emitted), t.sla_met))
        }
        (panel(t.coverage, None, &html! {
            p { @for technique in &score.techniques {
                span.chip {
                    span.mono { (technique.technique) } " "
                    (technique.coverage.label(chrome.lang))
                } " "
            } }
        }))
    }
}

fn injects(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    let at = |point: Option<Timestamp>| {
        html! {
            @match point { Some(at) => { (parts::time(at, chrome.now)) } None => { span.faint { "—" } } }
        }
    };
    let acts = [("contained", t.t4), ("recovered", t.t5), ("reported", t.t6)];
    let may = detail.running && chrome.may(centre::Permission::DrillsRun);
    let body = html! {
        div.table-wrap {
            table {
                thead { tr {
                    th { (t.inject) } th { (t.coverage) } th { (t.t0) } th { (t.t1) } th { (t.t2) }
                    th { (t.t3) } th { (t.t4) } th { (t.t5) } th { (t.t6) }
                } }
                tbody {
                    @for inject in &detail.score.injects {
                        tr {
                            td.wrap {
                                @match inject.clock.alert {
                                    Some(alert) => {
                                        a href={ "/alerts/" (alert) } { (inject.title.get(chrome.lang)) }
                                    }
                                    None => { (inject.title.get(chrome.lang)) }
                                }
                                @if may {
                                    @for (act, label) in acts {
                                        (form::post(chrome, &format!("/drills/{}/act", detail.id), "inline", &html! {
                                            input type="hidden" name="inject" value=(inject.id);
                                            input type="hidden" name="act" value=(act);
                                            button.small type="submit" { (label) }
                                        }))
                                    }
                                }
                            }
                            td.tight { (coverage(chrome, inject.coverage)) }
                            td.tight { (at(inject.clock.emitted)) }
                            td.tight { (at(inject.clock.alerted)) }
                            td.tight { (at(inject.clock.acknowledged)) }
                            td.tight { (at(inject.clock.verdict)) }
                            td.tight { (at(inject.clock.contained)) }
                            td.tight { (at(inject.clock.recovered)) }
                            td.tight { (at(inject.clock.reported)) }
                        }
                    }
                }
            }
        }
    };
    panel(t.injects, None, &body)
}

fn coverage(chrome: &Chrome, coverage: Coverage) -> Markup {
    let class = match coverage {
        Coverage::None => "bad",
        Coverage::Logged => "warn",
        _ => "ok",
    };
    html! { span class={ "badge " (class) } { (coverage.label(chrome.lang)) } }
}

fn steps(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    let lang = chrome.lang;
    let may = detail.running && chrome.may(centre::Permission::DrillsRun);
    let body = html! {
        ol.steps {
            @for step in detail.playbook.steps.iter().filter(|s| s.kind == "action") {
                li {
                    (step_badge(chrome, step.state)) " " strong { (step.name.get(lang)) }
                    @if !step.by.is_empty() { " " span.faint.small { (step.by.join(", ")) } }
                    @for note in &step.notes { div.sub { (note) } }
                }
            }
        }
        @for waiting in detail.playbook.waiting.iter().filter(|_| may) {
            (form::post(chrome, &format!("/drills/{}/answer", detail.id), "answer", &html! {
                p { strong { (waiting.name.get(lang)) } ": " (waiting.text.get(lang)) }
                input type="hidden" name="step" value=(waiting.step);
                @for output in &waiting.outputs {
                    (form::field(output, &html! {
                        input type="text" name={ "out." (output) } value="true";
                    }, ""))
                }
                (form::field(t.note, &html! { input type="text" name="note" maxlength="1000"; }, ""))
                button.primary type="submit" name="success" value="1" { (t.answer_done) } " "
                button type="submit" name="success" value="0" { (t.answer_failed) }
            }))
        }
    };
    panel(t.steps, None, &body)
}

fn step_badge(chrome: &Chrome, state: StepState) -> Markup {
    let class = match state {
        StepState::Succeeded => "ok",
        StepState::Failed | StepState::Unknown => "bad",
        StepState::Waiting | StepState::Running | StepState::Delayed => "warn",
        StepState::Pending | StepState::Cancelled | StepState::Skipped => "quiet",
    };
    html! { span class={ "badge " (class) } { (state.label(chrome.lang)) } }
}

fn findings(chrome: &Chrome, detail: &DrillDetail) -> Markup {
    let t = &chrome.t().drills;
    html! {
        @if detail.score.findings.is_empty() { (empty(t.cov_alerted)) } @else {
            ul { @for f in &detail.score.findings { li { (f.text.get(chrome.lang)) } } }
        }
    }
}
