//! From a request to an answer: who asks, may they, is the form theirs, and only then the handler.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{RawPathParams, Request};
use axum::http::{HeaderMap, Method, Response, header};
use axum::routing::{MethodFilter, on};
use centre::{Caller, Error, Permission};
use data_encoding::HEXLOWER;
use events::{Lang, Sensitive};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::time::timeout;

use super::fail::Fail;
use super::reply::Reply;
use super::routes::{Access, Audience, ROUTES, Route, Verb};
use super::visit::{Shared, Visit, cookie_names};
use super::{cookie, csrf, form, headers, live};
use crate::html::Theme;
use crate::html::form::CSRF_FIELD;
use crate::html::parts::encode;
use crate::{limits, pages};

/// Where a connection comes from; the server puts it on every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The router over the table of routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
        };
        let shared = Arc::clone(&shared);
        let handler = move |params: RawPathParams, request: Request| {
            let shared = Arc::clone(&shared);
            let params = params.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            async move { answer(shared, *route, params, request).await }
        };
        router = router.route(route.path, on(filter, handler));
    }
    let missing = Arc::clone(&shared);
    let wrong = shared;
    router
        .fallback(move |request: Request| {
            let shared = Arc::clone(&missing);
            async move { refuse(shared, request, Fail::NoRoute) }
        })
        .method_not_allowed_fallback(move |request: Request| {
            let shared = Arc::clone(&wrong);
            async move { refuse(shared, request, Fail::Method) }
        })
}

async fn answer(
    shared: Arc<Shared>,
    route: Route,
    params: Vec<(String, String)>,
    request: Request,
) -> Response<Body> {
    let tls = shared.tls;
    let (mut visit, fresh) = arrive(shared, &request);
    visit.params = params;
    let flashed = visit.flash.is_some();
    let public = matches!(route.access, Access::Public(_)) && route.audience == Audience::Person;
    let visitor = visit.visitor.clone();
    let mut response = match go(route, visit, request).await {
        Ok(response) => response,
        Err((visit, fail)) => failed(&visit, route.audience, &fail).into_response(),
    };
    if fresh && public && !route.path.starts_with("/assets/") {
        set_cookie(&mut response, &cookie::secret(cookie_names(tls).1, &visitor, tls));
    }
    if flashed
        && route.verb == Verb::Get
        && !route.path.starts_with("/assets/")
        && route.path != "/live"
    {
        set_cookie(&mut response, &cookie::expired("xd-flash", tls));
    }
    headers::harden(response.headers_mut(), tls);
    response
}

fn set_cookie(response: &mut Response<Body>, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// What happened, or the visit and why not (boxed: a visit is large).
type Gone = Result<Response<Body>, (Box<Visit>, Fail)>;

async fn go(route: Route, mut visit: Visit, request: Request) -> Gone {
    if let Err(fail) = may(route, &visit) {
        return Err((Box::new(visit), fail));
    }
    if let Access::Live(_) = route.access {
        return live::stream(&visit).map_err(|fail| (Box::new(visit), fail));
    }
    if route.verb == Verb::Post {
        let read = match route.audience {
            Audience::Person => read_form(&visit, request).await,
            Audience::Program => read_request(&visit, request).await,
        };
        match read {
            Ok(form) => visit.form = form,
            Err(fail) => return Err((Box::new(visit), fail)),
        }
    }
    // The handlers read files and the store: they run where blocking is allowed. One that is too
    // slow goes on there, but its answer is no longer waited for.
    let lean = lean(&visit);
    let work = tokio::task::spawn_blocking(move || match run(route, &visit) {
        Ok(reply) => Ok(reply.into_response()),
        Err(fail) => Err((Box::new(visit), fail)),
    });
    match timeout(Duration::from_millis(limits::HANDLER_MS_MAX), work).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err((Box::new(lean), Fail::Internal)),
        Err(_) => Err((Box::new(lean), Fail::Timeout)),
    }
}

