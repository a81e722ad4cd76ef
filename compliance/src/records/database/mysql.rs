//! MySQL and MariaDB: a table is read by one `SELECT`, row by row, in a read-only transaction with a
//! snapshot of its own.

use std::io::{self, Read};
use std::pin::Pin;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use mysql_async::prelude::{Query, Queryable};
use mysql_async::{Conn, OptsBuilder, Row, SslOpts, Value};
use tokio::runtime::{Builder, Runtime};

use super::address::{Address, Host};
use super::pace::Pace;
use super::tls::Tls;
use super::{Access, Table, TableColumn, list};
use crate::records::error::Error;
use crate::records::limits::DATABASE_CONNECT_TIMEOUT_MS;
use crate::records::source::rows::{CsvBytes, Rows};

const READ_ONLY: [&str; 3] = [
    "SET SESSION TRANSACTION READ ONLY",
    "SET NAMES utf8mb4",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
];

const TABLES: &str = "SELECT t.TABLE_SCHEMA, t.TABLE_NAME, c.COLUMN_NAME, c.COLUMN_TYPE, c.DATA_TYPE, \
    COALESCE(t.TABLE_ROWS, 0) FROM information_schema.TABLES t \
    JOIN information_schema.COLUMNS c USING (TABLE_SCHEMA, TABLE_NAME) \
    WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE' \
    ORDER BY 1, 2, c.ORDINAL_POSITION";

fn connect(address: &Address, access: &Access) -> Result<(Runtime, Conn), Error> {
    let mut options = OptsBuilder::default()
        .user(Some(&address.user))
        .pass(access.password.as_ref().map(events::Sensitive::reveal))
        .db_name(Some(&address.database))
        .prefer_socket(false);
    options = match &address.host {
        Host::Name(name) => {
            options.ip_or_hostname(name).tcp_port(address.port).ssl_opts(tls(access)?)
        }
        // The driver speaks no TLS on a socket, which does not leave this machine.
        Host::Socket(path) => options.socket(Some(path.display().to_string())),
    };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Error::Connect { reason: e.to_string() })?;
    let told = |e: mysql_async::Error| match e {
        mysql_async::Error::Server(e) => Error::Connect { reason: format!("SQLSTATE {}", e.state) },
        other => Error::Connect { reason: other.to_string() },
    };
    let wait = Duration::from_millis(DATABASE_CONNECT_TIMEOUT_MS);
    let conn = runtime.block_on(async { tokio::time::timeout(wait, Conn::new(options)).await });
    let late = |_| Error::Connect { reason: format!("no answer within {} s", wait.as_secs()) };
    let mut conn = conn.map_err(late)?.map_err(told)?;
    for statement in READ_ONLY {
        let done = runtime.block_on(conn.query_drop(statement));
        done.map_err(|e| refused("transaction", &e))?;
    }
    Ok((runtime, conn))
}

/// TLS by the named authorities alone: those the driver brings along are not trusted.
fn tls(access: &Access) -> Result<Option<SslOpts>, Error> {
    let Some(ca) = &access.ca else { return Ok(None) };
    // Our own reading of the file first: the driver would take one without a certificate.
    Tls::trusting(ca)?;
    let options = SslOpts::default().with_root_certs(vec![ca.clone().into()]);
    Ok(Some(options.with_disable_built_in_roots(true)))
}

fn refused(what: &str, error: &mysql_async::Error) -> Error {
    let state = match error {
        mysql_async::Error::Server(e) => format!("{} ({})", e.state, e.code),
        _ => "08006".to_owned(),
    };
    Error::Database { what: what.to_owned(), state }
}

/// A name as this engine writes it.
fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The tables of the address's database that the account may see.
pub(super) fn tables(address: &Address, access: &Access) -> Result<Vec<Table>, Error> {
    let (runtime, mut conn) = connect(address, access)?;
    let rows: Vec<(String, String, String, String, String, u64)> =
        runtime.block_on(conn.query(TABLES)).map_err(|e| refused("list of tables", &e))?;
    let mut tables: Vec<Table> = Vec::new();
    for (schema, name, column, kind, data, rows) in rows {
        let data = data.to_ascii_lowercase();
        let binary = data.ends_with("blob")
            || matches!(data.as_str(), "binary" | "varbinary" | "bit" | "geometry");
        let column = TableColumn { name: column, kind: Some(kind), binary };
        let columns = vec![column];
        list(&mut tables, Table { schema, name, columns, rows, readable: true, sampled: true })?;
    }
    Ok(tables)
}

