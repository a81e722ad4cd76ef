//! One segment file, read frame by frame; damage is named and passed over.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::journal::frame::{self, HEADER_BYTES, Header, MAGIC};

/// A part of the journal that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment's file name.
    pub segment: String,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// The first sequence number that is missing.
    pub first_seq: u64,
    /// How many events are missing; `None` where that cannot be told.
    pub events: Option<u64>,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong with a part of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// The payload's CRC-32 is not the one written.
    Checksum {
        /// As written.
        expected: u32,
        /// Of the bytes there.
        actual: u32,
    },
    /// The header of a frame is damaged.
    Header,
    /// The checksum is right but the payload is no batch: written by a fault, or another version.
    Content,
    /// Sequence numbers are missing: a file was removed.
    Missing,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} ({} bytes", self.segment, self.offset, self.bytes)?;
        match self.events {
            Some(n) => {
                write!(f, ", events {} to {})", self.first_seq, self.first_seq + n - n.min(1))?
            }
            None => write!(f, ", from event {})", self.first_seq)?,
        }
        match self.kind {
            DamageKind::Checksum { expected, actual } => {
                write!(f, ": checksum {actual:08x}, expected {expected:08x}")
            }
            DamageKind::Header => f.write_str(": bad frame header"),
            DamageKind::Content => f.write_str(": not a batch of events"),
            DamageKind::Missing => f.write_str(": missing"),
        }
    }
}

/// The name of a segment: its first sequence number and its salt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    pub(crate) path: PathBuf,
    pub(crate) first_seq: u64,
    pub(crate) salt: u64,
}

impl SegmentFile {
    pub(crate) fn new(dir: &Path, first_seq: u64, salt: u64) -> Self {
        Self { path: dir.join(format!("{first_seq:020}-{salt:016x}.xj")), first_seq, salt }
    }

    /// `None` for a file that is no segment.
    pub(crate) fn parse(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".xj")?;
        let (seq, salt) = name.split_once('-')?;
        let well_formed = seq.len() == 20 && salt.len() == 16;
        let first_seq = seq.parse().ok().filter(|_| well_formed)?;
        let salt = u64::from_str_radix(salt, 16).ok()?;
        Some(Self { path: path.to_owned(), first_seq, salt })
    }

    pub(crate) fn name(&self) -> String {
        self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// What comes next in a segment.
pub(crate) enum Step {
    /// A frame whose checksums are right.
    Frame(Header, Vec<u8>),
    /// A damaged part with something readable after it, or a whole frame that is damaged.
    Damaged(Damage),
    /// Nothing readable from here to the end, which is not at a frame's end.
    Tail {
        /// How many bytes.
        bytes: u64,
    },
    /// The end.
    End,
}

/// A place in a segment.
pub(crate) struct Cursor {
    pub(crate) segment: SegmentFile,
    file: File,
    pub(crate) offset: u64,
    /// The sequence number that the next frame should begin with.
    pub(crate) seq: u64,
}

impl Cursor {
    pub(crate) fn open(segment: SegmentFile) -> io::Result<Self> {
        let file = File::open(&segment.path)?;
        let seq = segment.first_seq;
        Ok(Self { segment, file, offset: 0, seq })
    }

    /// The next step; after anything but [`Step::Tail`] and [`Step::End`] the cursor has moved on.
    pub(crate) fn step(&mut self) -> io::Result<Step> {
        let len = self.file.metadata()?.len();
        if self.offset >= len {
            return Ok(Step::End);
        }
        let Some(header) = self.header(self.offset)? else { return self.resync(len) };
        if header.first_seq < self.seq || self.offset + header.frame_bytes() > len {
            return self.resync(len);
        }
        if header.first_seq > self.seq {
            let events = Some(header.first_seq - self.seq);
            let damage = self.damage(0, events, DamageKind::Missing);
            self.seq = header.first_seq;
            return Ok(Step::Damaged(damage));
        }
        let payload = self.payload(self.offset, &header)?;
        let actual = crc32fast::hash(&payload);
        if actual == header.payload_crc {
            self.offset += header.frame_bytes();
            self.seq = header.end_seq();
            return Ok(Step::Frame(header, payload));
        }
        let kind = DamageKind::Checksum { expected: header.payload_crc, actual };
        Ok(Step::Damaged(self.skip(&header, kind)))
    }

    /// Passes over a frame by its header.
    fn skip(&mut self, header: &Header, kind: DamageKind) -> Damage {
        let damage = self.damage(header.frame_bytes(), Some(u64::from(header.count)), kind);
        self.offset += header.frame_bytes();
        self.seq = header.end_seq();
        damage
    }

    /// What a frame with right checksums and unreadable content is, after it was passed.
    pub(crate) fn bad_content(&self, header: &Header) -> Damage {
        Damage {
            segment: self.segment.name(),
            offset: self.offset.saturating_sub(header.frame_bytes()),
            bytes: header.frame_bytes(),
            first_seq: header.first_seq,
            events: Some(u64::from(header.count)),
            kind: DamageKind::Content,
        }
    }

    /// Looks for the next whole frame after damage.
    fn resync(&mut self, len: u64) -> io::Result<Step> {
        let mut rest = vec![0; (len - self.offset) as usize];
        self.file.read_exact_at(&mut rest, self.offset)?;
        for at in memchr::memmem::find_iter(&rest[1..], &MAGIC).map(|at| at as u64 + 1) {
            let Some(header) = self.header(self.offset + at)? else { continue };
            let whole = self.offset + at + header.frame_bytes() <= len;
            if !whole || header.first_seq < self.seq {
                continue;
            }
            let payload = self.payload(self.offset + at, &header)?;
            if crc32fast::hash(&payload) == header.payload_crc {
                let events = Some(header.first_seq - self.seq);
                let damage = self.damage(at, events, DamageKind::Header);
                self.offset += at;
                self.seq = header.first_seq;
                return Ok(Step::Damaged(damage));
            }
        }
        Ok(Step::Tail { bytes: len - self.offset })
    }

    fn header(&self, offset: u64) -> io::Result<Option<Header>> {
        let mut bytes = [0; HEADER_BYTES];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(Header::read(self.segment.salt, &bytes)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn payload(&self, offset: u64, header: &Header) -> io::Result<Vec<u8>> {
        let mut payload = vec![0; header.payload_bytes as usize];
        self.file.read_exact_at(&mut payload, offset + frame::HEADER_BYTES as u64)?;
        Ok(payload)
    }

    pub(crate) fn damage(&self, bytes: u64, events: Option<u64>, kind: DamageKind) -> Damage {
        let segment = self.segment.name();
        Damage { segment, offset: self.offset, bytes, first_seq: self.seq, events, kind }
    }
}
