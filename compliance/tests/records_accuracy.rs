//! How well the finder finds, on the labelled set of `records_labelled`: 20,000 rows for each half
//! of its vocabularies. `cargo test -p compliance --release --test records_accuracy -- --nocapture`
//! prints the tables of `docs/records-accuracy.md`; XUEDUN_SHOW_MISSES prints each miss.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod records_labelled;

use compliance::records::{CellFinding, ClassifyOptions, Day, Taxonomy, find_cells};
use records_labelled::score::{Scores, compare, print};
use records_labelled::{Half, Headers, table};

/// The goals of the issue.
const GOALS: &[(&str, f64)] = &[
    ("CN_ID", 0.98),
    ("CN_PHONE", 0.98),
    ("STUDENT_NO", 0.98),
    ("BANK_CARD", 0.98),
    ("EMAIL", 0.98),
    ("BIRTH_DATE", 0.95),
    ("CN_ID15", 0.95),
    ("PASSPORT", 0.95),
    ("HKMO", 0.95),
    ("LANDLINE", 0.95),
    ("PLATE", 0.95),
    ("NAME", 0.90),
    ("ADDRESS", 0.90),
    ("QQ", 0.90),
    ("WECHAT", 0.90),
];

fn rows_each() -> usize {
    std::env::var("XUEDUN_ACCURACY_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
}

/// Ten tables: each manner of headers, with two seeds.
fn measure(half: Half, seed: u64) -> Scores {
    let taxonomy = Taxonomy::embedded().unwrap();
    let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "labelled");
    let mut scores = Scores::new();
    let mut notes = Vec::new();
    for round in 0..2 {
        for (i, headers) in Headers::ALL.iter().enumerate() {
            let table = table(seed + round * 100 + i as u64, rows_each(), half, *headers);
            let mut found: Vec<CellFinding> = Vec::new();
            find_cells(table.csv.as_bytes(), &options, &taxonomy, &mut |f| found.push(f)).unwrap();
            let from = notes.len();
            compare(&table, &found, &mut scores, &mut notes);
            for note in &mut notes[from..] {
                *note = format!("{headers:?} {note}");
            }
        }
    }
    print(&format!("{half:?} words, seed {seed}"), &scores);
    if std::env::var_os("XUEDUN_SHOW_MISSES").is_some() {
        for note in &notes {
            println!("{note}");
        }
    }
    scores
}

fn check(scores: &Scores) {
    for (kind, goal) in GOALS {
        let f1 = scores.get(kind).map_or(0.0, |s| s.f1());
        assert!(f1 >= *goal, "{kind}: F1 {f1:.4} is below the goal {goal}");
    }
}

#[test]
fn words_the_finder_was_improved_on() {
    check(&measure(Half::Seen, 41));
}

#[test]
fn words_held_out() {
    check(&measure(Half::Unseen, 977));
}
