//! Files of the C2SP tlog-tiles layout: paths, durable writes, entry bundles.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::EvidenceError;
use super::limits::{LEAF_BYTES_MAX, TILE_WIDTH};
use super::merkle::{Hash, node_hash};

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Row {
    /// Hashes at a tile level: level 0 are the leaves.
    Level(u32),
    /// The leaves themselves.
    Entries,
}

/// `tile/0/x001/x234/067`, with `.p/5` for a partial tile of five.
pub(super) fn path(row: Row, index: u64, width: usize) -> String {
    let mut number = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        number = format!("x{:03}/{number}", rest % 1000);
        rest /= 1000;
    }
    let row = match row {
        Row::Level(level) => level.to_string(),
        Row::Entries => "entries".to_owned(),
    };
    let partial = if width < TILE_WIDTH { format!(".p/{width}") } else { String::new() };
    format!("tile/{row}/{number}{partial}")
}

/// The root over a power-of-two number of hashes.
pub(super) fn fold(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row.first().copied()
}

pub(super) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> EvidenceError {
    let path = path.display().to_string();
    move |source| EvidenceError::Io { action, path, source }
}

/// Reads a tile of hashes; `None` when there is no such file.
pub(super) fn read_hashes(root: &Path, name: &str) -> Result<Option<Vec<Hash>>, EvidenceError> {
    let path = root.join(name);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", &path)(error)),
    };
    let (chunks, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() {
        let problem = "not a whole number of hashes".into();
        return Err(EvidenceError::Damaged { part: name.to_owned(), problem });
    }
    Ok(Some(chunks.to_vec()))
}

/// Entries of one bundle, each behind its length in two bytes.
pub(super) fn encode_entries(entries: &[Vec<u8>]) -> Result<Vec<u8>, EvidenceError> {
    let mut out = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len())
            .map_err(|_| EvidenceError::LeafTooLong { bytes: entry.len(), max: LEAF_BYTES_MAX })?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Ok(out)
}

/// The entries of a bundle's bytes; `None` when a length does not fit.
pub(super) fn decode_entries(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry.to_vec());
        bytes = rest;
    }
    Some(entries)
}

/// Writes a file so that after a crash it is either whole or not there.
pub(super) fn write_durable(root: &Path, name: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
    let path = root.join(name);
    let dir = path.parent().map_or_else(|| root.to_path_buf(), Path::to_path_buf);
    fs::create_dir_all(&dir).map_err(io_error("create", &dir))?;
    let temporary = dir.join(format!(".{}.tmp", path.file_name().unwrap_or_default().display()));
    let mut file = File::create(&temporary).map_err(io_error("create", &temporary))?;
    file.write_all(bytes).map_err(io_error("write", &temporary))?;
    file.sync_all().map_err(io_error("sync", &temporary))?;
    fs::rename(&temporary, &path).map_err(io_error("rename", &path))?;
    sync_dirs(&dir, root)
}

/// Makes names durable: every directory from `dir` up to the log's own.
fn sync_dirs(dir: &Path, root: &Path) -> Result<(), EvidenceError> {
    let mut here: PathBuf = dir.to_path_buf();
    loop {
        File::open(&here).and_then(|d| d.sync_all()).map_err(io_error("sync", &here))?;
        if here == root || !here.starts_with(root) || !here.pop() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_the_specification() {
        assert_eq!(path(Row::Level(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(Row::Level(1), 0, 5), "tile/1/000.p/5");
        assert_eq!(path(Row::Entries, 999, 256), "tile/entries/999");
    }

    #[test]
    fn entries_round_trip_and_cut() {
        let entries = vec![b"a".to_vec(), Vec::new(), vec![7; 65_535]];
        let bytes = encode_entries(&entries).unwrap();
        assert_eq!(decode_entries(&bytes).unwrap(), entries);
        assert!(decode_entries(&bytes[..bytes.len() - 1]).is_none());
        assert!(encode_entries(&[vec![0; 65_536]]).is_err());
    }
}
