//! From a record to an event, and from events to the intake: shared by all inputs.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use events::event::Marks;
use events::logsource::LogSourceId;
use events::{Event, EventBatch, SensorId, SiteId, Timestamp};
use memchr::memmem;
use tokio::sync::watch;

use crate::config::{Encoding, SensorConfig};
use crate::context::{Context, Refused};
use crate::counters::{Counters, add};
use crate::decode::Aside;
use crate::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, RETRY_MS, STOP_FLUSH_MS};
use crate::pack::{Decoded, Packs, Record};
use crate::turns::{Rate, Turns};

/// What precedes every exercise marker.
const MARKER: &[u8] = b"xdx=";
/// A time further ahead of its receipt than this is counted as of the future, in milliseconds.
const FUTURE_MS: i64 = 300_000;

/// Where a record came from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    /// The sender's address.
    pub(crate) address: Option<IpAddr>,
    /// The school its token stands for.
    pub(crate) site: Option<SiteId>,
}

impl Origin {
    pub(crate) fn at(address: Option<IpAddr>) -> Self {
        Self { address, site: None }
    }
}

/// One sensor's way from records to durable events.
#[derive(Clone)]
pub(crate) struct Feed {
    pub(crate) context: Context,
    pub(crate) counters: Arc<Counters>,
    packs: Arc<Packs>,
    pack: Option<String>,
    sensor: SensorId,
    site: SiteId,
    zone_secs: i32,
    encoding: Encoding,
    /// Records are written as they happen: their times tell the sender's clock skew.
    live: bool,
    rate: Option<Arc<Mutex<Rate>>>,
    turns: Arc<Turns>,
    /// Whose turn it is.
    number: usize,
}

/// Events on their way to the intake, with what they add to the counters once taken.
#[derive(Default)]
pub(crate) struct Batch {
    events: EventBatch,
    tally: Tally,
    /// Used again for each record.
    spare: Event,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    events: u64,
    bytes: usize,
    failed: u64,
    cut: u64,
    future: u64,
    last: Timestamp,
    behind_ms: i64,
    timed: i64,
}

impl Batch {
    /// One that will mostly hold so many events.
    pub(crate) fn with_room(events: u64) -> Self {
        let events = usize::try_from(events).unwrap_or(0).min(BATCH_EVENTS_MAX);
        Self { events: EventBatch::with_capacity(events), ..Self::default() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.events.len() >= BATCH_EVENTS_MAX || self.tally.bytes >= BATCH_BYTES_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn len(&self) -> u64 {
        self.tally.events
    }

    pub(crate) fn events(&self) -> &EventBatch {
        &self.events
    }

    /// An empty event to be filled and given to [`Feed::push`], with the buffers of the one before.
    pub(crate) fn spare(&mut self) -> Event {
        let mut event = std::mem::take(&mut self.spare);
        event.clear();
        event
    }

    /// How many of the events could not be decoded.
    pub(crate) fn failed(&self) -> u64 {
        self.tally.failed
    }
}

impl Feed {
    pub(crate) fn new(
        config: &SensorConfig,
        encoding: Encoding,
        live: bool,
        packs: Arc<Packs>,
        context: Context,
        counters: Arc<Counters>,
        (turns, number): (Arc<Turns>, usize),
    ) -> Self {
        let rate = config.events_per_second_max.map(|n| Rate::new(n.get(), Instant::now()));
        Self {
            context,
            counters,
            packs,
            pack: config.pack.clone(),
            sensor: SensorId::intern(&config.name),
            site: config.site,
            zone_secs: config.zone_minutes.saturating_mul(60),
            encoding,
            live,
            rate: rate.map(|rate| Arc::new(Mutex::new(rate))),
            turns,
            number,
        }
    }

    /// Decodes one record into the batch.
    pub(crate) fn record(
        &self,
        batch: &mut Batch,
        bytes: &[u8],
        cut: bool,
        origin: Origin,
        received: Timestamp,
    ) {
        let record =
            Record { bytes, text: self.text(bytes), cut, plain: false, app: None, header: None };
        self.decode(batch, &record, origin, received, &Aside::default());
    }

    /// The same for a line of a file with a header above its lines.
    pub(crate) fn record_under(
        &self,
        batch: &mut Batch,
        bytes: &[u8],
        cut: bool,
        header: Option<&str>,
        received: Timestamp,
    ) {
        let text = self.text(bytes);
        let record = Record { bytes, text, cut, plain: false, app: None, header };
        self.decode(batch, &record, Origin::default(), received, &Aside::default());
    }

    /// The same for a record whose protocol says more of it: its text needs no envelope then.
    pub(crate) fn record_beside(
        &self,
        batch: &mut Batch,
        bytes: &[u8],
        cut: bool,
        origin: Origin,
        received: Timestamp,
        aside: &Aside<'_>,
    ) {
        let record = Record {
            bytes,
            text: self.text(bytes),
            cut,
            plain: true,
            app: aside.app(),
            header: None,
        };
        self.decode(batch, &record, origin, received, aside);
    }

    fn decode(
        &self,
        batch: &mut Batch,
        record: &Record<'_>,
        origin: Origin,
        received: Timestamp,
        aside: &Aside<'_>,
    ) {
        let (mut event, bytes) = (batch.spare(), record.bytes);
        let pack = self.pack.as_deref();
        let decoded = self.packs.decode_record(pack, record, received, self.zone_secs, &mut event);
        let found = match decoded {
            Decoded::Ok(pack) => Some(pack),
            Decoded::Failed(code) => {
                batch.tally.failed += 1;
                self.counters.sample(code, event.raw_text());
                None
            }
        };
        // A record with a source has a pack of its own, inside a generic one too.
        let generic = found.is_none_or(Packs::is_generic);
        if pack.is_none() && generic && event.logsource == LogSourceId::UNKNOWN {
            self.counters.undeclared(|| self.packs.best(record, found, received));
        }
        aside.fill(&mut event);
        self.head(&mut event, origin);
        if memmem::find(bytes, MARKER).is_some() {
            event.exercise = (self.context.exercise)(bytes);
        }
        self.push(batch, event, bytes.len());
    }

    /// Sets what does not depend on the record.
    pub(crate) fn head(&self, event: &mut Event, origin: Origin) {
        self.head_at(event, self.site(origin));
    }

    /// [`Feed::head`] for one of many records of the same origin.
    pub(crate) fn head_at(&self, event: &mut Event, site: SiteId) {
        event.id = (self.context.ids)(event.received);
        event.sensor = self.sensor;
        event.site = site;
    }

    /// The school that a record from there is about.
    pub(crate) fn site(&self, origin: Origin) -> SiteId {
        match (origin.site, origin.address) {
            (Some(site), _) => site,
            (None, Some(address)) if self.site.is_bureau() => {
                (self.context.site_of)(address.to_canonical()).unwrap_or(self.site)
            }
            _ => self.site,
        }
    }

    /// Adds an event to the batch.
    pub(crate) fn push(&self, batch: &mut Batch, mut event: Event, bytes: usize) {
        self.context.intake.prepare(&mut event);
        let tally = &mut batch.tally;
        tally.events += 1;
        tally.bytes += bytes;
        tally.cut += u64::from(event.marks.has(Marks::CUT));
        tally.last = tally.last.max(event.received);
        if self.live && !event.marks.has(Marks::NO_TIME) {
            let behind = event.received.millis() - event.time.millis();
            tally.timed += 1;
            tally.behind_ms = tally.behind_ms.saturating_add(behind);
            tally.future += u64::from(behind < -FUTURE_MS);
        }
        batch.events.push(&event);
        batch.spare = event;
    }

    /// Adds an event that could not be decoded to the batch.
    pub(crate) fn push_failed(&self, batch: &mut Batch, event: Event, bytes: usize, code: &str) {
        batch.tally.failed += 1;
        self.counters.sample(code, "");
        self.push(batch, event, bytes);
    }

    /// The record's text where it is not UTF-8 but the sensor's encoding reads it.
    fn text<'r>(&self, bytes: &'r [u8]) -> Option<Cow<'r, str>> {
        self.encoding.text(bytes)
    }

