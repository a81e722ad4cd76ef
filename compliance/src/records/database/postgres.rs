//! PostgreSQL: a table is read by `COPY … TO STDOUT` as CSV, in a read-only transaction.

use std::io::{self, Read};
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, CopyOutStream, NoTls};

use super::address::{Address, Host};
use super::pace::Pace;
use super::tls::Tls;
use super::{Access, Table, TableColumn, list};
use crate::records::error::Error;
use crate::records::limits::DATABASE_CONNECT_TIMEOUT_MS;

/// One connection; it ends when this is dropped.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) runtime: Runtime,
}

/// Rows of a sample are drawn from pages when the table has this many times as many.
const SAMPLED_FROM: u64 = 4;
/// Rows that a page holds at most (`MaxHeapTuplesPerPage` for pages of 8 KiB).
const PAGE_ROWS_MAX: f64 = 291.0;
/// Standard deviations by which a draw may fall short and still hold the rows wanted.
const SHORT_BY: f64 = 5.0;

/// What every reading session says first. A lock that is not to be had soon is an error, not a wait
/// that holds up others behind us.
const READ_ONLY: &str = "SET default_transaction_read_only = on; SET lock_timeout = '5s'; \
    SET client_encoding = 'UTF8'; SET DateStyle = 'ISO, YMD'; SET synchronize_seqscans = off; \
    BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

const TABLES: &str = "SELECT n.nspname::text, c.relname::text, a.attname::text, \
    CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace \
        THEN format_type(a.atttypid, a.atttypmod) END, \
    a.atttypid = 'bytea'::regtype, greatest(c.reltuples, 0)::bigint, \
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), \
    c.relkind IN ('r', 'm') \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    JOIN pg_type t ON t.oid = a.atttypid \
    WHERE c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition \
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
    ORDER BY 1, 2, a.attnum";

/// Connects.
pub(super) fn connect(address: &Address, access: &Access) -> Result<Session, Error> {
    let mut config = Config::new();
    config.user(&address.user).dbname(&address.database).port(address.port);
    config.application_name("xuedun");
    config.connect_timeout(Duration::from_millis(DATABASE_CONNECT_TIMEOUT_MS));
    match &address.host {
        Host::Name(name) => config.host(name),
        Host::Socket(folder) => config.host_path(folder),
    };
    if let Some(password) = &access.password {
        config.password(password.reveal());
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::Connect { reason: e.to_string() })?;
    // Its own sentences name the account at most; a server's are told by their state.
    let told = |e: tokio_postgres::Error| Error::Connect {
        reason: match e.code() {
            Some(state) => format!("SQLSTATE {}", state.code()),
            None => e.to_string(),
        },
    };
    let client = match &access.ca {
        Some(ca) => {
            config.ssl_mode(SslMode::Require);
            let tls = Tls::trusting(ca)?;
            let (client, connection) = runtime.block_on(config.connect(tls)).map_err(told)?;
            runtime.spawn(connection);
            client
        }
        None => {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = runtime.block_on(config.connect(NoTls)).map_err(told)?;
            runtime.spawn(connection);
            client
        }
    };
    Ok(Session { client, runtime })
}

impl Session {
    /// Runs statements that answer nothing.
    pub(super) fn run(&self, what: &str, sql: &str) -> Result<(), Error> {
        self.runtime.block_on(self.client.batch_execute(sql)).map_err(|e| refused(what, &e))
    }
}

/// What the server refused: about what, and its state alone.
pub(super) fn refused(what: &str, error: &tokio_postgres::Error) -> Error {
    // 08006: the connection failed. It is what a driver without a state from the server means.
    let state = error.code().map_or("08006", |s| s.code()).to_owned();
    Error::Database { what: what.to_owned(), state }
}

/// A name as SQL writes it.
pub(super) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A state of the data that several sessions read.
pub(super) struct Snapshot {
    id: String,
    _holds: Session,
}

impl Snapshot {
    pub(super) fn take(address: &Address, access: &Access) -> Result<Self, Error> {
        let session = connect(address, access)?;
        session.run("snapshot", READ_ONLY)?;
        let ask = session.client.query_one("SELECT pg_export_snapshot()", &[]);
        let row = session.runtime.block_on(ask).map_err(|e| refused("snapshot", &e))?;
        let id: String = row.try_get(0).map_err(|e| refused("snapshot", &e))?;
        Ok(Self { id, _holds: session })
    }
}

