//! A child process within bounds: fixed path, empty environment, a time limit, a size limit.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::HostError;
use super::local::translate;
use crate::audit::limits;

/// Directories programs are taken from; the caller's `PATH` is not trusted.
const PROGRAM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// A program about to run.
pub(super) struct Child<'a> {
    /// What errors call it.
    what: &'a str,
    program: &'a str,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    ms_max: u64,
}

/// How a program that ended without success ended.
pub(super) struct Ended {
    /// Exit status; `None` when a signal ended it.
    pub(super) code: Option<i32>,
    /// Its standard output.
    pub(super) stdout: Vec<u8>,
    /// The beginning of its standard error.
    pub(super) stderr: String,
}

impl<'a> Child<'a> {
    pub(super) const fn new(what: &'a str, program: &'a str, ms_max: u64) -> Self {
        Self { what, program, args: Vec::new(), env: Vec::new(), ms_max }
    }

    pub(super) fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(super) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Its output, when it ended with success.
    pub(super) fn output(self) -> Result<Vec<u8>, HostError> {
        let what = self.what.to_owned();
        let ended = self.run()?;
        match ended.code {
            Some(0) => Ok(ended.stdout),
            Some(code) => Err(HostError::Failed { what, reason: format!("ended with {code}") }),
            None => Err(HostError::Failed { what, reason: "ended by a signal".into() }),
        }
    }

    /// Starts it with piped outputs, for a caller that talks to it.
    pub(super) fn start(&self, stdin: Stdio) -> Result<std::process::Child, HostError> {
        let Some(program) = PROGRAM_PATH
            .split(':')
            .map(|dir| Path::new(dir).join(self.program))
            .find(|p| p.is_file())
        else {
            return Err(HostError::NotFound { what: self.what.to_owned() });
        };
        Command::new(program)
            .args(&self.args)
            .env_clear()
            .env("PATH", PROGRAM_PATH)
            .env("LC_ALL", "C")
            .envs(self.env.iter().map(|(k, v)| (*k, v)))
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| translate(self.what, &e))
    }

    /// Runs it to its end or to its limit. It never stays behind.
    pub(super) fn run(self) -> Result<Ended, HostError> {
        let what = || self.what.to_owned();
        let mut child = self.start(Stdio::null())?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(HostError::Failed { what: what(), reason: "no output".into() });
        };
        let errors = reader(stderr, ERROR_BYTES_MAX);
        let output = match reader(stdout, limits::COMMAND_BYTES_MAX)
            .recv_timeout(Duration::from_millis(self.ms_max))
        {
            Ok(Ok(bytes)) if bytes.len() > limits::COMMAND_BYTES_MAX => {
                Err(HostError::TooLarge { what: what(), max: limits::COMMAND_BYTES_MAX })
            }
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(translate(self.what, &error)),
            Err(_) => Err(HostError::TimedOut { what: what(), ms: self.ms_max }),
        };
        if output.is_err() {
            // It may have ended by itself in the meantime; either way it must not stay behind.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|e| translate(self.what, &e))?;
        let said = errors.recv_timeout(Duration::from_millis(100)).ok().and_then(Result::ok);
        let stderr = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
        Ok(Ended { code: status.code(), stdout: output?, stderr })
    }
}

/// Bytes of standard error that are kept.
pub(super) const ERROR_BYTES_MAX: usize = 4_096;

/// Reads in a thread of its own, so that a silent child cannot hold the audit.
pub(super) fn reader(
    from: impl Read + Send + 'static,
    most: usize,
) -> mpsc::Receiver<std::io::Result<Vec<u8>>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = from.take(most as u64 + 1).read_to_end(&mut bytes);
        // The receiver is gone only after its deadline; then nobody wants the bytes.
        let _ = send.send(read.map(|_| bytes));
    });
    receive
}
