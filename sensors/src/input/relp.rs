//! RELP: syslog with an answer for every record, given only when the record is durable.
//!
//! rsyslog's `omrelp` and librelp's senders speak it. A connection is read while its batches are
//! on their way; the answers go out in the order of the records, once `submit` has resolved. A
//! refused batch is offered again and again, and its records stay unanswered meanwhile: the sender
//! holds them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::stopped;
use crate::decode::relp::{Command, Parser, Reply};
use crate::feed::{Batch, Feed, Origin};
use crate::limits::{HANDSHAKE_MS, LINGER_MS, RECORD_BYTES_MAX};

/// Bytes read from a connection at once.
const READ_BYTES: usize = 64 << 10;

/// Serves one connection until the sender closes it, breaks the protocol, or the sensor stops.
pub(crate) async fn connection(
    feed: &Feed,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    mut stop: watch::Receiver<bool>,
) {
    let mut session = Session {
        feed,
        stream,
        origin: Origin::at(Some(peer)),
        parser: Parser::new(RECORD_BYTES_MAX),
        batch: Batch::default(),
        replies: Vec::new(),
        open: false,
        until: Instant::now() + Duration::from_millis(HANDSHAKE_MS),
    };
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let n = tokio::select! {
            biased;
            n = session.read(&mut buffer) => n,
            _ = stopped(&mut stop) => None,
        };
        let Some(n) = n else { break };
        let goes_on = session.take(&buffer[..n]);
        if !session.settle(&mut stop).await || !goes_on {
            return;
        }
    }
    if session.settle(&mut stop).await {
        // Tells the sender that the connection ends by intent, so that it opens another.
        let _gone = session.stream.write_all(b"0 serverclose 0\n").await;
    }
}

struct Session<'f, S> {
    feed: &'f Feed,
    stream: S,
    origin: Origin,
    parser: Parser,
    batch: Batch,
    /// Answers to be sent once the batch is durable.
    replies: Vec<u8>,
    open: bool,
    /// By when a new connection must be opened.
    until: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    /// Bytes read; `None` when the connection is over.
    async fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let read = if self.open {
            self.stream.read(buffer).await
        } else {
            timeout_at(self.until, self.stream.read(buffer)).await.ok()?
        };
        read.ok().filter(|n| *n > 0)
    }

    /// Decodes what came; `false` when the connection must end.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.parser.add(bytes);
        let received = self.feed.context.clock.now();
        while let Some(frame) = self.parser.next() {
            let Ok(frame) = frame else {
                let peer = self.origin.address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
                self.feed.counters.turned_away(peer, "not RELP");
                tracing::info!(address = ?self.origin.address, "not RELP: the connection is ended");
                return false;
            };
            let reply = match frame.command {
                Command::Open => match frame.offers() {
                    Some(offers) => {
                        self.open = true;
                        Reply::Opened(offers)
                    }
                    None => Reply::Refused,
                },
                Command::Close => {
                    Reply::Done.write(frame.number, &mut self.replies);
                    return false;
                }
                Command::Syslog if self.open => {
                    let record = self.parser.data(&frame);
                    self.feed.record(&mut self.batch, record, frame.cut, self.origin, received);
                    Reply::Done
                }
                Command::Syslog | Command::Other => Reply::Refused,
            };
            reply.write(frame.number, &mut self.replies);
        }
        true
    }

    /// Makes the batch durable, then answers; `false` when the connection must end.
    async fn settle(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        if !self.feed.deliver(std::mem::take(&mut self.batch), stop).await {
            return false;
        }
        let replies = std::mem::take(&mut self.replies);
        let limit = Duration::from_millis(HANDSHAKE_MS.max(LINGER_MS));
        let sent = tokio::time::timeout(limit, self.stream.write_all(&replies)).await;
        matches!(sent, Ok(Ok(())))
    }
}
