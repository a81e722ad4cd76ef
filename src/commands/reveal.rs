//! `xuedun reveal`: protected columns opened, for a stated purpose.

use std::path::PathBuf;

use centre::records_proof::RecordsAct;
use compliance::records::protect::stream::is_sealed_file;
use compliance::records::protect::{RevealOptions, open_file, reveal_file};
use compliance::records::{ClassifyOptions, Taxonomy};
use events::Lang;

use super::audit::Recorder;
use super::classify::{day, name_of};
use super::protect::{KeyArgs, told_file};
use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A protected table, or a file sealed whole
    file: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// Why the data is revealed
    #[arg(long)]
    purpose: String,
    /// Name of the dataset, as when it was protected; default: the file's name
    #[arg(long)]
    dataset: Option<String>,
    /// Columns to reveal; default: all
    #[arg(long = "column", value_name = "COLUMN")]
    columns: Vec<String>,
    /// The column that names a row, if protecting used one
    #[arg(long, value_name = "COLUMN")]
    row_key: Option<String>,
    #[command(flatten)]
    keys: KeyArgs,
    /// Record it in the evidence log of this folder (of a node: DATA/compliance)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The report as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let fail = |e: compliance::records::Error| Failure::of(e.code(), &e);
    let mut ring = args.keys.open_existing(lang)?;
    let recorder = Recorder::open(args.data.as_deref())?;
    let source = name_of(&args.file);
    let dataset = args.dataset.unwrap_or_else(|| source.clone());
    if is_sealed_file(&args.file).map_err(fail)? {
        let (source, dataset, purpose) = (source.as_str(), dataset.as_str(), args.purpose.as_str());
        let report = open_file(&args.file, &args.out, &mut ring, dataset, purpose).map_err(fail)?;
        let purpose = Some(purpose);
        recorder.record(&RecordsAct::File { source, dataset, purpose, report: &report })?;
        let words = lang.pick("已解密字节 / 段", "bytes / pieces opened");
        return told_file(&report, args.json, words);
    }
    let options = RevealOptions {
        classify: ClassifyOptions::new(day(None)?, dataset.clone()),
        dataset: dataset.clone(),
        purpose: args.purpose,
        columns: args.columns,
        row_key: args.row_key,
    };
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let report =
        reveal_file(&args.file, &args.out, &mut ring, &options, &taxonomy).map_err(fail)?;
    recorder.record(&RecordsAct::Revealed {
        source: &source,
        dataset: &dataset,
        report: &report,
    })?;
    if args.json {
        print_json(&report)?;
    } else {
        let line = lang.pick("已还原 / 未请求 / 已销毁", "revealed / not asked for / erased");
        print_line(&format!("{line}: {} / {} / {}", report.cells, report.left, report.erased))?;
    }
    Ok(Outcome::Clean)
}
