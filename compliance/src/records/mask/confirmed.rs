//! What persons said of columns, and what masking makes of it: followed, said in the report, and no
//! way around what the row itself tells.

use std::fs;

use events::Timestamp;

use super::*;
use crate::records::find::Day;
use crate::records::{Confirmation, Confirmations, Said};

const TODAY: Day = Day { year: 2026, month: 11, day: 24 };

/// What a person says of columns of a scan of this text.
fn said(text: &str, words: &[(&str, Option<&str>)]) -> Said {
    let taxonomy = Taxonomy::embedded().unwrap();
    let options = ClassifyOptions::new(TODAY, "t");
    let inventory = classify(text.as_bytes(), &options, &taxonomy).unwrap();
    let one = |(column, element): &(&str, Option<&str>)| {
        let column = inventory.columns.iter().find(|c| c.column == *column).unwrap();
        let (said, who) = ((*element, None), ("王老师", "逐行核对"));
        let at = Timestamp::from_secs(1_795_000_000);
        let one = Confirmation::new(("t", column), said, who, at, &taxonomy).unwrap();
        serde_json::to_string(&one).unwrap()
    };
    let lines: Vec<String> = words.iter().map(one).collect();
    Confirmations::parse(&lines.join("\n")).unwrap().of("t")
}

fn run(text: &str, policy: &str, said: Said) -> Result<(MaskReport, String), Error> {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
    fs::write(&input, text).unwrap();
    let options = ClassifyOptions { said, ..ClassifyOptions::new(TODAY, "t") };
    let (taxonomy, key) = (Taxonomy::embedded().unwrap(), PolicyKey::new([7; 32]));
    let policy = Policy::embedded(policy).unwrap();
    let done = mask_file(&input, &output, &policy, &key, &options, &taxonomy);
    assert_eq!(done.is_ok(), output.exists(), "nothing is left of what is not released");
    done.map(|report| (report, fs::read_to_string(output).unwrap()))
}

/// Serial numbers that look like mobile phones, and results of a test.
fn table(rows: usize) -> String {
    let row = |n: usize| format!("{},139{:08},阴性{}\n", name(n), 10_000_000 + n * 7_919, n % 3);
    format!("姓名,机号,结果\n{}", (0..rows).map(row).collect::<String>())
}

fn name(n: usize) -> String {
    let given = ["伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋"];
    format!("{}{}{}", ["王", "李", "张", "刘"][n % 4], given[n % 10], given[n / 10 % 10])
}

#[test]
fn a_confirmed_element_wins_over_the_scan() {
    let text = table(40);
    let (before, _) = run(&text, "inter-agency", Said::default()).unwrap();
    assert!(before.confirmed.is_empty());
    let method = |report: &MaskReport, n: usize| report.columns[n].1;
    assert_eq!((method(&before, 1), method(&before, 2)), ("partial", "keep"));
    let words = said(&text, &[("结果", Some("health"))]);
    let (report, out) = run(&text, "inter-agency", words).unwrap();
    assert_eq!(method(&report, 2), "suppress");
    assert!(!out.contains("阴性"), "{out}");
    let told = &report.confirmed[0];
    assert_eq!((told.column.as_str(), told.element.as_deref()), ("结果", Some("health")));
    assert!(
        told.followed && told.found.is_none() && told.allowed.is_empty() && told.by == "王老师"
    );
}

#[test]
fn a_column_said_to_be_nobodys_is_left_and_the_proof_says_what_that_let_pass() {
    let text = table(40);
    for policy in ["inter-agency", "internal-analysis"] {
        let (report, out) = run(&text, policy, said(&text, &[("机号", None)])).unwrap();
        assert!(out.contains("13910000000") && out.contains("13910308841"), "{policy}: {out}");
        assert!(!out.contains("王伟伟"), "the others are masked as before: {out}");
        let told = &report.confirmed[0];
        assert_eq!(told.allowed.get("CN_PHONE"), Some(&40), "{policy}: {told:?}");
        assert_eq!((told.element.as_deref(), told.found.as_deref()), (None, Some("phone")));
        assert_eq!(report.residue, 0);
    }
}

#[test]
fn no_word_lets_pass_what_the_row_tells_of_its_person() {
    let mut text = String::from("姓名,手机号,机号\n");
    for n in 0..40 {
        let phone = format!("139{:08}", 10_000_000 + n * 7_919);
        let serial = if n == 7 { phone.clone() } else { format!("138{:08}", 20_000_000 + n * 7) };
        text.push_str(&format!("{},{phone},{serial}\n", name(n)));
    }
    let done = run(&text, "inter-agency", said(&text, &[("机号", None)]));
    let Err(Error::Residue { total, samples }) = done else { panic!("{done:?}") };
    assert_eq!((total, samples[0].row, samples[0].col), (1, 7, 2));
}

#[test]
fn a_column_that_became_another_is_masked_as_the_scan_has_it() {
    let words = said("姓名,机号\n王伟,甲\n李芳,乙\n", &[("机号", None)]);
    let text = table(40);
    let (report, out) = run(&text, "inter-agency", words).unwrap();
    assert!(!out.contains("13910000000"), "{out}");
    let told = &report.confirmed[0];
    assert!(!told.followed && told.found.as_deref() == Some("phone"), "{told:?}");
    assert_eq!(report.columns[1].1, "partial");
}
