//! Masking: a policy says what is done to each element, a keyed masker does it, and an output is
//! released only when a second scan finds nobody in it.

pub mod key;
pub mod policy;
mod value;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::Serialize;

pub use key::PolicyKey;
pub use policy::{Method, Policy};

use super::cells::CellFinding;
use super::classify::{ClassifyOptions, classify};
use super::error::Error;
use super::find::Kind;
use super::find::engine::Finder;
use super::scan::Scan;
use super::table::writer::RowWriter;
use super::taxonomy::Taxonomy;
use policy::Unknown;
use value::Masker;

/// Findings of a refused output that are named in the error.
const SAMPLES_MAX: usize = 20;
/// Quasi-identifier groups that are counted.
const GROUPS_MAX: usize = 1_000_000;

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
    /// Smallest group of equal quasi-identifiers in the output; none without such columns.
    pub k_anonymity: Option<u64>,
    /// Rows in groups smaller than the policy's k.
    pub rows_below_k: u64,
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
    let mut report = write(input, &part.0, policy, key, options, taxonomy)?;
    let (residue, samples) = second_scan(&part.0, options, taxonomy)?;
    if residue > 0 {
        return Err(Error::Residue { total: residue, samples });
    }
    report.residue = residue;
    report.input_sha256 = sha256(input)?;
    report.output_sha256 = sha256(&part.0)?;
    fs::rename(&part.0, output).map_err(Error::Write)?;
    Ok(report)
}

/// Looks for persons in an output, with columns learned anew from it and no knowledge of the
/// policy. How many findings there are, and where the first ones lie.
fn second_scan(
    path: &Path,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<(u64, Vec<CellFinding>), Error> {
    let mut scan = Scan::open(open(path)?, options.delimiter, options.today, taxonomy)?;
    let hints: Vec<_> = scan.columns.iter().map(|c| c.hint).collect();
    let mut finder = Finder::new(options.today);
    let (mut residue, mut samples) = (0, Vec::new());
    while let Some((row, cells)) = scan.next()? {
        for (col, cell) in cells.cells().enumerate() {
            let hint = hints.get(col).copied().unwrap_or_default();
            for found in finder.find(cell, hint) {
                let district = found.kind == Kind::Address && ends_at_a_district(cell, found.end);
                if !is_person(found.kind) || district {
                    continue;
                }
                residue += 1;
                if samples.len() < SAMPLES_MAX {
                    let (kind, start, end) = (found.kind, found.start, found.end);
                    samples.push(CellFinding { row, col, kind, start, end });
                }
            }
        }
    }
    Ok((residue, samples))
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
    let mut context = Context::new(&SHA256);
    let mut reader = open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = std::io::Read::read(&mut reader, &mut buffer).map_err(Error::Read)?;
        if n == 0 {
            return Ok(data_encoding::HEXLOWER.encode(context.finish().as_ref()));
        }
        context.update(&buffer[..n]);
    }
}

/// What is done to a column.
struct Plan {
    name: String,
    method: Method,
    element: Option<String>,
    quasi: bool,
}

fn plan(
    input: &Path,
    policy: &Policy,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<Vec<Plan>, Error> {
    let inventory = classify(open(input)?, options, taxonomy)?;
    let column = |c: super::classify::ColumnReport| {
        let element = c.element.as_deref().and_then(|id| taxonomy.element(id));
        let method = match (element, policy.unknown) {
            (Some(element), _) => policy.method(element),
            (None, Unknown::Scan) => Method::Keep,
            (None, Unknown::Suppress) => Method::Suppress,
        };
        let quasi = c.element.as_ref().is_some_and(|id| policy.quasi.contains(id));
        Plan { name: c.column, method, element: c.element, quasi }
    };
    Ok(inventory.columns.into_iter().map(column).collect())
}

fn write(
    input: &Path,
    output: &Path,
    policy: &Policy,
    key: &PolicyKey,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<MaskReport, Error> {
    let plans = plan(input, policy, options, taxonomy)?;
    let mut scan = Scan::open(open(input)?, options.delimiter, options.today, taxonomy)?;
    let hints: Vec<_> = scan.columns.iter().map(|c| c.hint).collect();
    let file = File::create(output).map_err(Error::Write)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut row_writer = RowWriter::new(scan.delimiter());
    let mut bytes = Vec::new();
    if scan.has_header {
        for plan in &plans {
            row_writer.cell(&mut bytes, &plan.name);
        }
        row_writer.end(&mut bytes, plans.len(), false);
    }
    let mut masker = Masker::new(key, &policy.name, Finder::new(options.today))?;
    let mut groups: HashMap<String, u64> = HashMap::new();
    let (mut masked, mut quasi) = (String::new(), String::new());
    let mut changed: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut extra_cells = 0;
    while let Some((_, row)) = scan.next()? {
        quasi.clear();
        let (mut cells, mut last_empty) = (0, true);
        for (col, cell) in row.cells().enumerate() {
            // What stands beyond the header has no rule: it is left out, and counted.
            let Some(plan) = plans.get(col) else {
                extra_cells += 1;
                continue;
            };
            let hint = hints.get(col).copied().unwrap_or_default();
            masker.mask(plan.method, plan.element.as_deref(), cell, hint, &mut masked);
            if masked != cell {
                *changed.entry(plan.method.name()).or_default() += 1;
            }
            if plan.quasi {
                quasi.push_str(&masked);
                quasi.push('\u{1f}');
            }
            row_writer.cell(&mut bytes, &masked);
            cells += 1;
            last_empty = masked.is_empty();
        }
        row_writer.end(&mut bytes, cells, last_empty);
        if !quasi.is_empty() {
            if groups.len() >= GROUPS_MAX && !groups.contains_key(&quasi) {
                return Err(Error::TooManyGroups { limit: GROUPS_MAX });
            }
            *groups.entry(quasi.clone()).or_default() += 1;
        }
        if bytes.len() > 1 << 16 {
            out.write_all(&bytes).map_err(Error::Write)?;
            bytes.clear();
        }
    }
    out.write_all(&bytes).map_err(Error::Write)?;
    let file = out.into_inner().map_err(|e| Error::Write(e.into_error()))?;
    file.sync_all().map_err(Error::Write)?;
    Ok(MaskReport {
        policy: policy.name.clone(),
        policy_sha256: policy.sha256.clone(),
        rows: scan.rows(),
        extra_cells,
        columns: plans.into_iter().map(|p| (p.name, p.method.name())).collect(),
        changed,
        residue: 0,
        k_anonymity: groups.values().min().copied(),
        rows_below_k: groups.values().filter(|n| **n < policy.k).sum(),
        input_sha256: String::new(),
        output_sha256: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Day;

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
    fn a_district_is_nobodys_home_but_a_street_is() {
        assert!(ends_at_a_district("浙江省示范市滨湖区", 9));
        assert!(!ends_at_a_district("浙江省示范市滨湖区建设路261号", 16));
        let policy = Policy::embedded("inter-agency").unwrap();
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
