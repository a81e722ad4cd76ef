//! One file per verb. A verb parses its arguments, calls a library and prints.

pub mod account;
pub mod alerts;
pub mod audit;
pub mod classify;
pub mod config;
pub mod demo;
pub mod detect;
pub mod drill;
pub mod evidence;
pub mod init;
pub mod mask;
pub mod node;
pub mod playbook;
pub mod protect;
pub mod reveal;
pub mod rules;
pub mod search;
pub mod sensors;
pub mod serve;
pub mod status;

use std::fmt;
use std::path::Path;

/// How a verb ended when it ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to report.
    Clean,
    /// It found what it looks for: exit code 1.
    Findings,
}

/// Why a verb could not do its work.
#[derive(Debug)]
pub struct Failure {
    code: &'static str,
    message: String,
    exit: u8,
}

/// What every verb returns.
pub type Done = Result<Outcome, Failure>;

impl Failure {
    /// Wrong use: exit code 2.
    pub fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), exit: 2 }
    }

    /// A configuration that cannot work: exit code 3.
    pub fn configuration(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), exit: 3 }
    }

    /// Something failed while running: exit code 4.
    pub fn runtime(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), exit: 4 }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::runtime("X001", format!("{}: {error}", path.display()))
    }

    /// An error of a library with its own code, told with its whole chain of causes.
    pub fn of(code: &'static str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::runtime(code, chain(error))
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.code, self.message)
    }
}

impl From<centre::Error> for Failure {
    fn from(error: centre::Error) -> Self {
        Self { code: error.code(), exit: error.exit_code(), message: chain(&error) }
    }
}

impl From<centre::config::ConfigError> for Failure {
    fn from(error: centre::config::ConfigError) -> Self {
        centre::Error::from(error).into()
    }
}

/// An error and its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}

/// Prints one line of JSON; a closed pipe ends the output quietly.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(value)
        .map_err(|e| Failure::runtime("X002", format!("cannot write JSON: {e}")))?;
    print_line(&text)
}

/// Prints a line; a closed pipe (`| head`) ends the program quietly.
pub fn print_line(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}") {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(Failure::runtime("X001", format!("standard output: {e}"))),
        Ok(()) => Ok(()),
    }
}
