//! One file being followed.
//!
//! Identity is device and inode, and the digest of the file's first bytes: an inode that is used
//! again, or a file that was emptied and written anew, has another beginning.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use regex::Regex;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::begins;
use crate::decode::columns;
use crate::input::frame::{Framer, Framing};
use crate::limits::{
    FILE_CHUNK_BYTES, FINGERPRINT_BYTES, HEADER_BYTES_MAX, MULTILINE_LINES_MAX, RECORD_BYTES_MAX,
};

/// Device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Identity {
    pub(super) fn of(meta: &std::fs::Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino() }
    }
}

/// The digest of a file's first bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fingerprint {
    len: usize,
    digest: String,
}

impl Fingerprint {
    fn of(head: &[u8]) -> Self {
        let hash = digest(&SHA256, head);
        let digest = hash.as_ref()[..16].iter().map(|b| format!("{b:02x}")).collect();
        Self { len: head.len(), digest }
    }

    /// Whether bytes begin with these.
    fn is_of(&self, bytes: &[u8]) -> bool {
        self.len > 0 && bytes.get(..self.len).is_some_and(|head| Self::of(head) == *self)
    }

    /// Whether the file still begins with these bytes.
    pub(super) fn fits(&self, file: &File) -> bool {
        head(file, self.len).is_ok_and(|now| Self::of(&now) == *self)
    }
}

/// The first `len` bytes of a file, or all there are.
pub(super) fn head(file: &File, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    let mut have = 0;
    while have < len {
        match file.read_at(&mut bytes[have..], have as u64)? {
            0 => break,
            n => have += n,
        }
    }
    bytes.truncate(have);
    Ok(bytes)
}

/// What is saved of a file: everything before `offset` is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) path: PathBuf,
    pub(super) id: Identity,
    pub(super) print: Fingerprint,
    pub(super) offset: u64,
    /// The header above the lines after `offset`, for files that have one.
    #[serde(default)]
    pub(super) header: String,
}

impl Position {
    /// Notes a line that belongs to a header; one after other lines begins a header anew.
    pub(super) fn note(&mut self, line: &[u8], above: &mut bool) {
        let is = columns::is_header(line);
        if is && let Ok(line) = std::str::from_utf8(line) {
            if !std::mem::replace(above, true) {
                self.header.clear();
            }
            if self.header.len() + line.len() < HEADER_BYTES_MAX {
                self.header.push_str(line);
                self.header.push('\n');
            }
        }
        *above = is;
    }
}

pub(super) struct Tail {
    pub(super) position: Position,
    file: File,
    /// How far bytes were given to the framer.
    read_to: u64,
    framer: Framer,
    group: Option<Group>,
    multiline: Option<Regex>,
    /// Whether the line before was of a header.
    pub(super) above: bool,
    /// Whether the path still leads here.
    pub(super) found: bool,
    /// When there was news last.
    pub(super) news: Instant,
    /// Its first bytes, to know copies by. Kept in memory only.
    head: Vec<u8>,
    /// The first bytes and the position before the file was emptied.
    before: Option<(Vec<u8>, u64)>,
    /// The same, by what was saved, of a file that was emptied while nobody looked.
    pub(super) saved: Option<(Fingerprint, u64)>,
}

/// Whether a file is the copy of another.
pub(super) enum Copied {
    No,
    /// It cannot be told yet: one of the two holds too little.
    Unclear,
    /// Of what the other holds now: nothing in it that is not read there.
    Now,
    /// Of what the other held before it was emptied, and was read up to `offset`.
    Before {
        offset: u64,
    },
}

/// Lines that are one record so far.
struct Group {
    bytes: Vec<u8>,
    lines: usize,
    cut: bool,
    end: u64,
}

/// Records read from a file, and the position after them.
pub(super) struct Chunk {
    buffer: Vec<u8>,
    records: Vec<(Range<usize>, bool)>,
    pub(super) end: u64,
}

impl Chunk {
    fn new(end: u64) -> Self {
        Self { buffer: Vec::new(), records: Vec::new(), end }
    }

    fn push(&mut self, record: &[u8], cut: bool) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(record);
        self.records.push((start..self.buffer.len(), cut));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], bool)> {
        self.records.iter().filter_map(|(range, cut)| Some((self.buffer.get(range.clone())?, *cut)))
    }
}

impl Tail {
    /// Follows an open file from a position.
    pub(super) fn open(
        path: &Path,
        file: File,
        offset: u64,
        header: String,
        framing: Framing,
        multiline: Option<Regex>,
    ) -> io::Result<Self> {
        let resumed = offset > 0;
        let id = Identity::of(&file.metadata()?);
        let head = head(&file, FINGERPRINT_BYTES)?;
        let print = Fingerprint::of(&head);
        Ok(Self {
            position: Position { path: path.to_owned(), id, print, offset, header },
            above: !resumed,
            file,
            read_to: offset,
            framer: Framer::new(framing, RECORD_BYTES_MAX),
            group: None,
            multiline,
            found: true,
            news: Instant::now(),
            head,
            before: None,
            saved: None,
        })
    }

