//! JSON over HTTP. Requests are answered only when their events are durable.
//!
//! * `POST /ingest`: JSON lines, or one JSON array; taken whole or refused whole.
//!   With an `Idempotency-Key`, a request sent again after its answer was lost is recognised, and
//!   its records are counted as duplicates.
//! * `POST /_bulk`, `/{index}/_bulk`: as Elasticsearch, with a status per item (`bulk`), so that
//!   Beats, Fluent Bit, Vector and rsyslog send unchanged.
//!
//! The token comes as `Authorization: Bearer`, `ApiKey`, or the password of `Basic`.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use events::{Sensitive, Timestamp};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ring::digest::{SHA256, digest};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::{bulk, stopped};
use crate::context::Refused;
use crate::counters::add;
use crate::feed::{Batch, Feed};
use crate::limits::{
    BODY_BYTES_MAX, BODY_INFLATED_BYTES_MAX, BODY_RECORDS_MAX, CONNECTIONS_MAX, HANDSHAKE_MS,
    IDEMPOTENCY_KEYS_MAX, LINGER_MS, RECORD_BYTES_MAX,
};

/// One HTTP sensor.
pub(crate) struct Server {
    pub(crate) feed: Feed,
    token: Sensitive<String>,
    done: Mutex<Done>,
}

/// Requests that are durable, by the digest of their key: records and undecodable ones.
#[derive(Default)]
struct Done {
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

impl Server {
    pub(crate) fn new(feed: Feed, token: Sensitive<String>) -> Arc<Self> {
        Arc::new(Self { feed, token, done: Mutex::default() })
    }

    /// Whether a secret is the token; digests are compared, so timing tells nothing.
    fn is_token(&self, secret: &[u8]) -> bool {
        sha256(self.token.reveal().as_bytes()) == sha256(secret)
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who sent the request.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves until the sensor stops; requests on their way are answered.
pub(crate) async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let router = router(Arc::clone(&server));
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(Duration::from_millis(LINGER_MS)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            add(&server.feed.counters.connections_refused, 1);
            continue;
        };
        let router = router.clone().layer(Extension(Peer(peer.ip().to_canonical())));
        let (server, tls, stop) = (Arc::clone(&server), tls.clone(), stop.clone());
        connections.spawn(async move {
            secured(&server, stream, tls, router, stop).await;
            drop(place);
        });
    }
    while connections.join_next().await.is_some() {}
}

async fn secured(
    server: &Server,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let Some(tls) = tls else { return connection(stream, router, stop).await };
    match timeout(Duration::from_millis(HANDSHAKE_MS), tls.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, router, stop).await,
        _ => add(&server.feed.counters.connections_refused, 1),
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HANDSHAKE_MS))
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/ingest", post(ingest))
        .route("/_bulk", post(bulk::bulk).put(bulk::bulk))
        .route("/{index}/_bulk", post(bulk::bulk).put(bulk::bulk))
        .route("/", get(bulk::version))
        .route("/_license", get(bulk::license))
        .route("/_xpack", get(bulk::license))
        .route("/_nodes/http", get(bulk::nodes))
        .route("/_index_template/{name}", any(bulk::acknowledged))
        .route("/_component_template/{name}", any(bulk::acknowledged))
        .route("/_template/{name}", any(bulk::acknowledged))
        .route("/_ilm/policy/{name}", any(bulk::acknowledged))
        .fallback(|| async { Failure::NotFound })
        .layer(from_fn_with_state(Arc::clone(&server), authorise))
        .with_state(server)
}

async fn authorise(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    match secret(request.headers()) {
        Some(secret) if server.is_token(&secret) => next.run(request).await,
        _ => Failure::Unauthorised.into_response(),
    }
}

fn secret(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.as_bytes().to_vec());
    }
    let plain = base64(rest.as_bytes());
    if scheme.eq_ignore_ascii_case("basic") || scheme.eq_ignore_ascii_case("apikey") {
        // `user:password` and `id:key`; some clients send an ApiKey without encoding it.
        let pair = plain.unwrap_or_else(|| rest.as_bytes().to_vec());
        let at = pair.iter().position(|b| *b == b':')?;
        return Some(pair[at + 1..].to_vec());
    }
    None
}

/// Standard base64 with or without padding (RFC 4648); `None` for anything else.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    let (mut out, mut bits, mut have) = (Vec::new(), 0u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
        }
    }
    Some(out)
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Unauthorised,
    TooLarge,
    BadEncoding,
    TooMany,
    BadAction,
    NotFound,
    Intake(Refused),
}

