//! Live databases: the tables of a PostgreSQL or MySQL/MariaDB server read as any other source.
//!
//! Layout: [`address`] where a server is, [`postgres`] and [`mysql`] how each is read, [`target`] the
//! PostgreSQL database a masked copy goes to, [`progress`] what of a long scan is done, [`pace`] how
//! fast it may go.
//!
//! Invariants: a source is read in a read-only transaction and nothing is ever written to it; a
//! password is never part of an address, and no message holds one; what a server says is told by its
//! five-letter state alone, because its sentences can hold values; nothing but a socket or this
//! machine is spoken to without TLS, and TLS means a certificate by a named authority for that host.

pub mod address;
mod mysql;
mod pace;
mod postgres;
pub mod progress;
pub mod target;
mod tls;

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

pub use address::{Address, Engine, Host};
use events::Sensitive;

use super::error::Error;
use super::limits::DATABASE_TABLES_MAX;
use super::source::{Origin, Source};

/// What opens a database, beside its address.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// The account's password; none for a socket that knows its peer.
    pub password: Option<Sensitive<String>>,
    /// PEM file of the authorities that may sign the server's certificate. With it TLS is required;
    /// without it only a socket or this machine is spoken to.
    pub ca: Option<PathBuf>,
    /// The most that is read, in bytes a second.
    pub bytes_per_s: Option<u64>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type as the engine writes it, when it is one of the engine's own.
    pub kind: Option<String>,
    /// Bytes, not text: not looked into.
    pub binary: bool,
}

/// A table of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<TableColumn>,
    /// About how many rows, by the engine's own statistics; 0 when it does not know.
    pub rows: u64,
    /// Whether the account may read it.
    pub readable: bool,
    /// Whether the engine can draw a sample of its pages.
    sampled: bool,
}

impl Table {
    /// Schema and name, joined by a dot.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }

    /// Whether a person means this table by `name`: with its schema or without.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.full_name() == name
    }
}

/// A database that tables are read from.
pub struct Database {
    address: Address,
    access: Access,
    /// Keeps one state of the data for all tables, when asked to.
    snapshot: Option<Arc<postgres::Snapshot>>,
}

impl Database {
    /// Gets ready; nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::NotEncrypted`] for a server elsewhere without TLS.
    pub fn new(address: Address, access: Access) -> Result<Self, Error> {
        if access.ca.is_none() && !address.is_local() {
            return Err(Error::NotEncrypted { engine: address.engine.name() });
        }
        Ok(Self { address, access, snapshot: None })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// From now on every table is read as of this moment. It keeps the server from cleaning up behind
    /// it, so it is for copies, not for long scans. PostgreSQL only.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Database`].
    pub fn hold(&mut self) -> Result<(), Error> {
        if self.address.engine != Engine::Postgresql {
            return Err(Error::Database { what: "snapshot".to_owned(), state: "0A000".to_owned() });
        }
        self.snapshot = Some(Arc::new(postgres::Snapshot::take(&self.address, &self.access)?));
        Ok(())
    }

    /// Its tables, system tables left out, by name.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Database`].
    pub fn tables(&self) -> Result<Vec<Table>, Error> {
        match self.address.engine {
            Engine::Postgresql => postgres::tables(&self.address, &self.access),
            Engine::Mysql => mysql::tables(&self.address, &self.access),
        }
    }

    /// A table as a source. With `sample`, about that many rows drawn from all over it.
    pub fn source(&self, table: &Table, sample: Option<u64>) -> Source {
        let origin = Opener {
            address: self.address.clone(),
            access: self.access.clone(),
            snapshot: self.snapshot.clone(),
            table: table.clone(),
            sample,
        };
        Source::of(table.full_name(), Arc::new(origin))
    }
}

/// Adds a column's table to a list that goes by tables.
fn list(tables: &mut Vec<Table>, mut table: Table) -> Result<(), Error> {
    let same = |t: &&mut Table| t.schema == table.schema && t.name == table.name;
    if let Some(known) = tables.last_mut().filter(same) {
        known.columns.append(&mut table.columns);
        return Ok(());
    }
    if tables.len() >= DATABASE_TABLES_MAX {
        // 54000: a limit of the program is exceeded.
        let state = "54000".to_owned();
        return Err(Error::Database { what: "list of tables".to_owned(), state });
    }
    tables.push(table);
    Ok(())
}

/// Opens one table, each time from its start.
struct Opener {
    address: Address,
    access: Access,
    snapshot: Option<Arc<postgres::Snapshot>>,
    table: Table,
    sample: Option<u64>,
}

impl Origin for Opener {
    fn open(&self) -> Result<Box<dyn Read>, Error> {
        let (address, access) = (&self.address, &self.access);
        Ok(match address.engine {
            Engine::Postgresql => {
                let snapshot = self.snapshot.as_deref();
                Box::new(postgres::read(address, access, snapshot, &self.table, self.sample)?)
            }
            Engine::Mysql => mysql::read(address, access, &self.table, self.sample)?,
        })
    }
}
