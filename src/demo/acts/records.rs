//! Ten thousand invented student records: classified, masked, protected, revealed.

use std::fs;

use centre::World;
use compliance::records::protect::{
    Algorithm, KeyRing, ProtectOptions, RevealOptions, Root, protect_file, reveal_file,
};
use compliance::records::{
    ClassifyOptions, Day, Error, Policy, PolicyKey, Taxonomy, classify, mask_file,
};
use events::Text;
use serde_json::json;

use super::{ActReport, Cast};
use crate::commands::Failure;
use crate::demo::students::{self, Options};

/// Records that are made.
const ROWS: u64 = 10_000;
/// Elements that must be found in them.
const EXPECTED: [&str; 4] = ["student_name", "id_number", "student_no", "address"];
const TODAY: (i32, u8, u8) = (2026, 11, 23);

/// Makes, classifies, masks, protects and reveals.
pub(super) fn play(cast: &Cast<'_>, seed: u64) -> Result<ActReport, Failure> {
    cast.say(
        "二、一万条学生记录：分类分级、脱敏、加密",
        "2. Ten thousand student records: classified, masked, encrypted",
    );
    let fail = |e: Error| Failure::of(e.code(), &e);
    let input = cast.dir.join("students.csv");
    let file = fs::File::create(&input).map_err(|e| Failure::file(&input, &e))?;
    let mut out = std::io::BufWriter::new(file);
    let truth = students::write(&mut out, cast.region, &Options { seed, rows: ROWS, today: TODAY })
        .map_err(|e| Failure::file(&input, &e))?;
    drop(out);

    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let day = Day::new(TODAY.0 as u16, TODAY.1, TODAY.2);
    let day = day.ok_or_else(|| {
        Failure::runtime("X055", Text::new("演示日期", "the day of the demonstration"))
    })?;
    let options = ClassifyOptions::new(day, "students.csv");
    let reader = fs::File::open(&input).map_err(|e| Failure::file(&input, &e))?;
    let inventory = classify(reader, &options, &taxonomy).map_err(fail)?;
    let found = |e: &&str| inventory.columns.iter().any(|c| c.element.as_deref() == Some(*e));
    let missing: Vec<&str> = EXPECTED.iter().filter(|e| !found(e)).copied().collect();
    let sensitive = inventory.columns.iter().filter(|c| c.sensitive_pi).count();

    let policy = Policy::embedded("inter-agency").map_err(fail)?;
    let world = World::real();
    let mut key = [0; 32];
    world
        .random
        .fill(&mut key)
        .map_err(|_| Failure::runtime("X055", Text::new("系统没有给出随机数", "no randomness")))?;
    let masked = cast.dir.join("students-masked.csv");
    let mask = mask_file(&input, &masked, &policy, &PolicyKey::new(key), &options, &taxonomy)
        .map_err(fail)?;
    let k = mask.k_anonymity;
    let (residue, masked_rows) = (mask.residue, mask.rows);
    let report = serde_json::to_value(&mask).ok();
    cast.centre.keep_inventory("students.csv", inventory, report)?;
    let (sealed_cells, same) = seal_and_open(cast, &input, &options, &taxonomy, &world)?;

    let ok = missing.is_empty() && residue == 0 && masked_rows == ROWS && same && sealed_cells > 0;
    let detail = json!({
        "rows": ROWS, "under_14": truth.under_14, "elements_missing": missing,
        "sensitive_columns": sensitive, "masked_rows": masked_rows, "residue": residue,
        "k_anonymity": k, "cells_sealed": sealed_cells, "revealed_equal": same,
    });
    let title = Text::new(
        format!(
            "学生数据：{ROWS} 行，脱敏后二次扫描残留 {residue}，加密 {sealed_cells} 个单元格并可还原"
        ),
        format!(
            "Student data: {ROWS} rows, residue {residue} after masking, {sealed_cells} cells encrypted and revealed"
        ),
    );
    Ok(cast.report("records", title, ok, detail, "/data"))
}

/// Protects the file and reveals it again; whether it came back byte for byte.
fn seal_and_open(
    cast: &Cast<'_>,
    input: &std::path::Path,
    classify: &ClassifyOptions,
    taxonomy: &Taxonomy,
    world: &World,
) -> Result<(u64, bool), Failure> {
    let fail = |e: Error| Failure::of(e.code(), &e);
    let mut root = [0; 32];
    world
        .random
        .fill(&mut root)
        .map_err(|_| Failure::runtime("X055", Text::new("系统没有给出随机数", "no randomness")))?;
    let root = Root::key(root);
    let mut ring =
        KeyRing::open(&cast.dir.join("keys.json"), &root, &*world.random).map_err(fail)?;
    let (sealed, opened) =
        (cast.dir.join("students-sealed.csv"), cast.dir.join("students-opened.csv"));
    let protect = ProtectOptions {
        index: Vec::new(),
        dataset: "students".to_owned(),
        columns: Vec::new(),
        subject: None,
        row_key: None,
        algorithm: Algorithm::Aes256Gcm,
        classify: classify.clone(),
    };
    let report = protect_file(input, &sealed, &mut ring, &protect, taxonomy, &*world.random);
    let report = report.map_err(fail)?;
    let reveal = RevealOptions {
        dataset: "students".to_owned(),
        purpose: cast
            .lang
            .pick("演示：核对还原结果", "demonstration: compare what is revealed")
            .to_owned(),
        columns: Vec::new(),
        row_key: None,
        classify: classify.clone(),
        grant: None,
    };
    reveal_file(&sealed, &opened, &mut ring, &reveal, taxonomy).map_err(fail)?;
    let read = |path: &std::path::Path| fs::read(path).map_err(|e| Failure::file(path, &e));
    let same = read(&opened)? == read(input)?;
    // What was revealed does not stay behind.
    fs::remove_file(&opened).map_err(|e| Failure::file(&opened, &e))?;
    Ok((report.cells, same))
}
