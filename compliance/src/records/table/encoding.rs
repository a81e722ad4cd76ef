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

/// Whether three quarters of what is not ASCII reads as UTF-8.
fn mostly_utf8(head: &[u8]) -> bool {
    let high = |part: &[u8]| part.iter().filter(|&&b| b >= 0x80).count();
    let valid: usize = head.utf8_chunks().map(|chunk| high(chunk.valid().as_bytes())).sum();
    valid * 4 >= high(head) * 3
}

/// Reads any of the encodings as UTF-8.
pub(crate) struct Utf8Reader<R> {
    inner: R,
    decoder: Decoder,
    encoding: Encoding,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    finished: bool,
    malformed: u64,
}

impl<R: Read> Utf8Reader<R> {
    /// Reads the head and decides.
    pub(crate) fn new(mut inner: R) -> io::Result<Self> {
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
        let encoding = Encoding::detect(&buffer[..end], ended);
        let decoder = match encoding {
            Encoding::Utf8 => UTF_8.new_decoder_with_bom_removal(),
            Encoding::Gb18030 => GB18030.new_decoder_without_bom_handling(),
            Encoding::Utf16Le => UTF_16LE.new_decoder_with_bom_removal(),
            Encoding::Utf16Be => UTF_16BE.new_decoder_with_bom_removal(),
        };
        Ok(Self {
            inner,
            decoder,
            encoding,
            buffer,
            start: 0,
            end,
            ended,
            finished: false,
            malformed: 0,
        })
    }

    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Fills that held a byte sequence which is not of the encoding (U+FFFD stands in its place).
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
                self.start = 0;
                self.end = match self.inner.read(&mut self.buffer) {
                    Ok(n) => n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e),
                };
                self.ended = self.end == 0;
            }
            let (result, read, replaced) =
                self.decoder.decode_to_string(&self.buffer[self.start..self.end], out, self.ended);
            self.start += read;
            self.malformed += u64::from(replaced);
            self.finished = self.ended && result == CoderResult::InputEmpty;
            if out.len() > before {
                return Ok(out.len() - before);
            }
        }
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

    #[test]
    fn counts_malformed_bytes_in_utf8() {
        let mut bytes = TEXT.repeat(3).into_bytes();
        bytes.extend_from_slice(b"\xFF\xFF,1\n");
        let (text, encoding, malformed) = read_all(&bytes);
        assert_eq!(encoding, Encoding::Utf8);
        assert!(malformed > 0 && text.contains('\u{FFFD}'));
    }
}
