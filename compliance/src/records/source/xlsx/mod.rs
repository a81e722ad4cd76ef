//! Workbooks: each sheet is a table. Cells are streamed; numbers read as they are shown in full
//! (a long number that a spreadsheet rounded stays rounded), days as year-month-day.
//!
//! Layout: [`book`] makes a workbook fit to be streamed, [`texts`] holds what its cells share.

mod book;
mod texts;

use std::io::{self, BufReader};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use calamine::{DataRef, Reader, Xlsx};

pub(super) use book::Book;
use book::Shared;
use texts::TextsReader;

use super::rows::Rows as Source;
use crate::records::error::Error;
use crate::records::limits::COLUMNS_MAX;

/// Rows handed over at a time, and how many such lots wait at most.
const LOT_ROWS: usize = 256;
const LOTS_MAX: usize = 4;

fn open(book: &Book) -> Result<Xlsx<BufReader<Shared>>, Error> {
    let parts = book.parts().map_err(Error::Read)?;
    Xlsx::new(parts).map_err(|e| super::broken("workbook", e))
}

/// Names of the sheets.
pub(super) fn sheets(book: &Book) -> Result<Vec<String>, Error> {
    Ok(open(book)?.sheet_names())
}

type Lot = Result<Vec<Vec<String>>, String>;

/// The rows of a sheet. The reader borrows its workbook, so a thread owns both.
pub(super) struct Rows {
    lots: Receiver<Lot>,
    lot: std::vec::IntoIter<Vec<String>>,
}

impl Rows {
    pub(super) fn open(book: &Arc<Book>, sheet: &str) -> Result<Self, Error> {
        let mut texts = book.texts.reader().map_err(Error::Read)?;
        let mut book = open(book)?;
        let sheet = sheet.to_owned();
        let (give, lots) = sync_channel::<Lot>(LOTS_MAX);
        std::thread::spawn(move || {
            let mut sink = |lot| give.send(Ok(lot)).is_ok();
            if let Err(message) = read(&mut book, &mut texts, &sheet, &mut sink) {
                // Nobody listens any more: nobody needs to know.
                let _ = give.send(Err(message));
            }
        });
        Ok(Self { lots, lot: Vec::new().into_iter() })
    }
}

impl Source for Rows {
    fn next(&mut self, cells: &mut Vec<String>) -> io::Result<bool> {
        loop {
            if let Some(row) = self.lot.next() {
                *cells = row;
                return Ok(true);
            }
            match self.lots.recv() {
                Ok(Ok(lot)) => self.lot = lot.into_iter(),
                Ok(Err(message)) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                Err(_) => return Ok(false),
            }
        }
    }
}

fn read(
    book: &mut Xlsx<BufReader<Shared>>,
    texts: &mut TextsReader,
    sheet: &str,
    give: &mut dyn FnMut(Vec<Vec<String>>) -> bool,
) -> Result<(), String> {
    let mut reader = book.worksheet_cells_reader(sheet).map_err(|e| e.to_string())?;
    let mut lot: Vec<Vec<String>> = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut number = None;
    while let Some(cell) = reader.next_cell().map_err(|e| e.to_string())? {
        let (at, col) = cell.get_position();
        if number.is_some_and(|n| n != at) {
            lot.push(std::mem::take(&mut row));
            if lot.len() == LOT_ROWS && !give(std::mem::take(&mut lot)) {
                return Ok(());
            }
        }
        number = Some(at);
        let col = col as usize;
        if col < COLUMNS_MAX {
            if row.len() <= col {
                row.resize(col + 1, String::new());
            }
            if let Some(place) = row.get_mut(col) {
                *place = text(cell.get_value(), texts)?;
            }
        }
    }
    if number.is_some() {
        lot.push(row);
    }
    give(lot);
    Ok(())
}

fn text(value: &DataRef<'_>, texts: &mut TextsReader) -> Result<String, String> {
    Ok(match value {
        DataRef::String(s) => s.clone(),
        DataRef::SharedString(s) => (*s).to_owned(),
        DataRef::Int(n) => n.to_string(),
        DataRef::Float(n) if n.fract() == 0.0 && n.abs() < 1e18 => format!("{n:.0}"),
        DataRef::Float(n) => n.to_string(),
        DataRef::Bool(b) => b.to_string(),
        DataRef::DateTime(day) => {
            let (y, m, d, h, min, s, _) = day.to_ymd_hms_milli();
            if (h, min, s) == (0, 0, 0) {
                format!("{y:04}-{m:02}-{d:02}")
            } else {
                format!("{y:04}-{m:02}-{d:02} {h:02}:{min:02}:{s:02}")
            }
        }
        DataRef::DateTimeIso(s) => match s.parse::<u64>() {
            Ok(number) => {
                let text = texts.get(number).map_err(|e| e.to_string())?;
                text.ok_or("a cell refers to a text that is not there")?
            }
            Err(_) => s.clone(),
        },
        DataRef::DurationIso(s) => s.clone(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    })
}
