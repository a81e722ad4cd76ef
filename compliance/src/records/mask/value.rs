//! What becomes of one value.

use super::fpe::Fpe;
use super::key::PolicyKey;
use super::mac::ShortMac;
use super::policy::{Method, Precision};
use super::shift;
use crate::records::error::Error;
use crate::records::find::engine::Finding;

/// Surnames of two characters that keep both.
const COMPOUND: [&str; 12] = [
    "欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "夏侯",
];

/// Masks values under one policy key.
pub(super) struct Masker {
    pseudonym: ShortMac,
    fpe: Fpe,
    /// The days by which the dates of the row under way are moved.
    pub(super) moved: Option<i64>,
    plain: String,
}

/// A cell and what was found in it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) cell: &'a str,
    pub(super) found: &'a [Finding],
    /// Whether its column says what stands in it.
    pub(super) expected: bool,
}

impl Masker {
    pub(super) fn new(key: &PolicyKey, policy: &str) -> Result<Self, Error> {
        let fpe = Fpe::new(&*key.secret(policy, "fpe")?);
        let pseudonym = ShortMac::new(&*key.secret(policy, "pseudonym")?)?;
        Ok(Self { pseudonym, fpe, moved: None, plain: String::new() })
    }

    /// Writes the masked value of a cell to `out`.
    pub(super) fn mask(
        &mut self,
        method: Method,
        element: Option<&str>,
        seen: Seen<'_>,
        out: &mut String,
    ) {
        out.clear();
        let cell = seen.cell;
        if trim(cell).is_empty() {
            return;
        }
        match method {
            Method::Suppress => {}
            Method::Keep if element.is_some() => out.push_str(cell),
            // Free text stays, the persons in it do not.
            Method::Keep => redact(cell, seen.found, out),
            Method::Redact => {
                redact(cell, seen.found, out);
                if out == cell && seen.expected {
                    out.clear();
                }
            }
            Method::KeepShape => shape(cell, out),
            Method::Partial { head, tail } => partial(element, head, tail, cell, out),
            Method::Generalise(precision) => generalise(precision, cell, &mut self.plain, out),
            Method::DateShift => {
                let moved = self.moved.is_some_and(|days| shift::moved(cell, days, out));
                if !moved {
                    out.clear();
                }
            }
            Method::Pseudonym => self.token(cell, out),
            // What has no known form becomes a token.
            Method::Fpe => {
                normal(cell, &mut self.plain);
                if !self.fpe.number(&self.plain, out) {
                    out.clear();
                    self.token(cell, out);
                }
            }
            Method::Band(width) => band(width, cell, out),
        }
    }

    /// Sixteen letters: the same value has the same token under one key.
    fn token(&mut self, cell: &str, out: &mut String) {
        normal(cell, &mut self.plain);
        let tag = self.pseudonym.tag(self.plain.as_bytes());
        let mut token = [b'#'; 17];
        for (pair, byte) in token[1..].chunks_exact_mut(2).zip(tag) {
            pair.copy_from_slice(&[b'a' + (byte >> 4), b'a' + (byte & 15)]);
        }
        // It is of ASCII.
        out.push_str(std::str::from_utf8(&token).unwrap_or_default());
    }
}

/// The text with the persons in it replaced by what they are.
fn redact(cell: &str, found: &[Finding], out: &mut String) {
    let mut next = found.iter().filter(|f| super::second::is_person(f.kind)).peekable();
    if next.peek().is_none() {
        out.push_str(cell);
        return;
    }
    let mut skip_to = 0;
    for (at, c) in (0u32..).zip(cell.chars()) {
        if let Some(f) = next.peek().filter(|f| f.start == at) {
            out.push('[');
            out.push_str(f.kind.name());
            out.push(']');
            skip_to = f.end;
            next.next();
        }
        if at >= skip_to {
            out.push(c);
        }
    }
}

