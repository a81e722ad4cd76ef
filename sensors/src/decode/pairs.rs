//! `名称:值` texts as Chinese devices write them: pairs parted by commas or semicolons, name and
//! value by a colon, all of them half-width or full-width (`源IP:10.1.2.3, 系统动作:拒绝`,
//! `源IP：10.1.2.3，系统动作：拒绝`).
//!
//! A part without a colon belongs to the value before it, and so does one whose name is no name
//! (`描述:登录失败, 用户名或密码错误`).

use super::{Out, Problem};
use crate::limits::PAIRS_MAX;

/// Longest name of a pair, in characters.
const NAME_CHARS_MAX: usize = 24;

/// Writes every pair as a native field.
///
/// # Errors
/// [`Problem::NoPairs`] when there is none.
pub fn write(text: &str, out: &mut Out<'_>) -> Result<(), Problem> {
    let mut count = 0;
    pairs(text, |name, value| {
        count += 1;
        out.native(name, value);
    });
    if count == 0 { Err(Problem::NoPairs) } else { Ok(()) }
}

/// Calls `each` with every pair, at most [`PAIRS_MAX`].
pub fn pairs<'a>(text: &'a str, mut each: impl FnMut(&'a str, &'a str)) {
    let mut open: Option<(&str, usize)> = None;
    let (mut at, mut seen) = (0, 0);
    let value =
        |from: usize, to: usize| text[from..to].trim().trim_end_matches([',', '，', ';', '；']);
    for part in text.split_inclusive([',', '，', ';', '；']) {
        let start = at;
        at += part.len();
        let Some((name, after)) = named(part) else { continue };
        if let Some((name, from)) = open.take() {
            each(name, value(from, start));
            seen += 1;
        }
        if seen == PAIRS_MAX {
            return;
        }
        open = Some((name, start + after));
    }
    if let Some((name, from)) = open {
        each(name, value(from, text.len()));
    }
}

/// The name a part begins with, and where its value begins.
fn named(part: &str) -> Option<(&str, usize)> {
    let (colon, mark) = part.char_indices().find(|(_, c)| matches!(c, ':' | '：'))?;
    let name = part[..colon].trim();
    let is_name = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ' ' | '(' | ')'))
        && !name.chars().all(|c| c.is_ascii_digit());
    is_name.then_some((name, colon + mark.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, proptest};

    fn read(text: &str) -> Vec<(&str, &str)> {
        let mut all = Vec::new();
        pairs(text, |name, value| all.push((name, value)));
        all
    }

    #[test]
    fn half_and_full_width() {
        let want = [
            ("日志类型", "IPS"),
            ("用户", "(null)"),
            ("源IP", "10.1.2.3"),
            ("URL", "http://x:80/a"),
        ];
        assert_eq!(read("日志类型:IPS, 用户:(null), 源IP:10.1.2.3, URL:http://x:80/a"), want);
        assert_eq!(read("日志类型：IPS，用户：(null)，源IP：10.1.2.3；URL：http://x:80/a"), want);
        assert_eq!(
            read("描述:登录失败, 用户名或密码错误, 时间:2026-11-23 12:05:06"),
            [("描述", "登录失败, 用户名或密码错误"), ("时间", "2026-11-23 12:05:06")]
        );
        assert_eq!(read("源IP:2001:db8::9, 备注:"), [("源IP", "2001:db8::9"), ("备注", "")]);
        assert_eq!(read("no pairs, 12:05"), []);
        assert_eq!(read(":x"), []);
    }

    proptest! {
        #[test]
        fn any_text_is_safe(text in "\\PC{0,60}", dense in "[甲a:：,，; (1]{0,60}") {
            prop_assert!(read(&text).len() <= PAIRS_MAX);
            prop_assert!(read(&dense).iter().all(|(name, _)| !name.is_empty()));
        }
    }
}
