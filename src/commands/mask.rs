//! `xuedun mask`: a masked copy, released only when a second scan finds nobody in it.

use std::path::PathBuf;

use centre::World;
use centre::records_proof::RecordsAct;
use compliance::records::mask::Risk;
use compliance::records::{
    CellFinding, ClassifyOptions, Error, MaskReport, Policy, PolicyKey, Taxonomy, mask_file,
};
use events::Lang;

use super::classify::{day, name_of};
use super::database::DatabaseArgs;
use super::mask_database;
use super::records::{ConfirmedArgs, ToldArgs, print_acted};
use super::{Done, Failure, Outcome, print_json, print_line, told};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file: CSV or TSV of any encoding, JSON lines, XLSX, Parquet, or an SQL dump
    #[arg(required_unless_present = "database")]
    file: Option<PathBuf>,
    #[command(flatten)]
    pub source: DatabaseArgs,
    /// The sheet or table to mask, when there are several; of a database it may be repeated
    #[arg(long = "table", value_name = "NAME")]
    pub tables: Vec<String>,
    /// A shipped policy (internal-analysis, inter-agency, public-release, test-data) or a policy file
    #[arg(long, value_name = "NAME|FILE")]
    policy: String,
    /// The file to write
    #[arg(short, long, value_name = "OUT", required_unless_present = "to", conflicts_with = "to")]
    pub out: Option<PathBuf>,
    /// The PostgreSQL database the masked tables of --database go to, all of them or none; they
    /// must not be there yet
    #[arg(long, value_name = "URL", requires = "database")]
    pub to: Option<String>,
    /// File with the password of the database named by --to
    #[arg(long, value_name = "FILE", requires = "to")]
    pub to_password_file: Option<PathBuf>,
    /// File with the policy key, 64 hexadecimal digits; made if it is not there. The same key
    /// gives the same pseudonyms
    #[arg(long, value_name = "FILE", default_value = "xuedun-mask.key")]
    key: PathBuf,
    /// How many persons the rows were drawn from, for the risk of being found again
    #[arg(long, value_name = "N")]
    pub population: Option<u64>,
    #[command(flatten)]
    pub confirmed: ConfirmedArgs,
    #[command(flatten)]
    pub told: ToldArgs,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let fail = |e: Error| Failure::of(e.code(), &e);
    let policy = match Policy::names().find(|n| *n == args.policy) {
        Some(name) => Policy::embedded(name),
        None => {
            let path = PathBuf::from(&args.policy);
            let text = std::fs::read_to_string(&path).map_err(|e| Failure::file(&path, &e))?;
            Policy::parse(&text)
        }
    };
    let policy = policy.map_err(fail)?;
    let key = PolicyKey::from_hex(&secret_file(&args.key, lang)?).map_err(fail)?;
    if let Some(database) = args.source.open(lang)? {
        return mask_database::run(&args, database, &policy, &key, lang);
    }
    let (Some(file), Some(out)) = (&args.file, &args.out) else { return Ok(Outcome::Clean) };
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let recorder = args.told.recorder()?;
    let source = name_of(file);
    let mut options = ClassifyOptions::new(day(None)?, source.clone());
    options.table = match args.tables.as_slice() {
        [] => None,
        [name] => Some(name.clone()),
        several => return Err(fail(Error::NoTable { found: several.len() })),
    };
    options.said = args.confirmed.of_file(file, options.table.as_deref())?;
    let mut report = match mask_file(file, out, &policy, &key, &options, &taxonomy) {
        Ok(report) => report,
        Err(Error::Residue { total, samples }) => return refused(total, &samples, lang),
        Err(error) => return Err(fail(error)),
    };
    place(&mut report, args.population);
    recorder.record(&RecordsAct::Masked { source: &source, report: &report })?;
    finish(&report, args.told.json, lang)
}