/// [`str::trim`]; what begins and ends with Han or a visible character of ASCII has nothing to trim.
pub(super) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let han = |byte: Option<&u8>| matches!(byte, Some(0xE4..=0xE9));
    let visible = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let begins = visible(bytes.first()) || han(bytes.first());
    // The third byte from the end begins a character only when that is the last one.
    let ends =
        visible(bytes.last()) || han(bytes.len().checked_sub(3).and_then(|at| bytes.get(at)));
    if begins && ends { text } else { text.trim() }
}

/// A value without the ways people write it: half width, no separators, upper case.
pub(super) fn normal(cell: &str, out: &mut String) {
    out.clear();
    out.reserve(cell.len());
    if cell.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
        out.push_str(cell);
        return;
    }
    if cell.is_ascii() {
        let kept = cell.bytes().filter(u8::is_ascii_alphanumeric);
        kept.for_each(|b| out.push(char::from(b.to_ascii_uppercase())));
        return;
    }
    for c in cell.chars() {
        // Han has no cases.
        if ('\u{4e00}'..='\u{9fff}').contains(&c) {
            out.push(c);
            continue;
        }
        let c = match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            c => c,
        };
        if c.is_ascii() {
            if c.is_ascii_alphanumeric() {
                out.push(c.to_ascii_uppercase());
            }
        } else if c.is_alphanumeric() {
            out.extend(c.to_uppercase());
        }
    }
}

/// Stars, as many as are usually needed.
const STARS: &str = "********************************";

fn stars(count: usize, out: &mut String) {
    match STARS.get(..count) {
        Some(stars) => out.push_str(stars),
        None => out.extend(std::iter::repeat_n('*', count)),
    }
}

/// How many characters of an element stay at either end, where a policy does not say it. A name's
/// are told from the name.
pub(super) fn ends(element: &str) -> Option<(u8, u8)> {
    match element {
        e if e.ends_with("name") => None,
        e if e.contains("phone") || e.contains("mobile") => Some((3, 2)),
        e if e.contains("email") => Some((1, 0)),
        e if e.contains("card") => Some((0, 4)),
        _ => Some((1, 1)),
    }
}

fn shape(cell: &str, out: &mut String) {
    out.extend(cell.chars().map(|c| if c.is_alphanumeric() { '*' } else { c }));
}

fn partial(
    element: Option<&str>,
    head: Option<u8>,
    tail: Option<u8>,
    cell: &str,
    out: &mut String,
) {
    let cell = trim(cell);
    let ascii = cell.is_ascii();
    let length = if ascii { cell.len() } else { cell.chars().count() };
    let name = element.is_some_and(|e| e.ends_with("name"));
    let usual = match (head, tail) {
        (Some(head), Some(tail)) => (head, tail),
        _ if name => (1 + u8::from(COMPOUND.iter().any(|c| cell.starts_with(c))), 0),
        _ => element.and_then(ends).unwrap_or((1, 1)),
    };
    let mut first = usize::from(head.unwrap_or(usual.0));
    let mut last = usize::from(tail.unwrap_or(usual.1));
    // At least half of the value is hidden, however short it is.
    while first + last > length / 2 && first + last > usize::from(name) {
        if last > 0 { last -= 1 } else { first -= 1 }
    }
    let hidden = (length - first - last).max(1);
    if ascii {
        out.push_str(cell.get(..first).unwrap_or_default());
        stars(hidden, out);
        out.push_str(cell.get(length - last..).unwrap_or_default());
        return;
    }
    out.extend(cell.chars().take(first));
    stars(hidden, out);
    out.extend(cell.chars().skip(length - last));
}

