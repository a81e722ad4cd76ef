//! Student records by the built program: protect, erase one person, bring a backup of the keys back,
//! change the root key; a table by its name; findings without the program's own words.

#![allow(clippy::unwrap_used, reason = "a test that cannot run the program must fail")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const CSV: &str = "编号,姓名,身份证件号,手机号\n\
    1,张三丰,11010519491231002X,13800138000\n\
    2,李四,110105194912310038,13800138001\n\
    3,张三丰,11010519491231002X,13900139000\n";

fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xuedun"));
    command.current_dir(dir).args(["--lang", "en"]).args(args).output().unwrap()
}

/// Runs it, with the exit code that is wanted; what it printed.
fn ok(dir: &Path, code: i32, args: &[&str]) -> String {
    let done = run(dir, args);
    let (out, err) = (String::from_utf8(done.stdout), String::from_utf8_lossy(&done.stderr));
    let out = out.unwrap();
    assert_eq!(done.status.code(), Some(code), "{args:?}: {out}{err}");
    out
}

fn revealed(dir: &Path) -> String {
    let reveal = ["reveal", "sealed.csv", "--out", "open.csv", "--purpose", "test"];
    ok(dir, 0, &[&reveal[..], &["--dataset", "d", "--row-key", "编号"]].concat());
    fs::read_to_string(dir.join("open.csv")).unwrap()
}

#[test]
fn one_person_is_erased_for_good_and_the_root_changes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("in.csv"), CSV).unwrap();
    fs::write(dir.join("who"), "张三丰\n").unwrap();
    let protect = ["protect", "in.csv", "--out", "sealed.csv", "--dataset", "d", "--data", "log"];
    let columns = ["--subject", "姓名", "--row-key", "编号", "--column", "手机号"];
    ok(dir, 0, &[&protect[..], &columns, &["--column", "身份证件号"]].concat());
    assert_eq!(ok(dir, 0, &["keys", "list"]), "d\n");
    let open = ok(dir, 0, &["classify", "in.csv"]);
    assert!(
        open.contains("field encryption of core data 0.00 % (cells 0/6, columns 0/2)"),
        "{open}"
    );
    let sealed = ok(dir, 0, &["classify", "sealed.csv"]);
    assert!(sealed.contains("core data 100.00 % (cells 6/6, columns 2/2)"), "{sealed}");
    assert_eq!(revealed(dir), CSV);
    let backup = fs::read(dir.join("xuedun-keys.json.1")).unwrap();

    let erase = ["keys", "erase", "--dataset", "d", "--subject-file", "who", "--data", "log"];
    let told = ok(dir, 0, &[&erase[..], &["--json"]].concat());
    assert!(told.contains("\"keys\":1") && !told.contains("张三丰"), "{told}");
    ok(dir, 1, &erase);
    let (gone, kept) = (["13800138000", "13900139000"], ["13800138001", "110105194912310038"]);
    let text = revealed(dir);
    assert!(gone.iter().all(|v| !text.contains(v)) && kept.iter().all(|v| text.contains(v)));

    // A backup of the keys brings the person back, until the log's erasures are repeated.
    fs::write(dir.join("xuedun-keys.json.1"), backup).unwrap();
    assert!(gone.iter().all(|v| revealed(dir).contains(v)));
    assert!(ok(dir, 0, &["keys", "reapply", "--data", "log"]).contains("1 / 1 / 0"));
    let text = revealed(dir);
    assert!(gone.iter().all(|v| !text.contains(v)) && kept.iter().all(|v| text.contains(v)));

    let old = fs::read(dir.join("xuedun-keys.json")).unwrap();
    ok(dir, 0, &["keys", "rotate", "--new-root-key", "new.key", "--data", "log"]);
    let closed = run(dir, &["keys", "list"]);
    assert!(String::from_utf8_lossy(&closed.stderr).contains("C031"));
    fs::rename(dir.join("new.key"), dir.join("xuedun-root.key")).unwrap();
    assert_eq!(revealed(dir), text);
    // Key stores from before the change stay closed under the new root.
    fs::write(dir.join("xuedun-keys.json"), old).unwrap();
    assert!(String::from_utf8_lossy(&run(dir, &["keys", "list"]).stderr).contains("C031"));

    // What was done is in the log; what was said of persons is not.
    let mut log = Vec::new();
    for file in walk(&dir.join("log")) {
        log.extend(fs::read(file).unwrap());
    }
    let log = String::from_utf8_lossy(&log);
    for kind in ["records.protected", "records.erased", "records.rewrapped"] {
        assert!(log.contains(kind), "{kind}");
    }
    assert!(!log.contains("张三丰") && !log.contains("13800138000"));
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|p| if p.is_dir() { walk(&p) } else { vec![p] }).collect()
}

