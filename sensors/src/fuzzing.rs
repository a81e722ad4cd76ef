//! What the fuzz targets in `fuzz/` do with bytes, here so that `tests/fuzz_corpus.rs` replays the
//! committed corpus through the same functions on stable. Each panics when something is wrong.

use std::future::Future;
use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use events::{Event, EventBatch, EventId, Timestamp, codec};

use crate::config::{Encoding, SensorConfig};
use crate::context::{Checkpoints, Clock, Context, Intake, Refused};
use crate::counters::Counters;
use crate::decode::link::Link;
use crate::decode::{
    FieldMap, Out, capture, cef, encoding, evtx, journald, kv, leef, netflow, otlp, packet, relp,
    sflow, syslog, time,
};
use crate::feed::{Batch, Feed, Origin};
use crate::input::frame::{Framer, Framing};
use crate::input::http;
use crate::limits::RECORD_BYTES_MAX;
use crate::pack::{Packs, Record};
use crate::turns::Turns;

/// When everything is received: 2026-11-27.
const RECEIVED: Timestamp = Timestamp::from_nanos(1_795_737_600_000_000_000);
/// Beijing time.
const OFFSET_SECS: i32 = events::time::BEIJING_OFFSET_SECS;
/// Longest record of the framers here, so that the bound is met.
const SMALL: usize = 64;

struct Nowhere;

impl Intake for Nowhere {
    fn submit(
        &self,
        _: Arc<EventBatch>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refused>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

impl Clock for Nowhere {
    fn now(&self) -> Timestamp {
        RECEIVED
    }
}

impl Checkpoints for Nowhere {
    fn load(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn save(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }
}

#[allow(clippy::expect_used, reason = "the packs that are built in load: their own test says so")]
fn packs() -> &'static Arc<Packs> {
    static PACKS: OnceLock<Arc<Packs>> = OnceLock::new();
    PACKS.get_or_init(|| Arc::new(Packs::embedded().expect("packs load")))
}

pub(crate) fn feed() -> &'static Feed {
    static FEED: OnceLock<Feed> = OnceLock::new();
    FEED.get_or_init(|| feed_to(Arc::new(Nowhere)))
}

/// A sensor's way to an intake.
#[allow(clippy::expect_used, reason = "a constant text")]
pub(crate) fn feed_to(intake: Arc<dyn Intake>) -> Feed {
    let text = "name = \"fuzz\"\ninput = { type = \"syslog-udp\", listen = \"127.0.0.1:1\" }";
    let config: SensorConfig = toml::from_str(text).expect("a sensor");
    let context = Context {
        intake,
        clock: Arc::new(Nowhere),
        checkpoints: Arc::new(Nowhere),
        ids: Arc::new(|at| EventId::at(at, 0)),
        site_of: Arc::new(|_| None),
        exercise: Arc::new(|_| None),
    };
    let counters = Arc::new(Counters::default());
    let turns = (Turns::new(1, 1), 0);
    Feed::new(&config, Encoding::Gb18030, true, Arc::clone(packs()), context, counters, turns)
}

/// What every event must be: written to the journal and read again, it says the same.
fn sound(events: &EventBatch) {
    let mut bytes = Vec::new();
    codec::encode_batch(events, 0..events.len(), &mut bytes);
    let again = codec::decode_batch(&bytes).unwrap_or_default();
    assert_eq!(again.len(), events.len(), "the journal gives back what it took");
    for (old, new) in events.iter().zip(again.iter()) {
        assert_eq!((old.time, old.raw(), old.marks), (new.time, new.raw(), new.marks));
        assert_eq!(
            (old.logsource, old.site, old.exercise),
            (new.logsource, new.site, new.exercise)
        );
        assert!(old.fields().eq(new.fields()), "the journal gives back the fields it took");
    }
}

fn batch(batch: &Batch) {
    assert!(batch.failed() <= batch.len());
    sound(batch.events());
}

/// The first byte as a choice, and the rest.
fn choice(data: &[u8]) -> Option<(usize, &[u8])> {
    data.split_first().map(|(first, rest)| (usize::from(*first), rest))
}

/// Datagrams: a length of two bytes before each.
fn datagrams(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (head, rest) = data.split_first_chunk::<2>()?;
        let (datagram, after) =
            rest.split_at(usize::from(u16::from_be_bytes(*head)).min(rest.len()));
        data = after;
        Some(datagram)
    })
}

