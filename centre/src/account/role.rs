//! Roles and what they may do: one enum and one table.
//!
//! The three administrators of GB/T 22239-2019 8.1.5.1–8.1.5.3 (三员分立) are values of one enum,
//! so an account that holds two of them cannot be written down.

use events::{Lang, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

/// What an account is for. Exactly one per account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Role {
    /// 系统管理员: accounts, sensors, the node itself.
    SystemAdmin,
    /// 安全管理员: rules, exceptions, audits, drills.
    SecurityAdmin,
    /// 审计管理员: the audit log, alone.
    AuditAdmin,
    /// 安全分析员: alerts, search, drills.
    Analyst,
    /// 学校联系人: one school only.
    SchoolContact {
        /// The school.
        site: SiteId,
    },
    /// 分管领导: reads the situation.
    Leader,
    /// 外部测评人员: reads compliance until a day.
    Assessor {
        /// When the access ends.
        until: Timestamp,
    },
}

/// One thing a route or command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// See the workbench.
    Workbench,
    /// Read alerts.
    AlertsRead,
    /// Acknowledge, assign and close alerts.
    AlertsWrite,
    /// Search log records.
    Search,
    /// Read schools and risk indices.
    SchoolsRead,
    /// Read sensor health.
    SensorsRead,
    /// Read audit runs and evidence.
    ComplianceRead,
    /// Start an audit run.
    ComplianceRun,
    /// Read inventories of student data (never the data).
    RecordsRead,
    /// Ask for personal data to be revealed.
    RevealAsk,
    /// Read reveal requests: one's own, or all for who may approve.
    RevealRead,
    /// Approve and refuse reveal requests of others.
    RevealApprove,
    /// Load rules again, agree to and end exceptions.
    RulesWrite,
    /// Read drills.
    DrillsRead,
    /// Start and lead drills.
    DrillsRun,
    /// Read the audit log.
    AuditLogRead,
    /// Back up and restore the archive.
    ArchiveKeep,
    /// Make and change accounts.
    AccountsWrite,
    /// Own account: password, second factor.
    OwnAccount,
}

impl Permission {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Workbench,
        Self::AlertsRead,
        Self::AlertsWrite,
        Self::Search,
        Self::SchoolsRead,
        Self::SensorsRead,
        Self::ComplianceRead,
        Self::ComplianceRun,
        Self::RecordsRead,
        Self::RevealAsk,
        Self::RevealRead,
        Self::RevealApprove,
        Self::RulesWrite,
        Self::DrillsRead,
        Self::DrillsRun,
        Self::AuditLogRead,
        Self::ArchiveKeep,
        Self::AccountsWrite,
        Self::OwnAccount,
    ];
}

impl Role {
    /// Whether the role holds a permission: the whole table.
    pub fn may(&self, permission: Permission) -> bool {
        use Permission::*;
        let granted: &[Permission] = match self {
            Self::SystemAdmin => &[Workbench, SchoolsRead, SensorsRead, ArchiveKeep, AccountsWrite],
            Self::SecurityAdmin => &[
                Workbench,
                AlertsRead,
                AlertsWrite,
                Search,
                SchoolsRead,
                SensorsRead,
                ComplianceRead,
                ComplianceRun,
                RecordsRead,
                RevealAsk,
                RevealRead,
                RevealApprove,
                RulesWrite,
                DrillsRead,
                DrillsRun,
            ],
            Self::AuditAdmin => &[Workbench, AuditLogRead],
            Self::Analyst => &[
                Workbench,
                AlertsRead,
                AlertsWrite,
                Search,
                SchoolsRead,
                SensorsRead,
                ComplianceRead,
                RecordsRead,
                RevealAsk,
                RevealRead,
                DrillsRead,
                DrillsRun,
            ],
            Self::SchoolContact { .. } => &[Workbench, AlertsRead, SchoolsRead],
            Self::Leader => &[
                Workbench,
                AlertsRead,
                SchoolsRead,
                ComplianceRead,
                RevealRead,
                RevealApprove,
                DrillsRead,
            ],
            Self::Assessor { .. } => &[ComplianceRead, RecordsRead, DrillsRead],
        };
        permission == OwnAccount || granted.contains(&permission)
    }

    /// The word used in configuration and on the command line.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SystemAdmin => "system-admin",
            Self::SecurityAdmin => "security-admin",
            Self::AuditAdmin => "audit-admin",
            Self::Analyst => "analyst",
            Self::SchoolContact { .. } => "school-contact",
            Self::Leader => "leader",
            Self::Assessor { .. } => "assessor",
        }
    }

    /// The word a person reads.
    pub const fn label(&self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::SystemAdmin, Lang::Zh) => "系统管理员",
            (Self::SecurityAdmin, Lang::Zh) => "安全管理员",
            (Self::AuditAdmin, Lang::Zh) => "审计管理员",
            (Self::Analyst, Lang::Zh) => "安全分析员",
            (Self::SchoolContact { .. }, Lang::Zh) => "学校联系人",
            (Self::Leader, Lang::Zh) => "分管领导",
            (Self::Assessor { .. }, Lang::Zh) => "外部测评人员",
            (Self::SystemAdmin, Lang::En) => "System administrator",
            (Self::SecurityAdmin, Lang::En) => "Security administrator",
            (Self::AuditAdmin, Lang::En) => "Audit administrator",
            (Self::Analyst, Lang::En) => "Analyst",
            (Self::SchoolContact { .. }, Lang::En) => "School contact",
            (Self::Leader, Lang::En) => "Leader",
            (Self::Assessor { .. }, Lang::En) => "External assessor",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_administrators_share_nothing_but_the_workbench() {
        let three = [Role::SystemAdmin, Role::SecurityAdmin, Role::AuditAdmin];
        for permission in Permission::ALL {
            let holders = three.iter().filter(|r| r.may(permission)).count();
            let shared = matches!(
                permission,
                Permission::Workbench
                    | Permission::OwnAccount
                    | Permission::SchoolsRead
                    | Permission::SensorsRead
            );
            assert!(shared || holders <= 1, "{permission:?} is held by {holders} administrators");
        }
        assert!(Role::AuditAdmin.may(Permission::AuditLogRead));
        assert!(!Role::SecurityAdmin.may(Permission::AuditLogRead));
        assert!(!Role::SystemAdmin.may(Permission::AuditLogRead));
        // Who runs the node and who watches neither ask for data nor agree to it.
        for role in [Role::SystemAdmin, Role::AuditAdmin] {
            assert!(!role.may(Permission::RevealAsk) && !role.may(Permission::RevealApprove));
        }
    }

    #[test]
    fn every_permission_has_a_holder() {
        let all =
            [Role::SystemAdmin, Role::SecurityAdmin, Role::AuditAdmin, Role::Analyst, Role::Leader];
        for permission in Permission::ALL {
            assert!(all.iter().any(|r| r.may(permission)), "{permission:?}");
        }
    }
}
