//! Masking the adversarial table under every shipped policy: it is released, and no labelled
//! person of it can be read in the output, in any spelling.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod records_common;

use compliance::records::{
    ClassifyOptions, Day, Policy, PolicyKey, Taxonomy, find_cells, mask_file,
};
use records_common::table;

/// Types whose values name or reach a person.
const PERSONAL: [&str; 9] = [
    "NAME",
    "CN_ID",
    "CN_ID15",
    "STUDENT_NO",
    "CN_PHONE",
    "BANK_CARD",
    "EMAIL",
    "PASSPORT",
    "HKMO",
];

/// Letters, digits and Han only, half width, invisible characters gone.
fn bare(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
            c => c,
        })
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect()
}

fn rows(csv: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(csv.as_bytes()).records().map(Result::unwrap).collect()
}

#[test]
fn no_labelled_person_is_left() {
    let (csv, labels) = table(42, 400);
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
    std::fs::write(&input, &csv).unwrap();
    let taxonomy = Taxonomy::embedded().unwrap();
    let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t");
    let before = rows(&csv);
    for name in Policy::names() {
        let policy = Policy::embedded(name).unwrap();
        let key = PolicyKey::new([9; 32]);
        let report = mask_file(&input, &output, &policy, &key, &options, &taxonomy).unwrap();
        assert_eq!((report.rows, report.residue), (400, 0), "{name}");
        let text = std::fs::read_to_string(&output).unwrap();
        let after = rows(&text);
        let mut left = Vec::new();
        for label in labels.iter().filter(|l| PERSONAL.contains(&l.kind)) {
            let cell = &before[label.row as usize][label.col];
            let length = (label.end - label.start) as usize;
            let value: String = cell.chars().skip(label.start as usize).take(length).collect();
            let value = bare(&value);
            if after[label.row as usize].iter().any(|c| bare(c).contains(&value)) {
                left.push((label.kind, label.row, label.col));
            }
        }
        assert!(left.is_empty(), "{name}: {left:?}");
    }
}

#[test]
fn the_finder_finds_nobody_in_a_masked_table() {
    let (csv, _) = table(43, 200);
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
    std::fs::write(&input, csv).unwrap();
    let taxonomy = Taxonomy::embedded().unwrap();
    let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t");
    let policy = Policy::embedded("inter-agency").unwrap();
    mask_file(&input, &output, &policy, &PolicyKey::new([9; 32]), &options, &taxonomy).unwrap();
    let mut personal = 0;
    let masked = std::fs::File::open(&output).unwrap();
    find_cells(masked, &options, &taxonomy, &mut |f| {
        personal += u32::from(["NAME", "CN_ID", "CN_PHONE", "EMAIL"].contains(&f.kind.name()));
    })
    .unwrap();
    assert_eq!(personal, 0);
}
