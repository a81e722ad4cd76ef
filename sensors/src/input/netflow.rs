//! Flow packets to events. Templates are saved per exporter, domain and id, so that data is
//! understood at once after a restart.

use std::net::{IpAddr, Ipv4Addr};

use events::logsource::LogSourceId;
use events::{Event, FieldId, LogSource, Timestamp, Value, field};
use tokio::sync::{mpsc, watch};

use super::udp::Datagrams;
use crate::counters::add;
use crate::decode::Problem;
use crate::decode::netflow::{Decoder, Flow, Key};
use crate::feed::{Batch, Feed, Origin};
use crate::limits::DATAGRAM_BYTES_MAX;

/// Decodes and submits what a receive thread hands over, until its channel closes.
pub(crate) async fn run(
    sensor: String,
    feed: Feed,
    mut from: mpsc::Receiver<Datagrams>,
    mut stop: watch::Receiver<bool>,
) {
    let mut flows = Flows { sensor, feed, names: Names::new(), decoder: Decoder::new() };
    while let Some(first) = from.recv().await {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(datagrams) = next {
            for (packet, peer) in datagrams.iter() {
                flows.packet(&mut batch, packet, peer, datagrams.received);
            }
            next = if batch.is_full() { None } else { from.try_recv().ok() };
        }
        flows.feed.deliver(batch, &mut stop).await;
    }
    let mut batch = Batch::default();
    let received = flows.feed.context.clock.now();
    for _ in 0..flows.decoder.give_up() {
        flows.failed(&mut batch, b"", Problem::NoTemplate, None, received);
    }
    flows.feed.deliver(batch, &mut stop).await;
}

struct Flows {
    sensor: String,
    feed: Feed,
    names: Names,
    decoder: Decoder,
}

/// Names interned once.
struct Names {
    source: LogSourceId,
    exporter: Option<FieldId>,
    duration: Option<FieldId>,
    flags: Option<FieldId>,
    input: Option<FieldId>,
    output: Option<FieldId>,
}

impl Names {
    fn new() -> Self {
        Self {
            source: LogSourceId::intern(&LogSource::new("netflow", "netflow", "")),
            exporter: FieldId::intern("observer.ip"),
            duration: FieldId::intern("event.duration"),
            flags: FieldId::intern("netflow.tcp_flags"),
            input: FieldId::intern("netflow.input_snmp"),
            output: FieldId::intern("netflow.output_snmp"),
        }
    }
}

impl Flows {
    fn packet(
        &mut self,
        batch: &mut Batch,
        packet: &[u8],
        peer: Option<IpAddr>,
        received: Timestamp,
    ) {
        let exporter = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let (checkpoints, sensor) = (&self.feed.context.checkpoints, &self.sensor);
        let mut lookup = |key: &Key| checkpoints.load(&checkpoint(sensor, key));
        let outcome = self.decoder.packet(exporter, packet, &mut lookup);
        for (key, template) in &outcome.templates {
            if let Err(error) = checkpoints.save(&checkpoint(sensor, key), template) {
                tracing::warn!(sensor, error, "a flow template could not be saved");
            }
        }
        add(&self.feed.counters.sequence_gaps, outcome.missing);
        // The packet's bytes are counted with its first flow.
        let mut bytes = packet.len();
        for flow in &outcome.flows {
            let event = self.event(flow, exporter, received);
            self.feed.push(batch, event, std::mem::take(&mut bytes));
        }
        for problem in outcome.problems {
            self.failed(batch, packet, problem, peer, received);
        }
        for _ in 0..outcome.given_up {
            self.failed(batch, b"", Problem::NoTemplate, peer, received);
        }
    }

    fn event(&self, flow: &Flow, exporter: IpAddr, received: Timestamp) -> Event {
        let mut event = Event::new();
        event.set_raw(flow.to_string().as_bytes());
        event.received = received;
        event.time = Timestamp::from_millis(flow.end_ms.unwrap_or(flow.exported_ms));
        event.logsource = self.names.source;
        let mut text = |id, value: Option<IpAddr>| {
            if let Some(value) = value {
                event.push(id, Value::Str(&value.to_canonical().to_string()));
            }
        };
        text(field::SOURCE_IP, flow.source);
        text(field::DESTINATION_IP, flow.destination);
        let number = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        if let Some(port) = flow.source_port {
            event.push(field::SOURCE_PORT, Value::Int(port.into()));
        }
        if let Some(port) = flow.destination_port {
            event.push(field::DESTINATION_PORT, Value::Int(port.into()));
        }
        match (flow.transport(), flow.protocol) {
            (Some(name), _) => event.push(field::NETWORK_TRANSPORT, Value::Str(name)),
            (None, Some(n)) => event.push(field::NETWORK_TRANSPORT, Value::Str(&n.to_string())),
            (None, None) => {}
        }
        let both = flow.bytes.saturating_add(flow.reverse_bytes.unwrap_or(0));
        event.push(field::NETWORK_BYTES, number(both));
        let both = flow.packets.saturating_add(flow.reverse_packets.unwrap_or(0));
        event.push(field::NETWORK_PACKETS, number(both));
        event.push(field::SOURCE_BYTES, number(flow.bytes));
        if let Some(bytes) = flow.reverse_bytes {
            event.push(field::DESTINATION_BYTES, number(bytes));
        }
        let duration = match (flow.start_ms, flow.end_ms) {
            (Some(start), Some(end)) if end >= start => {
                Some((end - start).saturating_mul(1_000_000))
            }
            _ => None,
        };
        for (name, value) in [
            (self.names.duration, duration),
            (self.names.flags, flow.tcp_flags.map(i64::from)),
            (self.names.input, flow.input.map(i64::from)),
            (self.names.output, flow.output.map(i64::from)),
        ] {
            if let (Some(name), Some(value)) = (name, value) {
                event.push(name, Value::Int(value));
            }
        }
        if let Some(name) = self.names.exporter {
            event.push(name, Value::Str(&exporter.to_string()));
        }
        self.feed.head(&mut event, Origin::at(Some(exporter)));
        event
    }

    /// What cannot be read is kept, as every undecodable record is.
    fn failed(
        &self,
        batch: &mut Batch,
        packet: &[u8],
        problem: Problem,
        peer: Option<IpAddr>,
        received: Timestamp,
    ) {
        let mut event = Event::new();
        event.set_raw(&packet[..packet.len().min(DATAGRAM_BYTES_MAX)]);
        event.received = received;
        event.time = received;
        event.marks.set(events::event::Marks::UNDECODED | events::event::Marks::NO_TIME);
        event.logsource = self.names.source;
        event.push(field::EVENT_KIND, Value::Str("pipeline_error"));
        event.push(field::ERROR_CODE, Value::Str(problem.code()));
        if let (Some(name), Some(peer)) = (self.names.exporter, peer) {
            event.push(name, Value::Str(&peer.to_string()));
        }
        self.feed.head(&mut event, Origin::at(peer));
        self.feed.push_failed(batch, event, 0, problem.code());
    }
}

fn checkpoint(sensor: &str, key: &Key) -> String {
    format!("netflow/{sensor}/{}/{}/{}/{}", key.exporter, key.version, key.domain, key.id)
}
