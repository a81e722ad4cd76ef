//! Case folding: what "case-insensitive" means here.
//!
//! Every character is replaced by its simple lower case (Unicode `Simple_Lowercase_Mapping`
//! where that is one character), and the two letters that regular expressions fold onto ASCII
//! (U+017F long s, U+212A Kelvin sign) by `s` and `k`. Full foldings that change the number of
//! characters (ß → ss) are not applied.

/// The characters other than ASCII that fold onto ASCII.
const ONTO_ASCII: [&str; 2] = ["\u{17f}", "\u{212a}"];

/// Whether any character other than ASCII becomes ASCII by folding.
pub(crate) fn folds_onto_ascii(text: &str) -> bool {
    ONTO_ASCII.iter().any(|c| memchr::memmem::find(text.as_bytes(), c.as_bytes()).is_some())
}

/// One character, folded.
pub(crate) fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    if c == '\u{17f}' {
        return 's';
    }
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// A text, folded.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// Folds into a reused buffer; no allocation once it is large enough.
pub(crate) fn fold_into(text: &str, out: &mut String) {
    out.clear();
    if text.is_ascii() {
        out.push_str(text);
        out.make_ascii_lowercase();
    } else {
        out.extend(text.chars().map(fold_char));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_folds_onto_ascii() {
        let all = ('\u{80}'..=char::MAX).filter(|c| fold_char(*c).is_ascii());
        assert!(all.map(String::from).eq(ONTO_ASCII));
        assert!(folds_onto_ascii("学\u{212a}") && folds_onto_ascii("ſ"));
        assert!(!folds_onto_ascii("学Kſs".trim_end_matches("ſs")));
    }

    #[test]
    fn folds_characters_one_to_one() {
        assert_eq!(fold("C:\\Windows"), "c:\\windows");
        assert_eq!(fold("ÄÖ学Я"), "äö学я");
        assert_eq!(fold("\u{17f}\u{212a}ß"), "skß");
    }
}
