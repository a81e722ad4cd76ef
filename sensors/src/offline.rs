//! A file decoded without a node: logs, plain or gzip, captures, EVTX.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use events::{Event, Timestamp};

use crate::decode::{Aside, capture, columns, evtx};
use crate::input::frame::{Framer, Framing};
use crate::limits::{FILE_CHUNK_BYTES, HEADER_BYTES_MAX, RECORD_BYTES_MAX};
use crate::pack::{Packs, Record};

/// Decodes every record of a file and calls `each`. What the file is, its first bytes tell.
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
    let damaged = |problem| io::Error::new(io::ErrorKind::InvalidData, problem);
    let mut head = [0; 8];
    let have = File::open(path)?.read(&mut head)?;
    let file = File::open(path)?;
    match &head[..have] {
        [0x1f, 0x8b, ..] => {
            let plain = flate2::read::MultiGzDecoder::new(BufReader::new(file));
            lines(packs, pack, plain, received, each)
        }
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
        _ => lines(packs, pack, file, received, each),
    }
}

fn lines(
    packs: &Packs,
    pack: Option<&str>,
    mut from: impl Read,
    received: Timestamp,
    each: &mut dyn FnMut(Event),
) -> io::Result<()> {
    let mut framer = Framer::new(Framing::Lines, RECORD_BYTES_MAX);
    let (mut buffer, mut header) = (vec![0; FILE_CHUNK_BYTES], String::new());
    loop {
        let n = from.read(&mut buffer)?;
        framer.add(&buffer[..n]);
        loop {
            let frame = if n == 0 { framer.finish() } else { framer.next() };
            let Some(frame) = frame else { break };
            let bytes = framer.bytes(frame.range);
            if columns::is_header(bytes)
                && let Ok(text) = std::str::from_utf8(bytes)
                && header.len() + text.len() < HEADER_BYTES_MAX
            {
                header.push_str(text);
                header.push('\n');
            }
            let mut event = Event::new();
            let record = Record { cut: frame.cut, header: Some(&header), ..Record::utf8(bytes) };
            let offset = events::time::BEIJING_OFFSET_SECS;
            packs.decode_record(pack, &record, received, offset, &mut event);
            each(event);
        }
        if n == 0 {
            return Ok(());
        }
    }
}
