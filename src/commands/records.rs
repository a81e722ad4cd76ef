//! What the verbs on student records share: where an act is recorded, how it is told, which keys.

use std::path::{Path, PathBuf};

use compliance::records::{Acted, Said, Source};
use events::Lang;

use super::audit::Recorder;
use super::classify::name_of;
use super::inventory::confirmations;
use super::{Failure, print_line};

/// Where an act is recorded and how it is told.
#[derive(Debug, clap::Args)]
pub struct ToldArgs {
    /// Record it in the evidence log of this folder (of a node: DATA/compliance)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The report as JSON
    #[arg(long)]
    pub json: bool,
}

impl ToldArgs {
    /// Opens the log, before the act: what cannot be recorded is not begun.
    pub fn recorder(&self) -> Result<Recorder, Failure> {
        Recorder::open(self.data.as_deref())
    }
}

/// What persons said of columns.
#[derive(Debug, clap::Args)]
pub struct ConfirmedArgs {
    /// File of what persons said about columns (see `confirm`): it is followed, and the report says
    /// how; a column that became another since is treated as the scan has it
    #[arg(long, value_name = "FILE")]
    pub confirmed: Option<PathBuf>,
}

impl ConfirmedArgs {
    /// What was said of the columns of one dataset, by its name in the inventory.
    pub fn of(&self, dataset: &str) -> Result<Said, Failure> {
        let all = self.confirmed.as_deref().map(confirmations).transpose()?;
        Ok(all.map(|all| all.of(dataset)).unwrap_or_default())
    }

    /// Of a table of a file, which an inventory names by both where the file holds several.
    pub fn of_file(&self, file: &Path, table: Option<&str>) -> Result<Said, Failure> {
        if self.confirmed.is_none() {
            return Ok(Said::default());
        }
        let name = name_of(file);
        let tables = Source::tables(file).map_err(|e| Failure::of(e.code(), &e))?;
        match table.filter(|_| tables.len() > 1) {
            Some(table) => self.of(&format!("{name}.{table}")),
            None => self.of(&name),
        }
    }
}

/// Prints what became of persons' words on columns.
pub fn print_acted(acted: &[Acted], lang: Lang) -> Result<(), Failure> {
    for one in acted {
        let element = one.element.as_deref().unwrap_or(lang.pick("非个人信息", "not personal"));
        let done = match one.followed {
            true => lang.pick("按人工确认处理", "as confirmed by"),
            false => lang.pick(
                "内容与确认时不同，按扫描结果处理，须复核；确认人",
                "not what it was when confirmed: treated as the scan has it, to be reviewed; confirmed by",
            ),
        };
        let passed: Vec<String> = one.allowed.iter().map(|(k, n)| format!("{k} {n}")).collect();
        let mut line = format!("{}\t{element}\t{done} {}", one.column, one.by);
        if !passed.is_empty() {
            let word = lang.pick("二次扫描因此放行", "passed by the second scan for it");
            line.push_str(&format!("; {word}: {}", passed.join(", ")));
        }
        print_line(&line)?;
    }
    Ok(())
}

/// The dataset a verb is about.
#[derive(Debug, clap::Args)]
pub struct DatasetArgs {
    /// Name of the dataset, as when it was protected; default: the file's name
    #[arg(long)]
    pub dataset: Option<String>,
    /// The column that names a row, if protecting used one
    #[arg(long, value_name = "COLUMN")]
    pub row_key: Option<String>,
}
