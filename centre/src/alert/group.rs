//! The alert group (告警组): what a person triages. Machine output goes in, verdicts come out.

use events::{
    AlertId, DetectionId, Entity, EventId, ExerciseId, Severity, SiteId, Text, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::limits;

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// 待处理: nobody has looked.
    New,
    /// 处理中: somebody has taken it.
    Acknowledged,
    /// 已关闭: there is a verdict.
    Closed,
}

/// What it turned out to be. Without one a group cannot be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// 确认攻击
    True,
    /// 正常业务
    Benign,
    /// 误报
    FalsePositive,
    /// 重复告警
    Duplicate,
}

impl Verdict {
    /// All of them, in the order a form shows them.
    pub const ALL: [Self; 4] = [Self::True, Self::Benign, Self::FalsePositive, Self::Duplicate];

    /// The word in forms and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::Benign => "benign",
            Self::FalsePositive => "false_positive",
            Self::Duplicate => "duplicate",
        }
    }
}

impl std::str::FromStr for Verdict {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|v| v.as_str() == text).ok_or(())
    }
}

/// A field that made a rule match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matched {
    /// Name of the field.
    pub field: String,
    /// Its value in the event.
    pub value: String,
    /// Where in the value the match lies, in bytes, if it is a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(usize, usize)>,
}

/// One thing done to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// The account, or `xuedun`.
    pub by: String,
    /// What was done.
    pub what: ActKind,
    /// The reason given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What can be done to a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ActKind {
    /// It was raised.
    Raised,
    /// Somebody took it.
    Acknowledged,
    /// It was given to somebody.
    Assigned {
        /// To whom.
        to: String,
    },
    /// It got a verdict.
    Closed {
        /// Which.
        verdict: Verdict,
    },
}

/// Detections of one rule on one group key at one school, until it is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertGroup {
    /// Derived from the rule, the group key and the first detection: the same after a replay.
    pub id: AlertId,
    /// The rule.
    pub rule_id: String,
    /// The rule's title.
    pub title: Text,
    /// How grave.
    pub level: Severity,
    /// ATT&CK techniques of the rule.
    pub attack: Vec<String>,
    /// The playbook to follow.
    pub playbook: Option<String>,
    /// The school.
    pub site: SiteId,
    /// The values that the detections share, by field.
    pub key: Vec<(String, String)>,
    /// Who and what is involved; bounded.
    pub entities: Vec<Entity>,
    /// Detections so far.
    pub count: u64,
    /// Time of the earliest detection.
    pub first: Timestamp,
    /// Time of the latest detection.
    pub last: Timestamp,
    /// When the group became visible.
    pub raised: Timestamp,
    /// When the latest event behind it reached us.
    pub received: Timestamp,
    /// Events behind it, oldest first, at most [`limits::ALERT_EVENTS_MAX`].
    pub events: Vec<EventId>,
    /// Fields of the first detection that made the rule match.
    pub matched: Vec<Matched>,
    /// Where it stands.
    pub state: AlertState,
    /// Who has it.
    pub owner: Option<String>,
    /// What it turned out to be.
    pub verdict: Option<Verdict>,
    /// The exercise it belongs to: kept out of production figures.
    pub exercise: Option<ExerciseId>,
    /// What was done, oldest first.
    pub history: Vec<Act>,
}

/// A detection, joined with what its rule says about itself.
#[derive(Clone, Debug)]
pub struct Raised {
    /// The detection.
    pub detection: DetectionId,
    /// The group it would open.
    pub group: AlertGroup,
}

/// Why a group cannot be changed as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAct {
    /// It is closed; a new detection opens a new group.
    #[error("the alert group is closed")]
    Closed,
    /// A verdict needs a reason.
    #[error("closing needs a reason of 1 to {} characters", limits::NOTE_CHARS_MAX)]
    Reason,
}

impl AlertGroup {
    /// What makes two detections belong together.
    pub fn grouping_key(&self) -> String {
        let mut key = format!("{}\0{}", self.rule_id, self.site);
        if let Some(exercise) = self.exercise {
            key.push_str(&format!("\0x{exercise}"));
        }
        for (field, value) in &self.key {
            key.push_str(&format!("\0{field}\u{1}{value}"));
        }
        key
    }

    /// Whether it still needs work.
    pub fn is_open(&self) -> bool {
        self.state != AlertState::Closed
    }

