//! Whole files: seal columns, reveal columns. The output appears whole or not at all.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use ring::rand::SecureRandom;
use serde::Serialize;

use super::cell::{self, Algorithm, Cipher, Header, Opener, Place};
use super::distinct::Distinct;
use super::guard::{self, Grant};
use super::index::{Indexer, Marker, Wanted};
use super::keyring::KeyRing;
use super::row::RowSealer;
use super::subjects::SubjectKeys;
use crate::records::classify::{ClassifyOptions, ColumnReport, Inventory, classify};
use crate::records::confirm::Acted;
use crate::records::error::Error;
use crate::records::part::Part;
use crate::records::scan::Scan;
use crate::records::source::Source;
use crate::records::table::Row;
use crate::records::table::writer::RowWriter;
use crate::records::taxonomy::{Protection, Taxonomy};

/// Rows from which the columns to seal are told, when none is named.
const HEAD_ROWS: u64 = 20_000;

/// How to protect a file.
#[derive(Clone, Debug)]
pub struct ProtectOptions {
    /// Name of the dataset: part of what every cell is bound to.
    pub dataset: String,
    /// Columns to seal; empty for those the taxonomy marks for field encryption.
    pub columns: Vec<String>,
    /// The column that says whose row it is; each value gets a key of its own. Without one, each
    /// row is a subject.
    pub subject: Option<String>,
    /// The column that names a row for good; it stays readable. Without one, the row's place.
    pub row_key: Option<String>,
    /// Sealed columns that can be searched by value: each gets a blind index.
    pub index: Vec<String>,
    /// How cells are sealed.
    pub algorithm: Algorithm,
    /// How the file is read.
    pub classify: ClassifyOptions,
}

/// What was protected.
#[derive(Clone, Debug, Serialize)]
pub struct ProtectReport {
    /// Data rows.
    pub rows: u64,
    /// Cells sealed.
    pub cells: u64,
    /// Subjects.
    pub subjects: u64,
    /// Columns that were sealed.
    pub columns: Vec<String>,
    /// What persons said of columns, and whether it was followed; none when columns were named.
    pub confirmed: Vec<Acted>,
}

/// How to reveal a file.
#[derive(Clone, Debug)]
pub struct RevealOptions {
    /// Name of the dataset.
    pub dataset: String,
    /// Why: kept by whoever asks for it.
    pub purpose: String,
    /// Columns to reveal; empty for all.
    pub columns: Vec<String>,
    /// The column that names a row, if protecting used one.
    pub row_key: Option<String>,
    /// How the file is read.
    pub classify: ClassifyOptions,
    /// What was approved; a guarded key store opens nothing without.
    pub grant: Option<Grant>,
}

/// What was revealed.
#[derive(Clone, Debug, Serialize)]
pub struct RevealReport {
    /// Data rows.
    pub rows: u64,
    /// Cells opened.
    pub cells: u64,
    /// Sealed cells left as they are: their columns were not asked for, or their rows not granted.
    pub left: u64,
    /// Sealed cells whose subject's key was destroyed: they stay sealed.
    pub erased: u64,
    /// The purpose that was given.
    pub purpose: String,
}

