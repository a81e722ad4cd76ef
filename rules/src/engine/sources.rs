//! How far event time has come: a watermark per source (sensor), and of them the one that
//! correlation goes by.
//!
//! A source's records come *behind* their time: its network, its batches, its clock. Up to the
//! longest it was seen behind lately, it is waited for; when it is silent its event time goes on
//! with the clock, so who speaks once an hour and promptly holds nobody, while who delivers a
//! batch every two seconds is waited for between two of them. The watermark is that of the source
//! furthest back among those at most [`CorrelationLimits::hold`] behind the one furthest on: flows
//! that are exported after minutes, or a clock that is slow by hours, hold nobody.
//! A source that tells whole seconds (RFC 3164) leaves out the part of the second, and its reception tells it
//! nearly: its record counts as of when it was received, at most as of the end of the second that it names. So it
//! stands beside fine times where it belongs, and nobody waits for a second to be over.
//! No source comes further than now: a clock that runs ahead takes nobody with it, as a record
//! that claims to come from after its reception counts as of its reception.
//!
//! "Now" is the latest reception read (or what [`super::Engine::tick`] was told), never a clock:
//! the same journal read twice gives the same watermarks.

use std::time::Duration;

use events::codec::CodecError;
use events::wire::{Reader, put, put_bytes, put_signed};
use events::{Event, SensorId, Timestamp};

use super::CorrelationLimits;
use crate::limits::SOURCES_MAX;

/// Time goes on by so much before the watermark is worked out again.
const STEP: Duration = Duration::from_millis(10);
/// What a time of whole seconds leaves out, at most.
const LEFT_OUT_MAX: Duration = Duration::from_nanos(999_999_999);
/// Where one record in so many tells whole seconds, these are not fine times that happen to be whole
/// (of milliseconds one in a thousand is), but those of a sender that tells no more.
const WHOLE_SHARE: u32 = 8;
/// The counts of that are halved when so many records were counted.
const TOLD_MAX: u32 = 1024;

/// How one source stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStanding {
    /// The source.
    pub sensor: SensorId,
    /// The latest time its records have come to.
    pub time: Timestamp,
    /// The longest its records lately came behind their own time; of whole seconds, behind the
    /// second's end.
    pub behind: Duration,
    /// How long correlation waits for it now.
    pub waits: Duration,
}

/// One source.
#[derive(Clone, Copy, Debug)]
struct Source {
    sensor: SensorId,
    /// The latest time its records have come to, at most their reception.
    claimed: Timestamp,
    /// When its last record was received.
    heard: Timestamp,
    /// The longest a record came behind its time, since `turned` and in the stretch before.
    behind: [Duration; 2],
    turned: Timestamp,
    precision: Precision,
}

/// How finely a source tells time: of its records lately, how many told whole seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Precision {
    whole: u32,
    of: u32,
}

impl Precision {
    /// Whether a time of whole seconds leaves the rest out.
    fn leaves_out(self) -> bool {
        self.whole.saturating_mul(WHOLE_SHARE) >= self.of
    }

    fn count(&mut self, whole: bool) {
        self.whole += u32::from(whole);
        self.of += 1;
        if self.of >= TOLD_MAX {
            (self.whole, self.of) = (self.whole / 2, self.of / 2);
        }
    }
}

impl Source {
    fn behind(&self) -> Duration {
        self.behind[0].max(self.behind[1])
    }

    /// How far its event time has come.
    fn time(&self, now: Timestamp, limits: &CorrelationLimits) -> Timestamp {
        let patience = self.heard.since(self.claimed).saturating_add(limits.hold);
        self.claimed.max(now.minus(self.behind().min(patience)))
    }
}

fn is_whole(time: Timestamp) -> bool {
    time.nanos().rem_euclid(1_000_000_000) == 0
}

/// All sources that spoke lately.
#[derive(Debug)]
pub(crate) struct Sources {
    list: Vec<Source>,
    /// Place in the list by the index of the sensor.
    places: Vec<Option<u32>>,
    now: Timestamp,
    /// The latest record's reception: silence is measured from it, so that when nobody speaks
    /// nobody leaves.
    spoke: Timestamp,
    /// `now` and the furthest source when the watermark was worked out last.
    looked: Timestamp,
    front: Timestamp,
}

impl Default for Sources {
    fn default() -> Self {
        let (list, places, t) = (Vec::new(), Vec::new(), Timestamp::MIN);
        Self { list, places, now: t, spoke: t, looked: t, front: t }
    }
}

impl Sources {
    /// When a record counts as having happened: no later than it was received, and within the second that it
    /// names if it names no more.
    pub(crate) fn time_of(&self, event: &Event, by_reception: bool) -> Timestamp {
        let (time, received) = (event.time, event.received);
        if !by_reception || received == Timestamp::default() {
            return time;
        }
        let leaves_out = || {
            let place = self.places.get(event.sensor.index()).copied().flatten();
            place.is_none_or(|place| self.list[place as usize].precision.leaves_out())
        };
        if is_whole(time) && leaves_out() {
            return time.plus(LEFT_OUT_MAX).min(received);
        }
        time.min(received)
    }

    /// Takes note of a record that counts as of `time`; the watermark, if it may have moved.
    #[inline]
    pub(crate) fn hear(
        &mut self,
        event: &Event,
        time: Timestamp,
        by_reception: bool,
        limits: &CorrelationLimits,
    ) -> Option<Timestamp> {
        let known = by_reception && event.received != Timestamp::default();
        // Without a reception, time is what records say it is.
        let received = if known { event.received } else { self.now.max(time) };
        self.now = self.now.max(received);
        self.spoke = self.spoke.max(received);
        let behind = received.since(time);
        let source = self.source(event.sensor, time, received);
        source.claimed = source.claimed.max(time);
        source.heard = source.heard.max(received);
        if received.since(source.turned) >= limits.idle {
            source.behind = [Duration::ZERO, source.behind[0]];
            source.turned = received;
        }
        source.behind[0] = source.behind[0].max(behind);
        source.precision.count(is_whole(event.time));
        let claimed = source.claimed;
        let due = self.now.since(self.looked) >= STEP || claimed.since(self.front) >= STEP;
        due.then(|| self.look(limits)).flatten()
    }

