//! The alert groups of a node in the store.
//!
//! Invariant: what the detections of a stretch of the journal changed, and the checkpoint that
//! says how far the journal has been read, are written in one transaction. After kill -9 the
//! stretch is read again from the checkpoint, so every alert appears exactly once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use events::{AlertId, Severity, SiteId, Timestamp};
use serde::{Deserialize, Serialize};
use store::state::{Record, State, Table};

use super::group::{AlertGroup, AlertState, Raised};
use crate::account::Scope;
use crate::error::Error;

impl Record for AlertGroup {
    const VERSION: u8 = 1;
}

/// How far detection has read the journal, with the correlation state at that point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The next sequence number to read.
    pub next_seq: u64,
    /// The engine's snapshot, in base64.
    pub engine: String,
    /// Identity of the rule set the snapshot belongs to.
    pub rules: String,
    /// Events that detection has read so far.
    pub matched: u64,
    /// Detections so far.
    pub detections: u64,
}

impl Record for Checkpoint {
    const VERSION: u8 = 1;
}

/// Which groups to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Only in this state; `None` for all.
    pub state: Option<AlertState>,
    /// Only of at least this severity.
    pub level: Option<Severity>,
    /// Only of this school.
    pub site: Option<SiteId>,
    /// Only of this rule.
    pub rule_id: Option<String>,
    /// Only this person's.
    pub owner: Option<String>,
    /// Only those whose title, key or entities hold this text.
    pub text: String,
    /// Whether groups of exercises are listed too.
    pub exercises: bool,
    /// What comes first.
    pub order: Order,
}

/// What comes first in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The gravest, then the latest.
    #[default]
    Gravest,
    /// The latest.
    Latest,
}

const CHECKPOINT: &str = "detection";

/// The alert groups, in the store and in memory.
pub struct AlertBook {
    state: Arc<State>,
    alerts: Table<AlertId, AlertGroup>,
    checkpoints: Table<String, Checkpoint>,
    /// Everything in memory: triage reads far more often than it writes, and a bureau's groups
    /// are thousands, not millions.
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    groups: BTreeMap<AlertId, AlertGroup>,
    /// Grouping key → the open group.
    open: BTreeMap<String, AlertId>,
}

impl AlertBook {
    /// Opens the tables and reads the groups.
    pub fn open(state: Arc<State>) -> Result<Self, Error> {
        let alerts: Table<AlertId, AlertGroup> = state.table("alerts")?;
        let mut memory = Memory::default();
        for row in alerts.iter() {
            let (id, group) = row?;
            if group.is_open() {
                memory.open.insert(group.grouping_key(), id);
            }
            memory.groups.insert(id, group);
        }
        Ok(Self {
            checkpoints: state.table("checkpoints")?,
            alerts,
            state,
            memory: Mutex::new(memory),
        })
    }

