//! The PostgreSQL database a masked copy goes to: new tables only, all of them in one transaction,
//! so that a copy is there whole or not at all.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use futures_util::SinkExt;

use super::address::{Address, Engine};
use super::postgres::{Session, connect, ident, refused};
use super::{Access, Database, Table};
use crate::records::error::Error;
use crate::records::mask::MaskReport;

/// Bytes sent at a time.
const PIECE_BYTES: usize = 1 << 16;

/// Where masked tables go.
pub struct Target {
    session: Session,
    /// Tables received so far.
    tables: usize,
}

impl Target {
    /// Connects and begins the transaction.
    ///
    /// # Errors
    /// [`Error::NotEncrypted`], [`Error::Connect`], [`Error::Database`].
    pub fn open(address: Address, access: Access) -> Result<Self, Error> {
        if address.engine != Engine::Postgresql {
            return Err(Error::BadAddress { reason: "a masked copy goes to postgresql:// only" });
        }
        let database = Database::new(address, access)?;
        let session = connect(&database.address, &database.access)?;
        session.run("transaction", "SET client_encoding = 'UTF8'; BEGIN")?;
        Ok(Self { session, tables: 0 })
    }

    /// Makes a table and fills it from a masked file with a header. A column whose cells were all
    /// left as they are keeps its type; any other becomes text, which every masked value fits.
    ///
    /// # Errors
    /// [`Error::Database`] when the table exists or the rows do not fit; nothing is there then.
    pub fn receive(
        &mut self,
        table: &Table,
        report: &MaskReport,
        masked: &Path,
    ) -> Result<(), Error> {
        let what = table.full_name();
        let (schema, name) = (ident(&table.schema), ident(&table.name));
        let columns: Vec<String> = table
            .columns
            .iter()
            .zip(&report.changed_cells)
            .map(|(column, changed)| {
                let kept = column.kind.as_deref().filter(|_| *changed == 0 && !column.binary);
                format!("{} {}", ident(&column.name), kept.unwrap_or("text"))
            })
            .collect();
        self.session.run(
            &what,
            &format!(
                "CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE {schema}.{name} ({})",
                columns.join(", ")
            ),
        )?;
        let rows = self.copy(&what, &format!("{schema}.{name}"), masked)?;
        if rows != report.rows {
            // 22000: the data is not what it was.
            return Err(Error::Database { what, state: "22000".to_owned() });
        }
        self.tables += 1;
        Ok(())
    }

    fn copy(&self, what: &str, table: &str, masked: &Path) -> Result<u64, Error> {
        let fail = |e: tokio_postgres::Error| refused(what, &e);
        let mut file = File::open(masked).map_err(Error::Read)?;
        let sql = format!("COPY {table} FROM STDIN (FORMAT csv, HEADER)");
        let session = &self.session;
        let sink = session.runtime.block_on(session.client.copy_in::<_, Bytes>(&sql));
        let mut sink = Box::pin(sink.map_err(fail)?);
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let n = file.read(&mut buffer).map_err(Error::Read)?;
            let Some(piece) = buffer.get(..n).filter(|p| !p.is_empty()) else { break };
            session.runtime.block_on(sink.send(Bytes::copy_from_slice(piece))).map_err(fail)?;
        }
        session.runtime.block_on(sink.as_mut().finish()).map_err(fail)
    }

    /// Makes all tables visible at once: how many there are.
    ///
    /// # Errors
    /// [`Error::Database`]; nothing is there then.
    pub fn release(self) -> Result<usize, Error> {
        self.session.run("transaction", "COMMIT")?;
        Ok(self.tables)
    }
}
