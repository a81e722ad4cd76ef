//! Finding over an adversarial labelled table: precision and recall per type, with floors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

mod records_common;

use std::collections::BTreeMap;

use compliance::records::{CellFinding, ClassifyOptions, Day, Taxonomy, classify, find_cells};
use records_common::{Label, table};

fn options() -> ClassifyOptions {
    ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "test")
}

fn find(csv: &[u8]) -> Vec<CellFinding> {
    let mut found = Vec::new();
    let taxonomy = Taxonomy::embedded().unwrap();
    find_cells(csv, &options(), &taxonomy, &mut |f| found.push(f)).unwrap();
    found
}

#[derive(Default)]
struct Score {
    hit: u64,
    missed: u64,
    extra: u64,
}

impl Score {
    fn f1(&self) -> f64 {
        2.0 * self.hit as f64 / (2 * self.hit + self.missed + self.extra).max(1) as f64
    }
}

/// A finding is right when type and cell agree and at least nine tenths of both spans overlap.
fn score<'a>(
    labels: &'a [Label],
    found: &[CellFinding],
) -> (BTreeMap<&'a str, Score>, Vec<String>) {
    let mut open: BTreeMap<(u64, usize), Vec<&Label>> = BTreeMap::new();
    for label in labels {
        open.entry((label.row, label.col)).or_default().push(label);
    }
    let mut scores: BTreeMap<&str, Score> = BTreeMap::new();
    let mut notes = Vec::new();
    for f in found {
        let name = f.kind.name();
        let cell = open.entry((f.row, f.col)).or_default();
        let right = cell.iter().position(|l| {
            let common = l.end.min(f.end).saturating_sub(l.start.max(f.start));
            l.kind == name && common * 10 >= (f.end - f.start).max(l.end - l.start) * 9
        });
        let score = scores.entry(name).or_default();
        if let Some(at) = right {
            score.hit += 1;
            cell.remove(at);
        } else {
            score.extra += 1;
            notes.push(format!("extra {name} row {} col {} {}..{}", f.row, f.col, f.start, f.end));
        }
    }
    for label in open.values().flatten() {
        scores.entry(label.kind).or_default().missed += 1;
        notes.push(format!(
            "missed {} row {} col {} {}..{}",
            label.kind, label.row, label.col, label.start, label.end
        ));
    }
    (scores, notes)
}

const FLOORS: &[(&str, f64)] = &[
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
    ("SCHOOL_CODE", 0.95),
    ("IP", 0.95),
];

fn check(title: &str, csv: &[u8], labels: &[Label]) {
    let found = find(csv);
    let (scores, notes) = score(labels, &found);
    let text = String::from_utf8_lossy(csv);
    if std::env::var_os("XUEDUN_SHOW_MISSES").is_some() {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(!title.contains("no header"))
            .from_reader(text.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        for note in notes.iter().take(400) {
            let n: Vec<usize> = note.split(' ').filter_map(|w| w.parse().ok()).collect();
            println!("{note}: {:?}", &rows[n[0]][n[1]]);
        }
    }
    println!("{title}: type, F1, found, missed, extra");
    for (kind, s) in &scores {
        println!("  {kind:12} {:.4} {:6} {:5} {:5}", s.f1(), s.hit, s.missed, s.extra);
    }
    for (kind, floor) in FLOORS {
        let f1 = scores.get(kind).map_or(0.0, Score::f1);
        assert!(f1 >= *floor, "{title}: {kind} F1 {f1:.4} < {floor}");
    }
}

#[test]
fn adversarial_rows_with_headers() {
    let (csv, labels) = table(20_261_124, 2000);
    check("with headers", csv.as_bytes(), &labels);
}

#[test]
fn adversarial_rows_in_gb18030() {
    let (csv, labels) = table(7, 500);
    let (bytes, _, _) = encoding_rs::GB18030.encode(&csv);
    check("GB18030", &bytes, &labels);
}

#[test]
fn adversarial_rows_under_meaningless_headers() {
    let (csv, labels) = table(11, 1000);
    let (_, body) = csv.split_once('\n').unwrap();
    let header: Vec<String> = (0..23).map(|i| format!("f{i}")).collect();
    let csv = format!("{}\n{body}", header.join(","));
    let found = find(csv.as_bytes());
    let (scores, _) = score(&labels, &found);
    println!("meaningless headers: type, F1, found, missed, extra");
    for (kind, s) in &scores {
        println!("  {kind:12} {:.4} {:6} {:5} {:5}", s.f1(), s.hit, s.missed, s.extra);
    }
    for kind in ["CN_ID", "STUDENT_NO", "EMAIL", "BANK_CARD"] {
        assert!(scores[kind].f1() >= 0.95, "{kind} {:.4}", scores[kind].f1());
    }
    for kind in ["NAME", "ADDRESS", "CN_ID15", "LANDLINE", "PLATE", "CN_PHONE"] {
        assert!(scores[kind].f1() >= 0.85, "{kind} {:.4}", scores[kind].f1());
    }
}

#[test]
fn inventory_of_the_table() {
    let (csv, _) = table(3, 300);
    let taxonomy = Taxonomy::embedded().unwrap();
    let inventory = classify(csv.as_bytes(), &options(), &taxonomy).unwrap();
    assert_eq!((inventory.rows, inventory.ragged_rows, inventory.dataset_grade), (300, 0, 4));
    let of = |name: &str| inventory.columns.iter().find(|c| c.column == name).unwrap();
    for (column, element, grade, spi) in [
        ("姓名", "student_name", 2, true),
        ("身份证号", "id_number", 4, true),
        ("学籍号", "student_no", 4, true),
        ("联系电话", "phone", 3, true),
        ("银行卡号", "bank_card", 4, true),
        ("学校标识码", "school_code", 1, false),
    ] {
        let c = of(column);
        assert_eq!(c.element.as_deref(), Some(element), "{column}");
        assert_eq!((c.grade, c.sensitive_pi), (grade, spi), "{column}");
        assert!(c.confidence >= 0.9, "{column}: {}", c.confidence);
    }
    assert_eq!(of("订单号").element, None);
    assert!(of("备注").grade == 4 && of("备注").element.as_deref() == Some("remark"));
    let line = of("姓名").to_json(events::Lang::Zh);
    let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
    let wanted =
        ["column", "element", "grade", "confidence", "sensitive_pi", "rows", "hits", "reasons"];
    assert_eq!(keys, wanted);
}

#[test]
fn nothing_of_a_value_is_in_the_inventory() {
    let (csv, _) = table(5, 50);
    let taxonomy = Taxonomy::embedded().unwrap();
    let inventory = classify(csv.as_bytes(), &options(), &taxonomy).unwrap();
    let json = serde_json::to_string(&inventory).unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    for record in reader.records() {
        let record = record.unwrap();
        assert!(!json.contains(&record[1]) && !json.contains(&record[7]));
    }
}
