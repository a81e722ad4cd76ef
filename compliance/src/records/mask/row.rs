//! Masking one row: each cell by its method, then whatever the row itself told about its persons
//! is taken out of the texts beside it.

use super::Plan;
use super::policy::Method;
use super::residue::{Forbidden, squeeze};
use super::value::Masker;
use crate::records::find::Kind;
use crate::records::find::engine::{Finder, Hint};
use crate::records::table::Row;

/// Masks rows; its buffers are reused.
pub(super) struct RowMasker {
    masker: Masker,
    finder: Finder,
    hints: Vec<Hint>,
    pub(super) cells: Vec<String>,
    squeezed: String,
}

impl RowMasker {
    pub(super) fn new(masker: Masker, finder: Finder, hints: Vec<Hint>) -> Self {
        Self { masker, finder, hints, cells: Vec::new(), squeezed: String::new() }
    }

    /// Masks the cells that have a rule; `only_quasi` leaves the others empty.
    pub(super) fn mask(&mut self, plans: &[Plan], row: &Row<'_>, only_quasi: bool) {
        let width = row.len().min(plans.len());
        self.cells.resize(width, String::new());
        for (col, (plan, out)) in plans.iter().zip(&mut self.cells).enumerate() {
            out.clear();
            if only_quasi && !plan.quasi {
                continue;
            }
            let hint = self.hints.get(col).copied().unwrap_or_default();
            self.masker.mask(plan.method, plan.element.as_deref(), row.cell(col), hint, out);
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

    /// The values of the row that must not be in its output, from the columns that are about
    /// persons.
    pub(super) fn forbidden(&mut self, plans: &[Plan], row: &Row<'_>) -> Vec<Forbidden> {
        let mut forbidden = Vec::new();
        for (col, plan) in plans.iter().enumerate() {
            let hint = self.hints.get(col).copied().unwrap_or_default();
            let cell = row.cell(col);
            if plan.element.is_none() || plan.method == Method::Keep || cell.is_empty() {
                continue;
            }
            for found in self.finder.find(cell, hint) {
                let length = (found.end - found.start) as usize;
                let value: String = cell.chars().skip(found.start as usize).take(length).collect();
                remember(&mut forbidden, found.kind, &value);
            }
        }
        forbidden
    }

    /// Takes these values out of the texts of the row, however they are written there.
    pub(super) fn sweep(&mut self, plans: &[Plan], forbidden: &[Forbidden]) {
        for (cell, _) in self.cells.iter_mut().zip(plans).filter(|(_, plan)| plan.is_text()) {
            if cell.is_empty() {
                continue;
            }
            squeeze(cell, &mut self.squeezed);
            for value in forbidden {
                if !self.squeezed.contains(&value.squeezed) {
                    continue;
                }
                let mark = format!("[{}]", value.kind.name());
                let replaced = cell.replace(&value.written, &mark);
                squeeze(&replaced, &mut self.squeezed);
                // There in another spelling: nothing of this text can stay.
                *cell = if self.squeezed.contains(&value.squeezed) { mark } else { replaced };
                squeeze(cell, &mut self.squeezed);
            }
        }
    }
}

fn remember(forbidden: &mut Vec<Forbidden>, kind: Kind, value: &str) {
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
    let written = value.trim().to_owned();
    let mut squeezed = String::new();
    squeeze(&written, &mut squeezed);
    if squeezed.chars().count() >= chars_min {
        forbidden.push(Forbidden { kind, written, squeezed });
    }
}
