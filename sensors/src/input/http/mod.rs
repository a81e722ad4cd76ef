//! Records over HTTP. Requests are answered only when their events are durable.
//!
//! One port speaks all: `ingest` (JSON lines), `bulk` (Elasticsearch's `_bulk`, with a status per
//! item, so that Beats, Fluent Bit, Vector and rsyslog send unchanged), `hec` (Splunk's HTTP event
//! collector), `otlp` (OpenTelemetry logs). Each begins as `posted` does; `auth` knows the tokens,
//! `body` inflates, `answer` says why a request is refused.

mod answer;
mod auth;
mod body;
mod bulk;
mod hec;
mod ingest;
mod otlp;
mod posted;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use events::{Sensitive, Timestamp};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use self::answer::Failure;
use self::auth::Tokens;
use self::ingest::Done;
use super::renewal::Tls;
use super::{TOO_MANY, stopped, tls};
use crate::config::SiteToken;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::{CONNECTIONS_MAX, HANDSHAKE_MS, LINGER_MS};

/// One HTTP sensor.
pub(crate) struct Server {
    feed: Feed,
    tokens: Tokens,
    done: Mutex<Done>,
}

impl Server {
    pub(crate) fn new(feed: Feed, token: &Sensitive<String>, schools: &[SiteToken]) -> Arc<Self> {
        Arc::new(Self { feed, tokens: Tokens::new(token, schools), done: Mutex::default() })
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address a request came from.
#[derive(Clone, Copy)]
struct Peer(IpAddr);

/// Serves until the sensor stops; requests on their way are answered.
pub(crate) async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    tls: Option<Tls>,
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
            server.feed.counters.turned_away(peer.ip(), TOO_MANY);
            continue;
        };
        let peer = peer.ip().to_canonical();
        let router = router.clone().layer(Extension(Peer(peer)));
        let (server, tls, stop) = (Arc::clone(&server), tls.clone(), stop.clone());
        connections.spawn(async move {
            if let Some(tls) = tls {
                let feed = &server.feed;
                let Some(stream) = tls::shake_hands(feed, &tls, stream, peer).await else { return };
                connection(stream, router, stop).await;
            } else {
                connection(stream, router, stop).await;
            }
            drop(place);
        });
    }
    while connections.join_next().await.is_some() {}
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
    // `get` answers HEAD too.
    let elastic = Router::new()
        .route("/_bulk", post(bulk::bulk).put(bulk::bulk))
        .route("/{index}/_bulk", post(bulk::bulk).put(bulk::bulk))
        .route("/", get(bulk::version))
        .route("/_license", get(bulk::license))
        .route("/_xpack", get(bulk::license))
        .route("/_cluster/health", get(bulk::health))
        .route("/_nodes", get(bulk::nodes))
        .route("/_nodes/{*what}", get(bulk::nodes))
        .route("/_index_template/{name}", any(bulk::acknowledged))
        .route("/_component_template/{name}", any(bulk::acknowledged))
        .route("/_template/{name}", any(bulk::acknowledged))
        .route("/_ilm/policy/{name}", any(bulk::acknowledged))
        .route("/_ingest/pipeline/{name}", any(bulk::acknowledged))
        .route("/_data_stream/{name}", any(bulk::acknowledged))
        .route("/_alias/{name}", any(bulk::acknowledged))
        .route(
            "/{index}",
            get(bulk::acknowledged)
                .put(bulk::acknowledged)
                .fallback(|| async { Failure::NotFound }),
        );
    Router::new()
        .route("/ingest", post(ingest::ingest))
        .route("/v1/logs", post(otlp::logs))
        .merge(elastic)
        .fallback(|| async { Failure::NotFound })
        .layer(from_fn_with_state(Arc::clone(&server), authorise))
        .merge(hec::router(&server))
        .with_state(server)
}

/// A body read as the protocol of this number, for the fuzz targets: the batches it makes.
pub(crate) fn read_body(
    protocol: usize,
    feed: &Feed,
    bytes: &[u8],
    received: Timestamp,
) -> Vec<Batch> {
    let origin = Origin::default();
    match protocol % 3 {
        0 => bulk::read(feed, bytes, origin, received)
            .map(|(_, batches)| batches)
            .unwrap_or_default(),
        1 => hec::read_events(feed, bytes, origin, received)
            .into_iter()
            .map(|(batch, _)| batch)
            .collect(),
        _ => ingest::read(feed, bytes, origin, received).into_iter().collect(),
    }
}

/// Lets a request in by its token, and notes where it came from.
async fn authorise(
    State(server): State<Arc<Server>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let opened = auth::secret(request.headers()).and_then(|s| server.tokens.open(&s));
    let Some(site) = opened else {
        let (_, code, reason) = Failure::Unauthorised.parts();
        server.feed.counters.turned_away(peer.0, format_args!("{reason} ({code})"));
        return Failure::Unauthorised.into_response();
    };
    request.extensions_mut().insert(Origin { address: Some(peer.0), site });
    next.run(request).await
}
