//! Personal data in texts that stand in no table: log records, their fields, notes. The finders are
//! those of cells; of a field, its name says what it may hold.

use super::find::engine::{Finder, Hint};
use super::find::kind::KindSet;
use super::find::{Day, Kind};
use super::limits::{CELL_FINDINGS_MAX, TEXT_BYTES_MAX};
use super::taxonomy::{HeaderMeaning, Taxonomy};

/// Longest key of a value in a text, in bytes.
const KEY_BYTES_MAX: usize = 64;

/// Looks at texts, one after the other; keeps its buffers.
pub struct TextFinder {
    finder: Finder,
}

/// A finding: bytes of the text, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextFinding {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// The byte behind it.
    pub end: usize,
}

impl TextFinder {
    /// A finder that knows what day it is: ages count in what is a birth date.
    pub fn new(today: Day) -> Self {
        Self { finder: Finder::new(today) }
    }

    /// The findings of a text; two may overlap. At most [`TEXT_BYTES_MAX`] of it are looked at; how
    /// many were, [`looked_at`] tells, and who must hide what is personal hides the rest.
    ///
    /// What stands in it as `key=value`, `key: value` or `"key":"value"` is looked at as the value of
    /// a field of that name, too; what is escaped as in a URL or in JSON is looked at as it reads.
    pub fn find(&mut self, text: &str, field: FieldHint, taxonomy: &Taxonomy) -> Vec<TextFinding> {
        let text = text.get(..looked_at(text)).unwrap_or_default();
        let Some(Unescaped { text: plain, places }) = Unescaped::of(text) else {
            return self.find_plain(text, field, taxonomy);
        };
        let mut out = self.find_plain(&plain, field, taxonomy);
        let place = |at: usize| places.get(at).copied().unwrap_or(text.len());
        for one in &mut out {
            (one.start, one.end) = (place(one.start), place(one.end));
        }
        out
    }

    fn find_plain(
        &mut self,
        text: &str,
        field: FieldHint,
        taxonomy: &Taxonomy,
    ) -> Vec<TextFinding> {
        let mut out = Vec::new();
        self.add(text, 0, field, &mut out);
        for (key, start, end) in pairs(text) {
            let hint = FieldHint::of(key, taxonomy);
            if hint != FieldHint::default() && out.len() < CELL_FINDINGS_MAX {
                self.add(text.get(start..end).unwrap_or_default(), start, hint, &mut out);
            }
        }
        out
    }

    /// Adds what a part of a text holds that begins at this byte.
    fn add(&mut self, part: &str, at: usize, field: FieldHint, out: &mut Vec<TextFinding>) {
        let found = self.finder.find(part, field.0);
        // Findings are in order and apart: one walk along the characters finds all their bytes.
        let mut places = part.char_indices().map(|(byte, _)| byte).chain([part.len()]).enumerate();
        let mut here = (0, 0);
        let mut byte_of = |char: u32| {
            while here.0 < char as usize
                && let Some(place) = places.next()
            {
                here = place;
            }
            here.1
        };
        for f in found {
            let (start, end) = (byte_of(f.start), byte_of(f.end));
            let one = TextFinding { kind: f.kind, start: at + start, end: at + end };
            if !out.contains(&one) {
                out.push(one);
            }
        }
    }
}

/// A text without its escapes, and where each byte of it, and its end, stood.
struct Unescaped {
    text: String,
    places: Vec<usize>,
}

impl Unescaped {
    /// `None` for a text that holds none: most do not.
    fn of(text: &str) -> Option<Self> {
        let next = |from: usize| text.get(from..)?.find(['%', '\\']).map(|n| from + n);
        let mut out: Option<Self> = None;
        let (mut at, mut from) = (next(0)?, 0);
        loop {
            if let Some((plain, end)) = escape(text, at) {
                let out = out.get_or_insert_with(|| Self { text: String::new(), places: vec![] });
                out.add(text.get(from..at).unwrap_or_default(), from, true);
                out.add(&plain, at, false);
                (from, at) = (end, end);
            } else {
                at += 1;
            }
            let Some(place) = next(at) else { break };
            at = place;
        }
        let mut out = out?;
        out.add(text.get(from..).unwrap_or_default(), from, true);
        out.places.push(text.len());
        Some(out)
    }

    /// Adds a part that stood at this byte: as it is, or as the reading of an escape.
    fn add(&mut self, part: &str, at: usize, as_is: bool) {
        self.text.push_str(part);
        self.places.extend((0..part.len()).map(|n| if as_is { at + n } else { at }));
    }
}

