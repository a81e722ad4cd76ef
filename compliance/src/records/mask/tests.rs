use super::second::ends_at_a_district;
use std::fs;

use super::*;
use crate::records::find::Day;

const CSV: &str = "姓名,身份证件号,手机号,班级,出生日期,备注\n\
    张三丰,11010519491231002X,13800138000,七（3）班,1949-12-31,家长电话 13912345678\n\
    李四,110105194912310038,138 0013 8001,七（3）班,1949-12-31,无\n";

pub(super) fn run(
    text: &str,
    policy: &Policy,
) -> (Result<MaskReport, Error>, Option<String>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
    fs::write(&input, text).unwrap();
    let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "t");
    let taxonomy = Taxonomy::embedded().unwrap();
    let key = PolicyKey::new([7; 32]);
    let report = mask_file(&input, &output, policy, &key, &options, &taxonomy);
    let files = fs::read_dir(dir.path()).unwrap().count();
    (report, fs::read_to_string(&output).ok(), files)
}

#[test]
fn nobody_is_left_under_any_shipped_policy() {
    for name in Policy::names() {
        let (report, text, files) = run(CSV, &Policy::embedded(name).unwrap());
        let (report, text) = (report.unwrap(), text.unwrap());
        assert_eq!((report.rows, report.residue, files), (2, 0, 2), "{name}");
        for secret in ["张三丰", "11010519491231002X", "13800138000", "13912345678", "0013"] {
            assert!(!text.contains(secret), "{name}: {secret} in {text}");
        }
    }
}

#[test]
fn an_output_with_a_person_in_it_is_not_released() {
    let policy = Policy::parse(
        "name='t'\ntitle={zh='测',en='t'}\npurpose={zh='测',en='t'}\nk=1\nquasi=[]\nunknown='scan'\n[[rule]]\nelements=['birth_date']\nmethod='keep'",
    )
    .unwrap();
    let (report, text, files) = run("出生日期,班级\n2013-05-06,七（3）班\n", &policy);
    assert!(matches!(report, Err(Error::Residue { total: 1, .. })), "{report:?}");
    assert_eq!((text, files), (None, 1), "nothing is left behind");
}

#[test]
fn a_person_named_beside_a_column_of_names_is_taken_out() {
    let text = "姓名,联系电话,QQ,备注\n\
        张三丰,13800138000,87654321,张三丰今天没来\n\
        李四光,13900139000,12345678,张 三 丰问起李 四 光，号是８７６５４３２１和一二三四五六七八\n";
    for name in ["internal-analysis", "inter-agency"] {
        let (report, out, _) = run(text, &Policy::embedded(name).unwrap());
        assert_eq!(report.unwrap().residue, 0, "{name}");
        let out = out.unwrap();
        assert!(out.contains("[NAME]今天没来"), "{name}: {out}");
        assert!(!out.contains("四 光") && !out.contains("一二三四五"), "{name}: {out}");
    }
}

#[test]
fn groups_below_k_are_not_shown() {
    let policy = Policy::parse(
        "name='t'\ntitle={zh='测',en='t'}\npurpose={zh='测',en='t'}\nk=3\nquasi=['sex','school_name']\nunknown='scan'\n[[rule]]\nelements=['sex','school_name']\nmethod='keep'",
    )
    .unwrap();
    let text = "性别,学校名称\n男,甲校\n男,甲校\n女,乙校\n男,甲校\n女,乙校\n";
    let (report, out, _) = run(text, &policy);
    let report = report.unwrap();
    assert_eq!((report.k_anonymity, report.rows_below_k), (Some(3), 2));
    let out = out.unwrap();
    assert!(!out.contains("乙校") && out.matches("甲校").count() == 3, "{out}");
    assert_eq!(out.lines().count(), 6, "the rows stay");
}

#[test]
fn a_district_is_nobodys_home_but_a_street_is() {
    assert!(ends_at_a_district("浙江省示范市滨湖区", 9));
    assert!(!ends_at_a_district("浙江省示范市滨湖区建设路261号", 16));
    let policy = Policy::embedded("internal-analysis").unwrap();
    let (report, text, _) = run("姓名,家庭住址\n张三丰,浙江省示范市滨湖区建设路261号\n", &policy);
    assert_eq!(report.unwrap().residue, 0);
    assert!(text.unwrap().contains("滨湖区\n"));
}

