//! A copy of the archive in another folder, and bringing back from it what was damaged here.

use std::fs::File;
use std::path::Path;

use super::manifest::Manifest;
use super::{Archive, verify};
use crate::error::Error;

impl Archive {
    /// Copies every sealed file that `to` lacks, then the list itself, and syncs them. What is
    /// there already is compared, not copied again: a backup costs what is new. Returns how many
    /// files were copied.
    pub fn back_up(&self, to: &Path) -> Result<usize, Error> {
        let mut copied = 0;
        for file in self.files() {
            let target = to.join(&file.name);
            let there = target.metadata().is_ok_and(|m| m.len() == file.bytes);
            if there && is_sealed(&target, &file.sha256) {
                continue;
            }
            copy(&self.path(&file), &target, &file.sha256)?;
            copied += 1;
        }
        let list = self.manifest().clone();
        list.save(to)?;
        Ok(copied)
    }

    /// Replaces every file that is missing or not as it was sealed by the one in `from`, if that
    /// one is. [`Error::NoBackup`] for a folder that no backup was made in.
    pub fn restore(&self, from: &Path) -> Result<Restored, Error> {
        if Manifest::load(from)?.is_none() {
            return Err(Error::NoBackup { path: from.to_owned() });
        }
        let mut restored = Restored::default();
        for file in self.files() {
            let (here, there) = (self.path(&file), from.join(&file.name));
            if is_sealed(&here, &file.sha256) {
                continue;
            }
            if is_sealed(&there, &file.sha256) {
                copy(&there, &here, &file.sha256)?;
                restored.back.push(file.name);
            } else {
                restored.wanting.push(file.name);
            }
        }
        Ok(restored)
    }
}

/// What came of bringing files back.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Restored {
    /// Files that came back.
    pub back: Vec<String>,
    /// Files that are damaged or gone here, and in the backup too.
    pub wanting: Vec<String>,
}

fn is_sealed(path: &Path, sha256: &str) -> bool {
    verify::digest(path).is_ok_and(|(_, found)| found == sha256)
}

/// Copies beside the target first: a copy that was cut short never passes for a file.
fn copy(from: &Path, to: &Path, sha256: &str) -> Result<(), Error> {
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    let part = to.with_extension("part");
    std::fs::copy(from, &part).map_err(Error::io("copy", from))?;
    if !is_sealed(&part, sha256) {
        let damaged = std::io::Error::other("its bytes are not those that were sealed");
        return Err(Error::io("copy", from)(damaged));
    }
    File::open(&part).and_then(|f| f.sync_all()).map_err(Error::io("sync", &part))?;
    std::fs::rename(&part, to).map_err(Error::io("rename", &part))?;
    File::open(folder).and_then(|d| d.sync_all()).map_err(Error::io("sync", folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Numbered;
    use events::{Event, Timestamp};

    #[test]
    fn what_was_damaged_comes_back_and_a_damaged_backup_is_no_help() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let archive = Archive::open(here.path()).unwrap();
        for n in 1..=3u64 {
            let mut event = Event::new();
            event.time = Timestamp::from_secs(n as i64 * 3_600);
            archive.seal(&Numbered::runs(vec![(n, event)]), n).unwrap();
        }
        assert_eq!(archive.back_up(there.path()).unwrap(), 3);
        assert_eq!(archive.back_up(there.path()).unwrap(), 0, "what is there is not copied again");
        let files = archive.files();
        std::fs::write(archive.path(&files[0]), b"flipped").unwrap();
        std::fs::remove_file(archive.path(&files[1])).unwrap();
        std::fs::remove_file(archive.path(&files[2])).unwrap();
        std::fs::write(there.path().join(&files[2].name), b"rotten").unwrap();
        assert_eq!(archive.verify().len(), 3);
        let restored = archive.restore(there.path()).unwrap();
        assert_eq!(restored.back, [files[0].name.clone(), files[1].name.clone()]);
        assert_eq!(restored.wanting, [files[2].name.clone()]);
        let none = archive.restore(&there.path().join("none")).unwrap_err();
        assert_eq!(none.code(), "T014");
        assert_eq!(archive.verify().len(), 1, "the rotten one is still missing");
        // A backup is an archive of its own.
        drop(archive);
        std::fs::write(there.path().join(&files[2].name), b"").unwrap();
        assert_eq!(Archive::open(there.path()).unwrap().files().len(), 3);
    }
}
