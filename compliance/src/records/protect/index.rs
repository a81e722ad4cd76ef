//! Blind indexes: beside a sealed column, a column of truncated HMACs of its values, by which equal
//! values are found without opening any.
//!
//! What an index tells. Its key belongs to dataset and element, so nothing can be compared across
//! datasets, and without the key store a tag says nothing about its value. What stays is that equal
//! values have equal tags. Therefore a tag is cut to two bits less than the number of *different*
//! values needs: each tag stands for four to eight of them on average, so that two rows of one tag
//! are more often two values than one, and how often a tag occurs is a sum over several values. A
//! column of fewer than [`INDEX_VALUES_MIN`] values gets none: its frequencies would tell it.
//! Whoever holds the key store can try a value and learns whether it *may* be there: certainty needs
//! the cell itself opened, that is a purpose. Of an erased person the tags stay in the file; they
//! are no longer found, and tell a holder of the dataset's key no more than that "may".
//! (The bound on coincidences follows CipherSweet's account of blind indexes: at least two per tag.)

use std::path::Path;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::distinct::Distinct;
use super::keyring::DatasetKey;
use super::table::fingerprint;
use crate::records::classify::Inventory;
use crate::records::error::Error;
use crate::records::find::plain::Plain;
use crate::records::limits::{INDEX_COLUMNS_MAX, INDEX_VALUES_MIN};
use crate::records::scan::Scan;
use crate::records::table::Row;
use crate::records::table::writer::RowWriter;

const MARK: &str = "xi1";
/// Longest tag.
const BITS_MAX: u32 = 32;
/// A tag stands for at least two to the power of this many values, on average.
const SHARED_BITS: u32 = 2;

/// The name of an index column: `xi1:BITS:ELEMENT:COLUMN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) bits: u32,
    pub(super) element: String,
    pub(super) column: String,
}

impl Marker {
    pub(super) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(4, ':');
        if parts.next()? != MARK {
            return None;
        }
        let bits = parts.next()?.parse().ok().filter(|bits| (1..=BITS_MAX).contains(bits))?;
        let element = parts.next()?.to_owned();
        Some(Self { bits, element, column: parts.next()?.to_owned() })
    }

    fn name(&self) -> String {
        format!("{MARK}:{}:{}:{}", self.bits, self.element, self.column)
    }
}

/// Makes the tags of one element.
pub(super) struct Tagger {
    key: Hmac<Sha256>,
    bits: u32,
    plain: Plain,
}

impl Tagger {
    pub(super) fn new(keys: &DatasetKey, element: &str, bits: u32) -> Result<Self, Error> {
        Ok(Self { key: keys.index_key(element)?, bits, plain: Plain::default() })
    }

    /// The tag of a value in hexadecimal digits; empty for a value that is nothing.
    pub(super) fn tag(&mut self, value: &str) -> String {
        let plain = self.plain.of(value);
        if plain.is_empty() {
            return plain;
        }
        let mac = self.key.clone().chain_update(plain).finalize().into_bytes();
        let first = mac.iter().take(4).fold(0u32, |n, b| n << 8 | u32::from(*b));
        let width = self.bits.div_ceil(4) as usize;
        format!("{:0width$x}", first >> (BITS_MAX - self.bits))
    }
}

/// Bits of a tag for so many different values.
fn bits(distinct: u64) -> u32 {
    distinct.max(1).ilog2().saturating_sub(SHARED_BITS).clamp(1, BITS_MAX)
}

/// Columns to index, and what is known of them.
pub(super) struct Wanted<'a> {
    pub(super) columns: &'a [String],
    /// The columns that are sealed.
    pub(super) sealed: &'a [String],
    pub(super) inventory: &'a Inventory,
}

/// The index columns of a file under way; none by default.
#[derive(Default)]
pub(super) struct Indexer {
    columns: Vec<(usize, Marker, Tagger)>,
}

impl Indexer {
    /// Reads the file once to learn how many different values each column has.
    pub(super) fn prepare(
        wanted: &Wanted<'_>,
        mut rows: Scan<Box<dyn std::io::Read>>,
        keys: &DatasetKey,
        beside: &Path,
    ) -> Result<Self, Error> {
        let bad = |column: &String, reason| Error::BadIndex { column: column.clone(), reason };
        let mut counted = Vec::new();
        for (n, column) in wanted.columns.iter().enumerate() {
            let at = rows.columns.iter().position(|c| c.name == *column);
            let at = at.ok_or_else(|| Error::NoColumn { column: column.clone() })?;
            if !wanted.sealed.contains(column) {
                return Err(bad(column, "it is not sealed"));
            }
            if !rows.has_header {
                return Err(bad(column, "the table has no header"));
            }
            if n >= INDEX_COLUMNS_MAX {
                return Err(bad(column, "too many indexes"));
            }
            counted.push((at, Distinct::new(&beside.with_extension(format!("index{n}")))));
        }
        let mut plain = Plain::default();
        while let Some((number, row)) = rows.next()? {
            for (at, distinct) in &mut counted {
                let value = plain.of(row.cell(*at));
                if !value.is_empty() {
                    distinct.add(fingerprint(&value), number)?;
                }
            }
        }
        let mut columns = Vec::new();
        for ((at, distinct), column) in counted.into_iter().zip(wanted.columns) {
            let distinct = distinct.finish()?.distinct;
            if distinct < INDEX_VALUES_MIN {
                return Err(bad(column, "fewer than 64 different values"));
            }
            let known = wanted.inventory.columns.iter().find(|c| c.column == *column);
            let element = known.and_then(|c| c.element.clone()).unwrap_or_default();
            let marker = Marker { bits: bits(distinct), element, column: column.clone() };
            let tagger = Tagger::new(keys, &marker.element, marker.bits)?;
            columns.push((at, marker, tagger));
        }
        Ok(Self { columns })
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Appends the names of the index columns.
    pub(super) fn headers(&self, writer: &mut RowWriter, out: &mut Vec<u8>) {
        for (_, marker, _) in &self.columns {
            writer.cell(out, &marker.name());
        }
    }

    /// Appends a row's tags, behind as many empty cells as a short row wants.
    pub(super) fn row(
        &mut self,
        row: &Row<'_>,
        width: usize,
        writer: &mut RowWriter,
        out: &mut Vec<u8>,
    ) {
        if self.columns.is_empty() {
            return;
        }
        for _ in row.len()..width {
            writer.cell(out, "");
        }
        for (at, _, tagger) in &mut self.columns {
            let tag = tagger.tag(row.cell(*at));
            writer.cell(out, &tag);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_stands_for_four_to_eight_values() {
        for distinct in [64u64, 127, 128, 1_000, 1_000_000, 200_000_000] {
            let values = distinct as f64 / 2f64.powi(bits(distinct) as i32);
            assert!((4.0..8.0).contains(&values), "{distinct}: {values}");
        }
    }

    #[test]
    fn names_of_index_columns_read_back_and_others_do_not() {
        let marker = Marker { bits: 12, element: "phone".into(), column: "家长:手机".into() };
        assert_eq!(Marker::parse(&marker.name()), Some(marker));
        for name in
            ["手机", "xi1:0:phone:a", "xi1:33:phone:a", "xi1:x:phone:a", "xi1:9:phone", "xi2:9:p:a"]
        {
            assert_eq!(Marker::parse(name), None, "{name}");
        }
    }
}
