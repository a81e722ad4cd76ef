//! This machine, or a directory that holds the root of another (an image, a fixture).

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use super::child::Child;
use super::{Command, Host, HostError, Kind, Meta};
use crate::audit::limits;
use crate::audit::own::OwnRecords;

/// The machine the program runs on, seen through its file system and the allow-listed commands.
#[derive(Debug)]
pub struct LocalHost {
    root: PathBuf,
    started: Instant,
    own: Option<OwnRecords>,
}

impl LocalHost {
    /// This machine.
    pub fn new() -> Self {
        Self::at_root("/")
    }

    /// A directory holding another machine's root. Links are resolved inside it, commands and
    /// running state are not available.
    pub fn at_root(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), started: Instant::now(), own: None }
    }

    /// This machine as the node that keeps records of its own.
    #[must_use]
    pub fn with_own(mut self, own: OwnRecords) -> Self {
        self.own = Some(own);
        self
    }

    fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The path on our file system, every link resolved inside the root.
    fn resolve(&self, path: &str, follow_last: bool) -> Result<PathBuf, HostError> {
        if self.is_live() {
            return Ok(Path::new("/").join(path));
        }
        let mut todo: Vec<String> = parts(Path::new(path));
        todo.reverse();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            done.push(part);
            let here = self.root.join(done.join("/"));
            let is_link = fs::symlink_metadata(&here).is_ok_and(|m| m.file_type().is_symlink());
            if !is_link || (todo.is_empty() && !follow_last) {
                continue;
            }
            links += 1;
            if links > limits::LINKS_MAX {
                return Err(HostError::Failed {
                    what: path.into(),
                    reason: "too many links".into(),
                });
            }
            let to = fs::read_link(&here).map_err(|e| translate(path, &e))?;
            done.pop();
            if to.is_absolute() {
                done.clear();
            }
            todo.extend(parts(&to).into_iter().rev());
        }
        Ok(self.root.join(done.join("/")))
    }

    /// What only a running machine has.
    fn must_be_live(&self, path: &str) -> Result<(), HostError> {
        let running = path.starts_with("/proc") || path.starts_with("/sys");
        if running && !self.is_live() && !self.root.join(path.trim_start_matches('/')).exists() {
            return Err(HostError::Unavailable { what: path.into() });
        }
        Ok(())
    }
}

impl Default for LocalHost {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for LocalHost {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        self.must_be_live(path)?;
        let real = self.resolve(path, true)?;
        // Non-blocking, so that a pipe in the place of a file cannot hang the audit.
        let flags = (nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOCTTY).bits();
        let file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&real)
            .map_err(|e| translate(path, &e))?;
        if !file.metadata().map_err(|e| translate(path, &e))?.is_file() {
            return Err(HostError::Failed {
                what: path.into(),
                reason: "not a regular file".into(),
            });
        }
        let mut bytes = Vec::new();
        file.take(limits::FILE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| translate(path, &e))?;
        if bytes.len() > limits::FILE_BYTES_MAX {
            return Err(HostError::TooLarge { what: path.into(), max: limits::FILE_BYTES_MAX });
        }
        Ok(bytes)
    }

    fn list_dir(&self, path: &str) -> Result<Vec<String>, HostError> {
        self.must_be_live(path)?;
        let real = self.resolve(path, true)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(real).map_err(|e| translate(path, &e))? {
            let entry = entry.map_err(|e| translate(path, &e))?;
            if names.len() == limits::DIR_ENTRIES_MAX {
                return Err(HostError::TooLarge { what: path.into(), max: names.len() });
            }
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn metadata(&self, path: &str) -> Result<Meta, HostError> {
        self.must_be_live(path)?;
        let real = self.resolve(path, true)?;
        fs::metadata(real).map(|m| meta(&m)).map_err(|e| translate(path, &e))
    }

    fn link_metadata(&self, path: &str) -> Result<Meta, HostError> {
        self.must_be_live(path)?;
        let real = self.resolve(path, false)?;
        fs::symlink_metadata(real).map(|m| meta(&m)).map_err(|e| translate(path, &e))
    }

    fn run(&self, command: Command) -> Result<Vec<u8>, HostError> {
        if !self.is_live() {
            return Err(HostError::Unavailable { what: command.line.into() });
        }
        run_bounded(command)
    }

    fn own(&self) -> Result<&OwnRecords, HostError> {
        let found = self.own.as_ref();
        found.ok_or_else(|| HostError::Unavailable { what: "records of this program".into() })
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn run_bounded(command: Command) -> Result<Vec<u8>, HostError> {
    let Some((program, args)) = command.argv.split_first() else {
        return Err(HostError::NotFound { what: command.line.to_owned() });
    };
    Child::new(command.line, program, limits::COMMAND_MS_MAX).args(args.iter().copied()).output()
}

fn parts(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|c| match c {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            Component::ParentDir => Some("..".to_owned()),
            _ => None,
        })
        .collect()
}

fn meta(m: &fs::Metadata) -> Meta {
    let kind = match m.file_type() {
        t if t.is_file() => Kind::File,
        t if t.is_dir() => Kind::Dir,
        t if t.is_symlink() => Kind::Link,
        _ => Kind::Other,
    };
    Meta {
        kind,
        mode: m.mode() & 0o7777,
        uid: m.uid(),
        gid: m.gid(),
        size: m.size(),
        mtime_secs: m.mtime(),
        device: m.dev(),
    }
}

pub(super) fn translate(what: &str, error: &io::Error) -> HostError {
    let what = what.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => HostError::NotFound { what },
        io::ErrorKind::PermissionDenied => HostError::Denied { what },
        _ => HostError::Failed { what, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_keeps_links_inside() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("etc/real"), "inside").unwrap();
        std::os::unix::fs::symlink("/etc/real", dir.path().join("etc/link")).unwrap();
        std::os::unix::fs::symlink("../../../../etc/real", dir.path().join("etc/up")).unwrap();
        std::os::unix::fs::symlink("loop", dir.path().join("etc/loop")).unwrap();
        let host = LocalHost::at_root(dir.path());
        assert_eq!(host.read_file("/etc/link").unwrap(), b"inside");
        assert_eq!(host.read_file("/etc/up").unwrap(), b"inside");
        assert_eq!(host.link_metadata("/etc/link").unwrap().kind, Kind::Link);
        assert_eq!(host.read_file("/etc/loop").unwrap_err().code(), "A106");
        assert!(host.read_file("/etc/none").unwrap_err().is_absence());
        assert_eq!(host.read_file("/proc/self/status").unwrap_err().code(), "A105");
        assert_eq!(host.read_file("/etc").unwrap_err().code(), "A106");
        let sshd = Command::of_line("sshd -T").unwrap();
        assert_eq!(host.run(sshd).unwrap_err().code(), "A105");
    }

    #[test]
    fn this_machine_answers() {
        let host = LocalHost::new();
        assert!(host.list_dir("/").unwrap().contains(&"etc".to_owned()));
        assert_eq!(host.metadata("/etc").unwrap().kind, Kind::Dir);
        assert!(host.read_file("/proc/self/status").unwrap().starts_with(b"Name:"));
    }
}
