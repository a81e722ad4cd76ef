//! Reveal requests, as pages and as JSON: the same calls of `centre` behind both.

use centre::facade::reveals::RevealForm;
use centre::reveal::RevealScope;
use centre::{Caller, Error};
use events::{EventId, RevealId};
use serde_json::json;

use super::actions;
use super::api::value;
use super::fail::Fail;
use super::reply::Reply;
use super::routes::Answer;
use super::visit::Visit;
use crate::pages::reveals as pages;

/// The list, and the forms to ask; links from elsewhere fill them in.
pub(crate) fn list(visit: &Visit, caller: &Caller) -> Answer {
    let rows = visit.shared.centre.reveals(caller)?;
    let draft = pages::Draft {
        dataset: visit.query("dataset"),
        columns: visit.query("columns"),
        records: visit.query("records"),
    };
    Ok(Reply::page(pages::reveals(&visit.chrome(), &rows, &draft)))
}

/// One request.
pub(crate) fn one(visit: &Visit, caller: &Caller) -> Answer {
    let detail = visit.shared.centre.reveal(caller, id(visit)?)?;
    Ok(Reply::page(pages::reveal(&visit.chrome(), &detail)))
}

/// Asks.
pub(crate) fn ask(visit: &Visit, caller: &Caller) -> Answer {
    let request = visit.shared.centre.ask_reveal(caller, asked(visit)?)?;
    Ok(actions::done(visit, format!("/reveals/{}", request.id), "asked"))
}

/// Approves.
pub(crate) fn approve(visit: &Visit, caller: &Caller) -> Answer {
    decided(visit, caller, true)
}

/// Refuses.
pub(crate) fn refuse(visit: &Visit, caller: &Caller) -> Answer {
    decided(visit, caller, false)
}

/// The log records in the clear, once: the answer to a form, so that no link and no reload shows
/// them again.
pub(crate) fn open(visit: &Visit, caller: &Caller) -> Answer {
    let id = id(visit)?;
    let records = visit.shared.centre.open_reveal(caller, id)?;
    Ok(Reply::page(pages::opened(&visit.chrome(), &records)))
}

fn decided(visit: &Visit, caller: &Caller, yes: bool) -> Answer {
    let id = id(visit)?;
    visit.shared.centre.decide_reveal(caller, id, yes, &visit.field("note"))?;
    Ok(actions::done(visit, format!("/reveals/{id}"), "asked"))
}

/// The list as JSON.
pub(crate) fn api_list(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(json!({ "rows": value(&visit.shared.centre.reveals(caller)?)? })))
}

/// One request as JSON.
pub(crate) fn api_one(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(value(&visit.shared.centre.reveal(caller, id(visit)?)?)?))
}

/// Asks; the request as JSON.
pub(crate) fn api_ask(visit: &Visit, caller: &Caller) -> Answer {
    Ok(Reply::json(value(&visit.shared.centre.ask_reveal(caller, asked(visit)?)?)?))
}

/// Approves; the request as JSON.
pub(crate) fn api_approve(visit: &Visit, caller: &Caller) -> Answer {
    api_decided(visit, caller, true)
}

/// Refuses; the request as JSON.
pub(crate) fn api_refuse(visit: &Visit, caller: &Caller) -> Answer {
    api_decided(visit, caller, false)
}

/// The log records in the clear, once, as JSON.
pub(crate) fn api_open(visit: &Visit, caller: &Caller) -> Answer {
    let records = visit.shared.centre.open_reveal(caller, id(visit)?)?;
    Ok(Reply::json(json!({ "records": value(&records)? })))
}

fn api_decided(visit: &Visit, caller: &Caller, yes: bool) -> Answer {
    let done = visit.shared.centre.decide_reveal(caller, id(visit)?, yes, &visit.field("note"))?;
    Ok(Reply::json(value(&done)?))
}

fn id(visit: &Visit) -> Result<RevealId, Fail> {
    visit.id("id", "reveal request")
}

/// What a form or a program asks for: lists are one a line, or a list.
fn asked(visit: &Visit) -> Result<RevealForm, Fail> {
    let list = |name: &str| -> Vec<String> {
        let lines = visit.fields(name).flat_map(str::lines).map(str::trim);
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let ids = list("records");
    let scope = if ids.is_empty() {
        RevealScope::Dataset {
            dataset: visit.field("dataset"),
            columns: list("columns"),
            rows: list("rows"),
        }
    } else {
        let ids: Result<Vec<EventId>, _> = ids.iter().map(|id| id.parse()).collect();
        RevealScope::Records { ids: ids.map_err(|_| Error::BadValue { field: "records" })? }
    };
    let cells_max = match visit.field("cells").trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| Error::BadValue { field: "cells" })?),
    };
    Ok(RevealForm { scope, purpose: visit.field("purpose"), cells_max })
}
