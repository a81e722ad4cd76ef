//! Masking: a policy says what is done to each element, a keyed masker does it, and an output is
//! released only when a second scan finds nobody in it.

mod fpe;
mod grams;
pub mod key;
pub mod policy;
mod residue;
mod row;
mod value;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use ring::digest::{Context, SHA256};
use serde::Serialize;

pub use key::PolicyKey;
pub use policy::{Method, Policy};

use super::cells::CellFinding;
use super::classify::{Census, ClassifyOptions, Inventory, classify};
use super::error::Error;
use super::find::engine::Finder;
use super::find::{Day, Kind};
use super::scan::Scan;
use super::source::Source;
use super::table::writer::RowWriter;
use super::taxonomy::Taxonomy;
use policy::Unknown;
use residue::{Values, Verifier};
use row::{RowMasker, Told};
use value::Masker;

/// Findings of a refused output that are named in the error.
const SAMPLES_MAX: usize = 20;
/// Quasi-identifier groups that are counted.
const GROUPS_MAX: usize = 1_000_000;
/// Rows from which the columns are told.
const PLAN_ROWS: u64 = 20_000;
/// Bytes of output verified and written at a time.
const PIECE_BYTES: usize = 1 << 18;

/// What was done to a file.
#[derive(Clone, Debug, Serialize)]
pub struct MaskReport {
    /// The policy.
    pub policy: String,
    /// SHA-256 of the policy's text.
    pub policy_sha256: String,
    /// Data rows.
    pub rows: u64,
    /// Cells beyond the header's width, left out.
    pub extra_cells: u64,
    /// Method of each column.
    pub columns: Vec<(String, &'static str)>,
    /// Cells changed by each method.
    pub changed: BTreeMap<&'static str, u64>,
    /// Findings of the second scan: zero, or there is no output.
    pub residue: u64,
    /// Smallest group of equal quasi-identifiers that is shown in the output; none when nothing
    /// of the kind is shown.
    pub k_anonymity: Option<u64>,
    /// Rows in groups smaller than the policy's k: their quasi-identifiers were left out.
    pub rows_below_k: u64,
    /// What was in the input, from every cell of it: masking looks at them all.
    pub inventory: Inventory,
    /// SHA-256 of the input.
    pub input_sha256: String,
    /// SHA-256 of the output.
    pub output_sha256: String,
}

/// Writes a masked copy of a delimited file. The output appears only when a second scan of it
/// finds no person; whatever goes wrong, nothing is left behind.
///
/// # Errors
/// [`Error::Residue`] when a person is still found, and the errors of reading and writing.
pub fn mask_file(
    input: &Path,
    output: &Path,
    policy: &Policy,
    key: &PolicyKey,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<MaskReport, Error> {
    let part = Part::new(output);
    let source = Source::one(input, options.table.as_deref())?;
    let mut options = options.clone();
    options.header = options.header.or(source.has_header());
    let options = &options;
    let job = Job { source: &source, policy, key, options, taxonomy };
    let plans = job.plan()?;
    let groups =
        if policy.k > 1 && plans.iter().any(|p| p.quasi) { Some(job.count(&plans)?) } else { None };
    let (mut report, written) = job.write(&part.0, plans, groups.as_ref())?;
    report.output_sha256 = second_scan(&part.0, written, options, taxonomy)?;
    report.input_sha256 = sha256(input)?;
    fs::rename(&part.0, output).map_err(Error::Write)?;
    Ok(report)
}

/// Looks for persons in an output, with columns learned anew from it and no knowledge of the
/// policy; the SHA-256 of what was read, when there is none.
fn second_scan(
    path: &Path,
    (delimiter, has_header): (u8, bool),
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<String, Error> {
    let mut options = options.clone();
    options.delimiter = Some(delimiter);
    options.header = Some(has_header);
    let mut hasher = Hasher { reader: open(path)?, context: Context::new(&SHA256) };
    let mut scan = Scan::open(&mut hasher, &options, taxonomy)?;
    let hints: Vec<_> = scan.columns.iter().map(|c| c.hint).collect();
    let mut finder = Finder::new(options.today);
    let (mut total, mut samples) = (0, Vec::new());
    while let Some((row, cells)) = scan.next()? {
        for (col, cell) in cells.cells().enumerate() {
            let hint = hints.get(col).copied().unwrap_or_default();
            for found in finder.find_in(col, cell, hint) {
                let district = found.kind == Kind::Address && ends_at_a_district(cell, found.end);
                if !is_person(found.kind) || district {
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
    drop(scan);
    hasher.finish()
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
fn ends_at_a_district(cell: &str, end: u32) -> bool {
    let last = cell.chars().take(end as usize).last();
    last.is_some_and(|c| "省市区县旗州盟".contains(c))
}

/// A file under its working name; removed unless it was renamed.
struct Part(PathBuf);

impl Part {
    fn new(output: &Path) -> Self {
        let mut name = output.as_os_str().to_owned();
        name.push(".part");
        Self(PathBuf::from(name))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Not there is as it should be.
        let _ = fs::remove_file(&self.0);
    }
}

/// Types that lead to a person; a school's own numbers do not.
fn is_person(kind: Kind) -> bool {
    !matches!(kind, Kind::SchoolCode | Kind::Uscc | Kind::Ip | Kind::Mac)
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    Ok(BufReader::with_capacity(1 << 20, File::open(path).map_err(Error::Read)?))
}

fn sha256(path: &Path) -> Result<String, Error> {
    Hasher { reader: File::open(path).map_err(Error::Read)?, context: Context::new(&SHA256) }
        .finish()
}

/// What is done to a column.
struct Plan {
    name: String,
    method: Method,
    element: Option<String>,
    quasi: bool,
}

impl Plan {
    /// Whether free text may stand here.
    fn is_text(&self) -> bool {
        matches!(self.method, Method::Redact) || (self.element.is_none() && !self.is_empty())
    }

    fn is_empty(&self) -> bool {
        self.method == Method::Suppress
    }
}

/// Sizes of the groups of equal quasi-identifiers.
type Groups = HashMap<String, u64>;

/// One file under one policy.
struct Job<'a> {
    source: &'a Source,
    policy: &'a Policy,
    key: &'a PolicyKey,
    options: &'a ClassifyOptions,
    taxonomy: &'a Taxonomy,
}

impl Job<'_> {
    fn plan(&self) -> Result<Vec<Plan>, Error> {
        // What a column is, its head tells; what else stands in it is taken out row by row.
        let mut options = self.options.clone();
        options.sample_rows = Some(PLAN_ROWS);
        let inventory = classify(self.source.open()?, &options, self.taxonomy)?;
        let column = |c: super::classify::ColumnReport| {
            let element = c.element.as_deref().and_then(|id| self.taxonomy.element(id));
            let method = match (element, self.policy.unknown) {
                (Some(element), _) => self.policy.method(element),
                (None, Unknown::Scan) => Method::Keep,
                (None, Unknown::Suppress) => Method::Suppress,
            };
            let quasi = c.element.as_ref().is_some_and(|id| self.policy.quasi.contains(id));
            Plan { name: c.column, method, element: c.element, quasi }
        };
        Ok(inventory.columns.into_iter().map(column).collect())
    }

    fn scan(&self) -> Result<(Scan<Box<dyn Read>>, RowMasker), Error> {
        let scan = Scan::open(self.source.open()?, self.options, self.taxonomy)?;
        let hints = scan.columns.iter().map(|c| c.hint).collect();
        let masker = Masker::new(self.key, &self.policy.name)?;
        Ok((scan, RowMasker::new(masker, Finder::new(self.options.today), hints)))
    }

    /// How many rows share each set of masked quasi-identifiers.
    fn count(&self, plans: &[Plan]) -> Result<Groups, Error> {
        let (mut scan, mut rows) = self.scan()?;
        let (mut groups, mut group) = (Groups::new(), String::new());
        while let Some((_, row)) = scan.next()? {
            rows.mask(plans, &row, None);
            rows.group(plans, &mut group);
            add(&mut groups, &group)?;
        }
        Ok(groups)
    }

    fn write(
        &self,
        output: &Path,
        plans: Vec<Plan>,
        groups: Option<&Groups>,
    ) -> Result<(MaskReport, (u8, bool)), Error> {
        let (mut scan, mut rows) = self.scan()?;
        let mut out = Out::new(output, &plans, self.options.today, scan.delimiter())?;
        if scan.has_header {
            out.header(&plans)?;
        }
        let mut census = Census::new(&scan.columns, self.taxonomy);
        let (mut shown, mut group) = (Groups::new(), String::new());
        let mut by_column = vec![0u64; plans.len()];
        let (mut extra_cells, mut rows_below_k) = (0, 0);
        while let Some((number, row)) = scan.next()? {
            row.whole(number)?;
            // What stands beyond the header has no rule: it is left out, and counted.
            extra_cells += row.len().saturating_sub(plans.len()) as u64;
            let told = Told { values: &mut out.values, census: &mut census };
            rows.mask(&plans, &row, Some(told));
            rows.group(&plans, &mut group);
            let size = groups.and_then(|g| g.get(&group)).copied();
            if size.is_some_and(|n| n < self.policy.k) {
                rows_below_k += 1;
                rows.suppress_quasi(&plans);
            } else if !group.is_empty() {
                add(&mut shown, &group)?;
            }
            rows.sweep(&plans, &out.values);
            for ((cell, count), was) in rows.cells.iter().zip(&mut by_column).zip(row.cells()) {
                *count += u64::from(cell != was);
            }
            out.row(&rows.cells)?;
        }
        out.finish()?;
        let mut changed: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (plan, n) in plans.iter().zip(by_column).filter(|(_, n)| *n > 0) {
            *changed.entry(plan.method.name()).or_default() += n;
        }
        let written = (scan.delimiter(), scan.has_header);
        let report = MaskReport {
            policy: self.policy.name.clone(),
            policy_sha256: self.policy.sha256.clone(),
            rows: scan.rows(),
            extra_cells,
            columns: plans.into_iter().map(|p| (p.name, p.method.name())).collect(),
            changed,
            residue: 0,
            k_anonymity: shown.values().min().copied(),
            rows_below_k,
            inventory: census.finish(
                &self.options.dataset,
                scan.encoding(),
                scan.tally(),
                self.taxonomy,
            ),
            input_sha256: String::new(),
            output_sha256: String::new(),
        };
        Ok((report, written))
    }
}

fn add(groups: &mut Groups, group: &str) -> Result<(), Error> {
    if let Some(n) = groups.get_mut(group) {
        *n += 1;
        return Ok(());
    }
    if groups.len() >= GROUPS_MAX {
        return Err(Error::TooManyGroups { limit: GROUPS_MAX });
    }
    groups.insert(group.to_owned(), 1);
    Ok(())
}

/// The output: each piece is verified before it is written.
struct Out {
    file: File,
    rows: RowWriter,
    bytes: Vec<u8>,
    first: u64,
    values: Values,
    verifier: Verifier,
}

impl Out {
    fn new(path: &Path, plans: &[Plan], today: Day, delimiter: u8) -> Result<Self, Error> {
        let kept = plans.iter().map(|p| p.element.is_some() && p.method == Method::Keep).collect();
        Ok(Self {
            file: File::create(path).map_err(Error::Write)?,
            rows: RowWriter::new(delimiter),
            bytes: Vec::new(),
            first: 0,
            values: Values::default(),
            verifier: Verifier::new(kept, today, delimiter),
        })
    }

    fn header(&mut self, plans: &[Plan]) -> Result<(), Error> {
        for plan in plans {
            self.rows.cell(&mut self.bytes, &plan.name);
        }
        self.rows.end(&mut self.bytes, plans.len(), false);
        self.file.write_all(&self.bytes).map_err(Error::Write)?;
        self.bytes.clear();
        Ok(())
    }

    fn row(&mut self, cells: &[String]) -> Result<(), Error> {
        for cell in cells {
            self.rows.cell(&mut self.bytes, cell);
        }
        let last_empty = cells.last().is_none_or(String::is_empty);
        self.rows.end(&mut self.bytes, cells.len(), last_empty);
        self.values.end_row();
        if self.bytes.len() > PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.verifier.chunk(&self.bytes, self.first, &self.values)?;
        self.file.write_all(&self.bytes).map_err(Error::Write)?;
        self.bytes.clear();
        self.first += self.values.rows() as u64;
        self.values.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        self.flush()?;
        if self.verifier.found > 0 {
            let Verifier { found: total, samples, .. } = self.verifier;
            return Err(Error::Residue { total, samples });
        }
        self.file.sync_all().map_err(Error::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "姓名,身份证件号,手机号,班级,出生日期,备注\n\
        张三丰,11010519491231002X,13800138000,七（3）班,1949-12-31,家长电话 13912345678\n\
        李四,110105194912310038,138 0013 8001,七（3）班,1949-12-31,无\n";

    fn run(text: &str, policy: &Policy) -> (Result<MaskReport, Error>, Option<String>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
        fs::write(&input, text).unwrap();
        let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t");
        let taxonomy = Taxonomy::embedded().unwrap();
        let key = PolicyKey::new([7; 32]);
        let report = mask_file(&input, &output, policy, &key, &options, &taxonomy);
        let files = fs::read_dir(dir.path()).unwrap().count();
        (report, fs::read_to_string(&output).ok(), files)
    }

    #[test]
    fn nobody_is_left_under_any_shipped_policy() {
        for name in Policy::names() {
            let (report, text, files) = run(CSV, &Policy::embedded(name).unwrap());
            let (report, text) = (report.unwrap(), text.unwrap());
            assert_eq!((report.rows, report.residue, files), (2, 0, 2), "{name}");
            for secret in ["张三丰", "11010519491231002X", "13800138000", "13912345678", "0013"]
            {
                assert!(!text.contains(secret), "{name}: {secret} in {text}");
            }
        }
    }

    #[test]
    fn an_output_with_a_person_in_it_is_not_released() {
        let policy = Policy::parse(
            "name='t'\ntitle={zh='测',en='t'}\npurpose={zh='测',en='t'}\nk=1\nquasi=[]\nunknown='scan'\n[[rule]]\nelements=['birth_date']\nmethod='keep'",
        )
        .unwrap();
        let (report, text, files) = run("出生日期,班级\n2013-05-06,七（3）班\n", &policy);
        assert!(matches!(report, Err(Error::Residue { total: 1, .. })), "{report:?}");
        assert_eq!((text, files), (None, 1), "nothing is left behind");
    }

    #[test]
    fn a_person_named_beside_a_column_of_names_is_taken_out() {
        let text = "姓名,联系电话,QQ,备注\n\
            张三丰,13800138000,87654321,张三丰今天没来\n\
            李四光,13900139000,12345678,张 三 丰问起李 四 光，号是８７６５４３２１和一二三四五六七八\n";
        for name in ["internal-analysis", "inter-agency"] {
            let (report, out, _) = run(text, &Policy::embedded(name).unwrap());
            assert_eq!(report.unwrap().residue, 0, "{name}");
            let out = out.unwrap();
            assert!(out.contains("[NAME]今天没来"), "{name}: {out}");
            assert!(!out.contains("四 光") && !out.contains("一二三四五"), "{name}: {out}");
        }
    }

    #[test]
    fn groups_below_k_are_not_shown() {
        let policy = Policy::parse(
            "name='t'\ntitle={zh='测',en='t'}\npurpose={zh='测',en='t'}\nk=3\nquasi=['sex','school_name']\nunknown='scan'\n[[rule]]\nelements=['sex','school_name']\nmethod='keep'",
        )
        .unwrap();
        let text = "性别,学校名称\n男,甲校\n男,甲校\n女,乙校\n男,甲校\n女,乙校\n";
        let (report, out, _) = run(text, &policy);
        let report = report.unwrap();
        assert_eq!((report.k_anonymity, report.rows_below_k), (Some(3), 2));
        let out = out.unwrap();
        assert!(!out.contains("乙校") && out.matches("甲校").count() == 3, "{out}");
        assert_eq!(out.lines().count(), 6, "the rows stay");
    }

    #[test]
    fn a_district_is_nobodys_home_but_a_street_is() {
        assert!(ends_at_a_district("浙江省示范市滨湖区", 9));
        assert!(!ends_at_a_district("浙江省示范市滨湖区建设路261号", 16));
        let policy = Policy::embedded("internal-analysis").unwrap();
        let (report, text, _) =
            run("姓名,家庭住址\n张三丰,浙江省示范市滨湖区建设路261号\n", &policy);
        assert_eq!(report.unwrap().residue, 0);
        assert!(text.unwrap().contains("滨湖区\n"));
    }

    #[test]
    fn ragged_rows_lose_what_has_no_rule() {
        let policy = Policy::embedded("inter-agency").unwrap();
        let text = "姓名,班级\n张三丰,七（3）班,13800138000\n李四\n";
        let (report, text, _) = run(text, &policy);
        assert_eq!(report.unwrap().extra_cells, 1);
        assert!(!text.unwrap().contains("138"));
    }
}