/// Says where persons are left in an output that was not released.
pub fn refused(total: u64, samples: &[CellFinding], lang: Lang) -> Done {
    for s in samples {
        let (row, column) = (lang.pick("行", "row"), lang.pick("列", "column"));
        let kind = s.kind.name();
        eprintln!("xuedun: {row} {}, {column} {}: {kind} {}..{}", s.row, s.col, s.start, s.end);
    }
    eprintln!("xuedun: {}", told("C020", &total.to_string(), lang));
    Ok(Outcome::Findings)
}

/// Sets the risk against the population the rows were drawn from, if one was named.
pub fn place(report: &mut MaskReport, population: Option<u64>) {
    if let (Some(risk), Some(population)) = (report.risk.take(), population) {
        report.risk = Some(risk.in_population(population));
    }
}

/// Prints what was done to a table.
pub fn finish(report: &MaskReport, json: bool, lang: Lang) -> Done {
    if json {
        print_json(report)?;
        return Ok(Outcome::Clean);
    }
    for (column, method) in &report.columns {
        print_line(&format!("{column}\t{method}"))?;
    }
    print_acted(&report.confirmed, lang)?;
    let k = report.k_anonymity.map_or_else(|| "-".to_owned(), |k| k.to_string());
    print_line(&format!(
        "{}: {}; {}: {}; k = {k} ({} {})",
        lang.pick("行", "rows"),
        report.rows,
        lang.pick("二次扫描残留", "residue of the second scan"),
        report.residue,
        lang.pick("低于策略 k 的行", "rows below the policy's k"),
        report.rows_below_k
    ))?;
    if let Some(moved) = &report.dates_moved {
        print_line(&format!(
            "{}: {} {} ({}); {}: {}",
            lang.pick("已按密钥核验的偏移日期", "moved dates proved by the key"),
            moved.cells,
            lang.pick(
                "个，逐个与原日期不同，每人偏移一致",
                "cells, each another date, each person's moved alike"
            ),
            moved.columns.join(", "),
            lang.pick("未能偏移而留空", "left empty"),
            moved.emptied
        ))?;
    }
    if let Some(risk) = &report.risk {
        print_risk(risk, lang)?;
    }
    Ok(Outcome::Clean)
}

fn print_risk(risk: &Risk, lang: Lang) -> Result<(), Failure> {
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let mut line = format!(
        "{}: {} {}; {} {}; {} {}",
        lang.pick("重识别风险", "re-identification risk"),
        lang.pick("已知在表内的一人（检察官情形）最高", "prosecutor, at most"),
        percent(risk.prosecutor),
        lang.pick("逐行匹配的正确率（营销者情形）", "marketer"),
        percent(risk.marketer),
        lang.pick("处于不足 5 人的组", "rows in classes below 5"),
        percent(risk.exposed),
    );
    if let Some(journalist) = risk.journalist {
        let word = lang.pick("已知总体的一人（记者情形）最高", "journalist, at most");
        line.push_str(&format!("; {word} {}", percent(journalist)));
    }
    print_line(&line)?;
    let Some(disclosures) = &risk.disclosures else {
        let word = "敏感列取值过多，未测 l-多样性与 t-接近度";
        return print_line(
            lang.pick(word, "too many values: l-diversity and t-closeness not measured"),
        );
    };
    for d in disclosures {
        let l = d.l.map_or_else(|| "-".to_owned(), |l| l.to_string());
        let t = d.t.map_or_else(|| "-".to_owned(), |t| format!("{t:.4}"));
        print_line(&format!("{}\tl = {l}\tt = {t}", d.column))?;
    }
    Ok(())
}

/// A secret of 64 hexadecimal digits in a file of its own; made, for its owner alone, if the file
/// is not there.
pub fn secret_file(path: &std::path::Path, lang: Lang) -> Result<String, Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let world = World::real();
            let text = format!("{:032x}{:032x}", world.unique(), world.unique());
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(path).map_err(|e| Failure::file(path, &e))?;
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(|e| Failure::file(path, &e))?;
            let word = lang.pick("已生成新密钥，请妥善保管", "a new key was made; keep it");
            eprintln!("xuedun: {}: {word}", path.display());
            Ok(text)
        }
        Err(e) => Err(Failure::file(path, &e)),
    }
}
