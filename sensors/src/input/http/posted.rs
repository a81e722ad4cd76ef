//! A request with its body: what all protocols begin with.

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use events::Timestamp;

use super::answer::Failure;
use super::body::{blocking, body};
use crate::feed::{Feed, Origin};

/// A request whose body is here, whole and inflated.
pub(super) struct Posted {
    pub(super) headers: HeaderMap,
    bytes: Bytes,
    origin: Origin,
    received: Timestamp,
    feed: Feed,
}

impl Posted {
    pub(super) async fn take(feed: &Feed, request: Request) -> Result<Self, Failure> {
        let (parts, stream) = request.into_parts();
        let bytes = body(&parts.headers, stream).await?;
        // Set where its token was looked at, before any handler runs.
        let origin = parts.extensions.get().copied().ok_or(Failure::Unauthorised)?;
        let received = feed.context.clock.now();
        Ok(Self { headers: parts.headers, bytes, origin, received, feed: feed.clone() })
    }

    /// Reads the body beside the connections.
    pub(super) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&Feed, &[u8], Origin, Timestamp) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        blocking(move || read(&self.feed, &self.bytes, self.origin, self.received)).await?
    }
}
