//! A database by a read-only account, asked through its own client program: `psql` or `mariadb`.
//! The session is read-only; the password comes from the client's own file, never from arguments.

use std::path::PathBuf;
use std::time::Instant;

use events::Timestamp;

use super::child::Child;
use super::{Host, HostError};
use crate::audit::limits;

/// Which client speaks to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL, by `psql`.
    Postgresql,
    /// MySQL or MariaDB, by `mariadb`.
    Mysql,
}

/// Where a database is and who asks.
#[derive(Clone, Debug)]
pub struct DatabaseHost {
    engine: Engine,
    /// Host name, or the folder or path of a socket (begins with `/`).
    address: String,
    port: u16,
    user: String,
    database: String,
    /// `.pgpass`, or a MySQL option file; none for a socket with peer authentication.
    secret: Option<PathBuf>,
    started: Instant,
}

impl DatabaseHost {
    /// A database. Nothing is opened until the first question.
    pub fn new(engine: Engine, address: &str, port: u16, user: &str, database: &str) -> Self {
        let [address, user, database] = [address, user, database].map(str::to_owned);
        Self { engine, address, port, user, database, secret: None, started: Instant::now() }
    }

    /// The client's own file that holds the password.
    #[must_use]
    pub fn with_secret(mut self, file: PathBuf) -> Self {
        self.secret = Some(file);
        self
    }

    fn child<'a>(&self, name: &'a str, sql: &str) -> Child<'a> {
        let port = self.port.to_string();
        match self.engine {
            Engine::Postgresql => {
                let ms = limits::COMMAND_MS_MAX;
                let child = Child::new(name, "psql", ms)
                    .args(["-X", "-w", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"])
                    .args(["-F", "\u{1f}", "-R", "\u{1e}", "-h", &self.address, "-p", &port])
                    .args(["-U", &self.user, "-d", &self.database, "-c", sql])
                    .env(
                        "PGOPTIONS",
                        format!("-c default_transaction_read_only=on -c statement_timeout={ms}"),
                    )
                    .env("PGCONNECT_TIMEOUT", "4");
                match &self.secret {
                    Some(file) => child.env("PGPASSFILE", file.clone()),
                    None => child,
                }
            }
            Engine::Mysql => {
                // The file of defaults must be the first argument.
                let defaults = match &self.secret {
                    Some(file) => format!("--defaults-file={}", file.display()),
                    None => "--no-defaults".to_owned(),
                };
                // A port would make the client leave the socket for TCP.
                let (place, way) = if self.address.starts_with('/') {
                    (format!("--socket={}", self.address), "--protocol=socket".to_owned())
                } else {
                    (format!("--host={}", self.address), format!("--port={port}"))
                };
                Child::new(name, "mariadb", limits::COMMAND_MS_MAX)
                    .args([defaults, place, way])
                    .args([
                        format!("--user={}", self.user),
                        format!("--database={}", self.database),
                    ])
                    .args(["--batch", "--skip-column-names", "--connect-timeout=4"])
                    .args(["--init-command=SET SESSION TRANSACTION READ ONLY", "--execute", sql])
            }
        }
    }
}

impl Host for DatabaseHost {
    fn reach(&self) -> Result<(), HostError> {
        let asked = self.query("connection", "SELECT 1").map(|_| ());
        match asked {
            // That the client is not installed here says nothing of the server.
            Err(HostError::NotFound { what }) => {
                let reason = "本机未安装客户端 / no client on this machine".to_owned();
                Err(HostError::Failed { what, reason })
            }
            Err(HostError::Denied { .. }) => Err(HostError::Refused { what: self.address.clone() }),
            other => other,
        }
    }

    fn clock(&self) -> Result<Timestamp, HostError> {
        let sql = match self.engine {
            Engine::Postgresql => "SELECT floor(extract(epoch FROM clock_timestamp()))::bigint",
            Engine::Mysql => "SELECT unix_timestamp()",
        };
        let rows = self.query("clock", sql)?;
        let secs = rows.first().and_then(|row| row.first()).and_then(|cell| cell.parse().ok());
        secs.map(Timestamp::from_secs).ok_or_else(|| HostError::Failed {
            what: "clock".into(),
            reason: "时间读不懂 / the time cannot be read".into(),
        })
    }

