//! One spelling for a value, however people wrote it: what equality search compares.

use super::norm::{Norm, PUNCT, digit};
use super::validate::id_check;

/// Digits from which a value of letters and digits is a number, not a word.
const NUMBER_DIGITS_MIN: usize = 5;

/// Brings values to their one spelling; its buffers are reused.
#[derive(Default)]
pub(crate) struct Plain {
    norm: Norm,
}

impl Plain {
    /// Full-width forms, spaces, separators, invisible characters and case are gone; in numbers also
    /// Chinese numerals, O for 0, I and L for 1, a leading 86 of a mobile number, and the 15-digit
    /// form of an id.
    pub(crate) fn of(&mut self, cell: &str) -> String {
        self.norm.load(cell.trim_start_matches('\''));
        self.number().unwrap_or_else(|| self.words())
    }

    /// The number the cell holds, if it holds nothing else.
    fn number(&self) -> Option<String> {
        let mut out = String::with_capacity(self.norm.len());
        let mut digits = 0;
        for &class in &self.norm.b {
            match class {
                b' ' | b'\n' | b'-' | b'.' | b'\'' | b'+' | b'(' | b')' => {}
                // The first letter of a student number or passport is one.
                b'O' if !out.is_empty() => out.push('0'),
                b'I' | b'L' if !out.is_empty() => out.push('1'),
                b'A'..=b'Z' => out.push(char::from(class)),
                _ => {
                    out.push(char::from(digit(class)?));
                    digits += 1;
                }
            }
        }
        if digits < NUMBER_DIGITS_MIN {
            return None;
        }
        let all_digits = out.bytes().all(|b| b.is_ascii_digit());
        if all_digits && out.len() == 13 && out.starts_with("861") {
            out.drain(..2);
        }
        if all_digits && out.len() == 15 {
            out = as_18(&out).unwrap_or(out);
        }
        Some(out)
    }

    /// Its characters without spaces and without what only parts them.
    fn words(&self) -> String {
        let kept = (0..self.norm.len()).filter_map(|i| match self.norm.at(i) {
            b' ' | b'\n' | PUNCT => None,
            class if class < 0x80 => Some(char::from(class)),
            _ => Some(self.norm.char(i)),
        });
        kept.collect()
    }
}

/// An id of 15 digits as the 18 it became in 1999 (GB 11643): the century and the check digit.
fn as_18(id: &str) -> Option<String> {
    let first = format!("{}19{}", id.get(..6)?, id.get(6..)?);
    let day = super::validate::day8(first.as_bytes().get(6..14)?);
    let region = super::validate::region(first.as_bytes().get(..6)?);
    day.filter(|_| region)?;
    let check = char::from(id_check(first.as_bytes())?);
    Some(first + &check.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(forms: &[&str]) {
        let plain: Vec<String> = forms.iter().map(|f| Plain::default().of(f)).collect();
        assert!(plain.iter().all(|p| *p == plain[0] && !p.is_empty()), "{plain:?}");
    }

    #[test]
    fn spellings_of_one_value_are_one() {
        same(&[
            "13800138000",
            "１３８００１３８０００",
            "+86 138-0013-8000",
            "8613800138000",
            "'138 0013 8000",
        ]);
        same(&["13800138000", "一三八零零一三八〇〇〇", "138OO138OOO"]);
        same(&[
            "11010519491231002X",
            "11010519491231002x",
            "110105 19491231 002Ｘ",
            "110105491231002",
        ]);
        same(&["张三丰", "张 三丰", "张\u{200B}三丰\n"]);
        same(&["a.b@school.cn", "Ａ.b@School.cn "]);
        same(&["G110105200901011234", "g1101052009 01011234"]);
    }

    #[test]
    fn different_values_stay_different() {
        let plain = |v: &str| Plain::default().of(v);
        assert_ne!(plain("13800138000"), plain("13800138001"));
        assert_ne!(plain("王五"), plain("王六"));
        assert_ne!(plain("a-b@school.cn"), plain("ab@school.cn"));
        assert_ne!(plain("G110105200901011234"), plain("L110105200901011234"));
    }
}