/// The tables.
pub(super) fn tables(address: &Address, access: &Access) -> Result<Vec<Table>, Error> {
    let session = connect(address, access)?;
    session.run("list of tables", READ_ONLY)?;
    let fail = |e: tokio_postgres::Error| refused("list of tables", &e);
    let rows = session.runtime.block_on(session.client.query(TABLES, &[])).map_err(fail)?;
    let mut tables: Vec<Table> = Vec::new();
    for row in rows {
        let column = TableColumn {
            name: row.try_get(2).map_err(fail)?,
            kind: row.try_get(3).map_err(fail)?,
            binary: row.try_get(4).map_err(fail)?,
        };
        let table = Table {
            schema: row.try_get(0).map_err(fail)?,
            name: row.try_get(1).map_err(fail)?,
            columns: vec![column],
            rows: u64::try_from(row.try_get::<_, i64>(5).map_err(fail)?).unwrap_or(0),
            readable: row.try_get(6).map_err(fail)?,
            sampled: row.try_get(7).map_err(fail)?,
        };
        list(&mut tables, table)?;
    }
    Ok(tables)
}

/// The statement that gives a table's rows.
fn select(table: &Table, sample: Option<u64>) -> String {
    let column = |c: &TableColumn| {
        let name = ident(&c.name);
        if c.binary { format!("''::text AS {name}") } else { name }
    };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let mut sql = format!(
        "SELECT {} FROM {}.{}",
        columns.join(", "),
        ident(&table.schema),
        ident(&table.name)
    );
    if let Some(rows) = sample {
        if table.sampled && table.rows / SAMPLED_FROM > rows {
            let percent = (100.0 * drawn(rows as f64) / table.rows as f64).clamp(0.000_1, 100.0);
            // Pages come in their order: without one of its own, the limit would take the first.
            sql.push_str(&format!(" TABLESAMPLE SYSTEM ({percent:.4}) ORDER BY random()"));
        }
        sql.push_str(&format!(" LIMIT {rows}"));
    }
    sql
}

/// How many rows to draw so that these are among them: whole pages are drawn, each by chance, so
/// that of `n` rows expected `√(n · rows of a page)` more or fewer come.
fn drawn(rows: f64) -> f64 {
    let spread = SHORT_BY * PAGE_ROWS_MAX.sqrt();
    ((spread + (spread * spread + 4.0 * rows).sqrt()) / 2.0).powi(2)
}

/// A table's rows as CSV with a header.
pub(super) fn read(
    address: &Address,
    access: &Access,
    snapshot: Option<&Snapshot>,
    table: &Table,
    sample: Option<u64>,
) -> Result<CopyRead, Error> {
    let what = table.full_name();
    let session = connect(address, access)?;
    session.run(&what, READ_ONLY)?;
    if let Some(snapshot) = snapshot {
        let id = snapshot.id.replace('\'', "''");
        session.run(&what, &format!("SET TRANSACTION SNAPSHOT '{id}'"))?;
    }
    let sql = format!("COPY ({}) TO STDOUT (FORMAT csv, HEADER)", select(table, sample));
    let stream = session.runtime.block_on(session.client.copy_out(&sql));
    let stream = Box::pin(stream.map_err(|e| refused(&what, &e))?);
    let pace = Pace::new(access.bytes_per_s);
    Ok(CopyRead { stream, chunk: Bytes::new(), what, pace, began: Instant::now(), session })
}

/// Reads what `COPY` sends.
pub(super) struct CopyRead {
    stream: Pin<Box<CopyOutStream>>,
    chunk: Bytes,
    what: String,
    pace: Pace,
    began: Instant,
    session: Session,
}

impl Read for CopyRead {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.chunk.has_remaining() {
            match self.session.runtime.block_on(self.stream.next()) {
                Some(Ok(chunk)) => self.chunk = chunk,
                Some(Err(e)) => return Err(io::Error::other(refused(&self.what, &e))),
                None => return Ok(0),
            }
            let wait = self.pace.spend(self.chunk.len(), self.began.elapsed());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
        }
        let n = out.len().min(self.chunk.len());
        self.chunk.copy_to_slice(out.get_mut(..n).unwrap_or_default());
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_bytes_left_out_and_samples_drawn_from_pages() {
        let column = |name: &str, binary| TableColumn { name: name.into(), kind: None, binary };
        let mut table = Table {
            schema: "s".into(),
            name: "a\"; DROP TABLE b; --".into(),
            columns: vec![column("姓名", false), column("照片", true)],
            rows: 1_000_000,
            readable: true,
            sampled: true,
        };
        let sql = select(&table, None);
        assert_eq!(
            sql,
            "SELECT \"姓名\", ''::text AS \"照片\" FROM \"s\".\"a\"\"; DROP TABLE b; --\""
        );
        let sql = select(&table, Some(1000));
        assert!(
            sql.ends_with(" TABLESAMPLE SYSTEM (0.9166) ORDER BY random() LIMIT 1000"),
            "{sql}"
        );
        let short = drawn(1000.0) - SHORT_BY * (drawn(1000.0) * PAGE_ROWS_MAX).sqrt();
        assert!((short - 1000.0).abs() < 1e-6, "{short}");
        table.rows = 2000;
        assert!(!select(&table, Some(1000)).contains("TABLESAMPLE"));
    }
}
