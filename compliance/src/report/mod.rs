//! What people hand in, drawn from a run or an inventory alone: the same one gives the same bytes.
//!
//! [`html`] a page in Chinese or English; [`csv`] and [`xlsx`] the table assessors fill by hand;
//! [`docx`] the report; [`oscal`] and its sisters OSCAL 1.2.3 JSON;
//! [`inventory_html`] and [`inventory_xlsx`] what personal data is where.

mod assessor_forms;
mod csv_table;
mod html_page;
mod inventory;
mod office;
mod oscal_plan;
mod oscal_results;
mod remark;

pub use assessor_forms::{docx, xlsx};
pub use csv_table::{csv, csv_line};
pub use html_page::html;
pub use inventory::{inventory_html, inventory_xlsx};
pub use office::OfficeError;
pub use oscal_plan::{oscal_catalog, oscal_plan, oscal_poam};
pub use oscal_results::{OSCAL_VERSION, oscal};
pub use remark::{of_item as remark, troubles};
