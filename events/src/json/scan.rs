//! The fast reader: one walk over the record's bytes. Texts without escapes stay where they are
//! in the record; numbers are read by hand. Whatever is unusual (an error, an escaped name, deep
//! nesting, an oversized record) makes it give up, and [`super::careful`] reads the record again.

use std::cell::RefCell;
use std::ops::Range;

use wide::u8x16;

use super::escapes;
use super::names::{Name, Names, Way};
use crate::event::Event;
use crate::limits;
use crate::value::Value;

thread_local! {
    static KEPT: RefCell<(Names, Vec<u8>)> = RefCell::new((Names::new(), Vec::new()));
}

/// Reads the record into an event that has nothing but its raw text; `false` when it gave up, and
/// the event's fields are then to be dropped.
pub(super) fn read(record: &str, event: &mut Event) -> bool {
    if record.len() > limits::RAW_BYTES_MAX {
        return false;
    }
    KEPT.with_borrow_mut(|(names, room)| {
        let root = names.root();
        let mut scan = Scan {
            text: record,
            bytes: record.as_bytes(),
            at: 0,
            way: Way::default(),
            names,
            event,
            room,
        };
        scan.record(root).is_some()
    })
}

struct Scan<'r, 'e> {
    text: &'r str,
    bytes: &'r [u8],
    at: usize,
    way: Way,
    names: &'e mut Names,
    event: &'e mut Event,
    /// A text whose escapes are being resolved.
    room: &'e mut Vec<u8>,
}

/// `None` means "gave up".
impl Scan<'_, '_> {
    fn record(&mut self, root: Name) -> Option<()> {
        self.space();
        self.take(b'{')?;
        self.object(root, 0)?;
        self.space();
        (self.at == self.bytes.len()).then_some(())
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next two bytes.
    #[inline]
    fn next(&self) -> Option<&[u8; 2]> {
        self.bytes.get(self.at..)?.first_chunk()
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The members of an object whose brace was taken.
    fn object(&mut self, parent: Name, depth: usize) -> Option<()> {
        if depth >= limits::JSON_DEPTH_MAX {
            return None;
        }
        self.space();
        if self.take(b'}').is_some() {
            return Some(());
        }
        let mut previous = None;
        loop {
            let name = self.name(parent, previous)?;
            previous = Some(name);
            // Most members are a text, and another follows without a space.
            if self.next() == Some(b":\"") {
                self.at += 2;
                self.string(name)?;
                if self.next() == Some(b",\"") {
                    self.at += 1;
                    continue;
                }
            } else if let Some([b':', b'0'..=b'9']) = self.next() {
                self.at += 1;
                self.number(name)?;
            } else {
                self.space();
                self.take(b':')?;
                self.value(name, depth + 1)?;
            }
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
            self.space();
        }
    }

    #[inline]
    fn name(&mut self, parent: Name, previous: Option<Name>) -> Option<Name> {
        let (quote, rest) = self.bytes.get(self.at..)?.split_first()?;
        if *quote != b'"' {
            return None;
        }
        let name = match self.names.expected(parent, self.way, rest) {
            Some((name, len)) => {
                self.at += len + 2;
                name
            }
            None => self.other_name(parent, previous, rest)?,
        };
        self.way = self.way.over(name);
        Some(name)
    }

    /// A name that was not the likeliest; `rest` follows its opening quote.
    #[inline(never)]
    fn other_name(&mut self, parent: Name, previous: Option<Name>, rest: &[u8]) -> Option<Name> {
        if let Some((name, len)) = self.names.expected_after(parent, previous, self.way, rest) {
            self.at += len + 2;
            return Some(name);
        }
        let start = self.at + 1;
        let end = plain_end(self.bytes, start);
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        self.names.find(parent, previous, self.way, self.text.get(start..end)?)
    }

    fn value(&mut self, name: Name, depth: usize) -> Option<()> {
        self.space();
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string(name)
            }
            b'{' => {
                self.at += 1;
                self.object(name, depth)
            }
            b'[' => {
                self.at += 1;
                self.list(name, depth)
            }
            b't' => self.word(b"true", name, Value::Bool(true)),
            b'f' => self.word(b"false", name, Value::Bool(false)),
            b'n' => self.word(b"null", name, Value::Null),
            _ => self.number(name),
        }
    }

