//! A remote host over SSH: files by the file transfer protocol, which asks for nothing but reading;
//! commands of [`super::allow`] on the same connection. An account forced to `internal-sftp -R` is
//! enough; then the commands are told as unavailable.
//!
//! Answers are kept for the run, so that its checks all judge the same moment and a slow line is
//! used once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use events::Timestamp;

use super::session::Session;
use super::sftp::{Answer, Ask, END_OF_FILE, NO_SUCH_FILE, PERMISSION_DENIED};
use super::ssh::SshAddress;
use super::{Command, Host, HostError, Kind, Meta, remote_command};
use crate::audit::limits;

/// Bytes asked for in one read.
const CHUNK_BYTES: u32 = 32 << 10;
/// A host that is asked over SSH. Nothing is opened before [`Host::reach`].
pub struct RemoteHost {
    address: SshAddress,
    /// A folder of our own for the socket that channels share.
    dir: PathBuf,
    started: Instant,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    opened: u32,
    /// Why it is not opened again.
    lost: Option<HostError>,
    files: BTreeMap<String, Result<Vec<u8>, HostError>>,
    dirs: BTreeMap<String, Vec<String>>,
    /// Answers of commands; one that hung is not asked again in the same run.
    commands: BTreeMap<&'static str, Result<Vec<u8>, HostError>>,
    entries: BTreeMap<String, Meta>,
    kept_bytes: usize,
    /// Mount points, longest first, with a number for their file system.
    mounts: Option<Vec<(String, u64)>>,
}