impl Failure {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthorised => (StatusCode::UNAUTHORIZED, "S301", "token missing or wrong"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "S302", "body too large"),
            Self::BadEncoding => (StatusCode::BAD_REQUEST, "S303", "body not readable"),
            Self::TooMany => (StatusCode::PAYLOAD_TOO_LARGE, "S304", "too many records"),
            Self::BadAction => (StatusCode::BAD_REQUEST, "S305", "not a bulk request"),
            Self::NotFound => (StatusCode::NOT_FOUND, "S306", "nothing here"),
            Self::Intake(Refused::Busy) => {
                (StatusCode::TOO_MANY_REQUESTS, "S307", "busy, send again later")
            }
            Self::Intake(Refused::Full) => {
                (StatusCode::INSUFFICIENT_STORAGE, "S308", "the disk is full")
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

/// The body, inflated when it is gzip, within the bounds.
pub(crate) async fn body(headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    let bytes = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Failure::TooLarge)?;
    match headers.get(header::CONTENT_ENCODING).map(|v| v.as_bytes()) {
        None | Some(b"identity" | b"") => Ok(bytes),
        Some(b"gzip" | b"x-gzip") => blocking(move || inflate(&bytes)).await?,
        Some(_) => Err(Failure::BadEncoding),
    }
}

fn inflate(bytes: &[u8]) -> Result<Bytes, Failure> {
    let mut plain = Vec::new();
    let limit = BODY_INFLATED_BYTES_MAX as u64 + 1;
    let mut reader = flate2::read::MultiGzDecoder::new(bytes).take(limit);
    reader.read_to_end(&mut plain).map_err(|_| Failure::BadEncoding)?;
    if plain.len() > BODY_INFLATED_BYTES_MAX {
        return Err(Failure::TooLarge);
    }
    Ok(plain.into())
}

/// Runs what may take long beside the connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::Intake(Refused::Closed))
}

async fn ingest(
    State(server): State<Arc<Server>>,
    Extension(peer): Extension<Peer>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, stream) = request.into_parts();
    let bytes = body(&parts.headers, stream).await?;
    let key = parts.headers.get("idempotency-key").map(|key| sha256(key.as_bytes()));
    if let Some(key) = &key {
        let known = server.done().by_key.get(key).copied();
        if let Some((accepted, undecoded)) = known {
            add(&server.feed.counters.duplicates, accepted);
            return Ok(accepted_answer(accepted, undecoded));
        }
    }
    let received = server.feed.context.clock.now();
    let feed = server.feed.clone();
    let batch = blocking(move || read(&feed, &bytes, peer, received)).await??;
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

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

fn read(feed: &Feed, bytes: &[u8], peer: Peer, received: Timestamp) -> Result<Batch, Failure> {
    let records: Vec<&[u8]> = match elements(bytes) {
        Some(elements) => elements,
        None => bytes.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect(),
    };
    if records.len() > BODY_RECORDS_MAX {
        return Err(Failure::TooMany);
    }
    let mut batch = Batch::default();
    for record in records {
        push(feed, &mut batch, record, peer, received);
    }
    Ok(batch)
}

/// Decodes one record of a body, within the bound of a record.
pub(crate) fn push(feed: &Feed, batch: &mut Batch, record: &[u8], peer: Peer, received: Timestamp) {
    let record = record.strip_suffix(b"\r").unwrap_or(record);
    let kept = &record[..record.len().min(RECORD_BYTES_MAX)];
    feed.record(batch, kept, kept.len() < record.len(), Some(peer.0), received);
}

/// The elements of a JSON array as written; `None` when the text is not one array. Their inside is
/// left to the decoder.
fn elements(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let text = bytes.trim_ascii();
    let inner = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0usize);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in inner.iter().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1)?,
            b',' if depth == 0 => {
                found.push(inner[start..at].trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || depth > 0 {
        return None;
    }
    let last = inner[start..].trim_ascii();
    if !last.is_empty() || !found.is_empty() {
        found.push(last);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any as arbitrary, prop_assert, proptest};

    #[test]
    fn arrays_are_split_where_their_elements_are() {
        let parts = elements(br#" [ {"a":[1,2],"b":"x,]\"}"} , {"c":{}} ] "#).unwrap();
        let texts: Vec<_> = parts.iter().map(|p| std::str::from_utf8(p).unwrap()).collect();
        assert_eq!(texts, [r#"{"a":[1,2],"b":"x,]\"}"}"#, r#"{"c":{}}"#]);
        assert_eq!(elements(b"[]"), Some(Vec::new()));
        assert_eq!(elements(b"[{]"), None);
        assert_eq!(elements(b"{}\n{}"), None);
    }

    #[test]
    fn base64_of_credentials() {
        assert_eq!(base64(b"dTpw").as_deref(), Some(&b"u:p"[..]));
        assert_eq!(base64(b"dTpwcA==").as_deref(), Some(&b"u:pp"[..]));
        assert_eq!(base64(b"u:p"), None);
    }

    #[test]
    fn a_gzip_bomb_is_refused() {
        use std::io::Write;
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..=BODY_INFLATED_BYTES_MAX >> 20 {
            gz.write_all(&[0; 1 << 20]).unwrap();
        }
        assert_eq!(inflate(&gz.finish().unwrap()), Err(Failure::TooLarge));
        assert_eq!(inflate(b"not gzip"), Err(Failure::BadEncoding));
    }

    proptest! {
        #[test]
        fn any_body_is_safe(bytes in proptest::collection::vec(arbitrary::<u8>(), 0..100)) {
            let found = elements(&bytes).unwrap_or_default();
            prop_assert!(found.len() <= bytes.len() + 1);
            let _ = base64(&bytes);
        }
    }
}
