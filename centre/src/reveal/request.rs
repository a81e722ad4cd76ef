//! A reveal request (还原申请): what is to be opened, why, who asked, who agreed, what became of it.
//! Requested → approved or refused → used or expired; each state is entered once.

use std::time::Duration;

use events::{EventId, Lang, RevealId, Timestamp};
use serde::{Deserialize, Serialize};
use store::state::Record;

use super::policy::RevealPolicy;

/// What is to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RevealScope {
    /// Columns of a protected dataset; by the command line, with its keys.
    Dataset {
        /// The dataset, as it was named when it was protected.
        dataset: String,
        /// The columns; none for a file that was sealed whole.
        columns: Vec<String>,
        /// Keys of the rows; none for any.
        rows: Vec<String>,
    },
    /// Log records whose personal data is shown masked; in the console.
    Records {
        /// Which.
        ids: Vec<EventId>,
    },
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevealState {
    /// 待批准
    Requested,
    /// 已批准
    Approved,
    /// 已拒绝
    Refused,
    /// 已使用
    Used,
    /// 已过期
    Expired,
}

impl RevealState {
    /// The word in the API and in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Used => "used",
            Self::Expired => "expired",
        }
    }
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Who; none where the policy asks nobody.
    pub by: Option<String>,
    /// In which role.
    pub role: String,
    /// When.
    pub at: Timestamp,
    /// What was said to it.
    pub note: String,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevealRequest {
    /// Its id.
    pub id: RevealId,
    /// What is to be opened.
    pub scope: RevealScope,
    /// Why.
    pub purpose: String,
    /// Who asks.
    pub by: String,
    /// When.
    pub created: Timestamp,
    /// Until when it waits for an answer; once approved, until when it may be used.
    pub expires: Timestamp,
    /// Cells or records that it opens at most.
    pub cells_max: u64,
    /// The highest grade among what is to be opened; none while something is not known.
    pub grade: Option<u8>,
    /// Whether the policy asked for a second person.
    pub needs_approval: bool,
    /// Where it stands.
    pub state: RevealState,
    /// The answer.
    pub decision: Option<Decision>,
    /// When it was used.
    pub used: Option<Timestamp>,
    /// Cells or records that were opened, once that is known.
    pub opened: Option<u64>,
}

impl Record for RevealRequest {
    const VERSION: u8 = 1;
}

/// Why a request cannot become what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReveal {
    /// It waits for no answer.
    #[error("the request is {}", .0.as_str())]
    NotWaiting(RevealState),
    /// Who asked cannot agree.
    #[error("the person who asked cannot approve")]
    SamePerson,
    /// There is no approval that can be used.
    #[error("the request is {}, not approved", .0.as_str())]
    NotApproved(RevealState),
    /// The ticket is none of this node's, or the request is about something else.
    #[error("the ticket does not fit")]
    Ticket,
    /// One person asks for too much at once.
    #[error("too many requests wait already")]
    TooMany,
}

impl BadReveal {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotWaiting(_) => "N030",
            Self::SamePerson => "N031",
            Self::NotApproved(_) => "N032",
            Self::Ticket => "N033",
            Self::TooMany => "N034",
        }
    }

    /// What a person reads.
    pub const fn title(self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::NotWaiting(_) => ("该申请已不在待批准状态", "The request waits for no answer"),
            Self::SamePerson => {
                ("申请人不得批准自己的申请", "Who asked cannot approve: it takes another person")
            }
            Self::NotApproved(_) => (
                "该申请未获批准、已使用或已过期",
                "The request is not approved, is used, or has expired",
            ),
            Self::Ticket => ("还原凭证不符", "The ticket does not fit"),
            Self::TooMany => ("待处理的还原申请过多", "Too many requests wait already"),
        };
        lang.pick(zh, en)
    }
}

impl RevealRequest {
    /// Approves or refuses it.
    pub(crate) fn decide(
        &mut self,
        yes: bool,
        decision: Decision,
        policy: &RevealPolicy,
    ) -> Result<(), BadReveal> {
        self.expire(decision.at);
        if self.state != RevealState::Requested {
            return Err(BadReveal::NotWaiting(self.state));
        }
        if decision.by.as_ref() == Some(&self.by) {
            return Err(BadReveal::SamePerson);
        }
        if yes {
            self.expires = decision.at.plus(hours(policy.approval.valid_hours));
        }
        self.state = if yes { RevealState::Approved } else { RevealState::Refused };
        self.decision = Some(decision);
        Ok(())
    }