    fn query(&self, name: &str, sql: &str) -> Result<Vec<Vec<String>>, HostError> {
        let ended = self.child(name, sql).run()?;
        if ended.code == Some(0) {
            let text = String::from_utf8_lossy(&ended.stdout).into_owned();
            return Ok(rows(self.engine, &text));
        }
        let what = name.to_owned();
        // Of the server's words only their kind is kept: they may carry names and values.
        let said = ended.stderr.to_ascii_lowercase();
        Err(match told(&said) {
            Told::Denied => HostError::Denied { what },
            Told::Gone => HostError::Unreachable { what, reason: "no connection".into() },
            Told::Refused => {
                let reason = "数据库不予回答 / the database refused the question".into();
                HostError::Failed { what, reason }
            }
        })
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What a client's words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// The server is there and does not let us in, or not see this.
    Denied,
    /// Nobody answered.
    Gone,
    /// The server answered that it will not.
    Refused,
}

/// By words of psql and mariadb in lower case.
fn told(said: &str) -> Told {
    const DENIED: [&str; 8] = [
        "permission denied",
        "access denied",
        "command denied",
        "authentication failed",
        "no pg_hba.conf entry",
        "no password supplied",
        "is not permitted to log in",
        "is not allowed to connect",
    ];
    const GONE: [&str; 4] =
        ["could not connect", "connection to server", "can't connect", "unknown server host"];
    let any = |words: &[&str]| words.iter().any(|w| said.contains(w));
    // An account that is not there is refused, a database that is not there is not.
    let no_account = said.contains("role \"") && said.contains("does not exist");
    if any(&DENIED) || no_account {
        Told::Denied
    } else if any(&GONE) && !said.contains("fatal:") {
        Told::Gone
    } else {
        Told::Refused
    }
}

/// Rows of a client's plain output.
fn rows(engine: Engine, text: &str) -> Vec<Vec<String>> {
    let (row, column) = match engine {
        Engine::Postgresql => ('\u{1e}', '\u{1f}'),
        Engine::Mysql => ('\n', '\t'),
    };
    let text = text.trim_end_matches(['\n', row]);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(row).map(|r| r.split(column).map(str::to_owned).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_output_becomes_rows() {
        assert_eq!(
            rows(Engine::Postgresql, "ssl\u{1f}on\u{1e}a\u{1f}\n"),
            [["ssl", "on"], ["a", ""]]
        );
        assert_eq!(rows(Engine::Mysql, "log_bin\tON\n"), [["log_bin", "ON"]]);
        assert!(rows(Engine::Mysql, "").is_empty());
    }

    /// Words of psql 15 and mariadb 10.11.
    #[test]
    fn a_client_says_why_it_was_not_answered() {
        let at = "psql: error: connection to server on socket \"/s/.s.PGSQL.5432\" failed: ";
        for (said, means) in [
            (format!("{at}FATAL:  password authentication failed for user \"x\""), Told::Denied),
            (format!("{at}FATAL:  role \"x\" does not exist"), Told::Denied),
            (format!("{at}FATAL:  no pg_hba.conf entry for host \"1.2.3.4\""), Told::Denied),
            (format!("{at}fe_sendauth: no password supplied"), Told::Denied),
            (format!("{at}FATAL:  database \"x\" does not exist"), Told::Refused),
            (format!("{at}FATAL:  sorry, too many clients already"), Told::Refused),
            (format!("{at}Connection refused"), Told::Gone),
            (format!("{at}timeout expired"), Told::Gone),
            ("ERROR:  permission denied for table pg_authid".into(), Told::Denied),
            ("ERROR 1045 (28000): Access denied for user 'x'@'localhost'".into(), Told::Denied),
            (
                "ERROR 1130 (HY000): Host 'h' is not allowed to connect to this server".into(),
                Told::Denied,
            ),
            ("ERROR 1049 (42000): Unknown database 'x'".into(), Told::Refused),
            (
                "ERROR 2002 (HY000): Can't connect to local server through socket '/s'".into(),
                Told::Gone,
            ),
        ] {
            assert_eq!(told(&said.to_ascii_lowercase()), means, "{said}");
        }
    }

    #[test]
    fn nobody_there_is_unreachable_or_no_client() {
        let host = DatabaseHost::new(Engine::Postgresql, "127.0.0.1", 1, "x", "x");
        let error = host.query("settings", "SELECT 1").unwrap_err();
        assert!(matches!(error.code(), "A107" | "A101"), "{error}");
    }
}
