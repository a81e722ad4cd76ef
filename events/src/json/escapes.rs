//! Texts with escapes: copied a block at a time, as far as nothing special comes.

use super::scan::{BLOCK, plain_end, special};

/// The text that begins at `start`, without its escapes, and where its quote lies. `None` if it
/// is not well formed. `room` is a buffer.
pub(super) fn resolve<'r>(
    bytes: &[u8],
    start: usize,
    room: &'r mut Vec<u8>,
) -> Option<(&'r str, usize)> {
    // What an escape stands for is shorter than it is.
    if room.len() < bytes.len() + BLOCK {
        room.resize(bytes.len() + BLOCK, 0);
    }
    let mut out = room.as_mut_slice();
    let (whole, mut rest) = (out.len(), bytes.get(start..)?);
    loop {
        let plain = match rest.first_chunk::<BLOCK>() {
            Some(block) => {
                *out.first_chunk_mut()? = *block;
                special(block)
            }
            None => {
                out.get_mut(..rest.len())?.copy_from_slice(rest);
                Some(plain_end(rest, 0))
            }
        };
        let by = plain.unwrap_or(BLOCK);
        (rest, out) = (rest.get(by..)?, out.get_mut(by..)?);
        if plain.is_none() {
            continue;
        }
        // A record does not end in a text, so that a byte follows its quote.
        let [mark, escape] = *rest.first_chunk()?;
        if mark == b'"' {
            break;
        }
        let stands_for = STANDS_FOR[usize::from(escape)];
        if mark != b'\\' {
            return None;
        } else if stands_for != 0 {
            *out.first_mut()? = stands_for;
            (rest, out) = (rest.get(2..)?, out.get_mut(1..)?);
        } else if escape == b'u' {
            let (c, next) = unicode(rest, 2)?;
            let len = c.encode_utf8(out.first_chunk_mut::<4>()?).len();
            (rest, out) = (rest.get(next..)?, out.get_mut(len..)?);
        } else {
            return None;
        }
    }
    let len = whole - out.len();
    Some((simdutf8::basic::from_utf8(room.get(..len)?).ok()?, bytes.len() - rest.len()))
}

/// What an escape of one character stands for; 0 for what is none.
const STANDS_FOR: [u8; 256] = {
    let mut table = [0; 256];
    let pairs = *b"\"\"\\\\//n\nr\rt\tb\x08f\x0c";
    let mut at = 0;
    while at < pairs.len() {
        table[pairs[at] as usize] = pairs[at + 1];
        at += 2;
    }
    table
};

/// The character of an escape whose digits begin at `at`; where to go on.
fn unicode(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let high = hex(bytes, at)?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, at + 4));
    }
    // The first half of a pair; a half alone is an error.
    if high >= 0xdc00 || bytes.get(at + 4) != Some(&b'\\') || bytes.get(at + 5) != Some(&b'u') {
        return None;
    }
    let low = hex(bytes, at + 6)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)?, at + 10))
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..at + 4)?
        .iter()
        .try_fold(0, |number, byte| Some(number << 4 | char::from(*byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escape_and_no_other_is_resolved() {
        let read = |text: &str| {
            let mut room = Vec::new();
            resolve(text.as_bytes(), 0, &mut room).map(|(t, end)| (t.to_owned(), end))
        };
        let all = r#"\"\\\/\n\r\t\b\f\u0041\ud83d\ude00" "#;
        assert_eq!(read(all), Some(("\"\\/\n\r\t\u{8}\u{c}A\u{1f600}".into(), all.len() - 2)));
        for bad in [r#"\x" "#, r#"\u12" "#, r#"\ud83d" "#, "\u{1}\" ", r#"no end"#, r#"\"#, "a\""] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
