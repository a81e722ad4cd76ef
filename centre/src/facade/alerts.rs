//! The alert queue: list, open, take, close.

use std::time::Duration;

use events::{AlertId, EventId, Severity};

use crate::account::{Caller, Permission};
use crate::alert::{AlertFilter, AlertGroup, AlertState, Verdict};
use crate::centre::{Centre, page};
use crate::error::Error;
use crate::live::Live;
use crate::view::{AlertDetail, AlertPage, PlaybookView, Record, RuleView};

/// Records shown around an alert.
const AROUND_ROWS: usize = 60;
/// How far around an alert one looks.
const AROUND: Duration = Duration::from_secs(300);
/// Past verdicts shown beside an alert.
const PAST_ROWS: usize = 8;

impl Centre {
    /// A page of alert groups, with counts over the whole filter.
    pub fn alerts(
        &self,
        caller: &Caller,
        filter: &AlertFilter,
        skip: usize,
        rows: usize,
    ) -> Result<AlertPage, Error> {
        caller.need(Permission::AlertsRead)?;
        let all = self.pipeline.alerts.list(filter, caller.scope());
        let mut veil = self.veil(caller);
        let count = |test: &dyn Fn(&AlertGroup) -> bool| all.iter().filter(|g| test(g)).count();
        let states = [AlertState::New, AlertState::Acknowledged, AlertState::Closed];
        Ok(AlertPage {
            total: all.len(),
            by_state: states.map(|s| (s, count(&|g| g.state == s))).to_vec(),
            by_level: Severity::ALL.map(|l| (l, count(&|g| g.level == l))).to_vec(),
            rows: all.into_iter().skip(skip).take(page(rows)).map(|g| veil.seen(g)).collect(),
        })
    }

    /// Every group of a filter.
    pub fn all_alerts(
        &self,
        caller: &Caller,
        filter: &AlertFilter,
    ) -> Result<Vec<AlertGroup>, Error> {
        caller.need(Permission::AlertsRead)?;
        let mut veil = self.veil(caller);
        let all = self.pipeline.alerts.list(filter, caller.scope());
        Ok(all.into_iter().map(|group| veil.seen(group)).collect())
    }

    /// Everything about one alert group.
    pub fn alert(&self, caller: &Caller, id: AlertId) -> Result<AlertDetail, Error> {
        caller.need(Permission::AlertsRead)?;
        let group = self.pipeline.alerts.get(id).filter(|g| caller.scope().holds(g.site));
        let group = group.ok_or(Error::NotFound { what: "alert" })?;
        let records = self.records_of(&group, caller)?;
        let around = self.records_around(&group, caller)?;
        let past = self.pipeline.alerts.past_verdicts(&group.rule_id, caller.scope(), PAST_ROWS);
        let mut veil = self.veil(caller);
        let group = veil.seen(group);
        Ok(AlertDetail {
            site_name: self.directory.site_name(group.site),
            rule: self.rule_view(&group.rule_id),
            past: past.into_iter().map(|group| veil.seen(group)).collect(),
            playbook: group.playbook.as_deref().and_then(playbook_view),
            records,
            around,
            group,
        })
    }

    /// Takes an alert group.
    pub fn acknowledge(&self, caller: &Caller, id: AlertId) -> Result<AlertGroup, Error> {
        self.act(caller, id, "alert.acknowledge", |group, by, at| Ok(group.acknowledge(by, at)?))
    }

    /// Gives an alert group to an account.
    pub fn assign(&self, caller: &Caller, id: AlertId, to: &str) -> Result<AlertGroup, Error> {
        let known = self
            .accounts
            .list()?
            .into_iter()
            .any(|a| a.name == to && a.enabled && a.role.may(Permission::AlertsWrite));
        if !known {
            return Err(Error::BadValue { field: "owner" });
        }
        self.act(caller, id, "alert.assign", |group, by, at| Ok(group.assign(by, to, at)?))
    }

