//! What people see: from a request to `centre` to a page.

use std::collections::BTreeMap;

use centre::alert::AlertFilter;
use centre::hunt::Often;
use centre::{Caller, Error, Permission};
use events::{RunId, SiteId, Text};

use super::fail::Fail;
use super::reply::Reply;
use super::routes::Answer;
use super::visit::{Visit, local_path};
use crate::assets;
use crate::pages::audit_log::Chain;
use crate::pages::login::LoginForm;
use crate::pages::search::{BadQuery, Found};
use crate::pages::{self, alerts as queue, search as hunt, workbench as bench};

/// Rows of one page of the queue.
const QUEUE_ROWS: usize = 100;
/// Rows of one page of the audit log.
const LOG_ROWS: usize = 100;

/// The login page; whoever is signed in goes on.
pub(crate) fn login(visit: &Visit) -> Answer {
    let to = local_path(&visit.query("to")).to_owned();
    if visit.caller.is_some() {
        return Ok(Reply::goto(to));
    }
    let form = LoginForm { to, ..LoginForm::default() };
    Ok(Reply::page(pages::login::login(&visit.chrome(), &form)))
}

/// The page of a one-time link. Looking at it does not use it.
pub(crate) fn login_once(visit: &Visit) -> Answer {
    Ok(Reply::page(pages::login::once(&visit.chrome(), &visit.query("token"), None)))
}

/// Style, script, icon.
pub(crate) fn asset(visit: &Visit) -> Answer {
    let path = format!("/assets/{}", visit.param("name"));
    assets::find(&path).map(Reply::asset).ok_or(Fail::NoRoute)
}

/// The first page a role may see.
pub(crate) fn home(visit: &Visit, caller: &Caller) -> Answer {
    let may = |p: Permission| caller.role.may(p);
    if may(Permission::Workbench) && !may(Permission::AuditLogRead) {
        return workbench(visit, caller);
    }
    Ok(Reply::goto(if may(Permission::AuditLogRead) {
        "/audit-log"
    } else if may(Permission::ComplianceRead) {
        "/compliance"
    } else {
        "/account"
    }))
}

/// Names of the schools in scope, and of the bureau.
fn names(visit: &Visit, caller: &Caller) -> Vec<(SiteId, Text)> {
    let directory = visit.shared.centre.directory();
    let scope = caller.scope();
    let schools = directory.schools().filter(|s| scope.holds(s.code));
    let mut names: Vec<(SiteId, Text)> = schools.map(|s| (s.code, s.name.clone())).collect();
    if scope.holds(SiteId::BUREAU) {
        names.push((SiteId::BUREAU, directory.name().clone()));
    }
    names
}

fn workbench(visit: &Visit, caller: &Caller) -> Answer {
    let centre = &visit.shared.centre;
    let work = centre.workbench(caller)?;
    let all = if caller.role.may(Permission::AlertsRead) {
        centre.all_alerts(caller, &AlertFilter::default())?
    } else {
        Vec::new()
    };
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for technique in all.iter().filter(|g| g.is_open()).flat_map(|g| &g.attack) {
        *counts.entry(technique).or_default() += 1;
    }
    let mut techniques: Vec<(String, u64)> =
        counts.into_iter().map(|(t, n)| (t.to_uppercase(), n)).collect();
    techniques.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let view = bench::Bench {
        raised: all.iter().map(|g| (g.raised, g.level)).collect(),
        names: names(visit, caller),
        techniques,
        work,
    };
    Ok(Reply::page(bench::workbench(&visit.chrome(), &view)))
}

/// The alert queue.
pub(crate) fn alerts(visit: &Visit, caller: &Caller) -> Answer {
    let query = queue::Query::parse(&|name| visit.query(name));
    let page = super::api::alert_page(visit, caller, &query, QUEUE_ROWS)?;
    let view = queue::View { query, page, names: names(visit, caller) };
    Ok(Reply::page(queue::alerts(&visit.chrome(), &view)))
}

/// One alert group.
pub(crate) fn alert(visit: &Visit, caller: &Caller) -> Answer {
    let detail = visit.shared.centre.alert(caller, visit.id("id", "alert")?)?;
    Ok(Reply::page(pages::alert::alert(&visit.chrome(), &detail)))
}

/// Search.
pub(crate) fn search(visit: &Visit, caller: &Caller) -> Answer {
    let asked = visit.query.iter().any(|(n, _)| n == "q");
    let query = hunt::Query::parse(&|name| visit.query(name), asked);
    let chrome = visit.chrome();
    let found = if asked {
        let form = query.form(chrome.now, hunt::ROWS);
        match visit.shared.centre.search(caller, &form) {
            Ok(page) => Found::Page(Box::new(page)),
            Err(Error::Query(e)) => Found::Bad(BadQuery {
                code: e.code.to_string(),
                message: e.message.get(visit.lang).to_owned(),
                span: (e.span.start, e.span.end),
            }),
            Err(e) => return Err(e.into()),
        }
    } else {
        Found::Nothing
    };
    let status = if matches!(found, Found::Bad(_)) { 422 } else { 200 };
    Ok(Reply::page_status(status, hunt::search(&chrome, &query, &found)))
}

