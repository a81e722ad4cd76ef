//! TCP connections from a school's own loopback address; syslog with octet counting (RFC 6587).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::demo::error::Error;

/// One connection per school.
pub(super) struct Tcp {
    to: SocketAddr,
    streams: HashMap<Ipv4Addr, TcpStream>,
}

impl Tcp {
    pub(super) fn new(to: SocketAddr) -> Self {
        Self { to, streams: HashMap::new() }
    }

    /// Sends lines as frames `LENGTH SP LINE` in one write.
    pub(super) async fn send(&mut self, from: Ipv4Addr, lines: &[&str]) -> Result<(), Error> {
        let failed = |source| Error::Socket { target: self.to, source };
        let frames: String = lines.iter().map(|l| format!("{} {l}", l.len())).collect();
        let stream = match self.streams.entry(from) {
            Entry::Occupied(have) => have.into_mut(),
            Entry::Vacant(place) => place.insert(connect(from, self.to).await.map_err(failed)?),
        };
        stream.write_all(frames.as_bytes()).await.map_err(failed)
    }

    /// Ends all connections and waits until the receiver has closed its side: it has read all.
    pub(super) async fn close(&mut self) -> Result<(), Error> {
        for (_, mut stream) in self.streams.drain() {
            let failed = |source| Error::Socket { target: self.to, source };
            stream.shutdown().await.map_err(failed)?;
            let mut rest = [0; 64];
            while stream.read(&mut rest).await.map_err(failed)? > 0 {}
        }
        Ok(())
    }
}

/// Connects from a loopback address where the system allows it.
pub(super) async fn connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    if to.ip().is_loopback() && to.is_ipv4() {
        let socket = TcpSocket::new_v4()?;
        if socket.bind(SocketAddr::from((from, 0))).is_ok() {
            return socket.connect(to).await;
        }
    }
    TcpStream::connect(to).await
}
