//! The risk index (风险指数) of a school: 100 minus visible, capped deductions, each a line that
//! leads to its cause. The scheme (deductions with caps, a floor, a ceiling while something
//! critical is open) follows a published vendor practice; the numbers are ours and editable.

use events::{AlertId, Severity, SiteId, Text, Timestamp};
use serde::Serialize;

use crate::alert::AlertGroup;

/// Lowest index.
pub const FLOOR: u32 = 5;
/// Highest index while a critical alert group is open.
pub const CEILING_WHILE_CRITICAL: u32 = 70;

/// What one open thing of a class costs, and what the class costs at most.
const ALERTS: &[(Severity, u32, u32)] = &[
    (Severity::Critical, 25, 60),
    (Severity::High, 12, 48),
    (Severity::Medium, 5, 25),
    (Severity::Low, 1, 6),
];
const SILENT_SENSOR: (u32, u32) = (5, 15);

/// One line of the calculation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deduction {
    /// Points taken off.
    pub points: u32,
    /// Points that the cap of the class left out.
    pub capped: u32,
    /// What for.
    pub reason: Text,
    /// What to open.
    pub cause: Cause,
}

/// What a deduction leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Cause {
    /// An open alert group.
    Alert {
        /// Its id.
        id: AlertId,
    },
    /// A sensor that has fallen silent.
    Sensor {
        /// Its name.
        name: String,
    },
    /// The ceiling while something critical is open.
    Ceiling,
}

/// A school's index and how it came about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RiskIndex {
    /// The school.
    pub site: SiteId,
    /// 5 to 100; higher is better.
    pub index: u32,
    /// Every point that is missing.
    pub deductions: Vec<Deduction>,
}

/// How an index reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// 85 to 100 良好
    Good,
    /// 75 to 84 关注
    Watch,
    /// 60 to 74 较差
    Poor,
    /// below 60 危险
    Danger,
}

impl RiskIndex {
    /// The band of the index.
    pub const fn band(&self) -> Band {
        match self.index {
            85.. => Band::Good,
            75..=84 => Band::Watch,
            60..=74 => Band::Poor,
            _ => Band::Danger,
        }
    }
}

/// A sensor that has said nothing for longer than it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// The sensor.
    pub sensor: String,
    /// Its school.
    pub site: SiteId,
    /// The last it said; `None` if it never spoke.
    pub last: Option<Timestamp>,
}

/// The index of one school from its open, real (not exercise) alert groups and silent sensors.
pub fn risk_index(site: SiteId, alerts: &[&AlertGroup], silent: &[Silence]) -> RiskIndex {
    let mut deductions = Vec::new();
    for &(level, each, cap) in ALERTS {
        let mut left = cap;
        let open = alerts
            .iter()
            .filter(|a| a.site == site && a.level == level && a.is_open() && a.exercise.is_none());
        for alert in open {
            let points = each.min(left);
            left -= points;
            deductions.push(Deduction {
                points,
                capped: each - points,
                reason: alert.title.clone(),
                cause: Cause::Alert { id: alert.id },
            });
        }
    }
    let mut left = SILENT_SENSOR.1;
    for silence in silent.iter().filter(|s| s.site == site) {
        let points = SILENT_SENSOR.0.min(left);
        left -= points;
        deductions.push(Deduction {
            points,
            capped: SILENT_SENSOR.0 - points,
            reason: Text::new(
                format!("采集器 {} 静默", silence.sensor),
                format!("Sensor {} is silent", silence.sensor),
            ),
            cause: Cause::Sensor { name: silence.sensor.clone() },
        });
    }
    let taken: u32 = deductions.iter().map(|d| d.points).sum();
    let mut index = 100u32.saturating_sub(taken).max(FLOOR);
    let critical = alerts.iter().any(|a| {
        a.site == site && a.level == Severity::Critical && a.is_open() && a.exercise.is_none()
    });
    if critical && index > CEILING_WHILE_CRITICAL {
        deductions.push(Deduction {
            points: index - CEILING_WHILE_CRITICAL,
            capped: 0,
            reason: Text::new(
                format!("有未处置的严重告警，指数不高于 {CEILING_WHILE_CRITICAL}"),
                format!("A critical alert is open: the index is at most {CEILING_WHILE_CRITICAL}"),
            ),
            cause: Cause::Ceiling,
        });
        index = CEILING_WHILE_CRITICAL;
    }
    RiskIndex { site, index, deductions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::group::tests::group;

    const SITE: u64 = 2_133_000_001;

    fn index(alerts: &[AlertGroup], silent: &[Silence]) -> RiskIndex {
        let refs: Vec<&AlertGroup> = alerts.iter().collect();
        risk_index(SiteId::from_u64(SITE).unwrap(), &refs, silent)
    }

    #[test]
    fn every_missing_point_has_a_line() {
        let mut alerts: Vec<AlertGroup> = (0..6).map(|n| group("r", SITE, n)).collect();
        alerts[5].level = Severity::Critical;
        let silent = vec![Silence { sensor: "fw".into(), site: alerts[0].site, last: None }];
        let risk = index(&alerts, &silent);
        let sum: u32 = risk.deductions.iter().map(|d| d.points).sum();
        assert_eq!(risk.index, 100 - sum);
        assert_eq!(risk.index, 100 - 25 - 48 - 5);
        assert_eq!(risk.deductions.iter().map(|d| d.capped).sum::<u32>(), 12);
    }

    #[test]
    fn critical_has_a_ceiling_and_drills_cost_nothing() {
        let mut critical = group("r", SITE, 1);
        critical.level = Severity::Critical;
        let risk = index(std::slice::from_ref(&critical), &[]);
        assert_eq!(risk.index, CEILING_WHILE_CRITICAL);
        assert_eq!(risk.band(), Band::Poor);
        critical.exercise = Some(events::ExerciseId::from_u128(1));
        assert_eq!(index(&[critical], &[]).index, 100);
        assert_eq!(index(&[group("r", 2_133_000_002, 1)], &[]).index, 100, "another school's");
    }

    #[test]
    fn the_floor_holds() {
        let alerts: Vec<AlertGroup> = (0..40)
            .map(|n| {
                let mut g = group("r", SITE, n);
                g.level = Severity::ALL[1 + (n as usize % 4)];
                g
            })
            .collect();
        assert_eq!(index(&alerts, &[]).index, FLOOR);
    }
}
