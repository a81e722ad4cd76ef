//! The command line: verbs and their arguments. What they do is in `commands/<verb>.rs`.

mod lang;
mod usage;
mod zh;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use events::Lang;

use crate::commands::{self, Outcome};

/// 学盾 Xuedun: security operations and data compliance for the schools of a region
#[derive(Debug, Parser)]
#[command(name = "xuedun", version, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// Language of what is printed: zh or en (default: from LC_ALL, LC_MESSAGES, LANG)
    #[arg(long, global = true, value_name = "zh|en")]
    lang: Option<Lang>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// A throw-away region with real traffic, an attack story, an audit and a drill
    Demo(commands::demo::Args),
    /// Make a folder with a configuration, certificates and the first accounts
    Init(commands::init::Args),
    /// Run a node: sensors, detection, archive, console
    Serve(commands::serve::Args),
    /// Run Sigma rules over a file of JSON lines
    Detect(commands::detect::Args),
    /// Check, test and list rules
    Rules(commands::rules::Args),
    /// Search the log records of a node
    Search(commands::search::Args),
    /// Saved hunts: queries worth keeping, and the way from one to a rule
    Hunt(commands::hunt::Args),
    /// A node's figures, what is wrong with it, and its sensors
    Status(commands::status::Args),
    /// See how records of a file decode, and which pack fits them
    Sensors(commands::sensors::Args),
    /// List the alert groups of a node
    Alerts(commands::alerts::Args),
    /// What the archive of log records holds, whether it is whole, its backup
    Archive(commands::archive::Args),
    /// Find and grade student data in a file
    Classify(commands::classify::Args),
    /// Confirm or correct what a scan says of a column; the next scans keep it
    Confirm(commands::confirm::Args),
    /// Write a masked copy of a file
    Mask(commands::mask::Args),
    /// Encrypt the sensitive columns of a file
    Protect(commands::protect::Args),
    /// Decrypt protected columns, for a stated purpose
    Reveal(commands::reveal::Args),
    /// Search a protected file for one value, read from standard input or the terminal
    Lookup(commands::lookup::Args),
    /// Keys of protected data: erase one person, change the root key
    Keys(commands::keys::Args),
    /// Audit against the 211 items of level 3
    Audit(commands::audit::Args),
    /// Seal and verify evidence bundles
    Evidence(commands::evidence::Args),
    /// Check and run playbooks
    Playbook(commands::playbook::Args),
    /// Run drills
    Drill(commands::drill::Args),
    /// Make one-time login links for accounts
    Account(commands::account::Args),
    /// Show the configuration in force
    Config(commands::config::Args),
    /// Say what a code means and what to do about it
    Explain(commands::explain::Args),
}

/// Runs the program; the number is the exit code (0 ok, 1 findings, 2 usage, 3 configuration,
/// 4 run-time).
pub fn run() -> u8 {
    let args: Vec<OsString> = std::env::args_os().collect();
    let lang = lang::of(&args, |name| std::env::var(name).ok());
    let cli = match parse(args, lang) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let lang = cli.lang.unwrap_or(lang);
    let done = match cli.verb {
        Verb::Demo(args) => commands::demo::run(args, lang),
        Verb::Init(args) => commands::init::run(args, lang),
        Verb::Serve(args) => commands::serve::run(args, lang),
        Verb::Detect(args) => commands::detect::run(args, lang),
        Verb::Rules(args) => commands::rules::run(args, lang),
        Verb::Search(args) => commands::search::run(args, lang),
        Verb::Hunt(args) => commands::hunt::run(args, lang),
        Verb::Status(args) => commands::status::run(args, lang),
        Verb::Sensors(args) => commands::sensors::run(args, lang),
        Verb::Alerts(args) => commands::alerts::run(args, lang),
        Verb::Archive(args) => commands::archive::run(args, lang),
        Verb::Classify(args) => commands::classify::run(args, lang),
        Verb::Confirm(args) => commands::confirm::run(args, lang),
        Verb::Mask(args) => commands::mask::run(args, lang),
        Verb::Protect(args) => commands::protect::run(args, lang),
        Verb::Reveal(args) => commands::reveal::run(args, lang),
        Verb::Lookup(args) => commands::lookup::run(args, lang),
        Verb::Keys(args) => commands::keys::run(args, lang),
        Verb::Audit(args) => commands::audit::run(args, lang),
        Verb::Evidence(args) => commands::evidence::run(args, lang),
        Verb::Playbook(args) => commands::playbook::run(args, lang),
        Verb::Drill(args) => commands::drill::run(args, lang),
        Verb::Account(args) => commands::account::run(args, lang),
        Verb::Config(args) => commands::config::run(args, lang),
        Verb::Explain(args) => commands::explain::run(args, lang),
    };
    match done {
        Ok(Outcome::Clean) => 0,
        Ok(Outcome::Findings) => 1,
        Err(failure) => {
            failure.print(lang);
            failure.exit_code()
        }
    }
}

/// The verb asked for; else, help or a usage error is printed and the exit code given.
fn parse(args: Vec<OsString>, lang: Lang) -> Result<Cli, u8> {
    let tree = match lang {
        Lang::Zh => zh::translate(Cli::command()),
        Lang::En => Cli::command(),
    };
    let parsed = tree.try_get_matches_from(args).and_then(|found| Cli::from_arg_matches(&found));
    parsed.map_err(|error| {
        match usage::told(&error).filter(|_| lang == Lang::Zh) {
            Some(text) => eprint!("{text}"),
            // A closed pipe is nothing to tell.
            None => drop(error.print()),
        }
        u8::try_from(error.exit_code()).unwrap_or(2)
    })
}
