//! The workbench: what a person on duty sees first.

use std::collections::BTreeMap;
use std::time::Duration;

use events::{Severity, Timestamp};

use crate::account::{Caller, Permission};
use crate::alert::{AlertFilter, AlertGroup, AlertState};
use crate::centre::Centre;
use crate::error::Error;
use crate::view::Workbench;

/// Minutes of the curves.
const MINUTES: usize = 180;
/// Width of a bucket of the alert curve, in seconds.
const ALERT_BUCKET_SECS: i64 = 600;
/// Rows of each short list.
const ROWS: usize = 8;

impl Centre {
    /// The workbench of the caller.
    pub fn workbench(&self, caller: &Caller) -> Result<Workbench, Error> {
        caller.need(Permission::Workbench)?;
        let now = self.now();
        let sees_alerts = caller.role.may(Permission::AlertsRead);
        let open: Vec<AlertGroup> = if sees_alerts {
            let all = self.pipeline.alerts.list(&AlertFilter::default(), caller.scope());
            all.into_iter().filter(AlertGroup::is_open).collect()
        } else {
            Vec::new()
        };
        let is_mine = |g: &&AlertGroup| g.owner.as_ref() == Some(&caller.account);
        let count = |l: Severity| open.iter().filter(|g| g.level == l).count();
        let scope = caller.scope();
        let mut veil = self.veil(caller);
        let may = |p: Permission| caller.role.may(p);
        Ok(Workbench {
            open: Severity::ALL.into_iter().rev().map(|l| (l, count(l))).collect(),
            untaken: open.iter().filter(|g| g.state == AlertState::New).count(),
            mine: open.iter().filter(is_mine).take(ROWS).cloned().map(|g| veil.seen(g)).collect(),
            urgent: open
                .iter()
                .filter(|g| g.state == AlertState::New)
                .take(ROWS)
                .cloned()
                .map(|group| veil.seen(group))
                .collect(),
            event_rate: self.pipeline.rates.last(MINUTES, now),
            alert_rate: if sees_alerts { self.alert_rate(caller, now) } else { Vec::new() },
            silent: self.silences().into_iter().filter(|s| scope.holds(s.site)).collect(),
            worst: if may(Permission::SchoolsRead) {
                self.schools(caller)?.into_iter().take(5).collect()
            } else {
                Vec::new()
            },
            last_run: if may(Permission::ComplianceRead) { self.last_run()? } else { None },
            drill: if may(Permission::DrillsRead) { self.running_drill() } else { None },
            figures: self.figures(),
            alarms: self.alarms(),
        })
    }

    fn alert_rate(&self, caller: &Caller, now: Timestamp) -> Vec<(Timestamp, u64)> {
        let since = now.minus(Duration::from_secs(60 * MINUTES as u64));
        let bucket = |t: Timestamp| t.secs().div_euclid(ALERT_BUCKET_SECS) * ALERT_BUCKET_SECS;
        let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
        let mut at = bucket(since);
        while at <= now.secs() {
            counts.insert(at, 0);
            at += ALERT_BUCKET_SECS;
        }
        for (raised, _) in self.pipeline.alerts.raised_times(since, caller.scope()) {
            *counts.entry(bucket(raised)).or_default() += 1;
        }
        counts.into_iter().map(|(at, n)| (Timestamp::from_secs(at), n)).collect()
    }
}
