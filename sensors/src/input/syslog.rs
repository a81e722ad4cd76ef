//! Syslog over UDP, TCP and TLS.
//!
//! A stream is read one batch ahead of what the intake has taken: beyond that it is not read, which
//! is the back-pressure the sender feels.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::frame::{Framer, Framing};
use super::renewal::Tls;
use super::udp::Datagrams;
use super::{TOO_MANY, relp, stopped, tls};
use crate::ahead::Ahead;
use crate::feed::{Batch, Feed, Origin};
use crate::limits::{LINGER_MS, RECORD_BYTES_MAX};

/// Bytes read from a connection at once.
const READ_BYTES: usize = 64 << 10;

/// Decodes and submits what a receive thread hands over, until its channel closes.
pub(crate) async fn datagrams(
    feed: Feed,
    mut from: mpsc::Receiver<Datagrams>,
    stop: watch::Receiver<bool>,
) {
    let mut ahead = Ahead::shed(&feed, &stop);
    while let Some(first) = from.recv().await {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(datagrams) = next {
            let shed = feed.sheds(datagrams.len());
            for (record, peer) in datagrams.iter().filter(|_| !shed) {
                feed.record(&mut batch, record, false, Origin::at(peer), datagrams.received);
            }
            next = if batch.is_full() { None } else { from.try_recv().ok() };
        }
        ahead.send(batch).await;
    }
    ahead.arrived().await;
}

/// Binds a listener.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// What is spoken on a connection.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    /// Frames of RFC 6587.
    Plain,
    Relp,
}

impl Protocol {
    async fn run(
        self,
        feed: &Feed,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: IpAddr,
        stop: watch::Receiver<bool>,
    ) {
        match self {
            Self::Plain => connection(feed, stream, peer, stop).await,
            Self::Relp => relp::connection(feed, stream, peer, stop).await,
        }
    }
}

/// Accepts connections until the sensor stops; then waits for those that still deliver.
pub(crate) async fn accept(
    feed: Feed,
    protocol: Protocol,
    listener: TcpListener,
    tls: Option<Tls>,
    connections_max: usize,
    mut stop: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors: existing connections go on, new ones wait.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(LINGER_MS)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            feed.counters.turned_away(peer.ip(), TOO_MANY);
            continue;
        };
        let (feed, tls, stop) = (feed.clone(), tls.clone(), stop.clone());
        connections.spawn(async move {
            serve(feed, protocol, stream, peer.ip().to_canonical(), tls, stop).await;
            drop(place);
        });
    }
    while connections.join_next().await.is_some() {}
}

async fn serve(
    feed: Feed,
    protocol: Protocol,
    stream: TcpStream,
    peer: IpAddr,
    tls: Option<Tls>,
    stop: watch::Receiver<bool>,
) {
    let Some(tls) = tls else { return protocol.run(&feed, stream, peer, stop).await };
    if let Some(stream) = tls::shake_hands(&feed, &tls, stream, peer).await {
        protocol.run(&feed, stream, peer, stop).await;
    }
}

