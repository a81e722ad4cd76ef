//! Masking: a policy says what is done to each element, a keyed masker does it, and an output is
//! released only when a second scan finds nobody in it.

mod fpe;
mod grams;
mod groups;
pub mod key;
mod mac;
mod out;
pub mod policy;
mod proof;
mod release;
mod residue;
pub mod risk;
mod row;
mod second;
mod shift;
mod squeeze;
mod value;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

pub use key::PolicyKey;
pub use policy::{Method, Policy};
pub use proof::DatesMoved;
pub use risk::Risk;
pub use second::second_scan;

use super::classify::{Census, ClassifyOptions, Inventory, classify};
use super::confirm::Acted;
use super::error::Error;
use super::find::engine::Finder;
use super::part::Part;
use super::scan::Scan;
use super::source::Source;
use super::taxonomy::Taxonomy;
use groups::Groups;
use out::Out;
use policy::Unknown;
use proof::DateProof;
use risk::Exposure;
use row::{RowMasker, Told};
use second::{Passed, canaries, scan_again, sha256};
use shift::Shifter;
use value::Masker;

/// Rows from which the columns are told.
const PLAN_ROWS: u64 = 20_000;

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
    /// Cells changed in each column.
    pub changed_cells: Vec<u64>,
    /// Findings of the second scan: zero, or there is no output.
    pub residue: u64,
    /// Planted persons that the second scan's finder found beforehand: all, or there is no output.
    pub canaries: u64,
    /// Smallest group of equal quasi-identifiers that is shown in the output; none when nothing
    /// of the kind is shown.
    pub k_anonymity: Option<u64>,
    /// Rows in groups smaller than the policy's k or of fewer sensitive values than its l: their
    /// quasi-identifiers were left out.
    pub rows_below_k: u64,
    /// What the output still gives away; none without quasi-identifiers.
    pub risk: Option<Risk>,
    /// What was proved of dates that were moved; none without such columns.
    pub dates_moved: Option<DatesMoved>,
    /// What persons said of columns, how it was followed, and what the second scan let pass for it.
    pub confirmed: Vec<Acted>,
    /// What was in the input, from every cell of it: masking looks at them all.
    pub inventory: Inventory,
    /// SHA-256 of the input.
    pub input_sha256: String,
    /// SHA-256 of the output.
    pub output_sha256: String,
}

