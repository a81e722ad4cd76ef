//! Live news over Server-Sent Events (HTML Living Standard, section 9.2): only *which* topic
//! changed, never what. The page then asks for itself again, through the same authorisation as
//! before.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use centre::{Caller, Live, Permission};
use futures_util::stream;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, interval_at};

use super::fail::Fail;
use super::visit::{Shared, Visit};
use crate::limits;

/// How often the slow parts (clock, figures) are told to look again.
const TICK: Duration = Duration::from_secs(15);

/// One open stream.
struct Watcher {
    shared: Arc<Shared>,
    caller: Caller,
    token: String,
    news: Receiver<Live>,
    tick: Interval,
    stop: watch::Receiver<bool>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The stream of a visitor.
pub(crate) fn stream(visit: &Visit) -> Result<Response<Body>, Fail> {
    let (Some(caller), Some(token)) = (visit.caller.clone(), &visit.token) else {
        return Err(Fail::Centre(centre::Error::NotSignedIn));
    };
    let shared = Arc::clone(&visit.shared);
    if shared.live.fetch_add(1, Ordering::Relaxed) >= limits::LIVE_STREAMS_MAX {
        shared.live.fetch_sub(1, Ordering::Relaxed);
        return Err(Fail::Busy);
    }
    let watcher = Watcher {
        news: shared.centre.subscribe(),
        tick: interval_at(Instant::now() + TICK, TICK),
        stop: shared.stop.clone(),
        caller,
        token: token.reveal().clone(),
        shared,
    };
    let body = stream::unfold((watcher, true), |(mut watcher, first)| async move {
        let text = if first { "retry: 3000\n\n".to_owned() } else { watcher.next().await? };
        Some((Ok::<Bytes, Infallible>(Bytes::from(text)), (watcher, false)))
    });
    let mut response = Response::new(Body::from_stream(body));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    let buffering = HeaderValue::from_static("no");
    response.headers_mut().insert("x-accel-buffering", buffering);
    Ok(response)
}

impl Watcher {
    /// The next message; `None` when the stream ends.
    async fn next(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                () = stopped(&mut self.stop) => return None,
                _ = self.tick.tick() => {
                    // A session that has ended sees no more news. Reading it through `caller`
                    // would keep an idle session alive, so only its age and account count there.
                    if !self.alive() {
                        return None;
                    }
                    return Some(format!("{}{}", message("clock"), message("sensor")));
                }
                news = self.news.recv() => match news {
                    Ok(news) => {
                        if let Some(topic) = topic(&self.caller, &news) {
                            return Some(message(topic));
                        }
                    }
                    // Behind: everything may have changed.
                    Err(RecvError::Lagged(_)) => {
                        return Some(["alert", "audit", "drill", "data"].map(message).concat());
                    }
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    fn alive(&self) -> bool {
        matches!(self.shared.centre.caller(&self.token), Ok(Some(_)))
    }
}

/// Resolves when the server stops.
pub(super) async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    // A sender that is gone has stopped too.
    let _ = stop.wait_for(|s| *s).await.map(|_| ());
}

/// The topic of a piece of news, if the caller may know of it.
fn topic(caller: &Caller, news: &Live) -> Option<&'static str> {
    let may = |p: Permission| caller.role.may(p);
    match news {
        Live::Alert(group) => {
            (may(Permission::AlertsRead) && caller.scope().holds(group.site)).then_some("alert")
        }
        Live::Run(_) => may(Permission::ComplianceRead).then_some("audit"),
        Live::Drill(_) => may(Permission::DrillsRead).then_some("drill"),
        Live::Inventory => may(Permission::RecordsRead).then_some("data"),
    }
}

fn message(topic: &str) -> String {
    format!("event: {topic}\ndata: 1\n\n")
}
