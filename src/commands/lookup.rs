//! `xuedun lookup`: rows of a protected file that hold one value, by its blind index.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use centre::records_proof::RecordsAct;
use compliance::records::protect::{Lookup, lookup_file};
use compliance::records::{ClassifyOptions, Taxonomy};
use events::{Lang, Sensitive};

use super::approval::{ApprovalArgs, noted};
use super::classify::{day, name_of};
use super::database::ask;
use super::protect::KeyArgs;
use super::records::{DatasetArgs, ToldArgs};
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
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Why: then candidates are decrypted and the false ones left out; without it, or an approved
    /// request, none is
    #[arg(long)]
    purpose: Option<String>,
    #[command(flatten)]
    approval: ApprovalArgs,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    told: ToldArgs,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let fail = |e: compliance::records::Error| Failure::of(e.code(), &e);
    let ring = args.keys.open_existing(lang)?;
    let recorder = args.told.recorder()?;
    let source = name_of(&args.file);
    let dataset = args.dataset.dataset.unwrap_or_else(|| source.clone());
    // Read before an approval is used up for it.
    let value = value(lang)?;
    let approved = args.approval.take(&dataset)?;
    let options = Lookup {
        classify: ClassifyOptions::new(day(None)?, dataset.clone()),
        dataset: dataset.clone(),
        column: args.column,
        row_key: args.dataset.row_key,
        purpose: approved.as_ref().map(|a| a.purpose.clone()).or(args.purpose),
        grant: approved.as_ref().map(|a| a.grant.clone()),
    };
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let done = lookup_file(&args.file, &ring, &options, value.reveal(), &taxonomy).map_err(fail);
    let report = noted(approved.as_ref(), done, |report| report.opened)?;
    recorder.record(&RecordsAct::LookedUp {
        source: &source,
        dataset: &dataset,
        report: &report,
    })?;
    if args.told.json {
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
