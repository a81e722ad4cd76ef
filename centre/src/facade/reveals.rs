//! Reveal requests: ask, read, approve, refuse, use. Who asks sees their own; who may approve sees all.

use compliance::records::protect::Grant;
use events::{EventId, RevealId, Timestamp};

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::error::Error;
use crate::limits;
use crate::reveal::request::hours;
use crate::reveal::{BadReveal, Decision, Graded, RevealRequest, RevealScope, RevealState};
use crate::view::{Record, RevealDetail};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct RevealForm {
    /// What is to be opened.
    pub scope: RevealScope,
    /// Why.
    pub purpose: String,
    /// Cells to open at most; the policy's if it does not say.
    pub cells_max: Option<u64>,
}

impl Centre {
    /// Asks for data to be revealed. What the policy lets pass without a second person is approved
    /// at once, and says so.
    pub fn ask_reveal(&self, caller: &Caller, form: RevealForm) -> Result<RevealRequest, Error> {
        caller.need(Permission::RevealAsk)?;
        let purpose = line(&form.purpose).ok_or(Error::BadValue { field: "purpose" })?;
        let scope = checked(form.scope)?;
        let rule = &self.reveals.policy.approval;
        let cells_max = form.cells_max.unwrap_or(rule.cells_max);
        if !(1..=rule.cells_max).contains(&cells_max) {
            return Err(Error::BadValue { field: "cells" });
        }
        let graded = self.graded(caller, &scope)?;
        let needs = graded.iter().any(|g| self.reveals.policy.needs_approval(g.as_ref()));
        let known: Option<Vec<u8>> = graded.iter().map(|g| g.as_ref().map(|g| g.grade)).collect();
        let now = self.now();
        let mut request = RevealRequest {
            id: RevealId::at(now, self.world.unique()),
            scope,
            purpose,
            by: caller.account.clone(),
            created: now,
            expires: now.plus(hours(rule.waits_hours)),
            cells_max,
            grade: known.and_then(|grades| grades.into_iter().max()),
            needs_approval: needs,
            state: RevealState::Requested,
            decision: None,
            used: None,
            opened: None,
        };
        let _one = self.reveals.change();
        let open = self.swept(now)?;
        let own = |r: &&RevealRequest| r.by == caller.account && is_open(r.state);
        let done = if open.iter().filter(own).count() >= limits::REVEALS_OPEN_MAX {
            Err(Error::Reveal(BadReveal::TooMany))
        } else {
            Ok(())
        };
        if !needs && done.is_ok() {
            let (role, note) = ("policy".to_owned(), String::new());
            let decision = Decision { by: None, role, at: now, note };
            request.decide(true, decision, &self.reveals.policy)?;
        }
        // Whose number stands in the purpose has no place in the log.
        let mut veil = self.sight.veil_of(0, caller.lang, &self.reveals.taxonomy, now);
        let purpose = veil.text("", &request.purpose);
        let state = request.state.as_str();
        let told = format!("{} state={state} purpose={purpose}", request.told());
        self.audit_log.record(Some(caller), "reveal.request", &told, done.is_ok(), now)?;
        done?;
        self.reveals.put(&request)?;
        Ok(request)
    }

    /// The requests, newest first: all for who may approve, else the caller's own.
    pub fn reveals(&self, caller: &Caller) -> Result<Vec<RevealRequest>, Error> {
        caller.need(Permission::RevealRead)?;
        {
            let _one = self.reveals.change();
            self.swept(self.now())?;
        }
        let mut all = self.reveals.latest()?;
        all.retain(|r| sees(caller, r));
        Ok(all)
    }

    /// One request, and what the caller may do with it.
    pub fn reveal(&self, caller: &Caller, id: RevealId) -> Result<RevealDetail, Error> {
        caller.need(Permission::RevealRead)?;
        let request = {
            let _one = self.reveals.change();
            self.swept(self.now())?;
            self.reveals.get(id)?
        };
        if !sees(caller, &request) {
            return Err(Error::NotFound { what: "reveal request" });
        }
        let (own, approved) =
            (request.by == caller.account, request.state == RevealState::Approved);
        let dataset = matches!(request.scope, RevealScope::Dataset { .. });
        let records = match &request.scope {
            RevealScope::Records { ids } => {
                self.records_by_id(ids, caller, &mut self.veil(caller))?
            }
            RevealScope::Dataset { .. } => Vec::new(),
        };
        Ok(RevealDetail {
            records,
            may_decide: request.state == RevealState::Requested
                && !own
                && caller.role.may(Permission::RevealApprove),
            may_open: own && approved && !dataset,
            ticket: (own && approved && dataset).then(|| self.reveals.ticket(id)),
            request,
        })
    }

