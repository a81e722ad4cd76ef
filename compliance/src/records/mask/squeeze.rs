//! One form for what is compared: however a value is written, it reads the same.

use wide::u8x16;

/// The form both sides are compared in: half width, lower case, Chinese numerals as digits;
/// invisible characters dropped, and blanks and separators after a digit or between Han.
pub(super) fn squeeze(text: &str, out: &mut String) {
    out.clear();
    squeeze_onto(text, out);
}

/// The same, onto the end of `out`.
pub(super) fn squeeze_onto(text: &str, out: &mut String) {
    // The usual texts first.
    let all = ways(text.as_bytes());
    if all <= (STAYS | LOWERED) {
        let from = out.len();
        out.push_str(text);
        if all != STAYS {
            out.get_mut(from..).unwrap_or_default().make_ascii_lowercase();
        }
        return;
    }
    let mut joins = false;
    out.reserve(text.len());
    if text.is_ascii() {
        for b in text.bytes() {
            let blank = b.is_ascii_whitespace() || b == 0x0B;
            let separator = blank || matches!(b, b'-' | b'.' | b'(' | b')');
            if b == 0 || (separator && joins) {
                continue;
            }
            out.push(char::from(b.to_ascii_lowercase()));
            joins = b.is_ascii_digit();
        }
        return;
    }
    // What stays as it is, is copied piece by piece.
    let bytes = text.as_bytes();
    let (mut at, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        if WAYS[usize::from(byte)] == STAYS {
            joins = byte.is_ascii_digit();
            at += 1;
            continue;
        }
        if is_plain_han(bytes, at) {
            joins = true;
            at += 3;
            continue;
        }
        let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        out.push_str(text.get(copied..at).unwrap_or_default());
        at += c.len_utf8();
        copied = at;
        joins = squeeze_char(c, joins, out);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
}

/// A byte of ASCII that is written as it is, wherever it stands.
const STAYS: u8 = 0;
/// One that is written as a small letter, wherever it stands.
const LOWERED: u8 = 1;
/// Any other.
const OTHERWISE: u8 = 2;

/// What is done with each byte.
const WAYS: [u8; 256] = {
    let mut table = [OTHERWISE; 256];
    let mut at = 0;
    while at < 128 {
        let byte = at as u8;
        if byte.is_ascii_graphic() && !matches!(byte, b'-' | b'.' | b'(' | b')') {
            table[at] = if byte.is_ascii_uppercase() { LOWERED } else { STAYS };
        }
        at += 1;
    }
    table
};

/// What is done with the bytes of a text, all together.
fn ways(text: &[u8]) -> u8 {
    if text.len() < 16 {
        return text.iter().fold(STAYS, |all, byte| all | WAYS[usize::from(*byte)]);
    }
    let within = |block: u8x16, first: u8, last: u8| {
        block.max(u8x16::splat(first)).simd_eq(block) & block.min(u8x16::splat(last)).simd_eq(block)
    };
    let (mut plain, mut capital) = (!u8x16::ZERO, u8x16::ZERO);
    // The last block reaches back over what the others left.
    for block in text.as_chunks::<16>().0.iter().chain(text.last_chunk()) {
        let block = u8x16::new(*block);
        let parted = within(block, b'(', b')') | within(block, b'-', b'.');
        plain &= within(block, b'!', b'~') & !parted;
        capital |= within(block, b'A', b'Z');
    }
    match (plain.all(), capital.any()) {
        (false, _) => OTHERWISE,
        (true, true) => LOWERED,
        (true, false) => STAYS,
    }
}

/// Whether the bytes of a Han character that is no numeral begin here.
fn is_plain_han(bytes: &[u8], at: usize) -> bool {
    let Some([a @ 0xE4..=0xE9, b, c]) = bytes.get(at..at + 3) else { return false };
    let code = usize::from(a & 15) << 12 | usize::from(b & 63) << 6 | usize::from(c & 63);
    let place = code.wrapping_sub(HAN_FIRST);
    PLAIN_HAN.get(place / 64).is_some_and(|bits| bits >> (place % 64) & 1 == 1)
}

const HAN_FIRST: usize = 0x4E00;

/// A bit for each Han character: whether it is no numeral.
static PLAIN_HAN: [u64; 0x5200 / 64] = {
    let mut bits = [u64::MAX; 0x5200 / 64];
    let mut at = 0;
    while at < NUMERALS.len() {
        let place = NUMERALS[at].0 as usize - HAN_FIRST;
        bits[place / 64] &= !(1 << (place % 64));
        at += 1;
    }
    bits
};

/// Writes one character of a text; whether a separator behind it is dropped.
fn squeeze_char(c: char, joins: bool, out: &mut String) -> bool {
    if let Some(digit) = numeral(c) {
        out.push(digit);
        return true;
    }
    let c = match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '〇' => '0',
        _ => c,
    };
    let invisible = matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\0');
    let separator = matches!(c, '-' | '.' | '—' | '(' | ')' | '·') || c.is_whitespace();
    if invisible || (separator && joins) {
        return joins;
    }
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return c.is_ascii_digit();
    }
    out.extend(c.to_lowercase());
    c.is_alphabetic()
}

