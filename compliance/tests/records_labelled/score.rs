//! Precision and recall per type: by exact span, and by overlap.

use std::collections::BTreeMap;

use compliance::records::CellFinding;

use super::{Label, Table};

#[derive(Clone, Copy, Default, Debug)]
pub struct Score {
    pub exact: u64,
    pub overlap: u64,
    pub found: u64,
    pub labelled: u64,
}

impl Score {
    pub fn f1(&self) -> f64 {
        2.0 * self.overlap as f64 / (self.found + self.labelled).max(1) as f64
    }

    pub fn f1_exact(&self) -> f64 {
        2.0 * self.exact as f64 / (self.found + self.labelled).max(1) as f64
    }

    pub fn precision(&self) -> f64 {
        self.overlap as f64 / self.found.max(1) as f64
    }

    pub fn recall(&self) -> f64 {
        self.overlap as f64 / self.labelled.max(1) as f64
    }
}

pub type Scores = BTreeMap<&'static str, Score>;

/// Compares, adding to `scores`; each wrong one becomes a line of `notes`.
pub fn compare(table: &Table, found: &[CellFinding], scores: &mut Scores, notes: &mut Vec<String>) {
    let mut open: BTreeMap<(u64, usize), Vec<(&Label, bool)>> = BTreeMap::new();
    for label in &table.labels {
        open.entry((label.row, label.col)).or_default().push((label, false));
        scores.entry(label.kind).or_default().labelled += 1;
    }
    let cell = |row: u64, col: usize| format!("{:?}", table.cells[row as usize][col]);
    for f in found {
        let labels = open.entry((f.row, f.col)).or_default();
        let score = scores.entry(f.kind.name()).or_default();
        score.found += 1;
        let hit = labels.iter_mut().find(|(l, used)| {
            !used && l.kind == f.kind.name() && l.start < f.end && f.start < l.end
        });
        match hit {
            Some((label, used)) => {
                *used = true;
                score.overlap += 1;
                if (label.start, label.end) == (f.start, f.end) {
                    score.exact += 1;
                } else {
                    notes.push(format!(
                        "span  {} {}..{} is {}..{} {}",
                        label.kind,
                        f.start,
                        f.end,
                        label.start,
                        label.end,
                        cell(f.row, f.col)
                    ));
                }
            }
            None => notes.push(format!(
                "extra {} {}..{} col {} {}",
                f.kind.name(),
                f.start,
                f.end,
                f.col,
                cell(f.row, f.col)
            )),
        }
    }
    for (label, used) in open.values().flatten() {
        if !used {
            notes.push(format!(
                "miss  {} {}..{} col {} {}",
                label.kind,
                label.start,
                label.end,
                label.col,
                cell(label.row, label.col)
            ));
        }
    }
}

pub fn print(title: &str, scores: &Scores) {
    println!("| {title} | labelled | precision | recall | F1 | F1, exact span |\n|-|-|-|-|-|-|");
    for (kind, s) in scores {
        println!(
            "| {kind} | {} | {:.4} | {:.4} | {:.4} | {:.4} |",
            s.labelled,
            s.precision(),
            s.recall(),
            s.f1(),
            s.f1_exact()
        );
    }
}
