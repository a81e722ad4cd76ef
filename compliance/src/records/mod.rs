//! Student records: find what is personal, grade it, mask it, protect it.
//!
//! - [`table`]: delimited text of any encoding, in bounded memory;
//! - [`source`]: tables of JSON lines, workbooks, Parquet and SQL dumps in the same form;
//! - [`database`]: tables of PostgreSQL and MySQL/MariaDB servers, and where a masked copy goes;
//! - [`find`]: the detectors, cell by cell;
//! - [`scan`]: what the columns are, learned from headers and a sample, before the first finding;
//! - [`taxonomy`]: the data elements, as data; [`classify`]: the inventory; [`cells`]: each finding;
//! - [`text`]: the same in texts of no table, such as log records;
//! - [`coverage`]: how much of what should be sealed is;
//! - [`change`]: what is other than at the last scan; [`confirm`]: what persons said of columns;
//! - [`mask`]: policies, methods, k-anonymity, and the second scan;
//! - [`protect`]: field encryption under a key per subject.
//!
//! Invariants: readers and writers in, no clock, no randomness of its own, no value in errors,
//! logs or reports. Nothing is released that a second scan finds a person in.

pub mod cells;
pub mod change;
pub mod classify;
pub mod confirm;
pub mod coverage;
pub mod database;
pub mod error;
pub mod find;
mod judge;
pub mod limits;
pub mod mask;
mod part;
pub mod protect;
pub(crate) mod scan;
pub mod source;
pub mod table;
pub mod taxonomy;
pub mod text;

pub use cells::{CellFinding, FindSummary, find_cells};
pub use classify::{ClassifyOptions, ColumnReport, Inventory, classify};
pub use confirm::{Acted, Confirmation, Confirmations, Confirmed, Said};
pub use error::Error;
pub use find::{Day, Kind};
pub use mask::{MaskReport, Policy, PolicyKey, mask_file, mask_source, second_scan};
pub use source::Source;
pub use table::{Encoding, Tally};
pub use taxonomy::Taxonomy;
