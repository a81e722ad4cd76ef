//! A host from a recording: what fixtures, remote collections and simulations look at.

use std::collections::{BTreeMap, BTreeSet};

use events::Timestamp;

use super::{Command, Host, HostError, Kind, Meta, TlsSeen};
use crate::audit::own::OwnRecords;

#[derive(Clone, Debug)]
struct Entry {
    bytes: Vec<u8>,
    meta: Meta,
}

/// Files, modes, refusals and command outputs held in memory.
#[derive(Clone, Debug, Default)]
pub struct RecordedHost {
    files: BTreeMap<String, Entry>,
    links: BTreeSet<String>,
    dirs: BTreeMap<String, Meta>,
    denied: BTreeSet<String>,
    commands: BTreeMap<String, Vec<u8>>,
    rows: BTreeMap<String, Vec<Vec<String>>>,
    tls: Option<TlsSeen>,
    own: Option<OwnRecords>,
    live: bool,
    clock: Option<Timestamp>,
    unanswered: Option<HostError>,
    hung: BTreeSet<String>,
}

const PLAIN_FILE: Meta =
    Meta { kind: Kind::File, mode: 0o644, uid: 0, gid: 0, size: 0, mtime_secs: 0, device: 1 };
const PLAIN_DIR: Meta =
    Meta { kind: Kind::Dir, mode: 0o755, uid: 0, gid: 0, size: 0, mtime_secs: 0, device: 1 };

impl RecordedHost {
    /// An empty recording: nothing exists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file with mode 0644 owned by root; its directories come with it.
    pub fn file(&mut self, path: &str, bytes: impl Into<Vec<u8>>) -> &mut Self {
        let bytes = bytes.into();
        let meta = Meta { size: bytes.len() as u64, ..PLAIN_FILE };
        let mut dir = path;
        while let Some((parent, _)) = dir.rsplit_once('/') {
            let name = if parent.is_empty() { "/" } else { parent };
            self.dirs.entry(name.to_owned()).or_insert(PLAIN_DIR);
            dir = parent;
        }
        self.live |= path.starts_with("/proc/");
        self.files.insert(path.to_owned(), Entry { bytes, meta });
        self
    }

    /// Adds an empty directory.
    pub fn dir(&mut self, path: &str) -> &mut Self {
        let inside = format!("{}/x", path.trim_end_matches('/'));
        self.file(&inside, "");
        self.files.remove(&inside);
        self
    }

    /// Adds a symbolic link (its target is not followed).
    pub fn link(&mut self, path: &str) -> &mut Self {
        self.file(path, "");
        self.links.insert(path.to_owned());
        self
    }

    /// Sets mode and owner of a path already added.
    pub fn mode(&mut self, path: &str, mode: u32, uid: u32, gid: u32) -> &mut Self {
        let meta = match self.files.get_mut(path) {
            Some(entry) => &mut entry.meta,
            None => self.dirs.entry(path.to_owned()).or_insert(PLAIN_DIR),
        };
        (meta.mode, meta.uid, meta.gid) = (mode, uid, gid);
        self
    }

    /// Sets the last change of a file, seconds since the epoch.
    pub fn changed(&mut self, path: &str, mtime_secs: i64) -> &mut Self {
        if let Some(entry) = self.files.get_mut(path) {
            entry.meta.mtime_secs = mtime_secs;
        }
        self
    }

    /// Refuses a path, or a command by its line.
    pub fn deny(&mut self, what: &str) -> &mut Self {
        self.denied.insert(what.to_owned());
        self
    }

    /// Records the output of a command.
    pub fn command(&mut self, line: &str, output: impl Into<Vec<u8>>) -> &mut Self {
        self.live = true;
        self.commands.insert(line.to_owned(), output.into());
        self
    }

    /// Records what a database answers to the question of a name.
    pub fn rows(&mut self, name: &str, rows: Vec<Vec<String>>) -> &mut Self {
        self.rows.insert(name.to_owned(), rows);
        self
    }

    /// Records what a TLS endpoint showed.
    pub fn tls_seen(&mut self, seen: TlsSeen) -> &mut Self {
        self.tls = Some(seen);
        self
    }

    /// Gives it the records of a node.
    pub fn own_records(&mut self, own: OwnRecords) -> &mut Self {
        self.own = Some(own);
        self
    }

