//! `xuedun lookup`: rows of a protected file that hold one value, by its blind index.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use centre::records_proof::RecordsAct;
use compliance::records::protect::{Lookup, lookup_file};
use compliance::records::{ClassifyOptions, Taxonomy};
use events::{Lang, Sensitive};

use super::audit::Recorder;
use super::classify::{day, name_of};
use super::database::ask;
use super::protect::KeyArgs;
use super::{Done, Failure, Outcome, print_json, print_line};

/// Bytes read of the value.
const VALUE_BYTES_MAX: u64 = 4096;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file protected with --index
    file: PathBuf,
    /// The column to search
    #[arg(long, value_name = "COLUMN")]
    column: String,
    /// Name of the dataset, as when it was protected; default: the file's name
    #[arg(long)]
    dataset: Option<String>,
    /// The column that names a row, if protecting used one
    #[arg(long, value_name = "COLUMN")]
    row_key: Option<String>,
    /// Why: then candidates are decrypted and the false ones left out; without it none is
    #[arg(long)]
    purpose: Option<String>,
    #[command(flatten)]
    keys: KeyArgs,
    /// Record it in the evidence log of this folder (of a node: DATA/compliance)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let fail = |e: compliance::records::Error| Failure::of(e.code(), &e);
    let ring = args.keys.open_existing(lang)?;
    let recorder = Recorder::open(args.data.as_deref())?;
    let source = name_of(&args.file);
    let dataset = args.dataset.unwrap_or_else(|| source.clone());
    let options = Lookup {
        classify: ClassifyOptions::new(day(None)?, dataset.clone()),
        dataset: dataset.clone(),
        column: args.column,
        row_key: args.row_key,
        purpose: args.purpose,
    };
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let value = value(lang)?;
    let report =
        lookup_file(&args.file, &ring, &options, value.reveal(), &taxonomy).map_err(fail)?;
    recorder.record(&RecordsAct::LookedUp {
        source: &source,
        dataset: &dataset,
        report: &report,
    })?;
    if args.json {
        print_json(&report)?;
    } else {
        for hit in &report.hits {
            print_line(&hit.key)?;
        }
        let line = match report.certain {
            true => lang.pick("命中 / 候选 / 行", "found / candidates / rows"),
            false => lang.pick(
                "候选（含误中，给出 --purpose 可剔除） / 候选 / 行",
                "candidates (false ones among them: --purpose leaves them out) / candidates / rows",
            ),
        };
        let found = report.hits.len() as u64 + report.more;
        eprintln!("{line}: {found} / {} / {}", report.candidates, report.rows);
    }
    Ok(Outcome::Clean)
}

/// What to look for: never on the command line, where every user of the machine could read it.
fn value(lang: Lang) -> Result<Sensitive<String>, Failure> {
    let empty = || Failure::usage("X045", lang.pick("标准输入", "standard input").to_owned());
    if std::io::stdin().is_terminal() {
        let typed = ask(lang.pick("要检索的值", "value to look for"))?;
        return if typed.reveal().trim().is_empty() { Err(empty()) } else { Ok(typed) };
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let read = std::io::stdin().lock().take(VALUE_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|e| Failure::stream("标准输入", "standard input", &e))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| empty())?.trim();
    if text.is_empty() { Err(empty()) } else { Ok(Sensitive::new(text.to_owned())) }
}
