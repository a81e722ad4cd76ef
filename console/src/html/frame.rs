//! The frame around every page: side navigation, top bar, drill banner.

use centre::account::{Permission, Role};
use events::{Lang, Timestamp};
use maud::{DOCTYPE, Markup, html};

use super::icon::Icon;
use super::parts;
use crate::assets;
use crate::text::{self, Messages};

/// How the console looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Theme {
    /// As the system says.
    #[default]
    Auto,
    Light,
    Dark,
    /// Dark and large, for a wall.
    Screen,
}

impl Theme {
    pub(crate) const ALL: [Self; 4] = [Self::Auto, Self::Light, Self::Dark, Self::Screen];

    /// The word in the cookie and on the page.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
            Self::Screen => "screen",
        }
    }

    /// The theme of a word; anything unknown is [`Theme::Auto`].
    pub(crate) fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|t| t.as_str() == word).unwrap_or_default()
    }

    const fn label(self, t: &Messages) -> &'static str {
        match self {
            Self::Auto => t.nav.theme_auto,
            Self::Light => t.nav.theme_light,
            Self::Dark => t.nav.theme_dark,
            Self::Screen => t.nav.theme_screen,
        }
    }
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// What the frame needs to know about the request.
#[derive(Clone, Debug)]
pub(crate) struct Chrome {
    pub(crate) lang: Lang,
    pub(crate) theme: Theme,
    /// Name of the bureau.
    pub(crate) region: String,
    pub(crate) who: Option<Who>,
    /// The CSRF token of this session.
    pub(crate) csrf: String,
    /// Path and query of the page, to come back to.
    pub(crate) here: String,
    /// When the page was made.
    pub(crate) now: Timestamp,
    /// Receipt of the latest event.
    pub(crate) data_clock: Option<Timestamp>,
    /// Open alert groups in the caller's scope, for the badge.
    pub(crate) open_alerts: usize,
    /// Whether a drill is running.
    pub(crate) drill: bool,
    /// A word on what was just done.
    pub(crate) flash: Option<String>,
}

impl Chrome {
    /// A frame without a node behind it.
    #[cfg(test)]
    pub(crate) fn for_test(lang: Lang) -> Self {
        Self {
            lang,
            theme: Theme::Auto,
            region: String::new(),
            who: None,
            csrf: String::new(),
            here: "/".to_owned(),
            now: Timestamp::from_secs(0),
            data_clock: None,
            open_alerts: 0,
            drill: false,
            flash: None,
        }
    }

    /// The texts.
    pub(crate) const fn t(&self) -> &'static Messages {
        text::of(self.lang)
    }

    /// Whether the person may.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        self.who.as_ref().is_some_and(|w| w.role.may(permission))
    }
}

/// A place in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Workbench,
    Alerts,
    Search,
    Schools,
    Compliance,
    Data,
    Reveals,
    Drills,
    Sensors,
    AuditLog,
    Account,
    /// Not in the navigation.
    Other,
}

struct Entry {
    section: Section,
    href: &'static str,
    icon: Icon,
    needs: Permission,
    label: &'static str,
}

fn groups(t: &'static Messages) -> [(&'static str, Vec<Entry>); 3] {
    use Permission as P;
    let e = |section, href, icon, needs, label| Entry { section, href, icon, needs, label };
    let n = &t.nav;
    [
        (
            n.group_watch,
            vec![
                e(Section::Workbench, "/", Icon::Workbench, P::Workbench, n.workbench),
                e(Section::Alerts, "/alerts", Icon::Alerts, P::AlertsRead, n.alerts),
                e(Section::Search, "/search", Icon::Search, P::Search, n.search),
                e(Section::Schools, "/schools", Icon::Schools, P::SchoolsRead, n.schools),
            ],
        ),
        (
            n.group_prove,
            vec![
                e(
                    Section::Compliance,
                    "/compliance",
                    Icon::Compliance,
                    P::ComplianceRead,
                    n.compliance,
                ),
                e(Section::Data, "/data", Icon::Data, P::RecordsRead, n.data),
                e(Section::Reveals, "/reveals", Icon::Reveals, P::RevealRead, n.reveals),
                e(Section::Drills, "/drills", Icon::Drills, P::DrillsRead, n.drills),
            ],
        ),
        (
            n.group_run,
            vec![
                e(Section::Sensors, "/sensors", Icon::Sensors, P::SensorsRead, n.sensors),
                e(Section::AuditLog, "/audit-log", Icon::Audit, P::AuditLogRead, n.audit_log),
            ],
        ),
    ]
}

/// The head of every page.
fn head(chrome: &Chrome, title: &str) -> Markup {
    let t = chrome.t();
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="robots" content="noindex";
            title { (title) " · " (t.nav.product) }
            link rel="icon" type="image/svg+xml" href=(assets::ICON.url());
            link rel="stylesheet" href=(assets::CSS.url());
            script src=(assets::JS.url()) defer {}
        }
    }
}