    /// What another file's first bytes say of it.
    pub(super) fn compare(&self, other: &[u8]) -> Copied {
        // A copy that is being made is shorter at first, and so is a file of its own.
        let begun = |head: &[u8]| head.len() > other.len() && head.starts_with(other);
        let same = |head: &[u8]| !head.is_empty() && other.starts_with(head);
        match &self.before {
            Some((head, offset)) if same(head) => return Copied::Before { offset: *offset },
            Some((head, _)) if begun(head) => return Copied::Unclear,
            _ => {}
        }
        if let Some((print, offset)) = &self.saved
            && print.is_of(other)
        {
            return Copied::Before { offset: *offset };
        }
        if begun(&self.head) {
            Copied::Unclear
        } else if !same(&self.head) {
            Copied::No
        } else if self.head.len() < FINGERPRINT_BYTES {
            // A few lines in common do not make a copy: what follows tells.
            Copied::Unclear
        } else {
            Copied::Now
        }
    }

    /// The next records, if there are any. The caller sets the position once they are durable.
    pub(super) fn read(&mut self, framing: Framing) -> io::Result<Option<Chunk>> {
        let len = self.file.metadata()?.len();
        if len == self.read_to {
            return Ok(None);
        }
        if len < self.read_to || !self.position.print.fits(&self.file) {
            self.restart(framing)?;
        }
        if self.head.len() < FINGERPRINT_BYTES {
            self.identify()?;
        }
        let mut bytes = vec![0; FILE_CHUNK_BYTES];
        let n = self.file.read_at(&mut bytes, self.read_to)?;
        if n == 0 {
            return Ok(None);
        }
        self.news = Instant::now();
        self.framer.add(&bytes[..n]);
        self.read_to += n as u64;
        let mut chunk = Chunk::new(self.position.offset);
        while let Some(frame) = self.framer.next() {
            let end = self.read_to - self.framer.pending() as u64;
            let line = without_bom(self.framer.bytes(frame.range));
            match &self.multiline {
                None => {
                    chunk.push(line, frame.cut);
                    chunk.end = end;
                }
                Some(start) => join(&mut self.group, start, line, frame.cut, end, &mut chunk),
            }
        }
        // The rest of a cut record belongs to what was given out.
        if self.framer.is_skipping() && self.group.is_none() {
            chunk.end = self.read_to - self.framer.pending() as u64;
        }
        Ok(Some(chunk))
    }

    /// The file was emptied: all that comes is new.
    fn restart(&mut self, framing: Framing) -> io::Result<()> {
        self.before = Some((std::mem::take(&mut self.head), self.position.offset));
        self.position.offset = 0;
        self.read_to = 0;
        self.framer = Framer::new(framing, RECORD_BYTES_MAX);
        self.identify()
    }

    fn identify(&mut self) -> io::Result<()> {
        self.head = head(&self.file, FINGERPRINT_BYTES)?;
        self.position.print = Fingerprint::of(&self.head);
        Ok(())
    }

    /// An open multi-line record, when nothing more is awaited.
    pub(super) fn flush_group(&mut self) -> Option<Chunk> {
        let group = self.group.take()?;
        let mut chunk = Chunk::new(group.end);
        chunk.push(&group.bytes, group.cut);
        Some(chunk)
    }

    /// What is left when the file is done: an open group, and a last line without newline.
    pub(super) fn finish(&mut self) -> Option<Chunk> {
        let mut chunk = self.flush_group().unwrap_or_else(|| Chunk::new(self.read_to));
        if let Some(frame) = self.framer.finish() {
            let line = without_bom(self.framer.bytes(frame.range));
            chunk.push(line, frame.cut);
        }
        chunk.end = self.read_to;
        (!chunk.records.is_empty()).then_some(chunk)
    }

    pub(super) fn has_group(&self) -> bool {
        self.group.is_some()
    }

    /// Whether everything written is read.
    pub(super) fn is_read(&self) -> bool {
        self.file.metadata().is_ok_and(|m| m.len() == self.read_to)
    }
}

fn join(
    open: &mut Option<Group>,
    start: &Regex,
    line: &[u8],
    cut: bool,
    end: u64,
    chunk: &mut Chunk,
) {
    let first = begins(start, line);
    match open {
        Some(group) if !first && group.lines < MULTILINE_LINES_MAX => {
            group.cut |= cut;
            group.lines += 1;
            group.end = end;
            if group.bytes.len() + line.len() < RECORD_BYTES_MAX {
                group.bytes.push(b'\n');
                group.bytes.extend_from_slice(line);
            } else {
                group.cut = true;
            }
        }
        _ => {
            if let Some(done) = open.take() {
                chunk.push(&done.bytes, done.cut);
                chunk.end = done.end;
            }
            *open = Some(Group { bytes: line.to_vec(), lines: 1, cut, end });
        }
    }
}

/// A line without the mark that a file of its encoding may begin with.
pub(crate) fn without_bom(line: &[u8]) -> &[u8] {
    [&b"\xef\xbb\xbf"[..], b"\xff\xfe", b"\xfe\xff"]
        .into_iter()
        .find_map(|bom| line.strip_prefix(bom))
        .unwrap_or(line)
}
