//! Error pages.

use maud::{Markup, html};

use crate::html::{Chrome, Section, frame, page};

/// What went wrong, as a person reads it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The stable code.
    pub(crate) code: &'static str,
    /// In a few words.
    pub(crate) title: String,
    /// In a sentence; may be empty.
    pub(crate) text: String,
}

/// The page of an error: within the frame for those who are signed in.
pub(crate) fn problem(chrome: &Chrome, told: &Told) -> Markup {
    let t = &chrome.t().problems;
    let body = html! {
        section.panel {
            div.panel-body {
                h2 { (told.title) }
                @if !told.text.is_empty() { p.soft { (told.text) } }
                p.problem-code { (t.code) " " (told.code) " · HTTP " (told.status) }
                p { a href="/" { (t.back) } }
            }
        }
    };
    if chrome.who.is_some() {
        page(chrome, Section::Other, t.heading, &body)
    } else {
        frame::bare(chrome, t.heading, &body)
    }
}
