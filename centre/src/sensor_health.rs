//! Whether sensors report, lose nothing and their clocks are right: an alarm for each that does not, and a log
//! record of each change, so that rules raise it and the archive keeps it.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{
    Event, EventId, Lang, LogSource, LogSourceId, SensorId, Text, Timestamp, Value, field,
};

use crate::centre::Centre;
use crate::limits::SENSOR_SKEW_SECS_MAX;
use crate::view::SensorRow;

/// How often sensors are looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// So long after the last loss a sensor counts as losing records.
const LOSS_SHOWN: Duration = Duration::from_secs(600);

/// What was said of a sensor last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    silent: bool,
    skewed: bool,
    losing: bool,
    outdated: bool,
}

/// What a sensor has lost.
#[derive(Clone, Copy, Debug, Default)]
struct Loss {
    /// Since it runs.
    total: u64,
    /// Since it began to lose records, and when it lost the last.
    lately: u64,
    last: Timestamp,
}

/// What was said of each sensor last, and since when they run: a sensor that never reported is
/// silent only after its time.
#[derive(Debug, Default)]
pub(crate) struct SensorWatch {
    pub(crate) since: Timestamp,
    said: BTreeMap<String, Said>,
    losses: BTreeMap<String, Loss>,
}

/// A change of a sensor's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Silent,
    Reporting,
    Skewed,
    ClockRight,
    Losing,
    LosingNoMore,
    Outdated,
    Renewed,
}

impl Change {
    const fn action(self) -> &'static str {
        match self {
            Self::Silent => "sensor.silent",
            Self::Reporting => "sensor.reporting",
            Self::Skewed => "sensor.skewed",
            Self::ClockRight => "sensor.clock-right",
            Self::Losing => "sensor.losing",
            Self::LosingNoMore => "sensor.losing-no-more",
            Self::Outdated => "sensor.certificate-outdated",
            Self::Renewed => "sensor.certificate-renewed",
        }
    }

    const fn outcome(self) -> &'static str {
        match self {
            Self::Silent | Self::Skewed | Self::Losing | Self::Outdated => "failure",
            Self::Reporting | Self::ClockRight | Self::LosingNoMore | Self::Renewed => "success",
        }
    }
}

impl SensorRow {
    /// Whether the clock of who sends to it is wrong by more than the bound.
    pub fn is_skewed(&self) -> bool {
        self.skew_ms.unsigned_abs() > SENSOR_SKEW_SECS_MAX * 1_000
    }

    /// Records that were not stored, by cause: dropped, or given up. Causes without any are left out.
    pub fn losses(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = self.dropped.iter().copied().chain([("refused", self.refused)]);
        all.filter(|(_, n)| *n > 0)
    }

    /// Records that were not stored, by cause, in words: `over its limit 12, …`.
    pub fn losses_told(&self) -> Text {
        let told = |lang: Lang, comma: &str| {
            let all =
                self.losses().map(|(cause, n)| format!("{} {n}", cause_name(cause).get(lang)));
            all.collect::<Vec<_>>().join(comma)
        };
        Text::new(told(Lang::Zh, "，"), told(Lang::En, ", "))
    }

    /// Records that were not stored, for whatever cause.
    pub fn lost(&self) -> u64 {
        self.losses().map(|(_, n)| n).sum()
    }
}

/// What a cause of loss is called.
pub fn cause_name(cause: &str) -> Text {
    match cause {
        "kernel" => Text::new("系统接收缓冲区满", "system buffer full"),
        "queue" => Text::new("解析队列满", "decoding queue full"),
        "rate" => Text::new("超过该采集器限速", "over the sensor's limit"),
        "refused" => Text::new("未能落盘（磁盘满或停机）", "not stored (disk full or stopping)"),
        other => Text::new(other, other),
    }
}

impl SensorWatch {
    /// Records that a sensor lost since it began to lose some; 0 when that is over.
    pub(crate) fn lost_lately(&self, sensor: &str, now: Timestamp) -> u64 {
        let loss = self.losses.get(sensor).filter(|loss| now.since(loss.last) <= LOSS_SHOWN);
        loss.map_or(0, |loss| loss.lately)
    }

    fn note_loss(&mut self, row: &SensorRow, now: Timestamp) {
        let lately = self.lost_lately(&row.name, now);
        let loss = self.losses.entry(row.name.clone()).or_default();
        let more = row.lost().saturating_sub(loss.total);
        if more > 0 {
            *loss = Loss { total: row.lost(), lately: lately + more, last: now };
        }
    }

