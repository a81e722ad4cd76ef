//! Searching a protected file for one value by its blind index ([`super::index`]). The rows that
//! share the value's tag are candidates; with a purpose their cells are opened and those that hold
//! another value fall away. Persons who were erased are not found either way.

use std::io::Read;
use std::path::Path;

use serde::Serialize;

use super::cell::{self, Cipher, Opener, Place};
use super::guard::{self, Grant};
use super::index::{Marker, Tagger};
use super::keyring::KeyRing;
use super::table::row_key;
use crate::records::classify::ClassifyOptions;
use crate::records::error::Error;
use crate::records::find::plain::Plain;
use crate::records::limits::LOOKUP_HITS_MAX;
use crate::records::scan::Scan;
use crate::records::source::Source;
use crate::records::taxonomy::Taxonomy;

/// What to look for, and where.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Name of the dataset, as when it was protected.
    pub dataset: String,
    /// The sealed column to search.
    pub column: String,
    /// The column that names a row, if protecting used one.
    pub row_key: Option<String>,
    /// Why candidates are opened to tell the true ones; none opens nothing.
    pub purpose: Option<String>,
    /// How the file is read.
    pub classify: ClassifyOptions,
    /// What was approved; of a guarded key store nothing is opened without.
    pub grant: Option<Grant>,
}

/// A row that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookupHit {
    /// The row, from 0.
    pub row: u64,
    /// What names it.
    pub key: String,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct LookupReport {
    /// The column searched.
    pub column: String,
    /// Data rows looked at.
    pub rows: u64,
    /// Rows that share the value's tag and can still be opened.
    pub candidates: u64,
    /// Cells opened to tell the true ones; 0 without a purpose.
    pub opened: u64,
    /// Whether the hits are certain: only where cells were opened.
    pub certain: bool,
    /// Why cells were opened.
    pub purpose: Option<String>,
    /// The rows found, at most [`LOOKUP_HITS_MAX`].
    pub hits: Vec<LookupHit>,
    /// Rows found beyond those.
    pub more: u64,
}

