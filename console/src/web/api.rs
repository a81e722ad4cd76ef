//! The API: the same answers as the pages, as JSON.

use centre::limits;
use centre::view::{AlertPage, Record, SearchForm};
use centre::{Caller, Error};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::reply::Reply;
use super::routes::Answer;
use super::visit::Visit;
use crate::pages::alerts::Query;
use crate::pages::search;

/// Rows of a page that does not say how many.
const ROWS: usize = 100;

pub(crate) fn value(of: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(of).map_err(|e| Error::Part { part: "api", message: e.to_string() })
}

fn rows(visit: &Visit, most: usize) -> usize {
    visit.query("rows").parse().unwrap_or(ROWS).clamp(1, most)
}

/// A page of the queue. The state `open` stands for two of `centre`'s, so that filter is applied
/// here, and its counts with it.
pub(crate) fn alert_page(
    visit: &Visit,
    caller: &Caller,
    query: &Query,
    most: usize,
) -> Result<AlertPage, Error> {
    let centre = &visit.shared.centre;
    let filter = query.filter(&caller.account);
    let mut page = centre.alerts(caller, &filter, query.skip, most)?;
    if query.state == "open" {
        let mut all = centre.all_alerts(caller, &filter)?;
        all.retain(|g| query.wants(g));
        page.total = all.len();
        for (level, count) in &mut page.by_level {
            *count = all.iter().filter(|g| g.level == *level).count();
        }
        page.rows = all.into_iter().skip(query.skip).take(most).collect();
    }
    Ok(page)
}

/// Alert groups.
pub(crate) fn alerts(visit: &Visit, caller: &Caller) -> Answer {
    let query = Query::parse(&|name| visit.query(name));
    let page = alert_page(visit, caller, &query, rows(visit, 500))?;
    let next = query.skip + page.rows.len();
    let mut out = value(&page)?;
    if let (Some(object), true) = (out.as_object_mut(), next < page.total) {
        let path = query.url(next).replacen("/alerts", "/api/v1/alerts", 1);
        object.insert("next".to_owned(), path.into());
    }
    Ok(Reply::json(out))
}

/// One alert group.
pub(crate) fn alert(visit: &Visit, caller: &Caller) -> Answer {
    let detail = visit.shared.centre.alert(caller, visit.id("id", "alert")?)?;
    Ok(Reply::json(value(&detail)?))
}

/// Search.
pub(crate) fn search(visit: &Visit, caller: &Caller) -> Answer {
    let query = search::Query::parse(&|name| visit.query(name), true);
    let after = visit.query("after");
    if !after.is_empty() && query.after.is_none() {
        return Err(Error::BadValue { field: "after" }.into());
    }
    let millis = |name: &'static str| match visit.query(name).as_str() {
        "" => Ok(None),
        text => text.parse::<u64>().map(Some).map_err(|_| Error::BadValue { field: name }),
    };
    let most = limits::SEARCH_MS_MAX;
    let form = SearchForm {
        deadline_ms: Some(millis("deadline_ms")?.unwrap_or(most).min(most)),
        slice_ms: millis("slice_ms")?,
        ..query.form(visit.shared.centre.now(), rows(visit, 10_000))
    };
    let found = visit.shared.centre.search(caller, &form)?;
    let mut out = value(&found)?;
    if let (Some(object), Some(place)) = (out.as_object_mut(), &found.next) {
        object.insert("next".to_owned(), query.older("/api/v1/search", place).into());
    }
    Ok(Reply::json(out))
}

/// Saved hunts.
pub(crate) fn hunts(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(json!({ "rows": value(&visit.shared.centre.hunts(caller)?)? })))
}

/// Schools.
pub(crate) fn schools(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(json!({ "rows": value(&visit.shared.centre.schools(caller)?)? })))
}

/// One school.
pub(crate) fn school(visit: &Visit, caller: &Caller) -> Answer {
    let detail = visit.shared.centre.school(caller, visit.id("code", "school")?)?;
    Ok(Reply::json(value(&detail)?))
}

/// Sensors.
pub(crate) fn sensors(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(json!({ "rows": value(&visit.shared.centre.sensors(caller)?)? })))
}

/// Which rules each source can feed.
pub(crate) fn coverage(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(value(&*visit.shared.centre.source_coverage(caller)?)?))
}

/// Audit runs.
pub(crate) fn runs(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(json!({ "rows": value(&visit.shared.centre.runs(caller)?)? })))
}

/// One audit run.
pub(crate) fn run(visit: &Visit, caller: &Caller) -> Answer {
    let detail = visit.shared.centre.run(caller, visit.id("id", "run")?)?;
    Ok(Reply::json(value(&detail)?))
}

/// Drills.
pub(crate) fn drills(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(json!({ "rows": value(&visit.shared.centre.drills(caller)?)? })))
}

/// One drill.
pub(crate) fn drill(visit: &Visit, caller: &Caller) -> Answer {
    let detail = visit.shared.centre.drill(caller, visit.id("id", "drill")?)?;
    Ok(Reply::json(value(&detail)?))
}

/// A record as one line of an export: head fields, then the record's own under `fields`.
pub(crate) fn record(r: &Record) -> Value {
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in &r.fields {
        match fields.get_mut(*name) {
            None => {
                fields.insert((*name).to_owned(), value.clone());
            }
            Some(Value::Array(all)) => all.push(value.clone()),
            Some(one) => *one = json!([one.take(), value]),
        }
    }
    json!({
        "id": r.id, "time": r.time, "received": r.received, "site": r.site,
        "sensor": r.sensor, "logsource": r.logsource, "exercise": r.exercise,
        "fields": fields, "raw": r.raw, "masked": r.masked,
    })
}