    /// What has changed since the last look.
    fn look(&mut self, rows: &[SensorRow], time: Timestamp) -> Vec<(usize, Change)> {
        let mut changes = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            self.note_loss(row, time);
            let losing = self.lost_lately(&row.name, time) > 0;
            let outdated = row.trouble.is_some();
            let now = Said { silent: row.silent, skewed: row.is_skewed(), losing, outdated };
            let was = self.said.insert(row.name.clone(), now).unwrap_or_default();
            if now.silent != was.silent {
                changes.push((at, if now.silent { Change::Silent } else { Change::Reporting }));
            }
            if now.skewed != was.skewed {
                changes.push((at, if now.skewed { Change::Skewed } else { Change::ClockRight }));
            }
            if now.losing != was.losing {
                changes.push((at, if now.losing { Change::Losing } else { Change::LosingNoMore }));
            }
            if now.outdated != was.outdated {
                changes.push((at, if now.outdated { Change::Outdated } else { Change::Renewed }));
            }
        }
        changes
    }
}

impl Centre {
    /// Looks at every sensor and writes what has changed into the journal; how many records.
    pub fn watch_sensors(&self) -> usize {
        let rows = self.sensor_rows();
        let now = self.now();
        let changes = {
            let mut watch =
                self.sensor_watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            watch.look(&rows, now)
        };
        let records: Vec<Event> = changes
            .iter()
            .filter_map(|(at, change)| {
                let row = rows.get(*at)?;
                let (sensor, action) = (&row.name, change.action());
                tracing::warn!(sensor, action, "the health of a sensor changed");
                Some(record(row, *change, now, self.world.unique()))
            })
            .collect();
        let count = records.len();
        if count > 0
            && let Err(error) = self.pipeline.journal.append(records)
        {
            tracing::error!(%error, "the health of sensors did not reach the journal");
        }
        count
    }

    /// An alarm for each sensor that does not report, loses records, or whose clock is wrong.
    pub(crate) fn sensor_alarms(&self) -> Vec<Text> {
        let now = self.now();
        self.sensor_rows().iter().flat_map(|row| alarms(row, now)).collect()
    }
}

fn alarms(row: &SensorRow, now: Timestamp) -> Vec<Text> {
    let name = &row.name;
    let mut alarms = Vec::new();
    if row.silent {
        alarms.push(match row.last {
            Some(last) => {
                let minutes = now.since(last).as_secs() / 60;
                Text::new(
                    format!("采集器 {name} 静默：已 {minutes} 分钟没有日志记录"),
                    format!("Sensor {name} is silent: no record for {minutes} minutes"),
                )
            }
            None => Text::new(
                format!("采集器 {name} 静默：启动以来没有日志记录"),
                format!("Sensor {name} is silent: no record since the start"),
            ),
        });
    }
    if row.lost_lately > 0 {
        let (n, causes) = (row.lost_lately, row.losses_told());
        let (zh, en) = (causes.get(Lang::Zh), causes.get(Lang::En));
        alarms.push(Text::new(
            format!("采集器 {name} 正在丢失日志记录：近来 {n} 条（启动以来：{zh}），请检查流量和限速设置"),
            format!(
                "Sensor {name} loses records: {n} lately (since the start: {en}); check its traffic and limits"
            ),
        ));
    }
    if row.is_skewed() {
        let seconds = row.skew_ms.unsigned_abs() / 1_000;
        let (zh, en) = if row.skew_ms < 0 { ("快", "ahead") } else { ("慢", "behind") };
        alarms.push(Text::new(
            format!("采集器 {name} 时钟偏差：来源时钟{zh} {seconds} 秒，请校准 NTP"),
            format!(
                "Clock skew of sensor {name}: its senders are {seconds} s {en}; check their NTP"
            ),
        ));
    }
    if let Some(why) = &row.trouble {
        alarms.push(Text::new(
            format!("采集器 {name} 的新证书或吊销列表不可用，仍使用更换前的：{why}"),
            format!("Sensor {name} cannot use its new certificate or revocation list and keeps the one before: {why}"),
        ));
    }
    alarms
}