    /// Where detection goes on.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let none = Checkpoint { next_seq: 1, ..Checkpoint::default() };
        Ok(self.checkpoints.get(&CHECKPOINT.to_owned())?.unwrap_or(none))
    }

    /// Applies detections and the checkpoint behind them, together. Returns the groups that
    /// changed, new ones first.
    pub fn commit(
        &self,
        raised: Vec<Raised>,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<AlertGroup>, Error> {
        let mut memory = self.lock();
        // Worked out beside the memory first: if the store fails, the memory is unchanged.
        let mut changed: BTreeMap<AlertId, AlertGroup> = BTreeMap::new();
        let mut opened: BTreeMap<String, AlertId> = BTreeMap::new();
        for Raised { group, .. } in raised {
            let key = group.grouping_key();
            let id = opened.get(&key).or_else(|| memory.open.get(&key)).copied();
            match id {
                Some(id) => {
                    let known = || memory.groups.get(&id).cloned();
                    if let Some(mut into) = changed.remove(&id).or_else(known) {
                        into.absorb(group);
                        changed.insert(id, into);
                    }
                }
                None => {
                    opened.insert(key, group.id);
                    changed.insert(group.id, group);
                }
            }
        }
        let mut batch = self.state.batch();
        for (id, group) in &changed {
            batch.put(&self.alerts, id, group)?;
        }
        batch.put(&self.checkpoints, &CHECKPOINT.to_owned(), checkpoint)?;
        batch.commit()?;
        memory.open.extend(opened);
        for (id, group) in &changed {
            memory.groups.insert(*id, group.clone());
        }
        Ok(changed.into_values().collect())
    }

    /// Puts groups back that were read from the journal after the state was lost.
    pub fn restore(&self, groups: impl IntoIterator<Item = AlertGroup>) -> Result<usize, Error> {
        let mut memory = self.lock();
        let mut batch = self.state.batch();
        let mut restored = Vec::new();
        for group in groups {
            batch.put(&self.alerts, &group.id, &group)?;
            restored.push(group);
        }
        batch.commit()?;
        let count = restored.len();
        for group in restored {
            if group.is_open() {
                memory.open.insert(group.grouping_key(), group.id);
            }
            memory.groups.insert(group.id, group);
        }
        Ok(count)
    }

    /// One group.
    pub fn get(&self, id: AlertId) -> Option<AlertGroup> {
        self.lock().groups.get(&id).cloned()
    }

    /// The groups a filter asks for, within a scope.
    pub fn list(&self, filter: &AlertFilter, scope: Scope) -> Vec<AlertGroup> {
        let memory = self.lock();
        let mut rows: Vec<AlertGroup> =
            memory.groups.values().filter(|g| filter.wants(g, scope)).cloned().collect();
        match filter.order {
            Order::Gravest => rows.sort_by_key(|g| std::cmp::Reverse((g.level, g.last, g.id))),
            Order::Latest => rows.sort_by_key(|g| std::cmp::Reverse((g.last, g.id))),
        }
        rows
    }

    /// Changes one group and makes the change durable before it returns.
    pub fn change<T>(
        &self,
        id: AlertId,
        scope: Scope,
        act: impl FnOnce(&mut AlertGroup) -> Result<T, Error>,
    ) -> Result<(AlertGroup, T), Error> {
        let mut memory = self.lock();
        let known = memory.groups.get(&id).filter(|g| scope.holds(g.site));
        let mut group = known.cloned().ok_or(Error::NotFound { what: "alert" })?;
        let key = group.grouping_key();
        let done = act(&mut group)?;
        let mut batch = self.state.batch();
        batch.put(&self.alerts, &id, &group)?;
        batch.commit()?;
        if !group.is_open() {
            memory.open.remove(&key);
        }
        memory.groups.insert(id, group.clone());
        Ok((group, done))
    }

    /// Closed groups of the same rule, latest first: how they ended.
    pub fn past_verdicts(&self, rule_id: &str, scope: Scope, most: usize) -> Vec<AlertGroup> {
        let memory = self.lock();
        let same = |g: &&AlertGroup| {
            g.rule_id == rule_id && !g.is_open() && scope.holds(g.site) && g.exercise.is_none()
        };
        let mut rows: Vec<AlertGroup> = memory.groups.values().filter(same).cloned().collect();
        rows.sort_by_key(|g| std::cmp::Reverse(g.last));
        rows.truncate(most);
        rows
    }

    /// When each group of a filter was raised: for histograms.
    pub fn raised_times(&self, since: Timestamp, scope: Scope) -> Vec<(Timestamp, Severity)> {
        let memory = self.lock();
        let wanted =
            |g: &&AlertGroup| g.exercise.is_none() && scope.holds(g.site) && g.raised >= since;
        memory.groups.values().filter(wanted).map(|g| (g.raised, g.level)).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        // A panic while holding the lock leaves whole groups only: the memory changes last.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AlertFilter {
    fn wants(&self, group: &AlertGroup, scope: Scope) -> bool {
        let text = self.text.trim().to_lowercase();
        scope.holds(group.site)
            && (self.exercises || group.exercise.is_none())
            && self.state.is_none_or(|s| s == group.state)
            && self.level.is_none_or(|l| group.level >= l)
            && self.site.is_none_or(|s| s == group.site)
            && self.rule_id.as_ref().is_none_or(|r| *r == group.rule_id)
            && self.owner.as_ref().is_none_or(|o| group.owner.as_ref() == Some(o))
            && (text.is_empty() || holds_text(group, &text))
    }
}

fn holds_text(group: &AlertGroup, text: &str) -> bool {
    let has = |s: &str| s.to_lowercase().contains(text);
    has(&group.title.zh)
        || has(&group.title.en)
        || has(&group.rule_id)
        || group.key.iter().any(|(_, v)| has(v))
        || group.entities.iter().any(|e| has(&e.key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Verdict;
    use crate::alert::group::tests::group;
    use events::DetectionId;

    fn raised(g: AlertGroup) -> Raised {
        Raised { detection: DetectionId::default(), group: g }
    }

    fn open() -> (tempfile::TempDir, AlertBook) {
        let dir = tempfile::tempdir().unwrap();
        let state = Arc::new(State::open(dir.path()).unwrap().state);
        (dir, AlertBook::open(state).unwrap())
    }

    #[test]
    fn detections_group_until_closed() {
        let (_dir, book) = open();
        let check = Checkpoint { next_seq: 5, ..Checkpoint::default() };
        let site = 2_133_000_001;
        let both = vec![raised(group("r", site, 1)), raised(group("r", site, 2))];
        let changed = book.commit(both, &check).unwrap();
        assert_eq!((changed.len(), changed[0].count), (1, 2));
        let id = changed[0].id;
        let close = |g: &mut AlertGroup| {
            Ok(g.close("li", Verdict::FalsePositive, "巡检", Timestamp::from_secs(9))?)
        };
        book.change(id, Scope::Region, close).unwrap();
        let changed = book.commit(vec![raised(group("r", site, 3))], &check).unwrap();
        assert_ne!(changed[0].id, id, "a closed group does not grow");
        assert_eq!(book.past_verdicts("r", Scope::Region, 10).len(), 1);
    }

    #[test]
    fn what_was_committed_is_there_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let check = Checkpoint { next_seq: 77, matched: 76, ..Checkpoint::default() };
        {
            let state = Arc::new(State::open(dir.path()).unwrap().state);
            let book = AlertBook::open(state).unwrap();
            book.commit(vec![raised(group("r", 2_133_000_001, 1))], &check).unwrap();
        }
        let state = Arc::new(State::open(dir.path()).unwrap().state);
        let book = AlertBook::open(state).unwrap();
        assert_eq!(book.checkpoint().unwrap(), check);
        let filter = AlertFilter::default();
        assert_eq!(book.list(&filter, Scope::Region).len(), 1);
        let changed = book.commit(vec![raised(group("r", 2_133_000_001, 2))], &check).unwrap();
        assert_eq!(changed[0].count, 2, "the open group is found again");
    }

    #[test]
    fn another_schools_group_is_not_found() {
        let (_dir, book) = open();
        let check = Checkpoint::default();
        let changed = book.commit(vec![raised(group("r", 2_133_000_001, 1))], &check).unwrap();
        let other = Scope::Site("2133000002".parse().unwrap());
        assert!(book.list(&AlertFilter::default(), other).is_empty());
        let change = book.change(changed[0].id, other, |_| Ok(()));
        assert!(matches!(change, Err(Error::NotFound { .. })));
    }
}