    /// Uses the approval up.
    pub(crate) fn take(&mut self, now: Timestamp) -> Result<(), BadReveal> {
        self.expire(now);
        if self.state != RevealState::Approved {
            return Err(BadReveal::NotApproved(self.state));
        }
        (self.state, self.used) = (RevealState::Used, Some(now));
        Ok(())
    }

    /// Lets it expire when its time is over; whether it did.
    pub(crate) fn expire(&mut self, now: Timestamp) -> bool {
        let open = matches!(self.state, RevealState::Requested | RevealState::Approved);
        let over = open && now >= self.expires;
        if over {
            self.state = RevealState::Expired;
        }
        over
    }

    /// What the audit log says of it: never a row, never a value.
    pub(crate) fn told(&self) -> String {
        let grade = self.grade.map_or("unknown".to_owned(), |g| g.to_string());
        let what = match &self.scope {
            RevealScope::Dataset { dataset, columns, rows } => {
                let columns =
                    if columns.is_empty() { "whole file".to_owned() } else { columns.join(",") };
                let rows = if rows.is_empty() { "any".to_owned() } else { rows.len().to_string() };
                format!("dataset={dataset} columns={columns} rows={rows}")
            }
            RevealScope::Records { ids } => format!("records={}", ids.len()),
        };
        format!("{} {what} grade={grade} cells={} by={}", self.id, self.cells_max, self.by)
    }
}

pub(crate) const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use compliance::records::Taxonomy;

    pub(crate) fn at(hour: u64) -> Timestamp {
        Timestamp::from_secs(1_795_000_000).plus(hours(hour))
    }

    fn policy() -> RevealPolicy {
        RevealPolicy::open(None, &Taxonomy::embedded().unwrap()).unwrap()
    }

    fn request() -> RevealRequest {
        RevealRequest {
            id: RevealId::from_u128(7),
            scope: RevealScope::Dataset {
                dataset: "学籍".into(),
                columns: vec!["手机号".into()],
                rows: vec!["R1".into()],
            },
            purpose: "家长来电核对".into(),
            by: "wang".into(),
            created: at(0),
            expires: at(72),
            cells_max: 5,
            grade: Some(3),
            needs_approval: true,
            state: RevealState::Requested,
            decision: None,
            used: None,
            opened: None,
        }
    }

    fn by(name: &str, hour: u64) -> Decision {
        let role = "security-admin".into();
        Decision { by: Some(name.into()), role, at: at(hour), note: String::new() }
    }

    #[test]
    fn it_takes_another_person_and_works_once() {
        let mut r = request();
        assert_eq!(r.take(at(1)), Err(BadReveal::NotApproved(RevealState::Requested)));
        assert_eq!(r.decide(true, by("wang", 1), &policy()), Err(BadReveal::SamePerson));
        assert_eq!(r.decide(false, by("wang", 1), &policy()), Err(BadReveal::SamePerson));
        r.decide(true, by("li", 2), &policy()).unwrap();
        assert_eq!((r.state, r.expires), (RevealState::Approved, at(10)));
        let again = r.decide(false, by("li", 2), &policy());
        assert_eq!(again, Err(BadReveal::NotWaiting(RevealState::Approved)));
        r.take(at(3)).unwrap();
        assert_eq!(r.take(at(3)), Err(BadReveal::NotApproved(RevealState::Used)));
    }

    #[test]
    fn what_is_refused_or_late_opens_nothing() {
        let mut r = request();
        r.decide(false, by("li", 1), &policy()).unwrap();
        assert_eq!(r.take(at(1)), Err(BadReveal::NotApproved(RevealState::Refused)));
        let mut r = request();
        let late = r.decide(true, by("li", 72), &policy());
        assert_eq!(late, Err(BadReveal::NotWaiting(RevealState::Expired)));
        let mut r = request();
        r.decide(true, by("li", 71), &policy()).unwrap();
        assert!(!r.expire(at(78)));
        assert_eq!(r.take(at(79)), Err(BadReveal::NotApproved(RevealState::Expired)));
        assert!(!r.expire(at(80)), "it expires once");
    }

    #[test]
    fn the_audit_log_is_told_of_no_row() {
        let told = request().told();
        assert!(told.contains("学籍") && told.contains("rows=1") && !told.contains("R1"), "{told}");
    }
}