/// Finds the rows of a protected file whose column holds a value.
///
/// # Errors
/// [`Error::NotIndexed`], [`Error::NoDatasetKey`], [`Error::NoPurpose`] for a blank purpose,
/// [`Error::NeedsApproval`], [`Error::NotGranted`], [`Error::TooManyCells`], [`Error::Tampered`],
/// and what reading says.
pub fn lookup_file(
    input: &Path,
    ring: &KeyRing,
    options: &Lookup,
    value: &str,
    taxonomy: &Taxonomy,
) -> Result<LookupReport, Error> {
    let purpose = options.purpose.as_ref().map(|p| p.trim().to_owned());
    if purpose.as_ref().is_some_and(String::is_empty) {
        return Err(Error::NoPurpose);
    }
    let grant = options.grant.as_ref();
    if purpose.is_some() {
        guard::allow(ring, &options.dataset, grant)?;
        let column = std::slice::from_ref(&options.column);
        grant.map_or(Ok(column.to_vec()), |grant| grant.columns(column))?;
    }
    let source = Source::one(input, options.classify.table.as_deref())?;
    let mut classing = options.classify.clone();
    classing.header = classing.header.or(source.has_header());
    let mut scan: Scan<Box<dyn Read>> = Scan::open(source.open()?, &classing, taxonomy)?;
    let names: Vec<String> = scan.columns.iter().map(|c| c.name.clone()).collect();
    let find = |column: &str| names.iter().position(|n| n == column);
    let none = |column: &String| Error::NoColumn { column: column.clone() };
    let at = find(&options.column).ok_or_else(|| none(&options.column))?;
    let row_at = match &options.row_key {
        Some(column) => Some(find(column).ok_or_else(|| none(column))?),
        None => None,
    };
    let (tag_at, marker) = names
        .iter()
        .enumerate()
        .find_map(|(i, n)| Marker::parse(n).filter(|m| m.column == options.column).map(|m| (i, m)))
        .ok_or_else(|| Error::NotIndexed { column: options.column.clone() })?;
    let keys = ring.dataset(&options.dataset)?;
    let wanted = Tagger::new(&keys, &marker.element, marker.bits)?.tag(value);
    let mut reader = ring.reader(&keys)?;
    let (mut plain, mut opener, mut key) = (Plain::default(), Opener::default(), String::new());
    let value = plain.of(value);
    let mut report = LookupReport {
        column: options.column.clone(),
        rows: 0,
        candidates: 0,
        opened: 0,
        certain: purpose.is_some(),
        purpose,
        hits: Vec::new(),
        more: 0,
    };
    while let Some((number, cells)) = scan.next()? {
        report.rows += 1;
        if wanted.is_empty() || cells.cell(tag_at) != wanted {
            continue;
        }
        let bad = Error::NotProtected { row: number, col: at };
        let sealed = cell::parse(cells.cell(at)).ok_or(bad)?;
        let tampered = || Error::Tampered { row: number, col: at };
        if sealed.header.key_id != keys.id {
            return Err(tampered());
        }
        // No key: the person was erased.
        let Some(subject) = reader.key(sealed.header.slot, &keys)? else { continue };
        report.candidates += 1;
        row_key(number, &cells, row_at, &mut key)?;
        if report.certain && grant.is_some_and(|grant| !grant.row(&key)) {
            continue;
        }
        if report.certain {
            report.opened += 1;
            grant.map_or(Ok(()), |grant| grant.cells(report.opened))?;
            let cipher = Cipher::new(sealed.header.algorithm, &subject);
            let place = Place { dataset: &options.dataset, row: &key, column: &options.column };
            let text = opener.open(&cipher, &sealed, &place).ok_or_else(tampered)?;
            let text = zeroize::Zeroizing::new(text);
            if plain.of(&text) != value {
                continue;
            }
        }
        if report.hits.len() < LOOKUP_HITS_MAX {
            report.hits.push(LookupHit { row: number, key: key.clone() });
        } else {
            report.more += 1;
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::protect::{Algorithm, ProtectOptions, Root, protect_file};
    use crate::records::{Day, protect::RevealOptions, protect::reveal_file};
    use ring::rand::SystemRandom;
    use std::fs;

    fn root() -> Root {
        Root::Key(zeroize::Zeroizing::new([9; 32]))
    }

    fn classify() -> ClassifyOptions {
        ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t")
    }

    fn phone(n: u64) -> String {
        format!("138{:08}", 10_000_000 + n * 7_919)
    }

    /// `rows` persons, protected with an index over their phones; every row its own person.
    fn protected(dir: &Path, dataset: &str, rows: u64, index: &str) -> Result<String, Error> {
        let mut text = String::from("编号,姓名,手机号,班级\n");
        for n in 0..rows {
            text.push_str(&format!("R{n},学生{n},{},三年{}班\n", phone(n), n % 3));
        }
        fs::write(dir.join("in.csv"), &text).unwrap();
        let random = SystemRandom::new();
        let mut ring = KeyRing::open(&dir.join("keys.json"), &root(), &random)?;
        let options = ProtectOptions {
            dataset: dataset.into(),
            columns: vec!["手机号".into(), "班级".into()],
            index: vec![index.into()],
            subject: Some("姓名".into()),
            row_key: Some("编号".into()),
            algorithm: Algorithm::Aes256Gcm,
            classify: classify(),
        };
        let taxonomy = Taxonomy::embedded().unwrap();
        let (input, out) = (dir.join("in.csv"), dir.join("sealed.csv"));
        protect_file(&input, &out, &mut ring, &options, &taxonomy, &random).map(|_| text)
    }

    fn lookup(
        dir: &Path,
        dataset: &str,
        value: &str,
        why: Option<&str>,
    ) -> Result<LookupReport, Error> {
        let ring = KeyRing::open(&dir.join("keys.json"), &root(), &SystemRandom::new())?;
        let options = Lookup {
            dataset: dataset.into(),
            column: "手机号".into(),
            row_key: Some("编号".into()),
            purpose: why.map(str::to_owned),
            classify: classify(),
            grant: None,
        };
        lookup_file(&dir.join("sealed.csv"), &ring, &options, value, &Taxonomy::embedded().unwrap())
    }

    #[test]
    fn a_value_is_found_however_it_is_written_and_false_ones_fall_away() {
        let dir = tempfile::tempdir().unwrap();
        protected(dir.path(), "学籍", 400, "手机号").unwrap();
        let sealed = fs::read_to_string(dir.path().join("sealed.csv")).unwrap();
        assert!(!sealed.contains(&phone(7)));
        let plain = phone(7);
        let full: String =
            plain.chars().map(|c| char::from_u32(c as u32 + 0xFEE0).unwrap()).collect();
        for form in [
            plain.clone(),
            format!("+86 {plain}"),
            full,
            format!("{}-{}", &plain[..3], &plain[3..]),
        ] {
            let found = lookup(dir.path(), "学籍", &form, Some("家长来电核对")).unwrap();
            assert_eq!(found.hits, [LookupHit { row: 7, key: "R7".into() }], "{form}");
            assert!(found.certain && found.opened == found.candidates);
            let may = lookup(dir.path(), "学籍", &form, None).unwrap();
            assert!(!may.certain && may.opened == 0 && may.candidates == found.candidates);
            assert!(may.hits.iter().any(|h| h.key == "R7"));
        }
        let absent = lookup(dir.path(), "学籍", "13900000000", Some("核对")).unwrap();
        assert!(absent.hits.is_empty());
    }

    #[test]
    fn tags_are_shared_by_several_values() {
        let dir = tempfile::tempdir().unwrap();
        protected(dir.path(), "学籍", 400, "手机号").unwrap();
        let candidates: u64 =
            (0..100).map(|n| lookup(dir.path(), "学籍", &phone(n), None).unwrap().candidates).sum();
        // 400 values over 64 tags: about seven rows for each value that is asked for.
        assert!((300..1_500).contains(&candidates), "{candidates}");
    }

    #[test]
    fn a_wrong_dataset_finds_nothing_and_a_wrong_key_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        protected(dir.path(), "学籍", 400, "手机号").unwrap();
        assert!(matches!(
            lookup(dir.path(), "其他", &phone(7), None),
            Err(Error::NoDatasetKey { .. })
        ));
        // A dataset that exists in the same store, but is another one.
        let kept = fs::read(dir.path().join("sealed.csv")).unwrap();
        protected(dir.path(), "其他", 400, "手机号").unwrap();
        let other = fs::read_to_string(dir.path().join("sealed.csv")).unwrap();
        fs::write(dir.path().join("sealed.csv"), &kept).unwrap();
        let tags = |text: &str| -> Vec<String> {
            text.lines().map(|l| l.rsplit(',').next().unwrap().to_owned()).collect()
        };
        let kept = String::from_utf8(kept).unwrap();
        let equal = tags(&kept).iter().zip(tags(&other)).skip(1).filter(|(a, b)| *a == b).count();
        assert!(equal < 40, "tags of two datasets are unrelated: {equal} of 400 agree");
        for n in 0..20 {
            let found = lookup(dir.path(), "其他", &phone(n), Some("核对"));
            assert!(
                found.map_or_else(|e| matches!(e, Error::Tampered { .. }), |r| r.hits.is_empty())
            );
        }
    }

    #[test]
    fn the_erased_are_not_found() {
        let dir = tempfile::tempdir().unwrap();
        protected(dir.path(), "学籍", 400, "手机号").unwrap();
        let random = SystemRandom::new();
        let mut ring = KeyRing::open(&dir.path().join("keys.json"), &root(), &random).unwrap();
        assert_eq!(ring.erase_subject("学籍", "学生7", &random).unwrap().keys, 1);
        for why in [None, Some("核对")] {
            let found = lookup(dir.path(), "学籍", &phone(7), why).unwrap();
            assert!(found.hits.iter().all(|h| h.key != "R7"));
        }
        let other = lookup(dir.path(), "学籍", &phone(8), Some("核对")).unwrap();
        assert_eq!(other.hits.len(), 1);
    }

    #[test]
    fn what_must_not_be_indexed_is_refused_and_leaves_no_output() {
        let dir = tempfile::tempdir().unwrap();
        for column in ["班级", "姓名"] {
            let done = protected(dir.path(), "学籍", 400, column);
            assert!(matches!(done, Err(Error::BadIndex { .. })), "{column}: {done:?}");
            assert!(!dir.path().join("sealed.csv").exists());
        }
        let done = protected(dir.path(), "学籍", 400, "无此列");
        assert!(matches!(done, Err(Error::NoColumn { .. })));
    }

    #[test]
    fn revealing_gives_the_file_as_it_was_without_the_index() {
        let dir = tempfile::tempdir().unwrap();
        let text = protected(dir.path(), "学籍", 100, "手机号").unwrap();
        let mut ring =
            KeyRing::open(&dir.path().join("keys.json"), &root(), &SystemRandom::new()).unwrap();
        let options = RevealOptions {
            dataset: "学籍".into(),
            purpose: "核对".into(),
            columns: vec![],
            row_key: Some("编号".into()),
            classify: classify(),
            grant: None,
        };
        let out = dir.path().join("out.csv");
        let taxonomy = Taxonomy::embedded().unwrap();
        reveal_file(&dir.path().join("sealed.csv"), &out, &mut ring, &options, &taxonomy).unwrap();
        assert_eq!(fs::read_to_string(out).unwrap(), text);
    }

    #[test]
    fn a_column_without_index_and_a_blank_purpose_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        protected(dir.path(), "学籍", 100, "手机号").unwrap();
        let blank = lookup(dir.path(), "学籍", &phone(1), Some("  "));
        assert!(matches!(blank, Err(Error::NoPurpose)));
        let ring =
            KeyRing::open(&dir.path().join("keys.json"), &root(), &SystemRandom::new()).unwrap();
        let options = Lookup {
            dataset: "学籍".into(),
            column: "班级".into(),
            row_key: None,
            purpose: None,
            classify: classify(),
            grant: None,
        };
        let taxonomy = Taxonomy::embedded().unwrap();
        let done =
            lookup_file(&dir.path().join("sealed.csv"), &ring, &options, "三年1班", &taxonomy);
        assert!(matches!(done, Err(Error::NotIndexed { .. })));
    }
}
