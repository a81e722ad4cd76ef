//! Cutting a byte stream into records: RFC 6587 octet counting and newlines, told apart frame by
//! frame; and lines of files. Pure.

use std::ops::Range;

/// A record found in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where it lies in the framer's buffer.
    pub(crate) range: Range<usize>,
    /// Whether it was longer than the bound.
    pub(crate) cut: bool,
}

/// What parts the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Octet counting or newline, whichever each frame uses.
    Syslog,
    /// Newlines only.
    Lines,
    /// Newlines of two bytes, low byte first.
    Utf16le,
    /// Newlines of two bytes, high byte first.
    Utf16be,
}

/// Collects bytes and gives records out. Holds at most one record's bound plus what was added.
#[derive(Debug)]
pub(crate) struct Framer {
    framing: Framing,
    record_max: usize,
    buffer: Vec<u8>,
    /// Bytes of the buffer given out already.
    start: usize,
    /// Bytes from `start` known to hold no newline.
    scanned: usize,
    skip: Skip,
}

/// What is left of a record that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    Nothing,
    Octets(usize),
    Line,
}

/// Digits of an octet count.
const COUNT_DIGITS_MAX: usize = 10;

impl Framer {
    pub(crate) fn new(framing: Framing, record_max: usize) -> Self {
        Self { framing, record_max, buffer: Vec::new(), start: 0, scanned: 0, skip: Skip::Nothing }
    }

