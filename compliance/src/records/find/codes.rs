//! Values of letters and digits: e-mail, plates, passports, permits, credit codes, IP, MAC,
//! WeChat names.

use super::context::{self, Context};
use super::engine::{Candidate, Finder, Hint};
use super::kind::Kind;
use super::norm::{Norm, is_han};
use super::validate;

/// Proposes the codes of the cell.
pub(crate) fn find(finder: &mut Finder, hint: Hint, at_sign: bool) {
    let Finder { norm, candidates, text, .. } = finder;
    if at_sign {
        emails(norm, hint, candidates);
    }
    let mut at = 0;
    while at < norm.len() {
        let class = norm.at(at);
        if is_han(class) && is_province(norm.char(at)) {
            plate(norm, at, hint, text, candidates);
        }
        if !class.is_ascii_alphanumeric() {
            at += usize::from(class != b':') + usize::from(class == b':');
            continue;
        }
        let start = at;
        while norm.at(at).is_ascii_alphanumeric() {
            at += 1;
        }
        let mut judge = Judge { norm, hint, text, out: candidates };
        judge.token(start, at);
    }
    if hint.expect.has(Kind::Wechat) || norm.len() > 6 {
        wechat(norm, hint, text, candidates);
    }
}

struct Judge<'a> {
    norm: &'a Norm,
    hint: Hint,
    text: &'a mut String,
    out: &'a mut Vec<Candidate>,
}