/// Seals columns of a delimited file.
///
/// # Errors
/// Every failure is named; none leaves an output.
pub fn protect_file(
    input: &Path,
    output: &Path,
    ring: &mut KeyRing,
    options: &ProtectOptions,
    taxonomy: &Taxonomy,
    random: &dyn SecureRandom,
) -> Result<ProtectReport, Error> {
    let (mut elements, mut confirmed) = (None, Vec::new());
    let columns = if options.columns.is_empty() {
        let inventory = head(input, options, taxonomy)?;
        let columns = marked(&inventory, taxonomy);
        confirmed = inventory.columns.iter().filter_map(Acted::of).collect();
        elements = Some(inventory);
        columns
    } else {
        options.columns.clone()
    };
    let mut copy = Copy::open(input, output, &options.classify, taxonomy)?;
    let sealed = copy.indices(&columns)?;
    let subject_at = copy.index(options.subject.as_deref())?;
    let row_at = copy.index(options.row_key.as_deref())?;
    if let Some(at) = row_at.filter(|at| sealed.contains(at)) {
        return Err(Error::NoColumn { column: copy.names[at].clone() });
    }
    let keys = ring.dataset_or_new(&options.dataset, random)?;
    if !options.index.is_empty() {
        let inventory = elements.map_or_else(|| head(input, options, taxonomy), Ok)?;
        let wanted = Wanted { columns: &options.index, sealed: &columns, inventory: &inventory };
        let rows = Copy::scan(input, &options.classify, taxonomy)?;
        copy.index = Indexer::prepare(&wanted, rows, &keys, copy.part.path())?;
    }
    let mut subject_keys = SubjectKeys::new(ring.writer(&keys)?, random);
    let is_sealed: Vec<bool> = (0..copy.names.len()).map(|at| sealed.contains(&at)).collect();
    let mut sealer = RowSealer::new(copy.names.iter().map(String::as_str));
    let mut seen = Distinct::new(copy.part.path());
    let mut subjects = Distinct::new(&copy.part.path().with_extension("subjects"));
    let mut report = ProtectReport { rows: 0, cells: 0, subjects: 0, columns, confirmed };
    let mut row = String::new();
    copy.rows(&mut |number, cells, writer, out| {
        row_key(number, &cells, row_at, &mut row)?;
        if row_at.is_some() {
            seen.add(fingerprint(&row), number)?;
        }
        let whose = subject_at.map(|at| cells.cell(at)).filter(|v| !v.trim().is_empty());
        let subject = keys.subject(whose.unwrap_or(&row));
        subjects.add(u128::from(u64::from_be_bytes(subject)), number)?;
        report.rows += 1;
        let is_sealed = |at: usize| is_sealed.get(at).copied().unwrap_or(false);
        let sealed = || cells.cells().enumerate().filter(|(at, t)| is_sealed(*at) && !t.is_empty());
        if sealed().next().is_some() {
            let (slot, key) = subject_keys.of(subject, &keys)?;
            let header = Header { algorithm: options.algorithm, key_id: keys.id, slot };
            sealer.begin(&header, &options.dataset, &row)?;
            for (at, text) in sealed() {
                sealer.add(&header, at, text)?;
                report.cells += 1;
            }
            sealer.seal(options.algorithm, key)?;
        } else {
            sealer.nothing();
        }
        let mut ready = sealer.sealed();
        for (at, text) in cells.cells().enumerate() {
            if !is_sealed(at) || text.is_empty() {
                writer.cell(out, text);
                continue;
            }
            let (mark, sealed) = ready.next().ok_or(Error::Crypto { what: "AEAD" })?;
            writer.plain(out);
            out.extend_from_slice(mark.as_bytes());
            out.extend_from_slice(sealed);
        }
        Ok(())
    })?;
    if let Some(row) = seen.finish()?.repeated {
        return Err(Error::DuplicateRowKey { row });
    }
    report.subjects = subjects.finish()?.distinct;
    // Keys first: a cell whose key could be lost is never released.
    subject_keys.finish(&keys)?;
    copy.release()?;
    Ok(report)
}