    /// Approves or refuses a request of another person; refusing takes a reason.
    pub fn decide_reveal(
        &self,
        caller: &Caller,
        id: RevealId,
        yes: bool,
        note: &str,
    ) -> Result<RevealRequest, Error> {
        caller.need(Permission::RevealApprove)?;
        if !yes && line(note).is_none() {
            return Err(Error::BadValue { field: "note" });
        }
        let now = self.now();
        let decision = Decision {
            by: Some(caller.account.clone()),
            role: caller.role.as_str().to_owned(),
            at: now,
            note: line(note).unwrap_or_default(),
        };
        let _one = self.reveals.change();
        self.swept(now)?;
        let mut request = self.reveals.get(id)?;
        let done = request.decide(yes, decision, &self.reveals.policy);
        let action = if yes { "reveal.approve" } else { "reveal.refuse" };
        self.audit_log.record(Some(caller), action, &request.told(), done.is_ok(), now)?;
        done?;
        self.reveals.put(&request)?;
        Ok(request)
    }

    /// Shows the log records of an approved request in the clear, once, to who asked.
    pub fn open_reveal(&self, caller: &Caller, id: RevealId) -> Result<Vec<Record>, Error> {
        caller.need(Permission::RevealAsk)?;
        let _one = self.reveals.change();
        let now = self.now();
        self.swept(now)?;
        let mut request = self.reveals.get(id)?;
        if request.by != caller.account {
            return Err(Error::NotFound { what: "reveal request" });
        }
        let RevealScope::Records { ids } = &request.scope else {
            return Err(Error::Reveal(BadReveal::Ticket));
        };
        // Read before the approval is used up: a search that fails costs nobody theirs.
        let mut open = self.sight.veil_of(u8::MAX, caller.lang, &self.reveals.taxonomy, now);
        let mut records = self.records_by_id(ids, caller, &mut open)?;
        records.truncate(usize::try_from(request.cells_max).unwrap_or(usize::MAX));
        let done = request.take(now);
        request.opened = done.is_ok().then_some(records.len() as u64);
        let told = format!("{} opened={}", request.told(), request.opened.unwrap_or(0));
        self.audit_log.record(Some(caller), "reveal.use", &told, done.is_ok(), now)?;
        done?;
        self.reveals.put(&request)?;
        Ok(records)
    }

    /// Uses an approval of columns up, for the command line that holds the keys. `caller` is whoever
    /// is at the node's own command line; the ticket says who asked.
    pub fn take_reveal(
        &self,
        caller: &Caller,
        ticket: &str,
        dataset: &str,
    ) -> Result<(RevealRequest, Grant), Error> {
        let now = self.now();
        let found = self.reveals.by_ticket(ticket.trim());
        let _one = self.reveals.change();
        self.swept(now)?;
        let found = found.and_then(|id| self.reveals.get(id));
        let mut request = match found {
            Ok(request) => request,
            Err(error) => {
                // Somebody tries tickets: that is worth an entry too.
                self.audit_log.record(Some(caller), "reveal.use", dataset, false, now)?;
                return Err(error);
            }
        };
        let done = match &request.scope {
            RevealScope::Dataset { dataset: own, columns, rows } if own == dataset => {
                let grant = Grant {
                    node: self.reveals.node.clone(),
                    dataset: own.clone(),
                    columns: columns.clone(),
                    rows: rows.clone(),
                    cells_max: request.cells_max,
                };
                request.take(now).map(|()| grant)
            }
            _ => Err(BadReveal::Ticket),
        };
        self.audit_log.record(Some(caller), "reveal.use", &request.told(), done.is_ok(), now)?;
        let grant = done?;
        self.reveals.put(&request)?;
        Ok((request, grant))
    }

    /// Notes how much was opened by an approval that was used.
    pub fn note_revealed(
        &self,
        caller: &Caller,
        id: RevealId,
        opened: Option<u64>,
    ) -> Result<(), Error> {
        let _one = self.reveals.change();
        let mut request = self.reveals.get(id)?;
        if request.state != RevealState::Used || request.opened.is_some() {
            return Err(Error::Reveal(BadReveal::NotApproved(request.state)));
        }
        let told = match opened {
            Some(n) => format!("{} opened={n}", request.told()),
            None => request.told(),
        };
        let now = self.now();
        self.audit_log.record(Some(caller), "reveal.done", &told, opened.is_some(), now)?;
        request.opened = Some(opened.unwrap_or(0));
        self.reveals.put(&request)
    }

    /// What key stores that this node guards call it.
    pub fn guard_name(&self) -> &str {
        &self.reveals.node
    }

