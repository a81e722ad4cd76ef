//! Masking one row: each cell by its method, then whatever the row itself told about its persons
//! is taken out of the texts beside it.

use super::Plan;
use super::policy::Method;
use super::residue::{Values, squeeze};
use super::value::{Masker, Seen};
use crate::records::find::Kind;
use crate::records::find::engine::{Finder, Finding, Hint};
use crate::records::table::Row;

/// Masks rows; its buffers are reused.
pub(super) struct RowMasker {
    masker: Masker,
    finder: Finder,
    hints: Vec<Hint>,
    pub(super) cells: Vec<String>,
    found: Vec<Finding>,
    squeezed: String,
}

impl RowMasker {
    pub(super) fn new(masker: Masker, finder: Finder, hints: Vec<Hint>) -> Self {
        Self {
            masker,
            finder,
            hints,
            cells: Vec::new(),
            found: Vec::new(),
            squeezed: String::new(),
        }
    }

    /// Masks the cells that have a rule. What the columns about persons told is added to `told`;
    /// without it only the quasi-identifiers are masked and the others left empty.
    pub(super) fn mask(&mut self, plans: &[Plan], row: &Row<'_>, mut told: Option<&mut Values>) {
        let width = row.len().min(plans.len());
        self.cells.resize(width, String::new());
        for (col, (plan, out)) in plans.iter().zip(&mut self.cells).enumerate() {
            out.clear();
            let cell = row.cell(col);
            if cell.is_empty() || (told.is_none() && !plan.quasi) {
                continue;
            }
            let hint = self.hints.get(col).copied().unwrap_or_default();
            let personal = plan.element.is_some() && plan.method != Method::Keep;
            // A text of no element is searched as if nothing were known of its column.
            let hint = if plan.element.is_none() { Hint::default() } else { hint };
            self.found.clear();
            if plan.is_text() || (personal && told.is_some()) {
                self.found.extend_from_slice(self.finder.find_in(col, cell, hint));
            }
            if let Some(values) = told.as_deref_mut().filter(|_| personal) {
                for found in &self.found {
                    remember(values, found.kind, part(cell, found));
                }
            }
            let expected = hint != Hint::default();
            let seen = Seen { cell, found: &self.found, expected };
            self.masker.mask(plan.method, plan.element.as_deref(), seen, out);
        }
    }

    /// The quasi-identifiers of the masked row; empty when it has none.
    pub(super) fn group(&self, plans: &[Plan], out: &mut String) {
        out.clear();
        for (cell, _) in self.cells.iter().zip(plans).filter(|(_, p)| p.quasi) {
            out.push_str(cell);
            // A separator that no cell of a sane table holds keeps neighbours apart.
            out.push('\u{1f}');
        }
    }

    /// Leaves the quasi-identifiers out: the row's group is too small to be shown.
    pub(super) fn suppress_quasi(&mut self, plans: &[Plan]) {
        for (cell, _) in self.cells.iter_mut().zip(plans).filter(|(_, p)| p.quasi) {
            cell.clear();
        }
    }

    /// Takes these values out of the texts of the row, however they are written there.
    pub(super) fn sweep(&mut self, plans: &[Plan], values: &Values) {
        for (cell, _) in self.cells.iter_mut().zip(plans).filter(|(_, plan)| plan.is_text()) {
            if cell.is_empty() {
                continue;
            }
            squeeze(cell, &mut self.squeezed);
            for value in values.of(values.rows()) {
                if !self.squeezed.contains(value.squeezed) {
                    continue;
                }
                let mark = format!("[{}]", value.kind.name());
                let replaced = cell.replace(value.written, &mark);
                squeeze(&replaced, &mut self.squeezed);
                // There in another spelling: nothing of this text can stay.
                *cell = if self.squeezed.contains(value.squeezed) { mark } else { replaced };
                squeeze(cell, &mut self.squeezed);
            }
        }
    }
}

/// The characters of a finding.
fn part<'a>(cell: &'a str, found: &Finding) -> &'a str {
    let (start, end) = (found.start as usize, found.end as usize);
    if found.start == 0 && found.whole && cell.is_ascii() && end == cell.len() {
        return cell;
    }
    let mut places = cell.char_indices().map(|(at, _)| at).chain([cell.len()]);
    let from = places.by_ref().nth(start).unwrap_or(cell.len());
    let to = if end > start { places.nth(end - start - 1).unwrap_or(cell.len()) } else { from };
    cell.get(from..to).unwrap_or_default()
}

fn remember(values: &mut Values, kind: Kind, value: &str) {
    let chars_min = match kind {
        Kind::Name => 2,
        Kind::CnId
        | Kind::CnId15
        | Kind::StudentNo
        | Kind::CnPhone
        | Kind::Landline
        | Kind::BankCard
        | Kind::Email
        | Kind::Address
        | Kind::Passport
        | Kind::Hkmo
        | Kind::Qq
        | Kind::Wechat => 7,
        // Dates, plates and numbers of machines and schools stand in other texts by chance.
        _ => return,
    };
    values.push(kind, value, chars_min);
}