fn generalise(precision: Precision, cell: &str, digits: &mut String, out: &mut String) {
    match precision {
        Precision::Year | Precision::Month => {
            normal(cell, digits);
            digits.retain(|c| c.is_ascii_digit());
            let year = digits.get(..4).filter(|y| y.starts_with("19") || y.starts_with("20"));
            if let Some(year) = year {
                out.push_str(year);
                if precision == Precision::Month
                    && let Some(month) = digits.get(4..6)
                {
                    out.push('-');
                    out.push_str(month);
                }
            }
        }
        Precision::City => cut_after(cell, &['市', '州', '盟'], out),
        Precision::District => cut_after(cell, &['区', '县', '旗'], out),
        Precision::Net24 => {
            let mut parts = cell.trim().split('.');
            let three: Vec<&str> = parts.by_ref().take(3).collect();
            let numeric = three.iter().all(|p| p.parse::<u8>().is_ok());
            if three.len() == 3 && numeric && parts.next().is_some() {
                out.push_str(&three.join("."));
                out.push_str(".0/24");
            }
        }
    }
}

/// The text up to and including the first of some characters; nothing if there is none.
fn cut_after(cell: &str, ends: &[char], out: &mut String) {
    if let Some((at, c)) = cell.char_indices().find(|(_, c)| ends.contains(c)) {
        out.push_str(trim(&cell[..at + c.len_utf8()]));
    }
}

fn band(width: u32, cell: &str, out: &mut String) {
    let number: Option<f64> = cell.trim().parse().ok().filter(|n: &f64| n.abs() < 1e12);
    if let Some(number) = number {
        let low = (number / f64::from(width)).floor() * f64::from(width);
        out.push_str(&format!("[{low}, {})", low + f64::from(width)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(method: Method, element: Option<&str>, cell: &str) -> String {
        let mut masker = Masker::new(&PolicyKey::new([1; 32]), "p").unwrap();
        let mut out = String::new();
        masker.mask(method, element, Seen { cell, found: &[], expected: false }, &mut out);
        out
    }

    const PARTIAL: Method = Method::Partial { head: None, tail: None };

    #[test]
    fn fragments_stay_recognisable_and_hide_the_rest() {
        assert_eq!(mask(PARTIAL, Some("student_name"), "张三丰"), "张**");
        assert_eq!(mask(PARTIAL, Some("student_name"), "欧阳修文"), "欧阳**");
        assert_eq!(mask(PARTIAL, Some("id_number"), "11010519491231002X"), "1****************X");
        assert_eq!(mask(PARTIAL, Some("phone"), "13800138000"), "138******00");
        assert_eq!(mask(PARTIAL, Some("x"), "ab"), "a*");
        assert_eq!(mask(Method::KeepShape, None, "A1-学"), "**-*");
    }

    #[test]
    fn values_get_coarser() {
        let to = Method::Generalise;
        assert_eq!(mask(to(Precision::Year), None, "２０１３年5月6日"), "2013");
        assert_eq!(mask(to(Precision::Month), None, "2013-05-06"), "2013-05");
        assert_eq!(mask(to(Precision::District), None, "示范市青溪区和平路1号"), "示范市青溪区");
        assert_eq!(mask(to(Precision::District), None, "somewhere"), "");
        assert_eq!(mask(to(Precision::Net24), None, "10.1.2.3"), "10.1.2.0/24");
        assert_eq!(mask(Method::Band(10), None, "87.5"), "[80, 90)");
        assert_eq!(mask(Method::Band(10), None, "优"), "");
    }

    #[test]
    fn trimming_is_that_of_the_standard_library() {
        let ends = ["", " ", "\u{3000}", "\u{a0}", "\u{2003}", "张", "a", "é", "\u{1f600}", "\n"];
        for (a, b) in ends.iter().flat_map(|a| ends.iter().map(move |b| (a, b))) {
            for text in [format!("{a}{b}"), format!("{a}x{b}"), format!("{a}学 生{b}")] {
                assert_eq!(trim(&text), text.trim(), "{text:?}");
            }
        }
    }

    #[test]
    fn one_person_has_one_pseudonym_however_written() {
        let a = mask(Method::Pseudonym, None, "138-0013-8000");
        assert_eq!(a, mask(Method::Pseudonym, None, "１３８００１３８０００"));
        assert_ne!(a, mask(Method::Pseudonym, None, "13800138001"));
        assert_eq!(a.len(), 17);
    }
}
