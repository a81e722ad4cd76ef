//! A file decoded without a node: logs, plain or gzip, captures, EVTX. The encoding of a log is told by
//! its bytes: UTF-16 by the mark it begins with, GB18030 by what is no UTF-8.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use events::{Event, Timestamp};
use regex::Regex;

use crate::config::Encoding;
use crate::decode::{Aside, capture, columns, evtx};
use crate::input::file::{begins, framing, without_bom};
use crate::input::frame::Framer;
use crate::limits::{FILE_CHUNK_BYTES, HEADER_BYTES_MAX, MULTILINE_LINES_MAX, RECORD_BYTES_MAX};
use crate::pack::{Packs, Record};

/// In place of a file: what comes by standard input.
const STANDARD_INPUT: &str = "-";

/// Decodes every record of a file and calls `each`. What the file is, its first bytes tell; `-` is a log
/// that comes by standard input.
///
/// # Errors
/// What the system says of the file. Records that cannot be decoded are events all the same.
pub fn decode_file(
    packs: &Packs,
    pack: Option<&str>,
    path: &Path,
    received: Timestamp,
    each: &mut dyn FnMut(Event),
) -> io::Result<()> {
    if path == Path::new(STANDARD_INPUT) {
        return decoded(packs, pack, &mut Lines::open(path)?, received, each);
    }
    let damaged = |problem| io::Error::new(io::ErrorKind::InvalidData, problem);
    let mut head = [0; 8];
    let have = File::open(path)?.read(&mut head)?;
    let file = File::open(path)?;
    match &head[..have] {
        [0x1f, 0x8b, ..] => decoded(packs, pack, &mut Lines::open(path)?, received, each),
        b"ElfFile\0" => {
            let mut record = |record: evtx::Record| {
                let mut event = Event::new();
                let (text, time) = record.unwrap_or_default();
                let offset = events::time::BEIJING_OFFSET_SECS;
                let record = Record { plain: true, ..Record::utf8(text.as_bytes()) };
                packs.decode_record(pack, &record, received, offset, &mut event);
                Aside { time, ..Aside::default() }.fill(&mut event);
                each(event);
            };
            evtx::records(file, &mut record).map_err(damaged)
        }
        [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x0a, 0x0d, 0x0d, 0x0a, ..] => {
            let mut flow = |flow| each(crate::input::flow_event(&flow, received));
            capture::flows(BufReader::new(file), &mut flow).map(drop).map_err(damaged)
        }
        _ => decoded(packs, pack, &mut Lines::open(path)?, received, each),
    }
}

/// The first lines of a log (`-`: of standard input) that are not empty, in UTF-8, at most `max`, and
/// the encoding that it has.
///
/// # Errors
/// What the system says of the file.
pub fn first_lines(path: &Path, max: usize) -> io::Result<(Vec<Vec<u8>>, Encoding)> {
    let mut lines = Lines::open(path)?;
    let mut found = Vec::new();
    while found.len() < max
        && let Some((line, _)) = lines.next()?
    {
        let line = match lines.encoding.text(&line) {
            None => line,
            Some(text) => text.into_owned().into_bytes(),
        };
        if !line.trim_ascii().is_empty() {
            found.push(line);
        }
    }
    Ok((found, lines.encoding))
}

/// The lines of a log, plain or gzip.
struct Lines {
    from: Box<dyn Read>,
    framer: Framer,
    buffer: Vec<u8>,
    ended: bool,
    /// The line that begins the next record, and whether it is cut.
    ahead: Option<(Vec<u8>, bool)>,
    /// UTF-16 if it begins so; UTF-8 until a line is none, and GB18030 from there.
    encoding: Encoding,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new(STANDARD_INPUT) {
            return Self::of(io::stdin());
        }
        Self::of(File::open(path)?)
    }

    fn of(from: impl Read + 'static) -> io::Result<Self> {
        let mut from: Box<dyn Read> = Box::new(BufReader::new(from));
        let mut head = two_bytes(&mut from)?;
        if head == [0x1f, 0x8b] {
            let packed = BufReader::new(io::Cursor::new(head).chain(from));
            from = Box::new(flate2::read::MultiGzDecoder::new(packed));
            head = two_bytes(&mut from)?;
        }
        let encoding = match head[..] {
            [0xff, 0xfe] => Encoding::Utf16le,
            [0xfe, 0xff] => Encoding::Utf16be,
            _ => Encoding::Utf8,
        };
        let mut framer = Framer::new(framing(encoding), RECORD_BYTES_MAX);
        framer.add(&head);
        let buffer = vec![0; FILE_CHUNK_BYTES];
        Ok(Self { from, framer, buffer, ended: false, ahead: None, encoding })
    }

    /// The next record: a line, or the lines up to one that begins another.
    fn record(&mut self, start: Option<&Regex>) -> io::Result<Option<(Vec<u8>, bool)>> {
        let Some(start) = start else { return self.next() };
        let Some((mut record, mut cut)) =
            self.ahead.take().map_or_else(|| self.next(), |l| Ok(Some(l)))?
        else {
            return Ok(None);
        };
        for _ in 1..MULTILINE_LINES_MAX {
            match self.next()? {
                Some((line, line_cut)) if !begins(start, &line) => {
                    cut |= line_cut || record.len() + line.len() >= RECORD_BYTES_MAX;
                    if record.len() + line.len() < RECORD_BYTES_MAX {
                        record.push(b'\n');
                        record.extend_from_slice(&line);
                    }
                }
                other => {
                    self.ahead = other;
                    break;
                }
            }
        }
        Ok(Some((record, cut)))
    }

    /// The next line, and whether it is cut.
    fn next(&mut self) -> io::Result<Option<(Vec<u8>, bool)>> {
        loop {
            let frame = if self.ended { self.framer.finish() } else { self.framer.next() };
            if let Some(frame) = frame {
                let line = without_bom(self.framer.bytes(frame.range)).to_vec();
                if self.encoding == Encoding::Utf8 && std::str::from_utf8(&line).is_err() {
                    self.encoding = Encoding::Gb18030;
                }
                return Ok(Some((line, frame.cut)));
            }
            if self.ended {
                return Ok(None);
            }
            let n = self.from.read(&mut self.buffer)?;
            self.framer.add(&self.buffer[..n]);
            self.ended = n == 0;
        }
    }
}

