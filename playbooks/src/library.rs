//! The playbooks that come with the program, and folders that override them.

use std::path::Path;

use crate::error::Error;

const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// The embedded playbooks, response before drill, each as (slug, JSON text).
pub fn library() -> Vec<(String, String)> {
    EMBEDDED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The embedded playbooks, those of a folder (`response/*.json`, `drill/*.json`) in place of or
/// beside them.
///
/// # Errors
/// P119 when the folder or a file cannot be read.
pub fn library_with(folder: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut all = library();
    for kind in ["response", "drill"] {
        let dir = folder.join(kind);
        if !dir.is_dir() {
            continue;
        }
        let fail = |source| Error::Folder { folder: dir.display().to_string(), source };
        let mut files: Vec<_> =
            std::fs::read_dir(&dir).and_then(Iterator::collect::<Result<_, _>>).map_err(fail)?;
        files.sort_by_key(std::fs::DirEntry::file_name);
        for file in files {
            let path = file.path();
            let stem = path.file_stem().and_then(|s| s.to_str()).map(str::to_owned);
            let (true, Some(name)) = (path.extension().is_some_and(|e| e == "json"), stem) else {
                continue;
            };
            let text = std::fs::read_to_string(&path).map_err(fail)?;
            all.retain(|(n, _)| *n != name);
            all.push((name, text));
        }
    }
    Ok(all)
}