    fn count(&self, tally: &Tally) {
        let c = &self.counters;
        add(&c.bytes, tally.bytes as u64);
        add(&c.parse_failed_kept, tally.failed);
        add(&c.decoded, tally.events - tally.failed);
        add(&c.cut, tally.cut);
        add(&c.future, tally.future);
        c.arrived(tally.last);
        if tally.timed > 0 {
            c.skew(tally.behind_ms / tally.timed);
        }
    }

    /// Takes events from the sensor's own limit.
    fn allowed(&self, events: u64) -> Result<(), Duration> {
        let Some(rate) = &self.rate else { return Ok(()) };
        rate.lock().unwrap_or_else(PoisonError::into_inner).take(events, Instant::now())
    }

    /// For a sender that cannot wait: whether so many records are over the limit, and dropped.
    pub(crate) fn sheds(&self, records: u64) -> bool {
        let over = self.allowed(records).is_err();
        if over {
            add(&self.counters.dropped_rate, records);
        }
        over
    }

    /// Offers a batch once; it is counted as received only when taken.
    pub(crate) async fn offer(&self, batch: Batch) -> Result<(), Refused> {
        if !batch.is_empty() {
            self.allowed(batch.tally.events).map_err(|_| Refused::Busy)?;
            let _turn = self.turns.take(self.number, batch.events.len()).await;
            self.context.intake.submit(Arc::new(batch.events)).await?;
            self.count(&batch.tally);
            add(&self.counters.submitted, batch.tally.events);
        }
        Ok(())
    }

    /// Offers a batch until it is taken. When the sensor stops meanwhile, or the intake is closed,
    /// the events are given up and counted as refused: `false`.
    pub(crate) async fn deliver(&self, batch: Batch, stop: &mut watch::Receiver<bool>) -> bool {
        while !batch.is_empty()
            && let Err(wait) = self.allowed(batch.tally.events)
            && !*stop.borrow()
        {
            tokio::time::sleep(wait.min(Duration::from_millis(RETRY_MS.1))).await;
        }
        self.deliver_now(batch, stop).await
    }

    /// The same without the sensor's own limit, where [`Feed::sheds`] has seen to it.
    pub(crate) async fn deliver_now(&self, batch: Batch, stop: &mut watch::Receiver<bool>) -> bool {
        let n = batch.tally.events;
        if n == 0 {
            return true;
        }
        self.count(&batch.tally);
        let mut wait = Duration::from_millis(RETRY_MS.0);
        let mut left = Duration::from_millis(STOP_FLUSH_MS);
        let events = Arc::new(batch.events);
        loop {
            let turn = self.turns.take(self.number, events.len()).await;
            let taken = self.context.intake.submit(Arc::clone(&events)).await;
            drop(turn);
            match taken {
                Ok(()) => {
                    add(&self.counters.submitted, n);
                    return true;
                }
                Err(Refused::Closed) => break,
                Err(Refused::Busy | Refused::Full) => {
                    if *stop.borrow() {
                        if left.is_zero() {
                            break;
                        }
                        left = left.saturating_sub(wait);
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_millis(RETRY_MS.1));
                }
            }
        }
        add(&self.counters.refused, n);
        tracing::warn!(sensor = %self.sensor, events = n, "events given up: the intake refused them");
        false
    }
}
