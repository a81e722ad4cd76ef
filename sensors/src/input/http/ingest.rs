//! `/ingest`: JSON lines, or one JSON array; taken whole or refused whole.
//!
//! With an `Idempotency-Key`, a request sent again after its answer was lost is recognised, and its
//! records are counted as duplicates.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use events::Timestamp;
use serde_json::json;

use super::Server;
use super::answer::Failure;
use super::auth::sha256;
use super::body::{elements, lines};
use super::posted::Posted;
use crate::counters::add;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::{BODY_RECORDS_MAX, IDEMPOTENCY_KEYS_MAX, RECORD_BYTES_MAX};

/// Requests that are durable, by the digest of their key: records and undecodable ones.
#[derive(Default)]
pub(crate) struct Done {
    by_key: HashMap<[u8; 32], (u64, u64)>,
    order: VecDeque<[u8; 32]>,
}

impl Done {
    fn add(&mut self, key: [u8; 32], answer: (u64, u64)) {
        if self.by_key.insert(key, answer).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > IDEMPOTENCY_KEYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
    }
}

pub(crate) async fn ingest(
    State(server): State<Arc<Server>>,
    request: Request,
) -> Result<Response, Failure> {
    let posted = Posted::take(&server.feed, request).await?;
    let key = posted.headers.get("idempotency-key").map(|key| sha256(key.as_bytes()));
    if let Some(key) = &key {
        let known = server.done().by_key.get(key).copied();
        if let Some((accepted, undecoded)) = known {
            add(&server.feed.counters.duplicates, accepted);
            return Ok(accepted_answer(accepted, undecoded));
        }
    }
    let batch = posted.read(read).await?;
    let (accepted, undecoded) = (batch.len(), batch.failed());
    server.feed.offer(batch).await.map_err(Failure::Intake)?;
    if let Some(key) = key {
        server.done().add(key, (accepted, undecoded));
    }
    Ok(accepted_answer(accepted, undecoded))
}

fn accepted_answer(accepted: u64, undecoded: u64) -> Response {
    Json(json!({ "accepted": accepted, "undecoded": undecoded })).into_response()
}

pub(super) fn read(
    feed: &Feed,
    bytes: &[u8],
    origin: Origin,
    received: Timestamp,
) -> Result<Batch, Failure> {
    let records: Vec<&[u8]> = match elements(bytes) {
        Some(elements) => elements,
        None => lines(bytes).collect(),
    };
    if records.len() > BODY_RECORDS_MAX {
        return Err(Failure::TooMany);
    }
    let mut batch = Batch::default();
    for record in records {
        push(feed, &mut batch, record, origin, received);
    }
    Ok(batch)
}

/// Decodes one record of a body, within the bound of a record.
pub(crate) fn push(
    feed: &Feed,
    batch: &mut Batch,
    record: &[u8],
    origin: Origin,
    received: Timestamp,
) {
    let record = record.strip_suffix(b"\r").unwrap_or(record);
    let kept = &record[..record.len().min(RECORD_BYTES_MAX)];
    feed.record(batch, kept, kept.len() < record.len(), origin, received);
}
