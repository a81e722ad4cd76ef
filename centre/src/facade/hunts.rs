//! Saved hunts: everybody who may search sees and runs them; whose they are, or who keeps the
//! rules, changes them. Personal data in another person's hunt is masked as in log records: what is
//! shown masked is neither run nor drafted as a rule, for it would find nothing.

use events::Timestamp;
use store::search::Query;

use crate::account::{Caller, Permission};
use crate::centre::Centre;
use crate::error::Error;
use crate::hunt::{self, HUNTS_MAX, Hunt, Often};
use crate::sight::Veil;

impl Centre {
    /// All saved hunts, by name, as the caller may see them: one's own as they are.
    pub fn hunts(&self, caller: &Caller) -> Result<Vec<Hunt>, Error> {
        caller.need(Permission::Search)?;
        let mut veil = self.veil(caller);
        Ok(self.hunts.list()?.into_iter().map(|hunt| seen(&mut veil, caller, hunt)).collect())
    }

    /// One saved hunt as the caller may see it, by its name or by the name that the caller is shown.
    pub fn hunt(&self, caller: &Caller, name: &str) -> Result<Hunt, Error> {
        let found = self.hunt_named(caller, name)?;
        Ok(seen(&mut self.veil(caller), caller, found))
    }

    /// The hunt itself.
    fn hunt_named(&self, caller: &Caller, name: &str) -> Result<Hunt, Error> {
        caller.need(Permission::Search)?;
        if let Some(hunt) = self.hunts.get(name)? {
            return Ok(hunt);
        }
        let mut veil = self.veil(caller);
        let shown = |hunt: &Hunt| seen(&mut veil, caller, hunt.clone()).name == name;
        let mut all = self.hunts.list()?;
        let place = all.iter().position(shown).ok_or(Error::NotFound { what: "hunt" })?;
        Ok(all.swap_remove(place))
    }

    /// Saves a query under a name, or another query under a name that is the caller's.
    pub fn save_hunt(&self, caller: &Caller, name: &str, query: &str) -> Result<Hunt, Error> {
        caller.need(Permission::Search)?;
        let name = hunt::name_of(name).ok_or(Error::BadValue { field: "name" })?;
        Query::parse(query)?;
        let now = self.now();
        let _one = self.hunts.change();
        let before = self.hunts.get(&name)?;
        let done = match &before {
            Some(old) => may_change(caller, old),
            None if self.hunts.list()?.len() >= HUNTS_MAX => Err(Error::BadValue { field: "name" }),
            None => Ok(()),
        };
        self.audit_log.record(Some(caller), "hunt.save", &name, done.is_ok(), now)?;
        done?;
        let hunt = saved(before, &name, query, &caller.account, now);
        self.hunts.put(&hunt)?;
        Ok(hunt)
    }

    /// Removes a hunt.
    pub fn remove_hunt(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        caller.need(Permission::Search)?;
        let _one = self.hunts.change();
        let old = self.hunt_named(caller, name)?;
        let done = may_change(caller, &old);
        self.audit_log.record(Some(caller), "hunt.remove", &old.name, done.is_ok(), self.now())?;
        done?;
        self.hunts.remove(&old.name)
    }

    /// Drafts a Sigma rule that fires on what a hunt finds. Nothing changes: the draft is a text
    /// that somebody who keeps the rules puts into their folder.
    pub fn promote_hunt(
        &self,
        caller: &Caller,
        name: &str,
        often: Option<&Often>,
    ) -> Result<String, Error> {
        let hunt = self.hunt(caller, name)?;
        if hunt.is_masked() {
            return Err(Error::NotFound { what: "hunt" });
        }
        let query = Query::parse(&hunt.query)?;
        Ok(hunt::promote::draft(&hunt, &query, often)?)
    }
}

/// The hunt as the caller may see it.
fn seen(veil: &mut Veil<'_>, caller: &Caller, mut hunt: Hunt) -> Hunt {
    if caller.account != hunt.owner {
        veil.hide("", &mut hunt.name);
        veil.hide("", &mut hunt.query);
    }
    hunt
}

/// Whose it is may change a hunt, and who keeps the rules.
fn may_change(caller: &Caller, hunt: &Hunt) -> Result<(), Error> {
    if caller.account == hunt.owner { Ok(()) } else { caller.need(Permission::RulesWrite) }
}

/// A hunt that was saved before keeps its owner and its first day.
fn saved(before: Option<Hunt>, name: &str, query: &str, by: &str, now: Timestamp) -> Hunt {
    let (owner, created) = before.map_or_else(|| (by.to_owned(), now), |h| (h.owner, h.created));
    Hunt { name: name.to_owned(), query: query.to_owned(), owner, created, changed: now }
}