/// Saved hunts.
pub(crate) fn hunts(visit: &Visit, caller: &Caller) -> Answer {
    let rows = visit.shared.centre.hunts(caller)?;
    Ok(Reply::page(pages::hunts::hunts(&visit.chrome(), &rows, &visit.query("q"))))
}

/// The draft of a rule from a saved hunt.
pub(crate) fn hunt_rule(visit: &Visit, caller: &Caller) -> Answer {
    let often = match (visit.query("threshold").trim(), visit.query("timespan").trim()) {
        ("", "") => None,
        (threshold, timespan) => Some(Often {
            threshold: threshold.parse().map_err(|_| Error::BadValue { field: "threshold" })?,
            timespan: timespan.to_owned(),
        }),
    };
    let rule = visit.shared.centre.promote_hunt(caller, &visit.query("name"), often.as_ref())?;
    Ok(Reply::file("xuedun-hunt.yml", "application/yaml", rule))
}

/// The ranking of schools.
pub(crate) fn schools(visit: &Visit, caller: &Caller) -> Answer {
    let rows = visit.shared.centre.schools(caller)?;
    Ok(Reply::page(pages::schools::schools(&visit.chrome(), &rows)))
}

/// One school.
pub(crate) fn school(visit: &Visit, caller: &Caller) -> Answer {
    let detail = visit.shared.centre.school(caller, visit.id("code", "school")?)?;
    Ok(Reply::page(pages::school::school(&visit.chrome(), &detail)))
}

/// The latest audit run.
pub(crate) fn compliance(visit: &Visit, caller: &Caller) -> Answer {
    let latest = visit.shared.centre.runs(caller)?.first().map(|r| r.id);
    run_page(visit, caller, latest)
}

/// One audit run.
pub(crate) fn run(visit: &Visit, caller: &Caller) -> Answer {
    run_page(visit, caller, Some(visit.id("id", "run")?))
}

fn run_page(visit: &Visit, caller: &Caller, id: Option<RunId>) -> Answer {
    let centre = &visit.shared.centre;
    let view = pages::compliance::View {
        runs: centre.runs(caller)?,
        detail: id.map(|id| centre.run(caller, id)).transpose()?,
        progress: centre.audit_progress(),
        verdict: visit.query("verdict"),
    };
    Ok(Reply::page(pages::compliance::compliance(&visit.chrome(), &view)))
}

/// Inventories of student data.
pub(crate) fn data(visit: &Visit, caller: &Caller) -> Answer {
    let entries = visit.shared.centre.inventories(caller)?;
    Ok(Reply::page(pages::data::data(&visit.chrome(), &entries)))
}

/// Drills.
pub(crate) fn drills(visit: &Visit, caller: &Caller) -> Answer {
    let centre = &visit.shared.centre;
    let view = pages::drills::View {
        rows: centre.drills(caller)?,
        plans: centre.drill_plans(caller)?,
        names: names(visit, caller),
    };
    Ok(Reply::page(pages::drills::drills(&visit.chrome(), &view)))
}

/// One drill's board.
pub(crate) fn drill(visit: &Visit, caller: &Caller) -> Answer {
    let detail = visit.shared.centre.drill(caller, visit.id("id", "drill")?)?;
    Ok(Reply::page(pages::drill::drill(&visit.chrome(), &detail)))
}

/// A drill's after-action report.
pub(crate) fn drill_report(visit: &Visit, caller: &Caller) -> Answer {
    let caller = Caller { lang: visit.lang, ..caller.clone() };
    Ok(Reply::html(visit.shared.centre.drill_report(&caller, visit.id("id", "drill")?)?))
}

/// Sensors.
pub(crate) fn sensors(visit: &Visit, caller: &Caller) -> Answer {
    let centre = &visit.shared.centre;
    let rows = centre.sensors(caller)?;
    Ok(Reply::page(pages::sensors::sensors(&visit.chrome(), &rows, &centre.figures())))
}

/// Which rules each source can feed.
pub(crate) fn coverage(visit: &Visit, caller: &Caller) -> Answer {
    let found = visit.shared.centre.source_coverage(caller)?;
    Ok(Reply::page(pages::coverage::coverage(&visit.chrome(), &found)))
}

/// The audit log.
pub(crate) fn audit_log(visit: &Visit, caller: &Caller) -> Answer {
    let centre = &visit.shared.centre;
    let rows = centre.audit_log(caller, visit.query("before").parse().ok(), LOG_ROWS)?;
    let chain = match centre.verify_audit_log(caller)? {
        Ok(n) => Chain::Whole(n),
        Err(at) => Chain::Broken(at),
    };
    Ok(Reply::page(pages::audit_log::audit_log(&visit.chrome(), &rows, chain)))
}

/// One's own account.
pub(crate) fn account(visit: &Visit, caller: &Caller) -> Answer {
    let own = visit.shared.centre.own_account(caller)?;
    Ok(Reply::page(pages::account::account(&visit.chrome(), &own, None, None)))
}
