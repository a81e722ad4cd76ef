//! What happened in a drill, and when.

use std::collections::{BTreeMap, BTreeSet};

use events::{AlertId, ExerciseId, Severity, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use super::plan::{Drill, DrillPlan, Inject};
use crate::error::Error;

/// A drill under way. Kept by the centre: serialise it after every call that changes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrillRun {
    pub(super) exercise: ExerciseId,
    pub(super) site: SiteId,
    pub(super) drill: String,
    pub(super) plan: DrillPlan,
    pub(super) started: Timestamp,
    pub(super) clocks: BTreeMap<String, InjectClock>,
    pub(super) unexpected: Vec<AlertId>,
    pub(super) ended: Option<(Timestamp, EndReason)>,
}

/// The clock points of one inject. Each is set once, by the first that happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InjectClock {
    /// T0: its first record was sent.
    pub emitted: Option<Timestamp>,
    /// Records sent.
    pub records: u64,
    /// Its first record arrived in the journal.
    pub logged: Option<Timestamp>,
    /// T1: the first alert with its mark and an expected rule.
    pub alerted: Option<Timestamp>,
    /// That alert.
    pub alert: Option<AlertId>,
    /// Rules that fired on it, expected or not.
    pub rules: BTreeSet<String>,
    /// T2: a person took it.
    pub acknowledged: Option<Timestamp>,
    /// T3: a person judged it.
    pub verdict: Option<Timestamp>,
    /// Whether the judgement was that it is an attack.
    pub verdict_true: Option<bool>,
    /// T4: it was contained.
    pub contained: Option<Timestamp>,
    /// T5: what it damaged works again.
    pub recovered: Option<Timestamp>,
    /// T6: it was reported.
    pub reported: Option<Timestamp>,
    /// Who did what.
    pub people: Vec<(Act, String, Timestamp)>,
}

/// What a person does about an inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Takes it.
    Acknowledged,
    /// Judges it an attack (as it is meant to be).
    ConfirmedAttack,
    /// Judges it harmless: wrong, here.
    DismissedAsFalse,
    /// Contains it.
    Contained,
    /// Restores what it damaged.
    Recovered,
    /// Reports it.
    Reported,
}

/// An alert seen while a drill runs.
#[derive(Clone, Debug)]
pub struct ObservedAlert<'a> {
    /// Its id.
    pub alert: AlertId,
    /// The rule's id.
    pub rule: &'a str,
    /// Its level.
    pub level: Severity,
    /// The exercise its events are marked with, none for a real one.
    pub exercise: Option<ExerciseId>,
    /// The inject, when the record's marker is at hand ([`super::verify_marker`]); otherwise it is
    /// found by the rule.
    pub inject: Option<&'a str>,
}

/// What an alert means for a drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// It belongs to an inject and is one of those expected.
    Expected(String),
    /// It is marked, but no inject expects its rule.
    Unexpected,
    /// It is real: the exercise ended with it.
    EndsExercise,
    /// It is marked for another exercise, too mild to end this one, or the drill is over.
    Ignored,
}

/// Why a drill ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum EndReason {
    /// It was played to its end.
    Completed,
    /// A real alert came.
    RealAlert {
        /// That alert.
        alert: AlertId,
    },
    /// Whoever leads it stopped it.
    Stopped {
        /// Who.
        by: String,
    },
}

impl DrillRun {
    /// Begins a drill at one school.
    pub fn new(drill: &Drill, exercise: ExerciseId, site: SiteId, now: Timestamp) -> Self {
        let plan = drill.plan().clone();
        let clocks = plan.injects.iter().map(|i| (i.id.clone(), InjectClock::default())).collect();
        Self {
            exercise,
            site,
            drill: drill.playbook.file.clone(),
            plan,
            started: now,
            clocks,
            unexpected: Vec::new(),
            ended: None,
        }
    }

    /// What marks its records.
    pub const fn exercise(&self) -> ExerciseId {
        self.exercise
    }

    /// The school it plays at.
    pub const fn site(&self) -> SiteId {
        self.site
    }

    /// Its plan.
    pub const fn plan(&self) -> &DrillPlan {
        &self.plan
    }

    /// When it began.
    pub const fn started(&self) -> Timestamp {
        self.started
    }

    /// When and why it ended, once it has.
    pub const fn ended(&self) -> Option<&(Timestamp, EndReason)> {
        self.ended.as_ref()
    }

    /// The clock of an inject.
    pub fn clock(&self, inject: &str) -> Option<&InjectClock> {
        self.clocks.get(inject)
    }

