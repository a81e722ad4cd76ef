//! Requests that did not succeed: code, status and words in both languages; as a page for people,
//! as a problem (RFC 9457) for programs.

use centre::Error;
use events::Lang;
use serde_json::{Value, json};

use crate::pages::problem::Told;
use crate::text;

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Fail {
    /// `centre` refused or failed.
    Centre(Error),
    /// The form's token is missing or belongs to another session.
    Csrf,
    /// The request came from another site.
    Origin,
    /// There is no such route.
    NoRoute,
    /// The route does not know the method.
    Method,
    /// The body is too long.
    TooLarge,
    /// It took too long.
    Timeout,
    /// The form cannot be read.
    BadForm,
    /// Too many at once.
    Busy,
    /// A handler ended badly.
    Internal,
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Centre(error)
    }
}

impl Fail {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Centre(e) => e.code(),
            Self::Csrf => "W001",
            Self::Origin => "W002",
            Self::NoRoute => "W003",
            Self::Method => "W004",
            Self::TooLarge => "W005",
            Self::Timeout => "W006",
            Self::BadForm => "W007",
            Self::Busy => "W008",
            Self::Internal => "W009",
        }
    }

    /// The HTTP status.
    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::Centre(e) => e.http_status(),
            Self::Csrf | Self::Origin => 403,
            Self::NoRoute => 404,
            Self::Method => 405,
            Self::TooLarge => 413,
            Self::Timeout | Self::Busy => 503,
            Self::BadForm => 400,
            Self::Internal => 500,
        }
    }

    /// What a person reads.
    pub(crate) fn told(&self, lang: Lang) -> Told {
        let t = &text::of(lang).problems;
        let (title, text) = match self {
            Self::Centre(e @ Error::Forbidden { .. }) => (e.title(lang), t.forbidden_text),
            Self::Centre(e @ Error::NotFound { .. }) => (e.title(lang), t.not_found_text),
            Self::Centre(e) if e.http_status() >= 500 => (e.title(lang), t.internal_text),
            Self::Centre(e) => (e.title(lang), ""),
            Self::Csrf => (t.csrf, t.csrf_text),
            Self::Origin => (t.origin, t.origin_text),
            Self::NoRoute => (t.not_found, t.not_found_text),
            Self::Method => (t.method, ""),
            Self::TooLarge => (t.too_large, ""),
            Self::Timeout => (t.timeout, t.timeout_text),
            Self::BadForm => (t.bad_form, ""),
            Self::Busy => (t.busy, ""),
            Self::Internal => (t.heading, t.internal_text),
        };
        Told {
            status: self.status(),
            code: self.code(),
            title: title.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The problem of RFC 9457.
    pub(crate) fn problem(&self, lang: Lang, instance: &str) -> Value {
        let told = self.told(lang);
        let mut problem = json!({
            "type": format!("urn:xuedun:problem:{}", told.code),
            "title": told.title,
            "status": told.status,
            "code": told.code,
            "instance": instance,
        });
        let detail = match self {
            Self::Centre(Error::Query(e)) => e.to_string(),
            _ => told.text,
        };
        if !detail.is_empty()
            && let Some(object) = problem.as_object_mut()
        {
            object.insert("detail".to_owned(), Value::String(detail));
        }
        problem
    }

    /// Writes what belongs in the log: failures of ours, with their causes.
    pub(crate) fn log(&self, path: &str) {
        match self {
            Self::Centre(e) if e.http_status() >= 500 => {
                let source = std::error::Error::source(e).map(ToString::to_string);
                tracing::error!(code = e.code(), path, error = %e, source, "a request failed");
            }
            Self::Internal => tracing::error!(code = "W009", path, "a request failed"),
            _ => {}
        }
    }
}
