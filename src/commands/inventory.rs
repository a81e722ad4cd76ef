//! What `xuedun classify` found, kept as a file: a page, a workbook, or JSON that the next scan is
//! compared with.

use std::path::{Path, PathBuf};

use compliance::records::Inventory;
use compliance::records::change::{Change, changes};
use compliance::records::coverage::Coverage;
use compliance::report::{inventory_html, inventory_xlsx};
use events::Lang;

use super::{Done, Failure, Outcome, print_json, print_line};

/// Where an inventory goes and what it is compared with.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// Write the inventory to this file: .html, .xlsx, or .json for a later --since
    #[arg(long, value_name = "FILE", conflicts_with = "cells")]
    report: Option<PathBuf>,
    /// Tell what changed since the inventory in this JSON file
    #[arg(long, value_name = "FILE", conflicts_with = "cells")]
    since: Option<PathBuf>,
    /// Tell only how much of what should be encrypted field by field is; with --json as one object
    #[arg(long, conflicts_with = "cells")]
    pub coverage: bool,
}

impl ReportArgs {
    /// Tells the changes and writes the file; findings when something is worse.
    pub fn finish(&self, inventories: &[Inventory], json: bool, lang: Lang) -> Done {
        let since = self.since.as_deref().map(before).transpose()?;
        let told = since.map(|before| changes(&before, inventories));
        for change in told.iter().flatten() {
            tell(change, json, lang)?;
        }
        if self.coverage || !json {
            tell_coverage(inventories, json, lang)?;
        }
        if let Some(path) = &self.report {
            write(path, inventories, told.as_deref(), lang)?;
        }
        let worse = told.iter().flatten().any(|c| c.worse);
        Ok(if worse { Outcome::Findings } else { Outcome::Clean })
    }
}

fn before(path: &Path) -> Result<Vec<Inventory>, Failure> {
    let text = std::fs::read(path).map_err(|e| Failure::file(path, &e))?;
    serde_json::from_slice(&text)
        .map_err(|e| Failure::usage("X044", format!("{}: {e}", path.display())))
}

fn tell(change: &Change, json: bool, lang: Lang) -> Result<(), Failure> {
    if json {
        return print_json(&serde_json::json!({
            "dataset": change.dataset, "changed_column": change.column,
            "worse": change.worse, "what": change.what.get(lang),
        }));
    }
    let mark = if change.worse { "!" } else { " " };
    let column = change.column.as_deref().unwrap_or("-");
    print_line(&format!("{mark} {}\t{column}\t{}", change.dataset, change.what.get(lang)))
}

/// How much of what should be encrypted field by field is.
fn tell_coverage(inventories: &[Inventory], json: bool, lang: Lang) -> Result<(), Failure> {
    let coverage = Coverage::of(inventories);
    if json {
        return print_json(&serde_json::json!({ "coverage": coverage, "share": coverage.share() }));
    }
    let Some(share) = coverage.share() else { return Ok(()) };
    let (cells, columns) = (lang.pick("单元格", "cells"), lang.pick("列", "columns"));
    print_line(&format!(
        "{} {:.2} % ({cells} {}/{}, {columns} {}/{})",
        lang.pick("核心数据加密率（字段级）", "field encryption of core data"),
        share * 100.0,
        coverage.cells_sealed,
        coverage.cells,
        coverage.columns_sealed,
        coverage.columns
    ))
}

fn write(
    path: &Path,
    inventories: &[Inventory],
    changes: Option<&[Change]>,
    lang: Lang,
) -> Result<(), Failure> {
    let bytes = match path.extension().and_then(|e| e.to_str()) {
        Some("html") => inventory_html(inventories, changes, lang).into_bytes(),
        Some("xlsx") => inventory_xlsx(inventories, lang)
            .map_err(|e| Failure::runtime("X001", e.to_string()))?,
        Some("json") => serde_json::to_vec_pretty(inventories)
            .map_err(|e| Failure::runtime("X002", e.to_string()))?,
        _ => return Err(Failure::usage("X043", path.display().to_string())),
    };
    std::fs::write(path, bytes).map_err(|e| Failure::file(path, &e))
}
