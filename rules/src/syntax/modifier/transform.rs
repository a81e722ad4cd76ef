//! What modifiers make of a value: other encodings, other dashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::pattern::{Part, Pattern};
use crate::syntax::test::Shape;
use crate::yaml::Scalar;

pub(super) fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    units.flat_map(|u: u16| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
}

/// The Base64 texts that stand for the bytes at each of the three possible alignments, without
/// the characters that depend on what lies around them.
pub(super) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    (0..3)
        .filter_map(|shift| {
            let mut padded = vec![0; shift];
            padded.extend_from_slice(bytes);
            let text = STANDARD.encode(&padded);
            let start = [0, 2, 3][shift];
            // With n mod 3 bytes over, the last 0, 3 or 2 characters are padding or mixed.
            let cut = [0, 3, 2][padded.len() % 3];
            text.get(start..text.len().saturating_sub(cut))
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        })
        .collect()
}

/// What Windows takes for a dash before an option: `-`, `/`, en dash, em dash, bar.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];

/// Dashes of one value that are spelled out in all ways; with more, see [`dash_regex`].
pub(super) const DASHES_SPELLED_MAX: usize = 4;

/// Positions (part, byte) of the dashes that begin an option: at the start or not within a word.
pub(super) fn dashes(pattern: &Pattern) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    for (part, p) in pattern.0.iter().enumerate() {
        let Part::Literal(text) = p else { continue };
        let mut word = false;
        for (at, c) in text.char_indices() {
            let next = text[at + c.len_utf8()..].chars().next();
            if DASHES.contains(&c) && !word && next.is_some_and(|n| n.is_alphanumeric() || n == '_')
            {
                out.push((part, at));
            }
            word = c.is_alphanumeric() || c == '_';
        }
    }
    out
}

/// Every way to write the dashes of the options, each once: the ways differ in a dash.
pub(super) fn windash(pattern: &Pattern) -> Vec<Pattern> {
    let mut out = vec![pattern.clone()];
    for (part, at) in dashes(pattern) {
        let written = out.iter().flat_map(|base| {
            DASHES.map(|dash| {
                let mut next = base.clone();
                replace_dash(&mut next, pattern, part, at, dash);
                next
            })
        });
        out = written.collect();
    }
    out
}

/// The same as one regular expression.
pub(super) fn dash_regex(pattern: &Pattern, shape: Shape, cased: bool) -> String {
    let spots = dashes(pattern);
    let mut out = String::from(if cased { "(?s" } else { "(?si" });
    out.push_str(if matches!(shape, Shape::Contains | Shape::Suffix) { ":" } else { ":^" });
    for (part, p) in pattern.0.iter().enumerate() {
        match p {
            Part::Many => out.push_str(".*"),
            Part::One => out.push('.'),
            Part::Literal(text) => {
                for (at, c) in text.char_indices() {
                    if spots.contains(&(part, at)) {
                        out.push_str("[-/\u{2013}\u{2014}\u{2015}]");
                    } else {
                        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
                    }
                }
            }
        }
    }
    out.push_str(if matches!(shape, Shape::Contains | Shape::Prefix) { ")" } else { "$)" });
    out
}

/// Writes `dash` where the original has its dash number n of this part.
fn replace_dash(next: &mut Pattern, original: &Pattern, part: usize, at: usize, dash: char) {
    let (Some(Part::Literal(text)), Some(Part::Literal(was))) =
        (next.0.get_mut(part), original.0.get(part))
    else {
        return;
    };
    // Replacing keeps the number of characters, so positions in characters agree.
    let index = was.get(..at).map_or(0, |t| t.chars().count());
    *text = text.chars().enumerate().map(|(i, c)| if i == index { dash } else { c }).collect();
}

/// Every left followed by every right.
pub(super) fn join(left: &[Pattern], right: &[Pattern]) -> Vec<Pattern> {
    let mut out = Vec::with_capacity(left.len() * right.len());
    for l in left {
        for r in right {
            let mut parts = l.0.clone();
            for part in &r.0 {
                match (parts.last_mut(), part) {
                    (Some(Part::Literal(have)), Part::Literal(more)) => have.push_str(more),
                    _ => parts.push(part.clone()),
                }
            }
            out.push(Pattern(parts));
        }
    }
    out
}

pub(super) fn number(scalar: &Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Int(i) => Some(*i as f64),
        Scalar::Float(f) => Some(*f),
        Scalar::Str(s) => s.trim().parse().ok().filter(|f: &f64| f.is_finite()),
        _ => None,
    }
}
