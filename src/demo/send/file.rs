//! A log file that grows and is rotated once by renaming, as logrotate does.

use std::path::{Path, PathBuf};

use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::demo::error::Error;

/// The open file.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    lines: u64,
    rotate_after: u64,
}

impl LogFile {
    /// Opens for appending; rotates once `rotate_after` lines are written.
    pub(super) async fn open(path: &Path, rotate_after: u64) -> Result<Self, Error> {
        let file = append(path).await?;
        Ok(Self { path: path.to_owned(), file, lines: 0, rotate_after: rotate_after.max(1) })
    }

    pub(super) async fn append(&mut self, lines: &[&str]) -> Result<(), Error> {
        for line in lines {
            if self.lines == self.rotate_after {
                self.rotate().await?;
            }
            let text = format!("{line}\n");
            self.file.write_all(text.as_bytes()).await.map_err(|s| failed(&self.path, s))?;
            self.lines += 1;
        }
        self.close().await
    }

    /// Hands everything to the system.
    pub(super) async fn close(&mut self) -> Result<(), Error> {
        self.file.flush().await.map_err(|s| failed(&self.path, s))
    }

    async fn rotate(&mut self) -> Result<(), Error> {
        self.close().await?;
        let mut old = self.path.clone().into_os_string();
        old.push(".1");
        fs::rename(&self.path, &old).await.map_err(|s| failed(&self.path, s))?;
        self.file = append(&self.path).await?;
        Ok(())
    }
}

async fn append(path: &Path) -> Result<File, Error> {
    let open = OpenOptions::new().create(true).append(true).open(path).await;
    open.map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: std::io::Error) -> Error {
    Error::File { path: path.to_owned(), source }
}
