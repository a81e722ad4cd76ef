//! Recognising the encoding of a text and reading it as UTF-8.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use serde::{Deserialize, Serialize};

use crate::records::limits::HEAD_BYTES_MAX;

/// The encodings a school's files come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "UTF-8")]
    Utf8,
    /// GB 18030, which holds GBK and GB 2312.
    #[serde(rename = "GB18030")]
    Gb18030,
    /// UTF-16, little-endian.
    #[serde(rename = "UTF-16LE")]
    Utf16Le,
    /// UTF-16, big-endian.
    #[serde(rename = "UTF-16BE")]
    Utf16Be,
}

impl Encoding {
    /// The usual name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Gb18030 => "GB18030",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
        }
    }

    /// Guesses from the head of a text. `whole` says that the head is all of it.
    pub fn detect(head: &[u8], whole: bool) -> Self {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => return Self::Utf8,
            [0xFF, 0xFE, ..] => return Self::Utf16Le,
            [0xFE, 0xFF, ..] => return Self::Utf16Be,
            _ => {}
        }
        if let Some(utf16) = utf16_without_mark(head) {
            return utf16;
        }
        match std::str::from_utf8(head) {
            Ok(_) => Self::Utf8,
            // A sequence cut by the end of the head is not an error.
            Err(e) if !whole && e.error_len().is_none() => Self::Utf8,
            // A few bad bytes in a text that is otherwise UTF-8: keep UTF-8 and count them. By
            // chance, hardly any character of a GB 18030 text reads as UTF-8.
            Err(_) if mostly_utf8(head) => Self::Utf8,
            Err(_) => Self::Gb18030,
        }
    }
}

/// UTF-16 shows as NUL bytes at every other place around ASCII delimiters and line ends.
fn utf16_without_mark(head: &[u8]) -> Option<Encoding> {
    let pairs = head.len() / 2;
    if pairs < 4 {
        return None;
    }
    let (mut even, mut odd) = (0usize, 0usize);
    for pair in head.chunks_exact(2) {
        even += usize::from(pair[0] == 0);
        odd += usize::from(pair[1] == 0);
    }
    if odd * 20 > pairs && even * 100 <= pairs {
        Some(Encoding::Utf16Le)
    } else if even * 20 > pairs && odd * 100 <= pairs {
        Some(Encoding::Utf16Be)
    } else {
        None
    }
}

/// Whether three quarters of what is not ASCII reads as UTF-8. Characters for private use do not count:
/// 李芳 in GBK has one.
fn mostly_utf8(head: &[u8]) -> bool {
    let high = head.iter().filter(|&&b| b >= 0x80).count();
    let real = |c: &char| !c.is_ascii() && !matches!(c, '\u{E000}'..='\u{F8FF}');
    let chars = head.utf8_chunks().flat_map(|chunk| chunk.valid().chars());
    let valid: usize = chars.filter(real).map(char::len_utf8).sum();
    valid * 4 >= high * 3
}

/// Whether a line is of the other of the two encodings that are mixed in one file: a line of GB 18030
/// among UTF-8, or the reverse, as exports put together by hand and some dumps hold. `cut` says that
/// its end may be missing.
fn is_other(line: &[u8], main: Encoding, cut: bool) -> bool {
    let ends =
        || (0..if cut { 4 } else { 1 }).filter_map(|n| line.get(..line.len().checked_sub(n)?));
    match main {
        Encoding::Utf8 => {
            // A line of UTF-8 with a bad byte or two stays one.
            !mostly_utf8(line)
                && ends().any(|l| {
                    GB18030.decode_without_bom_handling_and_without_replacement(l).is_some()
                })
        }
        // A few characters of GB 18030 may read as UTF-8 by chance, but not as Chinese.
        Encoding::Gb18030 => ends().any(|l| {
            std::str::from_utf8(l).is_ok_and(|text| {
                let mut high = text.chars().filter(|c| !c.is_ascii()).peekable();
                high.peek().is_some() && high.all(is_chinese)
            })
        }),
        Encoding::Utf16Le | Encoding::Utf16Be => false,
    }
}

