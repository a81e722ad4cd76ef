//! How a file's records are spread over the minutes of its hour, all of them and by value of the columns
//! that [`super::counts`] counts: a block of packed JSON between the last row group and the footer, where
//! other programs pass it over. The archive's list says where it lies, so it is part of what was
//! sealed, and of what is verified, merged, copied and let go.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};

use super::manifest::SealedFile;
use crate::limits;

/// Minutes of an hour.
pub(crate) const MINUTES: usize = 60;
pub(crate) const MINUTE_NANOS: i64 = 60_000_000_000;

/// How many records each minute of an hour has.
pub(crate) type ByMinute = Vec<u64>;

/// The counts of one file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Minutes {
    /// Of all records.
    pub(crate) all: ByMinute,
    /// By column and value; the rest of them have none.
    pub(crate) columns: BTreeMap<String, BTreeMap<String, ByMinute>>,
}

impl Minutes {
    /// The block; `None` if it would be longer than a reader takes.
    pub(crate) fn pack(&self) -> io::Result<Option<Vec<u8>>> {
        let json = serde_json::to_vec(self)?;
        let fits = json.len() <= limits::MINUTES_BYTES_MAX;
        fits.then(|| zstd::bulk::compress(&json, 1)).transpose()
    }

    /// The counts of a file; `None` if it has none.
    pub(crate) fn read(file: &File, sealed: &SealedFile) -> io::Result<Option<Self>> {
        let Some((offset, len)) = sealed.minutes else { return Ok(None) };
        let mut packed =
            vec![0; usize::try_from(len).unwrap_or(usize::MAX).min(limits::MINUTES_BYTES_MAX)];
        file.read_exact_at(&mut packed, offset)?;
        let json = zstd::bulk::decompress(&packed, limits::MINUTES_BYTES_MAX)?;
        let minutes: Self = serde_json::from_slice(&json)?;
        let values = minutes.columns.values().flat_map(BTreeMap::values);
        let whole = minutes.all.iter().sum::<u64>() == sealed.rows
            && values.chain([&minutes.all]).all(|counts| counts.len() == MINUTES);
        if !whole {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the counts are not the file's",
            ));
        }
        Ok(Some(minutes))
    }
}
