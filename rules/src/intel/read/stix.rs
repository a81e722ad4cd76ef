//! STIX 2.1 indicators. Of the pattern language that is honoured which a single value decides:
//! `[ipv4-addr:value = '…']`, `ISSUBSET` for networks, `IN`, file hashes, and any of these joined
//! by `OR`. Any other pattern is left out whole and told.

use events::Timestamp;
use serde::Deserialize;

use super::super::key::{IntelKind, Key};
use super::super::load::{Sink, Terms};

/// An object of a bundle, as far as it matters.
#[derive(Debug, Deserialize)]
pub(super) struct Object {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    pattern: Option<String>,
    #[serde(default)]
    pattern_type: Option<String>,
    #[serde(default)]
    valid_until: Option<String>,
    #[serde(default)]
    revoked: bool,
}

/// Longest pattern read, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

pub(super) fn take(object: &Object, place: u64, sink: &mut Sink<'_>) {
    if object.kind != "indicator" {
        return;
    }
    if object.revoked {
        return sink.leave_out();
    }
    let until = match object.valid_until.as_deref().map(Timestamp::parse_rfc3339) {
        None => None,
        Some(Ok(until)) => Some(until),
        Some(Err(_)) => {
            return sink.problem("I002", place, "valid_until 不是日期", "valid_until is no date");
        }
    };
    let pattern = object.pattern.as_deref().filter(|p| p.len() <= PATTERN_BYTES_MAX);
    let stix = object.pattern_type.as_deref().is_none_or(|t| t == "stix");
    let Some(comparisons) = pattern.filter(|_| stix).and_then(parse) else {
        sink.leave_out();
        return sink.problem(
            "I003",
            place,
            "此模式不能由单个值判定，未载入",
            "no single value decides this pattern: left out",
        );
    };
    let keys: Option<Vec<(Key, IntelKind)>> = comparisons.iter().map(key).collect();
    match keys {
        Some(keys) => {
            keys.iter().for_each(|(key, kind)| sink.take(key, *kind, Terms { until }));
        }
        None => sink.problem("I002", place, "模式中的值不合法", "a value of the pattern is none"),
    }
}

/// One comparison of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparison {
    /// `ipv4-addr:value`, `file:hashes.'SHA-256'`.
    path: String,
    value: String,
}

fn key(c: &Comparison) -> Option<(Key, IntelKind)> {
    match c.path.as_str() {
        "ipv4-addr:value" | "ipv6-addr:value" => {
            Key::address(&c.value).map(|(key, _)| (key, IntelKind::Address))
        }
        "domain-name:value" => Key::domain(&c.value).map(|k| (k, IntelKind::Domain)),
        "url:value" => Key::url(&c.value).map(|k| (k, IntelKind::Url)),
        _ => Key::hash(&c.value).map(|k| (k, IntelKind::Hash)),
    }
}

/// Paths whose single value decides.
fn is_known(path: &str) -> bool {
    let hash = |p: &str| {
        let name: String = p.chars().filter(char::is_ascii_alphanumeric).collect();
        matches!(name.to_ascii_uppercase().as_str(), "MD5" | "SHA1" | "SHA256" | "SHA512")
    };
    matches!(path, "ipv4-addr:value" | "ipv6-addr:value" | "domain-name:value" | "url:value")
        || path.strip_prefix("file:hashes.").is_some_and(hash)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => {}
            '[' | ']' | '(' | ')' | '=' | ',' => out.push(Token::Sign(c)),
            '\'' => {
                let mut text = String::new();
                loop {
                    match chars.next()? {
                        '\\' => text.push(chars.next()?),
                        '\'' => break,
                        c => text.push(c),
                    }
                }
                out.push(Token::Text(text));
            }
            c if c.is_alphanumeric() => {
                let mut word = c.to_string();
                while let Some(c) = chars
                    .peek()
                    .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))
                {
                    word.push(*c);
                    chars.next();
                }
                // `hashes.'SHA-256'`
                if word.ends_with('.') && chars.peek() == Some(&'\'') {
                    chars.next();
                    word.extend(chars.by_ref().take_while(|c| *c != '\''));
                }
                out.push(Token::Word(word));
            }
            _ => return None,
        }
    }
    Some(out)
}

/// The comparisons any of which suffices; `None` for a pattern that is not of that kind.
fn parse(pattern: &str) -> Option<Vec<Comparison>> {
    let tokens = tokens(pattern)?;
    let mut at = tokens.iter();
    let mut out = Vec::new();
    loop {
        match at.next()? {
            Token::Sign('[') => loop {
                comparison(&mut at, &mut out)?;
                match at.next()? {
                    Token::Sign(']') => break,
                    Token::Word(w) if w == "OR" => {}
                    _ => return None,
                }
            },
            _ => return None,
        }
        match at.next() {
            None => return Some(out),
            Some(Token::Word(w)) if w == "OR" => {}
            Some(_) => return None,
        }
    }
}

fn comparison(at: &mut std::slice::Iter<'_, Token>, out: &mut Vec<Comparison>) -> Option<()> {
    let Token::Word(path) = at.next()? else { return None };
    if !is_known(path) {
        return None;
    }
    let mut add =
        |value: &str| out.push(Comparison { path: path.clone(), value: value.to_owned() });
    match at.next()? {
        Token::Sign('=') => match at.next()? {
            Token::Text(value) => add(value),
            _ => return None,
        },
        Token::Word(op) if op == "ISSUBSET" && path.ends_with("-addr:value") => match at.next()? {
            Token::Text(value) => add(value),
            _ => return None,
        },
        Token::Word(op) if op == "IN" => {
            if *at.next()? != Token::Sign('(') {
                return None;
            }
            loop {
                match at.next()? {
                    Token::Text(value) => add(value),
                    _ => return None,
                }
                match at.next()? {
                    Token::Sign(',') => {}
                    Token::Sign(')') => break,
                    _ => return None,
                }
            }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_patterns_that_one_value_decides_are_read() {
        let values = |p: &str| -> Option<Vec<String>> {
            parse(p).map(|c| c.into_iter().map(|c| c.value).collect())
        };
        let some = |v: &[&str]| Some(v.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        assert_eq!(values("[ipv4-addr:value = '1.2.3.4']"), some(&["1.2.3.4"]));
        assert_eq!(values("[ipv4-addr:value ISSUBSET '1.2.3.0/24']"), some(&["1.2.3.0/24"]));
        assert_eq!(values("[domain-name:value IN ('a.cn', 'b.cn')]"), some(&["a.cn", "b.cn"]));
        assert_eq!(
            values("[file:hashes.'SHA-256' = 'ab' OR file:hashes.MD5 = 'cd'] OR [url:value = 'x']"),
            some(&["ab", "cd", "x"])
        );
        for other in [
            "",
            "[",
            "[ipv4-addr:value = '1.2.3.4' AND network-traffic:dst_port = 80]",
            "[ipv4-addr:value = '1.2.3.4'] AND [url:value = 'x']",
            "[ipv4-addr:value != '1.2.3.4']",
            "[NOT ipv4-addr:value = '1.2.3.4']",
            "[url:value LIKE '%x%']",
            "[url:value MATCHES 'x']",
            "[ipv4-addr:value = '1'] FOLLOWEDBY [ipv4-addr:value = '2']",
            "[process:name = 'x']",
            "[url:value = 'open]",
            "([url:value = 'x'])",
        ] {
            assert_eq!(values(other), None, "{other}");
        }
    }
}