    fn list(&mut self, name: Name, depth: usize) -> Option<()> {
        if depth >= limits::JSON_DEPTH_MAX {
            return None;
        }
        self.space();
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            self.value(name, depth + 1)?;
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn word(&mut self, word: &[u8], name: Name, value: Value<'_>) -> Option<()> {
        if !self.bytes.get(self.at..)?.starts_with(word) {
            return None;
        }
        self.at += word.len();
        self.names.push(name, value, self.event);
        Some(())
    }

    /// A text whose opening quote was taken.
    #[inline(always)]
    fn string(&mut self, name: Name) -> Option<()> {
        let start = self.at;
        let end = plain_end(self.bytes, start);
        if *self.bytes.get(end)? != b'"' {
            return self.escaped(name, start);
        }
        self.at = end + 1;
        match self.names.field(name) {
            Some(id) => self.event.push_raw_text(id, start..end),
            None => self.unnamed(name, start..end)?,
        }
        Some(())
    }

    /// A text under a name that is no field.
    #[cold]
    fn unnamed(&mut self, name: Name, range: Range<usize>) -> Option<()> {
        self.names.push(name, Value::Str(self.text.get(range)?), self.event);
        Some(())
    }

    /// A text that begins at `start` and has an escape.
    #[inline(never)]
    fn escaped(&mut self, name: Name, start: usize) -> Option<()> {
        let id = self.names.field(name)?;
        let (text, end) = escapes::resolve(self.bytes, start, self.room)?;
        self.event.push(id, Value::Str(text));
        self.at = end + 1;
        Some(())
    }

    fn number(&mut self, name: Name) -> Option<()> {
        let start = self.at;
        let negative = self.take(b'-').is_some();
        let first = self.at;
        let mut whole: u64 = 0;
        let mut fits = true;
        for byte in self.bytes.get(first..)? {
            let digit = u64::from(byte.wrapping_sub(b'0'));
            if digit > 9 {
                break;
            }
            // So many digits fit whatever they are.
            if self.at - first < 18 {
                whole = whole * 10 + digit;
            } else {
                let more = whole.checked_mul(10).and_then(|n| n.checked_add(digit));
                (whole, fits) = (more.unwrap_or(whole), fits && more.is_some());
            }
            self.at += 1;
        }
        let digits = self.at - first;
        if digits == 0 || (digits > 1 && self.bytes.get(first) == Some(&b'0')) {
            return None;
        }
        let int = match (fits, negative) {
            (false, _) => None,
            (true, false) => i64::try_from(whole).ok(),
            // "-0" is a float: there is no such integer.
            (true, true) => 0i64.checked_sub_unsigned(whole).filter(|n| *n != 0),
        };
        match (self.peek(), int) {
            (Some(b'.' | b'e' | b'E'), _) | (_, None) => {
                return self.unusual(name, start, fits && !negative);
            }
            (_, Some(int)) => match self.names.field(name) {
                Some(id) => self.event.push_int(id, int),
                None => self.names.push(name, Value::Int(int), self.event),
            },
        }
        Some(())
    }

    /// A number that begins at `start` and is no `i64`; `whole` if what was read of it is a `u64`.
    #[inline(never)]
    fn unusual(&mut self, name: Name, start: usize, whole: bool) -> Option<()> {
        let read = self.at;
        self.fraction()?;
        let text = self.text.get(start..self.at)?;
        let value = if whole && self.at == read {
            // Exact as it is written, where a float would not be.
            Value::Str(text)
        } else {
            Value::Float(text.parse().ok().filter(|f: &f64| f.is_finite())?)
        };
        self.names.push(name, value, self.event);
        Some(())
    }

    /// What may follow a number's whole part.
    fn fraction(&mut self) -> Option<()> {
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let first = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > first).then_some(())
    }
}

/// Where the first quote, backslash or control character lies at or after `at`; the end of the
/// bytes if there is none.
#[inline]
pub(super) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    while let Some((block, after)) = rest.split_first_chunk() {
        if let Some(found) = special(block) {
            return at + found;
        }
        (at, rest) = (at + BLOCK, after);
    }
    let special = |b: &u8| *b == b'"' || *b == b'\\' || *b < 0x20;
    at + rest.iter().position(special).unwrap_or(rest.len())
}

/// Bytes looked at together.
pub(super) const BLOCK: usize = 16;

/// Where the first special character lies in a block.
#[inline]
fn special(block: &[u8; BLOCK]) -> Option<usize> {
    let special = specials(block);
    (special != 0).then(|| special.trailing_zeros() as usize)
}