impl RemoteHost {
    /// A host at an address.
    pub fn new(address: SshAddress) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("xuedun-{}-{number}", std::process::id()));
        Self { address, dir, started: Instant::now(), state: RefCell::default() }
    }

    /// Asks in the session, opening it when there is none.
    fn ask_all(&self, state: &mut State, asks: &[Ask]) -> Result<Vec<Answer>, HostError> {
        if let Some(lost) = &state.lost {
            return Err(lost.clone());
        }
        let mut session = match state.session.take() {
            Some(session) => session,
            None => self.open(state)?,
        };
        let answers = session.ask_all(asks, limits::SSH_ANSWER_MS_MAX);
        // A session that did not answer is of no more use: the next question opens another.
        if answers.is_ok() {
            state.session = Some(session);
        }
        answers
    }

    fn ask(&self, state: &mut State, ask: Ask) -> Result<Answer, HostError> {
        let answers = self.ask_all(state, &[ask])?;
        answers.into_iter().next().ok_or_else(|| self.odd("no answer"))
    }

    fn open(&self, state: &mut State) -> Result<Session, HostError> {
        if !self.address.is_plain() {
            return Err(self.odd("地址或账号有误 / bad address or account"));
        }
        if state.opened == 0 {
            let made = fs::DirBuilder::new().mode(0o700).create(&self.dir);
            made.map_err(|e| self.odd(&e.to_string()))?;
        }
        state.opened += 1;
        let socket = self.dir.join("s");
        let opened = Session::open(&self.address, &socket, limits::SSH_CONNECT_MS_MAX);
        if let Err(error) = &opened
            && (state.opened == 1 || state.opened >= limits::SSH_CONNECTIONS_MAX)
        {
            state.lost = Some(error.clone());
        }
        if state.opened > limits::SSH_CONNECTIONS_MAX {
            let reason = "连接多次中断 / the connection broke again and again".to_owned();
            let lost = HostError::Unreachable { what: self.address.name(), reason };
            state.lost = Some(lost.clone());
            return Err(lost);
        }
        opened
    }

    fn odd(&self, reason: &str) -> HostError {
        HostError::Failed { what: self.address.name(), reason: reason.to_owned() }
    }

    fn read(&self, state: &mut State, path: &str) -> Result<Vec<u8>, HostError> {
        let meta = self.stat(state, path, Ask::Stat(path.to_owned()))?;
        if meta.kind != Kind::File {
            // The same words as a local host's: a probe tells a directory by them.
            return Err(HostError::Failed {
                what: path.into(),
                reason: "not a regular file".into(),
            });
        }
        if meta.size > limits::FILE_BYTES_MAX as u64 {
            return Err(HostError::TooLarge { what: path.into(), max: limits::FILE_BYTES_MAX });
        }
        let handle = match self.ask(state, Ask::Open(path.to_owned()))? {
            Answer::Handle(handle) => handle,
            other => return Err(refused(path, &other)),
        };
        let bytes = self.read_open(state, path, &handle, meta.size);
        self.ask(state, Ask::Close(handle))?;
        bytes
    }

    /// Reads to the end. Files that say they are empty (those of /proc) are read step by step.
    fn read_open(
        &self,
        state: &mut State,
        path: &str,
        handle: &[u8],
        size: u64,
    ) -> Result<Vec<u8>, HostError> {
        let window = usize::try_from(size / u64::from(CHUNK_BYTES)).unwrap_or(0) + 1;
        let window = window.min(limits::SFTP_WINDOW_MAX);
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let at = bytes.len() as u64;
            let asks: Vec<Ask> = (0..window as u64)
                .map(|n| Ask::Read {
                    handle: handle.to_vec(),
                    offset: at + n * u64::from(CHUNK_BYTES),
                    bytes: CHUNK_BYTES,
                })
                .collect();
            for answer in self.ask_all(state, &asks)? {
                match answer {
                    Answer::Data(data) => {
                        let is_short = data.len() < CHUNK_BYTES as usize;
                        bytes.extend(data);
                        if bytes.len() > limits::FILE_BYTES_MAX {
                            let max = limits::FILE_BYTES_MAX;
                            return Err(HostError::TooLarge { what: path.into(), max });
                        }
                        if is_short {
                            // What was asked behind it is asked again from where it ended.
                            break;
                        }
                    }
                    Answer::Status(END_OF_FILE) => return Ok(bytes),
                    other => return Err(refused(path, &other)),
                }
            }
        }
    }

    fn stat(&self, state: &mut State, path: &str, ask: Ask) -> Result<Meta, HostError> {
        match self.ask(state, ask)? {
            Answer::Attributes(meta) => Ok(meta),
            other => Err(refused(path, &other)),
        }
    }

    /// The number of the file system of a path, from the host's own table of mounts.
    fn device(&self, state: &mut State, path: &str) -> u64 {
        if state.mounts.is_none() {
            let text = self.read(state, "/proc/self/mountinfo").unwrap_or_default();
            state.mounts = Some(mounts(&String::from_utf8_lossy(&text)));
        }
        let inside = |point: &str| {
            point == "/"
                || path == point
                || path.strip_prefix(point).is_some_and(|r| r.starts_with('/'))
        };
        let mounts = state.mounts.iter().flatten();
        mounts.filter(|(point, _)| inside(point)).map(|(_, device)| *device).next().unwrap_or(0)
    }

    /// Reads what every look at processes wants, many at a time.
    fn prefetch(&self, state: &mut State, names: &[String]) -> Result<(), HostError> {
        let is_pid = |name: &&String| name.bytes().all(|b| b.is_ascii_digit());
        let pids: Vec<&String> = names.iter().filter(is_pid).collect();
        let paths: Vec<String> = pids.iter().map(|pid| format!("/proc/{pid}/status")).collect();
        for paths in paths.chunks(limits::SFTP_WINDOW_MAX) {
            let opens: Vec<Ask> = paths.iter().map(|p| Ask::Open(p.clone())).collect();
            let opened = self.ask_all(state, &opens)?;
            let handles: Vec<(&String, Vec<u8>)> = paths
                .iter()
                .zip(opened)
                .filter_map(|(path, answer)| match answer {
                    Answer::Handle(handle) => Some((path, handle)),
                    _ => None,
                })
                .collect();
            let reads: Vec<Ask> = handles
                .iter()
                .map(|(_, h)| Ask::Read { handle: h.clone(), offset: 0, bytes: CHUNK_BYTES })
                .collect();
            let read = self.ask_all(state, &reads)?;
            let closes: Vec<Ask> = handles.iter().map(|(_, h)| Ask::Close(h.clone())).collect();
            self.ask_all(state, &closes)?;
            for ((path, _), answer) in handles.iter().zip(read) {
                if let Answer::Data(bytes) = answer {
                    state.keep_file(path, Ok(bytes));
                }
            }
        }
        Ok(())
    }

    fn names(&self, state: &mut State, path: &str) -> Result<Vec<String>, HostError> {
        let handle = match self.ask(state, Ask::OpenDir(path.to_owned()))? {
            Answer::Handle(handle) => handle,
            other => return Err(refused(path, &other)),
        };
        let mut names = Vec::new();
        loop {
            match self.ask(state, Ask::ReadDir(handle.clone()))? {
                Answer::Names(found) => {
                    for (name, meta) in found.into_iter().filter(|(n, _)| n != "." && n != "..") {
                        let entry = format!("{}/{name}", path.trim_end_matches('/'));
                        state.keep_entry(entry, meta);
                        names.push(name);
                    }
                }
                Answer::Status(END_OF_FILE) => break,
                other => return Err(refused(path, &other)),
            }
            if names.len() > limits::DIR_ENTRIES_MAX {
                self.ask(state, Ask::Close(handle))?;
                return Err(HostError::TooLarge {
                    what: path.into(),
                    max: limits::DIR_ENTRIES_MAX,
                });
            }
        }
        self.ask(state, Ask::Close(handle))?;
        names.sort();
        Ok(names)
    }
}

