//! Marks in a record: which parts of a text made a rule match. Pure; any text is fine.

use maud::{Markup, html};

/// Longest text that is searched for marks, in bytes; the rest is shown without.
const MARKED_BYTES_MAX: usize = 16 * 1024;
/// Shortest needle worth a mark, in bytes: single characters would light up everything.
const NEEDLE_BYTES_MIN: usize = 2;

/// The ranges of `text` that hold one of `needles`: ascending, not overlapping; at one place the
/// longest needle wins.
pub(crate) fn ranges(text: &str, needles: &[&str]) -> Vec<std::ops::Range<usize>> {
    let mut end = text.len().min(MARKED_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let window = text.get(..end).unwrap_or_default();
    let mut found: Vec<std::ops::Range<usize>> = needles
        .iter()
        .filter(|n| n.len() >= NEEDLE_BYTES_MIN)
        .flat_map(|n| window.match_indices(n).map(|(at, m)| at..at + m.len()))
        .collect();
    found.sort_by_key(|r| (r.start, std::cmp::Reverse(r.end)));
    let mut at = 0;
    found.retain(|r| {
        let keep = r.start >= at;
        if keep {
            at = r.end;
        }
        keep
    });
    found
}

/// The text with its marks.
pub(crate) fn marked(text: &str, needles: &[&str]) -> Markup {
    let ranges = ranges(text, needles);
    let mut at = 0;
    let mut parts: Vec<(&str, bool)> = Vec::with_capacity(2 * ranges.len() + 1);
    for range in ranges {
        parts.push((text.get(at..range.start).unwrap_or_default(), false));
        at = range.end;
        parts.push((text.get(range).unwrap_or_default(), true));
    }
    parts.push((text.get(at..).unwrap_or_default(), false));
    html! { @for (part, hit) in parts { @if hit { mark { (part) } } @else { (part) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wins_and_nothing_overlaps() {
        let r = ranges("user=zhangsan ip=10.1.2.3", &["zhang", "zhangsan", "10.1", "1"]);
        assert_eq!(r, vec![5..13, 17..21]);
        assert!(ranges("aaa", &["aa"]).len() == 1);
        assert!(ranges("学", &["", "x"]).is_empty());
    }

    #[test]
    fn the_text_survives_and_is_escaped() {
        let out = marked("<b>登录失败</b> & more", &["登录失败"]).into_string();
        assert_eq!(out, "&lt;b&gt;<mark>登录失败</mark>&lt;/b&gt; &amp; more");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let text = "学".repeat(MARKED_BYTES_MAX);
        assert!(!ranges(&text, &["学"]).is_empty());
    }
}
