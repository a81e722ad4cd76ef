//! The program `xuedun`: wiring only. The verbs are in [`cli`], what each does in `commands`.

mod cli;
mod commands;
mod demo;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::run())
}