impl Judge<'_> {
    fn offer(&mut self, kind: Kind, start: usize, end: usize, base: i32) {
        let context = context::before(self.norm, start, self.text);
        let score = base + self.hint.weight(kind) + context::weight(context, kind);
        self.out.push(Candidate { kind, start, end, score });
    }

    fn token(&mut self, start: usize, end: usize) {
        let Some(token) = self.norm.b.get(start..end) else { return };
        let tied = matches!(self.norm.before(start), b'-' | b'_' | b'.')
            && start >= 2
            && self.norm.at(start - 2).is_ascii_alphanumeric();
        let tail = matches!(self.norm.at(end), b'-' | b'_')
            && self.norm.at(end + 1).is_ascii_alphanumeric();
        match token.len() {
            // Of digits alone, one number in thirty-one passes the check by chance.
            18 if validate::uscc(token) => {
                // A letter X at the end alone is an id's.
                let lettered = token.iter().take(17).any(u8::is_ascii_uppercase);
                self.offer(Kind::Uscc, start, end, if lettered { 86 } else { 44 });
            }
            9..=11 if !tied && !tail => self.document(start, end),
            _ => {}
        }
        if token.len() <= 3 && token.iter().all(u8::is_ascii_digit) && !tied {
            self.ipv4(start);
        }
        if token.len() == 2 && token.iter().all(u8::is_ascii_hexdigit) && !tied {
            self.mac(start, end);
        }
        if token.len() <= 4 && self.norm.at(end) == b':' && self.norm.before(start) != b':' {
            self.ipv6(start);
        }
        if token.len() == 1 || token.len() == 2 {
            self.spaced_document(start, end);
        }
    }

    /// Passports and permits: a letter or two, then digits.
    fn document(&mut self, start: usize, end: usize) {
        let Some(token) = self.norm.b.get(start..end) else { return };
        let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
        let rest = token.get(1..).unwrap_or_default();
        match (token.first(), rest.len()) {
            (Some(b'H' | b'M'), 8 | 10) if digits(rest) => {
                let base = if self.hint.expect.has(Kind::Passport) { 40 } else { 60 };
                self.offer(Kind::Hkmo, start, end, base);
                self.offer(
                    Kind::Passport,
                    start,
                    end,
                    if token.first() == Some(&b'H') { 30 } else { 0 },
                );
            }
            (Some(b'E' | b'G'), 8) if digits(rest) => self.offer(Kind::Passport, start, end, 66),
            (Some(b'D' | b'S' | b'P' | b'K'), 8) if digits(rest) => {
                self.offer(Kind::Passport, start, end, 36);
            }
            (Some(b'E' | b'D' | b'S' | b'P' | b'K' | b'M'), 8)
                if rest
                    .first()
                    .is_some_and(|c| c.is_ascii_uppercase() && !matches!(c, b'I' | b'O'))
                    && rest.get(1..).is_some_and(digits) =>
            {
                let base = if token.first() == Some(&b'E') { 62 } else { 36 };
                self.offer(Kind::Passport, start, end, base);
            }
            _ => {}
        }
    }

    /// The same with one blank, dash or dot after the letters, and digits in groups.
    fn spaced_document(&mut self, start: usize, end: usize) {
        let norm = self.norm;
        if !norm.at(start).is_ascii_uppercase() || is_code(norm.before(start)) {
            return;
        }
        let mut at = end;
        let (mut digits, mut gap) = (end - start - 1, 0);
        if end - start == 2 && !norm.at(start + 1).is_ascii_alphanumeric() {
            return;
        }
        let mut last = end;
        while at < norm.len() && digits < 11 {
            match norm.at(at) {
                b'0'..=b'9' => {
                    digits += 1;
                    gap = 0;
                    last = at + 1;
                }
                b' ' | b'-' | b'.' | b'\n' if gap == 0 => gap = 1,
                _ => break,
            }
            at += 1;
        }
        if is_code(norm.at(last)) {
            return;
        }
        match (norm.at(start), digits) {
            (b'H' | b'M', 8 | 10) => self.offer(Kind::Hkmo, start, last, 52),
            (b'E' | b'G', 8) => self.offer(Kind::Passport, start, last, 54),
            (b'D' | b'S' | b'P', 8) => self.offer(Kind::Passport, start, last, 30),
            _ => {}
        }
    }

    fn ipv4(&mut self, start: usize) {
        let norm = self.norm;
        if matches!(norm.before(start), b'.' | b'V') {
            return;
        }
        let mut at = start;
        for octet in 0..4 {
            let from = at;
            while norm.at(at).is_ascii_digit() && at - from < 3 {
                at += 1;
            }
            let value = norm.b.get(from..at).and_then(validate::number);
            if at == from
                || value.is_none_or(|v| v > 255)
                || (at - from > 1 && norm.at(from) == b'0')
            {
                return;
            }
            if octet < 3 {
                if norm.at(at) != b'.' {
                    return;
                }
                at += 1;
            }
        }
        let goes_on = norm.at(at).is_ascii_alphanumeric()
            || (norm.at(at) == b'.' && norm.at(at + 1).is_ascii_digit());
        if !goes_on {
            // Four numbers with ten places together are hardly a version.
            let base = match at - start {
                10.. => 92,
                // 8.2.1.1 is a clause or a version.
                0..=8 if norm.at(start + 1) == b'.' => 44,
                _ => 72,
            };
            self.offer(Kind::Ip, start, at, base);
        }
    }

    fn ipv6(&mut self, start: usize) {
        let norm = self.norm;
        let mut at = start;
        while norm.at(at).is_ascii_hexdigit() || norm.at(at) == b':' {
            at += 1;
        }
        if norm.at(at).is_ascii_alphanumeric() || at - start < 6 {
            return;
        }
        let Some(bytes) = norm.b.get(start..at) else { return };
        let parsed =
            std::str::from_utf8(bytes).ok().and_then(|t| t.parse::<std::net::Ipv6Addr>().ok());
        if parsed.is_some() {
            self.offer(Kind::Ip, start, at, 76);
        }
    }

    fn mac(&mut self, start: usize, end: usize) {
        let norm = self.norm;
        let separator = norm.at(end);
        if !matches!(separator, b':' | b'-') || norm.before(start) == separator {
            return;
        }
        let mut at = start;
        for pair in 0..6 {
            if !(norm.at(at).is_ascii_hexdigit() && norm.at(at + 1).is_ascii_hexdigit()) {
                return;
            }
            at += 2;
            if pair < 5 {
                if norm.at(at) != separator {
                    return;
                }
                at += 1;
            }
        }
        if !norm.at(at).is_ascii_alphanumeric() && norm.at(at) != separator {
            self.offer(Kind::Mac, start, at, 86);
        }
    }
}

fn is_code(class: u8) -> bool {
    class.is_ascii_alphanumeric() || class == b'_'
}

