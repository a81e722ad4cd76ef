//! When scheduled work is due: cron expressions of five fields (POSIX crontab), in Beijing time.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime};
use croner::Cron;
use events::time::BEIJING_OFFSET_SECS;
use events::{Text, Timestamp};

/// A parsed cron expression.
#[derive(Clone, Debug)]
pub struct Schedule(Cron);

impl Schedule {
    /// Parses an expression: minute, hour, day of month, month, day of week.
    pub fn parse(text: &str) -> Result<Self, Text> {
        if text.split_whitespace().count() != 5 {
            return Err(Text::new("cron 表达式应有五段", "a cron expression has five fields"));
        }
        let bad = |e: croner::errors::CronError| {
            Text::new(format!("cron 表达式有误：{e}"), format!("bad cron expression: {e}"))
        };
        Cron::from_str(text).map(Self).map_err(bad)
    }

    /// The first due time after `after`; `None` if there is none.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let next = self.0.find_next_occurrence(&local(after)?, false).ok()?;
        let secs = next.and_utc().timestamp() - i64::from(BEIJING_OFFSET_SECS);
        Some(Timestamp::from_secs(secs))
    }

    /// Whether something was due in `(last, now]`: missed runs are caught up once.
    pub fn due(&self, last: Timestamp, now: Timestamp) -> bool {
        self.next_after(last).is_some_and(|next| next <= now)
    }
}

fn local(at: Timestamp) -> Option<NaiveDateTime> {
    let secs = at.secs() + i64::from(BEIJING_OFFSET_SECS);
    DateTime::from_timestamp(secs, 0).map(|t| t.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn three_in_the_morning_in_beijing() {
        let daily = Schedule::parse("0 3 * * *").unwrap();
        let after = at("2026-11-23T10:00:00+08:00");
        assert_eq!(daily.next_after(after), Some(at("2026-11-24T03:00:00+08:00")));
        assert!(!daily.due(after, at("2026-11-24T02:59:59+08:00")));
        assert!(daily.due(after, at("2026-11-24T03:00:00+08:00")));
        assert!(daily.due(after, at("2026-11-30T12:00:00+08:00")), "missed runs are caught up");
    }

    #[test]
    fn bad_expressions_are_refused() {
        for bad in ["", "often", "* * * *", "61 * * * *", "0 0 0 3 * *"] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
    }
}
