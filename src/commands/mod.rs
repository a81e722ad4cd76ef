//! One file per verb. A verb parses its arguments, calls a library and prints.

pub mod account;
pub mod alerts;
mod approval;
pub mod archive;
pub mod audit;
pub mod audit_decide;
mod audit_fleet;
pub mod audit_target;
pub mod classify;
mod classify_database;
pub mod config;
pub mod confirm;
mod database;
pub mod demo;
pub mod detect;
pub mod drill;
pub mod evidence;
mod evidence_verify;
pub mod explain;
mod failure;
pub mod hunt;
pub mod init;
mod interrupt;
mod inventory;
pub mod keys;
pub mod lookup;
pub mod mask;
mod mask_database;
pub mod node;
pub mod playbook;
pub mod protect;
mod records;
pub mod reveal;
mod root;
pub mod rules;
pub mod search;
pub mod sensors;
pub mod serve;
pub mod status;

pub use failure::{Failure, told};

/// How a verb ended when it ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to report.
    Clean,
    /// It found what it looks for: exit code 1.
    Findings,
}

/// What every verb returns.
pub type Done = Result<Outcome, Failure>;

/// Prints one line of JSON; a closed pipe ends the output quietly.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|e| Failure::runtime("X002", e.to_string()))?;
    print_line(&text)
}

/// Prints a line; a closed pipe (`| head`) ends the program quietly.
pub fn print_line(text: &str) -> Result<(), Failure> {
    print_text(&format!("{text}\n"))
}

/// Prints a text as it is; a closed pipe ends the program quietly.
pub fn print_text(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(Failure::stream("标准输出", "standard output", &e)),
        Ok(()) => Ok(()),
    }
}
