//! One cell in a plain form: full-width to ASCII, odd separators to plain ones, invisible
//! characters dropped, Chinese numerals marked; each place remembers where it came from.

use std::sync::LazyLock;

/// A Han character that is no numeral.
pub(crate) const HAN: u8 = 0x80;
/// Punctuation of CJK texts.
pub(crate) const PUNCT: u8 = 0x82;
/// Anything else that is not ASCII.
pub(crate) const OTHER: u8 = 0x81;
/// Chinese numerals 〇 to 九 are `NUM0 + value`.
pub(crate) const NUM0: u8 = 0x90;
/// 十.
pub(crate) const TEN: u8 = 0x9A;

/// Classes of the basic plane, so that a character costs one look.
static CLASSES: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..=0xFFFF).map(|code| char::from_u32(code).map_or(OTHER, of)).collect());

/// The class of a character; 0 drops it.
fn classify(classes: &[u8], c: char) -> u8 {
    classes.get(c as usize).copied().unwrap_or_else(|| of(c))
}

/// The plain form of a cell; its buffers are reused from cell to cell.
#[derive(Default)]
pub(crate) struct Norm {
    /// One byte per kept character: upper-case ASCII or one of the classes above.
    pub(crate) b: Vec<u8>,
    /// The kept characters as they were written; empty for an ASCII cell.
    pub(crate) ch: Vec<char>,
    /// Character offset of each kept character; empty when nothing was dropped.
    pos: Vec<u32>,
}