/// The one character that is escaped at this byte of a text, beyond ASCII, or `%40`; and where the
/// escape ends.
fn escape(text: &str, at: usize) -> Option<(String, usize)> {
    let hex = |from: usize, len: usize| {
        let digits = text.get(from..from + len)?;
        let right = digits.bytes().all(|b| b.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| right)
    };
    if text.get(at..)?.starts_with('%') {
        let first = u8::try_from(hex(at + 1, 2)?).ok()?;
        let len = match first {
            b'@' => 1,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return None,
        };
        let byte = |n: usize| {
            let percent = text.get(at + 3 * n..)?.starts_with('%');
            hex(at + 3 * n + 1, 2).filter(|_| percent).and_then(|b| u8::try_from(b).ok())
        };
        let bytes: Vec<u8> = (0..len).map(byte).collect::<Option<_>>()?;
        return Some((String::from_utf8(bytes).ok()?, at + 3 * len));
    }
    let unit = |from: usize| {
        let marked = text.get(from..)?.starts_with("\\u");
        hex(from + 2, 4).filter(|_| marked).and_then(|u| u16::try_from(u).ok())
    };
    let first = unit(at)?;
    let units = [first, unit(at + 6).unwrap_or(0)];
    let len = if (0xD800..0xDC00).contains(&first) { 2 } else { 1 };
    let plain = String::from_utf16(units.get(..len)?).ok().filter(|t| !t.is_ascii())?;
    Some((plain, at + 6 * len))
}

/// A value as it reads: without escapes as in a URL or in JSON.
pub fn plain(value: &str) -> std::borrow::Cow<'_, str> {
    Unescaped::of(value).map_or(value.into(), |plain| plain.text.into())
}

/// Keys and the places of their values in a text: `key=value`, `key:value`, `"key":"value"`, also
/// escaped once more, and with the full-width colon.
fn pairs(text: &str) -> impl Iterator<Item = (&str, usize, usize)> {
    let signs = text.match_indices(['=', ':', '：']);
    signs.filter_map(|(at, sign)| {
        let before = text.get(..at)?.trim_end_matches([' ', '"', '\\', '\'']);
        let from = before.floor_char_boundary(before.len().saturating_sub(KEY_BYTES_MAX));
        let near = before.get(from..)?;
        let is_key = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let key = near.rsplit(|c| !is_key(c)).next().filter(|key| !key.is_empty())?;
        let after = text.get(at + sign.len()..)?;
        let value = after.trim_start_matches([' ', '"', '\\', '\'']);
        let start = text.len() - value.len();
        // Behind a quote a value may hold blanks; it ends where the quote does.
        let quoted = value.len() < after.trim_start_matches(' ').len();
        let ends = |c: char| match quoted {
            true => matches!(c, '"' | '\\' | '\''),
            false => c.is_whitespace() || matches!(c, ',' | ';' | '&' | '}' | '，' | '；' | '。'),
        };
        let end = start + value.find(ends).unwrap_or(value.len());
        (end > start).then_some((key, start, end))
    })
}

/// Bytes of a text that a finder looks at: all, or as many as are allowed, up to a whole character.
pub fn looked_at(text: &str) -> usize {
    text.floor_char_boundary(TEXT_BYTES_MAX)
}

/// What the name of a field says of its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldHint(Hint);

