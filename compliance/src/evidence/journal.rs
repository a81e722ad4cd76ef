//! The log's own journal: leaves appended since the last checkpoint, durable before `append`
//! returns. A torn last record is cut off; a flipped bit before it is named.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

use super::error::EvidenceError;
use super::merkle::{Hash, leaf_hash};
use super::tiles::{io_error, write_durable};

const NAME: &str = "pending";
const MAGIC: &[u8; 8] = b"XDEVLOG1";
const HEADER_BYTES: usize = 16;

/// Leaves found in the journal at start.
pub(super) struct Recovered {
    /// The number of the first leaf.
    pub(super) base: u64,
    /// The leaves.
    pub(super) leaves: Vec<Vec<u8>>,
    /// Bytes of a torn record that were cut off.
    pub(super) torn_bytes: u64,
}

pub(super) struct Journal {
    file: File,
}

impl Journal {
    /// Starts a new journal whose first leaf has number `base`.
    pub(super) fn create(root: &Path, base: u64) -> Result<Self, EvidenceError> {
        let header = [&MAGIC[..], &base.to_be_bytes()].concat();
        write_durable(root, NAME, &header)?;
        Ok(Self { file: open(root)? })
    }

    /// Opens the journal and gives back what it holds; `None` when there is none.
    pub(super) fn recover(root: &Path) -> Result<Option<(Self, Recovered)>, EvidenceError> {
        let path = root.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let mut file = open(root)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error("read", &path))?;
        let damaged = |problem: &str| EvidenceError::Damaged {
            part: NAME.to_owned(),
            problem: problem.to_owned(),
        };
        let Some((header, mut rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(damaged("the header is cut"));
        };
        let (magic, base) = header.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(damaged("not a journal of this program"));
        }
        let base = u64::from_be_bytes(base.try_into().unwrap_or_default());
        let mut leaves = Vec::new();
        while let Some((leaf, hash, after)) = record(rest).map_err(|()| {
            damaged(&format!("the length of leaf {} is damaged", base + leaves.len() as u64))
        })? {
            if leaf_hash(leaf) != hash {
                if after.is_empty() {
                    break;
                }
                return Err(damaged(&format!(
                    "leaf {} differs from its hash",
                    base + leaves.len() as u64
                )));
            }
            leaves.push(leaf.to_vec());
            rest = after;
        }
        let torn_bytes = rest.len() as u64;
        if torn_bytes > 0 {
            let whole = bytes.len() as u64 - torn_bytes;
            file.set_len(whole).map_err(io_error("truncate", &path))?;
            file.sync_all().map_err(io_error("sync", &path))?;
        }
        Ok(Some((Self { file }, Recovered { base, leaves, torn_bytes })))
    }

    /// Appends leaves and makes them durable together.
    pub(super) fn append(&mut self, leaves: &[&[u8]], root: &Path) -> Result<(), EvidenceError> {
        let mut bytes = Vec::new();
        for leaf in leaves {
            let length = u32::try_from(leaf.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(&(!length).to_be_bytes());
            bytes.extend_from_slice(&leaf_hash(leaf));
            bytes.extend_from_slice(leaf);
        }
        let path = root.join(NAME);
        self.file.write_all(&bytes).map_err(io_error("write", &path))?;
        self.file.sync_data().map_err(io_error("sync", &path))
    }
}

fn open(root: &Path) -> Result<File, EvidenceError> {
    let path = root.join(NAME);
    OpenOptions::new().read(true).append(true).open(&path).map_err(io_error("open", &path))
}

/// One whole record: leaf, stored hash, what follows. `None` at a torn tail. The length is
/// written twice (once inverted), so that a flipped bit in it cannot look like a torn tail and
/// hide the records behind it; a tail of zeros is a write the file system never finished.
#[allow(clippy::type_complexity, reason = "three slices of one buffer")]
fn record(bytes: &[u8]) -> Result<Option<(&[u8], Hash, &[u8])>, ()> {
    let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
    let head = u64::from_be_bytes(*head);
    let (length, check) = ((head >> 32) as u32, head as u32);
    if length != !check {
        return if bytes.iter().all(|b| *b == 0) { Ok(None) } else { Err(()) };
    }
    let Some((hash, rest)) = rest.split_first_chunk::<32>() else { return Ok(None) };
    Ok(rest.split_at_checked(length as usize).map(|(leaf, after)| (leaf, *hash, after)))
}
