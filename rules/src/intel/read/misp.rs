//! MISP attributes. Only those marked for detection (`to_ids`) count.

use serde::Deserialize;

use super::super::key::{IntelKind, Key};
use super::super::load::{Sink, Terms};

/// An attribute, as far as it matters.
#[derive(Debug, Deserialize)]
pub(super) struct Attribute {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    value: serde_json::Value,
    #[serde(default)]
    to_ids: bool,
    #[serde(default)]
    deleted: bool,
}

pub(super) fn take(attribute: &Attribute, place: u64, sink: &mut Sink<'_>) {
    let Some(value) = attribute.value.as_str() else { return sink.leave_out() };
    if !attribute.to_ids || attribute.deleted {
        return sink.leave_out();
    }
    let (left, right) = match value.split_once('|') {
        Some((left, right)) => (left, Some(right)),
        None => (value, None),
    };
    let address = |text: &str| Key::address(text).map(|(key, _)| key);
    let found = match attribute.kind.as_str() {
        "ip-src" | "ip-dst" => (address(value), IntelKind::Address),
        "ip-src|port" | "ip-dst|port" => (address(left), IntelKind::Address),
        "domain" | "hostname" => (Key::domain(value), IntelKind::Domain),
        "hostname|port" => (Key::domain(left), IntelKind::Domain),
        "domain|ip" => {
            match right.and_then(address) {
                Some(key) => sink.take(&key, IntelKind::Address, Terms::default()),
                None => bad(place, sink),
            }
            (Key::domain(left), IntelKind::Domain)
        }
        "url" | "uri" | "link" => (Key::url(value), IntelKind::Url),
        "md5" | "sha1" | "sha256" | "sha512" => (Key::hash(value), IntelKind::Hash),
        "filename|md5" | "filename|sha1" | "filename|sha256" | "filename|sha512" => {
            (right.and_then(Key::hash), IntelKind::Hash)
        }
        // Mutexes, mail subjects, registry keys: nothing that these tables are about.
        _ => return sink.leave_out(),
    };
    match found {
        (Some(key), kind) => sink.take(&key, kind, Terms::default()),
        (None, _) => bad(place, sink),
    }
}

fn bad(place: u64, sink: &mut Sink<'_>) {
    sink.problem(
        "I002",
        place,
        "属性的值与类型不符",
        "the attribute's value does not fit its type",
    );
}
