//! Datagrams from a school's own loopback address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;

use crate::demo::error::Error;

/// One socket per school.
#[derive(Default)]
pub(super) struct Udp {
    sockets: HashMap<Ipv4Addr, UdpSocket>,
}

impl Udp {
    pub(super) async fn send(
        &mut self,
        from: Ipv4Addr,
        to: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Error> {
        let failed = |source| Error::Socket { target: to, source };
        let socket = match self.sockets.entry(from) {
            Entry::Occupied(have) => have.into_mut(),
            Entry::Vacant(place) => place.insert(bind(from, to).await.map_err(failed)?),
        };
        socket.send_to(datagram, to).await.map_err(failed)?;
        Ok(())
    }
}

/// Linux owns all of 127.0.0.0/8; elsewhere, or towards another machine, the system chooses.
async fn bind(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<UdpSocket> {
    if to.ip().is_loopback()
        && to.is_ipv4()
        && let Ok(socket) = UdpSocket::bind((from, 0)).await
    {
        return Ok(socket);
    }
    let any = if to.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)
    };
    UdpSocket::bind((any, 0)).await
}