    /// Adds bytes of the stream; ranges given out before are void.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole record, without its newline.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        loop {
            if !self.skipped() {
                return None;
            }
            let rest = &self.buffer[self.start..];
            if self.framing == Framing::Syslog {
                match count(rest) {
                    Count::Is { len, header } => return self.counted(len, header),
                    Count::Unknown => return None,
                    Count::No => {}
                }
            }
            let frame = self.line()?;
            if !frame.range.is_empty() || frame.cut {
                return Some(frame);
            }
        }
    }

    /// What is left when the stream ends: a line without newline, or a part of a counted record.
    pub(crate) fn finish(&mut self) -> Option<Frame> {
        if !self.skipped() {
            return None;
        }
        let header = match count(&self.buffer[self.start..]) {
            Count::Is { header, .. } if self.framing == Framing::Syslog => Some(header),
            _ => None,
        };
        let begin = self.start + header.unwrap_or(0);
        let end = self.buffer.len().min(begin + self.record_max);
        let cut = header.is_some() || end < self.buffer.len();
        let range = self.trim(begin..end);
        self.start = self.buffer.len();
        self.scanned = 0;
        (!range.is_empty()).then_some(Frame { range, cut })
    }

    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Bytes added but not given out.
    pub(crate) fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Whether the rest of a cut record is still being skipped.
    pub(crate) fn is_skipping(&self) -> bool {
        self.skip != Skip::Nothing
    }

    /// Skips the rest of a cut record; `false` when its end has not come yet.
    fn skipped(&mut self) -> bool {
        match self.skip {
            Skip::Nothing => true,
            Skip::Octets(left) => {
                let now = left.min(self.pending());
                self.start += now;
                self.skip = if now == left { Skip::Nothing } else { Skip::Octets(left - now) };
                now == left
            }
            Skip::Line => match self.newline() {
                Some((_, after)) => {
                    self.advance(after);
                    self.skip = Skip::Nothing;
                    true
                }
                None => {
                    // An odd last byte may be half of a two-byte newline.
                    let keep = self.pending() % self.unit();
                    self.start = self.buffer.len() - keep;
                    self.scanned = 0;
                    false
                }
            },
        }
    }

    fn counted(&mut self, len: usize, header: usize) -> Option<Frame> {
        let begin = self.start + header;
        let have = self.buffer.len() - begin;
        if len > self.record_max && have >= self.record_max {
            let end = begin + self.record_max;
            self.advance(end);
            self.skip = Skip::Octets(len - self.record_max);
            return Some(Frame { range: begin..end, cut: true });
        }
        if have < len {
            return None;
        }
        self.advance(begin + len);
        Some(Frame { range: self.trim(begin..begin + len), cut: false })
    }

    fn line(&mut self) -> Option<Frame> {
        let begin = self.start;
        match self.newline() {
            Some((end, after)) if end - begin <= self.record_max => {
                self.advance(after);
                Some(Frame { range: self.trim(begin..end), cut: false })
            }
            Some((_, after)) => {
                self.advance(after);
                Some(Frame { range: begin..begin + self.record_max, cut: true })
            }
            // Of whole units: an odd last byte may be half of a newline.
            None if self.scanned > self.record_max => {
                let end = begin + self.record_max;
                self.advance(end);
                self.skip = Skip::Line;
                Some(Frame { range: begin..end, cut: true })
            }
            None => None,
        }
    }

    /// Where the next newline starts and ends.
    fn newline(&mut self) -> Option<(usize, usize)> {
        let unit = self.unit();
        let from = self.start + self.scanned;
        let rest = &self.buffer[from..];
        let found = match self.framing {
            Framing::Syslog | Framing::Lines => memchr::memchr(b'\n', rest),
            Framing::Utf16le => rest.chunks_exact(2).position(|c| c == b"\n\0").map(|i| i * 2),
            Framing::Utf16be => rest.chunks_exact(2).position(|c| c == b"\0\n").map(|i| i * 2),
        };
        match found {
            Some(at) => Some((from + at, from + at + unit)),
            None => {
                self.scanned = self.pending() - self.pending() % unit;
                None
            }
        }
    }

    fn unit(&self) -> usize {
        match self.framing {
            Framing::Syslog | Framing::Lines => 1,
            Framing::Utf16le | Framing::Utf16be => 2,
        }
    }

    fn advance(&mut self, to: usize) {
        self.start = to;
        self.scanned = 0;
    }

    /// Without line ends and NULs at its end, which some senders add.
    fn trim(&self, range: Range<usize>) -> Range<usize> {
        let mut end = range.end;
        let b = &self.buffer;
        match self.framing {
            Framing::Syslog | Framing::Lines => {
                while end > range.start && matches!(b[end - 1], b'\n' | b'\r' | 0) {
                    end -= 1;
                }
            }
            Framing::Utf16le | Framing::Utf16be => {
                let cr: &[u8] = if self.framing == Framing::Utf16le { b"\r\0" } else { b"\0\r" };
                while end >= range.start + 2 && &b[end - 2..end] == cr {
                    end -= 2;
                }
            }
        }
        range.start..end
    }
}

enum Count {
    Is { len: usize, header: usize },
    No,
    Unknown,
}

