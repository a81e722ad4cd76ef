//! Splunk's HTTP event collector: `event` (JSON objects one after the other, each with the event
//! inside) and `raw` (lines).
//!
//! Answered only when durable, so a plain success already is the acknowledgement; the separate
//! acknowledgement channel is answered as disabled. The record kept is the event inside; what its
//! envelope says (time, host, source, sourcetype, fields) stands beside it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::{Extension, Query, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use events::{FieldId, SiteId, Timestamp, Value as FieldValue, field as column};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::answer::Failure;
use super::body::lines;
use super::posted::Posted;
use super::{Peer, Server, auth};
use crate::context::Refused;
use crate::decode::Aside;
use crate::decode::time;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::{BODY_RECORDS_MAX, RECORD_BYTES_MAX};

pub(super) fn router(server: &Arc<Server>) -> Router<Arc<Server>> {
    let mut router = Router::new()
        .route("/services/collector/raw", post(raw))
        .route("/services/collector/raw/1.0", post(raw))
        .route("/services/collector/ack", any(|| async { Reply::AckDisabled }));
    for path in ["", "/event", "/event/1.0"] {
        router = router.route(&format!("/services/collector{path}"), post(event));
    }
    // Load balancers ask for its health without a token, as of Splunk's.
    router
        .layer(axum::middleware::from_fn_with_state(Arc::clone(server), authorise))
        .route("/services/collector/health", get(|| async { Reply::Healthy }))
        .route("/services/collector/health/1.0", get(|| async { Reply::Healthy }))
}

/// What is answered, with Splunk's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Success,
    NoToken,
    BadScheme,
    BadToken,
    TokenInQuery,
    NoData,
    /// What is wrong with the event of this number, from 0.
    Invalid(Fault, usize),
    Busy,
    Full,
    AckDisabled,
    Healthy,
    Failed(Failure),
}

/// Why what stands in a body is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Format,
    NoEvent,
    Blank,
    Fields,
}

impl Fault {
    const fn parts(self) -> (u16, &'static str) {
        match self {
            Self::Format => (6, "Invalid data format"),
            Self::NoEvent => (12, "Event field is required"),
            Self::Blank => (13, "Event field cannot be blank"),
            Self::Fields => (15, "Error in handling indexed fields"),
        }
    }
}

impl Reply {
    fn parts(self) -> (StatusCode, u16, &'static str) {
        match self {
            Self::Success => (StatusCode::OK, 0, "Success"),
            Self::NoToken => (StatusCode::UNAUTHORIZED, 2, "Token is required"),
            Self::BadScheme => (StatusCode::UNAUTHORIZED, 3, "Invalid authorization"),
            Self::BadToken => (StatusCode::FORBIDDEN, 4, "Invalid token"),
            Self::TokenInQuery => {
                (StatusCode::BAD_REQUEST, 16, "Query string authorization is not enabled")
            }
            Self::NoData => (StatusCode::BAD_REQUEST, 5, "No data"),
            Self::Invalid(fault, _) => {
                let (code, text) = fault.parts();
                (StatusCode::BAD_REQUEST, code, text)
            }
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, 9, "Server is busy"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, 9, "The disk is full"),
            Self::AckDisabled => (StatusCode::BAD_REQUEST, 14, "ACK is disabled"),
            Self::Healthy => (StatusCode::OK, 17, "HEC is healthy"),
            Self::Failed(failure) => {
                let (status, _, reason) = failure.parts();
                (status, 8, reason)
            }
        }
    }
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Intake(Refused::Busy | Refused::Closed) => Self::Busy,
            Failure::Intake(Refused::Full) => Self::Full,
            // A body that does not inflate.
            Failure::BadEncoding => Self::Invalid(Fault::Format, 0),
            other => Self::Failed(other),
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let (status, code, text) = self.parts();
        let mut body = json!({ "text": text, "code": code });
        if let Self::Invalid(_, number) = self {
            body["invalid-event-number"] = number.into();
        }
        (status, Json(body)).into_response()
    }
}

async fn authorise(
    State(server): State<Arc<Server>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: axum::middleware::Next,
) -> Response {
    let site = match opened(&server, &request) {
        Ok(site) => site,
        Err(reply) => {
            let (_, code, reason) = Failure::Unauthorised.parts();
            server.feed.counters.turned_away(peer.0, format_args!("{reason} ({code})"));
            return reply.into_response();
        }
    };
    request.extensions_mut().insert(Origin { address: Some(peer.0), site });
    next.run(request).await
}

/// The school that a request's token stands for. A token in the address would stand in the logs of
/// whatever lies between: one that is right is refused by its own number, as Splunk does unless told
/// otherwise.
fn opened(server: &Server, request: &Request) -> Result<Option<SiteId>, Reply> {
    let headers = request.headers();
    if let Some(secret) = auth::secret(headers) {
        return server.tokens.open(&secret).ok_or(Reply::BadToken);
    }
    if headers.contains_key(header::AUTHORIZATION) {
        return Err(Reply::BadScheme);
    }
    let token = token_of(request.uri()).ok_or(Reply::NoToken)?;
    server.tokens.open(token.as_bytes()).ok_or(Reply::BadToken)?;
    Err(Reply::TokenInQuery)
}

fn token_of(uri: &Uri) -> Option<String> {
    #[derive(Deserialize)]
    struct Asked {
        token: String,
    }
    Query::<Asked>::try_from_uri(uri).ok().map(|asked| asked.0.token)
}