    /// Records what its own clock showed.
    pub fn clock_shows(&mut self, at: Timestamp) -> &mut Self {
        self.clock = Some(at);
        self
    }

    /// Records that it could not be opened at all.
    pub fn unanswered(&mut self, why: HostError) -> &mut Self {
        self.unanswered = Some(why);
        self
    }

    /// Records that a path or command never answered.
    pub fn hung(&mut self, what: &str) -> &mut Self {
        self.live = true;
        self.hung.insert(what.to_owned());
        self
    }

    fn refuse(&self, path: &str) -> Result<(), HostError> {
        if let Some(why) = &self.unanswered {
            return Err(why.clone());
        }
        if self.hung.contains(path) {
            let ms = crate::audit::limits::COMMAND_MS_MAX;
            return Err(HostError::TimedOut { what: path.to_owned(), ms });
        }
        if self.denied.contains(path) {
            return Err(HostError::Denied { what: path.to_owned() });
        }
        if !self.live && (path.starts_with("/proc") || path.starts_with("/sys")) {
            return Err(HostError::Unavailable { what: path.to_owned() });
        }
        Ok(())
    }
}

impl Host for RecordedHost {
    fn reach(&self) -> Result<(), HostError> {
        self.unanswered.clone().map_or(Ok(()), Err)
    }

    fn clock(&self) -> Result<Timestamp, HostError> {
        self.clock.ok_or_else(|| HostError::Unavailable { what: "clock".into() })
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        self.refuse(path)?;
        match self.files.get(path) {
            Some(entry) => Ok(entry.bytes.clone()),
            None => Err(HostError::NotFound { what: path.to_owned() }),
        }
    }

    fn list_dir(&self, path: &str) -> Result<Vec<String>, HostError> {
        self.refuse(path)?;
        if !self.dirs.contains_key(path) {
            return Err(HostError::NotFound { what: path.to_owned() });
        }
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let names: BTreeSet<String> = self
            .files
            .keys()
            .chain(self.dirs.keys())
            .filter_map(|p| p.strip_prefix(&prefix))
            .filter_map(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Ok(names.into_iter().collect())
    }

    fn metadata(&self, path: &str) -> Result<Meta, HostError> {
        self.refuse(path)?;
        let found = self.files.get(path).map(|e| e.meta).or(self.dirs.get(path).copied());
        found.ok_or_else(|| HostError::NotFound { what: path.to_owned() })
    }

    fn link_metadata(&self, path: &str) -> Result<Meta, HostError> {
        let mut meta = self.metadata(path)?;
        if self.links.contains(path) {
            meta.kind = Kind::Link;
        }
        Ok(meta)
    }

    fn run(&self, command: Command) -> Result<Vec<u8>, HostError> {
        self.refuse(command.line)?;
        match self.commands.get(command.line) {
            Some(output) => Ok(output.clone()),
            None => Err(HostError::NotFound { what: command.line.to_owned() }),
        }
    }

    fn query(&self, name: &str, _sql: &str) -> Result<Vec<Vec<String>>, HostError> {
        self.refuse(name)?;
        // A question that was never asked is not one that had no rows.
        let found = self.rows.get(name).cloned();
        found.ok_or_else(|| HostError::Unavailable { what: name.to_owned() })
    }

    fn tls(&self, _now: Timestamp) -> Result<TlsSeen, HostError> {
        let found = self.tls.clone();
        found.ok_or_else(|| HostError::Unavailable { what: "TLS endpoint".into() })
    }

    fn own(&self) -> Result<&OwnRecords, HostError> {
        let found = self.own.as_ref();
        found.ok_or_else(|| HostError::Unavailable { what: "records of this program".into() })
    }

    fn elapsed_ms(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_recorded() {
        let mut host = RecordedHost::new();
        host.file("/etc/a/b", "x").mode("/etc/a/b", 0o600, 1, 2).deny("/etc/shadow");
        assert_eq!(host.list_dir("/etc").unwrap(), ["a"]);
        assert_eq!(host.metadata("/etc/a/b").unwrap().mode, 0o600);
        assert_eq!(host.read_file("/etc/shadow").unwrap_err().code(), "A102");
        assert_eq!(host.read_file("/etc/none").unwrap_err().code(), "A101");
        assert_eq!(host.list_dir("/proc").unwrap_err().code(), "A105", "an image has no processes");
    }
}