/// Writes a masked copy of a table of a file ([`mask_source`]).
///
/// # Errors
/// As [`mask_source`].
pub fn mask_file(
    input: &Path,
    output: &Path,
    policy: &Policy,
    key: &PolicyKey,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<MaskReport, Error> {
    let source = Source::one(input, options.table.as_deref())?;
    mask_source(&source, output, policy, key, options, taxonomy)
}

/// Writes a masked copy of a table. The output appears only when a second scan of it finds no
/// person; whatever goes wrong, nothing is left behind.
///
/// # Errors
/// [`Error::Residue`] when a person is still found, and the errors of reading and writing.
pub fn mask_source(
    source: &Source,
    output: &Path,
    policy: &Policy,
    key: &PolicyKey,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) -> Result<MaskReport, Error> {
    let part = Part::of(output);
    let mut options = options.clone();
    options.header = options.header.or(source.has_header());
    options.delimiter = options.delimiter.or(source.delimiter());
    let options = &options;
    let canaries = canaries(options, taxonomy)?;
    let job = Job { source, policy, key, options, taxonomy };
    let plans = job.plan()?;
    let asked = policy.k > 1 || policy.l.is_some();
    let asked = asked && plans.iter().any(|p| p.quasi);
    let groups = if asked { Some(job.count(&plans)?) } else { None };
    let (mut report, written) = job.write(part.path(), &plans, groups.as_ref())?;
    release::check(policy, &report)?;
    let proof = job.date_proof(&plans)?;
    // One more is planted for the proof.
    report.canaries = canaries + u64::from(proof.is_some());
    let mut left: Vec<Option<Passed>> = plans.iter().map(Plan::left).collect();
    (report.output_sha256, report.dates_moved) =
        scan_again(part.path(), written, options, taxonomy, (proof, &mut left))?;
    report.confirmed = plans.iter().zip(left).filter_map(|(p, left)| p.acted(left)).collect();
    report.input_sha256 = sha256(source.bytes()?)?;
    part.release()?;
    Ok(report)
}

/// What is done to a column.
struct Plan {
    name: String,
    method: Method,
    element: Option<String>,
    quasi: bool,
    /// What is learned of a person whose class is known.
    sensitive: bool,
    /// Whether it decides which classes may be shown.
    counted: bool,
    /// What a person said of it.
    said: Option<Acted>,
}

impl Plan {
    /// Whether free text may stand here.
    fn is_text(&self) -> bool {
        matches!(self.method, Method::Redact)
            || (self.element.is_none() && !self.is_empty() && !self.is_left())
    }

    /// Whether a person's word leaves it as it is: nothing personal stands in it, or what does is of
    /// an element that the policy keeps.
    fn is_left(&self) -> bool {
        self.method == Method::Keep && self.said.as_ref().is_some_and(|said| said.followed)
    }

    /// Whether it stays as it is.
    fn kept(&self) -> Kept {
        match (self.is_left(), &self.element, self.method) {
            (true, ..) => Kept::BySaid,
            (_, Some(_), Method::Keep) => Kept::ByRule,
            _ => Kept::Not,
        }
    }

    /// Where the second scan counts what it lets pass for a person's word.
    fn left(&self) -> Option<Passed> {
        self.is_left().then(Passed::new)
    }

    /// What became of a person's word, for the report.
    fn acted(&self, passed: Option<Passed>) -> Option<Acted> {
        let said = self.said.clone()?;
        Some(Acted { allowed: passed.unwrap_or_default(), ..said })
    }

    fn is_empty(&self) -> bool {
        self.method == Method::Suppress
    }
}

/// Whether a column stays as it is, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kept {
    /// It does not.
    #[default]
    Not,
    /// By a rule of the policy (a class, a school's name): it is not looked at.
    ByRule,
    /// By a person's word: numbers may stand in it, but nobody whom the row itself tells of.
    BySaid,
}

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
        let mut inventory = classify(self.source.open()?, &options, self.taxonomy)?;
        self.options.said.apply(&mut inventory, self.taxonomy);
        let column = |mut c: super::classify::ColumnReport| {
            let said = Acted::of(&c);
            if let Some(said) = &said {
                c.element = said.acts_as().cloned();
            }
            let element = c.element.as_deref().and_then(|id| self.taxonomy.element(id));
            let nobodys = said.as_ref().is_some_and(|said| said.followed);
            let method = match (element, self.policy.unknown) {
                (Some(element), _) => resolved(self.policy.method(element), &element.id),
                (None, _) if nobodys => Method::Keep,
                (None, Unknown::Scan) => Method::Keep,
                (None, Unknown::Suppress) => Method::Suppress,
            };
            let quasi = c.element.as_ref().is_some_and(|id| self.policy.quasi.contains(id));
            let named = c.element.as_ref().is_some_and(|id| self.policy.sensitive.contains(id));
            let sensitive = named && method != Method::Suppress;
            let counted = quasi || (sensitive && self.policy.l.is_some());
            Plan { name: c.column, method, element: c.element, quasi, sensitive, counted, said }
        };
        Ok(inventory.columns.into_iter().map(column).collect())
    }

    fn scan(&self, plans: &[Plan]) -> Result<(Scan<Box<dyn Read>>, RowMasker), Error> {
        let scan = Scan::open(self.source.open()?, self.options, self.taxonomy)?;
        let hints = scan.columns.iter().map(|c| c.hint).collect();
        let masker = Masker::new(self.key, &self.policy.name)?;
        let shifter = Shifter::new(self.key, self.policy, plans)?;
        Ok((scan, RowMasker::new(masker, shifter, Finder::new(self.options.today), hints)))
    }

    /// The input again, for the proof of what becomes of its dates; none when no date is moved.
    fn date_proof(&self, plans: &[Plan]) -> Result<Option<DateProof>, Error> {
        let Some(shifter) = Shifter::new(self.key, self.policy, plans)? else { return Ok(None) };
        let days = self.policy.shift.as_ref().map_or(0, |shift| shift.days);
        let input = Scan::open(self.source.open()?, self.options, self.taxonomy)?;
        DateProof::new(input, shifter, days, plans).map(Some)
    }

    /// How many rows share each set of masked quasi-identifiers, and how varied they are.
    fn count(&self, plans: &[Plan]) -> Result<Groups, Error> {
        let (mut scan, mut rows) = self.scan(plans)?;
        let (mut groups, mut group) = (Groups::new(self.policy), String::new());
        while let Some((_, row)) = scan.next()? {
            rows.mask(plans, &row, None);
            rows.group(plans, &mut group);
            groups.add(&group, rows.sensitive(plans))?;
        }
        Ok(groups)
    }

    fn write(
        &self,
        output: &Path,
        plans: &[Plan],
        groups: Option<&Groups>,
    ) -> Result<(MaskReport, (u8, bool)), Error> {
        let (mut scan, mut rows) = self.scan(plans)?;
        let mut out = Out::new(output, plans, self.options.today, scan.delimiter())?;
        if scan.has_header {
            out.header(plans)?;
        }
        let mut census = Census::new(&scan.columns, self.taxonomy);
        let sensitive = || plans.iter().filter(|p| p.sensitive);
        let mut exposure = Exposure::new(sensitive().map(|p| p.name.clone()).collect());
        let mut group = String::new();
        let mut by_column = vec![0u64; plans.len()];
        let (mut extra_cells, mut rows_below_k) = (0, 0);
        while let Some((number, row)) = scan.next()? {
            row.whole(number)?;
            // What stands beyond the header has no rule: it is left out, and counted.
            extra_cells += row.len().saturating_sub(plans.len()) as u64;
            let told = Told { values: &mut out.values, census: &mut census };
            rows.mask(plans, &row, Some(told));
            rows.group(plans, &mut group);
            let small = groups.is_some_and(|groups| !groups.may_show(&group));
            if small {
                rows_below_k += 1;
                rows.suppress_quasi(plans);
            }
            rows.sweep(plans, &out.values);
            if !group.is_empty() {
                exposure.row((!small).then_some(group.as_str()), rows.sensitive(plans))?;
            }
            for ((cell, count), was) in rows.cells.iter().zip(&mut by_column).zip(row.cells()) {
                *count += u64::from(cell != was);
            }
            out.row(&rows.cells)?;
        }
        out.finish()?;
        let mut changed: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (plan, n) in plans.iter().zip(&by_column).filter(|(_, n)| **n > 0) {
            *changed.entry(plan.method.name()).or_default() += n;
        }
        let written = (scan.delimiter(), scan.has_header);
        let report = MaskReport {
            policy: self.policy.name.clone(),
            policy_sha256: self.policy.sha256.clone(),
            rows: scan.rows(),
            extra_cells,
            columns: plans.iter().map(|p| (p.name.clone(), p.method.name())).collect(),
            changed,
            changed_cells: by_column,
            residue: 0,
            dates_moved: None,
            confirmed: Vec::new(),
            canaries: 0,
            k_anonymity: exposure.k(),
            risk: exposure.finish(),
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

/// The method with what it depends on the element for, looked up once.
fn resolved(method: Method, element: &str) -> Method {
    match (method, value::ends(element)) {
        (Method::Partial { head, tail }, Some((first, last))) => {
            Method::Partial { head: head.or(Some(first)), tail: tail.or(Some(last)) }
        }
        _ => method,
    }
}

#[cfg(test)]
mod confirmed;
#[cfg(test)]
mod dates;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
