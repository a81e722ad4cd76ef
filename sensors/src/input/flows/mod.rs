//! Flow packets to events: NetFlow, IPFIX, sFlow. NetFlow's templates are saved per exporter,
//! domain and id, so that data is understood at once after a restart.

mod event;

use std::net::{IpAddr, Ipv4Addr};

use events::Timestamp;
use tokio::sync::{mpsc, watch};

pub(crate) use self::event::{Names, Writer, every_field};
use super::udp::Datagrams;
use crate::ahead::Ahead;
use crate::counters::add;
use crate::decode::Problem;
use crate::decode::netflow::{self, Key};
use crate::decode::sflow;
use crate::feed::{Batch, Feed};

/// What the packets are.
pub(crate) enum Decoder {
    Netflow(netflow::Decoder),
    Sflow(sflow::Decoder),
}

/// Decodes and submits what a receive thread hands over, until its channel closes.
pub(crate) async fn run(
    sensor: String,
    feed: Feed,
    decoder: Decoder,
    mut from: mpsc::Receiver<Datagrams>,
    stop: watch::Receiver<bool>,
) {
    let mut ahead = Ahead::shed(&feed, &stop);
    let mut flows = Flows { sensor, writer: Writer::new(feed), decoder };
    while let Some(first) = from.recv().await {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(datagrams) = next {
            let shed = flows.writer.feed.sheds(datagrams.len());
            for (packet, peer) in datagrams.iter().filter(|_| !shed) {
                flows.packet(&mut batch, packet, peer, datagrams.received);
            }
            next = if batch.is_full() { None } else { from.try_recv().ok() };
        }
        ahead.send(batch).await;
    }
    let mut batch = Batch::default();
    if let Decoder::Netflow(decoder) = &mut flows.decoder {
        let received = flows.writer.feed.context.clock.now();
        for _ in 0..decoder.give_up() {
            flows.writer.failed(&mut batch, b"", Problem::NoTemplate, None, received);
        }
    }
    ahead.send(batch).await;
    ahead.arrived().await;
}

struct Flows {
    sensor: String,
    writer: Writer,
    decoder: Decoder,
}

impl Flows {
    fn packet(
        &mut self,
        batch: &mut Batch,
        packet: &[u8],
        peer: Option<IpAddr>,
        received: Timestamp,
    ) {
        match self.decoder {
            Decoder::Netflow(_) => self.netflow(batch, packet, peer, received),
            Decoder::Sflow(_) => self.sflow(batch, packet, peer, received),
        }
    }

    fn netflow(
        &mut self,
        batch: &mut Batch,
        packet: &[u8],
        peer: Option<IpAddr>,
        received: Timestamp,
    ) {
        let Decoder::Netflow(decoder) = &mut self.decoder else { return };
        let exporter = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let feed = &self.writer.feed;
        let (checkpoints, sensor) = (&feed.context.checkpoints, &self.sensor);
        let mut lookup = |key: &Key| checkpoints.load(&checkpoint(sensor, key));
        let outcome = decoder.packet(exporter, packet, &mut lookup);
        for (key, template) in &outcome.templates {
            if let Err(error) = checkpoints.save(&checkpoint(sensor, key), template) {
                tracing::warn!(sensor, error, "a flow template could not be saved");
            }
        }
        add(&feed.counters.sequence_gaps, outcome.missing);
        self.writer.push(batch, &outcome.flows, Some(exporter), received, packet.len());
        for problem in outcome.problems {
            self.writer.failed(batch, packet, problem, peer, received);
        }
        for _ in 0..outcome.given_up {
            self.writer.failed(batch, b"", Problem::NoTemplate, peer, received);
        }
    }

    fn sflow(
        &mut self,
        batch: &mut Batch,
        packet: &[u8],
        peer: Option<IpAddr>,
        received: Timestamp,
    ) {
        let Decoder::Sflow(decoder) = &mut self.decoder else { return };
        let outcome = decoder.datagram(packet, received.millis());
        let feed = &self.writer.feed;
        add(&feed.counters.sequence_gaps, outcome.missing);
        self.writer.push(batch, &outcome.flows, outcome.agent.or(peer), received, packet.len());
        if let Some(problem) = outcome.problem {
            self.writer.failed(batch, packet, problem, peer, received);
        }
    }
}

fn checkpoint(sensor: &str, key: &Key) -> String {
    format!("netflow/{sensor}/{}/{}/{}/{}", key.exporter, key.version, key.domain, key.id)
}
