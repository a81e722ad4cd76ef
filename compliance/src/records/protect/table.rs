//! Whole files: seal columns, reveal columns. The output appears whole or not at all.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use hashbrown::HashSet;
use ring::rand::SecureRandom;
use serde::Serialize;

use super::cell::{self, Algorithm, Cipher, Header, Place, Pool, Sealer};
use super::keyring::KeyRing;
use crate::records::classify::{ClassifyOptions, classify};
use crate::records::error::Error;
use crate::records::scan::Scan;
use crate::records::source::Source;
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
}

/// What was revealed.
#[derive(Clone, Debug, Serialize)]
pub struct RevealReport {
    /// Data rows.
    pub rows: u64,
    /// Cells opened.
    pub cells: u64,
    /// Sealed cells left as they are: their columns were not asked for.
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
    let columns = if options.columns.is_empty() {
        marked(input, options, taxonomy)?
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
    let names = copy.names.clone();
    let mut seen = HashSet::new();
    let mut subjects = HashSet::new();
    let mut report = ProtectReport { rows: 0, cells: 0, subjects: 0, columns };
    let (mut pool, mut sealer) = (Pool::new(random), Sealer::default());
    copy.rows(&mut |number, cells| {
        let row = row_key(number, cells, row_at)?;
        if row_at.is_some() && !seen.insert(fingerprint(&row)) {
            return Err(Error::DuplicateRowKey { row: number });
        }
        let whose = subject_at.and_then(|at| cells.get(at)).filter(|v| !v.trim().is_empty());
        let subject = keys.subject(whose.map_or(&row, |v| v));
        subjects.insert(subject);
        report.rows += 1;
        let mut cipher = None;
        let header = Header { algorithm: options.algorithm, key_id: keys.id, subject };
        for &at in &sealed {
            let Some(text) = cells.get_mut(at).filter(|c| !c.is_empty()) else { continue };
            if cipher.is_none() {
                let key = ring.subject_key(&options.dataset, &keys, subject, Some(&mut pool))?;
                let key = key.ok_or(Error::NoSubjectKey { row: number })?;
                cipher = Some(Cipher::new(options.algorithm, &key));
            }
            let Some(cipher) = &cipher else { continue };
            let place = Place { dataset: &options.dataset, row: &row, column: &names[at] };
            sealer.seal(cipher, &header, &place, text, &mut pool)?;
            report.cells += 1;
        }
        Ok(())
    })?;
    ring.count(&options.dataset, report.cells)?;
    // Keys first: a cell whose key could be lost is never released.
    ring.save()?;
    copy.release()?;
    report.subjects = subjects.len() as u64;
    Ok(report)
}

/// Opens columns of a protected file, for a purpose.
///
/// # Errors
/// [`Error::NoPurpose`], [`Error::Tampered`] and the others; none leaves an output.
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
    let mut copy = Copy::open(input, output, &options.classify, taxonomy)?;
    let wanted = copy.indices(&options.columns)?;
    let row_at = copy.index(options.row_key.as_deref())?;
    let keys = ring.dataset(&options.dataset)?;
    let names = copy.names.clone();
    let mut report = RevealReport { rows: 0, cells: 0, left: 0, erased: 0, purpose };
    copy.rows(&mut |number, cells| {
        let row = row_key(number, cells, row_at)?;
        report.rows += 1;
        for (at, text) in cells.iter_mut().enumerate() {
            if !cell::is_sealed(text) {
                continue;
            }
            if !wanted.is_empty() && !wanted.contains(&at) {
                report.left += 1;
                continue;
            }
            let bad = Error::NotProtected { row: number, col: at };
            let (header, bytes) = cell::parse(text).ok_or(bad)?;
            let tampered = || Error::Tampered { row: number, col: at };
            if header.key_id != keys.id {
                return Err(tampered());
            }
            let key = ring.subject_key(&options.dataset, &keys, header.subject, None)?;
            let Some(key) = key else {
                report.erased += 1;
                continue;
            };
            let column = names.get(at).map_or("", String::as_str);
            let place = Place { dataset: &options.dataset, row: &row, column };
            *text = cell::open(&key, &header, &place, &bytes).ok_or_else(tampered)?;
            report.cells += 1;
        }
        Ok(())
    })?;
    copy.release()?;
    Ok(report)
}

