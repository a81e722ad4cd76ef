//! What people do. Every handler here runs only after the session, the permission, the origin and
//! the form's token were checked.

use centre::alert::Verdict;
use centre::{Caller, Error};
use data_encoding::BASE32_NOPAD;
use events::{AlertId, Lang, Sensitive};

use super::cookie;
use super::reply::Reply;
use super::routes::Answer;
use super::visit::{Visit, cookie_names, local_path};
use crate::html::Theme;
use crate::pages;
use crate::pages::account::Proposal;
use crate::pages::login::LoginForm;

/// Back to a page, with a word on what was done.
pub(super) fn done(visit: &Visit, path: String, key: &str) -> Reply {
    Reply::goto(path).cookie(cookie::secret("xd-flash", key, visit.shared.tls))
}

fn signed_in(visit: &Visit, token: &Sensitive<String>, to: &str) -> Reply {
    let tls = visit.shared.tls;
    let (session, visitor) = cookie_names(tls);
    Reply::goto(local_path(to))
        .cookie(cookie::secret(session, token.reveal(), tls))
        .cookie(cookie::expired(visitor, tls))
}

/// Signs in.
pub(crate) fn login(visit: &Visit) -> Answer {
    let (name, to) = (visit.field("name"), visit.field("to"));
    let name = name.trim().to_lowercase();
    let code = visit.field("code");
    let code = Some(code.trim()).filter(|c| !c.is_empty());
    match visit.shared.centre.login(&name, &visit.secret("password"), code) {
        Ok(token) => Ok(signed_in(visit, &token, &to)),
        Err(error) if error.http_status() < 500 => {
            let asks = matches!(error, Error::CodeNeeded);
            let chrome = visit.chrome();
            let told = if asks { chrome.t().login.code_needed } else { error.title(visit.lang) };
            let form = LoginForm {
                name,
                code: asks || code.is_some(),
                error: Some(told.to_owned()),
                to: local_path(&to).to_owned(),
            };
            let page = pages::login::login(&chrome, &form);
            Ok(Reply::page_status(error.http_status(), page))
        }
        Err(error) => Err(error.into()),
    }
}

/// Signs in with a one-time link.
pub(crate) fn login_once(visit: &Visit) -> Answer {
    match visit.shared.centre.login_once(&visit.field("token")) {
        Ok(token) => Ok(signed_in(visit, &token, "/")),
        Err(Error::BadCredentials) => {
            let chrome = visit.chrome();
            let told = chrome.t().login.once_bad;
            Ok(Reply::page_status(401, pages::login::once(&chrome, "", Some(told))))
        }
        Err(error) => Err(error.into()),
    }
}

/// Signs out.
pub(crate) fn logout(visit: &Visit, caller: &Caller) -> Answer {
    if let Some(token) = &visit.token {
        visit.shared.centre.logout(caller, token.reveal())?;
    }
    let tls = visit.shared.tls;
    let gone = cookie::expired(cookie_names(tls).0, tls);
    Ok(done(visit, "/login".to_owned(), "out").cookie(gone))
}

/// Language and theme: kept in the browser, nothing of ours changes, so a link may do it.
pub(crate) fn prefs(visit: &Visit) -> Answer {
    let tls = visit.shared.tls;
    let mut reply = Reply::goto(local_path(&visit.query("to")));
    if let Ok(lang) = visit.query("lang").parse::<Lang>() {
        reply = reply.cookie(cookie::preference("lang", lang.pick("zh", "en"), tls));
    }
    let theme = visit.query("theme");
    if !theme.is_empty() {
        reply = reply.cookie(cookie::preference("theme", Theme::parse(&theme).as_str(), tls));
    }
    Ok(reply)
}

/// The account page with what went wrong; failures of ours go on as such.
fn account_again(
    visit: &Visit,
    caller: &Caller,
    proposal: Option<&Proposal>,
    error: Result<&str, Error>,
) -> Answer {
    let own = visit.shared.centre.own_account(caller)?;
    let (status, told) = match error {
        Ok(told) => (422, told.to_owned()),
        Err(error) if error.http_status() < 500 => (422, error.title(visit.lang).to_owned()),
        Err(error) => return Err(error.into()),
    };
    let page = pages::account::account(&visit.chrome(), &own, proposal, Some(&told));
    Ok(Reply::page_status(status, page))
}

/// Sets one's own password.
pub(crate) fn password(visit: &Visit, caller: &Caller) -> Answer {
    let (new, again) = (visit.secret("new"), visit.secret("again"));
    if new != again {
        let differ = visit.chrome().t().account.differ;
        return account_again(visit, caller, None, Ok(differ));
    }
    match visit.shared.centre.set_password(caller, &visit.secret("old"), &new) {
        Ok(()) => Ok(done(visit, "/account".to_owned(), "password")),
        Err(error) => account_again(visit, caller, None, Err(error)),
    }
}

