//! The output file: each piece is verified before it is written.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::Plan;
use super::residue::{Values, Verifier};
use crate::records::error::Error;
use crate::records::find::Day;
use crate::records::table::writer::RowWriter;

/// Bytes of output verified and written at a time.
const PIECE_BYTES: usize = 1 << 18;

/// The output: each piece is verified before it is written.
pub(super) struct Out {
    file: File,
    rows: RowWriter,
    bytes: Vec<u8>,
    first: u64,
    pub(super) values: Values,
    verifier: Verifier,
}

impl Out {
    pub(super) fn new(
        path: &Path,
        plans: &[Plan],
        today: Day,
        delimiter: u8,
    ) -> Result<Self, Error> {
        let kept = plans.iter().map(Plan::kept).collect();
        Ok(Self {
            file: File::create(path).map_err(Error::Write)?,
            rows: RowWriter::new(delimiter),
            bytes: Vec::new(),
            first: 0,
            values: Values::default(),
            verifier: Verifier::new(kept, today, delimiter),
        })
    }

    pub(super) fn header(&mut self, plans: &[Plan]) -> Result<(), Error> {
        for plan in plans {
            self.rows.cell(&mut self.bytes, &plan.name);
        }
        self.rows.end(&mut self.bytes, plans.len(), false);
        self.file.write_all(&self.bytes).map_err(Error::Write)?;
        self.bytes.clear();
        Ok(())
    }

    pub(super) fn row(&mut self, cells: &[String]) -> Result<(), Error> {
        for cell in cells {
            self.rows.cell(&mut self.bytes, cell);
        }
        let last_empty = cells.last().is_none_or(String::is_empty);
        self.rows.end(&mut self.bytes, cells.len(), last_empty);
        self.values.end_row();
        if self.bytes.len() > PIECE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.verifier.chunk(&self.bytes, self.first, &self.values)?;
        self.file.write_all(&self.bytes).map_err(Error::Write)?;
        self.bytes.clear();
        self.first += self.values.rows() as u64;
        self.values.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.flush()?;
        if self.verifier.found > 0 {
            let Verifier { found: total, samples, .. } = self.verifier;
            return Err(Error::Residue { total, samples });
        }
        self.file.sync_all().map_err(Error::Write)
    }
}