impl Norm {
    /// Takes a cell.
    pub(crate) fn load(&mut self, cell: &str) {
        self.b.clear();
        self.ch.clear();
        self.pos.clear();
        if cell.is_ascii() && memchr::memchr(0, cell.as_bytes()).is_none() {
            self.b.extend(cell.bytes().map(plain_ascii));
            return;
        }
        let mut dropped = false;
        let classes: &[u8] = &CLASSES;
        self.b.reserve(cell.len());
        self.ch.reserve(cell.len());
        for (i, c) in (0u32..).zip(cell.chars()) {
            let class = classify(classes, c);
            if class == 0 {
                if !dropped {
                    dropped = true;
                    self.pos.extend(0..i);
                }
                continue;
            }
            self.b.push(class);
            self.ch.push(c);
            if dropped {
                self.pos.push(i);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.b.len()
    }

    /// The character offsets (start, end) in the cell of a half-open range of this form.
    pub(crate) fn span(&self, start: usize, end: usize) -> (u32, u32) {
        let at =
            |i: usize| self.pos.get(i).copied().unwrap_or(u32::try_from(i).unwrap_or(u32::MAX));
        (at(start), if end == 0 { 0 } else { at(end - 1) + 1 })
    }

    /// The class at `i`; 0 outside.
    pub(crate) fn at(&self, i: usize) -> u8 {
        self.b.get(i).copied().unwrap_or(0)
    }

    /// The class before `i`; 0 at the start.
    pub(crate) fn before(&self, i: usize) -> u8 {
        if i == 0 { 0 } else { self.at(i - 1) }
    }

    /// Characters that are digits or may be read as such.
    pub(crate) fn numerals(&self) -> usize {
        let numeral = |c: u8| {
            c.is_ascii_digit() || (NUM0..=TEN).contains(&c) || matches!(c, b'O' | b'I' | b'L')
        };
        self.b.iter().map(|&c| usize::from(numeral(c))).sum()
    }

    /// The birth date inside an id: its digits from the seventh on.
    pub(crate) fn id_birth(&self) -> Option<[u8; 8]> {
        let mut digits = self.b.iter().filter_map(|&c| digit(c)).skip(6);
        let mut eight = [0; 8];
        for place in &mut eight {
            *place = digits.next()?;
        }
        Some(eight)
    }

    /// The first date of the cell as YYYYMMDD, when it is written year first in digits.
    pub(crate) fn day(&self) -> Option<String> {
        let mut groups: Vec<String> = Vec::new();
        let mut open = false;
        for &class in &self.b {
            match digit(class) {
                Some(d) if open => groups.last_mut()?.push(char::from(d)),
                Some(d) => groups.push(char::from(d).to_string()),
                None => {}
            }
            open = digit(class).is_some();
        }
        match groups.as_slice() {
            [one, ..] if one.len() == 8 => Some(one.clone()),
            [year, month, day, ..] if year.len() == 4 => {
                Some(format!("{year}{month:0>2}{day:0>2}"))
            }
            _ => None,
        }
    }

    /// The character at `i` as written, also for ASCII cells (upper-cased there).
    pub(crate) fn char(&self, i: usize) -> char {
        self.ch.get(i).copied().unwrap_or_else(|| char::from(self.at(i)))
    }
}

/// How many characters a text has. Texts are short here: no call is worth it.
pub(crate) fn chars(text: &str) -> usize {
    text.bytes().filter(|b| b & 0xC0 != 0x80).count()
}

fn plain_ascii(b: u8) -> u8 {
    match b {
        b'\r' | b'\n' => b'\n',
        b'\t' | 0x0B | 0x0C => b' ',
        _ => b.to_ascii_uppercase(),
    }
}

/// The class of a character, by its value.
fn of(c: char) -> u8 {
    match c {
        '\0' => 0,
        '\u{01}'..='\u{7F}' => u8::try_from(c).map_or(OTHER, plain_ascii),
        '\u{FF01}'..='\u{FF5E}' => {
            u8::try_from(u32::from(c) - 0xFEE0).map_or(OTHER, |b| b.to_ascii_uppercase())
        }
        '\u{200B}'..='\u{200F}'
        | '\u{2060}'..='\u{206F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{FEFF}'
        | '\u{AD}'
        | '\u{180E}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{34F}' => 0,
        '\u{A0}' | '\u{3000}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{1680}' => {
            b' '
        }
        '\u{2028}' | '\u{2029}' | '\u{85}' => b'\n',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{FE63}' | '\u{FE58}' => b'-',
        '·' | '•' | '・' | '․' | '‧' | '∙' | '⋅' | '●' => b'.',
        '\u{2018}' | '\u{2019}' => b'\'',
        '×' | 'Х' | 'х' => b'X',
        '〇' | '零' | '○' => NUM0,
        '一' | '壹' | '幺' => NUM0 + 1,
        '二' | '贰' | '貳' => NUM0 + 2,
        '三' | '叁' | '參' => NUM0 + 3,
        '四' | '肆' => NUM0 + 4,
        '五' | '伍' => NUM0 + 5,
        '六' | '陆' | '陸' => NUM0 + 6,
        '七' | '柒' => NUM0 + 7,
        '八' | '捌' => NUM0 + 8,
        '九' | '玖' => NUM0 + 9,
        '十' | '拾' => TEN,
        '\u{4E00}'..='\u{9FFF}'
        | '\u{3400}'..='\u{4DBF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}' => HAN,
        '\u{3001}'..='\u{3006}'
        | '\u{3008}'..='\u{303F}'
        | '\u{2016}'..='\u{2027}'
        | '\u{2030}'..='\u{205E}' => PUNCT,
        '\u{660}'..='\u{669}' => b'0' + u8::try_from(u32::from(c) - 0x660).unwrap_or(0),
        '\u{1D7CE}'..='\u{1D7FF}' => {
            b'0' + u8::try_from((u32::from(c) - 0x1D7CE) % 10).unwrap_or(0)
        }
        _ => OTHER,
    }
}

/// The digit a class stands for, Chinese numerals included.
pub(crate) fn digit(class: u8) -> Option<u8> {
    match class {
        b'0'..=b'9' => Some(class),
        _ if (NUM0..TEN).contains(&class) => Some(b'0' + (class - NUM0)),
        _ => None,
    }
}

/// Whether the class is of a Han character, numerals included.
pub(crate) fn is_han(class: u8) -> bool {
    class == HAN || (NUM0..=TEN).contains(&class)
}

/// Whether the class is an ASCII letter (they are upper-cased).
pub(crate) fn is_letter(class: u8) -> bool {
    class.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(cell: &str) -> (String, Norm) {
        let mut norm = Norm::default();
        norm.load(cell);
        let text = norm.b.iter().map(|&b| if b < 0x80 { char::from(b) } else { '#' }).collect();
        (text, norm)
    }

    #[test]
    fn plain_forms() {
        assert_eq!(plain("１３８ｘ").0, "138X");
        assert_eq!(plain("138\u{A0}00—13\u{3000}8").0, "138 00-13 8");
        assert_eq!(plain("张三1").0, "##1");
    }

    #[test]
    fn offsets_survive_dropped_characters() {
        let (text, norm) = plain("电\u{200B}1\u{200D}3\u{FEFF}8");
        assert_eq!(text, "#138");
        assert_eq!(norm.span(1, 4), (2, 7));
        assert_eq!(norm.span(0, 1), (0, 1));
    }
}
