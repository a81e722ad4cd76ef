//! Student records at speed: classify, mask and protect over generated rows, each figure beside its
//! limit or peer in the same run. `cargo bench -p compliance --bench records -- [ROWS] [PART…]`;
//! parts: classify mask aes sm4 peer. Prints CPU seconds, MB/s of input and the peak of memory.
//!
//! "Classify and mask", which the goal is set for, is one call of `mask_file`: it classifies every cell
//! of the input (its report holds the inventory), masks, holds the output against the input's values
//! before it is written, reads the written file anew for persons, and hashes input and output. What
//! classifying alone and reading anew alone take is shown beside it.
//!
//! The peer is `benches/records_peer.py`, run by the Python that `XUEDUN_PEER_PYTHON` names (a virtual
//! environment with `presidio-analyzer` in it) over the first rows of the very file. Without it the
//! report says that the peer was not run.

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
use compliance::records::{
    ClassifyOptions, Day, Policy, PolicyKey, Taxonomy, classify, mask_file, second_scan,
};
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

/// CPU seconds of this thread so far; everything here runs on it alone.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
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
        "{what:34} {seconds:8.2} CPU s {:8.1} MB/s   peak {} kB",
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
    if wants("peer") {
        peer(&input);
    }
    if wants("classify") {
        let open = || std::io::BufReader::with_capacity(1 << 20, File::open(&input).unwrap());
        timed("classify", megabytes, || classify(open(), &options, &taxonomy).unwrap());
    }
    if wants("mask") {
        let policy = Policy::embedded("internal-analysis").unwrap();
        let key = PolicyKey::new([7; 32]);
        let run = || mask_file(&input, &output, &policy, &key, &options, &taxonomy).unwrap();
        let (_, all) = timed("classify and mask, scanned again", megabytes, run);
        let again = || second_scan(&output, (b',', true), &options, &taxonomy).unwrap();
        let (_, again) = timed("  of it reading the output anew", megabytes, again);
        println!(
            "{:34} {:8.2} CPU s: classifying, masking, comparing, hashing",
            "  the rest",
            all - again
        );
    }
    for (part, algorithm) in [("aes", Algorithm::Aes256Gcm), ("sm4", Algorithm::Sm4Gcm)] {
        if wants(part) || wants("protect") {
            protect(algorithm, dir.path(), &input, &output, megabytes, &options, &taxonomy);
        }
    }
}