    /// Nothing has come for a while since the last reception.
    pub(crate) fn tick(
        &mut self,
        silence: Duration,
        limits: &CorrelationLimits,
    ) -> Option<Timestamp> {
        self.now = self.now.max(self.spoke.plus(silence));
        self.look(limits)
    }

    /// Works out the watermark and lets go of sources that were silent too long; `None` without any.
    fn look(&mut self, limits: &CorrelationLimits) -> Option<Timestamp> {
        let gone = self.spoke.minus(limits.idle);
        if self.list.iter().any(|s| s.heard < gone) {
            self.list.retain(|s| s.heard >= gone);
            self.number();
        }
        let times = || self.list.iter().map(|s| s.time(self.now, limits));
        let front = times().max()?;
        // Who is further behind comes late whether or not it is waited for.
        let waited = self.list.iter().zip(times());
        let waited = waited.filter(|(_, time)| front.since(*time) <= limits.hold);
        let first = waited.map(|(_, time)| time).min()?.minus(limits.lateness);
        (self.looked, self.front) = (self.now, front);
        Some(first)
    }

    fn source(&mut self, sensor: SensorId, time: Timestamp, received: Timestamp) -> &mut Source {
        let index = sensor.index();
        if self.places.len() <= index {
            self.places.resize(index + 1, None);
        }
        let place = match self.places[index] {
            Some(place) => place as usize,
            None => {
                if self.list.len() >= SOURCES_MAX
                    && let Some(at) = (0..self.list.len()).min_by_key(|at| self.list[*at].heard)
                {
                    self.list.swap_remove(at);
                    self.number();
                }
                let behind = [Duration::ZERO; 2];
                let (claimed, heard, turned) = (time, received, received);
                let precision = Precision::default();
                self.list.push(Source { sensor, claimed, heard, behind, turned, precision });
                let place = self.list.len() - 1;
                self.places[index] = Some(place as u32);
                place
            }
        };
        &mut self.list[place]
    }

    fn number(&mut self) {
        self.places.fill(None);
        for (at, source) in self.list.iter().enumerate() {
            let index = source.sensor.index();
            if self.places.len() <= index {
                self.places.resize(index + 1, None);
            }
            self.places[index] = Some(at as u32);
        }
    }

    /// How each source stands, the one furthest back first.
    pub(crate) fn standing(&self, limits: &CorrelationLimits) -> Vec<SourceStanding> {
        let times = || self.list.iter().map(|s| s.time(self.now, limits));
        let front = times().max().unwrap_or(self.now);
        let mut all: Vec<SourceStanding> = self
            .list
            .iter()
            .zip(times())
            .map(|(source, time)| SourceStanding {
                sensor: source.sensor,
                time: source.claimed,
                behind: source.behind(),
                waits: Some(front.since(time)).filter(|w| *w <= limits.hold).unwrap_or_default(),
            })
            .collect();
        all.sort_by_key(|s| (std::cmp::Reverse(s.waits), s.sensor.name()));
        all
    }

    /// In a snapshot: `now · spoke · looked · front · count, (sensor · claimed · heard · behind · behind
    /// · turned · whole · of)*`; sensors by name, as their numbers hold in one process only.
    pub(crate) fn save(&self, out: &mut Vec<u8>) {
        for time in [self.now, self.spoke, self.looked, self.front] {
            put_signed(out, time.nanos());
        }
        put(out, self.list.len() as u64);
        for source in &self.list {
            put_bytes(out, source.sensor.name().as_bytes());
            put_signed(out, source.claimed.nanos());
            put_signed(out, source.heard.nanos());
            for behind in source.behind {
                put(out, u64::try_from(behind.as_nanos()).unwrap_or(u64::MAX));
            }
            put_signed(out, source.turned.nanos());
            put(out, source.precision.whole.into());
            put(out, source.precision.of.into());
        }
    }

    /// Reads what [`Sources::save`] wrote, or what it wrote in an earlier version of the snapshot.
    pub(crate) fn load(r: &mut Reader<'_>, version: u8) -> Result<Self, CodecError> {
        let time = |r: &mut Reader<'_>| r.signed("time").map(Timestamp::from_nanos);
        let (now, spoke, looked, front) = (time(r)?, time(r)?, time(r)?, time(r)?);
        let mut list = Vec::new();
        for _ in 0..r.count("sources")? {
            let sensor = SensorId::intern(r.text("sensor")?);
            let (claimed, heard) = (time(r)?, time(r)?);
            let mut behind = || r.number("behind").map(Duration::from_nanos);
            let behind = [behind()?, behind()?];
            if version == 3 {
                r.byte("fine")?;
            }
            let turned = time(r)?;
            let precision = if version > 3 {
                let mut count = || r.number("precision").map(|n| n.min(TOLD_MAX.into()) as u32);
                Precision { whole: count()?, of: count()? }
            } else {
                Precision::default()
            };
            let source = Source { sensor, claimed, heard, behind, turned, precision };
            if list.len() < SOURCES_MAX {
                list.push(source);
            }
        }
        let mut sources = Self { list, places: Vec::new(), now, spoke, looked, front };
        sources.number();
        Ok(sources)
    }
}
