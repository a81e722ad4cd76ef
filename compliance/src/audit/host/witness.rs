//! A host that notes what was looked at, so that a result can name its sources and carry the
//! digest of all bytes it was drawn from.

use std::cell::RefCell;

use events::Timestamp;
use ring::digest::{Context, SHA256};

use super::{Command, Host, HostError, Meta, TlsSeen};
use crate::audit::limits;
use crate::audit::own::OwnRecords;

/// Wraps a host for the time of one check.
pub(crate) struct Witness<'a> {
    host: &'a dyn Host,
    seen: RefCell<Seen>,
    started_ms: u64,
}

struct Seen {
    digest: Context,
    sources: Vec<String>,
    /// The gravest thing that kept an answer away.
    cause: Option<HostError>,
}

impl<'a> Witness<'a> {
    pub(crate) fn new(host: &'a dyn Host) -> Self {
        let seen = Seen { digest: Context::new(&SHA256), sources: Vec::new(), cause: None };
        Self { host, seen: RefCell::new(seen), started_ms: host.elapsed_ms() }
    }

    /// What was noted.
    pub(crate) fn finish(self) -> Noted {
        let took_ms = self.host.elapsed_ms().saturating_sub(self.started_ms);
        let seen = self.seen.into_inner();
        let digest = data_encoding::HEXLOWER.encode(seen.digest.finish().as_ref());
        Noted { sources: seen.sources, digest, took_ms, cause: seen.cause }
    }

    /// An error once the check has used up its time.
    fn in_time(&self, what: &str) -> Result<(), HostError> {
        let took = self.host.elapsed_ms().saturating_sub(self.started_ms);
        if took > limits::CHECK_MS_MAX {
            let error = HostError::TimedOut { what: what.to_owned(), ms: limits::CHECK_MS_MAX };
            blame(&mut self.seen.borrow_mut().cause, &error);
            return Err(error);
        }
        Ok(())
    }

    /// Notes a question and its answer: each part behind its length, so that no two different
    /// sequences share a digest.
    fn note(&self, what: &str, answer: Result<&[u8], &HostError>, named: bool) {
        let mut seen = self.seen.borrow_mut();
        if named
            && seen.sources.len() < limits::SOURCES_MAX
            && answer.is_ok()
            && !seen.sources.iter().any(|s| s == what)
        {
            seen.sources.push(what.to_owned());
        }
        if let Err(error) = answer {
            blame(&mut seen.cause, error);
        }
        let (tag, bytes) = match answer {
            Ok(bytes) => (b'+', bytes),
            Err(error) => (b'-', error.code().as_bytes()),
        };
        for part in [what.as_bytes(), &[tag], bytes] {
            seen.digest.update(&(part.len() as u64).to_be_bytes());
            seen.digest.update(part);
        }
    }
}

/// What a check's host saw of it.
pub(crate) struct Noted {
    /// Sources in the order first asked.
    pub(crate) sources: Vec<String>,
    /// SHA-256 of all questions and answers, hexadecimal.
    pub(crate) digest: String,
    /// Milliseconds taken.
    pub(crate) took_ms: u64,
    /// The gravest thing that kept an answer away.
    pub(crate) cause: Option<HostError>,
}

/// Keeps the graver of two causes: a target that does not answer before a probe that hung, and
/// that before all else.
fn blame(cause: &mut Option<HostError>, error: &HostError) {
    let weight = |e: &HostError| match e {
        HostError::NotFound { .. } => 0,
        HostError::TimedOut { .. } => 2,
        e if e.is_whole_target() => 3,
        _ => 1,
    };
    if weight(error) > cause.as_ref().map_or(0, weight) {
        *cause = Some(error.clone());
    }
}

impl Host for Witness<'_> {
    fn read_file(&self, path: &str) -> Result<Vec<u8>, HostError> {
        self.in_time(path)?;
        let answer = self.host.read_file(path);
        let of_process = path
            .strip_prefix("/proc/")
            .is_some_and(|r| r.starts_with(|c: char| c.is_ascii_digit()));
        self.note(path, answer.as_deref(), !of_process);
        answer
    }

    fn list_dir(&self, path: &str) -> Result<Vec<String>, HostError> {
        self.in_time(path)?;
        let answer = self.host.list_dir(path);
        let joined = answer.as_ref().map(|names| names.join("\n"));
        self.note(path, joined.as_ref().map(|j| j.as_bytes()).map_err(|e| *e), false);
        answer
    }

    fn metadata(&self, path: &str) -> Result<Meta, HostError> {
        self.in_time(path)?;
        let answer = self.host.metadata(path);
        let shown = answer.as_ref().map(|m| format!("{m:?}"));
        self.note(path, shown.as_ref().map(|s| s.as_bytes()).map_err(|e| *e), false);
        answer
    }

    fn link_metadata(&self, path: &str) -> Result<Meta, HostError> {
        self.in_time(path)?;
        let answer = self.host.link_metadata(path);
        let shown = answer.as_ref().map(|m| format!("{m:?}"));
        self.note(path, shown.as_ref().map(|s| s.as_bytes()).map_err(|e| *e), false);
        answer
    }

    fn run(&self, command: Command) -> Result<Vec<u8>, HostError> {
        self.in_time(command.line)?;
        let answer = self.host.run(command);
        self.note(command.line, answer.as_deref(), true);
        answer
    }

    fn query(&self, name: &str, sql: &str) -> Result<Vec<Vec<String>>, HostError> {
        self.in_time(name)?;
        let answer = self.host.query(name, sql);
        let shown = answer.as_ref().map(|rows| {
            rows.iter().map(|row| row.join("\u{1f}")).collect::<Vec<_>>().join("\u{1e}")
        });
        self.note(sql, shown.as_ref().map(|s| s.as_bytes()).map_err(|e| *e), true);
        answer
    }

    fn tls(&self, now: Timestamp) -> Result<TlsSeen, HostError> {
        self.in_time("TLS endpoint")?;
        let answer = self.host.tls(now);
        let shown = answer.as_ref().map(|seen| format!("{seen:?}"));
        self.note("TLS handshake", shown.as_ref().map(|s| s.as_bytes()).map_err(|e| *e), true);
        answer
    }

    fn own(&self) -> Result<&OwnRecords, HostError> {
        let answer = self.host.own();
        let shown = answer.as_ref().map(|own| own.to_string());
        self.note(
            "records of this program",
            shown.as_ref().map(|s| s.as_bytes()).map_err(|e| *e),
            true,
        );
        answer
    }

    fn elapsed_ms(&self) -> u64 {
        self.host.elapsed_ms()
    }
}
