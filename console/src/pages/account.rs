//! One's own account: password and second factor.

use centre::account::Account;
use maud::{Markup, html};

use crate::html::form::{field, post};
use crate::html::parts::{self, panel};
use crate::html::{Chrome, Section, page};

/// A second factor that waits for its first code.
#[derive(Clone, Debug)]
pub(crate) struct Proposal {
    /// The secret in base32, as a person types it.
    pub(crate) secret: String,
}

/// The page.
pub(crate) fn account(
    chrome: &Chrome,
    own: &Account,
    proposal: Option<&Proposal>,
    error: Option<&str>,
) -> Markup {
    let t = chrome.t();
    let body = html! {
        @if let Some(error) = error {
            p.flash.bad role="alert" { (t.account.saved_bad) " " (error) }
        }
        (panel(&own.display_name, None, &facts(chrome, own)))
        div.grid.grid-2 {
            (panel(t.account.password, None, &password(chrome, own)))
            (panel(t.account.totp, None, &totp(chrome, own, proposal)))
        }
    };
    page(chrome, Section::Account, t.account.title, &body)
}

fn facts(chrome: &Chrome, own: &Account) -> Markup {
    let t = chrome.t();
    html! {
        dl.facts {
            dt { (t.login.name) } dd.mono { (own.name) }
            dt { (t.account.role) } dd { (own.role.label(chrome.lang)) }
            @if let Some(at) = own.last_login {
                dt { (t.account.last_login) } dd { (parts::full_time(at)) }
            }
        }
    }
}

fn password(chrome: &Chrome, own: &Account) -> Markup {
    let t = &chrome.t().account;
    let hint = if own.has_password() { "" } else { t.old_none };
    post(
        chrome,
        "/account/password",
        "",
        &html! {
            (field(t.old, &html! {
                input type="password" name="old" autocomplete="current-password" maxlength="256"
                    required[own.has_password()];
            }, hint))
            (field(t.new, &html! {
                input type="password" name="new" autocomplete="new-password" minlength="12"
                    maxlength="256" required;
            }, t.rule))
            (field(t.again, &html! {
                input type="password" name="again" autocomplete="new-password" minlength="12"
                    maxlength="256" required;
            }, ""))
            button.primary type="submit" { (t.save) }
        },
    )
}

fn totp(chrome: &Chrome, own: &Account, proposal: Option<&Proposal>) -> Markup {
    let t = chrome.t();
    let a = &t.account;
    match proposal {
        None => html! {
            p { @if own.has_totp() { (a.totp_on) } @else { (a.totp_off) } }
            (post(chrome, "/account/totp", "", &html! {
                button type="submit" { (a.totp_start) }
            }))
        },
        Some(p) => html! {
            p { (a.totp_how) }
            p.field-label { (a.totp_secret) }
            p.secret #totp-secret { (grouped(&p.secret)) }
            (post(chrome, "/account/totp/confirm", "", &html! {
                input type="hidden" name="secret" value=(p.secret);
                (field(t.login.code, &html! {
                    input type="text" name="code" inputmode="numeric" pattern="[0-9]{6}"
                        maxlength="6" autocomplete="one-time-code" required;
                }, t.login.code_hint))
                button.primary type="submit" { (a.totp_confirm) }
            }))
        },
    }
}

/// In groups of four, easier to type.
fn grouped(secret: &str) -> String {
    let chars: Vec<char> = secret.chars().collect();
    let groups: Vec<String> = chars.chunks(4).map(|c| c.iter().collect()).collect();
    groups.join(" ")
}