/// Sixteen bytes that stand for a row's key: two rows of one key are found without keeping both.
fn fingerprint(row: &str) -> [u8; 16] {
    let digest = ring::digest::digest(&ring::digest::SHA256, row.as_bytes());
    let mut out = [0; 16];
    out.copy_from_slice(&digest.as_ref()[..16]);
    out
}

fn row_key(number: u64, cells: &[String], at: Option<usize>) -> Result<String, Error> {
    match at {
        None => Ok(format!("#{number}")),
        Some(at) => {
            let key = cells.get(at).map(|c| c.trim().to_owned()).filter(|c| !c.is_empty());
            key.ok_or(Error::EmptyRowKey { row: number })
        }
    }
}

/// Columns whose element the taxonomy marks for field encryption.
fn marked(
    input: &Path,
    options: &ProtectOptions,
    taxonomy: &Taxonomy,
) -> Result<Vec<String>, Error> {
    let source = Source::one(input, options.classify.table.as_deref())?;
    let mut classing = options.classify.clone();
    classing.header = classing.header.or(source.has_header());
    // What a column is, its head tells.
    classing.sample_rows = Some(HEAD_ROWS);
    let inventory = classify(source.open()?, &classing, taxonomy)?;
    let is_marked = |id: &String| taxonomy.element(id).is_some_and(|e| e.protect == Protection::F);
    let columns =
        inventory.columns.into_iter().filter(|c| c.element.as_ref().is_some_and(is_marked));
    Ok(columns.map(|c| c.column).collect())
}

/// What happens to a row: its number and cells.
type Change<'a> = dyn FnMut(u64, &mut Vec<String>) -> Result<(), Error> + 'a;

/// A file read row by row and written anew under a working name.
struct Copy {
    scan: Scan<Box<dyn Read>>,
    out: BufWriter<File>,
    part: PathBuf,
    output: PathBuf,
    names: Vec<String>,
    released: bool,
}

impl Copy {
    fn open(
        input: &Path,
        output: &Path,
        options: &ClassifyOptions,
        taxonomy: &Taxonomy,
    ) -> Result<Self, Error> {
        let source = Source::one(input, options.table.as_deref())?;
        let mut options = options.clone();
        options.header = options.header.or(source.has_header());
        let scan = Scan::open(source.open()?, &options, taxonomy)?;
        let mut name = output.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let out = BufWriter::with_capacity(1 << 20, File::create(&part).map_err(Error::Write)?);
        let names = scan.columns.iter().map(|c| c.name.clone()).collect();
        Ok(Self { scan, out, part, output: output.to_owned(), names, released: false })
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
            writer.end(&mut bytes, self.names.len(), false);
        }
        let mut cells: Vec<String> = Vec::new();
        while let Some((number, row)) = self.scan.next()? {
            row.whole(number)?;
            cells.resize(row.len(), String::new());
            for (text, cell) in cells.iter_mut().zip(row.cells()) {
                text.clear();
                text.push_str(cell);
            }
            if cells.len() > self.names.len() {
                let (found, expected) = (cells.len(), self.names.len());
                return Err(Error::ExtraCells { row: number, found, expected });
            }
            change(number, &mut cells)?;
            for text in &cells {
                writer.cell(&mut bytes, text);
            }
            let last_empty = cells.last().is_none_or(String::is_empty);
            writer.end(&mut bytes, cells.len(), last_empty);
            if bytes.len() > 1 << 18 {
                self.out.write_all(&bytes).map_err(Error::Write)?;
                bytes.clear();
            }
        }
        self.out.write_all(&bytes).map_err(Error::Write)
    }

    fn release(mut self) -> Result<(), Error> {
        self.out.flush().map_err(Error::Write)?;
        self.out.get_ref().sync_all().map_err(Error::Write)?;
        fs::rename(&self.part, &self.output).map_err(Error::Write)?;
        self.released = true;
        Ok(())
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.released {
            // Not there is as it should be.
            let _ = fs::remove_file(&self.part);
        }
    }
}