    /// Notes that a key store was put under this node's guard, or taken from under it.
    pub fn note_guard(&self, caller: &Caller, store: &str, on: bool) -> Result<(), Error> {
        let action = if on { "reveal.guard" } else { "reveal.unguard" };
        self.audit_log.record(Some(caller), action, store, true, self.now())
    }

    /// The requests that are not long over, with those expired whose time has passed. Only while
    /// [`crate::reveal::RevealBook::change`] is held.
    fn swept(&self, now: Timestamp) -> Result<Vec<RevealRequest>, Error> {
        let mut recent = self.reveals.recent(now)?;
        for request in &mut recent {
            if request.expire(now) {
                self.audit_log.record(None, "reveal.expire", &request.told(), true, now)?;
                self.reveals.put(request)?;
            }
        }
        Ok(recent)
    }

    /// What is known of each thing to be opened: by the column's name, and by what inventories of
    /// that dataset found. Of the two the graver counts.
    fn graded(&self, caller: &Caller, scope: &RevealScope) -> Result<Vec<Option<Graded>>, Error> {
        let (dataset, columns) = match scope {
            RevealScope::Dataset { dataset, columns, .. } => (dataset, columns),
            RevealScope::Records { ids } => return self.graded_records(caller, ids),
        };
        if columns.is_empty() {
            return Ok(vec![None]);
        }
        let inventories = self.inventories.last(limits::REVEALS_SHOWN)?;
        let of = |column: &String| {
            let named = self.reveals.taxonomy.named(column).map(Graded::of);
            let found = inventories
                .iter()
                .filter(|(_, e)| e.source == *dataset || e.inventory.dataset == *dataset)
                .flat_map(|(_, e)| &e.inventory.columns)
                .filter(|c| c.column == *column && c.element.is_some())
                .map(|c| Graded {
                    element: c.element.clone(),
                    grade: c.grade,
                    sensitive: c.sensitive_pi,
                });
            found.chain(named).max_by_key(|g| (g.grade, g.sensitive))
        };
        Ok(columns.iter().map(of).collect())
    }
}

impl Centre {
    /// What stands in log records that the caller may read.
    fn graded_records(
        &self,
        caller: &Caller,
        ids: &[EventId],
    ) -> Result<Vec<Option<Graded>>, Error> {
        caller.need(Permission::Search)?;
        let taxonomy = &self.reveals.taxonomy;
        let sight = |grade: u8| self.sight.veil_of(grade, caller.lang, taxonomy, self.now());
        let records = self.records_by_id(ids, caller, &mut sight(u8::MAX))?;
        if records.len() < ids.len() {
            return Err(Error::NotFound { what: "record" });
        }
        let mut all = sight(0);
        let kinds = records.iter().flat_map(|record| all.kinds(record));
        Ok(kinds.map(|kind| taxonomy.of_kind(kind).map(Graded::of)).collect())
    }
}

const fn is_open(state: RevealState) -> bool {
    matches!(state, RevealState::Requested | RevealState::Approved)
}

fn sees(caller: &Caller, request: &RevealRequest) -> bool {
    request.by == caller.account || caller.role.may(Permission::RevealApprove)
}

/// A text of one line within bounds.
fn line(text: &str) -> Option<String> {
    let text = text.trim();
    let right = !text.is_empty()
        && text.chars().count() <= limits::NOTE_CHARS_MAX
        && !text.chars().any(char::is_control);
    right.then(|| text.to_owned())
}

/// A scope within bounds, without what stands in it twice.
fn checked(scope: RevealScope) -> Result<RevealScope, Error> {
    let bad = |field| Error::BadValue { field };
    let names = |all: Vec<String>, most: usize, field: &'static str| {
        let mut out: Vec<String> = Vec::new();
        for name in all {
            let name = line(&name).ok_or(bad(field))?;
            if !out.contains(&name) {
                out.push(name);
            }
        }
        if out.len() > most { Err(bad(field)) } else { Ok(out) }
    };
    Ok(match scope {
        RevealScope::Dataset { dataset, columns, rows } => RevealScope::Dataset {
            dataset: line(&dataset).ok_or(bad("dataset"))?,
            columns: names(columns, limits::REVEAL_COLUMNS_MAX, "columns")?,
            rows: names(rows, limits::REVEAL_ROWS_MAX, "rows")?,
        },
        RevealScope::Records { mut ids } => {
            ids.sort_unstable();
            ids.dedup();
            if ids.is_empty() || ids.len() > limits::REVEAL_RECORDS_MAX {
                return Err(bad("records"));
            }
            RevealScope::Records { ids }
        }
    })
}
