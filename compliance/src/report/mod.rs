//! What people hand in, drawn from a run alone: the same run gives the same bytes.
//!
//! [`html`] a page in Chinese or English; [`csv`] the table assessors fill by hand;
//! [`oscal`] assessment results as OSCAL 1.2.3 JSON.

mod csv_table;
mod html_page;
mod oscal_results;

pub use csv_table::csv;
pub use html_page::html;
pub use oscal_results::{OSCAL_VERSION, oscal};