#[test]
fn nothing_is_made_when_keys_should_be_there() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("who"), "x").unwrap();
    let erase = ["keys", "erase", "--dataset", "d", "--subject-file", "who", "--data", "log"];
    ok(dir.path(), 4, &erase);
    ok(dir.path(), 4, &["keys", "list"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no key store, no root key, no log");
}

#[test]
fn one_table_of_a_dump_is_masked_and_protected_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let dump = "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\n\
        CREATE TABLE s (姓名 text, 手机号 text);\n\
        INSERT INTO s VALUES ('张三丰','13800138000'),('李四','13800138001');\n";
    fs::write(dir.path().join("dump.sql"), dump).unwrap();
    ok(dir.path(), 4, &["mask", "dump.sql", "--policy", "inter-agency", "--out", "m.csv"]);
    let mask = ["mask", "dump.sql", "--table", "s", "--policy", "inter-agency", "--out", "m.csv"];
    ok(dir.path(), 0, &mask);
    let masked = fs::read_to_string(dir.path().join("m.csv")).unwrap();
    assert!(masked.lines().count() == 3 && !masked.contains("138001380"), "{masked}");
    let protect = ["protect", "dump.sql", "--table", "s", "--column", "手机号", "--out", "p.csv"];
    ok(dir.path(), 0, &protect);
    let sealed = fs::read_to_string(dir.path().join("p.csv")).unwrap();
    assert!(sealed.contains("李四") && sealed.matches("xd1:").count() == 2, "{sealed}");
}

#[test]
fn findings_are_told_by_the_types_of_the_taxonomy() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("in.csv"), CSV).unwrap();
    let cells = ok(dir.path(), 0, &["classify", "in.csv", "--cells"]);
    assert!(cells.contains("0\t2\tCN_ID\t0..18") && !cells.contains("CnId"), "{cells}");
}

#[test]
fn an_inventory_is_kept_and_the_next_scan_compared_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("in.csv"), "班级,备注\n七（1）班,无\n").unwrap();
    ok(dir, 0, &["classify", "in.csv", "--report", "last.json"]);
    ok(dir, 0, &["classify", "in.csv", "--since", "last.json"]);
    fs::write(dir.join("in.csv"), CSV).unwrap();
    let told = ok(dir, 1, &["classify", "in.csv", "--since", "last.json", "--report", "now.html"]);
    assert!(told.contains("new column: identity document number"), "{told}");
    let page = fs::read_to_string(dir.join("now.html")).unwrap();
    assert!(page.contains("new column: identity document number") && !page.contains("张三丰"));
    ok(dir, 0, &["classify", "in.csv", "--report", "now.xlsx"]);
    assert!(fs::read(dir.join("now.xlsx")).unwrap().starts_with(b"PK"));
    ok(dir, 2, &["classify", "in.csv", "--report", "now.pdf"]);
    ok(dir, 2, &["classify", "in.csv", "--since", "in.csv"]);
}

#[test]
fn a_masked_copy_says_what_it_still_gives_away() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String =
        (0..40).map(|n| format!("{},甲校,{}\n", ["男", "女"][n % 2], 60 + n)).collect();
    fs::write(dir.path().join("in.csv"), format!("性别,学校名称,成绩\n{rows}")).unwrap();
    let mask = ["mask", "in.csv", "--policy", "inter-agency", "--out", "m.csv"];
    let told = ok(dir.path(), 0, &[&mask[..], &["--population", "400"]].concat());
    assert!(told.contains("prosecutor, at most 5.00 %"), "{told}");
    assert!(told.contains("journalist, at most 0.50 %") && told.contains("l = "), "{told}");
}

