//! RELP frames (rsyslog's protocol paper): `TXNR SP COMMAND SP DATALEN [SP DATA] LF`. Pure.

use std::ops::Range;

use super::Problem;

/// Digits of a transaction number, and of a length.
const DIGITS_MAX: usize = 9;
/// Letters of a command.
const COMMAND_BYTES_MAX: usize = 32;
/// Bytes of a frame before its data.
const HEADER_BYTES_MAX: usize = 2 * DIGITS_MAX + COMMAND_BYTES_MAX + 3;

/// What a frame asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// To open the session: what the sender offers stands in the data.
    Open,
    /// To take one record.
    Syslog,
    /// To close the session.
    Close,
    /// Something else.
    Other,
}

/// One frame; its data lies in the parser until bytes are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The transaction's number: its answer carries the same.
    pub number: u32,
    /// What it asks.
    pub command: Command,
    /// Whether the data was longer than the bound and is cut.
    pub cut: bool,
    range: Range<usize>,
    version: Option<u8>,
}

impl Frame {
    /// For `open`: the protocol's version, when the sender can send syslog.
    pub fn offers(&self) -> Option<u8> {
        self.version
    }
}

/// An answer to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The session is open, in this version.
    Opened(u8),
    /// Done: for a record, that it is durable.
    Done,
    /// Not understood, or not allowed now.
    Refused,
}

impl Reply {
    /// Appends the answer to a transaction.
    pub fn write(self, number: u32, to: &mut Vec<u8>) {
        let data = match self {
            Self::Opened(version) => {
                format!("200 OK\nrelp_version={version}\nrelp_software=xuedun\ncommands=syslog")
            }
            Self::Done => "200 OK".to_owned(),
            Self::Refused => "500 not supported".to_owned(),
        };
        to.extend(format!("{number} rsp {} {data}\n", data.len()).into_bytes());
    }
}

/// Collects bytes and gives frames out. Holds at most one record's bound plus what was added.
#[derive(Debug)]
pub struct Parser {
    data_max: usize,
    buffer: Vec<u8>,
    start: usize,
    /// Bytes of a cut record still to be skipped, and its trailer.
    skip: usize,
}

impl Parser {
    /// A parser for records of at most `data_max` bytes.
    pub fn new(data_max: usize) -> Self {
        Self { data_max, buffer: Vec::new(), start: 0, skip: 0 }
    }

