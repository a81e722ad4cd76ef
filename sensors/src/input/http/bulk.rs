//! The part of Elasticsearch's API that log shippers use: `_bulk` with a status per item, and the
//! questions they ask before they send.
//!
//! `index` and `create` are taken; `update` and `delete` are answered 400, for a journal has
//! neither. A busy intake gives 429 per item, which shippers send again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use events::Timestamp;
use serde_json::{Value, json};

use super::Server;
use super::answer::Failure;
use super::body::lines;
use super::ingest::push;
use super::posted::Posted;
use crate::context::Refused;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::BODY_RECORDS_MAX;

/// The version answered: one that current shippers accept.
const VERSION: &str = "8.17.0";

/// What a body asked for.
#[derive(Default)]
pub(super) struct Asked {
    /// Those that differ from the one before: shippers mostly send the same one again and again.
    actions: Vec<Action>,
    /// Of every item the number of its action, and what became of it.
    items: Vec<(usize, Outcome)>,
}

struct Action {
    op: Op,
    index: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Index,
    Create,
    Update,
    Delete,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// In the batch of this number.
    Batch(usize),
    Unsupported,
}

/// `POST /_bulk`.
pub(crate) async fn bulk(
    State(server): State<Arc<Server>>,
    request: Request,
) -> Result<Response, Failure> {
    let (asked, batches) = Posted::take(&server.feed, request).await?.read(read).await?;
    let mut outcomes = Vec::with_capacity(batches.len());
    let mut refused = None;
    for batch in batches {
        // Once refused, the rest of this request is not tried: order is kept.
        if refused.is_none() {
            refused = server.feed.offer(batch).await.err();
        }
        outcomes.push(refused);
    }
    Ok(answer(&asked, &outcomes))
}

