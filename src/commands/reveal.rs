//! `xuedun reveal`: protected columns opened, for a stated purpose or by an approved request.

use std::path::PathBuf;

use centre::records_proof::RecordsAct;
use compliance::records::protect::stream::is_sealed_file;
use compliance::records::protect::{RevealOptions, open_file, reveal_file};
use compliance::records::{ClassifyOptions, Taxonomy};
use events::Lang;

use super::approval::{ApprovalArgs, noted};
use super::classify::{day, name_of};
use super::protect::{KeyArgs, told_file};
use super::records::{DatasetArgs, ToldArgs};
use super::{Done, Failure, Outcome, print_json, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A protected table, or a file sealed whole
    file: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// Why the data is revealed; an approved request says it itself
    #[arg(long, required_unless_present = "ticket_file")]
    purpose: Option<String>,
    /// Columns to reveal; default: all, or all that were approved
    #[arg(long = "column", value_name = "COLUMN")]
    columns: Vec<String>,
    #[command(flatten)]
    dataset: DatasetArgs,
    #[command(flatten)]
    approval: ApprovalArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    told: ToldArgs,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let fail = |e: compliance::records::Error| Failure::of(e.code(), &e);
    let mut ring = args.keys.open_existing(lang)?;
    let recorder = args.told.recorder()?;
    let source = name_of(&args.file);
    let dataset = args.dataset.dataset.unwrap_or_else(|| source.clone());
    let whole = is_sealed_file(&args.file).map_err(fail)?;
    let approved = args.approval.take(&dataset)?;
    let purpose = approved.as_ref().map(|a| a.purpose.clone()).or(args.purpose).unwrap_or_default();
    let grant = approved.as_ref().map(|a| a.grant.clone());
    if whole {
        let (source, dataset) = (source.as_str(), dataset.as_str());
        let done = open_file(&args.file, &args.out, &mut ring, dataset, &purpose, grant.as_ref());
        let report = noted(approved.as_ref(), done.map_err(fail), |_| 1)?;
        let purpose = Some(purpose.as_str());
        recorder.record(&RecordsAct::File { source, dataset, purpose, report: &report })?;
        let words = lang.pick("已解密字节 / 段", "bytes / pieces opened");
        return told_file(&report, args.told.json, words);
    }
    let options = RevealOptions {
        classify: ClassifyOptions::new(day(None)?, dataset.clone()),
        dataset: dataset.clone(),
        purpose,
        columns: args.columns,
        row_key: args.dataset.row_key,
        grant,
    };
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let done = reveal_file(&args.file, &args.out, &mut ring, &options, &taxonomy).map_err(fail);
    let report = noted(approved.as_ref(), done, |report| report.cells)?;
    recorder.record(&RecordsAct::Revealed {
        source: &source,
        dataset: &dataset,
        report: &report,
    })?;
    if args.told.json {
        print_json(&report)?;
    } else {
        let line = lang.pick("已还原 / 未请求 / 已销毁", "revealed / not asked for / erased");
        print_line(&format!("{line}: {} / {} / {}", report.cells, report.left, report.erased))?;
    }
    Ok(Outcome::Clean)
}