    /// Adds bytes of the stream; the data of frames given out before is void.
    pub fn add(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The data of a frame.
    pub fn data(&self, frame: &Frame) -> &[u8] {
        self.buffer.get(frame.range.clone()).unwrap_or_default()
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// [`Problem::NotRelp`]: the stream cannot be followed any more.
    #[allow(clippy::should_implement_trait, reason = "frames borrow from the parser")]
    pub fn next(&mut self) -> Option<Result<Frame, Problem>> {
        let skipped = self.skip.min(self.buffer.len() - self.start);
        self.start += skipped;
        self.skip -= skipped;
        let rest = &self.buffer[self.start..];
        if self.skip > 0 || rest.is_empty() {
            return None;
        }
        let head = match header(rest) {
            Ok(Some(head)) => head,
            Ok(None) => return None,
            Err(problem) => return Some(Err(problem)),
        };
        let begin = self.start + head.data;
        let have = self.buffer.len() - begin;
        // The trailer is part of the frame.
        let (kept, cut) = (head.len.min(self.data_max), head.len > self.data_max);
        if have < if cut { kept } else { kept + 1 } {
            return None;
        }
        if cut {
            self.skip = head.len + 1 - kept;
            self.start = begin + kept;
        } else if self.buffer[begin + kept] == b'\n' {
            self.start = begin + kept + 1;
        } else {
            return Some(Err(Problem::NotRelp));
        }
        let range = self.trim(begin..begin + kept);
        let version = offered(&self.buffer[range.clone()]);
        Some(Ok(Frame { number: head.number, command: head.command, cut, range, version }))
    }

    /// Without the newlines and NULs that some senders leave at a record's end.
    fn trim(&self, range: Range<usize>) -> Range<usize> {
        let ends = self.buffer[range.clone()].iter().rev();
        let idle = ends.take_while(|b| matches!(b, b'\n' | b'\r' | 0)).count();
        range.start..range.end - idle
    }
}

struct Header {
    number: u32,
    command: Command,
    len: usize,
    /// Where the data begins.
    data: usize,
}

/// `Ok(None)`: more bytes are needed.
fn header(bytes: &[u8]) -> Result<Option<Header>, Problem> {
    let head = &bytes[..bytes.len().min(HEADER_BYTES_MAX + 1)];
    let incomplete =
        || if head.len() > HEADER_BYTES_MAX { Err(Problem::NotRelp) } else { Ok(None) };
    let Some(first) = memchr::memchr(b' ', head) else {
        return if head.len() > DIGITS_MAX { Err(Problem::NotRelp) } else { incomplete() };
    };
    let number = number(&head[..first]).ok_or(Problem::NotRelp)?;
    let Some(second) = memchr::memchr(b' ', &head[first + 1..]).map(|at| first + 1 + at) else {
        return incomplete();
    };
    let word = &head[first + 1..second];
    if word.is_empty()
        || word.len() > COMMAND_BYTES_MAX
        || !word.iter().all(u8::is_ascii_alphabetic)
    {
        return Err(Problem::NotRelp);
    }
    let command = match word {
        b"open" => Command::Open,
        b"syslog" => Command::Syslog,
        b"close" => Command::Close,
        _ => Command::Other,
    };
    let Some(end) = head[second + 1..].iter().position(|b| matches!(b, b' ' | b'\n')) else {
        return incomplete();
    };
    let len = self::number(&head[second + 1..second + 1 + end]).ok_or(Problem::NotRelp)? as usize;
    let end = second + 1 + end;
    // Without data the trailer follows the length at once.
    let data = match (len, head[end]) {
        (0, b'\n') => end,
        (_, b' ') => end + 1,
        _ => return Err(Problem::NotRelp),
    };
    Ok(Some(Header { number, command, len, data }))
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')))
}

/// The version of an `open`'s offers, when `syslog` is among its commands.
fn offered(data: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(data).ok()?;
    let value = |name| text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
    let syslog = value("commands")?.split(',').any(|c| c.trim() == "syslog");
    // Versions 0 and 1 are the same on the wire; 1 says that TLS may be used.
    syslog.then(|| u8::from(value("relp_version") == Some("1")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(max: usize, parts: &[&[u8]]) -> Vec<Result<(u32, Command, String, bool), Problem>> {
        let mut parser = Parser::new(max);
        let mut all = Vec::new();
        for part in parts {
            parser.add(part);
            while let Some(frame) = parser.next() {
                let shown = frame.map(|f| {
                    let data = String::from_utf8_lossy(parser.data(&f)).into_owned();
                    (f.number, f.command, data, f.cut)
                });
                let over = shown.is_err();
                all.push(shown);
                if over {
                    return all;
                }
            }
        }
        all
    }

    #[test]
    fn a_session() {
        let offers = "relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog";
        let open = format!("1 open {} {offers}\n", offers.len());
        let mut parser = Parser::new(100);
        parser.add(open.as_bytes());
        let frame = parser.next().unwrap().unwrap();
        assert_eq!((frame.command, frame.offers()), (Command::Open, Some(0)));
        let found =
            read(8, &[b"2 syslog 6 <1", b">a\nb\n3 syslog 11 <1>456789ab\n4 clo", b"se 0\n"]);
        assert_eq!(
            found,
            [
                Ok((2, Command::Syslog, "<1>a\nb".to_owned(), false)),
                Ok((3, Command::Syslog, "<1>45678".to_owned(), true)),
                Ok((4, Command::Close, String::new(), false)),
            ]
        );
        let mut reply = Vec::new();
        Reply::Done.write(2, &mut reply);
        assert_eq!(reply, b"2 rsp 6 200 OK\n");
    }

    #[test]
    fn what_is_not_relp_ends_the_stream() {
        for bytes in [
            &b"<13>Nov 23 12:05:06 host app: hi\n"[..],
            b"GET / HTTP/1.1\r\n",
            b"1 sys-log 1 a\n",
            b"1 syslog 1 ab",
            b"1 syslog 9999999999 a",
            b"1 syslog 5\nabcde",
            b"12345678901234567890",
        ] {
            let found = read(100, &[bytes]);
            assert_eq!(found.last(), Some(&Err(Problem::NotRelp)), "{:?}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn how_the_stream_is_split_does_not_matter(
            records in proptest::collection::vec("[ -~\n]{0,30}", 1..10),
            splits in proptest::collection::vec(1usize..9, 1..60),
            max in 1usize..40,
        ) {
            let mut stream = Vec::new();
            for (n, text) in records.iter().enumerate() {
                stream.extend(format!("{n} syslog {} {text}\n", text.len()).bytes());
            }
            let whole = read(max, &[&stream]);
            prop_assert_eq!(whole.len(), records.len());
            let (mut parts, mut rest, mut splits) = (Vec::new(), &stream[..], splits.iter().cycle());
            while !rest.is_empty() {
                let at = (*splits.next().unwrap()).min(rest.len());
                parts.push(&rest[..at]);
                rest = &rest[at..];
            }
            prop_assert_eq!(read(max, &parts), whole);
        }

        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(20, &[&bytes]);
            let with = [b"7 syslog ", &bytes[..]].concat();
            let _ = read(20, &[&with]);
        }
    }
}