fn two_bytes(from: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    from.take(2).read_to_end(&mut head)?;
    Ok(head)
}

fn decoded(
    packs: &Packs,
    pack: Option<&str>,
    lines: &mut Lines,
    received: Timestamp,
    each: &mut dyn FnMut(Event),
) -> io::Result<()> {
    let mut header = String::new();
    let offset = events::time::BEIJING_OFFSET_SECS;
    let start = pack.and_then(|name| packs.get(name)?.run.start.as_ref());
    while let Some((line, cut)) = lines.record(start)? {
        let text = lines.encoding.text(&line);
        if columns::is_header(&line)
            && let Ok(text) = std::str::from_utf8(&line)
            && header.len() + text.len() < HEADER_BYTES_MAX
        {
            header.push_str(text);
            header.push('\n');
        }
        let mut event = Event::new();
        let record = Record { text, cut, header: Some(&header), ..Record::utf8(&line) };
        packs.decode_record(pack, &record, received, offset, &mut event);
        each(event);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const LINE: &str = "<134>Nov 23 12:05:06 h fwlog: 日志类型:IPS, 源IP:10.1.2.3, 系统动作:拒绝";

    /// Source and action of every event of a file with these bytes, and its encoding.
    fn read(bytes: &[u8]) -> (Vec<(String, String)>, Encoding) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let packs = Packs::embedded().unwrap();
        let mut found = Vec::new();
        let text = |event: &Event, id| event.str(id).unwrap_or_default().to_owned();
        decode_file(&packs, None, file.path(), Timestamp::from_secs(1_795_406_706), &mut |event| {
            let source = text(&event, events::field::SOURCE_IP);
            found.push((source, text(&event, events::field::EVENT_ACTION)));
        })
        .unwrap();
        let (lines, encoding) = first_lines(file.path(), 9).unwrap();
        // As standard input gives it: in one piece after another, and not to be read twice.
        let trickle = io::Cursor::new(bytes[..bytes.len() / 2].to_vec())
            .chain(io::Cursor::new(bytes[bytes.len() / 2..].to_vec()));
        let mut piped = Lines::of(trickle).unwrap();
        let lines_piped = std::iter::from_fn(|| piped.next().unwrap()).count();
        assert_eq!((lines_piped, piped.encoding), (lines.len(), encoding));
        assert!(lines.iter().all(|line| line == LINE.as_bytes()), "{lines:?}");
        assert_eq!(lines.len(), found.len());
        (found, encoding)
    }

    #[test]
    fn the_encoding_of_a_log_is_told_by_its_bytes() {
        let want = vec![("10.1.2.3".to_owned(), "deny".to_owned()); 2];
        let text = format!("{LINE}\r\n{LINE}\n");
        assert_eq!(read(text.as_bytes()), (want.clone(), Encoding::Utf8));
        let (gbk, _, _) = encoding_rs::GB18030.encode(&text);
        assert_eq!(read(&gbk), (want.clone(), Encoding::Gb18030));
        let units = || std::iter::once(0xfeff).chain(text.encode_utf16());
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&little), (want.clone(), Encoding::Utf16le));
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        assert_eq!(read(&big), (want.clone(), Encoding::Utf16be));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&gbk).unwrap();
        assert_eq!(read(&packed.finish().unwrap()), (want, Encoding::Gb18030));
        assert_eq!(read(b""), (Vec::new(), Encoding::Utf8));
    }

    #[test]
    fn the_lines_of_a_record_are_joined_as_its_pack_says() {
        let text = "banner\nof two\n# User@Host: a[a] @ h []\nSET timestamp=1;\nselect\n1;\n# User@Host: b[b] @ h []";
        let start = Regex::new("^# User@Host: ").unwrap();
        let joined = |start: Option<&Regex>| {
            let mut lines = Lines::of(io::Cursor::new(text.to_owned())).unwrap();
            std::iter::from_fn(move || lines.record(start).unwrap())
                .map(|(record, _)| String::from_utf8(record).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(joined(Some(&start)).join("|"), text.replace("\n#", "|#"));
        assert_eq!(joined(None).len(), 7);
    }
}
