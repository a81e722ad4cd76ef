//! Student records at speed: classify, mask and protect over generated rows, each figure beside its
//! limit or peer in the same run. `cargo bench -p compliance --bench records -- [ROWS] [PART…]`;
//! parts: classify mask protect aead. Prints CPU seconds, MB/s of input and the peak of memory.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a measurement, not the product"
)]

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use compliance::records::find::validate::id_check;
use compliance::records::protect::{Algorithm, KeyRing, ProtectOptions, Root, protect_file};
use compliance::records::{ClassifyOptions, Day, Policy, PolicyKey, Taxonomy, classify, mask_file};
use ring::rand::SystemRandom;

/// Rows as a school's export has them: twelve columns, free text in the last.
fn generate(path: &Path, rows: u64) {
    const SURNAMES: &[&str] = &[
        "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "朱", "高", "林",
        "何",
    ];
    const GIVEN: &[&str] = &[
        "伟", "芳", "娜", "敏", "静", "强", "磊", "洋", "艳", "勇", "杰", "涛", "明", "超", "霞",
        "平", "梓", "涵", "宇", "轩", "欣", "怡",
    ];
    const REGIONS: &[&str] = &["330106", "320105", "110108", "440305", "510107", "420106"];
    let mut state = 0x9E37_79B9u64;
    let mut below = |n: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % n as u64) as usize
    };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    writeln!(out, "姓名,性别,身份证件号,学籍号,出生日期,班级,家庭住址,监护人姓名,监护人电话,银行卡号,语文,备注").unwrap();
    for row in 0..rows {
        let (y, m, d) = (2006 + below(13), 1 + below(12), 1 + below(28));
        let body = format!("{}{y}{m:02}{d:02}{:03}", REGIONS[below(REGIONS.len())], below(1000));
        let id = format!("{body}{}", char::from(id_check(body.as_bytes()).unwrap()));
        let mut name = || {
            format!(
                "{}{}{}",
                SURNAMES[below(SURNAMES.len())],
                GIVEN[below(GIVEN.len())],
                GIVEN[below(GIVEN.len())]
            )
        };
        let (own, guardian) = (name(), name());
        let phone = format!("138{:08}", below(100_000_000));
        let remark = match below(5) {
            0 => String::new(),
            1 => "无".to_owned(),
            2 => "表现良好，按时完成作业".to_owned(),
            3 => format!("家长{guardian}来电{phone}，反映情况"),
            _ => "请假一天".to_owned(),
        };
        writeln!(
            out,
            "{own},{},{id},G{id},{y}-{m:02}-{d:02},七（{}）班,浙江省杭州市西湖区文三路{}号{}幢{}室,{guardian},{phone},62220212{:011},{},{remark}",
            if row % 2 == 0 { "男" } else { "女" },
            1 + below(16), 1 + below(300), 1 + below(20), 101 + below(900), below(100_000_000_000), 40 + below(61),
        )
        .unwrap();
    }
    out.flush().unwrap();
}

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (after[11].parse::<f64>().unwrap() + after[12].parse::<f64>().unwrap()) / 100.0
}

fn peak_kb() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .to_owned()
}

fn timed<T>(what: &str, megabytes: f64, work: impl FnOnce() -> T) -> (T, f64) {
    let from = cpu();
    let done = work();
    let seconds = cpu() - from;
    println!(
        "{what:32} {seconds:8.2} CPU s {:8.1} MB/s   peak {} kB",
        megabytes / seconds,
        peak_kb()
    );
    (done, seconds)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let rows: u64 = args.first().and_then(|a| a.parse().ok()).unwrap_or(1_000_000);
    let wants = |part: &str| args.len() < 2 || args.iter().any(|a| a == part);
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in.csv"), dir.path().join("out.csv"));
    generate(&input, rows);
    let megabytes = std::fs::metadata(&input).unwrap().len() as f64 / 1e6;
    println!("{rows} rows, {megabytes:.1} MB, 12 columns");
    let taxonomy = Taxonomy::embedded().unwrap();
    let options = ClassifyOptions::new(Day::new(2026, 11, 24).unwrap(), "bench");
    let mut spent = 0.0;
    if wants("classify") {
        let open = || std::io::BufReader::with_capacity(1 << 20, File::open(&input).unwrap());
        spent += timed("classify", megabytes, || classify(open(), &options, &taxonomy).unwrap()).1;
    }
    if wants("mask") {
        let policy = Policy::embedded("internal-analysis").unwrap();
        let key = PolicyKey::new([7; 32]);
        let run = || mask_file(&input, &output, &policy, &key, &options, &taxonomy).unwrap();
        spent += timed("mask, second scan included", megabytes, run).1;
        println!("{:32} {spent:8.2} CPU s {:8.1} MB/s", "classify + mask", megabytes / spent);
    }
    if wants("protect") {
        protect(dir.path(), &input, &output, megabytes, &options, &taxonomy);
    }
}