/// Opens columns of a protected file, for a purpose.
///
/// # Errors
/// [`Error::NoPurpose`], [`Error::NeedsApproval`], [`Error::NotGranted`], [`Error::TooManyCells`],
/// [`Error::Tampered`] and the others; none leaves an output.
pub fn reveal_file(
    input: &Path,
    output: &Path,
    ring: &mut KeyRing,
    options: &RevealOptions,
    taxonomy: &Taxonomy,
) -> Result<RevealReport, Error> {
    let purpose = options.purpose.trim().to_owned();
    if purpose.is_empty() {
        return Err(Error::NoPurpose);
    }
    let grant = options.grant.as_ref();
    guard::allow(ring, &options.dataset, grant)?;
    let columns = match grant {
        Some(grant) => grant.columns(&options.columns)?,
        None => options.columns.clone(),
    };
    let mut copy = Copy::open(input, output, &options.classify, taxonomy)?;
    let wanted = copy.indices(&columns)?;
    let row_at = copy.index(options.row_key.as_deref())?;
    let keys = ring.dataset(&options.dataset)?;
    let mut reader = ring.reader(&keys)?;
    let names = copy.names.clone();
    let mut report = RevealReport { rows: 0, cells: 0, left: 0, erased: 0, purpose };
    let (mut opener, mut row) = (Opener::default(), String::new());
    let mut last: Option<(Header, Cipher)> = None;
    copy.rows(&mut |number, cells, writer, out| {
        row_key(number, &cells, row_at, &mut row)?;
        report.rows += 1;
        for (at, text) in cells.cells().enumerate() {
            if !cell::is_sealed(text) {
                writer.cell(out, text);
                continue;
            }
            let asked = wanted.is_empty() || wanted.contains(&at);
            if !asked || grant.is_some_and(|grant| !grant.row(&row)) {
                report.left += 1;
                writer.cell(out, text);
                continue;
            }
            let bad = Error::NotProtected { row: number, col: at };
            let sealed = cell::parse(text).ok_or(bad)?;
            let tampered = || Error::Tampered { row: number, col: at };
            let header = sealed.header;
            if header.key_id != keys.id {
                return Err(tampered());
            }
            if last.as_ref().is_none_or(|(h, _)| *h != header) {
                let key = reader.key(header.slot, &keys)?;
                last = key.map(|key| (header, Cipher::new(header.algorithm, &key)));
            }
            let Some((_, cipher)) = &last else {
                report.erased += 1;
                writer.cell(out, text);
                continue;
            };
            let column = names.get(at).map_or("", String::as_str);
            let place = Place { dataset: &options.dataset, row: &row, column };
            report.cells += 1;
            grant.map_or(Ok(()), |grant| grant.cells(report.cells))?;
            writer.cell(out, &opener.open(cipher, &sealed, &place).ok_or_else(tampered)?);
        }
        Ok(())
    })?;
    copy.release()?;
    Ok(report)
}

/// Sixteen bytes that stand for a row's key: two rows of one key are found without keeping both.
pub(super) fn fingerprint(row: &str) -> u128 {
    let digest = ring::digest::digest(&ring::digest::SHA256, row.as_bytes());
    digest.as_ref().iter().take(16).fold(0, |n, b| n << 8 | u128::from(*b))
}

pub(super) fn row_key(
    number: u64,
    cells: &Row<'_>,
    at: Option<usize>,
    out: &mut String,
) -> Result<(), Error> {
    out.clear();
    match at {
        None => {
            // Writing to a text cannot fail.
            let _ = write!(out, "#{number}");
        }
        Some(at) => {
            out.push_str(cells.cell(at).trim());
            if out.is_empty() {
                return Err(Error::EmptyRowKey { row: number });
            }
        }
    }
    Ok(())
}

/// What the head of the file holds: it tells what a column is.
fn head(input: &Path, options: &ProtectOptions, taxonomy: &Taxonomy) -> Result<Inventory, Error> {
    let source = Source::one(input, options.classify.table.as_deref())?;
    let mut classing = options.classify.clone();
    classing.header = classing.header.or(source.has_header());
    classing.sample_rows = Some(HEAD_ROWS);
    let mut inventory = classify(source.open()?, &classing, taxonomy)?;
    options.classify.said.apply(&mut inventory, taxonomy);
    Ok(inventory)
}

