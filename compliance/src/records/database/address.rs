//! Where a database is: `postgresql://user@host:port/database`, `mysql://…`; a host that begins
//! with a slash (written `%2F`) is the folder or path of a socket. Never with a password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::records::error::Error;

/// The engine of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgresql,
    /// MySQL or MariaDB.
    Mysql,
}

impl Engine {
    /// Its scheme in an address.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Postgresql => 5432,
            Self::Mysql => 3306,
        }
    }
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// By name or address.
    Name(String),
    /// A socket on this machine: for PostgreSQL the folder it is in, for MySQL the socket itself.
    Socket(PathBuf),
}

/// Where a database is, and as whom it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The engine.
    pub engine: Engine,
    /// The account.
    pub user: String,
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
    /// The database.
    pub database: String,
}

impl Address {
    /// Whether nothing leaves this machine on the way there.
    pub fn is_local(&self) -> bool {
        match &self.host {
            Host::Socket(_) => true,
            Host::Name(name) if name == "localhost" => true,
            Host::Name(name) => name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.engine.name();
        match &self.host {
            Host::Name(name) if name.contains(':') => {
                write!(f, "{scheme}://{}@[{name}]:{}/{}", self.user, self.port, self.database)
            }
            Host::Name(name) => {
                write!(f, "{scheme}://{}@{name}:{}/{}", self.user, self.port, self.database)
            }
            Host::Socket(path) => {
                let path = path.display().to_string().replace('/', "%2F");
                write!(f, "{scheme}://{}@{path}:{}/{}", self.user, self.port, self.database)
            }
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |reason| Error::BadAddress { reason };
        let (scheme, rest) = text.split_once("://").ok_or(bad("no scheme"))?;
        let engine = match scheme {
            "postgresql" | "postgres" => Engine::Postgresql,
            "mysql" | "mariadb" => Engine::Mysql,
            _ => return Err(bad("neither postgresql:// nor mysql://")),
        };
        if rest.contains(['?', '#']) {
            return Err(bad("parameters are not taken"));
        }
        let (authority, database) = rest.rsplit_once('/').ok_or(bad("no database"))?;
        let (user, place) = authority.rsplit_once('@').ok_or(bad("no user"))?;
        if user.contains(':') {
            return Err(bad("a password does not belong in an address"));
        }
        let (host, port) = match place.rsplit_once(':') {
            // An IPv6 address in brackets holds colons of its own.
            Some((_, tail)) if tail.contains(']') => (place, None),
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        };
        let port = match port {
            Some(port) => port.parse().map_err(|_| bad("the port is no number"))?,
            None => engine.port(),
        };
        let host = decoded(host.trim_start_matches('[').trim_end_matches(']'));
        let host = host.ok_or(bad("the host"))?;
        let user = decoded(user).filter(|u| !u.is_empty()).ok_or(bad("no user"))?;
        let database = decoded(database).filter(|d| !d.is_empty()).ok_or(bad("no database"))?;
        let host = match host.as_str() {
            "" => return Err(bad("no host")),
            path if path.starts_with('/') => Host::Socket(PathBuf::from(path)),
            _ => Host::Name(host),
        };
        Ok(Self { engine, user, host, port, database })
    }
}

/// A part with its percent signs read.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    let text = String::from_utf8(out).ok()?;
    // Nothing of a session's own syntax may come in by here.
    if text.contains('\0') { None } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Address, String> {
        text.parse::<Address>().map_err(|e| e.to_string())
    }

    #[test]
    fn addresses_of_all_kinds() {
        let a = read("postgresql://ro@db.example:6000/school").unwrap();
        assert_eq!((a.engine, a.port, a.is_local()), (Engine::Postgresql, 6000, false));
        let a = read("mysql://ro@127.0.0.1/school").unwrap();
        assert_eq!((a.engine, a.port, a.is_local()), (Engine::Mysql, 3306, true));
        let a = read("postgres://p%C3%BC@%2Frun%2Fpostgresql/a").unwrap();
        assert_eq!((a.user.as_str(), a.is_local()), ("pü", true));
        assert_eq!(a.host, Host::Socket(PathBuf::from("/run/postgresql")));
        assert!(read("mysql://u@[::1]:3307/d").unwrap().is_local());
        assert!(read("mysql://u@[::1]/d").unwrap().is_local());
        assert!(!read("mysql://u@localhost.example.org/d").unwrap().is_local());
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let refused = read("postgresql://ro:s3cret@db/school").unwrap_err();
        assert!(refused.contains("password") && !refused.contains("s3cret"));
        for text in [
            "",
            "db",
            "http://u@h/d",
            "mysql://h/d",
            "mysql://u@h",
            "mysql://u@/d",
            "mysql://u@h:x/d",
            "mysql://u@h/d?ssl=0",
            "mysql://u%0@h/d",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(user in "[a-z]{1,8}", host in "[a-z.]{1,12}|::1", port: u16, db in "[a-z_]{1,8}") {
            let address = Address { engine: Engine::Mysql, user, host: Host::Name(host), port, database: db };
            prop_assert_eq!(address.to_string().parse::<Address>().ok(), Some(address));
        }
    }
}