/// An octet count and a blank before `<`: a line of digits is no count.
fn count(bytes: &[u8]) -> Count {
    let digits = bytes.iter().take(COUNT_DIGITS_MAX + 1).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return if bytes.is_empty() { Count::Unknown } else { Count::No };
    }
    if digits > COUNT_DIGITS_MAX || bytes[0] == b'0' {
        return Count::No;
    }
    match (bytes.get(digits), bytes.get(digits + 1)) {
        (None, _) | (Some(b' '), None) => return Count::Unknown,
        (Some(b' '), Some(b'<')) => {}
        _ => return Count::No,
    }
    let len = bytes[..digits].iter().fold(0u64, |n, b| n * 10 + u64::from(b - b'0'));
    match usize::try_from(len) {
        Ok(len) if len > 0 => Count::Is { len, header: digits + 1 },
        _ => Count::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cut_up(framing: Framing, max: usize, parts: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut framer = Framer::new(framing, max);
        let mut all = Vec::new();
        for part in parts {
            framer.add(part);
            while let Some(frame) = framer.next() {
                all.push((framer.bytes(frame.range).to_vec(), frame.cut));
            }
        }
        if let Some(frame) = framer.finish() {
            all.push((framer.bytes(frame.range).to_vec(), frame.cut));
        }
        all
    }

    fn texts(found: &[(Vec<u8>, bool)]) -> Vec<(&str, bool)> {
        found.iter().map(|(b, c)| (std::str::from_utf8(b).unwrap(), *c)).collect()
    }

    #[test]
    fn both_framings_in_one_stream() {
        let found = cut_up(
            Framing::Syslog,
            100,
            &[b"8 <1>a\nb c9 <2>", b"xyzuv\n<3>line\r\n\n123 not counted\n<4>last"],
        );
        assert_eq!(
            texts(&found),
            [
                ("<1>a\nb c", false),
                ("<2>xyzuv", false),
                ("<3>line", false),
                ("123 not counted", false),
                ("<4>last", false)
            ]
        );
    }

    #[test]
    fn a_record_too_long_is_cut_and_the_stream_found_again() {
        let long = "x".repeat(50);
        let line = format!("<1>{long}\n<2>next\n");
        let found = cut_up(Framing::Syslog, 10, &[line.as_bytes()]);
        assert_eq!(texts(&found), [("<1>xxxxxxx", true), ("<2>next", false)]);
        let counted = format!("53 <1>{long}7 <2>next");
        let bytes = counted.as_bytes();
        let found = cut_up(Framing::Syslog, 10, &[&bytes[..20], &bytes[20..40], &bytes[40..]]);
        assert_eq!(texts(&found), [("<1>xxxxxxx", true), ("<2>next", false)]);
    }

    #[test]
    fn utf16_lines() {
        let bytes: Vec<u8> = "学\r\nb\nc".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found = cut_up(Framing::Utf16le, 100, &[&bytes[..3], &bytes[3..]]);
        let lines: Vec<_> =
            found.iter().map(|(b, _)| encoding_rs::UTF_16LE.decode(b).0.into_owned()).collect();
        assert_eq!(lines, ["学", "b", "c"]);
    }

    #[test]
    fn the_bound_holds_at_half_a_newline_and_at_the_end() {
        // A record of the bound itself, whose newline comes in two pieces, is whole.
        let mut framer = Framer::new(Framing::Utf16le, 4);
        framer.add(b"a\0b\0\n");
        assert_eq!(framer.next(), None);
        framer.add(b"\0");
        assert_eq!(framer.next(), Some(Frame { range: 0..4, cut: false }));
        // What is left when the stream ends is no longer than the bound.
        framer.add(b"a\0b\0c");
        assert_eq!(framer.next(), None);
        assert_eq!(framer.finish(), Some(Frame { range: 0..4, cut: true }));
    }

    proptest! {
        #[test]
        fn how_the_stream_is_split_does_not_matter(
            records in proptest::collection::vec(("[a-z<>0-9 ]{0,30}", any::<bool>()), 1..12),
            splits in proptest::collection::vec(1usize..9, 1..60),
            max in 4usize..40,
        ) {
            let mut stream = Vec::new();
            for (text, counted) in &records {
                if *counted {
                    stream.extend(format!("{} <1>{text}", text.len() + 3).bytes());
                } else {
                    stream.extend(format!("<2>{text}\n").bytes());
                }
            }
            let whole = cut_up(Framing::Syslog, max, &[&stream]);
            let (mut parts, mut rest, mut splits) = (Vec::new(), &stream[..], splits.iter().cycle());
            while !rest.is_empty() {
                let at = (*splits.next().unwrap()).min(rest.len());
                parts.push(&rest[..at]);
                rest = &rest[at..];
            }
            prop_assert_eq!(cut_up(Framing::Syslog, max, &parts), whole);
        }

        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200), max in 1usize..30) {
            for framing in [Framing::Syslog, Framing::Lines, Framing::Utf16le, Framing::Utf16be] {
                let total: usize = cut_up(framing, max, &[&bytes]).iter().map(|(b, _)| b.len()).sum();
                prop_assert!(total <= bytes.len());
            }
        }
    }
}
