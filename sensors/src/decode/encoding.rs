//! Text of Chinese devices: GB18030, or UTF-8 with GB18030 inside it.

use std::borrow::Cow;

use encoding_rs::GB18030;

/// A record in UTF-8 when it is not yet: words that are UTF-8 stay, others are read as GB18030
/// (a device that writes UTF-8 around a value it copied from a GBK system). `None` when the whole
/// record is UTF-8 already.
///
/// Characters of two bytes in UTF-8 (Latin, Greek, Cyrillic) tell nothing: 源, a word of every Chinese
/// firewall, has the bytes of one. Where nothing else speaks for UTF-8 they are read as GB18030.
///
/// Words are parted at ASCII bytes that no character of GB18030 holds: all below `@` but the digits.
pub fn gb18030(bytes: &[u8]) -> Option<Cow<'_, str>> {
    if utf8(bytes).is_some() {
        return None;
    }
    let mut out = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = rest.iter().position(|b| parts(*b)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(len.max(1));
        match utf8(word) {
            Some(text) => out.push_str(text),
            None => out.push_str(&GB18030.decode_without_bom_handling(word).0),
        }
        rest = after;
    }
    Some(Cow::Owned(out))
}

/// A text that is ASCII, or UTF-8 with a character of at least three bytes.
fn utf8(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (text.is_ascii() || bytes.iter().any(|b| *b >= 0xe0)).then_some(text)
}

/// Second bytes begin at `@`, and second and fourth bytes of the long form are digits.
const fn parts(byte: u8) -> bool {
    byte < b'@' && !byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn both_encodings_in_one_record() {
        let gbk = GB18030.encode("用户登录失败").0;
        let record = [b"user=\xe6\x9d\x8e\xe5\xa8\x9c msg=", &gbk[..], b" result=0"].concat();
        assert_eq!(gb18030(&record).unwrap(), "user=李娜 msg=用户登录失败 result=0");
        // A name in UTF-8 right before a value that is not; a character of four bytes.
        let record = ["用户=李娜;结果=".as_bytes(), &gbk[..], ":𠮷".as_bytes()].concat();
        assert_eq!(gb18030(&record).unwrap(), "用户=李娜;结果=用户登录失败:𠮷");
        let long = GB18030.encode("㐂𠮷").0;
        assert_eq!(gb18030(&[b"a=", &long[..]].concat()).unwrap(), "a=㐂𠮷");
        assert_eq!(gb18030("全是 UTF-8".as_bytes()), None);
        // Its bytes are those of a letter in UTF-8.
        for text in ["源IP:10.1.2.3, 源端口:4000, 系统动作:拒绝", "源IP=10.1.2.3"] {
            assert_eq!(gb18030(&GB18030.encode(text).0).unwrap(), text);
        }
        assert_eq!(gb18030(&gbk).unwrap(), "用户登录失败");
    }

    proptest! {
        #[test]
        fn a_text_in_gbk_is_read(text in "[一-龥]{2,20}( [a-z]{1,5}=[一-龥]{2,8}){0,3}") {
            let bytes = GB18030.encode(&text).0;
            // Bytes that are UTF-8 by chance are taken for it; text of two characters or more in
            // GBK hardly ever is, word by word.
            if bytes.split(|b| parts(*b)).all(|w| w.is_ascii() || utf8(w).is_none()) {
                let read = gb18030(&bytes).unwrap();
                prop_assert_eq!(read.as_ref(), text.as_str());
            }
        }

        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let text = gb18030(&bytes);
            prop_assert!(text.is_none() == utf8(&bytes).is_some());
        }
    }
}
