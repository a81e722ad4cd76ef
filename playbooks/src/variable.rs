//! Variables: names, types, and references inside texts (`__name__:value`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

use events::Text;
use serde::Serialize;

/// A declared variable (CACAO 2.0, section 10.18).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Variable {
    /// Its type.
    pub kind: VariableType,
    /// What it means.
    pub description: Text,
    /// Its first value, if any.
    pub value: Option<String>,
    /// Whether nobody may write it.
    pub constant: bool,
    /// Whether whoever starts the run must give it.
    pub external: bool,
}

macro_rules! variable_types {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// The types of the vocabulary; others are refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        pub enum VariableType { $($(#[$doc])* #[serde(rename = $word)] $name,)* }

        impl VariableType {
            /// All words of the vocabulary.
            pub const WORDS: &'static [&'static str] = &[$($word),*];

            /// The type of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }

            /// Its word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

variable_types! {
    /// `true` or `false`.
    Bool = "bool",
    /// A JSON object as text.
    Dictionary = "dictionary",
    /// A decimal number.
    Float = "float",
    /// Hexadecimal digits.
    Hexstring = "hexstring",
    /// A 32-bit number.
    Integer = "integer",
    /// A dotted address.
    Ipv4 = "ipv4-addr",
    /// A colon address.
    Ipv6 = "ipv6-addr",
    /// A 64-bit number.
    Long = "long",
    /// Six bytes in hexadecimal.
    Mac = "mac-addr",
    /// A digest in hexadecimal.
    Hash = "hash",
    /// 32 hexadecimal digits.
    Md5 = "md5-hash",
    /// 64 hexadecimal digits.
    Sha256 = "sha256-hash",
    /// Any text.
    String = "string",
    /// A URI with a scheme.
    Uri = "uri",
    /// A UUID.
    Uuid = "uuid",
}

impl VariableType {
    /// Whether a text is a value of this type (and not longer than
    /// [`crate::limits::VALUE_BYTES_MAX`]).
    pub fn accepts(self, value: &str) -> bool {
        if value.len() > crate::limits::VALUE_BYTES_MAX {
            return false;
        }
        match self {
            Self::Bool => matches!(value, "true" | "false"),
            Self::Dictionary => {
                serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(value).is_ok()
            }
            Self::Float => value.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Hexstring | Self::Hash => hex(value, None),
            Self::Integer => value.parse::<i32>().is_ok(),
            Self::Ipv4 => value.parse::<Ipv4Addr>().is_ok() || network::<Ipv4Addr>(value, 32),
            Self::Ipv6 => value.parse::<Ipv6Addr>().is_ok() || network::<Ipv6Addr>(value, 128),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Mac => {
                let parts: Vec<&str> = value.split([':', '-']).collect();
                parts.len() == 6 && parts.iter().all(|p| hex(p, Some(2)))
            }
            Self::Md5 => hex(value, Some(32)),
            Self::Sha256 => hex(value, Some(64)),
            Self::String => true,
            Self::Uri => value.split_once(':').is_some_and(|(scheme, rest)| {
                !rest.is_empty()
                    && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            }),
            Self::Uuid => crate::load::is_uuid(value),
        }
    }
}

fn hex(value: &str, length: Option<usize>) -> bool {
    !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_hexdigit())
        && length.is_none_or(|l| value.len() == l)
}

fn network<A: std::str::FromStr>(value: &str, width: u8) -> bool {
    value.split_once('/').is_some_and(|(address, length)| {
        address.parse::<A>().is_ok() && length.parse::<u8>().is_ok_and(|l| l <= width)
    })
}

/// Whether a text is a variable's name: `__`, a letter or `_`, up to 199 more, `__`.
pub(crate) fn is_name(text: &str) -> bool {
    let Some(inner) = text.strip_prefix("__").and_then(|t| t.strip_suffix("__")) else {
        return false;
    };
    inner.len() <= 200
        && inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && inner.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// The variables a text refers to, with the byte offset of each reference.
pub(crate) fn references(text: &str) -> Vec<(String, usize)> {
    pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Reference(name, at) => Some((name.to_owned(), at)),
            Piece::Plain(_) => None,
        })
        .collect()
}

/// The text with references replaced; the names without a value come back beside it and are left
/// as written.
pub(crate) fn substitute(
    text: &str,
    variables: &BTreeMap<String, String>,
) -> (String, BTreeSet<String>) {
    let mut out = String::with_capacity(text.len());
    let mut missing = BTreeSet::new();
    for piece in pieces(text) {
        match piece {
            Piece::Plain(plain) => out.push_str(plain),
            Piece::Reference(name, _) => match variables.get(name) {
                Some(value) => out.push_str(value),
                None => {
                    missing.insert(name.to_owned());
                    out.push_str(name);
                    out.push_str(":value");
                }
            },
        }
    }
    (out, missing)
}

enum Piece<'a> {
    Plain(&'a str),
    Reference(&'a str, usize),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut done = 0;
    let mut from = 0;
    while let Some(found) = text[from..].find("__:value") {
        let end = from + found + 2;
        from = end + ":value".len();
        // The name runs back to the nearest character that cannot be part of one.
        let run = text[done..end]
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .map_or(done, |at| {
                at + done + text[done + at..].chars().next().map_or(1, char::len_utf8)
            });
        let Some(start) = text[run..end].find("__").map(|at| run + at) else { continue };
        if is_name(&text[start..end]) {
            pieces.push(Piece::Plain(&text[done..start]));
            pieces.push(Piece::Reference(&text[start..end], start));
            done = from;
        }
    }
    pieces.push(Piece::Plain(&text[done..]));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_inside_texts() {
        let vars = BTreeMap::from([("__ip__".to_owned(), "192.0.2.1".to_owned())]);
        let (text, missing) = substitute("封禁 __ip__:value，通知__who__:value。__x", &vars);
        assert_eq!(text, "封禁 192.0.2.1，通知__who__:value。__x");
        assert_eq!(missing.into_iter().collect::<Vec<_>>(), ["__who__"]);
    }

    #[test]
    fn types_accept_their_own() {
        use VariableType as T;
        for (kind, yes, no) in [
            (T::Bool, "true", "True"),
            (T::Integer, "-7", "3000000000"),
            (T::Long, "3000000000", "1.5"),
            (T::Ipv4, "192.0.2.0/24", "192.0.2.256"),
            (T::Ipv6, "2001:db8::1", "192.0.2.1"),
            (T::Mac, "00:1a:2B:3c:4d:5e", "00:1a"),
            (T::Dictionary, "{}", "[]"),
            (T::Uri, "https://a.example", "no-scheme"),
            (T::Uuid, "a0777575-5c4c-4710-9f01-15776103837f", "a0777575"),
            (T::Md5, "00000000000000000000000000000000", "00"),
        ] {
            assert!(kind.accepts(yes), "{kind:?} {yes}");
            assert!(!kind.accepts(no), "{kind:?} {no}");
        }
    }

    proptest! {
        #[test]
        fn any_text_never_panics(text in "[_a-z:é ]{0,12}(__:value)?[_a中]{0,6}(__a__:value)?") {
            let _ = references(&text);
            let (same, _) = substitute(&text, &BTreeMap::new());
            prop_assert_eq!(same, text, "nothing known, nothing changed");
        }
    }
}