/// The record of a change, at the school of the sensor.
fn record(row: &SensorRow, change: Change, now: Timestamp, unique: u128) -> Event {
    let mut event = Event::new();
    let raw = serde_json::json!({
        "at": now, "sensor": row.name, "action": change.action(), "last": row.last,
        "skew_ms": row.skew_ms, "lost": row.lost(),
    });
    event.set_raw(raw.to_string().as_bytes());
    event.id = EventId::at(now, unique);
    event.time = now;
    event.received = now;
    event.site = row.site;
    event.sensor = SensorId::intern("xuedun");
    event.logsource = LogSourceId::intern(&LogSource::new("xuedun", "", "health"));
    event.push(field::EVENT_ACTION, Value::Str(change.action()));
    event.push(field::EVENT_OUTCOME, Value::Str(change.outcome()));
    event.push_named("observer.name", Value::Str(&row.name));
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::SiteId;

    fn row(silent: bool, skew_ms: i64) -> SensorRow {
        SensorRow {
            name: "fw".to_owned(),
            site: SiteId::BUREAU,
            site_name: Text::default(),
            input: String::new(),
            place: String::new(),
            received: 0,
            decoded: 0,
            undecoded: 0,
            duplicates: 0,
            dropped: vec![("queue", 0)],
            refused: 0,
            lost_lately: 0,
            last: None,
            skew_ms,
            behind_ms: 0,
            waits_ms: 0,
            silent,
            samples: vec![],
            undeclared: 0,
            suggested: None,
            turned_away: 0,
            last_refusal: None,
            trouble: None,
        }
    }

    #[test]
    fn only_changes_are_told_and_each_once() {
        let mut watch = SensorWatch::default();
        let mut told = |silent, skew_ms| {
            let changes = watch.look(&[row(silent, skew_ms)], Timestamp::from_secs(0));
            changes.into_iter().map(|(_, change)| change.action()).collect::<Vec<_>>()
        };
        assert!(told(false, 0).is_empty());
        assert_eq!(told(true, -60_001), ["sensor.silent", "sensor.skewed"]);
        assert!(told(true, 70_000).is_empty());
        assert_eq!(told(false, 60_000), ["sensor.reporting", "sensor.clock-right"]);
    }

    #[test]
    fn a_loss_is_told_once_counted_while_it_lasts_and_ends() {
        let mut watch = SensorWatch::default();
        let mut look = |dropped, refused, minutes: i64| {
            let lost = SensorRow { dropped: vec![("queue", dropped)], refused, ..row(false, 0) };
            let now = Timestamp::from_secs(60 * minutes);
            let changes = watch.look(&[lost], now);
            let told = changes.into_iter().map(|(_, c)| c.action()).collect::<Vec<_>>();
            (told, watch.lost_lately("fw", now))
        };
        assert_eq!(look(0, 0, 0), (vec![], 0));
        assert_eq!(look(5, 0, 1), (vec!["sensor.losing"], 5));
        assert_eq!(look(5, 2, 9), (vec![], 7));
        assert_eq!(look(5, 2, 19), (vec![], 7));
        assert_eq!(look(5, 2, 20), (vec!["sensor.losing-no-more"], 0));
        assert_eq!(
            look(6, 2, 30),
            (vec!["sensor.losing"], 1),
            "what was lost before is another loss"
        );
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_told_until_it_can() {
        let mut watch = SensorWatch::default();
        let bad = SensorRow { trouble: Some("S005 no pair".to_owned()), ..row(false, 0) };
        let told = alarms(&bad, Timestamp::from_secs(0)).remove(0);
        assert!(told.zh.contains("仍使用更换前的：S005 no pair"), "{}", told.zh);
        let mut look = |row| {
            let changes = watch.look(&[row], Timestamp::from_secs(0));
            changes.into_iter().map(|(_, c)| c.action()).collect::<Vec<_>>()
        };
        assert_eq!(look(bad.clone()), ["sensor.certificate-outdated"]);
        assert!(look(bad).is_empty());
        assert_eq!(look(row(false, 0)), ["sensor.certificate-renewed"]);
    }

    #[test]
    fn what_was_lost_is_told_in_words() {
        let lost =
            SensorRow { dropped: vec![("rate", 5), ("queue", 0)], refused: 2, ..row(false, 0) };
        let told = lost.losses_told();
        assert_eq!(told.zh, "超过该采集器限速 5，未能落盘（磁盘满或停机） 2");
        assert_eq!(told.en, "over the sensor's limit 5, not stored (disk full or stopping) 2");
        let named = ["kernel", "queue", "rate", "refused"].map(|c| cause_name(c).zh != c);
        assert_eq!(named, [true; 4]);
    }

    #[test]
    fn an_alarm_says_which_way_a_clock_is_wrong() {
        let told = |skew_ms| alarms(&row(false, skew_ms), Timestamp::from_secs(0)).remove(0);
        assert!(told(-90_000).zh.contains("快 90 秒") && told(90_500).en.contains("90 s behind"));
    }
}
