//! What this node knows of its own work, as the snapshot that checks judge. A section is filled
//! only when the node keeps every figure of it; the others stay away, and a person attests.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use compliance::audit::own::{
    AccountRecord, ArchiveRecord, AuditLogRecord, AuditRecord, DrillRecord, KINDS, Register,
    SensorRecord,
};
use compliance::audit::{OwnRecords, VerdictKind};
use events::Timestamp;
use playbooks::drill::EndReason;

use crate::account::{Account, Permission, Role};
use crate::audit_log::AuditEntry;
use crate::centre::Centre;
use crate::error::Error;
use crate::facade::part;
use crate::ledger::{Ledger, RunHead};
use crate::limits;

const DAY_SECS: u64 = 86_400;
/// Entries of the audit log looked at for activity.
const ENTRIES_READ_MAX: usize = 50_000;

impl Centre {
    /// The snapshot of now.
    pub(crate) fn own_records(&self) -> Result<OwnRecords, Error> {
        let now = self.now();
        let accounts = self.accounts.list()?;
        Ok(OwnRecords {
            archive: self.archive_record(&accounts, now)?,
            sensors: self.sensor_record(),
            accounts: Some(account_record(&accounts, self.config.console.cert.is_some(), now)),
            audit_log: Some(self.audit_log_record(now)?),
            drills: Some(self.drill_record(now)?),
            audits: self.audit_record(now)?,
            register: registers(&self.config.node.data_dir.join("compliance/registers"), now)?,
            ..OwnRecords::default()
        })
    }

    /// `None` while nothing is archived: then there is nothing to judge.
    fn archive_record(
        &self,
        accounts: &[Account],
        now: Timestamp,
    ) -> Result<Option<ArchiveRecord>, Error> {
        let archive = &self.pipeline.archive;
        let files = archive.files();
        let newest = files.iter().map(|f| f.time_max).max();
        let (Some(oldest), Some(newest)) = (archive.oldest(), newest) else { return Ok(None) };
        let (faults, unproven) = self.audited_faults()?;
        let unproven = unproven.into_iter().map(|u| format!("{}: {:?}", u.name, u.what));
        let week = now.minus(Duration::from_secs(7 * DAY_SECS));
        let hours: BTreeSet<i64> =
            files.iter().filter(|f| f.time_max >= week).map(|f| f.hour.secs() / 3_600).collect();
        let begun = accounts.iter().map(|a| a.created).min().unwrap_or(oldest);
        let watched = now.since(begun.max(week)).as_secs() / 3_600;
        Ok(Some(ArchiveRecord {
            retention_days: i64::from(self.config.store.retention_days),
            oldest_age_days: days(oldest, now),
            node_age_days: days(begun, now),
            empty_hours_7d: (watched as i64 - hours.len() as i64).max(0),
            damaged_files: faults.into_iter().chain(unproven).collect(),
            newest_age_hours: (now.since(newest).as_secs() / 3_600) as i64,
        }))
    }

    /// `None` while no sensor is set up.
    fn sensor_record(&self) -> Option<SensorRecord> {
        let rows = self.sensor_rows();
        if rows.is_empty() {
            return None;
        }
        let with: BTreeSet<_> = rows.iter().map(|r| r.site).collect();
        let without = self.directory.schools().filter(|s| !with.contains(&s.code));
        Some(SensorRecord {
            total: rows.len() as i64,
            silent: rows.iter().filter(|r| r.silent).map(|r| r.name.clone()).collect(),
            schools_without: without.map(|s| s.name.zh.clone()).collect(),
            clock_skew_secs: rows.iter().map(|r| r.skew_ms.abs() / 1_000).max().unwrap_or(0),
        })
    }

    fn drill_record(&self, now: Timestamp) -> Result<DrillRecord, Error> {
        let drills = self.drills.list(limits::PAGE_ROWS_MAX)?;
        let done: Vec<_> = drills
            .iter()
            .filter(|d| matches!(d.run.ended(), Some((_, EndReason::Completed))))
            .collect();
        let year = || done.iter().filter(|d| days(d.run.started(), now) <= 365);
        let scenarios: BTreeSet<String> = year().map(|d| d.slug.clone()).collect();
        Ok(DrillRecord {
            completed_365d: year().count() as i64,
            last_age_days: done
                .iter()
                .map(|d| days(d.run.started(), now))
                .min()
                .unwrap_or(i64::MAX),
            // A report is drawn from the record of a drill; it cannot be missing.
            without_report: Vec::new(),
            scenarios: scenarios.into_iter().collect(),
            plans: playbooks::library().len() as i64,
        })
    }

    /// `None` before the first run.
    fn audit_record(&self, now: Timestamp) -> Result<Option<AuditRecord>, Error> {
        let Some(record) = audit_record(&self.ledger, now)? else { return Ok(None) };
        let tickets = self.ledger.tickets()?;
        let late = tickets.iter().filter(|t| t.is_overdue(now));
        Ok(Some(AuditRecord {
            overdue: late.map(|t| format!("{}@{}", t.check, t.target)).collect(),
            without_owner: self.ledger.unowned()?,
            ..record
        }))
    }

