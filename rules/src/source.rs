//! Where rules come from: the embedded library, files and folders. The one place with I/O.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::limits;
use crate::yaml::{self, Node, YamlError};

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// One file of rules; it may hold several YAML documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name in diagnostics: the path.
    pub name: String,
    /// Its text, as far as it is one.
    pub text: String,
    /// Whether that is all of the file: what follows is not UTF-8 otherwise.
    pub whole: bool,
}

impl Source {
    /// A file that is all text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), whole: true }
    }

    /// Its YAML documents; none of a file that is not all text.
    pub(crate) fn documents(&self) -> (Vec<Node>, Option<YamlError>) {
        if self.whole {
            return yaml::parse(&self.text);
        }
        let end = self.text.len();
        let error = YamlError {
            code: "R092",
            span: end..end,
            zh: "从此处起不是 UTF-8 文本".to_owned(),
            en: "from here on this is not text in UTF-8".to_owned(),
        };
        (Vec::new(), Some(error))
    }
}

/// The rules shipped with the program, sorted by path.
pub fn library() -> Vec<Source> {
    LIBRARY.iter().map(|(name, text)| Source::new(*name, *text)).collect()
}

/// Reads files, and every `*.yml` and `*.yaml` below folders; sorted by path. Symbolic links
/// inside folders are not followed. A file past [`limits::FILE_BYTES_MAX`] or not in UTF-8 is
/// refused when the rules are loaded, like any other fault of its content: the rest goes on.
///
/// # Errors
/// A path that cannot be read.
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
    // One byte too many is enough to be refused.
    let mut bytes = Vec::new();
    let most = limits::FILE_BYTES_MAX as u64 + 1;
    fs::File::open(path).map_err(fail)?.take(most).read_to_end(&mut bytes).map_err(fail)?;
    let name = path.display().to_string();
    // Past the bound it may end within a character; it is refused for its size.
    let too_big = bytes.len() > limits::FILE_BYTES_MAX;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => Source::new(name, text),
        Err(e) if too_big => Source::new(name, String::from_utf8_lossy(e.as_bytes())),
        Err(e) => {
            let good = e.as_bytes().get(..e.utf8_error().valid_up_to()).unwrap_or_default();
            Source { whole: false, ..Source::new(name, String::from_utf8_lossy(good)) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadOptions, RuleSet};

    const RULE: &str =
        "title: t\nlogsource: {category: x}\ndetection:\n  s: {f: a}\n  condition: s\n";

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
        let raw = dir.path().join("raw.yml");
        fs::write(&raw, b"title: \xe5\xad\xa6\xff\xfe").unwrap();
        fs::write(dir.path().join("c.yml"), RULE).unwrap();
        let all = read_paths(&[dir.path().to_owned()]).unwrap();
        let loaded = RuleSet::load(&all, &LoadOptions::default());
        assert_eq!(loaded.set.rules().len(), 1, "one bad file does not stop the rest");
        let found = |path: &Path| {
            let name = path.display().to_string();
            let mut of = loaded.problems.iter().filter(|p| p.file == name);
            of.next().map(|p| (p.code, p.line, p.column))
        };
        assert_eq!(found(&big), Some(("R002", 1, 1)));
        assert_eq!(found(&raw), Some(("R092", 1, 9)));
        assert_eq!(read_paths(&[dir.path().join("none")]).unwrap_err().code(), "R090");
    }
}