impl FieldHint {
    /// Of a field such as `sjh`, `data.student_name` or `身份证号`. Only the whole last part counts,
    /// and not `name` and `id` alone: they are said of files, hosts and rules as often as of persons.
    pub fn of(name: &str, taxonomy: &Taxonomy) -> Self {
        let last = name.rsplit(['.', '/', ':']).next().unwrap_or(name);
        if matches!(last.to_ascii_lowercase().as_str(), "name" | "id") {
            return Self::default();
        }
        let Some(HeaderMeaning::Element { index, .. }) = taxonomy.exact(last) else {
            return Self::default();
        };
        let types = taxonomy.at(index).map_or(&[][..], |e| &e.types);
        let expect = types.iter().fold(KindSet::default(), |set, kind| set.with(*kind));
        Self(Hint { expect, ..Hint::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finder() -> TextFinder {
        TextFinder::new(Day { year: 2026, month: 11, day: 27 })
    }

    fn found(text: &str, field: &str) -> Vec<(Kind, String)> {
        let taxonomy = Taxonomy::embedded().unwrap();
        let all = finder().find(text, FieldHint::of(field, &taxonomy), &taxonomy);
        all.into_iter().map(|f| (f.kind, text[f.start..f.end].to_owned())).collect()
    }

    #[test]
    fn log_records_of_any_form_are_searched() {
        for text in [
            "<13>1 2026-11-27T01:00:00Z h sms - - - 发送短信至 13800138000 成功",
            r#"{"time":"2026-11-27 09:00:00","手机":"13800138000","ip":"10.1.1.3"}"#,
            "CEF:0|x|y|1|100|export|5|suser=admin duser=a cs1=tel 138-0013-8000 msg=ok",
        ] {
            let all = found(text, "");
            let phones: Vec<_> = all.iter().filter(|(k, _)| *k == Kind::CnPhone).collect();
            assert_eq!(phones.len(), 1, "{text}: {all:?}");
            assert!(phones[0].1.replace('-', "") == "13800138000", "{all:?}");
        }
        let text =
            "学生张三丰，身份证11010519491231002X，卡号6222021234567890128，邮箱a.b@example.org";
        let kinds: Vec<Kind> = found(text, "").into_iter().map(|f| f.0).collect();
        assert_eq!(kinds, [Kind::Name, Kind::CnId, Kind::BankCard, Kind::Email]);
    }

    #[test]
    fn the_name_of_a_field_tells_what_stands_in_it() {
        assert_eq!(found("欧阳娜娜", "xsxm"), [(Kind::Name, "欧阳娜娜".to_owned())]);
        assert_eq!(found("13800138000", "data.sjh").len(), 1);
        for (text, field) in [("sshd", "process.name"), ("web-01", "host.name"), ("5140", "id")] {
            assert_eq!(found(text, field), [], "{field}");
        }
    }

    #[test]
    fn a_value_in_a_text_is_told_by_its_key() {
        for text in [
            r#"planted {"student_name":"欧阳娜娜","seq":1}"#,
            r#"{"body":"{\\"xm\\": \\"欧阳娜娜\\"}"}"#,
            "export xm=欧阳娜娜&type=3",
            "学生姓名：欧阳娜娜，已提交",
            "cs1='x' stu_name='欧阳娜娜' n=1",
        ] {
            let all = found(text, "");
            assert!(all.contains(&(Kind::Name, "欧阳娜娜".to_owned())), "{text}: {all:?}");
        }
        let keys = |text: &str| -> Vec<(String, String)> {
            pairs(text).map(|(k, s, e)| (k.to_owned(), text[s..e].to_owned())).collect()
        };
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(keys("a=1 b: \"x y\" c="), [pair("a", "1"), pair("b", "x y")]);
        assert_eq!(keys("= : ::"), []);
    }

    #[test]
    fn what_is_escaped_is_found_where_it_stands() {
        for (text, as_written) in [
            ("GET /q?xm=%E6%AC%A7%E9%98%B3%E5%A8%9C%e5%a8%9c&n=100%25 ok", 5..),
            (r#"{"a":"\u00e9","xm":"\u6b27\u9633\u5a1c\u5A1C"}"#, 5..),
        ] {
            let all = found(text, "");
            let names: Vec<&String> =
                all.iter().filter(|(k, _)| *k == Kind::Name).map(|(_, v)| v).collect();
            assert!(names.iter().any(|n| plain(n) == "欧阳娜娜"), "{text}: {all:?}");
            assert!(names.iter().all(|n| n.len() >= as_written.start), "{all:?}");
        }
        assert_eq!(found("to=a.b%40example.org&x", "")[0].1, "a.b%40example.org");
        assert_eq!(plain("\\ud83d\\ude00 %zz %E5%9 \\u12 100%"), "\u{1F600} %zz %E5%9 \\u12 100%");
        assert!(Unescaped::of("%41 \\n \\u0041").is_none(), "ASCII reads as it is");
    }

    #[test]
    fn places_are_bytes_and_a_long_text_is_looked_at_up_to_its_bound() {
        let text = "电话13800138000或13900139000";
        assert_eq!(found(text, "").len(), 2, "{:?}", found(text, ""));
        let long = "字".repeat(TEXT_BYTES_MAX);
        assert!(looked_at(&long) <= TEXT_BYTES_MAX && long.is_char_boundary(looked_at(&long)));
        assert_eq!(looked_at("short"), 5);
        let late = format!("{}13800138000", " ".repeat(TEXT_BYTES_MAX));
        assert_eq!(found(&late, ""), []);
    }
}
