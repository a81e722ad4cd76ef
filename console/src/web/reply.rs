//! What a handler answers.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use maud::Markup;
use serde_json::Value;

use crate::assets::Asset;

/// An answer, with the cookies it sets.
pub(crate) struct Reply {
    kind: Kind,
    cookies: Vec<String>,
}

enum Kind {
    Page(u16, Markup),
    Html(String),
    Goto(String),
    Json(u16, &'static str, Value),
    Text(u16, &'static str, String),
    File { name: &'static str, media_type: &'static str, content: String },
    Stream { name: String, media_type: &'static str, body: Body },
    Asset(&'static Asset),
}

impl Reply {
    fn of(kind: Kind) -> Self {
        Self { kind, cookies: Vec::new() }
    }

    /// A page.
    pub(crate) fn page(markup: Markup) -> Self {
        Self::of(Kind::Page(200, markup))
    }

    /// A page with another status.
    pub(crate) fn page_status(status: u16, markup: Markup) -> Self {
        Self::of(Kind::Page(status, markup))
    }

    /// A page that another part wrote whole.
    pub(crate) fn html(text: String) -> Self {
        Self::of(Kind::Html(text))
    }

    /// On to another page of ours, by GET.
    pub(crate) fn goto(path: impl Into<String>) -> Self {
        Self::of(Kind::Goto(path.into()))
    }

    /// JSON.
    pub(crate) fn json(value: Value) -> Self {
        Self::of(Kind::Json(200, "application/json", value))
    }

    /// A problem (RFC 9457).
    pub(crate) fn problem(status: u16, value: Value) -> Self {
        Self::of(Kind::Json(status, "application/problem+json", value))
    }

    /// Plain text of some kind.
    pub(crate) fn text(status: u16, media_type: &'static str, text: String) -> Self {
        Self::of(Kind::Text(status, media_type, text))
    }

    /// A file to save.
    pub(crate) fn file(name: &'static str, media_type: &'static str, content: String) -> Self {
        Self::of(Kind::File { name, media_type, content })
    }

    /// A file to save that is written while it is read.
    pub(crate) fn stream(name: String, media_type: &'static str, body: Body) -> Self {
        Self::of(Kind::Stream { name, media_type, body })
    }

    /// An embedded file.
    pub(crate) fn asset(asset: &'static Asset) -> Self {
        Self::of(Kind::Asset(asset))
    }

    /// The same with a cookie.
    #[must_use]
    pub(crate) fn cookie(mut self, set_cookie: String) -> Self {
        self.cookies.push(set_cookie);
        self
    }

    /// As HTTP.
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = match self.kind {
            Kind::Page(status, markup) => {
                plain(status, "text/html; charset=utf-8", markup.into_string())
            }
            Kind::Html(text) => plain(200, "text/html; charset=utf-8", text),
            Kind::Goto(path) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::SEE_OTHER;
                let to = HeaderValue::from_str(&path).unwrap_or(HeaderValue::from_static("/"));
                response.headers_mut().insert(header::LOCATION, to);
                response
            }
            Kind::Json(status, media_type, value) => plain(status, media_type, value.to_string()),
            Kind::Text(status, media_type, text) => plain(status, media_type, text),
            Kind::File { name, media_type, content } => {
                to_save(plain(200, media_type, content), name)
            }
            Kind::Stream { name, media_type, body } => {
                let mut response = plain(200, media_type, String::new());
                *response.body_mut() = body;
                to_save(response, &name)
            }
            Kind::Asset(asset) => {
                let mut response = plain(200, asset.media_type, asset.content.to_owned());
                let keep = HeaderValue::from_static("public, max-age=31536000, immutable");
                response.headers_mut().insert(header::CACHE_CONTROL, keep);
                response
            }
        };
        for cookie in self.cookies {
            if let Ok(value) = HeaderValue::from_str(&cookie) {
                response.headers_mut().append(header::SET_COOKIE, value);
            }
        }
        response
    }
}

fn to_save(mut response: Response<Body>, name: &str) -> Response<Body> {
    if let Ok(save) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, save);
    }
    response
}

fn plain(status: u16, media_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
