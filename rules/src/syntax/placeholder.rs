//! `%placeholders%` of the `expand` modifier.

use std::borrow::Cow;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Text(&'t str),
    /// The name between two percent signs.
    Name(&'t str),
}

/// Splits a text into names and what lies between. A name is letters, digits and `_`; any other
/// percent sign is itself, and so is one behind a backslash (see [`plain`]).
pub(crate) fn split(text: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(open) = text[at..].find('%').map(|n| at + n) {
        let name = &text[open + 1..];
        let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
        if end > 0 && name[end..].starts_with('%') && !text[..open].ends_with('\\') {
            if from < open {
                out.push(Piece::Text(&text[from..open]));
            }
            out.push(Piece::Name(&name[..end]));
            from = open + end + 2;
            at = from;
        } else {
            at = open + 1;
        }
    }
    if from < text.len() {
        out.push(Piece::Text(&text[from..]));
    }
    out
}

/// What lies between the names, with `\%` as the percent sign it stands for.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(ESCAPED) { text.replace(ESCAPED, "%").into() } else { text.into() }
}

/// A percent sign that begins no name.
pub(crate) const ESCAPED: &str = "\\%";

#[cfg(test)]
mod tests {
    use super::Piece::{Name, Text};
    use super::*;

    #[test]
    fn only_names_between_percent_signs_are_placeholders() {
        assert_eq!(split("a%b%c"), [Text("a"), Name("b"), Text("c")]);
        assert_eq!(split("%x%%y%"), [Name("x"), Name("y")]);
        assert_eq!(split("100%"), [Text("100%")]);
        assert_eq!(split("50% of %all%"), [Text("50% of "), Name("all")]);
        assert_eq!(split("%a b%"), [Text("%a b%")]);
        assert_eq!(split("%学校%"), [Name("学校")]);
        assert_eq!(split(""), []);
        assert_eq!(split(r"\%plain%name%"), [Text(r"\%plain"), Name("name")]);
        assert_eq!(plain(r"\%plain"), "%plain");
    }
}