/// Eight sealed columns beside the AEAD alone on the same cells.
fn protect(
    dir: &Path,
    input: &Path,
    output: &Path,
    megabytes: f64,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) {
    let columns = [
        "姓名",
        "身份证件号",
        "出生日期",
        "家庭住址",
        "监护人姓名",
        "监护人电话",
        "银行卡号",
        "备注",
    ];
    let mut cells: Vec<Vec<u8>> = Vec::new();
    let mut reader = csv::Reader::from_path(input).unwrap();
    let places = [0usize, 2, 4, 6, 7, 8, 9, 11];
    for record in reader.records().take(100_000) {
        let record = record.unwrap();
        cells.extend(
            places.iter().map(|i| record[*i].as_bytes().to_vec()).filter(|c| !c.is_empty()),
        );
    }
    let random = SystemRandom::new();
    for (name, algorithm) in [("AES-256-GCM", Algorithm::Aes256Gcm), ("SM4-GCM", Algorithm::Sm4Gcm)]
    {
        let (_, limit) =
            timed(&format!("raw {name}, 100 000 rows"), 0.0, || raw(algorithm, &cells));
        let per_cell = limit / cells.len() as f64;
        let protect = ProtectOptions {
            index: Vec::new(),
            dataset: "bench".into(),
            columns: columns.iter().map(ToString::to_string).collect(),
            subject: Some("学籍号".into()),
            row_key: None,
            algorithm,
            classify: options.clone(),
        };
        let keys = dir.join(format!("{name}.keys"));
        let root = Root::key([3; 32]);
        let mut ring = KeyRing::open(&keys, &root, &random).unwrap();
        let run = || protect_file(input, output, &mut ring, &protect, taxonomy, &random).unwrap();
        let (report, seconds) = timed(&format!("protect, {name}, 8 columns"), megabytes, run);
        println!(
            "{:32} {:.0} ns a cell, the AEAD alone {:.0} ns: {:.0} % of its speed ({} cells, {} subjects)",
            "",
            seconds / report.cells as f64 * 1e9,
            per_cell * 1e9,
            per_cell * report.cells as f64 / seconds * 100.0,
            report.cells,
            report.subjects
        );
    }
}

/// The AEAD with its key set up once and nothing else: the limit.
fn raw(algorithm: Algorithm, cells: &[Vec<u8>]) -> usize {
    use aes_gcm::aead::array::typenum::U12;
    use aes_gcm::aead::{AeadInOut, KeyInit};
    let aad = [0u8; 64];
    let aes = aes_gcm::Aes256Gcm::new(&[1u8; 32].into());
    let sm4 = aes_gcm::AesGcm::<sm4::Sm4, U12>::new(&[1u8; 16].into());
    let mut buffer = Vec::new();
    let mut total = 0;
    for (i, cell) in cells.iter().enumerate() {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&(i as u64).to_be_bytes());
        buffer.clear();
        buffer.extend_from_slice(cell);
        match algorithm {
            Algorithm::Aes256Gcm => aes.encrypt_in_place(&nonce.into(), &aad, &mut buffer).unwrap(),
            Algorithm::Sm4Gcm => sm4.encrypt_in_place(&nonce.into(), &aad, &mut buffer).unwrap(),
        }
        total += buffer.len();
    }
    total
}
