//! systemd's journal, through `journalctl --follow` as a child: the journal's own format is not
//! read here. The place reached (its cursor) is saved after the entries before it are durable.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::frame::{Framer, Framing};
use super::stopped;
use crate::decode::journald;
use crate::error::Error;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::{FILE_CHUNK_BYTES, JOURNAL_RESTART_MS, LINGER_MS, RECORD_BYTES_MAX};

/// Which journal, and which entries of it.
pub(crate) struct Journal {
    pub(crate) sensor: String,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) units: Vec<String>,
    pub(crate) feed: Feed,
}

impl Journal {
    fn key(&self) -> String {
        format!("journald/{}", self.sensor)
    }

    fn cursor(&self) -> Option<String> {
        let saved = self.feed.context.checkpoints.load(&self.key())?;
        String::from_utf8(saved).ok().filter(|c| !c.is_empty())
    }

    fn open(&self) -> std::io::Result<(Child, ChildStdout)> {
        let mut command = Command::new("journalctl");
        command.args(["--output=json", "--all", "--follow", "--no-pager", "--quiet"]);
        // Without it, following begins ten entries before the end, after a cursor too.
        command.arg("--no-tail");
        if let Some(cursor) = self.cursor() {
            command.arg(format!("--after-cursor={cursor}"));
        }
        if let Some(directory) = &self.directory {
            command.arg("--directory").arg(directory);
        }
        for unit in &self.units {
            command.arg(format!("--unit={unit}"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn()?;
        match child.stdout.take() {
            Some(out) => Ok((child, out)),
            None => Err(std::io::Error::other("no standard output")),
        }
    }

    /// Opens the journal for the first time: whether there is a `journalctl` is known at once.
    pub(crate) fn first(&self) -> Result<(Child, ChildStdout), Error> {
        self.open().map_err(|e| Error::Config {
            sensor: self.sensor.clone(),
            reason: format!("journalctl cannot be started: {e}"),
        })
    }
}

/// Follows the journal until the sensor stops. A `journalctl` that ends is started again.
pub(crate) async fn run(
    journal: Journal,
    first: (Child, ChildStdout),
    mut stop: watch::Receiver<bool>,
) {
    let mut opened = Ok(first);
    loop {
        match opened {
            Ok((mut child, out)) => {
                follow(&journal, out, &mut stop).await;
                let _gone = child.kill().await;
            }
            Err(error) => {
                tracing::warn!(sensor = journal.sensor, %error, "journalctl cannot be started");
            }
        }
        tokio::select! {
            _ = stopped(&mut stop) => return,
            () = tokio::time::sleep(Duration::from_millis(JOURNAL_RESTART_MS)) => {}
        }
        opened = journal.open();
    }
}

async fn follow(journal: &Journal, out: ChildStdout, stop: &mut watch::Receiver<bool>) {
    let feed = &journal.feed;
    let mut out = BufReader::new(out);
    // JSON is longer than the message inside it.
    let mut framer = Framer::new(Framing::Lines, 4 * RECORD_BYTES_MAX);
    let mut buffer = vec![0; FILE_CHUNK_BYTES];
    let mut open = true;
    while open {
        let (mut batch, mut cursor) = (Batch::default(), None);
        let mut deadline: Option<Instant> = None;
        while !batch.is_full() {
            let until = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            let read = tokio::select! {
                read = timeout_at(until, out.read(&mut buffer)) => read,
                _ = stopped(stop) => { open = false; break }
            };
            let n = match read {
                Err(_) => break,
                Ok(Ok(0) | Err(_)) => {
                    open = false;
                    break;
                }
                Ok(Ok(n)) => n,
            };
            framer.add(&buffer[..n]);
            let received = feed.context.clock.now();
            while let Some(frame) = framer.next() {
                let line = framer.bytes(frame.range);
                match journald::read(line) {
                    Ok(entry) => {
                        let message = entry.message();
                        let kept = &message[..message.len().min(RECORD_BYTES_MAX)];
                        let cut = kept.len() < message.len();
                        let (origin, aside) = (Origin::default(), entry.aside());
                        feed.record_beside(&mut batch, kept, cut, origin, received, &aside);
                        cursor = entry.cursor().map(str::to_owned).or(cursor);
                    }
                    Err(_) => {
                        let kept = &line[..line.len().min(RECORD_BYTES_MAX)];
                        feed.record(&mut batch, kept, frame.cut, Origin::default(), received);
                    }
                }
            }
            if deadline.is_none() && !batch.is_empty() {
                deadline = Some(Instant::now() + Duration::from_millis(LINGER_MS));
            }
        }
        if !feed.deliver(batch, stop).await {
            return;
        }
        if let Some(cursor) = cursor
            && let Err(error) = feed.context.checkpoints.save(&journal.key(), cursor.as_bytes())
        {
            tracing::error!(
                sensor = journal.sensor,
                error,
                "the place in the journal is not saved"
            );
        }
    }
}
