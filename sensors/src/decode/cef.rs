//! ArcSight Common Event Format:
//! `CEF:0|vendor|product|version|class id|name|severity|key=value key=value`.

use std::borrow::Cow;

use super::{Out, Problem};
use crate::limits::PAIRS_MAX;

const HEADER: [&str; 6] = [
    "cef.device.vendor",
    "cef.device.product",
    "cef.device.version",
    "cef.device.event_class_id",
    "cef.name",
    "cef.severity",
];

/// Writes header and extension as native fields.
///
/// # Errors
/// [`Problem::NotCef`] when the header is not there in full.
pub fn write(text: &str, out: &mut Out<'_>) -> Result<(), Problem> {
    let start = text.find("CEF:").ok_or(Problem::NotCef)?;
    let mut rest = &text[start + 4..];
    let version = bar(rest).ok_or(Problem::NotCef)?;
    rest = &rest[version + 1..];
    for name in HEADER {
        // The last header part may end the record.
        let end = match bar(rest) {
            Some(end) => end,
            None if name == "cef.severity" => rest.len(),
            None => return Err(Problem::NotCef),
        };
        out.native(name, &unescape(&rest[..end]));
        rest = rest.get(end + 1..).unwrap_or("");
    }
    extension(rest, |name, value| out.native(name, &value));
    Ok(())
}

/// Calls `each` with every pair of an extension: a value runs to the next ` key=`.
pub fn extension<'a>(text: &'a str, mut each: impl FnMut(&'a str, Cow<'a, str>)) {
    let mut keys = key_positions(text);
    keys.truncate(PAIRS_MAX);
    for (index, (start, equals)) in keys.iter().enumerate() {
        let end = keys.get(index + 1).map_or(text.len(), |next| next.0);
        let value = text[equals + 1..end].trim_end();
        each(&text[*start..*equals], unescape(value));
    }
}

fn key_positions(text: &str) -> Vec<(usize, usize)> {
    let b = text.as_bytes();
    memchr::memchr_iter(b'=', b)
        .filter_map(|equals| {
            let len = b[..equals]
                .iter()
                .rev()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'-'))
                .count();
            let start = equals - len;
            // No key begins with a digit, but ` or 1=1` stands in what many firewalls caught.
            let named = len > 0 && !b[start].is_ascii_digit();
            (named && (start == 0 || b[start - 1] == b' ')).then_some((start, equals))
        })
        .collect()
}

/// The first `|` that is not escaped.
fn bar(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let end = b == b'|' && !escaped;
        escaped = b == b'\\' && !escaped;
        end
    })
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some(other @ ('|' | '\\' | '=')) => out.push(other),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Event, FieldId};
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Event, Problem> {
        let mut event = Event::new();
        event.set_raw(text.as_bytes());
        write(text, &mut Out::new(&mut event, text, None)).map(|()| event)
    }

    #[test]
    fn header_and_extension() {
        let e = read(
            r"Nov 23 host CEF:0|Sec\|urity|waf|1.0|100|SQL \\ injection|9|src=10.0.0.1 msg=a b\=c act=deny",
        )
        .unwrap();
        let get = |name| e.str(FieldId::intern(name).unwrap()).unwrap().to_owned();
        assert_eq!(get("cef.device.vendor"), "Sec|urity");
        assert_eq!(get("cef.name"), r"SQL \ injection");
        assert_eq!(get("src"), "10.0.0.1");
        assert_eq!(get("msg"), "a b=c");
        assert_eq!(get("act"), "deny");
        assert_eq!(read("CEF:0|a|b|c").err(), Some(Problem::NotCef));
        assert!(read("CEF:0|a|b|c|d|e|5").is_ok());
    }

    #[test]
    fn what_only_looks_like_a_key_belongs_to_the_value() {
        let e = read(r"CEF:0|a|b|c|d|e|5|request=/p?id=1' or 1=1 -- act=deny msg=one\ntwo c\=d")
            .unwrap();
        let get = |name| e.str(FieldId::intern(name).unwrap()).unwrap().to_owned();
        assert_eq!(get("request"), "/p?id=1' or 1=1 --");
        assert_eq!(get("act"), "deny");
        assert_eq!(get("msg"), "one\ntwo c=d");
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "(CEF:0)?[|=\\\\ a-z学]{0,60}") {
            let _ = read(&text);
        }
    }
}
