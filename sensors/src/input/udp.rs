//! Datagrams: a thread that does nothing but receive, a bounded queue, and a decoder task.
//!
//! What the kernel drops (`SO_RXQ_OVFL`) and what the queue cannot hold is counted.

use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use events::Timestamp;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::sync::mpsc;

use crate::context::Clock;
use crate::counters::{Counters, add};
use crate::error::Error;
use crate::limits::{
    DATAGRAM_BYTES_MAX, DATAGRAMS_PER_CALL, RECEIVE_WAIT_MS, UDP_QUEUE_BATCHES_MAX,
    UDP_QUEUE_BYTES_MAX,
};

/// Datagrams received together.
pub(crate) struct Datagrams {
    bytes: Vec<u8>,
    each: Vec<(Range<usize>, Option<IpAddr>)>,
    pub(crate) received: Timestamp,
    queued: Arc<AtomicUsize>,
}

impl Datagrams {
    /// How many they are.
    pub(crate) fn len(&self) -> u64 {
        self.each.len() as u64
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Option<IpAddr>)> {
        self.each.iter().filter_map(|(range, peer)| Some((self.bytes.get(range.clone())?, *peer)))
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        self.queued.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

/// A bound socket, not read yet.
pub(crate) struct Bound {
    socket: UdpSocket,
    pub(crate) address: SocketAddr,
}

/// Binds with a large receive buffer and drop counting.
pub(crate) fn bind(sensor: &str, listen: SocketAddr, buffer: usize) -> Result<Bound, Error> {
    let failed = |source| Error::Listen { sensor: sensor.to_owned(), address: listen, source };
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))
        .map_err(failed)?;
    // Past net.core.rmem_max only with CAP_NET_ADMIN; without, the system's limit holds.
    if setsockopt(&socket, sockopt::RcvBufForce, &buffer).is_err() {
        let _limited = socket.set_recv_buffer_size(buffer);
    }
    if setsockopt(&socket, sockopt::RxqOvfl, &1).is_err() {
        tracing::warn!(sensor, "the kernel cannot count dropped datagrams");
    }
    socket.set_read_timeout(Some(Duration::from_millis(RECEIVE_WAIT_MS))).map_err(failed)?;
    socket.bind(&SockAddr::from(listen)).map_err(failed)?;
    let socket = UdpSocket::from(socket);
    let address = socket.local_addr().map_err(failed)?;
    Ok(Bound { socket, address })
}

/// Starts the receive thread. It ends when `stop` is set, after it has taken what the kernel holds;
/// then the channel closes.
pub(crate) fn receive(
    sensor: &str,
    bound: Bound,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
) -> Result<(mpsc::Receiver<Datagrams>, JoinHandle<()>), Error> {
    let (sender, receiver) = mpsc::channel(UDP_QUEUE_BATCHES_MAX);
    let thread = std::thread::Builder::new()
        .name(format!("udp {sensor}"))
        .spawn(move || {
            let queued = Arc::new(AtomicUsize::new(0));
            Receiver { socket: bound.socket, clock, counters, stop, sender, queued, overflow: 0 }
                .run();
        })
        .map_err(|source| Error::Thread { sensor: sensor.to_owned(), source })?;
    Ok((receiver, thread))
}

struct Receiver {
    socket: UdpSocket,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    sender: mpsc::Sender<Datagrams>,
    queued: Arc<AtomicUsize>,
    /// The kernel's drop counter as last seen (it wraps at 2³²).
    overflow: u32,
}

impl Receiver {
    fn run(mut self) {
        let mut buffers = vec![0u8; DATAGRAM_BYTES_MAX * DATAGRAMS_PER_CALL];
        loop {
            // Made anew for each call: the kernel shortens the room for control messages in them,
            // and nix does not set it back.
            let control = nix::cmsg_space!(u32);
            let mut headers =
                MultiHeaders::<SockaddrStorage>::preallocate(DATAGRAMS_PER_CALL, Some(control));
            // Read before the call: what arrived before the stop is still taken.
            let stopping = self.stop.load(Ordering::Acquire);
            let flags = if stopping { MsgFlags::MSG_DONTWAIT } else { MsgFlags::MSG_WAITFORONE };
            let mut slices: Vec<[IoSliceMut<'_>; 1]> = buffers
                .chunks_exact_mut(DATAGRAM_BYTES_MAX)
                .map(|b| [IoSliceMut::new(b)])
                .collect();
            let fd = self.socket.as_raw_fd();
            match recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None) {
                Ok(results) => {
                    let mut batch = self.empty();
                    for message in results {
                        for control in message.cmsgs().into_iter().flatten() {
                            if let ControlMessageOwned::RxqOvfl(count) = control {
                                let new = count.wrapping_sub(self.overflow);
                                add(&self.counters.dropped_kernel, u64::from(new));
                                self.overflow = count;
                            }
                        }
                        let start = batch.bytes.len();
                        for part in message.iovs() {
                            batch.bytes.extend_from_slice(part);
                        }
                        let peer = message.address.as_ref().and_then(address);
                        batch.each.push((start..batch.bytes.len(), peer));
                    }
                    self.pass_on(batch);
                }
                Err(Errno::EAGAIN | Errno::EINTR) if stopping => return,
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => {
                    tracing::error!(%error, "a datagram socket failed");
                    return;
                }
            }
            if self.sender.is_closed() {
                return;
            }
        }
    }

    fn empty(&self) -> Datagrams {
        Datagrams {
            bytes: Vec::new(),
            each: Vec::with_capacity(DATAGRAMS_PER_CALL),
            received: self.clock.now(),
            queued: Arc::clone(&self.queued),
        }
    }

    fn pass_on(&self, batch: Datagrams) {
        let (count, bytes) = (batch.each.len() as u64, batch.bytes.len());
        if count == 0 {
            return;
        }
        // Added before any drop of the batch, which takes it off again.
        let waiting = self.queued.fetch_add(bytes, Ordering::Relaxed);
        let full = waiting + bytes > UDP_QUEUE_BYTES_MAX;
        if full || self.sender.try_send(batch).is_err() {
            add(&self.counters.dropped_queue, count);
        }
    }
}

fn address(from: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = from.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
    v4.or_else(|| from.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip()).to_canonical()))
}
