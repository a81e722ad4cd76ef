//! What a node knows of its own work, as a snapshot: the evidence for the items that are proved
//! by records rather than by configuration. `centre` fills it; checks read it as facts.
//!
//! A section that is `None` means that the node keeps no such records: its checks say 待举证, so a
//! person speaks, and never 符合 or 不符合.

mod register;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use register::{Entry, KINDS, Register, RegisterError};

use super::fact::Fact;

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $kind:ty,)+ })+) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name { $($(#[$fdoc])* pub $field: $kind,)+ })+
    };
}

sections! {
    /// Logs kept by the archive.
    ArchiveRecord {
        /// Days that the retention keeps.
        retention_days: i64,
        /// Age in days of the oldest log record.
        oldest_age_days: i64,
        /// Age in days of the node itself: a young node cannot hold old records.
        node_age_days: i64,
        /// Hours of the last seven days without a single record.
        empty_hours_7d: i64,
        /// Files whose digest differs from the manifest, or that are missing.
        damaged_files: Vec<String>,
        /// Age in hours of the newest record.
        newest_age_hours: i64,
    }
    /// What came in.
    IntakeRecord {
        /// Records received.
        received: i64,
        /// Records that were lost, by any cause.
        lost: i64,
        /// Records that could not be parsed (kept as they came), per thousand.
        unparsed_permille: i64,
        /// Records with time, in percent.
        with_time_percent: i64,
        /// Records of logons and administration that name a user, in percent.
        with_user_percent: i64,
        /// Kinds of source seen in seven days: `firewall`, `vpn`, `proxy`, `endpoint`…
        kinds_7d: Vec<String>,
    }
    /// Sensors.
    SensorRecord {
        /// Sensors set up.
        total: i64,
        /// Sensors silent for longer than they should be.
        silent: Vec<String>,
        /// Schools without any sensor.
        schools_without: Vec<String>,
        /// Largest skew of a sensor's clock in seconds.
        clock_skew_secs: i64,
    }
    /// Detection.
    DetectionRecord {
        /// Rules loaded.
        rules: i64,
        /// Rules that look over several records.
        correlations: i64,
        /// Rule files that were refused.
        rejected: i64,
        /// ATT&CK tactics with a rule.
        tactics: Vec<String>,
        /// Alerts of 30 days.
        alerts_30d: i64,
        /// Alerts of 30 days without source, target, kind or time.
        alerts_incomplete: i64,
        /// Severe alerts not taken by a person within an hour.
        unacknowledged_over_hour: i64,
        /// Channels that carry alerts to people.
        channels: Vec<String>,
    }
    /// Accounts of the node.
    AccountRecord {
        /// Accounts.
        total: i64,
        /// Roles held by someone.
        roles: Vec<String>,
        /// Administrators without a second factor.
        admins_without_second_factor: Vec<String>,
        /// Accounts not used for 90 days and not closed.
        idle_90d: Vec<String>,
        /// Accounts whose time is over and that are still open.
        expired_open: Vec<String>,
        /// Accounts that hold two administrator roles.
        mixed_roles: Vec<String>,
        /// Whether failed logons lock.
        lockout: bool,
        /// Minutes after which a silent session ends.
        idle_minutes: i64,
        /// Whether the console speaks TLS alone.
        tls_only: bool,
    }
    /// The audit log of the node.
    AuditLogRecord {
        /// Entries.
        entries: i64,
        /// Whether the hash chain holds.
        intact: bool,
        /// Entries without time, account, action or outcome.
        incomplete: i64,
        /// Entries by system administrators in 30 days.
        system_admin_30d: i64,
        /// Entries by security administrators in 30 days.
        security_admin_30d: i64,
        /// Entries by audit administrators in 90 days: reading it is part of the work.
        audit_admin_90d: i64,
        /// Roles other than the audit administrator's that may read it.
        other_readers: Vec<String>,
    }
    /// Incidents and their clocks.
    IncidentRecord {
        /// Incidents of a year.
        total: i64,
        /// Reported after their time.
        late: Vec<String>,
        /// Closed without a cause.
        without_cause: Vec<String>,
        /// Closed without lessons or evidence.
        without_lessons: Vec<String>,
        /// Kinds with a procedure of their own: `outage`, `leak`…
        procedures: Vec<String>,
    }
    /// Drills.
    DrillRecord {
        /// Drills completed in a year.
        completed_365d: i64,
        /// Age in days of the last one.
        last_age_days: i64,
        /// Completed drills without a report.
        without_report: Vec<String>,
        /// Scenarios rehearsed in a year.
        scenarios: Vec<String>,
        /// Response plans shipped or written.
        plans: i64,
    }
    /// Audits of this program.
    AuditRecord {
        /// Runs of 90 days.
        runs_90d: i64,
        /// Age in days of the last one.
        last_age_days: i64,
        /// Unmet checks past their date.
        overdue: Vec<String>,
        /// Unmet checks without an owner.
        without_owner: Vec<String>,
        /// Checks planned and not executed in the last run.
        not_executed: i64,
        /// Checks whose target differs from the run before without a change on record.
        drifted: Vec<String>,
    }
    /// Student records: what was found and what protects it.
    RecordsRecord {
        /// Data sets inventoried.
        inventories: i64,
        /// Age in days of the newest inventory.
        last_age_days: i64,
        /// Columns with personal data.
        personal_columns: i64,
        /// Of them, without a grade.
        ungraded: Vec<String>,
        /// Sensitive columns that are neither masked nor encrypted.
        unprotected: Vec<String>,
        /// Masked copies whose second scan found residue.
        residue: Vec<String>,
        /// Columns beyond what the declared purpose needs.
        beyond_purpose: Vec<String>,
        /// Reveals without a purpose on record.
        reveals_without_purpose: i64,
    }
}

/// The snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OwnRecords {
    /// Logs kept.
    pub archive: Option<ArchiveRecord>,
    /// What came in.
    pub intake: Option<IntakeRecord>,
    /// Sensors.
    pub sensors: Option<SensorRecord>,
    /// Rules and alerts.
    pub detection: Option<DetectionRecord>,
    /// Accounts.
    pub accounts: Option<AccountRecord>,
    /// The audit log.
    pub audit_log: Option<AuditLogRecord>,
    /// Incidents.
    pub incidents: Option<IncidentRecord>,
    /// Drills.
    pub drills: Option<DrillRecord>,
    /// Audits.
    pub audits: Option<AuditRecord>,
    /// Student records.
    pub records: Option<RecordsRecord>,
    /// Imported registers (台账), by kind of [`KINDS`].
    pub register: BTreeMap<String, Register>,
}