impl State {
    fn has_room(&mut self, bytes: usize) -> bool {
        self.kept_bytes += bytes;
        self.kept_bytes <= limits::SSH_CACHE_BYTES_MAX
    }

    fn keep_file(&mut self, path: &str, answer: Result<Vec<u8>, HostError>) {
        if self.has_room(path.len() + answer.as_ref().map_or(0, Vec::len)) {
            self.files.insert(path.to_owned(), answer);
        }
    }

    fn keep_entry(&mut self, path: String, meta: Meta) {
        if self.has_room(path.len() + size_of::<Meta>()) {
            self.entries.insert(path, meta);
        }
    }
}

impl Host for RemoteHost {
    fn reach(&self) -> Result<(), HostError> {
        self.metadata("/").map(|_| ())
    }

    fn clock(&self) -> Result<Timestamp, HostError> {
        let odd = || self.odd("时间读不懂 / the time cannot be read");
        match self.run(super::allow::DATE) {
            Ok(said) => {
                let said = String::from_utf8_lossy(&said);
                said.trim().parse().map(Timestamp::from_secs).map_err(|_| odd())
            }
            Err(HostError::Unavailable { .. } | HostError::NotFound { .. }) => {
                let text = |path| {
                    let bytes = self.read_file(path)?;
                    Ok::<_, HostError>(String::from_utf8_lossy(&bytes).into_owned())
                };
                remote_command::booted(&text("/proc/stat")?, &text("/proc/uptime")?).ok_or_else(odd)
            }
            Err(error) => Err(error),
        }
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        let mut state = self.state.borrow_mut();
        if let Some(kept) = state.files.get(path) {
            return kept.clone();
        }
        let answer = self.read(&mut state, path);
        if answer.as_ref().err().is_none_or(is_lasting) {
            state.keep_file(path, answer.clone());
        }
        answer
    }

    fn list_dir(&self, path: &str) -> Result<Vec<String>, HostError> {
        let mut state = self.state.borrow_mut();
        if let Some(kept) = state.dirs.get(path) {
            return Ok(kept.clone());
        }
        let names = self.names(&mut state, path)?;
        if path == "/proc" {
            self.prefetch(&mut state, &names)?;
        }
        if state.has_room(names.iter().map(String::len).sum()) {
            state.dirs.insert(path.to_owned(), names.clone());
        }
        Ok(names)
    }

