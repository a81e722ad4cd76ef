//! Dates moved and proved, through whole files.

use std::fs;

use super::tests::run;
use super::*;
use crate::records::find::Day;

/// A policy that moves birth dates; more of it as told.
fn policy(more: &str) -> Policy {
    Policy::parse(&format!(
        "name='t'\ntitle={{zh='测',en='t'}}\npurpose={{zh='测',en='t'}}\nunknown='scan'\nshift={{days=30,by=['student_no','id_number']}}\n{more}\n[[rule]]\nelements=['birth_date']\nmethod='date_shift'\n[[rule]]\nelements=['id_number','student_no']\nmethod='pseudonym'\n[[rule]]\nelements=['sex']\nmethod='keep'",
    ))
    .unwrap()
}

const PLAIN: &str = "k=1\nquasi=[]";

const TABLE: &str = "学籍号,出生日期,备注\n\
    G11010519491231002X,1949-12-31,无\n\
    G330106201103050112,2011/3/5,见2011年3月5日出生证明\n\
    G110105194912310038,1949年12月31日,\n";

fn dates(text: &str, col: usize) -> Vec<String> {
    text.lines().skip(1).map(|l| l.split(',').nth(col).unwrap().to_owned()).collect()
}

#[test]
fn dates_are_moved_and_the_report_proves_it() {
    let (report, text, _) = run(TABLE, &policy(PLAIN));
    let (report, text) = (report.unwrap(), text.unwrap());
    let told = DatesMoved {
        days_max: 30,
        by: vec!["学籍号".into()],
        columns: vec!["出生日期".into()],
        cells: 3,
        emptied: 0,
    };
    assert_eq!((report.dates_moved, report.residue), (Some(told), 0));
    for (was, is) in dates(TABLE, 1).iter().zip(dates(&text, 1)) {
        let by = shift::day_of(&is).unwrap().ordinal() - shift::day_of(was).unwrap().ordinal();
        assert!(by != 0 && by.abs() <= 30, "{was}: {is}");
    }
    assert!(text.contains("[BIRTH_DATE]") && !text.contains("3月5日"), "{text}");
    // The same persons in another table, by their ids: moved alike, so intervals stay.
    let other =
        "身份证件号,出生日期\n330106201103050112,2011-03-15\n11010519491231002X,1950-01-10\n";
    let (_, again, _) = run(other, &policy(PLAIN));
    let (one, two) = (dates(&text, 1), dates(&again.unwrap(), 1));
    let day = |text: &str| shift::day_of(text).unwrap().ordinal();
    assert_eq!((day(&two[0]) - day(&one[1]), day(&two[1]) - day(&one[0])), (10, 10));
}

#[test]
fn what_cannot_be_moved_is_left_out_and_counted() {
    let text = "学籍号,出生日期\nG11010519491231002X,2011-03\n,2011-03-05\nG110105194912310038,2011-03-05\n\
        G330106201103050112,\nG110105194912310038,2011年03月05日\n";
    let (report, out, _) = run(text, &policy(PLAIN));
    let moved = report.unwrap().dates_moved.unwrap();
    assert_eq!((moved.cells, moved.emptied), (2, 2));
    let out = dates(&out.unwrap(), 1);
    assert_eq!((out[0].as_str(), out[1].as_str(), out[3].as_str()), ("", "", ""));
    assert_eq!(shift::day_of(&out[2]), shift::day_of(&out[4]));
}

#[test]
fn moved_dates_are_quasi_identifiers_where_the_policy_says_so() {
    let more = "k=2\nquasi=['sex','birth_date']";
    let text = "学籍号,性别,出生日期\nG11010519491231002X,男,2011-03-05\nG11010519491231002X,男,2011-03-05\nG110105194912310038,女,2011-03-05\n";
    let (report, out, _) = run(text, &policy(more));
    let report = report.unwrap();
    assert_eq!((report.k_anonymity, report.rows_below_k), (Some(2), 1));
    let moved = report.dates_moved.unwrap();
    assert_eq!((moved.cells, moved.emptied), (2, 1));
    assert!(out.unwrap().lines().nth(3).unwrap().ends_with(",,"));
}

#[test]
fn a_table_that_says_of_nobody_is_refused() {
    let (report, out, files) = run("性别,出生日期\n男,2011-03-05\n", &policy(PLAIN));
    let error = report.unwrap_err();
    assert_eq!((error.code(), out, files), ("C027", None, 1));
}

/// Reads `output` beside TABLE as the second scan does.
fn scanned(output: &str, proved: bool) -> Result<(String, Option<DatesMoved>), Error> {
    let dir = tempfile::tempdir().unwrap();
    let (input, path) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
    fs::write(&input, TABLE).unwrap();
    fs::write(&path, output).unwrap();
    let mut options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t");
    options.header = Some(true);
    let (taxonomy, policy) = (Taxonomy::embedded().unwrap(), policy(PLAIN));
    let (source, key) = (Source::one(&input, None).unwrap(), PolicyKey::new([7; 32]));
    let (source, policy, key, options, taxonomy) = (&source, &policy, &key, &options, &taxonomy);
    let job = Job { source, policy, key, options, taxonomy };
    let proof = if proved { job.date_proof(&job.plan()?)? } else { None };
    scan_again(&path, (b',', true), options, taxonomy, (proof, &mut []))
}

#[test]
fn a_date_that_is_not_the_one_of_the_key_is_not_released() {
    let (_, text, _) = run(TABLE, &policy(PLAIN));
    let good = text.unwrap();
    assert_eq!(scanned(&good, true).unwrap().1.unwrap().cells, 3);
    // Without the proof a moved date is a birth date like any other.
    assert!(matches!(scanned(&good, false), Err(Error::Residue { total: 3, .. })));
    let dates = dates(&good, 1);
    let replaced = |was: &str, is: &str| good.replacen(was, is, 1);
    let next = |date: &str, by: i64| {
        let mut out = String::new();
        assert!(shift::moved(date, by, &mut out));
        out
    };
    for (bad, place) in [
        (replaced(&dates[0], "1949-12-31"), (0, 1)),
        (replaced(&dates[1], "2011/3/5"), (1, 1)),
        (replaced(&dates[0], &next(&dates[0], 1)), (0, 1)),
        (replaced(&dates[1], &next(&dates[1], -1)), (1, 1)),
        (replaced(&dates[1], &next(&dates[1], 365)), (1, 1)),
        (replaced(&dates[0], &format!("{} 张三丰", dates[0])), (0, 1)),
        (replaced(&dates[0], "2011"), (0, 1)),
        // Rows that are no longer beside theirs, too many, too few.
        (
            good.lines()
                .enumerate()
                .filter(|(n, _)| *n != 1)
                .map(|(_, l)| format!("{l}\n"))
                .collect(),
            (0, 1),
        ),
        (format!("{good}x,,\n"), (3, 0)),
        (good.lines().take(3).map(|l| format!("{l}\n")).collect(), (2, 0)),
    ] {
        let refused = scanned(&bad, true);
        let at = match &refused {
            Err(Error::DateNotMoved { row, col }) => Some((*row, *col)),
            _ => None,
        };
        assert_eq!(at, Some(place), "{bad}\n{refused:?}");
    }
    // A birth date anywhere else, and anybody in the proved rows, is what it always was.
    let elsewhere = replaced(",无\n", ",2011年3月5日出生\n");
    assert!(matches!(scanned(&elsewhere, true), Err(Error::Residue { total: 1, .. })));
    let planted = replaced(",无\n", ",电话13800138000\n");
    assert!(matches!(scanned(&planted, true), Err(Error::Residue { total: 1, .. })));
}
