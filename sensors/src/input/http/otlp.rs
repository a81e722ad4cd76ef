//! OpenTelemetry logs over HTTP (`POST /v1/logs`), protobuf or JSON; answered in the same form.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use prost::Message;

use super::Server;
use super::answer::Failure;
use super::posted::Posted;
use crate::decode::otlp;
use crate::feed::Batch;
use crate::limits::{BODY_RECORDS_MAX, RECORD_BYTES_MAX};

const PROTOBUF: &str = "application/x-protobuf";

/// What a refusal says (`google.rpc.Status`).
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

pub(super) async fn logs(State(server): State<Arc<Server>>, request: Request) -> Response {
    let binary = is_protobuf(request.headers());
    match take(&server, request, binary).await {
        // An empty answer says that all was taken.
        Ok(()) if binary => {
            ([(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF))], Vec::new())
                .into_response()
        }
        Ok(()) => axum::Json(serde_json::json!({})).into_response(),
        Err(failure) if binary => refused(failure),
        Err(failure) => failure.into_response(),
    }
}

async fn take(server: &Server, request: Request, binary: bool) -> Result<(), Failure> {
    let posted = Posted::take(&server.feed, request).await?;
    let batch = posted.read(move |feed, bytes, origin, received| {
        let read = if binary { otlp::read_protobuf } else { otlp::read_json };
        let request = read(bytes).map_err(|_| Failure::BadOtlp)?;
        if otlp::count(&request) > BODY_RECORDS_MAX {
            return Err(Failure::TooMany);
        }
        let mut batch = Batch::default();
        otlp::records(&request, |text, aside| {
            let kept = &text.as_bytes()[..text.len().min(RECORD_BYTES_MAX)];
            let cut = kept.len() < text.len();
            feed.record_beside(&mut batch, kept, cut, origin, received, aside);
        });
        Ok(batch)
    });
    server.feed.offer(batch.await?).await.map_err(Failure::Intake)
}

fn is_protobuf(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.trim().to_ascii_lowercase().starts_with(PROTOBUF))
}

fn refused(failure: Failure) -> Response {
    let (_, code, reason) = failure.parts();
    // gRPC's own numbers: a client of OTLP over HTTP goes by the HTTP status.
    let status = Status { code: 0, message: format!("{reason} ({code})") };
    let (mut head, _) = failure.into_response().into_parts();
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROTOBUF));
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, axum::body::Body::from(status.encode_to_vec()))
}
