//! Signing in.

use maud::{Markup, html};

use crate::html::form::{field, post};
use crate::html::{Chrome, frame};

/// What the form shows again after a failure.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoginForm {
    /// The name typed before.
    pub(crate) name: String,
    /// Whether the account asks for a code.
    pub(crate) code: bool,
    /// What went wrong.
    pub(crate) error: Option<String>,
    /// Where to go afterwards.
    pub(crate) to: String,
}

/// The login page.
pub(crate) fn login(chrome: &Chrome, form: &LoginForm) -> Markup {
    let t = &chrome.t().login;
    let fields = html! {
        input type="hidden" name="to" value=(form.to);
        (field(t.name, &html! {
            input type="text" name="name" value=(form.name) required autocomplete="username"
                autocapitalize="none" spellcheck="false" maxlength="64" autofocus[form.name.is_empty()];
        }, ""))
        (field(t.password, &html! {
            input type="password" name="password" required autocomplete="current-password"
                maxlength="256" autofocus[!form.name.is_empty()];
        }, ""))
        @if form.code {
            (field(t.code, &html! {
                input type="text" name="code" required inputmode="numeric"
                    autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6";
            }, t.code_hint))
        }
        button.primary.wide-button type="submit" { (t.submit) }
    };
    let body = html! {
        h2 { (t.title) " · " (chrome.region) }
        @if let Some(flash) = &chrome.flash { p.flash role="status" { (flash) } }
        @if let Some(error) = &form.error { p.flash.bad role="alert" { (error) } }
        (post(chrome, "/login", "login", &fields))
    };
    frame::bare(chrome, t.title, &body)
}

/// The page of a one-time link: a click uses it, so that a mail scanner that only fetches the
/// link does not.
pub(crate) fn once(chrome: &Chrome, token: &str, error: Option<&str>) -> Markup {
    let t = &chrome.t().login;
    let body = html! {
        h2 { (t.once_title) " · " (chrome.region) }
        @match error {
            Some(error) => { p.flash.bad role="alert" { (error) } }
            None => {
                p.soft { (t.once_text) }
                (post(chrome, "/login/once", "login", &html! {
                    input type="hidden" name="token" value=(token);
                    button.primary.wide-button type="submit" { (t.once_submit) }
                }))
            }
        }
    };
    frame::bare(chrome, t.once_title, &body)
}