fn run(route: Route, visit: &Visit) -> Result<Reply, Fail> {
    match (route.access, &visit.caller) {
        (Access::Public(handler) | Access::Local(_, handler), _) => handler(visit),
        (Access::Needs(_, handler), Some(caller)) => handler(visit, caller),
        (Access::Needs(..) | Access::Live(_), _) => Err(Fail::Centre(Error::NotSignedIn)),
    }
}

/// Whether the visitor may use the route at all. `centre` checks again, and checks the scope.
fn may(route: Route, visit: &Visit) -> Result<(), Fail> {
    let holds = |permission: Permission| match &visit.caller {
        Some(caller) => caller.need(permission).map_err(Fail::Centre),
        None => Err(Fail::Centre(Error::NotSignedIn)),
    };
    match route.access {
        Access::Public(_) => Ok(()),
        Access::Local(..) if visit.loopback => Ok(()),
        Access::Needs(permission, _) | Access::Local(permission, _) | Access::Live(permission) => {
            holds(permission)
        }
    }
}

/// Takes a request apart. The second value tells whether the visitor's name is fresh.
fn arrive(shared: Arc<Shared>, request: &Request) -> (Visit, bool) {
    let headers = request.headers();
    let text = |name: header::HeaderName| {
        headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    };
    let cookies = text(header::COOKIE);
    let (session, visitor) = cookie_names(shared.tls);
    let bearer = text(header::AUTHORIZATION).strip_prefix("Bearer ");
    let kept = cookie::get(cookies, session);
    let token = kept.or(bearer).filter(|t| !t.is_empty());
    let caller = token.and_then(|t| caller_of(&shared, t));
    let known = cookie::get(cookies, visitor).filter(|v| v.len() == 32).map(str::to_owned);
    let fresh = known.is_none();
    let lang = language(cookies, text(header::ACCEPT_LANGUAGE), caller.as_ref());
    let here = request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let peer = request.extensions().get::<Peer>().map(|p| p.0);
    // Behind a proxy on this machine everything comes from loopback, so it proves nothing.
    let proxied = headers.contains_key("x-forwarded-for") || headers.contains_key("forwarded");
    let visit = Visit {
        caller,
        token: token.map(|t| Sensitive::new(t.to_owned())),
        visitor: known.unwrap_or_else(fresh_name),
        lang,
        theme: Theme::parse(cookie::get(cookies, "theme").unwrap_or_default()),
        here,
        params: Vec::new(),
        query: form::pairs(request.uri().query().unwrap_or_default(), limits::FORM_FIELDS_MAX),
        form: Vec::new(),
        bearer: kept.is_none() && bearer.is_some(),
        loopback: peer.is_some_and(|p| p.ip().is_loopback()) && !proxied,
        flash: cookie::get(cookies, "xd-flash").map(str::to_owned),
        shared,
    };
    (visit, fresh)
}

/// Who is behind a token. A store that fails here leaves the visitor a stranger, and is logged.
fn caller_of(shared: &Shared, token: &str) -> Option<Caller> {
    shared.centre.caller(token).unwrap_or_else(|error| {
        tracing::error!(code = error.code(), %error, "a session could not be read");
        None
    })
}

fn fresh_name() -> String {
    let mut bytes = [0; 16];
    // Without random bytes the name is not secret; the token's key still is.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        tracing::error!("the system gave no random bytes");
    }
    HEXLOWER.encode(&bytes)
}

/// The cookie, else the account's language, else the browser's, else Chinese.
fn language(cookies: &str, accept: &str, caller: Option<&Caller>) -> Lang {
    let chosen = cookie::get(cookies, "lang").and_then(|l| l.parse().ok());
    chosen.or(caller.map(|c| c.lang)).unwrap_or_else(|| {
        let tags = accept.split(',').map(|t| t.split(';').next().unwrap_or_default().trim());
        let known = |tag: &str| match tag.get(..2).unwrap_or(tag).to_ascii_lowercase().as_str() {
            "zh" => Some(Lang::Zh),
            "en" => Some(Lang::En),
            _ => None,
        };
        tags.filter_map(known).next().unwrap_or_default()
    })
}