pub(super) fn read(
    feed: &Feed,
    bytes: &[u8],
    origin: Origin,
    received: Timestamp,
) -> Result<(Asked, Vec<Batch>), Failure> {
    let mut lines = lines(bytes);
    let (mut asked, mut batches) = (Asked::default(), vec![Batch::default()]);
    let mut last: &[u8] = b"";
    while let Some(line) = lines.next() {
        if line != last {
            asked.actions.push(action(line)?);
            last = line;
        }
        let Some(Action { op, .. }) = asked.actions.last() else { return Err(Failure::BadAction) };
        let outcome = match op {
            Op::Index | Op::Create => {
                let document = lines.next().ok_or(Failure::BadAction)?;
                if batches.last().is_none_or(Batch::is_full) {
                    batches.push(Batch::default());
                }
                let at = batches.len() - 1;
                push(feed, &mut batches[at], document, origin, received);
                Outcome::Batch(at)
            }
            Op::Update => {
                let _document = lines.next().ok_or(Failure::BadAction)?;
                Outcome::Unsupported
            }
            Op::Delete => Outcome::Unsupported,
        };
        asked.items.push((asked.actions.len() - 1, outcome));
        if asked.items.len() > BODY_RECORDS_MAX {
            return Err(Failure::TooMany);
        }
    }
    Ok((asked, batches))
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// `{"create":{"_index":"logs"}}`.
fn action(line: &[u8]) -> Result<Action, Failure> {
    let value: Value = serde_json::from_slice(line).map_err(|_| Failure::BadAction)?;
    let object = value.as_object().filter(|o| o.len() == 1).ok_or(Failure::BadAction)?;
    let (op, about) = object.iter().next().ok_or(Failure::BadAction)?;
    let op = [Op::Index, Op::Create, Op::Update, Op::Delete].into_iter().find(|o| o.name() == op);
    let index = about.get("_index").and_then(Value::as_str).map(str::to_owned);
    Ok(Action { op: op.ok_or(Failure::BadAction)?, index })
}

fn answer(asked: &Asked, outcomes: &[Option<Refused>]) -> Response {
    let (mut errors, mut items) = (false, String::new());
    // What is said of one item is mostly said of the next.
    let (mut last, mut said) = (None, String::new());
    for item @ (at, outcome) in &asked.items {
        if last != Some(item) {
            let Some(action) = asked.actions.get(*at) else { continue };
            let refused = refusal(*outcome, outcomes);
            errors |= refused.is_some();
            said = about(action, refused).to_string();
            last = Some(item);
        }
        if !items.is_empty() {
            items.push(',');
        }
        items.push_str(&said);
    }
    let body = format!(r#"{{"took":0,"errors":{errors},"items":[{items}]}}"#);
    product(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Status, type and reason.
type Refusal = (u16, &'static str, &'static str);

fn refusal(outcome: Outcome, outcomes: &[Option<Refused>]) -> Option<Refusal> {
    let Outcome::Batch(at) = outcome else {
        return Some((400, "illegal_argument_exception", "only index and create"));
    };
    Some(match outcomes.get(at).copied().flatten()? {
        Refused::Busy => (429, "es_rejected_execution_exception", "busy"),
        Refused::Full => (503, "disk_full", "the disk is full"),
        Refused::Closed => (503, "closed", "the node is stopping"),
    })
}

/// What the answer says of one item.
fn about(action: &Action, refused: Option<Refusal>) -> Value {
    let index = action.index.as_deref().unwrap_or("logs");
    let body = match refused {
        None => json!({ "_index": index, "status": 201, "result": "created" }),
        Some((status, kind, reason)) => json!({
            "_index": index,
            "status": status,
            "error": { "type": kind, "reason": reason },
        }),
    };
    json!({ action.op.name(): body })
}

/// Clients of Elastic refuse a server without this header.
fn product(mut response: Response) -> Response {
    response.headers_mut().insert(
        HeaderName::from_static("x-elastic-product"),
        HeaderValue::from_static("Elasticsearch"),
    );
    response
}

/// `GET /`.
pub(crate) async fn version() -> Response {
    product(
        Json(json!({
            "name": "xuedun",
            "cluster_name": "xuedun",
            "version": {
                "number": VERSION,
                "build_flavor": "default",
                "minimum_wire_compatibility_version": "7.17.0",
                "minimum_index_compatibility_version": "7.0.0",
            },
            "tagline": "You Know, for Search",
        }))
        .into_response(),
    )
}

/// `GET /_cluster/health`: Vector asks before it sends.
pub(crate) async fn health() -> Response {
    product(Json(json!({ "cluster_name": "xuedun", "status": "green" })).into_response())
}

/// `GET /_license` and `/_xpack`: what default Beats ask for.
pub(crate) async fn license() -> Response {
    let uid = "00000000-0000-0000-0000-000000000000";
    let license = json!({ "status": "active", "type": "basic", "mode": "basic", "uid": uid });
    product(Json(json!({ "license": license, "features": {} })).into_response())
}

/// `GET /_nodes/http`: no node to sniff.
pub(crate) async fn nodes() -> Response {
    product(Json(json!({ "nodes": {} })).into_response())
}

/// Templates and lifecycles are not needed here; shippers set them up before they send.
pub(crate) async fn acknowledged() -> Response {
    product(Json(json!({ "acknowledged": true })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::BATCH_EVENTS_MAX;

    /// Of every item: operation, index, status.
    async fn said(body: &str, outcomes: &[Option<Refused>]) -> Vec<(String, String, u64)> {
        let feed = crate::fuzzing::feed();
        let read = read(feed, body.as_bytes(), Origin::default(), Timestamp::default());
        let (asked, batches) = read.unwrap_or_else(|_| panic!("a bulk body"));
        assert_eq!(batches.len(), outcomes.len());
        let body = answer(&asked, outcomes).into_body();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        let items = answer["items"].as_array().unwrap();
        let fails = |i: &Value| i.as_object().unwrap().values().any(|v| v["status"] != 201);
        assert_eq!(answer["errors"], items.iter().any(fails));
        let each = items.iter().flat_map(|item| item.as_object().unwrap());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        each.map(|(op, v)| (op.clone(), text(&v["_index"]), v["status"].as_u64().unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn every_item_is_answered_as_it_was_asked() {
        let (same, other) = ("{\"create\":{}}\n{}\n", "{\"index\":{\"_index\":\"w\\\"eb\"}}\n{}\n");
        let body = [same, same, other, same, "{\"delete\":{}}\n", "{\"delete\":{}}\n", other];
        let item = |op: &str, index: &str, status| (op.to_owned(), index.to_owned(), status);
        let (create, index) = (item("create", "logs", 201), item("index", "w\"eb", 201));
        let delete = item("delete", "logs", 400);
        assert_eq!(
            said(&body.concat(), &[None]).await,
            [&create, &create, &index, &create, &delete, &delete, &index].map(Clone::clone)
        );
    }

    #[tokio::test]
    async fn the_same_item_in_a_refused_batch_is_answered_otherwise() {
        let body = "{\"create\":{}}\n{}\n".repeat(BATCH_EVENTS_MAX + 2);
        let said = said(&body, &[None, Some(Refused::Busy)]).await;
        let statuses: Vec<_> = said.iter().map(|(_, _, status)| *status).collect();
        assert_eq!(statuses.len(), BATCH_EVENTS_MAX + 2);
        assert_eq!(statuses.iter().filter(|s| **s == 201).count(), BATCH_EVENTS_MAX);
        assert_eq!(statuses[BATCH_EVENTS_MAX..], [429, 429]);
    }
}