fn emails(norm: &Norm, hint: Hint, out: &mut Vec<Candidate>) {
    let local = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+' | b'%');
    let host = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-');
    for at in (0..norm.len()).filter(|&i| norm.at(i) == b'@') {
        let (mut left, mut right) = (at, at + 1);
        // One blank on either side of the sign is a slip of the pen.
        if norm.before(left) == b' ' && left >= 2 && local(norm.at(left - 2)) {
            left -= 1;
        }
        if norm.at(right) == b' ' && host(norm.at(right + 1)) {
            right += 1;
        }
        let mut start = left;
        while start > 0 && local(norm.at(start - 1)) && at - start < 64 {
            start -= 1;
        }
        while start < left && matches!(norm.at(start), b'.' | b'-') {
            start += 1;
        }
        let mut end = right;
        while host(norm.at(end)) && end - right < 253 {
            end += 1;
        }
        while end > right && matches!(norm.at(end - 1), b'.' | b'-') {
            end -= 1;
        }
        let Some(domain) = norm.b.get(right..end) else { continue };
        let top = domain.rsplit(|&c| c == b'.').next().unwrap_or_default();
        let dotted = domain.contains(&b'.') && !domain.windows(2).any(|w| w == b"..");
        if start < left && dotted && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic) {
            let score = 92 + hint.weight(Kind::Email);
            out.push(Candidate { kind: Kind::Email, start, end, score });
        }
    }
}

fn is_province(c: char) -> bool {
    "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼".contains(c)
}

fn plate(norm: &Norm, at: usize, hint: Hint, text: &mut String, out: &mut Vec<Candidate>) {
    let mut i = at + 1;
    let gap = |i: usize| matches!(norm.at(i), b' ' | b'.' | b'-' | b'\n');
    while gap(i) && i < at + 3 {
        i += 1;
    }
    if !norm.at(i).is_ascii_uppercase() {
        return;
    }
    i += 1;
    let (mut taken, mut digits) = (0, 0);
    let mut end = i;
    let mut gaps = 0;
    while taken < 6 {
        let class = norm.at(i);
        if class.is_ascii_alphanumeric() {
            taken += 1;
            digits += u32::from(class.is_ascii_digit());
            end = i + 1;
            gaps = 0;
        } else if gap(i) && norm.at(i) != b'\n' && gaps == 0 && taken < 5 {
            gaps += 1;
        } else {
            break;
        }
        i += 1;
    }
    if taken == 4 && is_han(norm.at(end)) && "学警挂港澳领试超使".contains(norm.char(end))
    {
        taken += 1;
        end += 1;
        digits += 1;
    }
    if (taken == 5 || taken == 6) && digits >= 2 && !norm.at(end).is_ascii_alphanumeric() {
        let context = context::before(norm, at, text);
        let score = 74 + hint.weight(Kind::Plate) + context::weight(context, Kind::Plate);
        out.push(Candidate { kind: Kind::Plate, start: at, end, score });
    }
}

/// WeChat names: `wxid_…` anywhere, others by column or by the word before.
fn wechat(norm: &Norm, hint: Hint, text: &mut String, out: &mut Vec<Candidate>) {
    let part = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    let mut at = 0;
    while at < norm.len() {
        if !part(norm.at(at)) {
            at += 1;
            continue;
        }
        let start = at;
        while part(norm.at(at)) {
            at += 1;
        }
        let Some(token) = norm.b.get(start..at) else { return };
        let len = token.len();
        if norm.at(at) == b'@' || norm.before(start) == b'@' {
            continue;
        }
        if token.starts_with(b"WXID_") && len >= 10 {
            out.push(Candidate { kind: Kind::Wechat, start, end: at, score: 94 });
            continue;
        }
        let lettered = token.first().is_some_and(u8::is_ascii_uppercase) && (6..=24).contains(&len);
        let numeric = (5..=11).contains(&len) && token.iter().all(u8::is_ascii_digit);
        if !(lettered || numeric) {
            continue;
        }
        let said = context::before(norm, start, text) == Some(Context::Expect(Kind::Wechat));
        let score = match (said, hint.expect.has(Kind::Wechat)) {
            (true, _) => 86,
            // Many go by their mobile number: here it is the name.
            (_, true) if len == 11 => 90,
            (_, true) if lettered => 84,
            (_, true) => 60,
            _ => continue,
        };
        let word = matches!(token, b"WECHAT" | b"WEIXIN");
        if !word {
            out.push(Candidate { kind: Kind::Wechat, start, end: at, score });
        }
    }
}
