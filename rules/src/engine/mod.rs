//! Detection and correlation over event time.
//!
//! Stateless detections come out at once. Hits that correlations build on wait in a buffer
//! ([`pending`]) until the watermark has passed them, and are then taken in order of time: so
//! events that arrive out of order within [`CorrelationLimits::lateness`] give exactly what they
//! give in order. Later ones still join their window, best-effort, and are counted. Each source has
//! its own watermark ([`sources`]); correlation goes by the one furthest
//! back that is worth waiting for.
//!
//! A window is an event and all hits of its group at most `timespan` earlier (inclusive). A
//! condition of lower bounds (`gt`, `gte`) fires as soon as it holds; after that the group keeps
//! quiet for one timespan, so one burst is one detection. Any other condition is judged when the
//! window, opened by its first hit, closes. A group is the values of `group-by` within one school
//! (unless the rule says `xuedun: {scope: region}`) and one exercise, so neither the private
//! addresses of two schools nor a drill and real telemetry ever mix.

mod correlate;
mod detection;
mod pending;
mod room;
mod snapshot;
mod sources;
mod suppress;
mod window;

use std::sync::Arc;
use std::time::Duration;

use events::event::Marks;
use events::{Event, Timestamp};

use crate::intel::Intel;
use crate::rule::{RuleIndex, RuleKind};
use crate::scratch::Scratch;
use crate::set::RuleSet;

use correlate::Correlator;
pub use detection::Detection;
pub use sources::SourceStanding;
use sources::Sources;
use suppress::Quiet;

/// Bounds of the correlation state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorrelationLimits {
    /// How far out of order hits may arrive and still be taken in order; also how long a
    /// correlation waits before it speaks.
    pub lateness: Duration,
    /// How far behind the others a source's records may come and be waited for; what comes later
    /// still counts, best-effort.
    pub hold: Duration,
    /// A source silent for so long while others speak is waited for no longer.
    pub idle: Duration,
    /// Groups kept, over all correlations; past it those longest quiet are dropped.
    pub groups_max: usize,
    /// Hits kept per group; past it the oldest are dropped. At least the highest threshold of
    /// the correlation is kept whatever this says.
    pub entries_per_group_max: usize,
    /// Hits waiting for the watermark; past it the oldest are taken early.
    pub pending_max: usize,
    /// What a snapshot may take, in bytes, besides how its sources stand: half of it for groups, of which the longest are cut and
    /// those longest quiet dropped; a quarter for hits that wait, and one for groups that keep
    /// quiet after a detection.
    pub state_bytes_max: usize,
}

impl Default for CorrelationLimits {
    fn default() -> Self {
        Self {
            lateness: Duration::from_millis(500),
            hold: Duration::from_secs(2),
            idle: Duration::from_secs(600),
            groups_max: 200_000,
            entries_per_group_max: 10_000,
            pending_max: 100_000,
            state_bytes_max: 16 << 20,
        }
    }
}

/// Counters since the engine was made (or restored), and the size of its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Events fed.
    pub events: u64,
    /// Events that met an indicator of a threat-intelligence list.
    pub met: u64,
    /// Events whose fields or values were cut at a bound before they were matched.
    pub cut: u64,
    /// Detections not given, as their rule keeps quiet for a while after one.
    pub suppressed: u64,
    /// Detections given.
    pub detections: u64,
    /// Hits of rules that correlations build on.
    pub hits: u64,
    /// Hits without a value for a group-by field: not correlated.
    pub ungrouped: u64,
    /// Hits that came after the watermark had passed them; they still joined their window.
    pub late: u64,
    /// Hits older than their group's window: dropped.
    pub too_late: u64,
    /// Groups dropped for want of room.
    pub groups_evicted: u64,
    /// Hits dropped from a full group.
    pub entries_dropped: u64,
    /// Groups now held.
    pub groups: usize,
    /// Hits now waiting.
    pub pending: usize,
    /// Groups and hits dropped by [`Engine::restore`] or [`Engine::replace`] as their rule
    /// changed or is gone.
    pub forgotten: u64,
}