/// What stands around an event.
#[derive(Debug, Default, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    event: Option<&'a RawValue>,
    /// Seconds since 1970, as a number or a text.
    #[serde(default)]
    time: Option<Value>,
    #[serde(flatten)]
    about: About,
    #[serde(default)]
    fields: Value,
}

/// What an envelope says of an event, and a `raw` request's query of all its lines.
#[derive(Clone, Debug, Default, Deserialize)]
struct About {
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    sourcetype: Option<String>,
    #[serde(default)]
    index: Option<String>,
}

async fn event(State(server): State<Arc<Server>>, request: Request) -> Result<Reply, Reply> {
    let posted = Posted::take(&server.feed, request).await?;
    let (batch, invalid) = posted.read(read_events).await?;
    if batch.is_empty() {
        return Err(Reply::NoData);
    }
    server.feed.offer(batch).await.map_err(Failure::Intake)?;
    Ok(invalid.map_or(Reply::Success, |(fault, number)| Reply::Invalid(fault, number)))
}

/// The events of a body. One that is no event ends the body, as with Splunk; what is left of it is
/// kept as one undecodable record.
pub(super) fn read_events(
    feed: &Feed,
    bytes: &[u8],
    origin: Origin,
    received: Timestamp,
) -> Result<(Batch, Option<(Fault, usize)>), Failure> {
    let mut batch = Batch::default();
    let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter::<Envelope<'_>>();
    let mut number = 0;
    loop {
        let start = stream.byte_offset();
        let Some(next) = stream.next() else { return Ok((batch, None)) };
        let envelope = next.map_err(|_| Fault::Format);
        let read = envelope.as_ref().map_err(|fault| *fault).and_then(Envelope::read);
        let (record, aside) = match read {
            Ok(read) => read,
            Err(fault) => {
                let rest = &bytes[start..];
                let kept = &rest[..rest.len().min(RECORD_BYTES_MAX)];
                let cut = kept.len() < rest.len();
                feed.record(&mut batch, kept, cut, origin, received);
                return Ok((batch, Some((fault, number))));
            }
        };
        number += 1;
        if number > BODY_RECORDS_MAX {
            return Err(Failure::TooMany);
        }
        let kept = &record.as_bytes()[..record.len().min(RECORD_BYTES_MAX)];
        let cut = kept.len() < record.len();
        feed.record_beside(&mut batch, kept, cut, origin, received, &aside);
    }
}

impl Envelope<'_> {
    /// The record inside, and what stands beside it.
    fn read(&self) -> Result<(Cow<'_, str>, Aside<'_>), Fault> {
        let event = self.event.ok_or(Fault::NoEvent)?;
        // A text is the record itself; anything else is JSON.
        let text = serde_json::from_str::<Cow<'_, str>>(event.get()).ok();
        let record = text.unwrap_or(Cow::Borrowed(event.get()));
        if record.is_empty() {
            return Err(Fault::Blank);
        }
        let mut aside = self.about.aside();
        aside.time = match &self.time {
            Some(Value::Number(n)) => time::epoch(&n.to_string()),
            Some(Value::String(s)) => time::epoch(s),
            _ => None,
        };
        match &self.fields {
            Value::Null => {}
            Value::Object(fields) => fields.iter().try_for_each(|f| field(f, &mut aside))?,
            _ => return Err(Fault::Fields),
        }
        Ok((record, aside))
    }
}

/// A field beside an event: one value, or a list of them. Objects are refused, as by Splunk.
fn field<'a>((name, value): (&'a String, &'a Value), aside: &mut Aside<'a>) -> Result<(), Fault> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    for value in values {
        match value {
            Value::Null => {}
            Value::String(s) => aside.add(name, FieldValue::Str(s)),
            Value::Bool(b) => aside.add(name, FieldValue::Bool(*b)),
            Value::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(i), _) => aside.add(name, FieldValue::Int(i)),
                (None, Some(f)) => aside.add(name, FieldValue::Float(f)),
                (None, None) => {}
            },
            Value::Array(_) | Value::Object(_) => return Err(Fault::Fields),
        }
    }
    Ok(())
}

impl About {
    fn aside(&self) -> Aside<'_> {
        let mut aside = Aside::default();
        if let Some(host) = &self.host {
            aside.fields.push((column::HOST_NAME, FieldValue::Str(host)));
        }
        for (name, value) in [
            ("splunk.source", &self.source),
            ("splunk.sourcetype", &self.sourcetype),
            ("splunk.index", &self.index),
        ] {
            if let (Some(id), Some(value)) = (FieldId::intern(name), value) {
                aside.fields.push((id, FieldValue::Str(value)));
            }
        }
        aside
    }
}

async fn raw(
    State(server): State<Arc<Server>>,
    Query(about): Query<About>,
    request: Request,
) -> Result<Reply, Reply> {
    let posted = Posted::take(&server.feed, request).await?;
    let batch = posted.read(move |feed, bytes, origin, received| {
        let (mut batch, aside) = (Batch::default(), about.aside());
        for (number, line) in lines(bytes).enumerate() {
            if number >= BODY_RECORDS_MAX {
                return Err(Failure::TooMany);
            }
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let kept = &line[..line.len().min(RECORD_BYTES_MAX)];
            let cut = kept.len() < line.len();
            feed.record_beside(&mut batch, kept, cut, origin, received, &aside);
        }
        Ok(batch)
    });
    let batch = batch.await?;
    if batch.is_empty() {
        return Err(Reply::NoData);
    }
    server.feed.offer(batch).await.map_err(Failure::Intake)?;
    Ok(Reply::Success)
}