/// A record as syslog, its structured data and times of all forms.
pub fn syslog(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let parsed = syslog::parse(&text, RECEIVED, OFFSET_SECS);
    for envelope in parsed.iter().cloned().chain(syslog::tagged(&text)) {
        assert!(envelope.priority.is_none_or(|p| p <= 191));
        assert!(text.contains(envelope.message) && text.contains(envelope.structured));
        syslog::structured(envelope.structured, |_, _, _| {});
        let mut event = Event::new();
        event.set_raw(text.as_bytes());
        envelope.write(&mut Out::new(&mut event, &text, None));
        sound(&vec![event].into());
    }
    let _found = (
        time::any(&text, RECEIVED, OFFSET_SECS),
        time::epoch(&text),
        time::common_log(&text, OFFSET_SECS),
    );
    if let Some((_, len)) =
        time::iso(&text, OFFSET_SECS).or_else(|| time::bsd(&text, RECEIVED, OFFSET_SECS))
    {
        assert!(text.is_char_boundary(len));
    }
}

/// A stream cut into records: the same whatever the pieces it comes in, within the bound.
pub fn framing(data: &[u8]) {
    let Some((first, data)) = choice(data) else { return };
    let framing = [Framing::Syslog, Framing::Lines, Framing::Utf16le, Framing::Utf16be][first % 4];
    let cut = |piece: usize| {
        let (mut framer, mut out) = (Framer::new(framing, SMALL), Vec::new());
        for bytes in data.chunks(piece) {
            framer.add(bytes);
            while let Some(frame) = framer.next() {
                out.push((framer.bytes(frame.range.clone()).to_vec(), frame.cut));
            }
            assert!(framer.pending() <= SMALL + piece + 16, "holds {} bytes", framer.pending());
        }
        while let Some(frame) = framer.finish() {
            out.push((framer.bytes(frame.range.clone()).to_vec(), frame.cut));
        }
        out
    };
    let whole = cut(data.len().max(1));
    assert!(whole.iter().all(|(record, _)| record.len() <= SMALL));
    assert_eq!(cut(1 + first / 4), whole, "pieces of {}", 1 + first / 4);
}

/// A record through a pack, or through whichever is found; with another encoding and a header above.
pub fn pack(data: &[u8]) {
    let Some((first, data)) = choice(data) else { return };
    let name = packs().names().nth(first % (packs().names().count() + 1));
    let (header, bytes) = match data.iter().position(|b| *b == 0) {
        Some(at) => (std::str::from_utf8(&data[..at]).ok(), &data[at + 1..]),
        None => (None, data),
    };
    for text in [None, encoding::gb18030(bytes)] {
        for plain in [false, true] {
            let record = Record { text: text.clone(), header, plain, ..Record::utf8(bytes) };
            let mut event = Event::new();
            packs().decode_record(name, &record, RECEIVED, OFFSET_SECS, &mut event);
            assert!(event.raw().len() <= RECORD_BYTES_MAX);
            sound(&vec![event].into());
        }
    }
    packs().suggest(data.split(|b| *b == b'\n'), RECEIVED);
}

/// CEF, LEEF and key=value.
pub fn pairs(data: &[u8]) {
    let Some((first, data)) = choice(data) else { return };
    let text = String::from_utf8_lossy(data);
    let (mut event, map) = (Event::new(), FieldMap::default());
    event.set_raw(text.as_bytes());
    let mut out = Out::new(&mut event, &text, Some(&map));
    let _read = [cef::write, leef::write, kv::write][first % 3](&text, &mut out);
    sound(&vec![event].into());
    cef::extension(&text, |_, _| {});
    kv::pairs(&text, |name, _| assert!(text.contains(name)));
}

/// Datagrams of NetFlow and IPFIX from one exporter; templates come back from their checkpoints.
pub fn netflow(data: &[u8]) {
    let (exporter, mut decoder) = (IpAddr::from(Ipv4Addr::LOCALHOST), netflow::Decoder::new());
    let mut saved = Vec::new();
    for datagram in datagrams(data) {
        let outcome = decoder.packet(exporter, datagram, &mut |_| None);
        for flow in &outcome.flows {
            let _id = (flow.community_id(), flow.transport());
        }
        saved.extend(outcome.templates);
    }
    let mut later = netflow::Decoder::new();
    for datagram in datagrams(data) {
        later.packet(exporter, datagram, &mut |key| {
            saved.iter().rfind(|(k, _)| k == key).map(|(_, t)| t.clone())
        });
    }
    // What a checkpoint holds may be damaged too.
    let mut damaged = netflow::Decoder::new();
    for datagram in datagrams(data) {
        damaged.packet(exporter, datagram, &mut |_| Some(data.to_vec()));
    }
}

