//! Refusals, and how each protocol is told of them.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::context::Refused;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Unauthorised,
    TooLarge,
    BadEncoding,
    TooMany,
    BadAction,
    BadOtlp,
    NotFound,
    Intake(Refused),
}

impl Failure {
    pub(crate) fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorised => (StatusCode::UNAUTHORIZED, "S301", "token missing or wrong"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "S302", "body too large"),
            Self::BadEncoding => (StatusCode::BAD_REQUEST, "S303", "body not readable"),
            Self::TooMany => (StatusCode::PAYLOAD_TOO_LARGE, "S304", "too many records"),
            Self::BadAction => (StatusCode::BAD_REQUEST, "S305", "not a bulk request"),
            Self::BadOtlp => (StatusCode::BAD_REQUEST, "S310", "not an OTLP logs request"),
            Self::NotFound => (StatusCode::NOT_FOUND, "S306", "nothing here"),
            Self::Intake(Refused::Busy) => {
                (StatusCode::TOO_MANY_REQUESTS, "S307", "busy, send again later")
            }
            Self::Intake(Refused::Full) => {
                // Shippers send again after 503; 507 some give up on.
                (StatusCode::SERVICE_UNAVAILABLE, "S308", "the disk is full")
            }
            Self::Intake(Refused::Closed) => {
                (StatusCode::SERVICE_UNAVAILABLE, "S309", "the node is stopping")
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, code, reason) = self.parts();
        let body = json!({
            "error": { "type": code, "reason": reason },
            "status": status.as_u16(),
        });
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                headers
                    .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