const NUMERALS: [(char, char); 11] = [
    ('零', '0'),
    ('一', '1'),
    ('幺', '1'),
    ('二', '2'),
    ('三', '3'),
    ('四', '4'),
    ('五', '5'),
    ('六', '6'),
    ('七', '7'),
    ('八', '8'),
    ('九', '9'),
];

fn numeral(c: char) -> Option<char> {
    NUMERALS.iter().find(|(han, _)| *han == c).map(|(_, digit)| *digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The way for ASCII is the way for all: a Han character before it changes nothing.
        #[test]
        fn both_ways_of_squeezing_agree(text in "[ -~\t\u{b}\u{c}\r\n\u{0}]{0,40}") {
            let (mut short, mut long) = (String::new(), String::new());
            squeeze(&format!("x{text}"), &mut short);
            squeeze(&format!("学x{text}"), &mut long);
            prop_assert_eq!(Some(short.as_str()), long.strip_prefix('学'));
        }

        /// Copying in pieces is the same as writing character by character.
        #[test]
        fn pieces_and_characters_agree(
            text in "[a-zA-Z0-9张李三五〇零幺 .()\u{ff10}-\u{ff5a}\u{200b}\u{3000}·—é学\u{a000}\u{4dff}\u{0}-]{0,30}",
        ) {
            let mut wanted = String::new();
            let mut joins = false;
            for c in text.chars() {
                if ('\u{4E00}'..='\u{9FFF}').contains(&c) && numeral(c).is_none() {
                    wanted.push(c);
                    joins = true;
                } else {
                    joins = squeeze_char(c, joins, &mut wanted);
                }
            }
            let mut got = String::new();
            squeeze(&text, &mut got);
            if !text.is_ascii() {
                prop_assert_eq!(got, wanted);
            }
        }

        /// Blocks of bytes and single ones tell the same of a text.
        #[test]
        fn blocks_tell_what_bytes_tell(text in "[!-~]{0,40}", odd in "[ -~学\u{0}]?", at in 0usize..41) {
            let text = format!("{}{odd}{}", &text[..at.min(text.len())], &text[at.min(text.len())..]);
            let each = text.bytes().fold(STAYS, |all, byte| all | WAYS[usize::from(byte)]);
            let all = ways(text.as_bytes());
            prop_assert_eq!(all.min(OTHERWISE), each.min(OTHERWISE));
        }

        #[test]
        fn separators_inside_a_number_change_nothing(
            digits in "[0-9]{2,19}",
            separator in "[ .\u{2014}\u{200b}\u{3000}-]",
            at in 1usize..19,
        ) {
            let at = at.min(digits.len() - 1);
            let spaced = format!("{}{separator}{}", &digits[..at], &digits[at..]);
            let mut out = String::new();
            squeeze(&spaced, &mut out);
            prop_assert_eq!(out, digits);
        }
    }
}
