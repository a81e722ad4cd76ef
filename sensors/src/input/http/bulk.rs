//! The part of Elasticsearch's API that log shippers use: `_bulk` with a status per item, and the
//! questions they ask before they send.
//!
//! `index` and `create` are taken; `update` and `delete` are answered 400, for a journal has
//! neither. A busy intake gives 429 per item, which shippers send again.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use events::Timestamp;
use serde_json::{Value, json};

use super::Server;
use super::answer::Failure;
use super::body::{blocking, body, lines};
use super::ingest::push;
use crate::context::Refused;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::BODY_RECORDS_MAX;

/// The version answered: one that current shippers accept.
const VERSION: &str = "8.17.0";

/// One item of the answer.
pub(super) struct Item {
    op: &'static str,
    index: Option<String>,
    outcome: Outcome,
}

enum Outcome {
    /// In the batch of this number.
    Batch(usize),
    Unsupported,
}

/// `POST /_bulk`.
pub(crate) async fn bulk(
    State(server): State<Arc<Server>>,
    Extension(origin): Extension<Origin>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, stream) = request.into_parts();
    let bytes = body(&parts.headers, stream).await?;
    let received = server.feed.context.clock.now();
    let feed = server.feed.clone();
    let (items, batches) = blocking(move || read(&feed, &bytes, origin, received)).await??;
    let mut outcomes = Vec::with_capacity(batches.len());
    let mut refused = None;
    for batch in batches {
        // Once refused, the rest of this request is not tried: order is kept.
        if refused.is_none() {
            refused = server.feed.offer(batch).await.err();
        }
        outcomes.push(refused);
    }
    Ok(answer(&items, &outcomes))
}

pub(super) fn read(
    feed: &Feed,
    bytes: &[u8],
    origin: Origin,
    received: Timestamp,
) -> Result<(Vec<Item>, Vec<Batch>), Failure> {
    let mut lines = lines(bytes);
    let (mut items, mut batches) = (Vec::new(), vec![Batch::default()]);
    while let Some(line) = lines.next() {
        let (op, index) = action(line)?;
        let outcome = match op {
            "index" | "create" => {
                let document = lines.next().ok_or(Failure::BadAction)?;
                if batches.last().is_none_or(Batch::is_full) {
                    batches.push(Batch::default());
                }
                let at = batches.len() - 1;
                push(feed, &mut batches[at], document, origin, received);
                Outcome::Batch(at)
            }
            "update" => {
                let _document = lines.next().ok_or(Failure::BadAction)?;
                Outcome::Unsupported
            }
            _ => Outcome::Unsupported,
        };
        items.push(Item { op, index, outcome });
        if items.len() > BODY_RECORDS_MAX {
            return Err(Failure::TooMany);
        }
    }
    Ok((items, batches))
}

/// `{"create":{"_index":"logs"}}`.
fn action(line: &[u8]) -> Result<(&'static str, Option<String>), Failure> {
    let value: Value = serde_json::from_slice(line).map_err(|_| Failure::BadAction)?;
    let object = value.as_object().filter(|o| o.len() == 1).ok_or(Failure::BadAction)?;
    let (op, about) = object.iter().next().ok_or(Failure::BadAction)?;
    let op = ["index", "create", "update", "delete"].into_iter().find(|known| known == op);
    let index = about.get("_index").and_then(Value::as_str).map(str::to_owned);
    Ok((op.ok_or(Failure::BadAction)?, index))
}

fn answer(items: &[Item], outcomes: &[Option<Refused>]) -> Response {
    let mut errors = false;
    let items: Vec<Value> = items
        .iter()
        .map(|item| {
            let refused = match item.outcome {
                Outcome::Batch(at) => match outcomes.get(at).copied().flatten() {
                    None => None,
                    Some(Refused::Busy) => Some((429, "es_rejected_execution_exception", "busy")),
                    Some(Refused::Full) => Some((503, "disk_full", "the disk is full")),
                    Some(Refused::Closed) => Some((503, "closed", "the node is stopping")),
                },
                Outcome::Unsupported => {
                    Some((400, "illegal_argument_exception", "only index and create"))
                }
            };
            let index = item.index.as_deref().unwrap_or("logs");
            let body = match refused {
                None => json!({ "_index": index, "status": 201, "result": "created" }),
                Some((status, kind, reason)) => {
                    errors = true;
                    json!({
                        "_index": index,
                        "status": status,
                        "error": { "type": kind, "reason": reason },
                    })
                }
            };
            json!({ item.op: body })
        })
        .collect();
    product(Json(json!({ "took": 0, "errors": errors, "items": items })).into_response())
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
