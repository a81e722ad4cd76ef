//! The second scan: the output read anew as if nothing were known of it, and hashed on the way.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ring::digest::{Context, SHA256};

use super::proof::{DateProof, DatesMoved};
use crate::records::cells::CellFinding;
use crate::records::classify::ClassifyOptions;
use crate::records::error::Error;
use crate::records::find::Kind;
use crate::records::find::engine::{Finder, Hint};
use crate::records::scan::Scan;
use crate::records::taxonomy::Taxonomy;

/// Findings of a refused output that are named in the error.
pub(super) const SAMPLES_MAX: usize = 20;

/// Looks for persons in a masked file of a delimiter, with or without a header: columns are learned
/// anew from it, and nothing is known of the policy. The SHA-256 of what was read, when there is none.
///
/// # Errors
/// [`Error::Residue`] with the places of what was found, and the errors of reading.
pub fn second_scan(
    path: &Path,
    form: (u8, bool),
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<String, Error> {
    scan_again(path, form, options, taxonomy, (None, &mut [])).map(|(sha256, _)| sha256)
}

/// What is found in a column that a person's word leaves as it is, by type.
pub(super) type Passed = BTreeMap<&'static str, u64>;

/// The same beside a proof of dates that were moved, and columns that a person's word leaves: what is
/// found there is passed and counted; nothing else is.
pub(super) fn scan_again(
    path: &Path,
    (delimiter, has_header): (u8, bool),
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
    (mut proof, left): (Option<DateProof>, &mut [Option<Passed>]),
) -> Result<(String, Option<DatesMoved>), Error> {
    let mut options = options.clone();
    options.delimiter = Some(delimiter);
    options.header = Some(has_header);
    let mut hasher = Hasher { reader: open(path)?, context: Context::new(&SHA256) };
    let mut scan = Scan::open(&mut hasher, &options, taxonomy)?;
    let hints: Vec<_> = scan.columns.iter().map(|c| c.hint).collect();
    let mut finder = Finder::new(options.today);
    let (mut total, mut samples) = (0, Vec::new());
    while let Some((row, cells)) = scan.next()? {
        if let Some(proof) = &mut proof {
            proof.row(row, &cells)?;
        }
        let moved = |col| proof.as_ref().is_some_and(|p| p.covers(col));
        for (col, cell) in cells.cells().enumerate() {
            let hint = hints.get(col).copied().unwrap_or_default();
            for found in finder.find_in(col, cell, hint) {
                let district = found.kind == Kind::Address && ends_at_a_district(cell, found.end);
                let proved = found.kind == Kind::BirthDate && found.whole && moved(col);
                if !is_person(found.kind) || district || proved {
                    continue;
                }
                if let Some(passed) = left.get_mut(col).and_then(Option::as_mut) {
                    *passed.entry(found.kind.name()).or_default() += 1;
                    continue;
                }
                total += 1;
                if samples.len() < SAMPLES_MAX {
                    let (kind, start, end) = (found.kind, found.start, found.end);
                    samples.push(CellFinding { row, col, kind, start, end });
                }
            }
        }
    }
    if total > 0 {
        return Err(Error::Residue { total, samples });
    }
    let told = proof.map(|proof| proof.finish(scan.rows())).transpose()?;
    drop(scan);
    Ok((hasher.finish()?, told))
}

/// Persons that nobody is, one of each type that carries its own proof, as they are planted.
const CANARIES: [(Kind, &str); 6] = [
    (Kind::CnId, "11010519491231002X"),
    (Kind::CnId, "身份证 １１０１０５１９４９１２３１００２ｘ"),
    (Kind::StudentNo, "G11010519491231002X"),
    (Kind::CnPhone, "家长电话 138-0013-8000"),
    (Kind::BankCard, "卡号6222021234567890128"),
    (Kind::Email, "见 nobody@example.org"),
];

/// Plants persons in a table of no known columns and looks for them as [`second_scan`] does: how
/// many there were. A scan that misses one of them proves nothing, and nothing is released by it.
pub(super) fn canaries(options: &ClassifyOptions, taxonomy: &Taxonomy) -> Result<u64, Error> {
    let mut table = "a,b\n".to_owned();
    for (_, cell) in CANARIES {
        table.push_str(&format!("x,{cell}\n"));
    }
    let mut options = options.clone();
    (options.delimiter, options.header) = (Some(b','), Some(true));
    let mut scan = Scan::open(table.as_bytes(), &options, taxonomy)?;
    let mut finder = Finder::new(options.today);
    for (kind, _) in CANARIES {
        let found = match scan.next()? {
            Some((_, row)) => {
                finder.find(row.cell(1), Hint::default()).iter().any(|f| f.kind == kind)
            }
            None => false,
        };
        if !found {
            return Err(Error::Canary { kind: kind.name() });
        }
    }
    Ok(CANARIES.len() as u64)
}

/// Hashes what is read through it.
struct Hasher<R> {
    reader: R,
    context: Context,
}

impl<R: Read> Read for Hasher<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.context.update(buffer.get(..n).unwrap_or_default());
        Ok(n)
    }
}

impl<R: Read> Hasher<R> {
    /// Reads what is left; the SHA-256 of all.
    fn finish(mut self) -> Result<String, Error> {
        let mut buffer = vec![0; 1 << 16];
        while self.read(&mut buffer).map_err(Error::Read)? > 0 {}
        Ok(data_encoding::HEXLOWER.encode(self.context.finish().as_ref()))
    }
}

/// Whether an address stops at a province, city or district: where a region's people live is
/// nobody's home.
pub(super) fn ends_at_a_district(cell: &str, end: u32) -> bool {
    let last = cell.chars().take(end as usize).last();
    last.is_some_and(|c| "省市区县旗州盟".contains(c))
}

/// Types that lead to a person; a school's own numbers do not.
pub(super) fn is_person(kind: Kind) -> bool {
    !matches!(kind, Kind::SchoolCode | Kind::Uscc | Kind::Ip | Kind::Mac)
}

/// It is read in large pieces anyway.
fn open(path: &Path) -> Result<File, Error> {
    File::open(path).map_err(Error::Read)
}

/// The SHA-256 of all that a reader gives.
pub(super) fn sha256(reader: impl Read) -> Result<String, Error> {
    Hasher { reader, context: Context::new(&SHA256) }.finish()
}
