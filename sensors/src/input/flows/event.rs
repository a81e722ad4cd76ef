//! A flow as an event; what could not be read as one.

use std::net::IpAddr;

use events::logsource::LogSourceId;
use events::{Event, FieldId, LogSource, Timestamp, Value, field};

use crate::decode::Problem;
use crate::decode::flow::{Flow, Form};
use crate::feed::{Batch, Feed, Origin};
use crate::limits::DATAGRAM_BYTES_MAX;

/// Writes events of one sensor's flows.
pub(crate) struct Writer {
    pub(crate) feed: Feed,
    names: Names,
}

/// Names interned once.
pub(crate) struct Names {
    source: LogSourceId,
    exporter: Option<FieldId>,
    duration: Option<FieldId>,
    flags: Option<FieldId>,
    input: Option<FieldId>,
    output: Option<FieldId>,
    sampling: Option<FieldId>,
    community: Option<FieldId>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self {
            source: LogSourceId::intern(&LogSource::new("netflow", "netflow", "")),
            exporter: FieldId::intern("observer.ip"),
            duration: FieldId::intern("event.duration"),
            flags: FieldId::intern("netflow.tcp_flags"),
            input: FieldId::intern("netflow.input_snmp"),
            output: FieldId::intern("netflow.output_snmp"),
            sampling: FieldId::intern("netflow.sampling_interval"),
            community: FieldId::intern("network.community_id"),
        }
    }

    /// The event of one flow, without its head. A capture has no exporter.
    pub(crate) fn event(&self, flow: &Flow, received: Timestamp) -> Event {
        let mut event = Event::new();
        self.fill(flow, None, received, &mut event);
        event
    }

    /// Makes an empty event that of one flow, without its head. An exporter's address is given as text.
    fn fill(&self, flow: &Flow, exporter: Option<&str>, received: Timestamp, event: &mut Event) {
        let places = event.write_raw(|line| flow.line(line)).unwrap_or_default();
        event.received = received;
        event.time = Timestamp::from_millis(flow.end_ms.unwrap_or(flow.exported_ms));
        event.logsource = self.source;
        for (id, place) in
            [(field::SOURCE_IP, places.source), (field::DESTINATION_IP, places.destination)]
        {
            if let Some(place) = place {
                event.push_raw_range(id, place);
            }
        }
        let number = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        if let Some(port) = flow.source_port {
            event.push(field::SOURCE_PORT, Value::Int(port.into()));
        }
        if let Some(port) = flow.destination_port {
            event.push(field::DESTINATION_PORT, Value::Int(port.into()));
        }
        if let Some(place) = places.transport {
            event.push_raw_range(field::NETWORK_TRANSPORT, place);
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
            (self.duration, duration),
            (self.flags, flow.tcp_flags.map(i64::from)),
            (self.input, flow.input.map(i64::from)),
            (self.output, flow.output.map(i64::from)),
            (self.sampling, flow.sampling.map(i64::from)),
        ] {
            if let (Some(name), Some(value)) = (name, value) {
                event.push(name, Value::Int(value));
            }
        }
        if let (Some(name), Some(exporter)) = (self.exporter, exporter) {
            event.push(name, Value::Str(exporter));
        }
        // Beside Zeek's and Suricata's own records of the same packets.
        if flow.form == Form::Capture
            && let (Some(name), Some(id)) = (self.community, flow.community_id())
        {
            event.push(name, Value::Str(&id));
        }
    }
}

/// An event with every field that a flow can have.
pub(crate) fn every_field() -> Event {
    let address = Some(IpAddr::from([10, 0, 0, 1]));
    let flow = Flow {
        form: Form::Capture,
        source: address,
        destination: address,
        source_port: Some(1),
        destination_port: Some(1),
        protocol: Some(6),
        bytes: 1,
        packets: 1,
        reverse_bytes: Some(1),
        reverse_packets: Some(1),
        start_ms: Some(0),
        end_ms: Some(1),
        exported_ms: 1,
        sampling: Some(1),
        tcp_flags: Some(2),
        input: Some(1),
        output: Some(1),
    };
    let mut event = Event::new();
    Names::new().fill(&flow, Some("10.0.0.1"), Timestamp::default(), &mut event);
    event
}

impl Writer {
    pub(crate) fn new(feed: Feed) -> Self {
        Self { feed, names: Names::new() }
    }

    /// Adds flows to a batch that came together, from an exporter; the packet's bytes are counted with
    /// the first.
    pub(crate) fn push(
        &self,
        batch: &mut Batch,
        flows: &[Flow],
        exporter: Option<IpAddr>,
        received: Timestamp,
        mut bytes: usize,
    ) {
        let site = self.feed.site(Origin::at(exporter));
        let exporter = exporter.map(|address| address.to_string());
        for flow in flows {
            let mut event = batch.spare();
            self.names.fill(flow, exporter.as_deref(), received, &mut event);
            self.feed.head_at(&mut event, site);
            self.feed.push(batch, event, std::mem::take(&mut bytes));
        }
    }

    /// What cannot be read is kept, as every undecodable record is.
    pub(crate) fn failed(
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