#[test]
fn ragged_rows_lose_what_has_no_rule() {
    let policy = Policy::embedded("inter-agency").unwrap();
    let text = "姓名,班级\n张三丰,七（3）班,13800138000\n李四\n";
    let (report, text, _) = run(text, &policy);
    assert_eq!(report.unwrap().extra_cells, 1);
    assert!(!text.unwrap().contains("138"));
}

#[test]
fn the_report_says_what_the_output_still_gives_away() {
    let policy = Policy::parse(
        "name='t'\ntitle={zh='测',en='t'}\npurpose={zh='测',en='t'}\nk=2\nquasi=['sex','school_name']\nsensitive=['score']\nunknown='scan'\n[[rule]]\nelements=['sex','school_name']\nmethod='keep'\n[[rule]]\nelements=['score']\nmethod='band'\nwidth=10",
    )
    .unwrap();
    let text = "性别,学校名称,成绩\n男,甲校,81\n男,甲校,89\n女,乙校,75\n女,乙校,92\n男,丙校,60\n";
    let risk = run(text, &policy).0.unwrap().risk.unwrap();
    // 丙校's one row is below k: left out, and a class of one all the same.
    assert_eq!((risk.rows, risk.classes, risk.smallest, risk.prosecutor), (5, 3, 1, 1.0));
    let told = &risk.disclosures.unwrap()[0];
    assert_eq!((told.column.as_str(), told.l), ("成绩", Some(1)), "both of 甲校 are in [80, 90)");
    let none = run("姓名\n张三\n", &policy).0.unwrap();
    assert!(none.risk.is_none());
}

/// Two schools, every sex and score as told, under a policy with these figures.
fn held(figures: &str, rows: &str) -> (Result<MaskReport, Error>, Option<String>) {
    let policy = Policy::parse(&format!(
        "name='t'\ntitle={{zh='测',en='t'}}\npurpose={{zh='测',en='t'}}\n{figures}\nquasi=['sex','school_name']\nsensitive=['score']\nunknown='scan'\n[[rule]]\nelements=['sex','school_name','score']\nmethod='keep'",
    ));
    let (report, out, files) = run(&format!("性别,学校名称,成绩\n{rows}"), &policy.unwrap());
    assert_eq!(files, 1 + usize::from(report.is_ok()), "a refused output leaves nothing behind");
    (report, out)
}

const VARIED: &str = "男,甲校,81\n男,甲校,89\n女,乙校,75\n女,乙校,92\n";
const SAME: &str = "男,甲校,81\n男,甲校,81\n女,乙校,75\n女,乙校,92\n";

#[test]
fn classes_of_too_few_values_are_not_shown_and_the_table_is_held_to_l() {
    let (report, out) = held("k=2\nl=2", VARIED);
    assert_eq!(report.unwrap().rows_below_k, 0);
    assert!(out.unwrap().contains("甲校"));
    // 甲校 all have 81: whoever knows the school knows the score. Left out, they are still a class.
    let (report, out) = held("k=2\nl=2", SAME);
    let error = report.unwrap_err();
    assert_eq!(error.code(), "C024");
    assert!(matches!(error, Error::Diversity { reached: 1, wanted: 2, .. }) && out.is_none());
    // With others that are left out too, they are not told apart any more.
    let (report, out) = held("k=2\nl=2", &format!("{SAME}男,丙校,60\n"));
    let (report, out) = (report.unwrap(), out.unwrap());
    assert_eq!(report.rows_below_k, 3);
    assert!(!out.contains("甲校") && !out.contains("丙校") && out.contains("乙校"), "{out}");
    assert!(held("k=2", SAME).0.is_ok(), "a policy that does not ask is not held");
}

#[test]
fn a_table_is_held_to_t() {
    // In each class two values of four: half of the whole is elsewhere.
    assert!(held("k=2\nt=0.5", VARIED).0.is_ok());
    let (report, out) = held("k=2\nt=0.4", VARIED);
    let error = report.unwrap_err();
    assert_eq!(error.code(), "C025");
    assert!(error.to_string().contains("0.5") && out.is_none(), "{error}");
}