    fn metadata(&self, path: &str) -> Result<Meta, HostError> {
        let mut state = self.state.borrow_mut();
        let kept = state.entries.get(path).copied().filter(|m| m.kind != Kind::Link);
        let meta = match kept {
            Some(meta) => meta,
            None => self.stat(&mut state, path, Ask::Stat(path.to_owned()))?,
        };
        Ok(Meta { device: self.device(&mut state, path), ..meta })
    }

    fn link_metadata(&self, path: &str) -> Result<Meta, HostError> {
        let mut state = self.state.borrow_mut();
        let meta = match state.entries.get(path).copied() {
            Some(meta) => meta,
            None => self.stat(&mut state, path, Ask::Lstat(path.to_owned()))?,
        };
        Ok(Meta { device: self.device(&mut state, path), ..meta })
    }

    fn run(&self, command: Command) -> Result<Vec<u8>, HostError> {
        if let Some(kept) = self.state.borrow().commands.get(command.line) {
            return kept.clone();
        }
        if let Some(lost) = &self.state.borrow().lost {
            return Err(lost.clone());
        }
        let answer = remote_command::execute(&self.address, &self.dir.join("s"), command);
        self.state.borrow_mut().commands.insert(command.line, answer.clone());
        answer
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for RemoteHost {
    fn drop(&mut self) {
        self.state.borrow_mut().session = None;
        // Only our own folder; nothing to do when it was never made.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Whether asking again in the same run would give the same answer.
const fn is_lasting(error: &HostError) -> bool {
    matches!(error, HostError::NotFound { .. } | HostError::Denied { .. })
}

fn refused(path: &str, answer: &Answer) -> HostError {
    let what = path.to_owned();
    match answer {
        Answer::Status(NO_SUCH_FILE) => HostError::NotFound { what },
        Answer::Status(PERMISSION_DENIED) => HostError::Denied { what },
        Answer::Status(code) => HostError::Failed { what, reason: format!("sftp status {code}") },
        _ => HostError::Failed { what, reason: "应答不符 / odd answer".into() },
    }
}

/// Mount points with a number for their file system, longest first.
fn mounts(text: &str) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = text
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(2);
            let (major, minor) = fields.next()?.split_once(':')?;
            let device = (major.parse::<u64>().ok()? << 32) | minor.parse::<u64>().ok()?;
            let point = fields.nth(1)?.replace(r"\040", " ");
            Some((point, device))
        })
        .collect();
    // Of two mounts on one point the later one is seen.
    all.reverse();
    all.sort_by_key(|(point, _)| std::cmp::Reverse(point.len()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_told_apart() {
        let all = mounts(
            "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 21 0:5 / /proc rw - proc proc rw\n23 21 8:2 / /var/log rw - ext4 x rw\n",
        );
        assert_eq!(all[0].0, "/var/log");
        let host = RemoteHost::new(SshAddress {
            host: "h".into(),
            port: 22,
            user: "u".into(),
            key: "/none".into(),
            known_hosts: "/none".into(),
        });
        let mut state = State { mounts: Some(all), ..State::default() };
        assert_eq!(host.device(&mut state, "/var/log/a"), (8 << 32) | 2);
        assert_eq!(host.device(&mut state, "/var/logs"), (8 << 32) | 1);
        assert_eq!(host.device(&mut state, "/proc/1"), 5);
    }

    #[test]
    fn a_key_that_is_not_there_is_ours_to_mend() {
        let host = RemoteHost::new(SshAddress {
            host: "127.0.0.1".into(),
            port: 1,
            user: "u".into(),
            key: "/none".into(),
            known_hosts: "/none".into(),
        });
        assert_eq!(host.reach().unwrap_err().code(), "A106");
        assert_eq!(host.read_file("/etc/passwd").unwrap_err().code(), "A106");
    }
}