/// Proposes a second factor.
pub(crate) fn propose_totp(visit: &Visit, caller: &Caller) -> Answer {
    let centre = &visit.shared.centre;
    let (secret, _) = centre.propose_totp(caller)?;
    let proposal = Proposal { secret: BASE32_NOPAD.encode(secret.reveal()) };
    let own = centre.own_account(caller)?;
    Ok(Reply::page(pages::account::account(&visit.chrome(), &own, Some(&proposal), None)))
}

/// Puts a second factor in force. The secret comes back from the form: it is the caller's own,
/// and a code of it must be shown.
pub(crate) fn enrol_totp(visit: &Visit, caller: &Caller) -> Answer {
    let text = visit.field("secret");
    let secret = BASE32_NOPAD.decode(text.as_bytes()).ok().filter(|s| s.len() >= 20);
    let Some(secret) = secret else { return Err(Error::BadValue { field: "secret" }.into()) };
    let code = visit.field("code");
    let secret = Sensitive::new(secret);
    match visit.shared.centre.enrol_totp(caller, &secret, code.trim()) {
        Ok(()) => Ok(done(visit, "/account".to_owned(), "totp")),
        Err(error) => account_again(visit, caller, Some(&Proposal { secret: text }), Err(error)),
    }
}

fn back_to_alert(visit: &Visit, id: AlertId) -> Reply {
    done(visit, format!("/alerts/{id}"), "done")
}

/// Takes an alert group.
pub(crate) fn acknowledge(visit: &Visit, caller: &Caller) -> Answer {
    let id = visit.id("id", "alert")?;
    visit.shared.centre.acknowledge(caller, id)?;
    Ok(back_to_alert(visit, id))
}

/// Takes many. One that somebody else closed meanwhile does not stop the others.
pub(crate) fn acknowledge_many(visit: &Visit, caller: &Caller) -> Answer {
    for id in visit.fields("id") {
        let id = id.parse().map_err(|_| Error::NotFound { what: "alert" })?;
        match visit.shared.centre.acknowledge(caller, id) {
            Ok(_) | Err(Error::Alert(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done(visit, "/alerts".to_owned(), "done"))
}

/// Gives an alert group to oneself.
pub(crate) fn assign(visit: &Visit, caller: &Caller) -> Answer {
    let id = visit.id("id", "alert")?;
    visit.shared.centre.assign(caller, id, &caller.account)?;
    Ok(back_to_alert(visit, id))
}

/// Closes an alert group.
pub(crate) fn close(visit: &Visit, caller: &Caller) -> Answer {
    let id = visit.id("id", "alert")?;
    let verdict: Result<Verdict, ()> = visit.field("verdict").parse();
    let verdict = verdict.map_err(|()| Error::BadValue { field: "verdict" })?;
    visit.shared.centre.close(caller, id, verdict, &visit.field("reason"))?;
    Ok(back_to_alert(visit, id))
}

/// Saves a hunt.
pub(crate) fn save_hunt(visit: &Visit, caller: &Caller) -> Answer {
    visit.shared.centre.save_hunt(caller, &visit.field("name"), &visit.field("query"))?;
    Ok(done(visit, "/hunts".to_owned(), "done"))
}

/// Removes a hunt.
pub(crate) fn remove_hunt(visit: &Visit, caller: &Caller) -> Answer {
    visit.shared.centre.remove_hunt(caller, &visit.field("name"))?;
    Ok(done(visit, "/hunts".to_owned(), "done"))
}

/// Starts an audit run.
pub(crate) fn run_audit(visit: &Visit, caller: &Caller) -> Answer {
    visit.shared.centre.start_audit(Some(caller))?;
    Ok(Reply::goto("/compliance"))
}

/// Starts a drill.
pub(crate) fn start_drill(visit: &Visit, caller: &Caller) -> Answer {
    let site = visit.field("site").parse().map_err(|_| Error::BadValue { field: "site" })?;
    let id = visit.shared.centre.start_drill(caller, &visit.field("drill"), site)?;
    Ok(Reply::goto(format!("/drills/{id}")))
}

/// Notes that an inject was contained, recovered from or reported.
pub(crate) fn drill_act(visit: &Visit, caller: &Caller) -> Answer {
    let id = visit.id("id", "drill")?;
    let act = serde_json::from_value(visit.field("act").into());
    let act = act.map_err(|_| Error::BadValue { field: "act" })?;
    visit.shared.centre.drill_act(caller, id, &visit.field("inject"), act)?;
    Ok(Reply::goto(format!("/drills/{id}")))
}

/// Answers a waiting step.
pub(crate) fn drill_answer(visit: &Visit, caller: &Caller) -> Answer {
    let id = visit.id("id", "drill")?;
    let success = visit.field("success") == "1";
    let (step, note) = (visit.field("step"), visit.field("note"));
    let outputs = visit.fields_under("out.");
    visit.shared.centre.drill_answer(caller, id, &step, success, outputs, &note)?;
    Ok(Reply::goto(format!("/drills/{id}")))
}

/// Ends a drill.
pub(crate) fn end_drill(visit: &Visit, caller: &Caller) -> Answer {
    let id = visit.id("id", "drill")?;
    visit.shared.centre.end_drill(caller, id, visit.field("completed") == "1")?;
    Ok(Reply::goto(format!("/drills/{id}")))
}