/// Presidio's pattern recognisers over the first rows of the file.
fn peer(input: &Path) {
    let Some(python) = std::env::var_os("XUEDUN_PEER_PYTHON") else {
        println!("peer: NOT RUN, XUEDUN_PEER_PYTHON names no Python with presidio-analyzer");
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/records_peer.py");
    let done = std::process::Command::new(python).arg(script).arg(input).output().unwrap();
    assert!(done.status.success(), "peer: {}", String::from_utf8_lossy(&done.stderr));
    print!("peer: {}", String::from_utf8_lossy(&done.stdout));
}

const COLUMNS: [(&str, usize); 8] = [
    ("姓名", 0),
    ("身份证件号", 2),
    ("出生日期", 4),
    ("家庭住址", 6),
    ("监护人姓名", 7),
    ("监护人电话", 8),
    ("银行卡号", 9),
    ("备注", 11),
];

/// Eight sealed columns beside the AEAD alone on the same cells, measured in turns: the best of three
/// of each.
fn protect(
    algorithm: Algorithm,
    dir: &Path,
    input: &Path,
    output: &Path,
    megabytes: f64,
    options: &ClassifyOptions,
    taxonomy: &Taxonomy,
) {
    let name = match algorithm {
        Algorithm::Aes256Gcm => "AES-256-GCM",
        Algorithm::Sm4Gcm => "SM4-GCM",
    };
    let rows = Messages::of(input);
    let random = SystemRandom::new();
    let protect = ProtectOptions {
        index: Vec::new(),
        dataset: "bench".into(),
        columns: COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        subject: Some("学籍号".into()),
        row_key: None,
        algorithm,
        classify: options.clone(),
    };
    let root = Root::key([3; 32]);
    let (mut once, mut each, mut ours) = (f64::MAX, f64::MAX, f64::MAX);
    for turn in 0..3 {
        let what = format!("raw {name}, one key");
        let (_, s) = timed(&what, rows.megabytes(), || rows.seal(algorithm, false));
        once = once.min(s / rows.cells() as f64);
        let what = format!("raw {name}, a key per row");
        let (_, s) = timed(&what, rows.megabytes(), || rows.seal(algorithm, true));
        each = each.min(s / rows.cells() as f64);
        let mut ring = KeyRing::open(&dir.join(format!("{name}.{turn}")), &root, &random).unwrap();
        // What an earlier turn left is not this one's to put away.
        let _ = std::fs::remove_file(output);
        let run = || protect_file(input, output, &mut ring, &protect, taxonomy, &random).unwrap();
        let (report, s) = timed(&format!("protect, {name}, 8 columns"), megabytes, run);
        ours = ours.min(s / report.cells as f64);
        if turn == 0 {
            println!("{:34} {} cells, {} subjects", "", report.cells, report.subjects);
        }
    }
    println!(
        "{name}: {:.0} ns a cell; the AEAD alone with one key {:.0} ns: {:.0} % of its speed; \
         with a key per row, as by design, {:.0} ns: {:.0} %",
        ours * 1e9,
        once * 1e9,
        once / ours * 100.0,
        each * 1e9,
        each / ours * 100.0
    );
}

/// Rows of the table as the AEAD sees them: texts, and how long what they are bound to is when they
/// are protected. All in one piece, so that the limit does not wait for memory.
#[derive(Default)]
struct Messages {
    text: Vec<u8>,
    /// Length of the text and of its associated data, row by row.
    rows: Vec<Vec<(usize, usize)>>,
}

impl Messages {
    fn of(input: &Path) -> Self {
        let mut all = Self::default();
        let mut reader = csv::Reader::from_path(input).unwrap();
        for (number, record) in reader.records().take(100_000).enumerate() {
            let record = record.unwrap();
            let bound = 12 + 8 + "bench".len() + 8 + format!("#{number}").len() + 8;
            let filled = COLUMNS.iter().filter(|(_, at)| !record[*at].is_empty());
            let cell = |(column, at): &(&str, usize)| (record[*at].len(), bound + column.len());
            all.rows.push(filled.clone().map(cell).collect());
            filled.for_each(|(_, at)| all.text.extend_from_slice(record[*at].as_bytes()));
        }
        all
    }

    fn cells(&self) -> usize {
        self.rows.iter().map(Vec::len).sum()
    }

    fn megabytes(&self) -> f64 {
        self.text.len() as f64 / 1e6
    }

    /// The AEAD and nothing else: the limit. A person's cells are sealed under that person's key by
    /// design, so setting up a key for each row is part of what the AEAD has to do; with one key for
    /// all it would do less than is asked of it. Both are measured.
    fn seal(&self, algorithm: Algorithm, key_per_row: bool) -> u64 {
        use aes_gcm::aead::KeyInit;
        use aes_gcm::aead::array::typenum::U12;
        match algorithm {
            Algorithm::Aes256Gcm => self.seal_by(key_per_row, |n| {
                let mut key = [1u8; 32];
                key[..8].copy_from_slice(&n.to_be_bytes());
                aes_gcm::Aes256Gcm::new(&key.into())
            }),
            Algorithm::Sm4Gcm => self.seal_by(key_per_row, |n| {
                let mut key = [1u8; 16];
                key[..8].copy_from_slice(&n.to_be_bytes());
                aes_gcm::AesGcm::<sm4::Sm4, U12>::new(&key.into())
            }),
        }
    }

    fn seal_by<A>(&self, key_per_row: bool, key: impl Fn(u64) -> A) -> u64
    where
        A: aes_gcm::aead::AeadInOut<NonceSize = aes_gcm::aead::array::typenum::U12>,
    {
        let (mut buffer, mut from, mut total) = (Vec::new(), 0, 0u64);
        let (mut cipher, mut nonce, aad) = (key(0), [0; 12], [7; 256]);
        for (number, row) in (0u64..).zip(&self.rows) {
            if key_per_row {
                cipher = key(number);
            }
            for (text, bound) in row {
                total += 1;
                nonce[4..].copy_from_slice(&total.to_be_bytes());
                buffer.clear();
                buffer.extend_from_slice(&self.text[from..from + text]);
                from += text;
                cipher.encrypt_in_place(&nonce.into(), &aad[..*bound], &mut buffer).unwrap();
                std::hint::black_box(&buffer);
            }
        }
        total
    }
}