    /// Injects due at `now` of which no record was sent yet; none once the drill is over.
    pub fn due(&self, now: Timestamp) -> Vec<&Inject> {
        if self.ended.is_some() {
            return Vec::new();
        }
        let seconds = now.since(self.started).as_secs();
        self.plan
            .injects
            .iter()
            .filter(|i| u64::from(i.at_seconds) <= seconds)
            .filter(|i| self.clocks.get(&i.id).is_some_and(|c| c.emitted.is_none()))
            .collect()
    }

    /// T0: records of an inject were sent.
    ///
    /// # Errors
    /// P117 when there is no such inject.
    pub fn emitted(&mut self, inject: &str, records: u64, now: Timestamp) -> Result<(), Error> {
        let clock = self.clock_mut(inject)?;
        clock.emitted.get_or_insert(now);
        clock.records += records;
        Ok(())
    }

    /// A marked record of an inject arrived in the journal.
    ///
    /// # Errors
    /// P117 when there is no such inject.
    pub fn logged(&mut self, inject: &str, now: Timestamp) -> Result<(), Error> {
        self.clock_mut(inject)?.logged.get_or_insert(now);
        Ok(())
    }

    /// T1, or the end of the exercise: an alert came up.
    pub fn observed(&mut self, alert: &ObservedAlert<'_>, now: Timestamp) -> Observation {
        if self.ended.is_some() {
            return Observation::Ignored;
        }
        match alert.exercise {
            None if alert.level >= self.plan.endex_level => {
                self.ended = Some((now, EndReason::RealAlert { alert: alert.alert }));
                return Observation::EndsExercise;
            }
            Some(exercise) if exercise == self.exercise => {}
            None | Some(_) => return Observation::Ignored,
        }
        let Some(inject) = self.inject_of(alert) else {
            self.unexpected.push(alert.alert);
            return Observation::Unexpected;
        };
        let expected = self
            .plan
            .injects
            .iter()
            .any(|i| i.id == inject && i.expects.rules.iter().any(|r| r == alert.rule));
        let Some(clock) = self.clocks.get_mut(&inject) else { return Observation::Ignored };
        clock.rules.insert(alert.rule.to_owned());
        clock.logged.get_or_insert(now);
        if !expected {
            return Observation::Unexpected;
        }
        clock.alerted.get_or_insert(now);
        clock.alert.get_or_insert(alert.alert);
        Observation::Expected(inject)
    }

    /// The inject an alert belongs to: by its marker, else the earliest emitted one that expects
    /// the rule and has no alert yet, else the earliest that expects it.
    fn inject_of(&self, alert: &ObservedAlert<'_>) -> Option<String> {
        if let Some(inject) = alert.inject.filter(|i| self.clocks.contains_key(*i)) {
            return Some(inject.to_owned());
        }
        let mut candidates: Vec<_> = self
            .plan
            .injects
            .iter()
            .filter(|i| i.expects.rules.iter().any(|r| r == alert.rule))
            .filter_map(|i| self.clocks.get(&i.id).map(|c| (c, i)))
            .filter_map(|(c, i)| c.emitted.map(|at| (c.alerted.is_some(), at, i)))
            .collect();
        candidates.sort_by_key(|(alerted, at, i)| (*alerted, *at, i.id.clone()));
        candidates.first().map(|(_, _, i)| i.id.clone())
    }

    /// The inject whose first alert this is.
    pub fn inject_by_alert(&self, alert: AlertId) -> Option<&str> {
        self.clocks.iter().find(|(_, c)| c.alert == Some(alert)).map(|(id, _)| id.as_str())
    }

    /// T2 to T6: a person did something about an inject. After the drill's end nothing counts.
    ///
    /// # Errors
    /// P117 when there is no such inject.
    pub fn acted(&mut self, inject: &str, act: Act, by: &str, now: Timestamp) -> Result<(), Error> {
        let over = self.ended.is_some();
        let clock = self.clock_mut(inject)?;
        if over {
            return Ok(());
        }
        clock.people.push((act, by.to_owned(), now));
        match act {
            Act::Acknowledged => clock.acknowledged.get_or_insert(now),
            Act::ConfirmedAttack | Act::DismissedAsFalse => {
                clock.verdict_true.get_or_insert(act == Act::ConfirmedAttack);
                clock.verdict.get_or_insert(now)
            }
            Act::Contained => clock.contained.get_or_insert(now),
            Act::Recovered => clock.recovered.get_or_insert(now),
            Act::Reported => clock.reported.get_or_insert(now),
        };
        Ok(())
    }

    /// Ends the drill, if it has not ended yet.
    pub fn end(&mut self, reason: EndReason, now: Timestamp) {
        self.ended.get_or_insert((now, reason));
    }

    fn clock_mut(&mut self, inject: &str) -> Result<&mut InjectClock, Error> {
        self.clocks
            .get_mut(inject)
            .ok_or_else(|| Error::NoSuchInject { inject: inject.chars().take(64).collect() })
    }
}
