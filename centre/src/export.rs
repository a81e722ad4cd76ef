//! Log records as files: CSV that a spreadsheet opens safely, and JSON lines.
//!
//! The columns are always the same, whatever was found, so that exports can be put together.

pub use compliance::report::csv_line;
use events::field::COLUMNS;
use serde_json::{Map, Value};

use crate::view::shown;

/// What a spreadsheet needs to read Chinese in UTF-8.
pub const BOM: &str = "\u{feff}";
/// What every record has, before the typed columns.
const HEAD: [&str; 7] = ["time", "received", "site", "sensor", "logsource", "exercise", "id"];
/// After them: the fields without a column of their own, as JSON, and the record as received.
const TAIL: [&str; 2] = ["other", "raw"];

/// The heading of an export of records.
pub fn csv_heading() -> String {
    let names = HEAD.iter().copied().chain(COLUMNS.iter().map(|c| c.name)).chain(TAIL);
    csv_line(names)
}

/// One record, as [`crate::view::Record`] is in JSON, as a line of CSV.
pub fn csv_record(record: &Value) -> String {
    let mut other = record["fields"].as_object().cloned().unwrap_or_default();
    let mut cells: Vec<String> =
        HEAD.iter().map(|name| shown(&record[*name]).into_owned()).collect();
    cells.extend(
        COLUMNS
            .iter()
            .map(|c| other.remove(c.name).map_or(String::new(), |v| shown(&v).into_owned())),
    );
    cells.push(if other.is_empty() { String::new() } else { Value::Object(other).to_string() });
    cells.push(shown(&record["raw"]).into_owned());
    csv_line(cells.iter().map(String::as_str))
}

/// A row of a table as a JSON object.
pub fn json_row(columns: &[String], row: &[String]) -> Value {
    let pairs = columns.iter().cloned().zip(row.iter().cloned().map(Value::from));
    Value::Object(Map::from_iter(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_record_keeps_its_columns_and_the_rest() {
        let record = json!({
            "time": "2026-11-27T01:00:00Z", "site": "2133000001", "sensor": "tcp", "exercise": false,
            "fields": { "user.name": "=cmd()", "Policy": ["a", "b"], "source.port": 22 },
            "raw": "line\none",
        });
        let names = cells(&csv_heading());
        let row = cells(&csv_record(&record));
        assert_eq!(names.len(), row.len());
        let cell = |name: &str| row[names.iter().position(|n| n == name).unwrap()].as_str();
        assert_eq!((cell("user.name"), cell("source.port")), ("'=cmd()", "22"));
        assert_eq!(cell("other"), r#"{"Policy":["a","b"]}"#);
        assert_eq!((cell("raw"), cell("exercise")), ("line\none", "false"));
    }

    /// The cells of a line, as RFC 4180 reads it.
    fn cells(line: &str) -> Vec<String> {
        let (mut cells, mut inside) = (vec![String::new()], false);
        let mut chars = line.trim_end().chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if inside && chars.next_if_eq(&'"').is_some() => {
                    cells.last_mut().unwrap().push('"');
                }
                '"' => inside = !inside,
                ',' if !inside => cells.push(String::new()),
                c => cells.last_mut().unwrap().push(c),
            }
        }
        cells
    }
}
