//! Names of persons: by their column, by the words around them, by surname and given name.
//!
//! A name in running text is a sum of evidence: its characters, what stands on either side (a
//! label, a title, a verb, the edge of a clause, a telephone), less what speaks against it (an
//! everyday word, a character no name has). Of the lengths possible at a place the best wins.
//! A surname alone before a title (王老师) and a name already shortened (王某) are no findings.

mod lexicon;

use super::engine::{Candidate, Finder, Hint};
use super::kind::Kind;
use super::norm::{Norm, PUNCT, is_han};
use lexicon::{GIVEN, LEXICON, Lexicon, NEVER, RARE, Role, SURNAME};

/// Han characters on one side of the dot in a name like 买买提·吐尔逊.
const PART_CHARS_MAX: usize = 8;

/// Whether the characters can be a name, and how sure: 0 no, 1 surname fits, 2 given name too.
pub(crate) fn plausible(chars: &[char]) -> u8 {
    let lexicon = &*LEXICON;
    let (Some(&first), Some(&second)) = (chars.first(), chars.get(1)) else { return 0 };
    let double = lexicon.is_double(first, second);
    let given = match (double, chars.len()) {
        (true, 3 | 4) => chars.get(2..),
        (_, 2 | 3) if lexicon.roles(first) & (SURNAME | RARE) != 0 => chars.get(1..),
        _ => return 0,
    }
    .unwrap_or_default();
    let never = given.iter().any(|c| lexicon.roles(*c) & NEVER != 0) && !lexicon.is_pair(given);
    let usual = given.iter().all(|c| lexicon.roles(*c) & GIVEN != 0);
    let headed = chars.len() == 3 && !usual && lexicon.is_word(&[first, second]);
    if never || headed || lexicon.is_word(chars) || lexicon.is_title(chars) {
        return 0;
    }
    if usual { 2 } else { 1 }
}

/// Proposes the names of the cell.
pub(crate) fn find(finder: &mut Finder, hint: Hint) {
    let Finder { norm, candidates, .. } = finder;
    if hint.expect.has(Kind::Name) {
        name_column(norm, candidates);
        return;
    }
    if hint.negative || norm.len() < 2 {
        return;
    }
    Text { norm, lexicon: &LEXICON, base: if hint.other { 8 } else { 22 } }.find(candidates);
}

/// A column of names: each part between separators is one.
fn name_column(norm: &Norm, out: &mut Vec<Candidate>) {
    let mut at = 0;
    let mut text = false;
    while at < norm.len() {
        let start = at;
        while at < norm.len() && !separates(norm, at) {
            at += 1;
        }
        text |= !part(norm, start, at, out);
        at += 1;
    }
    if text {
        Text { norm, lexicon: &LEXICON, base: 22 }.find(out);
    }
}

fn separates(norm: &Norm, at: usize) -> bool {
    let latin_comma = norm.at(at) == b','
        && norm.before(at).is_ascii_alphabetic()
        && (norm.at(at + 1).is_ascii_alphabetic()
            || (norm.at(at + 1) == b' ' && norm.at(at + 2).is_ascii_alphabetic()));
    if latin_comma {
        return false;
    }
    matches!(norm.at(at), b',' | b';' | b'/' | b'|' | b'(' | b')' | b'\n' | b'&' | b'"' | b'\'')
        || (norm.at(at) == PUNCT && norm.char(at) != '·')
}

/// One part of a cell of names; `false` when it is longer text.
fn part(norm: &Norm, mut start: usize, mut end: usize, out: &mut Vec<Candidate>) -> bool {
    while start < end && norm.at(start) == b' ' {
        start += 1;
    }
    while end > start && norm.at(end - 1) == b' ' {
        end -= 1;
    }
    let chars: Vec<char> =
        (start..end).filter(|&i| is_han(norm.at(i))).map(|i| norm.char(i)).collect();
    let count = |of: fn(u8) -> bool| (start..end).filter(|&i| of(norm.at(i))).count();
    let blanks = count(|c| c == b' ');
    let dots = count(|c| matches!(c, b'.' | b',' | b'-' | b'\''));
    let letters = count(|c| c.is_ascii_alphabetic());
    let all_han = chars.len() + blanks == end - start;
    let nobody = LEXICON.is_title(&chars) || is_filler(&chars);
    let score = if nobody || count(|c| c.is_ascii_digit()) > 0 {
        0
    } else if all_han && (2..=4).contains(&chars.len()) {
        match plausible(&chars) {
            0 if LEXICON.is_word(&chars) => 52,
            0 => 60,
            _ => 90,
        }
    } else if dots > 0 && chars.len() >= 3 && chars.len() + dots + blanks == end - start {
        if end - start <= 24 { 86 } else { 0 }
    } else if all_han && (5..=8).contains(&chars.len()) && blanks == 0 {
        // Names of five and more characters: by column only, when no word of a sentence is in it.
        let never = chars.iter().any(|c| LEXICON.roles(*c) & NEVER != 0);
        if never { 0 } else { 58 }
    } else if chars.is_empty()
        && (3..=40).contains(&letters)
        && letters + blanks + dots == end - start
        && !matches!(
            norm.b.get(start..end),
            Some(b"NULL" | b"NONE" | b"N/A" | b"TEST" | b"UNKNOWN" | b"NIL" | b"NAN")
        )
    {
        66
    } else {
        0
    };
    if score > 0 {
        out.push(Candidate { kind: Kind::Name, start, end, score });
    }
    score > 0 || chars.len() <= 4
}

