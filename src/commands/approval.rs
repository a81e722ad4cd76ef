//! What an approved reveal request lets a verb open: its ticket is taken to the node, which uses the
//! approval up and writes that down before anything is opened.

use std::path::PathBuf;

use centre::control::Request;
use compliance::records::protect::Grant;
use events::RevealId;
use serde::Deserialize;

use super::Failure;
use super::node::ConfigArg;
use super::protect::passphrase;

/// The approval a verb goes by.
#[derive(Debug, clap::Args)]
pub struct ApprovalArgs {
    /// File with the ticket of an approved reveal request, as the console shows it to who asked; of a
    /// guarded key store nothing is opened without
    #[arg(long, value_name = "FILE", requires = "config", conflicts_with = "purpose")]
    pub ticket_file: Option<PathBuf>,
    /// Configuration of the node that approved
    #[arg(long, value_name = "FILE", requires = "ticket_file")]
    pub config: Option<PathBuf>,
}

/// An approval that was used up for this.
#[derive(Deserialize)]
pub struct Approved {
    id: RevealId,
    /// Why, as the request says.
    pub purpose: String,
    /// What may be opened.
    pub grant: Grant,
    #[serde(skip)]
    config: PathBuf,
}

impl ApprovalArgs {
    /// Uses the approval up, if a ticket was named.
    pub fn take(&self, dataset: &str) -> Result<Option<Approved>, Failure> {
        let (Some(file), Some(config)) = (&self.ticket_file, &self.config) else { return Ok(None) };
        let ticket = passphrase(file)?.into_inner();
        let request = Request::TakeReveal { ticket, dataset: dataset.to_owned() };
        let answer = ConfigArg { config: config.clone() }.ask(request)?;
        let approved = serde_json::from_value::<Approved>(answer);
        let approved = approved.map_err(|e| Failure::runtime("X002", e.to_string()))?;
        Ok(Some(Approved { config: config.clone(), ..approved }))
    }
}

impl Approved {
    /// Tells the node how much was opened; none for nothing, because it failed.
    pub fn note(&self, opened: Option<u64>) -> Result<(), Failure> {
        let request = Request::NoteRevealed { id: self.id, opened };
        ConfigArg { config: self.config.clone() }.ask(request).map(drop)
    }
}

/// Does what an approval is for and tells the node what came of it.
pub fn noted<T>(
    approved: Option<&Approved>,
    done: Result<T, Failure>,
    opened: impl FnOnce(&T) -> u64,
) -> Result<T, Failure> {
    if let Some(approved) = approved {
        let told = approved.note(done.as_ref().ok().map(opened));
        // Why it failed is what the user must read first.
        return done.and_then(|done| told.map(|()| done));
    }
    done
}