#[test]
fn a_photograph_is_sealed_whole_and_opened_for_a_purpose() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let photo: Vec<u8> = (0..200_000u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
    fs::write(dir.join("photo.jpg"), &photo).unwrap();
    let protect =
        ["protect", "photo.jpg", "--whole", "--algorithm", "sm4-gcm", "--out", "photo.xds"];
    ok(dir, 0, &[&protect[..], &["--dataset", "p", "--data", "log"]].concat());
    let reveal = ["reveal", "photo.xds", "--dataset", "p", "--data", "log", "--out", "open.jpg"];
    ok(dir, 2, &reveal);
    ok(dir, 0, &[&reveal[..], &["--purpose", "核验"]].concat());
    assert_eq!(fs::read(dir.join("open.jpg")).unwrap(), photo);
    let mut sealed = fs::read(dir.join("photo.xds")).unwrap();
    sealed.truncate(sealed.len() - 1);
    fs::write(dir.join("photo.xds"), sealed).unwrap();
    let cut = ["reveal", "photo.xds", "--dataset", "p", "--out", "cut.jpg", "--purpose", "核验"];
    let done = run(dir, &cut);
    assert!(String::from_utf8_lossy(&done.stderr).contains("C046"));
    assert!(!dir.join("cut.jpg").exists() && !dir.join("cut.jpg.part").exists());
}

#[test]
fn masking_and_protecting_follow_a_persons_word_and_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let rows: String =
        (0..40).map(|n| format!("{n},139{:08},说明{n}\n", 10_000_000 + n * 7_919)).collect();
    fs::write(dir.join("in.csv"), format!("编号,机号,情况\n{rows}")).unwrap();
    ok(dir, 0, &["classify", "in.csv", "--report", "list.json"]);
    let set = ["confirm", "set", "--file", "said.jsonl", "--inventory", "list.json"];
    let who = ["--by", "wang", "--why", "serials of devices"];
    ok(dir, 0, &[&set[..], &who, &["--column", "机号", "--not-personal"]].concat());
    ok(dir, 0, &[&set[..], &who, &["--column", "情况", "--element", "health"]].concat());

    let mask = ["mask", "in.csv", "--policy", "inter-agency", "--out", "m.csv"];
    ok(dir, 0, &mask);
    assert!(!fs::read_to_string(dir.join("m.csv")).unwrap().contains("13910000000"));
    let follow = ["--confirmed", "said.jsonl", "--data", "log"];
    let told = ok(dir, 0, &[&mask[..], &follow].concat());
    assert!(told.contains("passed by the second scan for it: CN_PHONE 40"), "{told}");
    let masked = fs::read_to_string(dir.join("m.csv")).unwrap();
    assert!(masked.contains("13910000000") && !masked.contains("说明"), "{masked}");

    let protect = ["protect", "in.csv", "--out", "p.csv", "--dataset", "d", "--json"];
    let told = ok(dir, 0, &protect);
    assert!(told.contains("\"columns\":[\"机号\"]"), "{told}");
    let told = ok(dir, 0, &[&protect[..], &follow].concat());
    assert!(told.contains("\"columns\":[\"情况\"]") && told.contains("\"by\":\"wang\""), "{told}");
    let sealed = fs::read_to_string(dir.join("p.csv")).unwrap();
    assert!(sealed.contains("13910000000") && !sealed.contains("说明"), "{sealed}");

    let leaves: Vec<u8> =
        walk(&dir.join("log")).iter().flat_map(|p| fs::read(p).unwrap()).collect();
    let leaves = String::from_utf8_lossy(&leaves);
    assert!(leaves.contains("\"allowed\":{\"CN_PHONE\":40}") && leaves.contains("\"by\":\"wang\""));
    assert!(!leaves.contains("13910000000"));
}