impl OwnRecords {
    /// The facts of a section, `archive` or `register.training`, under its name; `None` when the
    /// node keeps no such records.
    pub fn section(&self, name: &str) -> Option<Vec<(String, Fact)>> {
        let named = |facts: Vec<(String, Fact)>| {
            facts.into_iter().map(|(k, f)| (format!("{name}.{k}"), f)).collect()
        };
        if let Some(kind) = name.strip_prefix("register.") {
            return self.register.get(kind).map(|r| named(r.facts()));
        }
        let whole = serde_json::to_value(self).ok()?;
        let Value::Object(section) = whole.get(name)? else { return None };
        Some(named(section.iter().map(|(k, v)| (k.clone(), fact(v))).collect()))
    }

    /// Whether a section of that name can exist at all.
    pub fn knows(name: &str) -> bool {
        match name.strip_prefix("register.") {
            Some(kind) => KINDS.iter().any(|(k, _)| *k == kind),
            None => serde_json::to_value(Self::default())
                .is_ok_and(|v| name != "register" && v.get(name).is_some()),
        }
    }
}

/// As JSON: what a result's digest is drawn over.
impl fmt::Display for OwnRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

fn fact(value: &Value) -> Fact {
    match value {
        Value::Bool(yes) => Fact::Text(if *yes { "yes" } else { "no" }.into()),
        Value::Number(n) => n.as_i64().map_or(Fact::Absent, Fact::Int),
        Value::String(text) => Fact::word(text),
        Value::Array(list) => {
            Fact::List(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => Fact::Absent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_become_facts_and_missing_ones_do_not() {
        let own = OwnRecords {
            archive: Some(ArchiveRecord { retention_days: 180, ..Default::default() }),
            accounts: Some(AccountRecord { lockout: true, ..Default::default() }),
            ..Default::default()
        };
        let facts = own.section("archive").unwrap();
        assert!(facts.contains(&("archive.retention_days".into(), Fact::Int(180))));
        let facts = own.section("accounts").unwrap();
        assert!(facts.contains(&("accounts.lockout".into(), Fact::Text("yes".into()))));
        assert_eq!(own.section("drills"), None);
        assert_eq!(own.section("register.training"), None);
        assert!(OwnRecords::knows("drills") && OwnRecords::knows("register.training"));
        assert!(!OwnRecords::knows("drill") && !OwnRecords::knows("register.x"));
    }
}