/// A rule set at work: one per stream of events.
pub struct Engine {
    set: Arc<RuleSet>,
    limits: CorrelationLimits,
    scratch: Scratch,
    correlator: Correlator,
    watermark: Timestamp,
    sources: Sources,
    /// Whether it counts when a record was received; not where old records are read again.
    by_reception: bool,
    events: u64,
    intel: Arc<Intel>,
    met: u64,
    cut: u64,
    quiet: Quiet,
    suppressed: u64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with no state.
    pub fn new(set: Arc<RuleSet>, limits: CorrelationLimits) -> Self {
        let correlator = Correlator::new(&set);
        Self {
            set,
            limits,
            scratch: Scratch::new(),
            correlator,
            watermark: Timestamp::MIN,
            sources: Sources::default(),
            by_reception: true,
            events: 0,
            intel: Arc::default(),
            met: 0,
            cut: 0,
            quiet: Quiet::default(),
            suppressed: 0,
        }
    }

    /// An engine for records read again in the order of their own times: when each was received
    /// does not matter.
    pub fn reading_again(set: Arc<RuleSet>, limits: CorrelationLimits) -> Self {
        Self { by_reception: false, ..Self::new(set, limits) }
    }

    /// Puts other threat-intelligence lists to work; see [`crate::intel`].
    pub fn set_intel(&mut self, intel: Arc<Intel>) {
        self.intel = intel;
    }

    /// The rules at work.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// Takes one event; what it makes known is appended to `out`.
    pub fn feed(&mut self, event: &Event, out: &mut Vec<Detection>) {
        let first = out.len();
        self.events += 1;
        let Self { set, limits, scratch, correlator, watermark: now, intel, quiet, .. } = self;
        self.cut += u64::from(event.marks.has(Marks::CUT | Marks::FIELDS_DROPPED));
        let enriched = intel.enrich(event);
        self.met += u64::from(enriched.is_some());
        let event = enriched.as_ref().unwrap_or(event);
        let time = self.sources.time_of(event, self.by_reception);
        set.find(event, scratch);
        for at in &scratch.found {
            let index = RuleIndex(*at);
            let rule = set.rule(index);
            if !rule.silent
                && let RuleKind::Detection(detected) = &rule.kind
            {
                let mut detection = Detection::of_event(set, index, detected, event, scratch);
                detection.level = suppress::level_of_event(rule, event);
                if quiet.may_speak(rule, &detection) {
                    out.push(detection);
                } else {
                    self.suppressed += 1;
                }
            }
            if !set.correlated[index.index()].is_empty() {
                correlator.hit(set, limits, index, (event, time), *now, out);
            }
        }
        if let Some(watermark) = self.sources.hear(event, time, self.by_reception, &self.limits)
            && watermark > self.watermark
        {
            self.watermark = watermark;
            self.correlator.advance(&self.set, &self.limits, watermark, out);
        }
        self.correlator.detections += (out.len() - first) as u64;
    }

    /// Says that no event older than `watermark` is expected any more: takes what waited for it
    /// and closes windows. [`Timestamp::MAX`] ends the stream.
    pub fn advance(&mut self, watermark: Timestamp, out: &mut Vec<Detection>) {
        if watermark <= self.watermark {
            return;
        }
        let first = out.len();
        self.watermark = watermark;
        let set = self.set.clone();
        self.correlator.advance(&set, &self.limits, watermark, out);
        self.correlator.detections += (out.len() - first) as u64;
    }

    /// Nothing has come for a while since the last event was received: event time goes on with the
    /// clock, so that what waits in a correlation comes out. Before the first event it does nothing.
    pub fn tick(&mut self, silence: Duration, out: &mut Vec<Detection>) {
        if let Some(watermark) = self.sources.tick(silence, &self.limits) {
            self.advance(watermark, out);
        }
    }

    /// How each source stands, the one furthest back first.
    pub fn sources(&self) -> Vec<SourceStanding> {
        self.sources.standing(&self.limits)
    }

    /// The time up to which correlation has come.
    pub fn watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Counters and sizes.
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            events: self.events,
            met: self.met,
            cut: self.cut,
            suppressed: self.suppressed,
            ..self.correlator.stats()
        }
    }
}
