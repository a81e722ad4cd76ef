//! `xuedun protect`: sensitive columns sealed under a key per subject.

use std::path::{Path, PathBuf};

use centre::World;
use centre::records_proof::RecordsAct;
use compliance::records::protect::{
    Algorithm, KeyRing, ProtectOptions, Root, StreamReport, protect_file, seal_file,
};
use compliance::records::{ClassifyOptions, Taxonomy};
use events::{Lang, Sensitive};

use super::classify::{day, name_of};
use super::mask::secret_file;
use super::records::{ConfirmedArgs, ToldArgs, print_acted};
use super::root;
use super::{Done, Failure, Outcome, print_json, print_line};

/// Where the keys are.
#[derive(Debug, clap::Args)]
pub struct KeyArgs {
    /// The key store; made if it is not there
    #[arg(long, value_name = "FILE", default_value = "xuedun-keys.json")]
    pub keys: PathBuf,
    /// File with the root key, 64 hexadecimal digits; made if it is not there
    #[arg(long, value_name = "FILE", default_value = "xuedun-root.key")]
    pub root_key: PathBuf,
    /// File with the passphrase that opens the key store, in place of a root key
    #[arg(long, value_name = "FILE", conflicts_with = "root_key")]
    pub passphrase_file: Option<PathBuf>,
    /// File that says where the root key stays: a PKCS#11 token, or Vault/OpenBao transit; in place
    /// of a root key (docs/keys.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["root_key", "passphrase_file"])]
    pub root: Option<PathBuf>,
}

impl KeyArgs {
    /// Opens the key store, or makes one.
    pub fn open(&self, lang: Lang) -> Result<KeyRing, Failure> {
        let root = match (&self.root, &self.passphrase_file) {
            (Some(path), _) => root::read(path, lang)?,
            (None, Some(path)) => Root::passphrase(passphrase(path)?.into_inner()),
            (None, None) => Root::key(root_bytes(&self.root_key, lang)?),
        };
        let random = World::real().random;
        KeyRing::open(&self.keys, &root, &*random).map_err(|e| Failure::of(e.code(), &e))
    }

    /// Opens a key store that must be there, with a key that must be there.
    pub fn open_existing(&self, lang: Lang) -> Result<KeyRing, Failure> {
        let key = self.root.as_ref().or(self.passphrase_file.as_ref()).unwrap_or(&self.root_key);
        for path in [&self.keys, key] {
            std::fs::File::open(path).map_err(|e| Failure::file(path, &e))?;
        }
        self.open(lang)
    }
}

/// A passphrase from its file.
pub fn passphrase(path: &Path) -> Result<Sensitive<String>, Failure> {
    let mut text = std::fs::read_to_string(path).map_err(|e| Failure::file(path, &e))?;
    // In place: no second copy that nobody wipes.
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(Sensitive::new(text))
}

/// A root key from its file; made if it is not there.
pub fn root_bytes(path: &Path, lang: Lang) -> Result<[u8; 32], Failure> {
    let text = secret_file(path, lang)?;
    let bad = || Failure::usage("X041", path.display().to_string());
    if text.len() != 64 || !text.is_ascii() {
        return Err(bad());
    }
    let mut key = [0; 32];
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| bad())?;
    }
    Ok(key)
}

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file: CSV or TSV of any encoding, JSON lines, XLSX, Parquet, or an SQL dump
    file: PathBuf,
    /// The sheet or table to protect, when the file holds several
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// The file to write
    #[arg(short, long, value_name = "OUT")]
    out: PathBuf,
    /// Name of the dataset: part of what every cell is bound to; default: the file's name
    #[arg(long)]
    dataset: Option<String>,
    /// Columns to seal; default: those the taxonomy marks for field encryption
    #[arg(long = "column", value_name = "COLUMN")]
    columns: Vec<String>,
    /// The column that says whose row it is: each value gets a key of its own
    #[arg(long, value_name = "COLUMN")]
    subject: Option<String>,
    /// The column that names a row for good; default: the row's place
    #[arg(long, value_name = "COLUMN")]
    row_key: Option<String>,
    /// A sealed column that `lookup` can search by value afterwards
    #[arg(long, value_name = "COLUMN")]
    index: Vec<String>,
    /// Seal the file as it is, whatever its kind, in place of columns of a table
    #[arg(long, conflicts_with_all = ["columns", "subject", "row_key", "table", "index", "confirmed"])]
    whole: bool,
    /// How cells or the file are sealed
    #[arg(long, default_value = "aes-256-gcm", value_parser = ["aes-256-gcm", "sm4-gcm"])]
    algorithm: String,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    confirmed: ConfirmedArgs,
    #[command(flatten)]
    told: ToldArgs,
}

pub fn run(args: Args, lang: Lang) -> Done {
    let fail = |e: compliance::records::Error| Failure::of(e.code(), &e);
    let mut ring = args.keys.open(lang)?;
    let recorder = args.told.recorder()?;
    let source = name_of(&args.file);
    let dataset = args.dataset.unwrap_or_else(|| source.clone());
    let sm4 = args.algorithm == "sm4-gcm";
    let algorithm = if sm4 { Algorithm::Sm4Gcm } else { Algorithm::Aes256Gcm };
    let random = World::real().random;
    if args.whole {
        let report = seal_file(&args.file, &args.out, &mut ring, &dataset, algorithm, &*random)
            .map_err(fail)?;
        let (source, dataset) = (source.as_str(), dataset.as_str());
        recorder.record(&RecordsAct::File { source, dataset, purpose: None, report: &report })?;
        return told_file(
            &report,
            args.told.json,
            lang.pick("已加密字节 / 段", "bytes / pieces sealed"),
        );
    }
    let mut classify = ClassifyOptions::new(day(None)?, dataset.clone());
    classify.said = args.confirmed.of_file(&args.file, args.table.as_deref())?;
    classify.table = args.table;
    let options = ProtectOptions {
        classify,
        dataset: dataset.clone(),
        columns: args.columns,
        index: args.index,
        subject: args.subject,
        row_key: args.row_key,
        algorithm,
    };
    let taxonomy = Taxonomy::embedded().map_err(fail)?;
    let report = protect_file(&args.file, &args.out, &mut ring, &options, &taxonomy, &*random)
        .map_err(fail)?;
    recorder.record(&RecordsAct::Protected {
        source: &source,
        dataset: &dataset,
        report: &report,
    })?;
    if args.told.json {
        print_json(&report)?;
    } else {
        let (rows, cells) = (report.rows, report.cells);
        let line = lang.pick("已加密单元格 / 行 / 主体", "cells sealed / rows / subjects");
        print_line(&format!("{line}: {cells} / {rows} / {}", report.subjects))?;
        print_line(&report.columns.join(", "))?;
        print_acted(&report.confirmed, lang)?;
    }
    Ok(Outcome::Clean)
}

/// Says what became of a whole file.
pub fn told_file(report: &StreamReport, json: bool, words: &str) -> Done {
    if json {
        print_json(report)?;
    } else {
        print_line(&format!("{words}: {} / {}", report.bytes, report.pieces))?;
    }
    Ok(Outcome::Clean)
}
