//! The program `xuedun`: wiring only. The verbs are in [`cli`], what each does in `commands`.

#![allow(
    unreachable_pub,
    missing_docs,
    reason = "a program has no public items: `pub` says what a module offers its siblings"
)]

mod cli;
mod codes;
mod commands;
mod demo;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::run())
}