fn select(table: &Table, sample: Option<u64>) -> String {
    let column = |c: &TableColumn| if c.binary { "''".to_owned() } else { ident(&c.name) };
    let columns: Vec<String> = table.columns.iter().map(column).collect();
    let (schema, name) = (ident(&table.schema), ident(&table.name));
    let mut sql = format!("SELECT {} FROM {schema}.{name}", columns.join(", "));
    if let Some(rows) = sample {
        if table.rows / 4 > rows {
            let share = (2.0 * rows as f64 / table.rows as f64).clamp(0.000_001, 1.0);
            sql.push_str(&format!(" WHERE RAND() < {share}"));
        }
        sql.push_str(&format!(" LIMIT {rows}"));
    }
    sql
}

/// A table's rows as CSV with a header.
pub(super) fn read(
    address: &Address,
    access: &Access,
    table: &Table,
    sample: Option<u64>,
) -> Result<Box<dyn Read>, Error> {
    let (runtime, conn) = connect(address, access)?;
    let what = table.full_name();
    let stream = runtime.block_on(select(table, sample).stream::<Row, _>(conn));
    let stream = Box::pin(stream.map_err(|e| refused(&what, &e))?);
    Ok(Box::new(CsvBytes::new(Selected {
        header: Some(table.columns.iter().map(|c| c.name.clone()).collect()),
        stream,
        what,
        pace: Pace::new(access.bytes_per_s),
        began: Instant::now(),
        runtime,
    })))
}

struct Selected {
    header: Option<Vec<String>>,
    stream: Pin<Box<dyn Stream<Item = Result<Row, mysql_async::Error>>>>,
    what: String,
    pace: Pace,
    began: Instant,
    runtime: Runtime,
}

impl Rows for Selected {
    fn next(&mut self, cells: &mut Vec<String>) -> io::Result<bool> {
        if let Some(header) = self.header.take() {
            *cells = header;
            return Ok(true);
        }
        let row = match self.runtime.block_on(self.stream.next()) {
            None => return Ok(false),
            Some(Ok(row)) => row,
            Some(Err(e)) => return Err(io::Error::other(refused(&self.what, &e))),
        };
        let mut bytes = 0;
        // This `unwrap` is the driver's: the values, all there as none was taken from the row.
        cells.extend(row.unwrap().into_iter().map(|value| {
            let text = text(value);
            bytes += text.len() + 1;
            text
        }));
        let wait = self.pace.spend(bytes, self.began.elapsed());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        Ok(true)
    }
}

/// A value as text; the text protocol gives bytes for all but NULL.
fn text(value: Value) -> String {
    match value {
        Value::NULL => String::new(),
        Value::Bytes(bytes) => String::from_utf8(bytes)
            .unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()),
        other => other.as_sql(true).trim_matches('\'').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_bytes_left_out_and_samples_drawn_by_chance() {
        let column = |name: &str, binary| TableColumn { name: name.into(), kind: None, binary };
        let table = Table {
            schema: "s".into(),
            name: "a` b".into(),
            columns: vec![column("姓名", false), column("照片", true)],
            rows: 1_000_000,
            readable: true,
            sampled: true,
        };
        assert_eq!(select(&table, None), "SELECT `姓名`, '' FROM `s`.`a`` b`");
        assert!(select(&table, Some(1000)).ends_with(" WHERE RAND() < 0.002 LIMIT 1000"));
    }

    #[test]
    fn values_become_text() {
        assert_eq!(text(Value::NULL), "");
        assert_eq!(text(Value::Bytes("张三".into())), "张三");
        assert_eq!(text(Value::Bytes(vec![0xFF, b'a'])), "\u{FFFD}a");
        assert_eq!(text(Value::Int(-3)), "-3");
    }
}