/// A whole page within the frame.
pub(crate) fn page(chrome: &Chrome, section: Section, title: &str, body: &Markup) -> Markup {
    let t = chrome.t();
    html! {
        (DOCTYPE)
        html lang=(chrome.lang.tag()) data-theme=(chrome.theme.as_str()) {
            (head(chrome, title))
            body {
                a.skip href="#main" { (t.nav.skip) }
                div.shell {
                    (side(chrome, section))
                    div.column {
                        (top(chrome, title))
                        div #drill-banner data-live="drill" {
                            @if chrome.drill {
                                div.drill-banner role="status" {
                                    strong { (t.nav.drill_mark) } " " (t.nav.drill_banner)
                                }
                            }
                        }
                        main #main tabindex="-1" {
                            @if let Some(flash) = &chrome.flash {
                                p.flash role="status" { (flash) }
                            }
                            (body)
                        }
                    }
                }
                (keys(t))
            }
        }
    }
}

/// A page without the frame: signing in, errors of strangers.
pub(crate) fn bare(chrome: &Chrome, title: &str, body: &Markup) -> Markup {
    let t = chrome.t();
    html! {
        (DOCTYPE)
        html lang=(chrome.lang.tag()) data-theme=(chrome.theme.as_str()) {
            (head(chrome, title))
            body.bare {
                div.bare-top { (lang_switch(chrome)) }
                main.bare-main #main {
                    div.bare-brand {
                        (Icon::Shield.draw())
                        div {
                            div.brand-name { (t.nav.product) }
                            div.brand-sub { (t.nav.tagline) }
                        }
                    }
                    (body)
                }
                p.bare-foot { (t.login.notice) }
            }
        }
    }
}

/// Whether a place is offered. The audit administrator starts at the audit log instead of the
/// workbench.
fn offered(chrome: &Chrome, entry: &Entry) -> bool {
    let instead = entry.section == Section::Workbench && chrome.may(Permission::AuditLogRead);
    chrome.may(entry.needs) && !instead
}

fn side(chrome: &Chrome, active: Section) -> Markup {
    let t = chrome.t();
    html! {
        nav.side aria-label=(t.nav.main) {
            a.brand href="/" {
                (Icon::Shield.draw())
                span {
                    span.brand-name { (t.nav.product) }
                    span.brand-sub { (t.nav.tagline) }
                }
            }
            @for (label, entries) in groups(t) {
                @if entries.iter().any(|e| offered(chrome, e)) {
                    div.nav-group { (label) }
                    ul {
                        @for e in entries.iter().filter(|e| offered(chrome, e)) {
                            li {
                                a href=(e.href) aria-current=[(e.section == active).then_some("page")] {
                                    (e.icon.draw())
                                    span { (e.label) }
                                    @if e.section == Section::Alerts {
                                        span.nav-badge #nav-alerts data-live="alert" hidden[chrome.open_alerts == 0] {
                                            (parts::number(chrome.open_alerts as u64))
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn top(chrome: &Chrome, title: &str) -> Markup {
    let t = chrome.t();
    html! {
        header.top {
            div.top-title {
                h1 { (title) }
                span.top-region { (chrome.region) }
            }
            div.top-tools {
                span.clock #clock data-live="clock" title=(t.c.beijing) {
                    @match chrome.data_clock {
                        Some(at) => { span.dot {} (t.nav.clock) " " (parts::time(at, chrome.now)) }
                        None if chrome.may(Permission::SensorsRead) => { (t.nav.clock_none) }
                        None => {}
                    }
                }
                (lang_switch(chrome))
                (theme_menu(chrome))
                @if let Some(who) = &chrome.who { (account_menu(chrome, who)) }
            }
        }
    }
}

fn lang_switch(chrome: &Chrome) -> Markup {
    let other = match chrome.lang {
        Lang::Zh => Lang::En,
        Lang::En => Lang::Zh,
    };
    html! {
        a.tool href={ "/prefs?lang=" (other.pick("zh", "en")) "&to=" (parts::encode(&chrome.here)) }
            lang=(other.tag()) rel="nofollow" { (chrome.t().nav.switch_lang) }
    }
}

fn theme_menu(chrome: &Chrome) -> Markup {
    let t = chrome.t();
    html! {
        details.menu {
            summary.tool { (t.nav.theme) }
            ul.menu-list {
                @for theme in Theme::ALL {
                    li {
                        a href={ "/prefs?theme=" (theme.as_str()) "&to=" (parts::encode(&chrome.here)) }
                            rel="nofollow" aria-current=[(theme == chrome.theme).then_some("true")] {
                            (theme.label(t))
                        }
                    }
                }
            }
        }
    }
}

fn account_menu(chrome: &Chrome, who: &Who) -> Markup {
    let t = chrome.t();
    html! {
        details.menu {
            summary.tool.who {
                (Icon::User.draw())
                span { (who.name) }
                span.who-role { (who.role.label(chrome.lang)) }
            }
            ul.menu-list {
                li { a href="/account" { (t.nav.account) } }
                li {
                    (super::form::post(chrome, "/logout", "menu-form", &html! {
                        button.link type="submit" { (t.nav.logout) }
                    }))
                }
            }
        }
    }
}

fn keys(t: &Messages) -> Markup {
    html! {
        dialog #keys aria-labelledby="keys-title" {
            h2 #keys-title { (t.nav.keys_title) }
            p { (t.nav.keys) }
            form method="dialog" { button type="submit" { (t.c.close) } }
        }
    }
}
