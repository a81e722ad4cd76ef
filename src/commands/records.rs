//! What the verbs on student records share: where an act is recorded, how it is told, which keys.

use std::path::PathBuf;

use super::Failure;
use super::audit::Recorder;

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
