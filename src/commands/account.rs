//! `xuedun account`: one-time login links, for whoever holds the data folder.

use centre::control::Request;
use events::Lang;

use super::node::ConfigArg;
use super::{Done, Outcome, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print a login link that works once, within an hour
    Link {
        #[command(flatten)]
        config: ConfigArg,
        /// The account
        name: String,
    },
}

pub fn run(args: Args, _lang: Lang) -> Done {
    let Verb::Link { config, name } = args.verb;
    let token = config.ask(Request::OneTimeLink { account: name })?;
    let console = config.load()?.console;
    print_line(&login_link(&console, token.as_str().unwrap_or_default()))?;
    Ok(Outcome::Clean)
}

/// The address of a one-time login page.
fn login_link(console: &centre::config::ConsoleConfig, token: &str) -> String {
    let scheme = if console.cert.is_some() { "https" } else { "http" };
    login_link_at(&format!("{scheme}://{}", console.listen), token)
}

/// The same for a console whose address is known.
pub fn login_link_at(url: &str, token: &str) -> String {
    format!("{url}/login/once?token={token}")
}