    fn audit_log_record(&self, now: Timestamp) -> Result<AuditLogRecord, Error> {
        let verified = self.audit_log.verify()?;
        let entries = self.audit_log.page(None, ENTRIES_READ_MAX)?;
        let by = |role: &Role, span: u64| {
            let since = now.minus(Duration::from_secs(span * DAY_SECS));
            entries.iter().filter(|e| e.role == role.as_str() && e.at >= since).count() as i64
        };
        let lacks = |e: &&AuditEntry| {
            e.by.is_empty() || e.role.is_empty() || e.action.is_empty() || e.outcome.is_empty()
        };
        let readers = [Role::SystemAdmin, Role::SecurityAdmin, Role::Analyst, Role::Leader];
        let others = readers.iter().filter(|r| r.may(Permission::AuditLogRead));
        Ok(AuditLogRecord {
            entries: verified.as_ref().map_or(entries.len() as i64, |n| *n as i64),
            intact: verified.is_ok(),
            incomplete: entries.iter().filter(lacks).count() as i64,
            system_admin_30d: by(&Role::SystemAdmin, 30),
            security_admin_30d: by(&Role::SecurityAdmin, 30),
            audit_admin_90d: by(&Role::AuditAdmin, 90),
            other_readers: others.map(|r| r.as_str().to_owned()).collect(),
        })
    }
}

fn days(at: Timestamp, now: Timestamp) -> i64 {
    (now.since(at).as_secs() / DAY_SECS) as i64
}

fn account_record(accounts: &[Account], tls_only: bool, now: Timestamp) -> AccountRecord {
    let open = || accounts.iter().filter(|a| a.enabled);
    let is_admin =
        |a: &&Account| matches!(a.role, Role::SystemAdmin | Role::SecurityAdmin | Role::AuditAdmin);
    let roles: BTreeSet<String> = open().map(|a| a.role.as_str().replace('-', "_")).collect();
    let idle = |a: &&Account| days(a.last_login.unwrap_or(a.created), now) > 90;
    let over = |a: &&Account| matches!(a.role, Role::Assessor { until } if until < now);
    let names = |list: Vec<&Account>| list.into_iter().map(|a| a.name.clone()).collect();
    AccountRecord {
        total: accounts.len() as i64,
        roles: roles.into_iter().collect(),
        admins_without_second_factor: names(
            open().filter(is_admin).filter(|a| !a.has_totp()).collect(),
        ),
        idle_90d: names(open().filter(idle).collect()),
        expired_open: names(open().filter(over).collect()),
        // One role per account is a property of the type; see `Role`.
        mixed_roles: Vec::new(),
        lockout: limits::LOGIN_FAILURES_MAX > 0,
        idle_minutes: limits::SESSION_IDLE_MINUTES as i64,
        tls_only,
    }
}

/// `None` before the first run. Reads the last run and the one before it of the same target; of the
/// others their heads are enough.
fn audit_record(ledger: &Ledger, now: Timestamp) -> Result<Option<AuditRecord>, Error> {
    let heads = ledger.heads()?;
    let Some(newest) = heads.first() else { return Ok(None) };
    let Some(last) = ledger.run(newest.id)? else { return Ok(None) };
    let quarter = now.minus(Duration::from_secs(90 * DAY_SECS));
    let not_executed = last.results.iter().filter(|r| r.verdict.kind() == VerdictKind::NotRun);
    let same = |h: &&RunHead| h.target == last.target && h.site == last.site;
    let before = heads.iter().skip(1).find(same).map(|h| ledger.run(h.id)).transpose()?.flatten();
    let drifted = before.map_or_else(Vec::new, |before| {
        let changed = last.results.iter().filter(|r| {
            before.result(&r.check).is_some_and(|b| b.verdict.kind() != r.verdict.kind())
        });
        changed.map(|r| format!("{} {}", last.target, r.check)).collect()
    });
    Ok(Some(AuditRecord {
        runs_90d: heads.iter().filter(|h| h.started >= quarter).count() as i64,
        last_age_days: days(last.started, now),
        overdue: Vec::new(),
        without_owner: Vec::new(),
        not_executed: not_executed.count() as i64,
        drifted,
    }))
}

/// Registers imported as `<kind>.csv`.
fn registers(
    dir: &Path,
    now: Timestamp,
) -> Result<std::collections::BTreeMap<String, Register>, Error> {
    let mut all = std::collections::BTreeMap::new();
    for (kind, _) in KINDS {
        let file = dir.join(format!("{kind}.csv"));
        match std::fs::read(&file) {
            Ok(bytes) => {
                let register = Register::parse(&bytes, now)
                    .map_err(|e| part(format!("{}: {e}", file.display())))?;
                all.insert(kind.to_owned(), register);
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(Error::Io { what: format!("read {}", file.display()), source });
            }
        }
    }
    Ok(all)
}
