//! Sensor health and silence.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::account::{Caller, Permission};
use crate::centre::{Centre, packs};
use crate::coverage::{self, SourceCoverage};
use crate::error::Error;
use crate::situation::Silence;
use crate::view::{SensorRow, Status};
use sensors::InputConfig;

impl Centre {
    /// Every sensor in scope.
    pub fn sensors(&self, caller: &Caller) -> Result<Vec<SensorRow>, Error> {
        caller.need(Permission::SensorsRead)?;
        let scope = caller.scope();
        let mut veil = self.veil(caller);
        let mut rows = self.sensor_rows();
        rows.retain(|s| scope.holds(s.site));
        rows.iter_mut().for_each(|row| veil.sensor(row));
        Ok(rows)
    }

    /// How each source feeds the rules in force.
    pub fn source_coverage(&self, caller: &Caller) -> Result<Arc<SourceCoverage>, Error> {
        caller.need(Permission::SensorsRead)?;
        let set = self.pipeline.rule_set();
        let mut known = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, found)) = known.as_ref()
            && Arc::ptr_eq(of, &set)
        {
            return Ok(Arc::clone(found));
        }
        let found = Arc::new(coverage::of(&set, &packs()?));
        *known = Some((set, Arc::clone(&found)));
        Ok(found)
    }

    /// How the node itself does.
    pub fn status(&self, caller: &Caller) -> Result<Status, Error> {
        let sensors = self.sensors(caller)?;
        let evidence = self.ledger.evidence().standing();
        Ok(Status { figures: self.figures(), alarms: self.alarms(), evidence, sensors })
    }

    /// What every running sensor has counted.
    pub fn sensor_counters(&self) -> Vec<sensors::SensorCounters> {
        let running = self.sensors.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(sensors::Running::counters).unwrap_or_default()
    }

    pub(crate) fn sensor_rows(&self) -> Vec<SensorRow> {
        let now = self.now();
        let watch = self.sensor_watch.lock().unwrap_or_else(PoisonError::into_inner);
        let running = self.sensors.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = running.as_ref() else { return Vec::new() };
        let counters = running.counters();
        let addresses = running.addresses();
        let sources = self.pipeline.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        let rows = self.config.sensors.iter().map(|config| {
            let source = sources.iter().find(|s| s.sensor.name() == config.name);
            let c = counters.iter().find(|c| c.sensor == config.name);
            let last = c.and_then(|c| c.last_event);
            let quiet = Duration::from_secs(60 * u64::from(config.silence_minutes));
            let place = addresses.iter().find(|(name, _)| *name == config.name);
            SensorRow {
                name: config.name.clone(),
                site: config.site,
                site_name: self.directory.site_name(config.site),
                input: config.input.kind().to_owned(),
                place: place.map_or_else(|| place_of(&config.input), |(_, a)| a.to_string()),
                received: c.map_or(0, |c| c.received),
                decoded: c.map_or(0, |c| c.decoded),
                undecoded: c.map_or(0, |c| c.parse_failed_kept),
                duplicates: c.map_or(0, |c| c.duplicates),
                refused: c.map_or(0, |c| c.refused),
                lost_lately: watch.lost_lately(&config.name, now),
                dropped: c.map_or_else(Vec::new, |c| {
                    vec![
                        ("kernel", c.dropped_kernel),
                        ("queue", c.dropped_queue),
                        ("rate", c.dropped_rate),
                    ]
                }),
                last,
                skew_ms: c.and_then(|c| c.skew_ms).unwrap_or(0),
                behind_ms: source.map_or(0, |s| millis(s.behind)),
                waits_ms: source.map_or(0, |s| millis(s.waits)),
                silent: config.input.is_steady()
                    && !quiet.is_zero()
                    && now.since(last.unwrap_or(watch.since)) > quiet,
                samples: c.map(|c| c.samples_failed.clone()).unwrap_or_default(),
                undeclared: c.map_or(0, |c| c.undeclared),
                suggested: c.and_then(|c| c.suggested.clone()),
                turned_away: c.map_or(0, |c| c.connections_refused),
                last_refusal: c.and_then(|c| c.last_refusal.clone()),
                trouble: c.and_then(|c| c.trouble.clone()),
            }
        });
        rows.collect()
    }

    pub(crate) fn silences(&self) -> Vec<Silence> {
        self.sensor_rows()
            .into_iter()
            .filter(|s| s.silent)
            .map(|s| Silence { sensor: s.name, site: s.site, last: s.last })
            .collect()
    }
}

/// What a sensor without a socket reads.
fn place_of(input: &InputConfig) -> String {
    match input {
        InputConfig::File { paths, .. }
        | InputConfig::Capture { paths, .. }
        | InputConfig::Gzip { paths, .. }
        | InputConfig::Evtx { paths, .. } => paths.join(", "),
        InputConfig::Integrity { paths, .. } => {
            let shown: Vec<_> = paths.iter().map(|p| p.to_string_lossy()).collect();
            shown.join(", ")
        }
        InputConfig::Journald { .. } => "journalctl".to_owned(),
        _ => String::new(),
    }
}
