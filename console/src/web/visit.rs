//! One request, taken apart: who asks, in which language, for what.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use centre::alert::{AlertFilter, AlertState};
use centre::{Caller, Centre, Error, Permission};
use events::{Lang, Sensitive};

use super::cookie;
use super::csrf::Csrf;
use super::fail::Fail;
use crate::html::frame::Who;
use crate::html::{Chrome, Theme};
use crate::text;

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) centre: Arc<Centre>,
    pub(crate) csrf: Csrf,
    pub(crate) tls: bool,
    /// Live streams open now.
    pub(crate) live: AtomicUsize,
    /// Exports under way now.
    pub(crate) exports: AtomicUsize,
    /// Turns true when the console stops.
    pub(crate) stop: tokio::sync::watch::Receiver<bool>,
}

/// One request.
pub(crate) struct Visit {
    pub(crate) shared: Arc<Shared>,
    pub(crate) caller: Option<Caller>,
    /// The session's token, for signing out.
    pub(crate) token: Option<Sensitive<String>>,
    /// What stands in for a session on the login page.
    pub(crate) visitor: String,
    pub(crate) lang: Lang,
    pub(crate) theme: Theme,
    /// Path and query.
    pub(crate) here: String,
    /// Parts of the path, by name.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
    /// Whether the session's token stood in the header, which no browser sends by itself.
    pub(crate) bearer: bool,
    /// Whether the request comes from this machine itself.
    pub(crate) loopback: bool,
    /// Key of a word on what was just done.
    pub(crate) flash: Option<String>,
}

fn first(pairs: &[(String, String)], name: &str) -> String {
    pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default()
}

impl Visit {
    /// A value of the query; empty when it is absent.
    pub(crate) fn query(&self, name: &str) -> String {
        first(&self.query, name)
    }

    /// A value of the form; empty when it is absent.
    pub(crate) fn field(&self, name: &str) -> String {
        first(&self.form, name)
    }

    /// Every value of a field of the form.
    pub(crate) fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        self.form.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The values of the form whose names begin with a prefix, by the rest of the name.
    pub(crate) fn fields_under(&self, prefix: &str) -> BTreeMap<String, String> {
        let pair =
            |(n, v): &(String, String)| Some((n.strip_prefix(prefix)?.to_owned(), v.clone()));
        self.form.iter().filter_map(pair).collect()
    }

    /// A secret value of the form.
    pub(crate) fn secret(&self, name: &str) -> Sensitive<String> {
        Sensitive::new(self.field(name))
    }

    /// A part of the path as the id it should be; anything else is not found.
    pub(crate) fn id<T: FromStr>(&self, name: &str, what: &'static str) -> Result<T, Fail> {
        let text = first(&self.params, name);
        text.parse().map_err(|_| Fail::Centre(Error::NotFound { what }))
    }

    /// A part of the path.
    pub(crate) fn param(&self, name: &str) -> String {
        first(&self.params, name)
    }

    /// What the CSRF token is bound to.
    pub(crate) fn binding(&self) -> Vec<u8> {
        match &self.caller {
            Some(caller) => caller.session.to_vec(),
            None => self.visitor.as_bytes().to_vec(),
        }
    }

    /// The frame of a page.
    pub(crate) fn chrome(&self) -> Chrome {
        let centre = &self.shared.centre;
        let now = centre.now();
        let caller = self.caller.as_ref();
        Chrome {
            lang: self.lang,
            theme: self.theme,
            region: centre.directory().name().get(self.lang).to_owned(),
            who: caller.map(|c| Who { name: c.account.clone(), role: c.role.clone() }),
            csrf: self.shared.csrf.token(&self.binding()),
            here: self.here.clone(),
            now,
            data_clock: caller.and_then(|c| data_clock(centre, c)),
            open_alerts: caller.map_or(0, |c| open_alerts(centre, c)),
            drill: caller.is_some_and(|c| drill_runs(centre, c)),
            flash: self.flash.as_deref().and_then(|key| flash(key, self.lang)),
        }
    }
}

/// The words behind the keys of the flash cookie; unknown keys say nothing.
fn flash(key: &str, lang: Lang) -> Option<String> {
    let t = text::of(lang);
    let words = match key {
        "done" => t.alerts.acted_done,
        "password" => t.account.saved,
        "totp" => t.account.totp_saved,
        "out" => t.login.signed_out,
        "asked" => t.reveals.done,
        _ => return None,
    };
    Some(words.to_owned())
}

fn open_alerts(centre: &Centre, caller: &Caller) -> usize {
    let page = centre.alerts(caller, &AlertFilter::default(), 0, 1);
    page.map_or(0, |p| {
        let open = p.by_state.iter().filter(|(s, _)| *s != AlertState::Closed);
        open.map(|(_, n)| n).sum()
    })
}

fn data_clock(centre: &Centre, caller: &Caller) -> Option<events::Timestamp> {
    if !caller.role.may(Permission::SensorsRead) {
        return None;
    }
    centre.sensors(caller).ok()?.into_iter().filter_map(|s| s.last).max()
}

fn drill_runs(centre: &Centre, caller: &Caller) -> bool {
    caller.role.may(Permission::DrillsRead)
        && centre.drills(caller).is_ok_and(|rows| rows.iter().any(|d| d.running))
}

/// A path of ours to go on to; anything that could leave this host becomes `/`.
pub(crate) fn local_path(to: &str) -> &str {
    let ours = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains(['\\', '\r', '\n', '\t'])
        && to.is_ascii();
    if ours { to } else { "/" }
}

/// A fresh name for a visitor without a session.
pub(crate) fn cookie_names(tls: bool) -> (&'static str, &'static str) {
    (cookie::session_name(tls), cookie::visitor_name(tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_here() {
        assert_eq!(local_path("/alerts?q=1"), "/alerts?q=1");
        for bad in ["//evil", "https://evil", "/\\evil", "", "evil", "/\t/evil", "/学"] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }
}