/// Datagrams of sFlow.
pub fn sflow(data: &[u8]) {
    let mut decoder = sflow::Decoder::default();
    for datagram in datagrams(data) {
        let outcome = decoder.datagram(datagram, RECEIVED.millis());
        assert!(outcome.flows.len() <= datagram.len());
    }
}

/// One packet of a link layer.
pub fn frame(data: &[u8]) {
    let Some((first, data)) = choice(data) else { return };
    let link = match first % 8 {
        0 => Link::Ethernet,
        1 => Link::Ip,
        2 => Link::Loopback,
        3 => Link::EtherTypeAt(first / 8),
        4 => Link::Ppp(first / 8),
        5 => Link::Pppoe,
        6 => Link::Wlan,
        _ => Link::Radiotap,
    };
    let mut packets = 0;
    packet::each(link, data, &mut |_| packets += 1);
    assert!(packets <= 1 + data.len() / 14);
}

/// A capture file.
pub fn pcap(data: &[u8]) {
    let mut packets = 0;
    let read = capture::flows(data, &mut |flow| {
        packets += flow.packets + flow.reverse_packets.unwrap_or(0)
    });
    if let Ok(summary) = read {
        assert!(
            summary.packets + summary.others <= data.len() as u64 && packets == summary.packets
        );
    }
}

/// A Windows event log file.
pub fn windows(data: &[u8]) {
    let _read = evtx::records(Cursor::new(data), &mut |record| {
        if let Ok((text, _)) = record {
            let mut event = Event::new();
            packs().decode(None, text.as_bytes(), RECEIVED, &mut event);
            sound(&vec![event].into());
        }
    });
}

/// A body of HTTP: `_bulk`, Splunk's collector, JSON lines.
pub fn body(data: &[u8]) {
    let Some((first, data)) = choice(data) else { return };
    for read in http::read_body(first, feed(), data, RECEIVED) {
        batch(&read);
    }
}

/// A request of OpenTelemetry, as protobuf or JSON.
pub fn otlp(data: &[u8]) {
    let Some((first, data)) = choice(data) else { return };
    let read = if first % 2 == 0 { otlp::read_protobuf } else { otlp::read_json };
    let Ok(request) = read(data) else { return };
    let (mut out, mut records) = (Batch::default(), 0);
    otlp::records(&request, |text, aside| {
        records += 1;
        let kept = &text.as_bytes()[..text.len().min(RECORD_BYTES_MAX)];
        feed().record_beside(
            &mut out,
            kept,
            kept.len() < text.len(),
            Origin::default(),
            RECEIVED,
            aside,
        );
    });
    assert_eq!(otlp::count(&request), records);
    batch(&out);
}

/// A RELP stream: the same frames whatever the pieces, within the bound.
pub fn relp(data: &[u8]) {
    let Some((first, data)) = choice(data) else { return };
    let cut = |piece: usize| {
        let (mut parser, mut out) = (relp::Parser::new(SMALL), Vec::new());
        for bytes in data.chunks(piece) {
            parser.add(bytes);
            while let Some(read) = parser.next() {
                let Ok(frame) = read else { return (out, true) };
                out.push((frame.number, frame.cut, parser.data(&frame).to_vec(), frame.offers()));
            }
        }
        (out, false)
    };
    let whole = cut(data.len().max(1));
    assert!(whole.0.iter().all(|(_, _, data, _)| data.len() <= SMALL));
    assert_eq!(cut(1 + first), whole, "pieces of {}", 1 + first);
}

/// An entry of systemd's journal as `journalctl` writes it.
pub fn journal(data: &[u8]) {
    let Ok(entry) = journald::read(data) else { return };
    let (message, mut out, _cursor) = (entry.message(), Batch::default(), entry.cursor());
    feed().record_beside(&mut out, &message, false, Origin::default(), RECEIVED, &entry.aside());
    batch(&out);
}