async fn read_form(visit: &Visit, request: Request) -> Result<Vec<(String, String)>, Fail> {
    let headers: &HeaderMap = request.headers();
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    if !csrf::origin_ok(text("origin"), text("sec-fetch-site"), text("host")) {
        return Err(Fail::Origin);
    }
    let kind = text("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Fail::BadForm);
    }
    let pairs = form::pairs(&read_body(request).await?, limits::FORM_FIELDS_MAX);
    let token = pairs.iter().find(|(n, _)| n == CSRF_FIELD).map_or("", |(_, v)| v.as_str());
    if visit.shared.csrf.holds(&visit.binding(), token) { Ok(pairs) } else { Err(Fail::Csrf) }
}

/// What a program sends: one JSON object, with its session in the header. A cookie is not taken: a
/// page of another site could make a browser send that.
async fn read_request(visit: &Visit, request: Request) -> Result<Vec<(String, String)>, Fail> {
    if !visit.bearer {
        return Err(Fail::Csrf);
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    if !kind.unwrap_or_default().starts_with("application/json") {
        return Err(Fail::BadForm);
    }
    form::object(&read_body(request).await?, limits::FORM_FIELDS_MAX).ok_or(Fail::BadForm)
}

async fn read_body(request: Request) -> Result<String, Fail> {
    let body = to_bytes(request.into_body(), limits::BODY_BYTES_MAX);
    let body = timeout(Duration::from_millis(limits::BODY_MS_MAX), body).await;
    let body = body.map_err(|_| Fail::Timeout)?.map_err(|_| Fail::TooLarge)?;
    String::from_utf8(body.into()).map_err(|_| Fail::BadForm)
}

/// The failure as the audience reads it.
fn failed(visit: &Visit, audience: Audience, fail: &Fail) -> Reply {
    fail.log(visit.here.split('?').next().unwrap_or_default());
    match (audience, fail) {
        (Audience::Program, _) => {
            let path = visit.here.split('?').next().unwrap_or_default();
            Reply::problem(fail.status(), fail.problem(visit.lang, path))
        }
        (Audience::Person, Fail::Centre(Error::NotSignedIn)) => {
            let to = if visit.here == "/" { String::new() } else { visit.here.clone() };
            Reply::goto(if to.is_empty() {
                "/login".to_owned()
            } else {
                format!("/login?to={}", encode(&to))
            })
        }
        (Audience::Person, _) => {
            let markup = pages::problem::problem(&visit.chrome(), &fail.told(visit.lang));
            Reply::page_status(fail.status(), markup)
        }
    }
}

/// An answer outside the table: no such path, or not by this method.
fn refuse(shared: Arc<Shared>, request: Request, fail: Fail) -> Response<Body> {
    let tls = shared.tls;
    let program = request.uri().path().starts_with("/api/");
    // A HEAD request gets what GET would, without the body; hyper takes the body away.
    let head = request.method() == Method::HEAD;
    let (visit, _) = arrive(shared, &request);
    let audience = if program { Audience::Program } else { Audience::Person };
    let mut response = failed(&visit, audience, &fail).into_response();
    if head {
        *response.body_mut() = Body::empty();
    }
    headers::harden(response.headers_mut(), tls);
    response
}

/// What is left of a visit when its handler is lost: enough for an error page.
fn lean(visit: &Visit) -> Visit {
    Visit {
        shared: Arc::clone(&visit.shared),
        caller: visit.caller.clone(),
        token: None,
        visitor: visit.visitor.clone(),
        lang: visit.lang,
        theme: visit.theme,
        here: visit.here.clone(),
        params: Vec::new(),
        query: Vec::new(),
        form: Vec::new(),
        bearer: visit.bearer,
        loopback: visit.loopback,
        flash: None,
    }
}
