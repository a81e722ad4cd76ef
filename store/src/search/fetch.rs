//! The rows of the answer, read whole: only these, whatever was looked at to find them.

use std::collections::HashMap;
use std::fs::File;

use events::Event;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::PageIndexPolicy;

use super::answer::RowAt;
use super::scan::Progress;
use crate::archive::Archive;
use crate::archive::rows::Rows;

/// The events of rows, which are in order. A file that cannot be read is named in the progress.
pub(super) fn rows(
    archive: &Archive,
    rows: &[RowAt],
    progress: &mut Progress,
) -> HashMap<RowAt, Event> {
    let mut events = HashMap::with_capacity(rows.len());
    for of_file in rows.chunk_by(|a, b| a.file == b.file) {
        let Some(sealed) = of_file.first().and_then(|at| progress.files.get(at.file)) else {
            continue;
        };
        let read = File::open(archive.path(sealed))
            .map_err(|e| ParquetError::External(Box::new(e)))
            .and_then(|file| read(file, of_file, &mut events));
        if let Err(error) = read {
            tracing::error!(file = sealed.name, %error, "archive file cannot be read");
            let name = sealed.name.clone();
            progress.unreadable.push(name);
        }
    }
    events
}

fn read(
    file: File,
    rows: &[RowAt],
    events: &mut HashMap<RowAt, Event>,
) -> Result<(), ParquetError> {
    let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)?;
    // Only the row groups that hold a wanted row, and in them only the wanted rows.
    let mut groups = Vec::new();
    let mut ranges = Vec::with_capacity(rows.len());
    let (mut begin, mut kept) = (0, 0);
    for (number, group) in builder.metadata().row_groups().iter().enumerate() {
        let len = usize::try_from(group.num_rows()).unwrap_or(0);
        let of_group = rows.iter().filter(|at| (begin..begin + len).contains(&at.row));
        let before = ranges.len();
        ranges.extend(of_group.map(|at| at.row - begin + kept).map(|row| row..row + 1));
        if ranges.len() > before {
            groups.push(number);
            kept += len;
        }
        begin += len;
    }
    let selection = RowSelection::from_consecutive_ranges(ranges.into_iter(), kept);
    let reader = builder.with_row_groups(groups).with_row_selection(selection).build()?;
    let mut wanted = rows.iter();
    for batch in reader {
        let batch = batch?;
        let found = Rows::new(&batch);
        for row in 0..found.len {
            if let Some(at) = wanted.next() {
                events.insert(*at, found.event(row));
            }
        }
    }
    Ok(())
}