/// What stands in a cell when there is no name.
fn is_filler(chars: &[char]) -> bool {
    const FILLERS: &[&str] = &[
        "不详",
        "未知",
        "测试",
        "保密",
        "待定",
        "暂无",
        "同上",
        "已离职",
        "无",
        "没有",
        "未填",
        "空缺",
        "已故",
        "去世",
        "合计",
        "总计",
        "小计",
        "其他",
        "备注",
        "小名",
        "乳名",
        "昵称",
        "别名",
        "曾用名",
    ];
    FILLERS.iter().any(|f| f.chars().eq(chars.iter().copied()))
}

/// Names in running text.
struct Text<'a> {
    norm: &'a Norm,
    lexicon: &'a Lexicon,
    /// What a name is worth before its evidence.
    base: i32,
}

impl Text<'_> {
    fn find(&self, out: &mut Vec<Candidate>) {
        let norm = self.norm;
        for at in 0..norm.len() {
            if !is_han(norm.at(at)) {
                if norm.at(at) == b'.'
                    && at > 0
                    && is_han(norm.before(at))
                    && is_han(norm.at(at + 1))
                {
                    out.extend(self.dotted(at));
                }
                continue;
            }
            let c = norm.char(at);
            let double = self.lexicon.is_double(c, norm.char(at + 1)) && is_han(norm.at(at + 1));
            let roles = self.lexicon.roles(c);
            if roles & (SURNAME | RARE) == 0 && !double {
                continue;
            }
            let left = self.left(at);
            let mut best: Option<Candidate> = None;
            for len in 2..=if double { 4 } else { 3 } {
                if !is_han(norm.at(at + len - 1)) {
                    break;
                }
                let own = if double && len > 2 { 2 } else { 1 };
                if own == 1 && roles & (SURNAME | RARE) == 0 {
                    continue;
                }
                let Some(shape) = self.shape(at, len, own) else { continue };
                let score = self.base + shape + left + self.right(at + len);
                if best.is_none_or(|b| score > b.score) {
                    best = Some(Candidate { kind: Kind::Name, start: at, end: at + len, score });
                }
            }
            out.extend(best);
        }
    }

    /// What the characters themselves are worth; `None` when they cannot be a name.
    fn shape(&self, at: usize, len: usize, surname: usize) -> Option<i32> {
        let mut buffer = ['\0'; 4];
        let chars = buffer.get_mut(..len)?;
        for (i, c) in chars.iter_mut().enumerate() {
            *c = self.norm.char(at + i);
        }
        let given = chars.get(surname..)?;
        let roles: Vec<u8> = given.iter().map(|c| self.lexicon.roles(*c)).collect();
        if (roles.iter().any(|r| r & NEVER != 0) && !self.lexicon.is_pair(given))
            || self.lexicon.is_title(chars)
            || given.contains(&'某')
        {
            return None;
        }
        let usual = roles.iter().filter(|r| **r & GIVEN != 0).count();
        let all_usual = usual == given.len();
        let rare = surname == 1 && self.lexicon.roles(*chars.first()?) & SURNAME == 0;
        let mut score = i32::try_from(usual).unwrap_or(0) * 6 - if rare { 8 } else { 0 };
        if surname == 2 {
            score += 14;
        }
        if self.lexicon.is_word(chars) {
            score -= 30;
        } else if len == 3 && surname == 1 && self.lexicon.is_word(chars.get(..2)?) {
            score -= if all_usual { 8 } else { 22 };
        }
        // 华华 and the like are names; 谢谢 is none.
        if chars.first() == chars.get(1) {
            score -= 30;
        }
        Some(score)
    }

    /// What stands before is worth.
    fn left(&self, at: usize) -> i32 {
        let norm = self.norm;
        let mut end = at;
        let mut marked = false;
        while end > 0
            && at - end < 3
            && (matches!(norm.before(end), b' ' | b':' | b'=' | b'(' | b'"' | b'\'' | b'-')
                || matches!(norm.char(end - 1), '“' | '「' | '【' | '为' | '是'))
        {
            marked = true;
            end -= 1;
        }
        let word = self.lexicon.before(end, |i| norm.char(i));
        match word {
            Some((Role::Strong, len)) if marked || len >= 2 => return if marked { 36 } else { 28 },
            Some((Role::Weak, _)) if !marked => {
                // 由王芳: the word stands free, or it may be the end of another.
                let free = end < 2 || !is_han(norm.at(end - 2));
                return if free { 22 } else { 8 };
            }
            Some((Role::Strong, _)) => return 10,
            // 我是王芳: the mark is the end of a word that announces one.
            None if marked && self.announced(at) => return 28,
            _ => {}
        }
        match at {
            0 => 12,
            // One of a list: 张芳、李娜.
            _ if norm.char(at - 1) == '、' => 16,
            _ if !is_han(norm.before(at)) => 12,
            _ => -10,
        }
    }

    /// Whether a word of two and more characters right before announces a name.
    fn announced(&self, at: usize) -> bool {
        let word = self.lexicon.before(at, |i| self.norm.char(i));
        matches!(word, Some((Role::Strong, 2..)))
    }

    /// What stands behind is worth.
    fn right(&self, at: usize) -> i32 {
        let norm = self.norm;
        if at >= norm.len() {
            return 10;
        }
        if let Some((role, len)) = self.lexicon.after(at, |i| norm.char(i)) {
            let score = match role {
                Role::Strong => 30,
                Role::Verb => 24,
                Role::Weak => 10,
            };
            // 收 and the like alone end a clause.
            let alone = role != Role::Strong || len > 1 || !is_han(norm.at(at + len));
            return if alone { score } else { 10 };
        }
        if is_han(norm.at(at)) {
            return -10;
        }
        match self.number_near(at) {
            true => 24,
            false if norm.char(at) == '、' => 16,
            false => 10,
        }
    }

    /// Whether a telephone, an id or a date stands behind a separator or two.
    fn number_near(&self, at: usize) -> bool {
        let norm = self.norm;
        let mut i = at;
        let mut separators = 0;
        while separators < 3
            && matches!(
                norm.at(i),
                b' ' | b',' | b':' | b'/' | b'|' | b'(' | b'-' | b';' | b'+' | PUNCT
            )
        {
            i += 1;
            separators += 1;
        }
        let (mut digits, mut gap) = (0, 0);
        while digits < 6 && gap < 2 {
            match norm.at(i) {
                class if class.is_ascii_digit() || (0x90..0x9A).contains(&class) => {
                    digits += 1;
                    gap = 0;
                }
                b'O' | b'L' | b'I' => digits += 1,
                b' ' | b'-' | b'.' | b'/' | b'\n' => gap += 1,
                // A word between: 身份证, 电话.
                _ if digits == 0 => {
                    return separators > 0
                        && self
                            .lexicon
                            .after(i, |k| norm.char(k))
                            .is_some_and(|(role, len)| role == Role::Verb && len > 1);
                }
                _ => return false,
            }
            i += 1;
        }
        digits >= 6
    }

    /// A name with a dot inside: two runs of Han characters.
    fn dotted(&self, dot: usize) -> Option<Candidate> {
        let norm = self.norm;
        let mut start = dot;
        while start > 0 && dot - start < PART_CHARS_MAX && is_han(norm.before(start)) {
            if self.lexicon.before(start, |i| norm.char(i)).is_some_and(|(_, len)| len >= 2) {
                break;
            }
            let single = self.lexicon.before(start, |i| norm.char(i)).is_some();
            let free = start < 2 || !is_han(norm.at(start - 2));
            if single && free && start < dot {
                break;
            }
            start -= 1;
        }
        let mut end = dot + 1;
        while end - dot <= PART_CHARS_MAX && (is_han(norm.at(end)) || norm.at(end) == b'.') {
            let follows = self.lexicon.after(end, |i| norm.char(i));
            // 和 at the very end is part of the name: 巴特尔·苏和.
            let goes_on = follows.is_some_and(|(_, len)| len > 1 || is_han(norm.at(end + 1)));
            if end > dot + 1 && goes_on {
                break;
            }
            end += 1;
        }
        let fits = dot - start >= 2 && end - dot > 2;
        fits.then_some(Candidate { kind: Kind::Name, start, end, score: 78 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::{Finder, Hint};
    use super::super::validate::Day;
    use super::*;

    fn names(cell: &str) -> Vec<String> {
        let mut finder = Finder::new(Day { year: 2026, month: 11, day: 24 });
        finder
            .find(cell, Hint::default())
            .iter()
            .filter(|f| f.kind == Kind::Name)
            .map(|f| cell.chars().skip(f.start as usize).take((f.end - f.start) as usize).collect())
            .collect()
    }

    #[test]
    fn names_in_sentences() {
        for (cell, wanted) in [
            ("班主任何守祎确认", vec!["何守祎"]),
            ("叶伟，13330118118", vec!["叶伟"]),
            ("彭明喆和夏昊发生争执", vec!["彭明喆", "夏昊"]),
            ("转告高鸿儒尽快返校", vec!["高鸿儒"]),
            ("家长买买提·吐尔逊已签字", vec!["买买提·吐尔逊"]),
            ("高考报名已完成", vec![]),
            ("谢谢老师，任务完成", vec![]),
            ("请王老师转告王某", vec![]),
            ("迟到，由其母亲罗可接回", vec!["罗可"]),
            ("我是谭国的妈妈", vec!["谭国"]),
            ("经叶明老师核实", vec!["叶明"]),
            ("家长央金卓玛来校", vec!["央金卓玛"]),
            ("户名嘎玛次仁", vec!["嘎玛次仁"]),
        ] {
            assert_eq!(names(cell), wanted, "{cell}");
        }
    }
}
