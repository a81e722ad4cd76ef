//! `xuedun mask`: a masked copy, released only when a second scan finds nobody in it.

use std::path::PathBuf;

use centre::World;
use centre::records_proof::RecordsAct;
use compliance::records::{ClassifyOptions, Policy, PolicyKey, Taxonomy, mask_file};
use events::Lang;

use super::audit::Recorder;
use super::classify::{day, name_of};
use super::{Done, Failure, Outcome, print_json, print_line, told};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file: CSV or TSV of any encoding, JSON lines, XLSX, Parquet, or an SQL dump
    file: PathBuf,
    /// The sheet or table to mask, when the file holds several
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// A shipped policy (internal-analysis, inter-agency, public-release, test-data) or a policy file
    #[arg(long, value_name = "NAME|FILE")]
    policy: String,
    /// The file to write
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// File with the policy key, 64 hexadecimal digits; made if it is not there. The same key
    /// gives the same pseudonyms
    #[arg(long, value_name = "FILE", default_value = "xuedun-mask.key")]
    key: PathBuf,
    /// Record it in the evidence log of this folder (of a node: DATA/compliance)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let fail = |e: compliance::records::Error| Failure::of(e.code(), &e);
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
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let recorder = Recorder::open(args.data.as_deref())?;
    let source = name_of(&args.file);
    let mut options = ClassifyOptions::new(day(None)?, source.clone());
    options.table = args.table;
    let done = mask_file(&args.file, &args.out, &policy, &key, &options, &taxonomy);
    let report = match done {
        Ok(report) => report,
        Err(compliance::records::Error::Residue { total, samples }) => {
            for s in &samples {
                let (row, column) = (lang.pick("行", "row"), lang.pick("列", "column"));
                eprintln!(
                    "xuedun: {row} {}, {column} {}: {} {}..{}",
                    s.row,
                    s.col,
                    s.kind.name(),
                    s.start,
                    s.end
                );
            }
            eprintln!("xuedun: {}", told("C020", &total.to_string(), lang));
            return Ok(Outcome::Findings);
        }
        Err(error) => return Err(fail(error)),
    };
    recorder.record(&RecordsAct::Masked { source: &source, report: &report })?;
    if args.json {
        print_json(&report)?;
    } else {
        for (column, method) in &report.columns {
            print_line(&format!("{column}\t{method}"))?;
        }
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
    }
    Ok(Outcome::Clean)
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