/// Ideographs and the signs set beside them.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2026}' | '\u{3000}'..='\u{303F}' | '\u{4E00}'..='\u{9FFF}' | '\u{FF00}'..='\u{FFEF}')
}

/// Reads any of the encodings as UTF-8; in a file of UTF-8 or GB 18030, single lines of the other.
pub(crate) struct Utf8Reader<R> {
    inner: R,
    decoder: Decoder,
    /// Of the other encoding, for single lines.
    second: Decoder,
    encoding: Encoding,
    buffer: Vec<u8>,
    start: usize,
    /// To where the bytes at `start` are of one encoding, and whether of the other.
    upto: usize,
    other: bool,
    at_line: bool,
    /// Whether they are whole characters of UTF-8, which need no decoder.
    plain: bool,
    end: usize,
    ended: bool,
    finished: bool,
    malformed: u64,
}

impl<R: Read> Utf8Reader<R> {
    /// Reads the head and decides.
    pub(crate) fn new(inner: R) -> io::Result<Self> {
        Self::open(inner, None)
    }

    /// The same of what is known to be UTF-8.
    pub(crate) fn utf8(inner: R) -> io::Result<Self> {
        Self::open(inner, Some(Encoding::Utf8))
    }

    fn open(mut inner: R, known: Option<Encoding>) -> io::Result<Self> {
        let mut buffer = vec![0; HEAD_BYTES_MAX];
        let mut end = 0;
        let mut ended = false;
        while end < buffer.len() {
            match inner.read(&mut buffer[end..]) {
                Ok(0) => {
                    ended = true;
                    break;
                }
                Ok(n) => end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let encoding = known.unwrap_or_else(|| Encoding::detect(&buffer[..end], ended));
        let marked = encoding == Encoding::Utf8 && buffer.starts_with(&[0xEF, 0xBB, 0xBF]);
        let start = if marked { 3 } else { 0 };
        let decoder = match encoding {
            Encoding::Utf8 => UTF_8.new_decoder_without_bom_handling(),
            Encoding::Gb18030 => GB18030.new_decoder_without_bom_handling(),
            Encoding::Utf16Le => UTF_16LE.new_decoder_with_bom_removal(),
            Encoding::Utf16Be => UTF_16BE.new_decoder_with_bom_removal(),
        };
        let second = if encoding == Encoding::Utf8 { GB18030 } else { UTF_8 };
        Ok(Self {
            inner,
            decoder,
            second: second.new_decoder_without_bom_handling(),
            encoding,
            buffer,
            start,
            upto: start,
            other: false,
            at_line: true,
            plain: false,
            end,
            ended,
            finished: false,
            malformed: 0,
        })
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Pieces that held a byte sequence which is not of the encoding (U+FFFD stands in its place), or
    /// were of the other one.
    pub(crate) fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Decodes onto the end of `out`, as far as its capacity goes; 0 means the end. There must be
    /// room for 16 bytes.
    pub(crate) fn fill(&mut self, out: &mut String) -> io::Result<usize> {
        let before = out.len();
        loop {
            if self.finished {
                return Ok(0);
            }
            if self.start == self.end && !self.ended {
                (self.start, self.upto) = (0, 0);
                self.end = self.more(0)?;
                self.ended = self.end == 0;
            }
            if self.start == self.upto && self.start < self.end {
                self.segment()?;
            }
            if let Some(n) = self.copy(out) {
                return Ok(n);
            }
            let last = self.ended && self.upto == self.end;
            let decoder = if self.other { &mut self.second } else { &mut self.decoder };
            let (result, read, replaced) =
                decoder.decode_to_string(&self.buffer[self.start..self.upto], out, last);
            self.start += read;
            self.malformed += u64::from(replaced);
            self.finished = last && result == CoderResult::InputEmpty;
            if out.len() > before {
                return Ok(out.len() - before);
            }
        }
    }

    /// Copies what needs no decoder, as far as there is room; how many bytes, if it can be done.
    fn copy(&mut self, out: &mut String) -> Option<usize> {
        let rest =
            self.buffer.get(self.start..self.upto).filter(|r| self.plain && !r.is_empty())?;
        let mut n = rest.len().min(out.capacity() - out.len());
        // No character is cut in two.
        while rest.get(n).is_some_and(|byte| byte & 0xC0 == 0x80) {
            n -= 1;
        }
        let text = simdutf8::basic::from_utf8(rest.get(..n)?).ok().filter(|t| !t.is_empty())?;
        out.push_str(text);
        self.start += n;
        Some(n)
    }

    fn more(&mut self, at: usize) -> io::Result<usize> {
        loop {
            match self.inner.read(&mut self.buffer[at..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// Finds how far the bytes at `start` are of one encoding. What is no line yet is completed, as
    /// far as the buffer goes.
    fn segment(&mut self) -> io::Result<()> {
        self.plain = false;
        let line = |bytes: &[u8]| memchr::memchr(b'\n', bytes).map(|at| at + 1);
        if !self.at_line {
            // The rest of a line longer than the buffer goes as it began.
            let rest = &self.buffer[self.start..self.end];
            let n = line(rest);
            self.at_line = n.is_some();
            self.upto = self.start + n.unwrap_or(rest.len());
            return Ok(());
        }
        self.other = false;
        let utf8 = self.encoding == Encoding::Utf8;
        if !utf8 && self.encoding != Encoding::Gb18030 {
            self.upto = self.end;
            return Ok(());
        }
        while !self.ended && line(&self.buffer[self.start..self.end]).is_none() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.end, self.start) = (self.end - self.start, 0);
            if self.end == self.buffer.len() {
                break;
            }
            let n = self.more(self.end)?;
            self.end += n;
            self.ended = n == 0;
        }
        if utf8 {
            let rest = &self.buffer[self.start..self.end];
            let (good, valid) = match simdutf8::compat::from_utf8(rest) {
                Ok(_) => (rest.len(), rest.len()),
                Err(e) if e.error_len().is_none() && !self.ended => (rest.len(), e.valid_up_to()),
                Err(e) => (e.valid_up_to(), e.valid_up_to()),
            };
            // The last line may go on otherwise, unless it is longer than the buffer.
            let n = match memchr::memrchr(b'\n', &rest[..good]) {
                Some(at) if good < rest.len() || !self.ended => at + 1,
                None if good < rest.len() => 0,
                _ => good,
            };
            if n > 0 {
                self.upto = self.start + n;
                self.at_line = self.buffer[self.upto - 1] == b'\n';
                self.plain = n <= valid;
                return Ok(());
            }
        }
        // Lines of the same encoding go together.
        self.upto = self.start;
        while self.upto < self.end {
            let rest = &self.buffer[self.upto..self.end];
            let n = line(rest);
            let whole = n.is_some() || self.ended;
            if self.upto > self.start && !whole {
                break;
            }
            let other = is_other(&rest[..n.unwrap_or(rest.len())], self.encoding, !whole);
            if self.upto > self.start && (other != self.other || utf8) {
                break;
            }
            self.other = other;
            self.upto += n.unwrap_or(rest.len());
            self.at_line = n.is_some();
        }
        self.malformed += u64::from(self.other);
        Ok(())
    }
}

/// The same as bytes.
pub(crate) struct Decoded<R> {
    source: Utf8Reader<R>,
    text: String,
    at: usize,
}

impl<R: Read> Decoded<R> {
    pub(crate) fn new(inner: R) -> io::Result<Self> {
        let text = String::with_capacity(HEAD_BYTES_MAX);
        Ok(Self { source: Utf8Reader::new(inner)?, text, at: 0 })
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.text.len() {
            self.text.clear();
            self.at = 0;
            if self.source.fill(&mut self.text)? == 0 {
                return Ok(0);
            }
        }
        let n = self.text.as_bytes().get(self.at..).unwrap_or_default().read(out)?;
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> (String, Encoding, u64) {
        let mut reader = Utf8Reader::new(bytes).unwrap();
        let mut out = String::new();
        let mut chunk = String::with_capacity(16);
        while reader.fill(&mut chunk).unwrap() > 0 {
            out.push_str(&chunk);
            chunk.clear();
        }
        (out, reader.encoding(), reader.malformed())
    }

    const TEXT: &str = "姓名,电话\n张三,13800138000\n李四,13900139000\n";

    #[test]
    fn reads_each_encoding() {
        assert_eq!(read_all(TEXT.as_bytes()), (TEXT.to_owned(), Encoding::Utf8, 0));
        let bom: Vec<u8> = [b"\xEF\xBB\xBF", TEXT.as_bytes()].concat();
        assert_eq!(read_all(&bom), (TEXT.to_owned(), Encoding::Utf8, 0));
        let (gb, _, _) = GB18030.encode(TEXT);
        assert_eq!(read_all(&gb), (TEXT.to_owned(), Encoding::Gb18030, 0));
        let le: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read_all(&le), (TEXT.to_owned(), Encoding::Utf16Le, 0));
        let be: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let be: Vec<u8> = [vec![0xFE, 0xFF], be].concat();
        assert_eq!(read_all(&be), (TEXT.to_owned(), Encoding::Utf16Be, 0));
    }

    fn gb(text: &str) -> Vec<u8> {
        GB18030.encode(text).0.into_owned()
    }

    #[test]
    fn lines_of_the_other_encoding_are_read_in_it() {
        let utf8 = "赵六,浙江省杭州市西湖区文三路3号\n";
        for (main, other) in
            [(TEXT.as_bytes().to_vec(), gb(utf8)), (gb(TEXT), utf8.as_bytes().to_vec())]
        {
            for parts in [[&main, &other, &main], [&main, &main, &other], [&other, &main, &main]] {
                let bytes = parts.map(|p| p.as_slice()).concat();
                let wanted: String = parts.map(|p| if *p == main { TEXT } else { utf8 }).concat();
                let (text, _, malformed) = read_all(&bytes);
                assert_eq!(text, wanted);
                assert!(malformed > 0, "it is counted");
            }
        }
    }

    #[test]
    fn a_mixed_file_larger_than_the_buffer_is_read_whole() {
        let lines = |i: usize| format!("{i},张三丰,{}\n", "地址好".repeat(i % 90));
        let mut bytes = Vec::new();
        for i in 0..3000 {
            bytes.extend(if i % 37 == 5 { gb(&lines(i)) } else { lines(i).into_bytes() });
        }
        assert_eq!(read_all(&bytes).0, (0..3000).map(lines).collect::<String>());
        // A line longer than the buffer, of either encoding.
        let long = format!("一,{}\n", "学籍管理".repeat(30_000));
        let bytes = [TEXT.repeat(50).into_bytes(), gb(&long), TEXT.as_bytes().to_vec()].concat();
        assert_eq!(read_all(&bytes).0, [TEXT.repeat(50).as_str(), &long, TEXT].concat());
    }

    #[test]
    fn a_broken_character_does_not_change_the_encoding_of_its_line() {
        let mut bytes = TEXT.repeat(3).into_bytes();
        let cut = "王小明同学,家住西湖区文三路".as_bytes();
        bytes.extend_from_slice(&cut[..4]);
        bytes.extend_from_slice(&cut[6..]);
        bytes.push(b'\n');
        let (text, _, malformed) = read_all(&bytes);
        assert!(text.contains("明同学,家住西湖区文三路") && malformed > 0, "{text}");
        // Read as UTF-8 this line of GBK would be a Latin letter.
        assert_eq!(read_all(&gb(&format!("{TEXT}陌,1\n"))).0, format!("{TEXT}陌,1\n"));
    }

    #[test]
    fn counts_malformed_bytes_in_utf8() {
        let mut bytes = TEXT.repeat(3).into_bytes();
        bytes.extend_from_slice(b"\xFF\xFF,1\n");
        let (text, encoding, malformed) = read_all(&bytes);
        assert_eq!(encoding, Encoding::Utf8);
        assert!(malformed > 0 && text.contains('\u{FFFD}'));
    }
}
