//! `key=value` texts as firewalls write them: pairs parted by blanks, commas, semicolons or tabs,
//! values quoted or not, and unquoted values that hold blanks or commas themselves
//! (`Policy=Internet Access, SrcZone=trust`). H3C numbers its keys: `SrcIPAddr(1003)=10.1.1.9;`.
//!
//! An unquoted value ends where a separator is followed by another `key=`, so nothing has to be
//! known of the device.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::{Out, Problem};
use crate::limits::PAIRS_MAX;

/// Writes every pair as a native field.
///
/// # Errors
/// [`Problem::NoPairs`] when there is none.
pub fn write(text: &str, out: &mut Out<'_>) -> Result<(), Problem> {
    let mut count = 0;
    pairs(text, |name, value| {
        count += 1;
        out.native(name, &value);
    });
    if count == 0 { Err(Problem::NoPairs) } else { Ok(()) }
}

/// Calls `each` with every pair, at most [`PAIRS_MAX`]. An empty value is passed on as such.
pub fn pairs<'a>(text: &'a str, mut each: impl FnMut(&'a str, Cow<'a, str>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut seen = 0;
    while seen < PAIRS_MAX {
        let Some((key, equals)) = next_key(bytes, at) else { return };
        let (value, next) = value(text, equals + 1);
        each(&text[key], value);
        seen += 1;
        at = next;
    }
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'@') || byte >= 0x80
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b';' | b'\t' | b'|' | b'(' | b'[' | b'{' | b'\n' | b'\r' | b':')
}

/// The key that stands before the `=` at `equals`, not reaching back beyond `at`; it may be empty.
fn key_before(bytes: &[u8], at: usize, equals: usize) -> Range<usize> {
    let back = |from: usize, is: fn(u8) -> bool| {
        from - bytes[at..from].iter().rev().take_while(|b| is(**b)).count()
    };
    let mut end = equals;
    if equals > at && bytes[equals - 1] == b')' {
        let open = back(equals - 1, |b| b.is_ascii_digit());
        if open > at && open < equals - 1 && bytes[open - 1] == b'(' {
            end = open - 1;
        }
    }
    back(end, is_key)..end
}

/// The next `key=` at or after `at`: the key, and where its `=` is.
fn next_key(bytes: &[u8], mut at: usize) -> Option<(Range<usize>, usize)> {
    loop {
        let equals = at + memchr(b'=', bytes.get(at..)?)?;
        let key = key_before(bytes, at, equals);
        let parted = key.start == 0 || key.start == at || is_separator(bytes[key.start - 1]);
        if !key.is_empty() && parted {
            return Some((key, equals));
        }
        at = equals + 1;
    }
}

/// The value that starts at `at`, and where to look for the next key.
fn value(text: &str, at: usize) -> (Cow<'_, str>, usize) {
    let bytes = text.as_bytes();
    match bytes.get(at) {
        Some(quote @ (b'"' | b'\'')) => {
            if let Some((value, next)) = quoted(text, at + 1, *quote) {
                return (value, next);
            }
        }
        None => return (Cow::Borrowed(""), at),
        _ => {}
    }
    let end = unquoted_end(bytes, at);
    let value = text[at..end].trim_end_matches([' ', ',', ';', '\t', '\r', '\n', ')', '|']);
    (Cow::Borrowed(value), end)
}

fn quoted(text: &str, at: usize, quote: u8) -> Option<(Cow<'_, str>, usize)> {
    let bytes = text.as_bytes();
    let mut end = at;
    let mut escapes = false;
    loop {
        match *bytes.get(end)? {
            b'\\' => {
                escapes = true;
                end += 1;
            }
            b if b == quote => break,
            _ => {}
        }
        end += 1;
    }
    let inside = text.get(at..end)?;
    let value = if escapes {
        let from = ["\\\"", "\\'", "\\\\"];
        let mut plain = inside.to_owned();
        for (escape, to) in from.iter().zip(["\"", "'", "\\"]) {
            plain = plain.replace(escape, to);
        }
        Cow::Owned(plain)
    } else {
        Cow::Borrowed(inside)
    };
    Some((value, end + 1))
}

/// Where an unquoted value ends: before separators that are followed by another key, or at the end.
fn unquoted_end(bytes: &[u8], at: usize) -> usize {
    let Some(found) = memchr(b'=', &bytes[at..]) else { return bytes.len() };
    let mut search = at + found;
    loop {
        let key = key_before(bytes, at, search);
        let start = key.start;
        // The key of the next pair must be parted from this value by a separator.
        if !key.is_empty()
            && start > at
            && matches!(bytes[start - 1], b' ' | b',' | b';' | b'\t' | b'|')
        {
            return start - 1;
        }
        // Otherwise (`a==b`, `url=/x?y=1`) the `=` belongs to the value.
        match memchr(b'=', &bytes[search + 1..]) {
            Some(next) => search += 1 + next,
            None => return bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        pairs(text, |k, v| all.push((k.to_owned(), v.into_owned())));
        all
    }

    fn want(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn separators_quotes_and_blanks() {
        assert_eq!(
            read("type=vpn action=login user=\"zhang san\" srcip=1.2.3.4"),
            want(&[
                ("type", "vpn"),
                ("action", "login"),
                ("user", "zhang san"),
                ("srcip", "1.2.3.4")
            ])
        );
        assert_eq!(
            read("SourceIP=1.1.1.1,Policy=Internet Access, DstZone=untrust,x="),
            want(&[
                ("SourceIP", "1.1.1.1"),
                ("Policy", "Internet Access"),
                ("DstZone", "untrust"),
                ("x", "")
            ])
        );
        assert_eq!(
            read("(l): VSYS(SyslogId=7, Policy=\"a, b=c\", Name='x')"),
            want(&[("SyslogId", "7"), ("Policy", "a, b=c"), ("Name", "x")])
        );
        assert_eq!(
            read("msg=登录 失败 用户=张三"),
            want(&[("msg", "登录 失败"), ("用户", "张三")])
        );
        assert_eq!(read("url=/a?b=1&c=2 x=1"), want(&[("url", "/a?b=1&c=2"), ("x", "1")]));
        assert_eq!(read("a==b c=d"), want(&[("a", "=b"), ("c", "d")]));
        assert_eq!(read("q=\"say \\\"hi\\\"\""), want(&[("q", "say \"hi\"")]));
        assert_eq!(read("q=\"unclosed x=1"), want(&[("q", "\"unclosed"), ("x", "1")]));
        assert_eq!(read("no pairs here"), want(&[]));
        assert_eq!(
            read("Protocol(1001)=TCP;UserName(1113)=;Action(1053)=Drop & Logging;(7)=x;f(x)=y"),
            want(&[
                ("Protocol", "TCP"),
                ("UserName", ""),
                ("Action", "Drop & Logging;(7)=x;f(x)=y")
            ])
        );
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "\\PC{0,60}", dense in "[a=\"', ;\\\\学]{0,60}") {
            let _ = read(&text);
            let _ = read(&dense);
        }

        #[test]
        fn what_is_written_is_read(values in proptest::collection::vec("[a-z0-9./:]{1,12}", 1..8)) {
            let text: Vec<String> =
                values.iter().enumerate().map(|(i, v)| format!("k{i}={v}")).collect();
            let back = read(&text.join(" "));
            prop_assert_eq!(back.len(), values.len());
            for (pair, value) in back.iter().zip(&values) {
                prop_assert_eq!(&pair.1, value);
            }
        }
    }
}
