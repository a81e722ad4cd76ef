//! Where rules come from: the embedded library, files and folders. The one place with I/O.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::limits;

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// One file of rules; it may hold several YAML documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name in diagnostics: the path.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The rules shipped with the program, sorted by path.
pub fn library() -> Vec<Source> {
    LIBRARY
        .iter()
        .map(|(name, text)| Source { name: (*name).into(), text: (*text).into() })
        .collect()
}

/// Reads files, and every `*.yml` and `*.yaml` below folders; sorted by path. Symbolic links
/// inside folders are not followed.
///
/// # Errors
/// A path that cannot be read, a file past [`limits::FILE_BYTES_MAX`] or not in UTF-8.
pub fn read_paths(paths: &[PathBuf]) -> Result<Vec<Source>, Error> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, true, &mut files)?;
    }
    files.sort();
    files.dedup();
    files.iter().map(|path| read(path)).collect()
}

fn collect(path: &Path, named: bool, out: &mut Vec<PathBuf>) -> Result<(), Error> {
    let fail = |source| Error::Read { path: path.to_owned(), source };
    let kind = if named { fs::metadata(path) } else { fs::symlink_metadata(path) }.map_err(fail)?;
    if kind.is_dir() {
        for entry in fs::read_dir(path).map_err(fail)? {
            collect(&entry.map_err(fail)?.path(), false, out)?;
        }
    } else if named || (kind.is_file() && is_yaml(path)) {
        out.push(path.to_owned());
    }
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yml" || e == "yaml")
}

fn read(path: &Path) -> Result<Source, Error> {
    let fail = |source| Error::Read { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(fail)?.len();
    if bytes > limits::FILE_BYTES_MAX as u64 {
        return Err(Error::TooLarge { path: path.to_owned(), bytes, max: limits::FILE_BYTES_MAX });
    }
    let text = String::from_utf8(fs::read(path).map_err(fail)?)
        .map_err(|_| Error::NotUtf8 { path: path.to_owned() })?;
    Ok(Source { name: path.display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_sorted_and_bounds_are_held() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("b")).unwrap();
        fs::write(dir.path().join("b/2.yaml"), "x: 1").unwrap();
        fs::write(dir.path().join("a.yml"), "y: 1").unwrap();
        fs::write(dir.path().join("notes.txt"), "no").unwrap();
        let got = read_paths(&[dir.path().to_owned()]).unwrap();
        let texts: Vec<_> = got.iter().map(|s| s.text.as_str()).collect();
        assert_eq!(texts, ["y: 1", "x: 1"]);
        let big = dir.path().join("big.yml");
        fs::write(&big, vec![b' '; limits::FILE_BYTES_MAX + 1]).unwrap();
        assert_eq!(read_paths(&[big]).unwrap_err().code(), "R091");
        let raw = dir.path().join("raw.yml");
        fs::write(&raw, [0xff, 0xfe]).unwrap();
        assert_eq!(read_paths(&[raw]).unwrap_err().code(), "R092");
        assert_eq!(read_paths(&[dir.path().join("none")]).unwrap_err().code(), "R090");
    }
}
