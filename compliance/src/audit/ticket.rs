//! Remediation (整改): what must be fixed, by whom, until when, and whether a later run says so.

use events::{FindingId, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use super::catalogue::{Catalogue, EvidenceSource};
use super::finding::Finding;
use super::run::AuditRun;
use super::settle::Attestation;
use super::verdict::VerdictKind;

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// 待整改.
    Open,
    /// 待复测: the owner says it is done; the next run tells.
    Retest,
    /// 已销号: a later run found it met.
    Closed,
}

/// One ticket, of one finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The finding.
    pub finding: FindingId,
    /// The site.
    pub site: SiteId,
    /// The target.
    pub target: String,
    /// The check.
    pub check: String,
    /// The items it serves.
    pub items: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Until when.
    pub due: Timestamp,
    /// When it was opened.
    pub opened: Timestamp,
    /// Where it stands.
    pub state: TicketState,
    /// What was done.
    pub note: String,
    /// How often a run found it unmet again after the owner called it done.
    pub reopened: u32,
    /// When a run closed it.
    pub closed: Option<Timestamp>,
}

impl Ticket {
    /// A ticket for a finding.
    pub fn open(finding: &Finding, owner: &str, due: Timestamp, now: Timestamp) -> Self {
        Self {
            finding: finding.id,
            site: finding.site,
            target: finding.target.clone(),
            check: finding.check.clone(),
            items: finding.items.clone(),
            owner: owner.to_owned(),
            due,
            opened: now,
            state: TicketState::Open,
            note: String::new(),
            reopened: 0,
            closed: None,
        }
    }

    /// Whether it is late.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.state != TicketState::Closed && self.due < now
    }
}

/// Lets a run speak about the tickets of its target: met closes one, unmet reopens one. What the
/// run could not see leaves a ticket as it is. Gives the number of tickets changed.
pub fn retest(tickets: &mut [Ticket], run: &AuditRun) -> usize {
    let mut changed = 0;
    for ticket in tickets.iter_mut().filter(|t| t.site == run.site && t.target == run.target) {
        let Some(result) = run.result(&ticket.check).filter(|_| run.started >= ticket.opened)
        else {
            continue;
        };
        let before = ticket.state;
        match result.verdict.kind() {
            VerdictKind::Conform | VerdictKind::NotApplicable => {
                ticket.state = TicketState::Closed;
                ticket.closed.get_or_insert(run.finished);
            }
            VerdictKind::NonConform | VerdictKind::Partial if before != TicketState::Open => {
                ticket.state = TicketState::Open;
                ticket.closed = None;
                ticket.reopened += 1;
            }
            _ => {}
        }
        changed += usize::from(ticket.state != before);
    }
    changed
}

/// Why somebody is reminded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// Never attested.
    Missing,
    /// Ends within the notice.
    Soon,
    /// Ended.
    Expired,
}

/// One item that wants an attestation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reminder {
    /// The item.
    pub item: String,
    /// Who attested last; empty when nobody did.
    pub owner: String,
    /// Why.
    pub due: Due,
    /// When the last one ends or ended.
    pub expires: Option<Timestamp>,
}

/// The manual items that lack a statement, or whose statement ends within `notice_days`.
pub fn reminders(
    catalogue: &Catalogue,
    attestations: &[Attestation],
    now: Timestamp,
    notice_days: u64,
) -> Vec<Reminder> {
    let notice = now.plus(std::time::Duration::from_secs(notice_days * 86_400));
    let manual = catalogue.items.iter().filter(|i| i.automatable == EvidenceSource::Manual);
    let remind = |item: &super::catalogue::Item| {
        let last = attestations.iter().filter(|a| a.item == item.id).max_by_key(|a| a.collected);
        let due = match last {
            None => Due::Missing,
            Some(a) if a.expires <= now => Due::Expired,
            Some(a) if a.expires <= notice => Due::Soon,
            Some(_) => return None,
        };
        Some(Reminder {
            item: item.id.clone(),
            owner: last.map_or_else(String::new, |a| a.by.clone()),
            due,
            expires: last.map(|a| a.expires),
        })
    };
    manual.filter_map(remind).collect()
}
