//! The checks shipped with the program: one file each in `checks/<topic>/<slug>.toml`.
//!
//! To add one: write the file; `build.rs` finds it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use super::catalogue::Catalogue;
use super::check::Check;
use super::error::AuditError;

include!(concat!(env!("OUT_DIR"), "/checks.rs"));

/// The shipped catalogue and checks.
#[derive(Debug)]
pub struct Content {
    /// The items.
    pub catalogue: Catalogue,
    /// The checks, in order of id.
    pub checks: Vec<Check>,
}

/// The shipped content, read once in the life of the program.
pub fn content() -> Result<&'static Content, AuditError> {
    static CONTENT: OnceLock<Content> = OnceLock::new();
    if let Some(content) = CONTENT.get() {
        return Ok(content);
    }
    let content = Content { catalogue: Catalogue::embedded()?, checks: checks()? };
    Ok(CONTENT.get_or_init(|| content))
}

/// The shipped checks, in order of id.
pub fn checks() -> Result<Vec<Check>, AuditError> {
    load(FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
}

/// The shipped checks with those of a folder of the same layout: a file of the same name
/// replaces the shipped one, others are added.
pub fn checks_with(folder: &Path) -> Result<Vec<Check>, AuditError> {
    let mut files: BTreeMap<String, String> =
        FILES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let failed =
        |path: &Path, source| AuditError::Folder { path: path.display().to_string(), source };
    for topic in fs::read_dir(folder).map_err(|e| failed(folder, e))? {
        let topic = topic.map_err(|e| failed(folder, e))?.path();
        if !topic.is_dir() {
            continue;
        }
        for file in fs::read_dir(&topic).map_err(|e| failed(&topic, e))? {
            let file = file.map_err(|e| failed(&topic, e))?.path();
            if file.extension().is_none_or(|e| e != "toml") {
                continue;
            }
            let text = fs::read_to_string(&file).map_err(|e| failed(&file, e))?;
            let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
            files.insert(name, text);
        }
    }
    load(files.into_iter())
}

fn load(files: impl Iterator<Item = (String, String)>) -> Result<Vec<Check>, AuditError> {
    let mut all: Vec<Check> =
        files.map(|(name, text)| Check::parse(&name, &text)).collect::<Result<_, _>>()?;
    all.sort_by(|a, b| a.id.cmp(&b.id));
    match all.windows(2).find(|p| p[0].id == p[1].id) {
        Some(pair) => Err(AuditError::CheckTwice { id: pair[0].id.clone() }),
        None => Ok(all),
    }
}