async fn connection(
    feed: &Feed,
    mut stream: impl AsyncRead + Unpin,
    peer: IpAddr,
    mut stop: watch::Receiver<bool>,
) {
    let origin = Origin::at(Some(peer));
    let mut ahead = Ahead::new(feed, &stop);
    let mut framer = Framer::new(Framing::Syslog, RECORD_BYTES_MAX);
    let mut buffer = vec![0; READ_BYTES];
    let (mut open, mut last) = (true, 0);
    while open {
        let mut batch = Batch::with_room(last);
        let mut deadline: Option<Instant> = None;
        while !batch.is_full() {
            let read = tokio::select! {
                biased;
                read = read(&mut stream, &mut buffer, deadline) => read,
                _ = stopped(&mut stop) => Read::End { by_peer: false },
            };
            match read {
                Read::Bytes(n) => {
                    framer.add(&buffer[..n]);
                    let received = feed.context.clock.now();
                    while let Some(frame) = framer.next() {
                        let bytes = framer.bytes(frame.range);
                        feed.record(&mut batch, bytes, frame.cut, origin, received);
                    }
                    if deadline.is_none() && !batch.is_empty() {
                        deadline = Some(Instant::now() + Duration::from_millis(LINGER_MS));
                    }
                }
                Read::Lingered => break,
                Read::End { by_peer } => {
                    open = false;
                    // What a sender leaves unfinished when it closes is still a record.
                    if by_peer && let Some(frame) = framer.finish() {
                        let received = feed.context.clock.now();
                        let bytes = framer.bytes(frame.range);
                        feed.record(&mut batch, bytes, frame.cut, origin, received);
                    }
                    break;
                }
            }
        }
        last = batch.len();
        open = ahead.send(batch).await && open;
    }
    ahead.arrived().await;
}

enum Read {
    Bytes(usize),
    /// The batch has waited long enough.
    Lingered,
    End {
        by_peer: bool,
    },
}

async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
    deadline: Option<Instant>,
) -> Read {
    let read = match deadline {
        Some(deadline) => match timeout_at(deadline, stream.read(buffer)).await {
            Ok(read) => read,
            Err(_) => return Read::Lingered,
        },
        None => stream.read(buffer).await,
    };
    match read {
        // A connection that breaks ends like one that closes: nothing more comes.
        Ok(0) | Err(_) => Read::End { by_peer: true },
        Ok(n) => Read::Bytes(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::feed_to;
    use events::EventBatch;
    use std::future::{Future, ready};
    use std::pin::Pin;
    use std::sync::Mutex;
    use tokio::io::{AsyncWriteExt, duplex};

    /// Notes when it was offered how many events.
    #[derive(Default)]
    struct Noting(Mutex<Vec<(Instant, usize)>>);

    impl crate::Intake for Noting {
        fn submit(
            &self,
            batch: Arc<EventBatch>,
        ) -> Pin<Box<dyn Future<Output = Result<(), crate::Refused>> + Send + '_>> {
            self.0.lock().unwrap().push((Instant::now(), batch.len()));
            Box::pin(ready(Ok(())))
        }
    }

    const LINE: &[u8] = b"<13>Nov 23 12:05:06 srv app: all well\n";

    /// By a clock that the test moves: no line waits longer than the limit, however many follow.
    #[tokio::test(start_paused = true)]
    async fn a_line_is_offered_in_time_while_more_trickle_in() {
        let intake = Arc::new(Noting::default());
        let feed = feed_to(Arc::clone(&intake) as Arc<dyn crate::Intake>);
        let (mut sender, stream) = duplex(1 << 16);
        let (_on, stop) = watch::channel(false);
        let reading = tokio::spawn(async move {
            connection(&feed, stream, IpAddr::from([203, 0, 113, 7]), stop).await;
        });
        let mut written = Vec::new();
        for wait in [0, 0, 3, 19, 19, 1, 20, 7, 150, 5].iter().cycle().take(400) {
            tokio::time::sleep(Duration::from_millis(*wait)).await;
            sender.write_all(LINE).await.unwrap();
            written.push(Instant::now());
        }
        drop(sender);
        reading.await.unwrap();
        let offered = intake.0.lock().unwrap().clone();
        assert!(offered.len() < written.len(), "lines are offered together");
        let each = offered.iter().flat_map(|(at, n)| std::iter::repeat_n(*at, *n));
        let waited: Vec<_> = each.zip(&written).map(|(at, since)| at - *since).collect();
        assert_eq!(waited.len(), written.len());
        // The clock of the runtime goes by whole milliseconds.
        let most = Duration::from_millis(LINGER_MS + 1);
        assert!(waited.iter().all(|waited| *waited <= most), "{:?}", waited.iter().max());
    }
}