    /// Adds the detections of `other`, which has the same grouping key.
    pub fn absorb(&mut self, other: Self) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.received = self.received.max(other.received);
        self.level = self.level.max(other.level);
        let room = limits::ALERT_EVENTS_MAX.saturating_sub(self.events.len());
        let new = other.events.into_iter().filter(|e| !self.events.contains(e)).take(room);
        let new: Vec<EventId> = new.collect();
        self.events.extend(new);
        for entity in other.entities {
            if !self.entities.contains(&entity) && self.entities.len() < limits::ALERT_EVENTS_MAX {
                self.entities.push(entity);
            }
        }
    }

    /// Somebody takes it.
    pub fn acknowledge(&mut self, by: &str, at: Timestamp) -> Result<(), BadAct> {
        self.need_open()?;
        self.state = AlertState::Acknowledged;
        self.owner.get_or_insert_with(|| by.to_owned());
        self.act(by, at, ActKind::Acknowledged, "");
        Ok(())
    }

    /// It is given to somebody.
    pub fn assign(&mut self, by: &str, to: &str, at: Timestamp) -> Result<(), BadAct> {
        self.need_open()?;
        self.owner = Some(to.to_owned());
        self.state = AlertState::Acknowledged;
        self.act(by, at, ActKind::Assigned { to: to.to_owned() }, "");
        Ok(())
    }

    /// It gets a verdict, with a reason.
    pub fn close(
        &mut self,
        by: &str,
        verdict: Verdict,
        reason: &str,
        at: Timestamp,
    ) -> Result<(), BadAct> {
        self.need_open()?;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > limits::NOTE_CHARS_MAX {
            return Err(BadAct::Reason);
        }
        self.state = AlertState::Closed;
        self.verdict = Some(verdict);
        self.owner.get_or_insert_with(|| by.to_owned());
        self.act(by, at, ActKind::Closed { verdict }, reason);
        Ok(())
    }

    /// When somebody first took it.
    pub fn acknowledged_at(&self) -> Option<Timestamp> {
        self.history.iter().find(|a| !matches!(a.what, ActKind::Raised)).map(|a| a.at)
    }

    fn need_open(&self) -> Result<(), BadAct> {
        if self.is_open() { Ok(()) } else { Err(BadAct::Closed) }
    }

    fn act(&mut self, by: &str, at: Timestamp, what: ActKind, note: &str) {
        self.history.push(Act { at, by: by.to_owned(), what, note: note.to_owned() });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn group(rule: &str, site: u64, at: i64) -> AlertGroup {
        AlertGroup {
            id: AlertId::from_u128(at as u128),
            rule_id: rule.into(),
            title: Text::new("口令喷洒", "Password spraying"),
            level: Severity::High,
            attack: vec!["T1110.003".into()],
            playbook: None,
            site: SiteId::from_u64(site).unwrap(),
            key: vec![("source.ip".into(), "203.0.113.9".into())],
            entities: vec![],
            count: 1,
            first: Timestamp::from_secs(at),
            last: Timestamp::from_secs(at),
            raised: Timestamp::from_secs(at),
            received: Timestamp::from_secs(at),
            events: vec![EventId::from_u128(at as u128)],
            matched: vec![],
            state: AlertState::New,
            owner: None,
            verdict: None,
            exercise: None,
            history: vec![],
        }
    }

    #[test]
    fn a_group_grows_and_closes_with_a_reason() {
        let mut g = group("r", 2_133_000_001, 10);
        g.absorb(group("r", 2_133_000_001, 5));
        g.absorb(group("r", 2_133_000_001, 20));
        assert_eq!((g.count, g.first.secs(), g.last.secs(), g.events.len()), (3, 5, 20, 3));
        let now = Timestamp::from_secs(30);
        g.acknowledge("li", now).unwrap();
        assert_eq!(g.close("li", Verdict::True, "  ", now), Err(BadAct::Reason));
        g.close("li", Verdict::True, "与学校核实", now).unwrap();
        assert_eq!(g.acknowledge("li", now), Err(BadAct::Closed));
        assert_eq!(g.acknowledged_at(), Some(now));
        assert_eq!(g.owner.as_deref(), Some("li"));
    }

    #[test]
    fn exercise_and_real_never_share_a_group() {
        let real = group("r", 2_133_000_001, 10);
        let mut drill = real.clone();
        drill.exercise = Some(ExerciseId::from_u128(1));
        assert_ne!(real.grouping_key(), drill.grouping_key());
    }

    #[test]
    fn events_are_bounded() {
        let mut g = group("r", 2_133_000_001, 0);
        for at in 1..1_000 {
            g.absorb(group("r", 2_133_000_001, at));
        }
        assert_eq!(g.events.len(), limits::ALERT_EVENTS_MAX);
        assert_eq!(g.count, 1_000);
    }
}
