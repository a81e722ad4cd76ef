//! One file transfer session through an `ssh` that runs beside us: packets out, packets in, each
//! answer within its time.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child as Process, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::child::{ERROR_BYTES_MAX, reader};
use super::sftp::{self, Answer, Ask};
use super::ssh::{self, Channel, SshAddress};
use super::{HostError, ssh::why};
use crate::audit::limits;

/// An open session. Dropping it ends its `ssh`.
pub(super) struct Session {
    name: String,
    process: Process,
    questions: ChildStdin,
    packets: Receiver<Vec<u8>>,
    errors: Receiver<std::io::Result<Vec<u8>>>,
    next: u32,
}

impl Session {
    /// Connects and logs in within `ms`.
    pub(super) fn open(address: &SshAddress, socket: &Path, ms: u64) -> Result<Self, HostError> {
        let name = address.name();
        if !address.key.is_file() {
            let reason = "私钥读不到 / the private key cannot be read".to_owned();
            return Err(HostError::Failed { what: name, reason });
        }
        let no_ssh = |e: HostError| match e {
            // That our own program is missing says nothing of the target.
            HostError::NotFound { what } => HostError::Failed {
                what,
                reason: "本机未安装 ssh / no ssh on this machine".to_owned(),
            },
            other => other,
        };
        let child = address.child(&name, socket, Channel::Files, ms);
        let mut process = child.start(Stdio::piped()).map_err(no_ssh)?;
        let (Some(questions), Some(stdout), Some(stderr)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(HostError::Failed { what: name, reason: "no pipes".to_owned() });
        };
        // As many packets as may be asked for together, so that the thread never waits on us.
        let (send, packets) = sync_channel(limits::SFTP_WINDOW_MAX + 1);
        std::thread::spawn(move || {
            let mut from = std::io::BufReader::new(stdout);
            while let Some(packet) = next_packet(&mut from) {
                if send.send(packet).is_err() {
                    break;
                }
            }
        });
        let errors = reader(stderr, ERROR_BYTES_MAX);
        let mut session = Self { name, process, questions, packets, errors, next: 0 };
        let began = session.questions.write_all(&sftp::INIT);
        let greeting = session.packets.recv_timeout(Duration::from_millis(ms));
        match greeting {
            Ok(packet) if sftp::is_version(&packet) && began.is_ok() => Ok(session),
            Ok(_) => Err(ssh::why(&session.name, "subsystem request failed")),
            Err(RecvTimeoutError::Timeout) => {
                Err(HostError::TimedOut { what: session.name.clone(), ms })
            }
            Err(RecvTimeoutError::Disconnected) => Err(session.ending()),
        }
    }

    /// Asks several questions at once and gives their answers in the same order.
    pub(super) fn ask_all(&mut self, asks: &[Ask], ms: u64) -> Result<Vec<Answer>, HostError> {
        let deadline = Instant::now() + Duration::from_millis(ms);
        let mut answers = Vec::with_capacity(asks.len());
        for window in asks.chunks(limits::SFTP_WINDOW_MAX) {
            let first = self.next;
            let mut bytes = Vec::new();
            for ask in window {
                bytes.extend(ask.encode(self.next));
                self.next = self.next.wrapping_add(1);
            }
            if self.questions.write_all(&bytes).is_err() {
                return Err(self.ending());
            }
            let mut of_window: Vec<Option<Answer>> = vec![None; window.len()];
            for _ in 0..window.len() {
                let left = deadline.saturating_duration_since(Instant::now());
                let packet = match self.packets.recv_timeout(left) {
                    Ok(packet) => packet,
                    Err(RecvTimeoutError::Timeout) => {
                        return Err(HostError::TimedOut { what: self.name.clone(), ms });
                    }
                    Err(RecvTimeoutError::Disconnected) => return Err(self.ending()),
                };
                let place = sftp::parse(&packet)
                    .map(|(id, answer)| (id.wrapping_sub(first) as usize, answer))
                    .and_then(|(at, answer)| Some((of_window.get_mut(at)?, answer)));
                match place {
                    Some((place @ None, answer)) => *place = Some(answer),
                    _ => return Err(self.malformed()),
                }
            }
            answers.extend(of_window.into_iter().flatten());
        }
        Ok(answers)
    }

    fn malformed(&self) -> HostError {
        let reason = "应答格式有误 / malformed answer".to_owned();
        HostError::Failed { what: self.name.clone(), reason }
    }

    /// Why `ssh` ended.
    fn ending(&mut self) -> HostError {
        let said = self.errors.recv_timeout(Duration::from_millis(500)).ok().and_then(Result::ok);
        let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
        // Without a word it was cut off in the middle.
        why(&self.name, if said.trim().is_empty() { "connection closed" } else { &said })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended by itself; either way it must not stay behind.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next packet without its length; `None` at the end or when it is longer than any may be.
fn next_packet(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length).ok()?;
    let length = u32::from_be_bytes(length) as usize;
    if length == 0 || length > limits::SFTP_PACKET_BYTES_MAX {
        return None;
    }
    let mut packet = vec![0; length];
    from.read_exact(&mut packet).ok()?;
    Some(packet)
}
