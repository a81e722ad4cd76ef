//! Texts of detection items as pipelines see and change them.
//!
//! A pipeline sees a value in Sigma's notation with the wildcards that `contains`, `startswith`
//! and `endswith` stand for; a change of the value therefore first writes those into the text.

use crate::pattern::{Part, Pattern};
use crate::syntax::written::Item;
use crate::yaml::{Kind, Node, Scalar};

/// Modifiers under which a value is no plain text.
const OTHER: &[&str] = &["re", "cidr", "exists", "fieldref", "lt", "lte", "gt", "gte"];
const ENCODINGS: &[&str] =
    &["base64", "base64offset", "wide", "utf16", "utf16le", "utf16be", "windash"];

pub(super) fn is_text(item: &Item) -> bool {
    !item.modifiers.iter().any(|m| OTHER.contains(&m.as_str()))
}

/// Whether the text compared is another than the text written: a change of it would not mean what
/// it says.
pub(super) fn is_encoded(item: &Item) -> bool {
    item.modifiers.iter().any(|m| ENCODINGS.contains(&m.as_str()))
}

/// A value as the conditions of a pipeline see it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    Null,
    Bool(bool),
    Number(f64),
    /// In Sigma's notation, with the wildcards of `contains` and its like.
    Text(String),
    /// An expression, a network, a comparison, or what stands for several texts.
    Other,
}

impl Seen {
    /// A value of a pipeline's own.
    pub(super) fn own(value: &Node) -> Option<Self> {
        Some(match value.scalar()? {
            Scalar::Null => Self::Null,
            Scalar::Bool(b) => Self::Bool(b),
            Scalar::Int(n) => Self::Number(n as f64),
            Scalar::Float(n) => Self::Number(n),
            Scalar::Str(text) => Self::Text(text.to_owned()),
        })
    }

    /// A value of a detection item.
    pub(super) fn of(item: &Item, value: &Node) -> Self {
        let several = item.modifiers.iter().any(|m| m == "windash" || m == "base64offset");
        if several || !is_text(item) {
            return Self::Other;
        }
        match Self::own(value) {
            Some(Self::Text(text)) => Self::Text(shaped(item, &text)),
            Some(seen) => seen,
            None => Self::Other,
        }
    }

    /// Its text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

fn shaped(item: &Item, text: &str) -> String {
    let has = |name: &str| item.modifiers.iter().any(|m| m == name);
    let front = (has("contains") || has("endswith")) && !text.starts_with('*');
    let back = (has("contains") || has("startswith")) && !ends_in_wildcard(text);
    format!("{}{text}{}", if front { "*" } else { "" }, if back { "*" } else { "" })
}

fn ends_in_wildcard(text: &str) -> bool {
    Pattern::parse(text).0.last() == Some(&Part::Many)
}

/// Whether a text in Sigma's notation holds a wildcard.
pub(super) fn wildcards(text: &str) -> bool {
    Pattern::parse(text).0.iter().any(|p| !matches!(p, Part::Literal(_)))
}

/// Writes the wildcards of `contains`, `startswith` and `endswith` into the values.
pub(super) fn write_shape(item: &mut Item) {
    let shapes = ["contains", "startswith", "endswith"];
    if !item.modifiers.iter().any(|m| shapes.contains(&m.as_str())) {
        return;
    }
    let mut values = std::mem::take(&mut item.values);
    each_scalar(&mut values, &mut |node| {
        if let Some(text) = node.text().filter(|_| node.scalar() != Some(Scalar::Null)) {
            *node = text_node(node, shaped(item, text));
        }
    });
    item.values = values;
    item.modifiers.retain(|m| !shapes.contains(&m.as_str()));
}

/// Calls `f` on every scalar, alternatives too.
pub(super) fn each_scalar(values: &mut [Node], f: &mut dyn FnMut(&mut Node)) {
    for node in values {
        match &mut node.kind {
            Kind::Seq(items) => each_scalar(items, f),
            _ => f(node),
        }
    }
}

/// A text in the place of another value.
pub(super) fn text_node(at: &Node, text: String) -> Node {
    Node { span: at.span.clone(), kind: Kind::Scalar { text, plain: false } }
}

/// Several texts in the place of one value, as alternatives.
pub(super) fn alternatives(at: &Node, mut texts: Vec<String>) -> Node {
    if texts.len() == 1 {
        return text_node(at, texts.remove(0));
    }
    let items = texts.into_iter().map(|t| text_node(at, t)).collect();
    Node { span: at.span.clone(), kind: Kind::Seq(items) }
}

/// Changes the literal parts of a text in Sigma's notation and leaves its wildcards. What `f`
/// makes is taken literally unless `interpret`.
pub(super) fn literals(text: &str, interpret: bool, f: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    for part in Pattern::parse(text).0 {
        match part {
            Part::Many => out.push('*'),
            Part::One => out.push('?'),
            Part::Literal(t) if interpret => out.push_str(&f(&t)),
            Part::Literal(t) => out.push_str(&escape(&f(&t))),
        }
    }
    out
}

/// A text as Sigma writes it when nothing in it is a wildcard.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '?' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A pattern in Sigma's notation as a regular expression over a whole value.
pub(super) fn as_regex(text: &str) -> String {
    let mut out = String::from("^");
    for part in Pattern::parse(text).0 {
        match part {
            // A line break is a character like any other to a wildcard.
            Part::Many => out.push_str("(?s:.*)"),
            Part::One => out.push_str("(?s:.)"),
            Part::Literal(t) => out.push_str(&regex::escape(&t)),
        }
    }
    out.push('$');
    out
}

/// A replacement in Python's notation (`\1`, `\g<name>`) in that of the `regex` crate.
pub(super) fn replacement(python: &str) -> String {
    let mut out = String::new();
    let mut chars = python.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '$' => out.push_str("$$"),
            '\\' => match chars.next() {
                Some(d) if d.is_ascii_digit() => {
                    let mut digits = d.to_string();
                    while let Some(d) = chars.peek().filter(|d| d.is_ascii_digit()) {
                        digits.push(*d);
                        chars.next();
                    }
                    out.push_str(&format!("${{{digits}}}"));
                }
                Some('g') if chars.peek() == Some(&'<') => {
                    let name: String = chars.by_ref().skip(1).take_while(|c| *c != '>').collect();
                    out.push_str(&format!("${{{name}}}"));
                }
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}
