//! The ways people and programs write a number badly.

use super::rng::Rng;

/// Full width.
pub fn wide(s: &str) -> String {
    s.chars()
        .map(|c| match c {
            '!'..='~' => char::from_u32(u32::from(c) + 0xFEE0).unwrap(),
            _ => c,
        })
        .collect()
}

fn grouped(s: &str, sizes: &[usize], sep: &str) -> String {
    let chars: Vec<char> = s.chars().collect();
    let mut out = String::new();
    let (mut at, mut i) = (0, 0);
    while at < chars.len() {
        let n = sizes[i.min(sizes.len() - 1)].min(chars.len() - at);
        if at > 0 {
            out.push_str(sep);
        }
        out.extend(&chars[at..at + n]);
        at += n;
        i += 1;
    }
    out
}

/// Puts an invisible or odd character at some places inside.
fn sprinkled(r: &mut Rng, s: &str, odd: &str) -> String {
    let n = s.chars().count();
    let place = r.between(1, n - 1);
    let second = r.between(1, n - 1);
    let mut out = String::new();
    for (i, c) in s.chars().enumerate() {
        if i == place || i == second {
            out.push_str(odd);
        }
        out.push(c);
    }
    out
}

fn numerals(r: &mut Rng, s: &str) -> String {
    let set = r.any(&[
        "〇一二三四五六七八九",
        "零一二三四五六七八九",
        "零壹贰叁肆伍陆柒捌玖",
        "零幺二三四五六七八九",
    ]);
    s.chars().map(|c| c.to_digit(10).map_or(c, |d| set.chars().nth(d as usize).unwrap())).collect()
}

/// An 18-character id, a student number or a 15-digit id as found in the wild.
pub fn id(r: &mut Rng, s: &str) -> String {
    let letter = s.starts_with(|c: char| c.is_ascii_alphabetic());
    let lead = usize::from(letter);
    match r.below(30) {
        0 | 1 => wide(s),
        2 | 3 => s.to_lowercase(),
        4 => grouped(s, &[6 + lead, 8, 4], " "),
        5 => grouped(s, &[6 + lead, 8, 4], "-"),
        6 => grouped(s, &[3 + lead, 3, 4, 4, 4], " "),
        7 => grouped(s, &[6 + lead, 4, 4, 4], "."),
        8 => sprinkled(r, s, "\u{200B}"),
        9 => sprinkled(r, s, "\u{200C}"),
        10 => grouped(s, &[6 + lead, 8, 4], "\u{A0}"),
        11 => grouped(s, &[10 + lead, 8], "\n"),
        12 => s.replacen('0', "O", 2),
        13 => s.replacen('1', "l", 1),
        14 => numerals(r, s),
        15 => wide(&grouped(s, &[6 + lead, 8, 4], " ")),
        _ => s.to_owned(),
    }
}

/// A mobile number as found in the wild.
pub fn mobile(r: &mut Rng, s: &str) -> String {
    match r.below(34) {
        0 => format!("+86{s}"),
        1 => format!("+86 {s}"),
        2 => format!("+86-{s}"),
        3 => format!("86{s}"),
        4 => format!("86-{s}"),
        5 => format!("0086{s}"),
        6 => format!("(+86){s}"),
        7 | 8 => grouped(s, &[3, 4, 4], "-"),
        9 | 10 => grouped(s, &[3, 4, 4], " "),
        11 => grouped(s, &[3, 4, 4], "."),
        12 => wide(s),
        13 => numerals(r, s),
        14 => sprinkled(r, s, "\u{200B}"),
        15 => grouped(s, &[3, 4, 4], "\u{A0}"),
        16 => s.replacen('0', "O", 1),
        17 => format!("l{}", &s[1..]),
        18 => grouped(s, &[4, 4, 3], " "),
        19 => grouped(s, &[3, 8], "\n"),
        20 => format!("+86 {}", grouped(s, &[3, 4, 4], " ")),
        21 => wide(&grouped(s, &[3, 4, 4], "-")),
        22 => grouped(s, &[3, 4, 4], "—"),
        _ => s.to_owned(),
    }
}

/// A bank card as found in the wild.
pub fn card(r: &mut Rng, s: &str) -> String {
    match r.below(16) {
        0..=2 => grouped(s, &[4], " "),
        3 => grouped(s, &[4], "-"),
        4 => wide(s),
        5 => sprinkled(r, s, "\u{200B}"),
        6 => grouped(s, &[4], "\u{A0}"),
        7 => grouped(s, &[6, 13], " "),
        _ => s.to_owned(),
    }
}

/// Documents with a letter, plates, mail: case, width, a blank.
pub fn code(r: &mut Rng, s: &str) -> String {
    match r.below(14) {
        0 => wide(s),
        1 => s.to_lowercase(),
        2 => sprinkled(r, s, "\u{200B}"),
        _ => s.to_owned(),
    }
}
