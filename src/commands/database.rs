//! Arguments that name a live database; its password comes from a file, the environment or the
//! terminal, never from the command line.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use compliance::records::database::{Access, Address, Database, Host, Table};
use events::{Lang, Sensitive};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

use super::Failure;
use super::protect::passphrase;

/// Where the password of a database is taken from when no file is named.
const PASSWORD: &str = "XUEDUN_DATABASE_PASSWORD";

/// A live database.
#[derive(Debug, clap::Args)]
pub struct DatabaseArgs {
    /// A database: postgresql://USER@HOST:PORT/DATABASE or mysql://…; a host that begins with %2F is
    /// a socket. Without a password: see --password-file
    #[arg(long, value_name = "URL", conflicts_with = "file")]
    pub database: Option<String>,
    /// File with the database's password; else the environment's XUEDUN_DATABASE_PASSWORD, else it
    /// is asked for on the terminal
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// PEM file of the authorities that may sign the server's certificate; needed for a server that
    /// is not on this machine
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Read at most this many MB a second from the database
    #[arg(long, value_name = "MB")]
    pub rate: Option<u64>,
}

impl DatabaseArgs {
    /// The database, if one is named.
    pub fn open(&self, lang: Lang) -> Result<Option<Database>, Failure> {
        let Some(url) = &self.database else { return Ok(None) };
        let address = address(url)?;
        let access = Access {
            password: password(self.password_file.as_deref(), &address, lang)?,
            ca: self.ca.clone(),
            bytes_per_s: self.rate.map(|mb| mb.saturating_mul(1_000_000)),
        };
        Database::new(address, access).map(Some).map_err(|e| Failure::of(e.code(), &e))
    }
}

/// The tables of a database, or those of these names: each must be one.
pub fn tables(database: &Database, names: &[String]) -> Result<Vec<Table>, Failure> {
    let all = database.tables().map_err(|e| Failure::of(e.code(), &e))?;
    if names.is_empty() {
        return Ok(all);
    }
    let mut wanted = Vec::new();
    for name in names {
        let mut named = all.iter().filter(|t| t.is_named(name));
        match (named.next(), named.count()) {
            (Some(table), 0) => wanted.push(table.clone()),
            (first, more) => {
                let found = usize::from(first.is_some()) + more;
                let error = compliance::records::Error::NoTable { found };
                return Err(Failure::of(error.code(), &error));
            }
        }
    }
    Ok(wanted)
}

/// An address; what was typed is not repeated, for it may hold a password.
pub fn address(url: &str) -> Result<Address, Failure> {
    url.parse().map_err(|e: compliance::records::Error| Failure::of(e.code(), &e))
}

/// A password by its file, the environment, or the terminal; a socket may do without.
pub fn password(
    file: Option<&Path>,
    address: &Address,
    lang: Lang,
) -> Result<Option<Sensitive<String>>, Failure> {
    if let Some(path) = file {
        return passphrase(path).map(Some);
    }
    if let Ok(text) = std::env::var(PASSWORD) {
        return Ok(Some(Sensitive::new(text)));
    }
    if matches!(address.host, Host::Socket(_)) || !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    ask(&format!("{} {address}", lang.pick("口令", "password for"))).map(Some)
}

/// Asks on the terminal, without showing what is typed.
pub fn ask(what: &str) -> Result<Sensitive<String>, Failure> {
    let fail = |e: std::io::Error| Failure::stream("终端", "the terminal", &e);
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).map_err(|e| fail(e.into()))?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    eprint!("{what}: ");
    std::io::stderr().flush().map_err(fail)?;
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &silent).map_err(|e| fail(e.into()))?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &before).map_err(|e| fail(e.into()))?;
    eprintln!();
    read.map_err(fail)?;
    Ok(Sensitive::new(line.trim_end_matches(['\r', '\n']).to_owned()))
}
