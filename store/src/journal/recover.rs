//! Opening a journal: every frame is checked, a torn tail is cut, damage is named.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::error::Error;
use crate::journal::segment::{Cursor, Damage, DamageKind, SegmentFile, Step};

/// What opening a journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of unfinished writes that were cut off.
    pub truncated_bytes: u64,
    /// The last sequence number that was given; 0 for none.
    pub last_seq: u64,
    /// Parts that cannot be read; everything else can.
    pub damaged: Vec<Damage>,
}

/// The segments of a folder in order and where to go on writing.
pub(crate) struct Found {
    pub(crate) segments: Vec<SegmentFile>,
    pub(crate) recovery: Recovery,
    /// The length of the last segment if it may be written on.
    pub(crate) append_at: Option<u64>,
}

pub(crate) fn scan(dir: &Path) -> Result<Found, Error> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let entry = entry.map_err(Error::io("list", dir))?;
        segments.extend(SegmentFile::parse(&entry.path()));
    }
    segments.sort_by_key(|s| s.first_seq);
    drop_empty_twins(&mut segments)?;
    let mut found = Found { segments, recovery: Recovery::default(), append_at: None };
    let mut seq = found.segments.first().map_or(1, |s| s.first_seq);
    for (at, segment) in found.segments.iter().enumerate() {
        let last = at + 1 == found.segments.len();
        let next = found.segments.get(at + 1).map(|s| s.first_seq);
        let (end, append_at) = scan_one(segment, seq, next, last, &mut found.recovery)?;
        seq = end;
        found.append_at = append_at;
    }
    found.recovery.last_seq = seq - 1;
    Ok(found)
}

/// After a failed sync the writer may leave an empty segment and begin another at the same number.
fn drop_empty_twins(segments: &mut Vec<SegmentFile>) -> Result<(), Error> {
    let mut kept: Vec<SegmentFile> = Vec::with_capacity(segments.len());
    let empty = |s: &SegmentFile| std::fs::metadata(&s.path).is_ok_and(|m| m.len() == 0);
    for segment in segments.drain(..) {
        match kept.last_mut().filter(|k| k.first_seq == segment.first_seq) {
            None => kept.push(segment),
            Some(twin) => {
                let gone = if empty(twin) { std::mem::replace(twin, segment) } else { segment };
                if empty(&gone) {
                    std::fs::remove_file(&gone.path).map_err(Error::io("remove", &gone.path))?;
                }
            }
        }
    }
    *segments = kept;
    Ok(())
}

/// Checks one segment; returns the sequence number after it and, if it may be written on, its
/// length.
fn scan_one(
    segment: &SegmentFile,
    seq: u64,
    next: Option<u64>,
    last: bool,
    recovery: &mut Recovery,
) -> Result<(u64, Option<u64>), Error> {
    let path = segment.path.clone();
    let mut cursor = Cursor::open(segment.clone()).map_err(Error::io("open", &path))?;
    let damaged_before = recovery.damaged.len();
    if segment.first_seq > seq {
        let events = Some(segment.first_seq - seq);
        let gap = Damage { first_seq: seq, ..cursor.damage(0, events, DamageKind::Missing) };
        recovery.damaged.push(gap);
    }
    loop {
        match cursor.step().map_err(Error::io("read", &path))? {
            Step::Frame(..) => {}
            Step::Damaged(damage) if damage.events == Some(0) => {
                recovery.truncated_bytes += damage.bytes;
            }
            Step::Damaged(damage) => recovery.damaged.push(damage),
            Step::End => break,
            Step::Tail { bytes } if last => {
                cut(&path, cursor.offset)?;
                recovery.truncated_bytes += bytes;
                break;
            }
            // The writer went on in a new segment after a failed write: nothing is missing.
            Step::Tail { bytes } if next == Some(cursor.seq) => {
                recovery.truncated_bytes += bytes;
                break;
            }
            Step::Tail { bytes } => {
                let events = next.map(|n| n.saturating_sub(cursor.seq));
                recovery.damaged.push(cursor.damage(bytes, events, DamageKind::Header));
                return Ok((next.unwrap_or(cursor.seq), None));
            }
        }
    }
    let clean = recovery.damaged.len() == damaged_before;
    Ok((cursor.seq, clean.then_some(cursor.offset)))
}

fn cut(path: &Path, bytes: u64) -> Result<(), Error> {
    let file: File = OpenOptions::new().write(true).open(path).map_err(Error::io("open", path))?;
    file.set_len(bytes).and_then(|()| file.sync_all()).map_err(Error::io("truncate", path))
}
