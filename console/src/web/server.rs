//! The accept loop: TLS, bounds, and an end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use centre::Centre;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::csrf::Csrf;
use super::dispatch::{Peer, router};
use super::visit::Shared;
use crate::error::Error;
use crate::limits;

/// Serves the console and the API on a bound listener until `shutdown` completes, then lets open
/// requests finish for at most [`limits::DRAIN_MS_MAX`]. With `tls` it speaks HTTPS only; without,
/// plain HTTP, which the configuration allows on loopback alone.
///
/// # Errors
/// [`Error::Listener`] when the listener cannot be used, [`Error::Random`] when the system gives
/// no random bytes for the CSRF key.
pub async fn serve(
    centre: Arc<Centre>,
    listener: std::net::TcpListener,
    tls: Option<Arc<ServerConfig>>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let wrong = |source| Error::Listener { source };
    listener.set_nonblocking(true).map_err(wrong)?;
    let listener = TcpListener::from_std(listener).map_err(wrong)?;
    let (stopping, stop) = watch::channel(false);
    let app = router(shared(centre, tls.is_some(), stop.clone())?);
    let acceptor = tls.map(TlsAcceptor::from);
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let place = tokio::select! {
            () = &mut shutdown => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (app, acceptor, stop) = (app.clone(), acceptor.clone(), stop.clone());
                connections.spawn(async move {
                    connection(stream, peer, acceptor, app, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, or a peer that left: wait a little and go on.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    let _ = stopping.send(true);
    let drain = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(Duration::from_millis(limits::DRAIN_MS_MAX), drain).await;
    Ok(())
}

/// What requests share.
pub(crate) fn shared(
    centre: Arc<Centre>,
    tls: bool,
    stop: watch::Receiver<bool>,
) -> Result<Arc<Shared>, Error> {
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).map_err(|_| Error::Random)?;
    let (csrf, live, exports) = (Csrf::new(&key), AtomicUsize::new(0), AtomicUsize::new(0));
    Ok(Arc::new(Shared { centre, csrf, tls, live, exports, stop }))
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    app: Router,
    stop: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection left early");
        return;
    }
    match acceptor {
        None => http(stream, peer, app, stop).await,
        Some(acceptor) => {
            let handshake = acceptor.accept(stream);
            match timeout(Duration::from_millis(limits::HANDSHAKE_MS_MAX), handshake).await {
                Ok(Ok(stream)) => http(stream, peer, app, stop).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            }
        }
    }
}

async fn http<S>(stream: S, peer: SocketAddr, app: Router, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let app = app.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            // A router answers every request; its error type has no values.
            let answered: Result<_, Infallible> = app.oneshot(request).await;
            answered
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits::HEAD_MS_MAX))
        .max_buf_size(limits::HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let done = tokio::select! {
        done = connection.as_mut() => done,
        () = super::live::stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a connection ended badly");
    }
}