/// Columns whose element the taxonomy marks for field encryption. Of one that became another since a
/// person spoke of it, either is enough.
fn marked(inventory: &Inventory, taxonomy: &Taxonomy) -> Vec<String> {
    let is_marked = |id: &String| taxonomy.element(id).is_some_and(|e| e.protect == Protection::F);
    let of = |c: &&ColumnReport| {
        let found = c.confirmed.as_ref().filter(|said| said.review).and_then(|s| s.found.as_ref());
        c.element.as_ref().is_some_and(is_marked) || found.is_some_and(is_marked)
    };
    inventory.columns.iter().filter(of).map(|c| c.column.clone()).collect()
}

/// What happens to a row: its number, its cells, and where its new cells go.
type Change<'a> = dyn FnMut(u64, Row<'_>, &mut RowWriter, &mut Vec<u8>) -> Result<(), Error> + 'a;

/// Bytes written at a time.
const PIECE_BYTES: usize = 1 << 16;

/// A file read row by row and written anew under a working name.
struct Copy {
    scan: Scan<Box<dyn Read>>,
    out: File,
    part: Part,
    /// The columns, without those of a blind index.
    names: Vec<String>,
    /// Columns of a blind index to write.
    index: Indexer,
}

impl Copy {
    fn scan(
        input: &Path,
        options: &ClassifyOptions,
        taxonomy: &Taxonomy,
    ) -> Result<Scan<Box<dyn Read>>, Error> {
        let source = Source::one(input, options.table.as_deref())?;
        let mut options = options.clone();
        options.header = options.header.or(source.has_header());
        Scan::open(source.open()?, &options, taxonomy)
    }

    fn open(
        input: &Path,
        output: &Path,
        options: &ClassifyOptions,
        taxonomy: &Taxonomy,
    ) -> Result<Self, Error> {
        let scan = Self::scan(input, options, taxonomy)?;
        let part = Part::of(output);
        let out = File::create(part.path()).map_err(Error::Write)?;
        // A blind index, at the end, says nothing of the columns once they are written anew.
        let mut names: Vec<String> = scan.columns.iter().map(|c| c.name.clone()).collect();
        let known = names.iter().rposition(|name| Marker::parse(name).is_none());
        names.truncate(known.map_or(0, |last| last + 1));
        Ok(Self { scan, out, part, names, index: Indexer::default() })
    }

    fn index(&self, column: Option<&str>) -> Result<Option<usize>, Error> {
        let Some(column) = column else { return Ok(None) };
        let at = self.names.iter().position(|n| n == column);
        at.map(Some).ok_or_else(|| Error::NoColumn { column: column.to_owned() })
    }

    fn indices(&self, columns: &[String]) -> Result<Vec<usize>, Error> {
        let found = columns.iter().map(|c| self.index(Some(c)));
        Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn rows(&mut self, change: &mut Change<'_>) -> Result<(), Error> {
        let mut writer = RowWriter::new(self.scan.delimiter());
        let mut bytes = Vec::new();
        if self.scan.has_header {
            for name in &self.names {
                writer.cell(&mut bytes, name);
            }
            self.index.headers(&mut writer, &mut bytes);
            writer.end(&mut bytes, self.names.len() + self.index.len(), false);
        }
        let (expected, known) = (self.scan.columns.len(), self.names.len());
        while let Some((number, row)) = self.scan.next()? {
            row.whole(number)?;
            if row.len() > expected {
                return Err(Error::ExtraCells { row: number, found: row.len(), expected });
            }
            let row = row.first(known);
            let (width, last) = (row.len(), row.len().saturating_sub(1));
            let last_empty = row.cell(last).is_empty();
            change(number, row, &mut writer, &mut bytes)?;
            self.index.row(&row, known, &mut writer, &mut bytes);
            writer.end(&mut bytes, width, last_empty);
            if bytes.len() > PIECE_BYTES {
                self.out.write_all(&bytes).map_err(Error::Write)?;
                bytes.clear();
            }
        }
        self.out.write_all(&bytes).map_err(Error::Write)
    }

    fn release(self) -> Result<(), Error> {
        self.out.sync_all().map_err(Error::Write)?;
        self.part.release()
    }
}
