//! The pages of a search on standard output.

use centre::export;
use events::Timestamp;
use events::time::BEIJING_OFFSET_SECS;
use serde_json::Value;

use crate::commands::{Failure, print_json, print_line, print_text};

/// How records are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line each, for people.
    Text,
    /// A JSON object each.
    Json,
    /// A line of CSV each.
    Csv,
}

/// Prints one page, the first with its heading; how many records or rows it holds.
pub fn print_page(page: &Value, form: Form, first: bool) -> Result<usize, Failure> {
    if let [columns, rows] = page["table"].as_array().map_or(&[][..], |t| t) {
        return print_table(&cells(columns), rows, form, first);
    }
    if form == Form::Csv && first {
        print_text(export::BOM)?;
        print_text(&export::csv_heading())?;
    }
    let records = page["records"].as_array().map_or(&[][..], |r| r);
    for record in records {
        match form {
            Form::Json => print_json(record)?,
            Form::Csv => print_text(&export::csv_record(record))?,
            Form::Text => {
                let text = |key: &str| record[key].as_str().unwrap_or_default();
                let (site, sensor, raw) = (text("site"), text("sensor"), text("raw"));
                print_line(&format!("{} {site} {sensor} {raw}", shown(text("time"))))?;
            }
        }
    }
    Ok(records.len())
}

/// A time as a query would name it: in Beijing time.
fn shown(time: &str) -> String {
    let read = Timestamp::parse_rfc3339(time);
    read.map_or_else(|_| time.to_owned(), |time| time.to_rfc3339_at(BEIJING_OFFSET_SECS))
}

fn print_table(
    columns: &[String],
    rows: &Value,
    form: Form,
    first: bool,
) -> Result<usize, Failure> {
    let csv = |cells: &[String]| export::csv_line(cells.iter().map(String::as_str));
    match form {
        Form::Csv if first => print_text(&format!("{}{}", export::BOM, csv(columns)))?,
        Form::Text if first => print_line(&columns.join("\t"))?,
        _ => {}
    }
    let rows = rows.as_array().map_or(&[][..], |r| r);
    for row in rows.iter().map(cells) {
        match form {
            Form::Json => print_json(&export::json_row(columns, &row))?,
            Form::Csv => print_text(&csv(&row))?,
            Form::Text => print_line(&row.join("\t"))?,
        }
    }
    Ok(rows.len())
}

fn cells(row: &Value) -> Vec<String> {
    let cells = row.as_array().map_or(&[][..], |r| r);
    cells.iter().map(|c| c.as_str().unwrap_or_default().to_owned()).collect()
}
