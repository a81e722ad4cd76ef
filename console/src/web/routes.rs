//! The one table of routes. A route says who may use it in the same breath as what answers: there
//! is no way to write one without.

use centre::{Caller, Permission};

use super::fail::Fail;
use super::reply::Reply;
use super::visit::Visit;
use super::{actions, api, export, monitor, reveals, show};

/// What a handler gives.
pub(crate) type Answer = Result<Reply, Fail>;
type Open = fn(&Visit) -> Answer;
type Guarded = fn(&Visit, &Caller) -> Answer;

/// Who may use a route, and what answers.
#[derive(Clone, Copy)]
pub(crate) enum Access {
    /// Anybody.
    Public(Open),
    /// Whoever is signed in and holds the permission.
    Needs(Permission, Guarded),
    /// This machine itself, or whoever holds the permission.
    Local(Permission, Open),
    /// The stream of live news, for whoever holds the permission.
    Live(Permission),
}

/// For whom a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// People: errors are pages, strangers are sent to the login.
    Person,
    /// Programs: errors are problems.
    Program,
}

/// How a route is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
}

/// One route.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) verb: Verb,
    pub(crate) path: &'static str,
    pub(crate) audience: Audience,
    pub(crate) access: Access,
}

const fn page(path: &'static str, needs: Permission, handler: Guarded) -> Route {
    let access = Access::Needs(needs, handler);
    Route { verb: Verb::Get, path, audience: Audience::Person, access }
}

const fn action(path: &'static str, needs: Permission, handler: Guarded) -> Route {
    let access = Access::Needs(needs, handler);
    Route { verb: Verb::Post, path, audience: Audience::Person, access }
}

const fn data(path: &'static str, needs: Permission, handler: Guarded) -> Route {
    let access = Access::Needs(needs, handler);
    Route { verb: Verb::Get, path, audience: Audience::Program, access }
}

const fn act(path: &'static str, needs: Permission, handler: Guarded) -> Route {
    let access = Access::Needs(needs, handler);
    Route { verb: Verb::Post, path, audience: Audience::Program, access }
}

const fn open(verb: Verb, path: &'static str, audience: Audience, handler: Open) -> Route {
    Route { verb, path, audience, access: Access::Public(handler) }
}

use Audience::{Person, Program};
use Permission as P;
use Verb::{Get, Post};

/// Every route of the console.
pub(crate) const ROUTES: &[Route] = &[
    // Anybody.
    open(Get, "/login", Person, show::login),
    open(Post, "/login", Person, actions::login),
    open(Get, "/login/once", Person, show::login_once),
    open(Post, "/login/once", Person, actions::login_once),
    open(Get, "/prefs", Person, actions::prefs),
    open(Get, "/assets/{name}", Person, show::asset),
    open(Get, "/healthz", Program, monitor::healthz),
    open(Get, "/readyz", Program, monitor::readyz),
    // Pages.
    page("/", P::OwnAccount, show::home),
    page("/alerts", P::AlertsRead, show::alerts),
    page("/alerts/{id}", P::AlertsRead, show::alert),
    page("/search", P::Search, show::search),
    page("/search/export", P::Search, export::search_file),
    page("/hunts", P::Search, show::hunts),
    page("/hunts/rule", P::Search, show::hunt_rule),
    page("/schools", P::SchoolsRead, show::schools),
    page("/schools/{code}", P::SchoolsRead, show::school),
    page("/compliance", P::ComplianceRead, show::compliance),
    page("/compliance/runs/{id}", P::ComplianceRead, show::run),
    page("/data", P::RecordsRead, show::data),
    page("/reveals", P::RevealRead, reveals::list),
    page("/reveals/{id}", P::RevealRead, reveals::one),
    page("/drills", P::DrillsRead, show::drills),
    page("/drills/{id}", P::DrillsRead, show::drill),
    page("/drills/{id}/report", P::DrillsRead, show::drill_report),
    page("/sensors", P::SensorsRead, show::sensors),
    page("/sensors/coverage", P::SensorsRead, show::coverage),
    page("/audit-log", P::AuditLogRead, show::audit_log),
    page("/account", P::OwnAccount, show::account),
    // What people do.
    action("/logout", P::OwnAccount, actions::logout),
    action("/account/password", P::OwnAccount, actions::password),
    action("/account/totp", P::OwnAccount, actions::propose_totp),
    action("/account/totp/confirm", P::OwnAccount, actions::enrol_totp),
    action("/alerts/acknowledge", P::AlertsWrite, actions::acknowledge_many),
    action("/alerts/{id}/acknowledge", P::AlertsWrite, actions::acknowledge),
    action("/alerts/{id}/assign", P::AlertsWrite, actions::assign),
    action("/alerts/{id}/close", P::AlertsWrite, actions::close),
    action("/hunts/save", P::Search, actions::save_hunt),
    action("/hunts/remove", P::Search, actions::remove_hunt),
    action("/compliance/run", P::ComplianceRun, actions::run_audit),
    action("/reveals/ask", P::RevealAsk, reveals::ask),
    action("/reveals/{id}/approve", P::RevealApprove, reveals::approve),
    action("/reveals/{id}/refuse", P::RevealApprove, reveals::refuse),
    action("/reveals/{id}/open", P::RevealAsk, reveals::open),
    action("/drills/start", P::DrillsRun, actions::start_drill),
    action("/drills/{id}/act", P::DrillsRun, actions::drill_act),
    action("/drills/{id}/answer", P::DrillsRun, actions::drill_answer),
    action("/drills/{id}/end", P::DrillsRun, actions::end_drill),
    // Programs.
    Route { verb: Get, path: "/live", audience: Program, access: Access::Live(P::OwnAccount) },
    Route {
        verb: Get,
        path: "/metrics",
        audience: Program,
        access: Access::Local(P::SensorsRead, monitor::metrics),
    },
    data("/api/v1/alerts", P::AlertsRead, api::alerts),
    data("/api/v1/alerts/{id}", P::AlertsRead, api::alert),
    data("/api/v1/search", P::Search, api::search),
    data("/api/v1/search/export", P::Search, export::search_file),
    data("/api/v1/hunts", P::Search, api::hunts),
    data("/api/v1/schools", P::SchoolsRead, api::schools),
    data("/api/v1/schools/{code}", P::SchoolsRead, api::school),
    data("/api/v1/sensors", P::SensorsRead, api::sensors),
    data("/api/v1/sensors/coverage", P::SensorsRead, api::coverage),
    data("/api/v1/runs", P::ComplianceRead, api::runs),
    data("/api/v1/runs/{id}", P::ComplianceRead, api::run),
    data("/api/v1/reveals", P::RevealRead, reveals::api_list),
    data("/api/v1/reveals/{id}", P::RevealRead, reveals::api_one),
    act("/api/v1/reveals", P::RevealAsk, reveals::api_ask),
    act("/api/v1/reveals/{id}/approve", P::RevealApprove, reveals::api_approve),
    act("/api/v1/reveals/{id}/refuse", P::RevealApprove, reveals::api_refuse),
    act("/api/v1/reveals/{id}/open", P::RevealAsk, reveals::api_open),
    data("/api/v1/drills", P::DrillsRead, api::drills),
    data("/api/v1/drills/{id}", P::DrillsRead, api::drill),
];