/// Which bytes of a block are special, the first lowest.
#[inline]
pub(super) fn specials(block: &[u8; BLOCK]) -> u32 {
    let bytes = u8x16::new(*block);
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    let marks = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
    (control | marks).to_bitmask()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::careful;
    use super::*;

    fn compare(text: &str) -> Result<bool, TestCaseError> {
        let (mut fast, mut slow) = (Event::new(), Event::new());
        fast.set_raw_text(text);
        slow.set_raw_text(text);
        let read = super::read(text, &mut fast);
        let want = careful::read(text, &mut slow);
        if read {
            prop_assert!(want.is_ok(), "{text:?}: {want:?}");
            prop_assert_eq!(&fast.marks, &slow.marks);
            let close = |(a, b): ((_, Value<'_>), (_, Value<'_>))| {
                a.0 == b.0
                    && match (a.1, b.1) {
                        // serde_json's floats may be off in the last place.
                        (Value::Float(x), Value::Float(y)) => x == y || ((x - y) / y).abs() < 1e-14,
                        (x, y) => x == y,
                    }
            };
            let same = fast.len() == slow.len() && fast.fields().zip(slow.fields()).all(close);
            prop_assert!(same, "{text:?}: {fast:?} {slow:?}");
        }
        Ok(read)
    }

    fn json() -> impl Strategy<Value = String> {
        let text = "([a-c学\u{1f600} ]|\\\\[nrtbf/\"\\\\]|\\\\u(00e9|5b66|d83d\\\\ude00)){0,90}"
            .prop_map(|t| format!("\"{t}\""));
        let number = "-?(0|[1-9][0-9]{0,21}|1844674407370955[0-9]{4}|922337203685477[0-9]{4})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?";
        let word = prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(str::to_owned);
        let leaf = prop_oneof![3 => text, 2 => number, 1 => word];
        let value = leaf.prop_recursive(3, 12, 4, |inner| {
            let key = "[a-c.]{0,3}|学";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|all| format!("[{}]", all.join(" , "))),
                prop::collection::vec((key, inner), 0..4).prop_map(|all| {
                    let all: Vec<_> = all.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
                    format!("{{{}}}", all.join(","))
                }),
            ]
        });
        prop::collection::vec(("[a-d]{1,2}", value), 0..6).prop_map(|all| {
            let all: Vec<_> = all.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
            format!(" {{{}}}\n", all.join(", "))
        })
    }

    proptest! {
        #[test]
        fn well_formed_records_are_read_as_serde_reads_them(text in json()) {
            prop_assert!(compare(&text)?, "gave up on {text}");
        }

        #[test]
        fn damaged_records_are_never_read_otherwise_than_serde_reads_them(
            text in json(),
            at in any::<prop::sample::Index>(),
            put in "[\"\\\\{}\\[\\],:0-9a-f.+u\u{1}\u{7f}学-]{0,3}",
            drop in 0usize..3,
        ) {
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            let damaged: String = chars[..at]
                .iter()
                .copied()
                .chain(put.chars())
                .chain(chars[(at + drop).min(chars.len())..].iter().copied())
                .collect();
            compare(&damaged)?;
        }

        #[test]
        fn the_end_of_a_plain_stretch_is_found(text in "[a\"\\\\\u{1}\u{1f} !学\u{80}]{0,40}") {
            let bytes = text.as_bytes();
            for at in 0..=bytes.len() {
                let special = |b: &u8| *b == b'"' || *b == b'\\' || *b < 0x20;
                let want = bytes[at..].iter().position(special).map_or(bytes.len(), |n| at + n);
                prop_assert_eq!(plain_end(bytes, at), want);
            }
        }
    }

    #[test]
    fn numbers_at_the_edges() {
        let mut e = Event::new();
        let text = r#"{"a":-9223372036854775808,"b":9223372036854775807,"c":9223372036854775808,"d":-0,"e":1e2,"f":18446744073709551615,"g":18446744073709551616,"h":-9223372036854775809,"i":18446744073709551615.0}"#;
        e.set_raw_text(text);
        assert!(super::read(text, &mut e));
        let got: Vec<_> = e.fields().map(|(_, v)| v).collect();
        let want = [
            Value::Int(i64::MIN),
            Value::Int(i64::MAX),
            Value::Str("9223372036854775808"),
            Value::Float(-0.0),
            Value::Float(100.0),
            Value::Str("18446744073709551615"),
            Value::Float(18_446_744_073_709_551_616.0),
            Value::Float(-9_223_372_036_854_775_808.0),
            Value::Float(18_446_744_073_709_551_616.0),
        ];
        assert_eq!(got, want);
        for bad in
            ["{\"a\":01}", "{\"a\":1.}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":1e999}", "{\"a\":+1}"]
        {
            assert!(!super::read(bad, &mut Event::new()), "{bad}");
        }
    }
}