    /// Closes an alert group with a verdict and a reason.
    pub fn close(
        &self,
        caller: &Caller,
        id: AlertId,
        verdict: Verdict,
        reason: &str,
    ) -> Result<AlertGroup, Error> {
        self.act(caller, id, "alert.close", |group, by, at| {
            Ok(group.close(by, verdict, reason, at)?)
        })
    }

    fn act(
        &self,
        caller: &Caller,
        id: AlertId,
        action: &str,
        act: impl FnOnce(&mut AlertGroup, &str, events::Timestamp) -> Result<(), Error>,
    ) -> Result<AlertGroup, Error> {
        caller.need(Permission::AlertsWrite)?;
        let now = self.now();
        let done = self
            .pipeline
            .alerts
            .change(id, caller.scope(), |group| act(group, &caller.account, now));
        self.audit_log.record(Some(caller), action, &id.to_string(), done.is_ok(), now)?;
        let (group, ()) = done?;
        self.journal_group(&group);
        if let Some(drill) = self.drills.acted_on(&group)? {
            let _ = self.pipeline.live.send(Live::Drill(drill));
        }
        let _ = self.pipeline.live.send(Live::Alert(Box::new(group.clone())));
        Ok(self.veil(caller).seen(group))
    }

    /// The latest of the records behind a group, in one search.
    fn records_of(&self, group: &AlertGroup, caller: &Caller) -> Result<Vec<Record>, Error> {
        let ids: Vec<EventId> = group.events.iter().rev().take(AROUND_ROWS).copied().collect();
        self.records_by_id(&ids, caller, &mut self.veil(caller))
    }

    /// Five minutes before and after, same school, any of the same entities.
    fn records_around(&self, group: &AlertGroup, caller: &Caller) -> Result<Vec<Record>, Error> {
        let terms: Vec<String> = group
            .entities
            .iter()
            .take(4)
            .map(|e| format!("\"{}\"", e.key.replace(['"', '\\'], "?")))
            .collect();
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let form = crate::view::SearchForm {
            query: format!("({})", terms.join(" OR ")),
            from: Some(group.first.minus(AROUND)),
            to: Some(group.last.plus(AROUND)),
            limit: AROUND_ROWS,
            exercises: group.exercise.is_some(),
            ..crate::view::SearchForm::default()
        };
        let site = group.site;
        let found = self.search_in(&form, crate::account::Scope::Site(site), caller)?;
        Ok(found.records)
    }

    fn rule_view(&self, id: &str) -> Option<RuleView> {
        let set = self.pipeline.rule_set();
        let rule = set.get(id)?;
        Some(RuleView {
            id: rule.id.clone(),
            title: rule.title.clone(),
            description: rule.description.clone(),
            advice: rule.advice.clone(),
            false_positives: rule.false_positives.clone(),
            attack: rule.attack.clone(),
            source: self.rule_source(&rule.file),
            place: format!("{}:{}", rule.file, rule.line),
        })
    }

    fn rule_source(&self, file: &str) -> String {
        let sources = self.pipeline.rules.in_force().sources;
        sources.iter().find(|s| s.name == file).map(|s| s.text.clone()).unwrap_or_default()
    }

    /// A copy of the group in the journal, so that a lost state can be rebuilt.
    fn journal_group(&self, group: &AlertGroup) {
        let event = crate::rebuild::record_of(group, self.now());
        if let Err(error) = self.pipeline.journal.append(vec![event]) {
            tracing::warn!(%error, "an alert's change did not reach the journal");
        }
    }
}

/// A shipped playbook as the alert page shows it.
fn playbook_view(slug: &str) -> Option<PlaybookView> {
    let (_, text) = playbooks::library().into_iter().find(|(name, _)| name == slug)?;
    let playbook = playbooks::parse(slug, &text).ok()?;
    let actions = playbook.in_order().into_iter().filter(|s| s.kind.word() == "action");
    Some(PlaybookView {
        slug: slug.to_owned(),
        steps: actions.map(|s| (s.name.clone(), s.description.clone())).collect(),
        name: playbook.name.clone(),
        description: playbook.description.clone(),
    })
}
