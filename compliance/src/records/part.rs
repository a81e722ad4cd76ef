//! A file under its working name: it gets its own only when it is whole, and is gone otherwise.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;

/// The working name of an output, in the same folder.
pub(super) struct Part {
    path: PathBuf,
    output: PathBuf,
    released: bool,
}

impl Part {
    /// The name; nothing is made yet.
    pub(super) fn of(output: &Path) -> Self {
        let mut name = output.as_os_str().to_owned();
        name.push(".part");
        Self { path: PathBuf::from(name), output: output.to_owned(), released: false }
    }

    /// Where to write.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its own name. What was written must be on disk.
    pub(super) fn release(mut self) -> Result<(), Error> {
        fs::rename(&self.path, &self.output).map_err(Error::Write)?;
        self.released = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.released {
            // Not there is as it should be.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_released_or_gone() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out.csv");
        for release in [false, true] {
            let part = Part::of(&output);
            fs::write(part.path(), "x").unwrap();
            if release {
                part.release().unwrap();
            } else {
                drop(part);
            }
            assert_eq!(output.exists(), release);
            assert!(!dir.path().join("out.csv.part").exists());
        }
        assert!(Part::of(&output).release().is_err(), "nothing was written");
        assert!(output.exists());
    }
}
