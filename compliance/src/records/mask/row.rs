//! Masking one row: each cell by its method, then whatever the row itself told about its persons
//! is taken out of the texts beside it.

use super::Plan;
use super::grams::Grams;
use super::policy::Method;
use super::residue::Values;
use super::shift::Shifter;
use super::squeeze::squeeze;
use super::value::{Masker, Seen};
use crate::records::classify::Census;
use crate::records::find::Kind;
use crate::records::find::engine::{Finder, Finding, Hint};
use crate::records::table::Row;

/// Masks rows; its buffers are reused.
pub(super) struct RowMasker {
    masker: Masker,
    finder: Finder,
    hints: Vec<Hint>,
    shifter: Option<Shifter>,
    pub(super) cells: Vec<String>,
    squeezed: String,
    grams: Grams,
}

/// What the rows tell while they are masked.
pub(super) struct Told<'a> {
    /// The values of the columns about persons.
    pub(super) values: &'a mut Values,
    /// What is in every column.
    pub(super) census: &'a mut Census,
}

impl RowMasker {
    pub(super) fn new(
        masker: Masker,
        shifter: Option<Shifter>,
        finder: Finder,
        hints: Vec<Hint>,
    ) -> Self {
        Self {
            masker,
            finder,
            hints,
            shifter,
            cells: Vec::new(),
            squeezed: String::new(),
            grams: Grams::default(),
        }
    }

    /// Masks the cells that have a rule. Without `told` only what decides about classes is masked
    /// and the others left empty.
    pub(super) fn mask(&mut self, plans: &[Plan], row: &Row<'_>, mut told: Option<Told<'_>>) {
        let width = row.len().min(plans.len());
        self.cells.resize(width, String::new());
        self.masker.moved = self.shifter.as_mut().and_then(|s| s.of(row));
        for ((col, cell), (plan, out)) in
            row.cells().enumerate().zip(plans.iter().zip(&mut self.cells))
        {
            out.clear();
            if cell.is_empty() || (told.is_none() && !plan.counted) {
                continue;
            }
            let own = self.hints.get(col).copied().unwrap_or_default();
            let personal = plan.element.is_some() && plan.method != Method::Keep;
            // A text of no element is searched as if nothing were known of its column.
            let hint = if plan.element.is_none() { Hint::default() } else { own };
            if let Some(told) = &mut told
                && !cell.trim_ascii().is_empty()
            {
                self.finder.find_in(col, cell, own);
                told.census.cell(col, &self.finder);
                if hint != own {
                    self.finder.find(cell, hint);
                }
            } else if plan.is_text() {
                self.finder.find_in(col, cell, hint);
            } else {
                self.finder.forget();
            }
            let found = self.finder.found();
            if let Some(told) = told.as_mut().filter(|_| personal) {
                for found in found {
                    remember(told.values, found.kind, part(cell, found));
                }
            }
            let found = if personal || plan.is_text() { found } else { &[] };
            let seen = Seen { cell, found, expected: hint != Hint::default() };
            self.masker.mask(plan.method, plan.element.as_deref(), seen, out);
        }
        if let Some(told) = told {
            told.census.end_row();
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

    /// The cells of the sensitive columns, as they are released.
    pub(super) fn sensitive<'a>(&'a self, plans: &'a [Plan]) -> impl Iterator<Item = &'a str> {
        self.cells.iter().zip(plans).filter(|(_, p)| p.sensitive).map(|(cell, _)| cell.as_str())
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
            self.grams.load(self.squeezed.as_bytes());
            for value in values.of(values.rows()) {
                if !self.grams.may_hold(value.squeezed) || !self.squeezed.contains(value.squeezed) {
                    continue;
                }
                let mark = format!("[{}]", value.kind.name());
                let replaced = cell.replace(value.written, &mark);
                squeeze(&replaced, &mut self.squeezed);
                // There in another spelling: nothing of this text can stay.
                *cell = if self.squeezed.contains(value.squeezed) { mark } else { replaced };
                squeeze(cell, &mut self.squeezed);
                self.grams.load(self.squeezed.as_bytes());
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
